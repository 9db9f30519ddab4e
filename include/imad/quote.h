/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quotes of a TPM 2.0 as TPM2_Quote gives them: TPMS_ATTEST and TPMT_SIGNATURE, big-endian
 * (TPM 2.0 part 2, 10.12 and 11.3). Bytes in, verdicts out: nothing here asks a TPM.
 *
 * A restricted key signs whatever does not begin with the magic; so without the checks of
 * magic and type in quote_parse() its signature proves nothing (CVE-2024-29038).
 */
#ifndef IMAD_QUOTE_H
#define IMAD_QUOTE_H

#include <stdbool.h>

#include <imad/pcr.h>

#define QUOTE_NONCE_MAX 64 /* bytes of qualifying data that every TPM takes */

struct evp_pkey_st; /* EVP_PKEY of libcrypto */

/* What a TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE says. */
struct quote {
	uint8_t nonce[QUOTE_NONCE_MAX]; /* extraData */
	size_t nonce_len;
	uint64_t clock; /* ms that the TPM was on since its owner last cleared it */
	uint32_t reset_count, restart_count;
	bool safe;	/* the clock cannot have gone back */
	uint64_t firmware;
	unsigned int n_banks;
	struct {
		uint8_t algo;  /* enum hash_algo */
		uint32_t pcrs; /* a bit each */
	} bank[PCR_BANKS_MAX];
	uint8_t digest[DIGEST_MAX]; /* of the selected PCRs, by the hash of the signature */
	size_t digest_len;
};

/*
 * All of @n bytes. 0, or -EBADMSG with *@why: no attestation of a TPM, none of a quote,
 * cut, with bytes behind it, or with banks that the table does not have.
 */
int quote_parse(const uint8_t *p, size_t n, struct quote *ret, const char **why);

/*
 * Whether @sig is @key's signature over @attest: ECDSA over P-256, P-384, P-521, or RSASSA
 * of 2048 bits or more, with SHA-256, SHA-384 or SHA-512, which goes to *@hash. 0, -ENOMEM, or
 * with *@why -EBADMSG (malformed), -EOPNOTSUPP (another scheme, hash or key), -EKEYREJECTED.
 */
int quote_verify(struct evp_pkey_st *key, const uint8_t *attest, size_t n, const uint8_t *sig, size_t sig_len,
		 const struct algo **hash, const char **why);

/*
 * The digest that @q must have if the PCRs had these values: hash over all values selected, in
 * the order of the selection, PCRs ascending. 0, -ENOENT: a selected value is not among
 * @values; or as digest_buf().
 */
int quote_pcr_digest(const struct quote *q, const struct algo *hash, const struct pcr_value *values, unsigned int n,
		     struct digest *ret);

#endif
