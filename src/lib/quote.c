/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotes: parsed by tpm2-tss' marshalling, verified by libcrypto. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <tss2/tss2_mu.h>

#include <imad/digest.h>
#include <imad/keyring.h>
#include <imad/quote.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#define RSA_BITS_MIN 2048

static int refuse(int r, const char **why, const char *text)
{
	*why = text;
	return r;
}

static int take_bank(const TPMS_PCR_SELECTION *s, struct quote *q, const char **why)
{
	const struct algo *algo = algo_by_tpm(s->hash);
	uint32_t pcrs = 0;

	if (s->sizeofSelect > sizeof(pcrs))
		return refuse(-EBADMSG, why, "PCR selection too long");
	for (unsigned int i = 0; i < s->sizeofSelect; i++)
		pcrs |= (uint32_t)s->pcrSelect[i] << 8 * i;
	if (!pcrs)
		return 0; /* the TPM answers with banks that have nothing selected */
	if (!algo)
		return refuse(-EBADMSG, why, "PCR bank of a hash that is not known here");
	if (q->n_banks == PCR_BANKS_MAX)
		return refuse(-EBADMSG, why, "too many PCR banks");
	for (unsigned int i = 0; i < q->n_banks; i++)
		if (q->bank[i].algo == algo->id)
			return refuse(-EBADMSG, why, "a PCR bank is selected twice");
	q->bank[q->n_banks].algo = algo->id;
	q->bank[q->n_banks++].pcrs = pcrs;
	return 0;
}

static int take_attest(const TPMS_ATTEST *a, struct quote *q, const char **why)
{
	const TPMS_QUOTE_INFO *info = &a->attested.quote;
	int r = 0;

	if (a->extraData.size > sizeof(q->nonce))
		return refuse(-EBADMSG, why, "qualifying data too long");
	if (info->pcrDigest.size > sizeof(q->digest))
		return refuse(-EBADMSG, why, "PCR digest too long");
	memcpy(q->nonce, a->extraData.buffer, a->extraData.size);
	q->nonce_len = a->extraData.size;
	q->clock = a->clockInfo.clock;
	q->reset_count = a->clockInfo.resetCount;
	q->restart_count = a->clockInfo.restartCount;
	q->safe = a->clockInfo.safe == TPM2_YES;
	q->firmware = a->firmwareVersion;
	for (UINT32 i = 0; r == 0 && i < info->pcrSelect.count; i++)
		r = take_bank(&info->pcrSelect.pcrSelections[i], q, why);
	memcpy(q->digest, info->pcrDigest.buffer, info->pcrDigest.size);
	q->digest_len = info->pcrDigest.size;
	return r;
}

int quote_parse(const uint8_t *p, size_t n, struct quote *ret, const char **why)
{
	struct reader head = { p, n };
	struct quote q = { 0 };
	const uint8_t *magic, *type;
	TPMS_ATTEST a;
	size_t at = 0;
	int r;

	/* Before anything else: only what the TPM itself made begins so. */
	if (reader_bytes(&head, 4, &magic) < 0 || memcmp(magic, "\xff\x54\x43\x47", 4) != 0)
		return refuse(-EBADMSG, why, "wrong magic: not made by a TPM");
	if (reader_bytes(&head, 2, &type) < 0 || memcmp(type, "\x80\x18", 2) != 0)
		return refuse(-EBADMSG, why, "wrong type: an attestation, but no quote");
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(p, n, &at, &a) != TSS2_RC_SUCCESS)
		return refuse(-EBADMSG, why, "malformed attestation");
	if (at != n)
		return refuse(-EBADMSG, why, "bytes behind the attestation");
	r = take_attest(&a, &q, why);
	if (r < 0)
		return r;
	*ret = q;
	return 0;
}

/* --- signatures */

/* The signature in libcrypto's form. */
struct signature {
	const struct algo *hash;
	const char *type; /* what the key's type must begin with */
	struct buf bytes;
};

static void signature_done(struct signature *s)
{
	buf_done(&s->bytes);
}

static int check_strength(EVP_PKEY *key, const struct signature *s, const char **why)
{
	const char *type = key_type(key);

	if (!s->hash || (s->hash->id != ALGO_SHA256 && s->hash->id != ALGO_SHA384 && s->hash->id != ALGO_SHA512))
		return refuse(-EOPNOTSUPP, why, "hash of the signature is not SHA-256, SHA-384 or SHA-512");
	if (!type)
		return refuse(-EOPNOTSUPP, why, "the key is neither RSA nor on P-256, P-384 or P-521");
	if (strncmp(type, s->type, strlen(s->type)) != 0)
		return refuse(-EKEYREJECTED, why, "signature scheme is not that of the key");
	if (strcmp(type, "rsa") == 0 && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		return refuse(-EOPNOTSUPP, why, "RSA key of less than 2048 bits");
	return 0;
}

int quote_verify(struct evp_pkey_st *key, const uint8_t *attest, size_t n, const uint8_t *sig, size_t sig_len,
		 const struct algo **hash, const char **why)
{
	cleanup(signature_done) struct signature s = { 0 };
	EVP_MD_CTX *ctx;
	int r = tpmkey_signature(sig, sig_len, &s.bytes, &s.hash, &s.type, why);

	if (r == 0)
		r = check_strength(key, &s, why);
	if (r < 0)
		return r;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestVerifyInit_ex(ctx, NULL, s.hash->openssl, NULL, NULL, key, NULL) != 1 ||
	    EVP_DigestVerify(ctx, s.bytes.data, s.bytes.len, attest, n) != 1)
		r = refuse(-EKEYREJECTED, why, "not this key's signature over this quote");
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (r == 0)
		*hash = s.hash;
	return r;
}

/* --- PCR values */

static const struct digest *find_value(const struct pcr_value *values, unsigned int n, unsigned int pcr, uint8_t algo)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int b = 0; values[i].pcr == pcr && b < values[i].n; b++)
			if (values[i].bank[b].algo == algo)
				return &values[i].bank[b];
	return NULL;
}

int quote_pcr_digest(const struct quote *q, const struct algo *hash, const struct pcr_value *values, unsigned int n,
		     struct digest *ret)
{
	cleanup(buf_done) struct buf all = { 0 };

	for (unsigned int b = 0; b < q->n_banks; b++) {
		for (unsigned int pcr = 0; pcr < 32; pcr++) {
			const struct digest *d;

			if (!(q->bank[b].pcrs & 1u << pcr))
				continue;
			d = find_value(values, n, pcr, q->bank[b].algo);
			if (!d)
				return -ENOENT;
			buf_add(&all, d->bytes, d->size);
		}
	}
	return buf_error(&all) < 0 ? -ENOMEM : digest_buf(hash, all.data, all.len, ret);
}
