/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trusted keys: X.509 certificates, looked up by the key id that signatures carry,
 * and the check of a signature. libcrypto's keys end here. A keyring that is no
 * longer added to may be used by any number of threads.
 *
 * Key ids: x509_cert_parser.c, evmctl's calc_keyid_v2(): the last four bytes of the
 * certificate's subjectKeyIdentifier, or of the SHA-1 of its public key without one.
 */
#ifndef IMAD_KEYRING_H
#define IMAD_KEYRING_H

#include <stdbool.h>
#include <time.h>

#include <imad/label.h>

struct keyring;

#define KEYRING_TEXT_MAX 256

/* One key as it is told to people. Strings are cut to fit. */
struct keyring_key {
	uint32_t keyid;
	char subject[KEYRING_TEXT_MAX]; /* one line, RFC 2253 */
	char origin[KEYRING_TEXT_MAX];	/* as given to keyring_add() */
	char type[16];			/* "RSA", "EC" */
	unsigned int bits;
	time_t not_after; /* told, not checked: as in the kernel an expired key stays trusted */
};

/* 0 or -ENOMEM. */
int keyring_new(struct keyring **ret);
void keyring_free(struct keyring *k);
void keyring_freep(struct keyring **k);

/*
 * From now on take only certificates that one of those in @p (PEM, any number, or one
 * in DER) has signed, itself or through others of them. 0, -EBADMSG, -ENOMEM.
 */
int keyring_set_ca(struct keyring *k, const void *p, size_t n);

/*
 * Add the certificates in @p, PEM or DER. All or nothing. Returns how many, or
 * -EBADMSG (no certificate, damaged), -EKEYREJECTED (not signed by the CA),
 * -EOPNOTSUPP (a key that no signature of IMA's can be checked with: neither RSA nor
 * EC), -ENOMEM.
 */
int keyring_add(struct keyring *k, const void *p, size_t n, const char *origin);

unsigned int keyring_count(const struct keyring *k);
void keyring_get(const struct keyring *k, unsigned int i, struct keyring_key *ret);

enum keyring_verdict {
	KEYRING_GOOD,
	KEYRING_BAD,	 /* not made by that key over that digest */
	KEYRING_NO_KEY,	 /* no key with that id is trusted */
	KEYRING_VERSION, /* a version that is not known, or not of that type of label */
	KEYRING_FAILED,	 /* libcrypto has no memory, or not that algorithm */
};

/* What to tell people: a static English text. */
const char *keyring_verdict_text(enum keyring_verdict v);

/*
 * Check the signature @l, LABEL_SIGNATURE or LABEL_VERITY, over @digest, the file's
 * digest in the algorithm l->algo (another one is KEYRING_BAD). Version 2 signs the
 * digest itself, version 3 the hash of struct ima_file_id: type, algorithm, digest.
 */
enum keyring_verdict keyring_verify(const struct keyring *k, const struct label *l, const struct digest *digest);

#endif
