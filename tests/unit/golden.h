/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Known answers under tests/data for the tests of the format rooms. Tests run in the top folder. */
#ifndef IMAD_TEST_GOLDEN_H
#define IMAD_TEST_GOLDEN_H

#include <stdio.h>

#include <imad/algo.h>
#include <imad/buf.h>
#include <imad/util.h>

#include "test.h"

#define cleanup_buf cleanup(buf_done)

/* The whole of tests/data/<the name that @fmt makes>. */
static inline __attribute__((format(printf, 2, 3))) void golden_read(struct buf *ret, const char *fmt, ...)
{
	char path[256] = "tests/data/";
	uint8_t part[4096];
	va_list ap;
	size_t n;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	if (!f)
		fail_msg("cannot open '%s' (tests run in the top folder)", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(ret, part, n);
	fclose(f);
	assert_ok(buf_error(ret));
	assert_true(ret->len > 0);
}

/* PCR @pcr from tests/data/@list.pcrs.<bank>, lines of "PCR-NN: HEX". */
static inline void golden_pcr(const char *list, const struct algo *bank, unsigned int pcr, struct digest *ret)
{
	cleanup_buf struct buf text = { 0 };
	char wanted[16];
	const char *line;

	golden_read(&text, "%s.pcrs.%s", list, bank->name);
	buf_add_u8(&text, 0);
	snprintf(wanted, sizeof(wanted), "PCR-%02u: ", pcr);
	line = strstr((char *)text.data, wanted);
	assert_non_null(line);
	*ret = (struct digest){ .algo = bank->id, .size = bank->size };
	assert_ok(hex_decode(line + strlen(wanted), 2u * bank->size, ret->bytes, bank->size));
}

/* Whether the digest is that hex text. */
static inline void assert_digest(const struct digest *d, const char *hex)
{
	uint8_t bytes[DIGEST_MAX];

	assert_ok(hex_decode(hex, strlen(hex), bytes, d->size));
	assert_memory_equal(d->bytes, bytes, d->size);
}

#endif
