/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Approvals of PCR values: signatures by which the holder of a key says that whoever trusts that key may trust these values,
 * too. The file format is systemd's (tpm2-pcr-signature.json, which ukify and systemd-measure write), so a unified
 * kernel image brings its own. Text in, entries out, and back. One JSON object, a member a PCR bank:
 *
 *   "sha256": [ { "pcrs": [11], "pkfp": hex, "pol": hex, "sig": base64 }, ... ]
 *
 *   pkfp  SHA-256 of the key: PKCS#1 RSAPublicKey, or the point of an EC key (i2d_PublicKey() of libcrypto)
 *   pol   policy digest of a TPM2_PolicyPCR of these PCRs (tpmblob_pcrs_digest())
 *   sig   over the SHA-256 of pol: RSA by PKCS#1 v1.5, or ECDSA as DER
 */
#ifndef IMAD_PCRSIG_H
#define IMAD_PCRSIG_H

#include <stdbool.h>

#include <imad/buf.h>
#include <imad/tpmblob.h>
#include <imad/util.h>

#define PCRSIG_FILE	"tpm2-pcr-signature.json" /* systemd's name of it */
#define PCRSIG_TEXT_MAX (1u << 20) /* bytes of a file */
#define PCRSIG_SIG_MAX	512	   /* bytes of a signature */
#define PCRSIG_ID_SIZE	32

struct evp_pkey_st; /* EVP_PKEY of libcrypto */

struct pcrsig {
	uint8_t bank;  /* enum hash_algo */
	uint32_t pcrs; /* a bit each */
	uint8_t key[PCRSIG_ID_SIZE], policy[32];
	uint16_t len;
	uint8_t sig[PCRSIG_SIG_MAX];
};

/* Zero-initialised: none. */
struct pcrsigs {
	struct pcrsig *v;
	size_t n;
};

/* All of a text, behind those of @ret, which is untouched if it fails: 0, -ENOMEM, or -EBADMSG with what and why in *@e. Banks without a name here are passed over. */
int pcrsig_parse(const char *text, size_t n, struct pcrsigs *ret, struct parse_error *e);
void pcrsigs_done(struct pcrsigs *s);

/* Another one, unless there is one of that bank, key and policy: 1, 0, or -ENOMEM. */
int pcrsig_add(struct pcrsigs *s, const struct pcrsig *one);

/* Append the JSON text and a newline. 0 or -ENOMEM. */
int pcrsig_format(const struct pcrsigs *s, struct buf *out);

/* Which key it is (pkfp). 0 or -EIO. */
int pcrsig_key_id(const struct evp_pkey_st *key, uint8_t ret[PCRSIG_ID_SIZE]);

#endif
