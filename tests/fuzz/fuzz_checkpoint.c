/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer: the text of a checkpoint. What is taken is written as it was read, and its nonce is that of the same lines. */
#include <imad/checkpoint.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(checkpoint_done) struct checkpoint c = { .records = 0 };
	cleanup(buf_done) struct buf out = { 0 }, again = { 0 };
	struct checkpoint second = { .records = 0 };
	struct parse_error e = { 0 };
	int r = checkpoint_parse((const char *)data, size, &c, &e);

	if (r < 0) {
		must(r == -EBADMSG && e.why && memchr(e.token, '\0', sizeof(e.token)));
		return 0;
	}
	/* Hex may be of either case, so the text is compared once it went through. */
	must(checkpoint_format(&c, &out) == 0);
	must(checkpoint_parse((char *)out.data, out.len, &second, &e) == 0);
	must(checkpoint_format(&second, &again) == 0);
	must(out.len == size && again.len == out.len && memcmp(again.data, out.data, out.len) == 0);
	c.nonce = second.nonce;
	must(checkpoint_seal(&second) == 0 && memcmp(second.nonce.bytes, c.nonce.bytes, c.nonce.size) == 0);
	checkpoint_done(&second);
	return 0;
}
