/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fuzzers share. */
#ifndef IMAD_FUZZ_H
#define IMAD_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include <imad/buf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

static inline bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

#endif
