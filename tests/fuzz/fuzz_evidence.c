/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer: evidence and what is in it. The first byte chooses: the JSON envelope, a bare TPMS_ATTEST, a TPMT_SIGNATURE,
 * a TPM2B_PUBLIC, a verifier's state, reference values. What parses must come back the same when it is written.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <imad/quote.h>
#include <imad/reference.h>
#include <imad/tpmkey.h>
#include <imad/verifier.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key; /* any; no signature that is found by chance is its */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("TSS2_LOG", "all+none", 1);
	key = EVP_EC_gen("P-256");
	return key ? 0 : -1;
}

static void check(int ok)
{
	if (!ok)
		abort();
}

static void quote(const uint8_t *p, size_t n)
{
	struct pcr_value v = { .pcr = 10, .n = 1, .bank[0] = { .algo = ALGO_SHA256, .size = 32 } };
	const char *why = NULL;
	struct digest d;
	struct quote q;

	if (quote_parse(p, n, &q, &why) < 0) {
		check(why != NULL);
		return;
	}
	check(n >= 6 && !memcmp(p, "\xff\x54\x43\x47\x80\x18", 6) && q.n_banks <= PCR_BANKS_MAX && q.nonce_len <= QUOTE_NONCE_MAX);
	(void)quote_pcr_digest(&q, algo_by_id(ALGO_SHA256), &v, 1, &d);
}

static void signature(const uint8_t *p, size_t n)
{
	const struct algo *hash = NULL;
	const char *why = NULL;

	check(quote_verify(key, (const uint8_t *)"quote", 5, p, n, &hash, &why) < 0 && !hash);
}

static void public(const uint8_t *p, size_t n)
{
	uint8_t name[TPMKEY_NAME_MAX];
	EVP_PKEY *parsed = NULL;
	const char *why = NULL;

	if (tpmkey_parse(p, n, &parsed, &why) == 0)
		check(tpmkey_name(p, n, name) != 0);
	(void)tpmkey_check_ak(p, n, &why);
	EVP_PKEY_free(parsed);
}

static void envelope(const char *text, size_t n)
{
	struct evidence e = { 0 }, again = { 0 };
	struct buf out = { 0 };
	struct parse_error error;

	if (evidence_parse(text, n, &e, &error) < 0) {
		check(error.why != NULL);
		return;
	}
	quote(e.attest.data, e.attest.len);
	signature(e.signature.data, e.signature.len);
	public(e.ak.data, e.ak.len);
	check(evidence_format(&e, &out) == 0 && evidence_parse((char *)out.data, out.len, &again, &error) == 0);
	check(again.checkpoint.len == e.checkpoint.len && again.list.len == e.list.len && again.from == e.from && again.total == e.total && again.n_pcrs == e.n_pcrs &&
	      (e.list.len == 0 || !memcmp(again.list.data, e.list.data, e.list.len)));
	evidence_done(&e);
	evidence_done(&again);
	buf_done(&out);
}

static void state(const char *text, size_t n)
{
	struct verifier_state s, again;
	struct parse_error error;
	struct buf out = { 0 };

	if (verifier_state_parse(text, n, &s, &error) < 0)
		return;
	/* What stands in the two free texts is not escaped: a state is written only of checked ones. */
	if (!strpbrk(s.ak, "\"\\\n\t\r\b\f") && !strpbrk(s.boot_id, "\"\\\n\t\r\b\f"))
		check(verifier_state_format(&s, &out) == 0 && verifier_state_parse((char *)out.data, out.len, &again, &error) == 0 &&
		      again.n_pcrs == s.n_pcrs && again.records == s.records);
	buf_done(&out);
}

static void reference(const char *text, size_t n)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };
	struct reference *r = NULL;
	struct parse_error e = { 0 };

	check(reference_new(&r) == 0);
	if (reference_add(r, text, n, &e) == 0)
		check(reference_count(r) > 0);
	else
		check(reference_count(r) == 0);
	(void)reference_find(r, REFERENCE_FILE, "/bin/sh", 7, &d);
	reference_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *p = data + 1;
	size_t n = size - 1;

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'q':
		quote(p, n);
		break;
	case 's':
		signature(p, n);
		break;
	case 'p':
		public(p, n);
		break;
	case 'S':
		state((const char *)p, n);
		break;
	case 'r':
		if (n <= 600) /* longer expressions only show how much memory glibc's regcomp() takes */
			reference((const char *)p, n);
		break;
	default:
		envelope((const char *)data, size);
	}
	return 0;
}
