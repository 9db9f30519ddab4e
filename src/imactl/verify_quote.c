/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the quote genuine, of this key, of now, of what was wanted, and in its place behind the state? */
#include <openssl/evp.h>
#include <string.h>

#include <imad/digest.h>
#include <imad/tpmkey.h>

#include "verify_evidence.h"

/* A bit each of PCR 0-23 that whoever has the TPM can reset (PC Client PTP): they prove nothing. */
#define RESETTABLE (1u << 16 | 1u << 23)

static void check_key(struct appraisal *a)
{
	EVP_PKEY *key = NULL;
	const char *why;

	if (tpmkey_parse(a->e.ak.data, a->e.ak.len, &key, &why) < 0) {
		refuse(a, "ak: %s", why);
		return;
	}
	if (EVP_PKEY_eq(key, a->key) != 1)
		refuse(a, "the evidence is of another key than '%s'", a->ak);
	else if (tpmkey_check_ak(a->e.ak.data, a->e.ak.len, &why) < 0)
		refuse(a, "ak: %s", why);
	EVP_PKEY_free(key);
}

static void check_nonce(struct appraisal *a)
{
	if (a->q.nonce_len != a->nonce.len || memcmp(a->q.nonce, a->nonce.data, a->nonce.len) != 0)
		refuse(a, "the quote answers another nonce: it was not made for this question");
	else if (a->e.nonce.len != a->nonce.len || memcmp(a->e.nonce.data, a->nonce.data, a->nonce.len) != 0)
		refuse(a, "nonce: not the one of the quote");
}

static uint32_t evidence_pcrs(const struct appraisal *a, uint8_t algo)
{
	uint32_t pcrs = 0;

	for (unsigned int i = 0; i < a->e.n_pcrs; i++)
		for (unsigned int b = 0; b < a->e.pcrs[i].n; b++)
			if (a->e.pcrs[i].bank[b].algo == algo)
				pcrs |= 1u << a->e.pcrs[i].pcr;
	return pcrs;
}

static void check_selection(struct appraisal *a)
{
	uint32_t banks = 0, values = 0;

	for (unsigned int i = 0; i < a->q.n_banks; i++) {
		const char *bank = algo_by_id(a->q.bank[i].algo)->name;

		banks |= 1u << a->q.bank[i].algo;
		if (a->q.bank[i].pcrs != a->pcrs)
			refuse(a, "the quote is of PCRs 0x%06x in bank %s, wanted are 0x%06x", a->q.bank[i].pcrs, bank, a->pcrs);
		if (evidence_pcrs(a, a->q.bank[i].algo) != a->q.bank[i].pcrs)
			refuse(a, "pcrs: values in bank %s are not those that were quoted", bank);
	}
	for (unsigned int i = 0; i < a->e.n_pcrs; i++)
		for (unsigned int b = 0; b < a->e.pcrs[i].n; b++)
			values |= 1u << a->e.pcrs[i].bank[b].algo;
	if (values & ~banks)
		refuse(a, "pcrs: values in a bank that was not quoted");
	if (a->banks ? banks != a->banks : !(banks & (1u << ALGO_SHA256 | 1u << ALGO_SHA384 | 1u << ALGO_SHA512)))
		refuse(a, a->banks ? "the quote is of other banks than those wanted" :
				     "the quote is of no bank with SHA-256 or better");
	if (a->pcrs & RESETTABLE)
		note(a, "PCR 16 or 23 is wanted: whoever uses the TPM can reset it, so it proves nothing");
}

static void check_digest(struct appraisal *a, const struct algo *hash)
{
	struct digest d;

	/* Without the values that were selected there is nothing to compare, and that was told. */
	if (quote_pcr_digest(&a->q, hash, a->e.pcrs, a->e.n_pcrs, &d) < 0)
		return;
	if (d.size != a->q.digest_len || memcmp(d.bytes, a->q.digest, d.size) != 0)
		refuse(a, "pcrs: the values are not those that were quoted");
}

static void check_order(struct appraisal *a)
{
	char why[256];

	if (a->have_state && strcmp(a->state.ak, a->key_hex) != 0) {
		refuse(a, "the state '%s' is of another key", a->state_path);
		return;
	}
	if (verifier_order(a->have_state ? &a->state : NULL, &a->e, &a->q, &a->order, why, sizeof(why)) < 0) {
		refuse(a, "%s", why);
		return;
	}
	if (!a->have_state)
		return;
	if (a->q.reset_count != a->state.reset_count)
		note(a, "the TPM was reset %u times since: a new boot%s", a->q.reset_count - a->state.reset_count,
		     strcmp(a->e.boot_id, a->state.boot_id) == 0 ? ", though the boot id is the same" : "");
	else if (a->q.restart_count != a->state.restart_count)
		note(a, "the host was suspended %u times since", a->q.restart_count - a->state.restart_count);
}

void verify_quote(struct appraisal *a)
{
	const struct algo *hash = NULL;
	const char *why;
	int r;

	check_key(a);
	if (quote_parse(a->e.attest.data, a->e.attest.len, &a->q, &why) < 0) {
		refuse(a, "quote.attest: %s", why);
		return;
	}
	r = quote_verify(a->key, a->e.attest.data, a->e.attest.len, a->e.signature.data, a->e.signature.len, &hash, &why);
	if (r < 0) {
		refuse(a, "quote.signature: %s", r == -ENOMEM ? strerror(ENOMEM) : why);
		return; /* nothing that it says counts */
	}
	check_nonce(a);
	check_selection(a);
	check_digest(a, hash);
	check_order(a);
	if (!a->q.safe)
		note(a, "the TPM's clock is not safe: it lost power without warning");
}
