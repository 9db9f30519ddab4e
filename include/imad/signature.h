/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signatures of files: verifying those in labels with the keys of a keyring, and
 * making them with a private key. Version 2 signs a file's digest; version 3 signs
 * the digest of struct ima_file_id (label type, hash id, digest).
 */
#ifndef IMAD_SIGNATURE_H
#define IMAD_SIGNATURE_H

#include <imad/keyring.h>
#include <imad/label.h>

enum signature_verdict {
	SIGNATURE_OK,
	SIGNATURE_BAD,	       /* it is not the signature of this digest by that key, or malformed */
	SIGNATURE_NO_KEY,      /* the keyring has no key of that id */
	SIGNATURE_KEY_DENIED,  /* it has, but keyring_deny() was told not to trust it */
	SIGNATURE_UNSUPPORTED, /* neither type 3 or 5 of version 2 or 3 nor type 6 of version 3; or no such hash here */
};

/*
 * Verify the signature in @l over @d: the file's digest, or for type 6 its fs-verity
 * digest, or EVM's, in the label's algorithm (another one is SIGNATURE_BAD). Any number of
 * threads may verify with one keyring. Returns a verdict, -ENOMEM or -EIO.
 */
int signature_verify(const struct keyring *k, const struct label *l, const struct digest *d);

/* The same for the bytes of a detached signature (file.sig), which are those of a label of type 3. */
int signature_verify_detached(const struct keyring *k, const void *p, size_t n, const struct digest *d);

/*
 * The bare signature @bytes over the digest @d by one key: RSA by PKCS#1 v1.5 with @algo,
 * or ECDSA. SIGNATURE_OK, SIGNATURE_BAD, SIGNATURE_UNSUPPORTED, -ENOMEM or -EIO.
 */
int signature_verify_by(struct evp_pkey_st *pkey, const struct algo *algo, const void *bytes, size_t n,
			const struct digest *d);

/* A private key and the id that its signatures name. */
struct signer;

/*
 * Take the private key from PEM text, with @password if it is encrypted (NULL: none).
 * Its id is that of the certificate for it in @certs; if @certs is NULL, key_id().
 * 0 and *@ret for signer_free(), -ENOMEM, or with *@why (a fixed text; may be NULL):
 * -EBADMSG no private key, or a wrong password; -EOPNOTSUPP see keyring_add_cert();
 * -ENOKEY no certificate in @certs is for this key; -EIO.
 */
int signer_new(const void *pem, size_t n, const char *password, const struct keyring *certs, struct signer **ret,
	       const char **why);

/* A private key that is elsewhere, in a TPM say, and signs there; called by any number of threads. */
struct signer_ops {
	/*
	 * Append the bare signature over @d: RSA by PKCS#1 v1.5, or ECDSA as DER. 0 or negative errno as
	 * signature_sign(). NULL: libcrypto has the private key after all, as long as @arg lives.
	 */
	int (*sign)(void *arg, const struct digest *d, struct buf *out);
	void (*free)(void *arg); /* behind the last use of the key */
};

/*
 * The same with @key: its private key where libcrypto has it, or with @ops the public one. On success @arg belongs
 * to the signer. Nothing of @key is taken over.
 */
int signer_new_key(struct evp_pkey_st *key, const struct signer_ops *ops, void *arg, const struct keyring *certs,
		   struct signer **ret, const char **why);
void signer_free(struct signer *s);
void signer_freep(struct signer **s);

/* What its signatures name, instead. */
void signer_set_id(struct signer *s, uint32_t id);

/* Of its key, and that id; the key lives as long as the signer. */
struct evp_pkey_st *signer_key(const struct signer *s);
uint32_t signer_id(const struct signer *s);

/* Whether @l is what signature_sign() might give for @d: of this key and its id, and good. */
bool signer_made(const struct signer *s, const struct label *l, const struct digest *d);

/*
 * Append a whole label over @d: type 3 or 5 with version 2 or 3, or type 6 with 3. 0, -ENOMEM,
 * -EINVAL (no such type and version), -EOPNOTSUPP (the hash is not to be had) or -EIO.
 */
int signature_sign(const struct signer *s, enum label_type type, unsigned int version, const struct digest *d,
		   struct buf *out);

/* Append the bare signature over @d, without a label: for certificates. As signature_sign(). */
int signature_bare(const struct signer *s, const struct digest *d, struct buf *out);

#endif
