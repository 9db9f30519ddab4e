/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a file of approvals. What is read is written and read again, the same. */
#include <imad/pcrsig.h>

#include "fuzz.h"

static void file(const char *text, size_t n)
{
	cleanup(pcrsigs_done) struct pcrsigs s = { 0 }, again = { 0 };
	cleanup(buf_done) struct buf out = { 0 }, twice = { 0 };
	struct parse_error e = { 0 };

	if (pcrsig_parse(text, n, &s, &e) < 0) {
		must(e.why != NULL && !s.v && !s.n);
		return;
	}
	for (size_t i = 0; i < s.n; i++)
		must(s.v[i].pcrs && !(s.v[i].pcrs >> TPMBLOB_PCRS_MAX) && s.v[i].len && algo_by_id(s.v[i].bank)->tpm);
	must(pcrsig_format(&s, &out) == 0 && pcrsig_parse((char *)out.data, out.len, &again, &e) == 0);
	must(again.n == s.n && pcrsig_format(&again, &twice) == 0 && same(&out, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *exact = malloc(size + !size);

	must(exact != NULL);
	memcpy(exact, data, size);
	file(exact, size);
	return 0;
}
