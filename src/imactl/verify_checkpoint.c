/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a checkpoint beyond that the list goes on from it, and archived parts lead to it (archive.c): that
 * the attestation key of the host signed it.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include <imad/digest.h>
#include <imad/quote.h>
#include <imad/tpmkey.h>

#include "attest.h"
#include "trimmed.h"

/* --- the key */

static void key_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

void checkpoint_key(const struct checkpoint *c, char ret[65])
{
	cleanup(key_freep) EVP_PKEY *key = NULL;
	cleanup(buf_done) struct buf hex = { 0 };
	unsigned char *der = NULL;
	struct digest d;
	const char *why;
	int len = c->has_quote && tpmkey_parse(c->ak.data, c->ak.len, &key, &why) == 0 ? i2d_PUBKEY(key, &der) : -1;

	ret[0] = '\0';
	if (len > 0 && digest_buf(algo_by_id(ALGO_SHA256), der, (size_t)len, &d) == 0)
		buf_add_hex(&hex, d.bytes, d.size);
	OPENSSL_free(der);
	if (hex.len == 64 && buf_error(&hex) == 0)
		(void)snprintf(ret, 65, "%.64s", (const char *)hex.data);
}

static int check_key(const struct checkpoint *c, const char *path, EVP_PKEY *key, struct why *why)
{
	cleanup(key_freep) EVP_PKEY *own = NULL;
	const char *bad;

	if (tpmkey_parse(c->ak.data, c->ak.len, &own, &bad) < 0 || tpmkey_check_ak(c->ak.data, c->ak.len, &bad) < 0)
		return why_set(why, -EBADMSG, "the checkpoint's key: %s", bad);
	return EVP_PKEY_eq(own, key) == 1 ? 0 : why_set(why, -EBADMSG, "the checkpoint is of another key than '%s'", path);
}

/* Every value of a PCR that a TPM has must be among those that were quoted. */
static int check_selection(const struct checkpoint *c, const struct quote *q, struct why *why)
{
	for (unsigned int i = 0; i < c->n_pcrs; i++) {
		for (unsigned int b = 0; b < c->pcrs[i].n; b++) {
			bool quoted = c->pcrs[i].pcr >= PCR_COUNT;

			for (unsigned int k = 0; k < q->n_banks && !quoted; k++)
				quoted = q->bank[k].algo == c->pcrs[i].bank[b].algo && (q->bank[k].pcrs & 1u << c->pcrs[i].pcr);
			if (!quoted)
				return why_set(why, -EBADMSG, "the checkpoint's quote is not of PCR %u in bank %s", c->pcrs[i].pcr,
					       algo_by_id(c->pcrs[i].bank[b].algo)->name);
		}
	}
	return 0;
}

static int check_quote(const struct checkpoint *c, EVP_PKEY *key, struct quote *q, const struct algo **hash, struct why *why)
{
	const char *bad;

	if (quote_parse(c->attest.data, c->attest.len, q, &bad) < 0)
		return why_set(why, -EBADMSG, "the checkpoint's quote: %s", bad);
	if (quote_verify(key, c->attest.data, c->attest.len, c->signature.data, c->signature.len, hash, &bad) < 0)
		return why_set(why, -EBADMSG, "the checkpoint's quote: %s", bad);
	if (q->nonce_len != c->nonce.size || memcmp(q->nonce, c->nonce.bytes, q->nonce_len) != 0)
		return why_set(why, -EBADMSG, "the key signed another checkpoint than this: it was changed");
	return check_selection(c, q, why);
}

/* The values that were quoted: the checkpoint's, and those of PCRs that were zero before it. */
static unsigned int values_at(const struct checkpoint *c, const struct quote *q, struct pcr_value *ret)
{
	unsigned int n = 0;

	for (unsigned int pcr = 0; pcr < PCR_COUNT; pcr++) {
		struct pcr_value v = { .pcr = pcr };

		for (unsigned int k = 0; k < q->n_banks; k++) {
			const struct digest *d = checkpoint_value(c, pcr, q->bank[k].algo);

			if (!(q->bank[k].pcrs & 1u << pcr))
				continue;
			v.bank[v.n] = (struct digest){ .algo = q->bank[k].algo, .size = algo_by_id(q->bank[k].algo)->size };
			if (d)
				v.bank[v.n] = *d;
			v.n++;
		}
		if (v.n > 0)
			ret[n++] = v;
	}
	return n;
}

static int advance(struct pcr_value *values, unsigned int n, const struct list_record *record)
{
	struct digest d;
	int r = 0;

	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int b = 0; r == 0 && values[i].pcr == record->pcr && b < values[i].n; b++) {
			r = pcr_record_digest(record, algo_by_id(values[i].bank[b].algo), false, &d);
			if (r == 0)
				r = pcr_extend(&values[i].bank[b], &d);
		}
	}
	return r;
}

/* From the checkpoint over the first records of the list to what was quoted. */
static int check_lead(const struct checkpoint *c, const struct quote *q, const struct algo *hash, const char *list, struct why *why)
{
	cleanup(records_done) struct records records = { .fd = -1 };
	cleanup_free struct pcr_value *values = calloc(PCR_COUNT, sizeof(*values));
	struct list_record record;
	unsigned int n;
	const char *malformed;
	struct digest d;
	int r = values ? records_open(list, &records) : -ENOMEM;

	if (r < 0)
		return why_set(why, r, "cannot read the list '%s': %s", list, strerror(-r));
	n = values_at(c, q, values);
	for (uint64_t i = c->records; i < c->quoted; i++) {
		if (records_next(&records, &record, &malformed) <= 0)
			return why_set(why, -EBADMSG, "the checkpoint's quote is of %llu records, the list does not have them",
				       (unsigned long long)c->quoted);
		r = advance(values, n, &record);
		if (r < 0)
			return why_set(why, r, "%s", strerror(-r));
	}
	if (quote_pcr_digest(q, hash, values, n, &d) < 0 || d.size != q->digest_len ||
	    memcmp(d.bytes, q->digest, d.size) != 0)
		return why_set(why, -EBADMSG, "the list does not lead from the checkpoint to what its quote is of: "
					      "it is another list's, or a record was changed");
	return 0;
}

int checkpoint_vouch_by(const struct checkpoint *c, const char *ak, EVP_PKEY *key, const char *list, struct why *why)
{
	const struct algo *hash = NULL;
	struct quote q;
	int r;

	if (!c->has_quote)
		return why_set(why, -EBADMSG, "the checkpoint is not signed");
	r = check_key(c, ak, key, why);
	if (r == 0)
		r = check_quote(c, key, &q, &hash, why);
	return r < 0 ? r : check_lead(c, &q, hash, list, why);
}

int checkpoint_vouch(const struct checkpoint *c, const char *ak, const char *list, struct why *why)
{
	cleanup(key_freep) EVP_PKEY *key = NULL;
	int r = c->has_quote ? read_public_key(ak, &key, why) : 0;

	return r < 0 ? r : checkpoint_vouch_by(c, ak, key, list, why);
}
