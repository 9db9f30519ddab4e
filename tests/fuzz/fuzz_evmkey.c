/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as the file of an EVM key. What is read is written and read again, the same. The object in it: fuzz_tpmkey.c. */
#include <imad/evmkey.h>

#include "fuzz.h"

static void file(const char *text, size_t n)
{
	cleanup(buf_done) struct buf out = { 0 }, twice = { 0 };
	cleanup(evmkey_done) struct evmkey k = { 0 }, again = { 0 };
	struct parse_error e = { 0 };

	if (evmkey_parse(text, n, &k, &e) < 0) {
		must(e.why != NULL && !k.blob.public.data);
		return;
	}
	must(evmkey_changed_pcr(&k, k.pcrs) == -1);
	must(evmkey_format(&k, &out) == 0 && evmkey_parse((char *)out.data, out.len, &again, &e) == 0);
	must(evmkey_format(&again, &twice) == 0 && same(&out, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *exact = malloc(size + !size);

	must(exact != NULL);
	memcpy(exact, data, size);
	file(exact, size);
	return 0;
}
