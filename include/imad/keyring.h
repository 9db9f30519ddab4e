/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The certificates whose keys may sign files, as the kernel's .ima keyring holds
 * them. Built once by one thread, then read by any number of them. Parses what it
 * is given and opens nothing.
 */
#ifndef IMAD_KEYRING_H
#define IMAD_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define KEYRING_MAX 1024		  /* keys */
#define KEYRING_BYTES_MAX (1u << 20) /* bytes of one file of certificates */

struct evp_pkey_st; /* EVP_PKEY of libcrypto */
struct x509_st;	    /* X509 */
struct keyring;

/* One trusted key. It and all that it points to live as long as the keyring. */
struct key {
	uint32_t id;	     /* what the header of a signature names, see key_id() */
	const uint8_t *skid; /* the whole identifier that @id ends: of the certificate, else SHA-1 as for key_id() */
	size_t skid_len;
	bool denied;	     /* keyring_deny(): its signatures do not count */
	const char *type;    /* the kernel's name: rsa, ecdsa-nist-p256, -p384, -p521 */
	unsigned int bits;
	const char *subject; /* one line, RFC 2253, control characters escaped */
	time_t not_after;    /* a key that expired verifies all the same, as in the kernel */
	const char *origin;  /* the name that it was added by */
	struct evp_pkey_st *pkey;
	struct x509_st *cert;
};

/* 0 and an empty keyring for keyring_free(), or -ENOMEM. */
int keyring_new(struct keyring **ret);
void keyring_free(struct keyring *k);
void keyring_freep(struct keyring **k);

/*
 * Certificates added from now on must chain to one of those in @p (DER, or PEM with
 * one or more; intermediate ones belong there too). Times are not looked at.
 * 0, or as keyring_add_cert(); -EBUSY if there is a CA or a key already.
 */
int keyring_set_ca(struct keyring *k, const void *p, size_t n, const char **why);

/*
 * Add the certificates in @p (DER, or PEM with one or more), all or none. Returns 0,
 * -ENOMEM, or with *@why (a fixed text; @why may be NULL):
 * -EBADMSG  not a certificate, or not only certificates
 * -EOPNOTSUPP the key is not RSA of 1024 bits or more, or ECDSA over P-256, P-384, P-521
 * -ENOKEY   it does not chain to the CA
 * -E2BIG    more than KEYRING_BYTES_MAX bytes or KEYRING_MAX keys
 * -EIO      libcrypto failed
 */
int keyring_add_cert(struct keyring *k, const void *p, size_t n, const char *name, const char **why);

/* For listing: keys 0 to keyring_count() - 1, in the order in which they were added. */
size_t keyring_count(const struct keyring *k);
const struct key *keyring_key(const struct keyring *k, size_t i);

/*
 * No signature by a key whose identifier ends with these bytes counts from now on.
 * Returns how many keys that are. Before the keyring is read by several threads.
 */
size_t keyring_deny(struct keyring *k, const uint8_t *id, size_t n);

/* The next key behind @after (NULL: the first) of that id, or NULL. Two keys may share an id. */
const struct key *keyring_find(const struct keyring *k, uint32_t id, const struct key *after);

/*
 * The kernel's name for this type of key, and the id by which it is signed and found:
 * the last 4 bytes of SHA-1 over the content of the public key's BIT STRING. A
 * certificate with a subject key identifier has that one's last 4 bytes instead.
 * key_type(): NULL if it cannot be used. key_id(): 0, or as digest_buf().
 */
const char *key_type(const struct evp_pkey_st *pkey);
int key_id(const struct evp_pkey_st *pkey, uint32_t *ret);

#endif
