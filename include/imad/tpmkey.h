/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Public areas of a TPM's keys (TPM2B_PUBLIC, TPM 2.0 part 2, 12.2.5), their signatures, and credentials made for
 * them without a TPM (part 1, 24; annexes B.10.3 and C.6.4). Bytes in, bytes out.
 */
#ifndef IMAD_TPMKEY_H
#define IMAD_TPMKEY_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/buf.h>

struct evp_pkey_st; /* EVP_PKEY of libcrypto */

#define TPMKEY_NAME_MAX (2 + DIGEST_MAX)
#define TPMKEY_CREDENTIAL_MAX 32 /* bytes: a SHA-256 name takes no more */

/* All of @n bytes as a key of libcrypto, for EVP_PKEY_free(). 0, -ENOMEM, or -EBADMSG with *@why. */
int tpmkey_parse(const uint8_t *p, size_t n, struct evp_pkey_st **ret, const char **why);

/* The object's name: nameAlg and the digest of the public area. Bytes, or negative errno as above. */
int tpmkey_name(const uint8_t *p, size_t n, uint8_t ret[TPMKEY_NAME_MAX]);

/*
 * Whether it has what makes quotes worth believing: restricted, signing and not decrypting, made
 * inside the TPM, never to leave it. -EKEYREJECTED with the attribute that is missing in *@why.
 */
int tpmkey_check_ak(const uint8_t *p, size_t n, const char **why);

/*
 * Whether it can sign digests that verifiers of files take: RSA by PKCS#1 v1.5 or ECDSA, allowed by a password
 * alone, not restricted to what the TPM made. 0, -EBADMSG or -EKEYREJECTED with *@why.
 */
int tpmkey_check_signing(const uint8_t *p, size_t n, const char **why);

/*
 * A TPMT_SIGNATURE (part 2, 11.3.4) in libcrypto's form, appended: DER for ECDSA, the bytes for RSASSA. *@hash:
 * its algorithm, NULL if it is not known; *@type: what key_type() of the key must begin with. 0, -ENOMEM, or
 * -EBADMSG or -EOPNOTSUPP with *@why.
 */
int tpmkey_signature(const uint8_t *p, size_t n, struct buf *out, const struct algo **hash, const char **type,
		     const char **why);

/*
 * The other way: a key of libcrypto as the public area of an object that only verifies, as systemd and tpm2_loadexternal make
 * it: name by SHA-256, sign and decrypt, no scheme; appended. 0, -ENOMEM, or -EBADMSG with *@why: no TPM takes it.
 */
int tpmkey_from_public(const struct evp_pkey_st *key, struct buf *out, const char **why);

/* And a bare signature over a digest by @hash, DER for ECDSA, as TPMT_SIGNATURE, appended. 0, -ENOMEM or -EBADMSG. */
int tpmkey_from_signature(bool ecdsa, const struct algo *hash, const uint8_t *sig, size_t n, struct buf *out);

/* SubjectPublicKeyInfo as PEM text, appended. 0, -ENOMEM or -EIO. */
int tpmkey_pem(struct evp_pkey_st *key, struct buf *out);

/*
 * TPM2_MakeCredential in software: encrypt @credential so that only the TPM that holds both @ek
 * (TPM2B_PUBLIC, RSA or ECC, AES-128-CFB) and the object named @name can read it. Appends the
 * file format of tpm2-tools: u32 0xBADCC0DE, u32 1, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET.
 * 0, -ENOMEM, -EIO, -EINVAL (too long), or -EBADMSG with *@why.
 */
int tpmkey_make_credential(const uint8_t *ek, size_t ek_len, const uint8_t *name, size_t name_len,
			   const uint8_t *credential, size_t n, struct buf *out, const char **why);

/* Split that format into its two parts, each with its size in front. 0 or -EBADMSG with *@why. */
int tpmkey_split_credential(const uint8_t *p, size_t n, struct reader *id_object, struct reader *secret,
			    const char **why);

#endif
