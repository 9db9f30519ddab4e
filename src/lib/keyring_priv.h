/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the keyring room. */
#ifndef IMAD_KEYRING_PRIV_H
#define IMAD_KEYRING_PRIV_H

#include <openssl/x509.h>

#include <imad/keyring.h>

struct key {
	uint32_t keyid;
	EVP_PKEY *pkey; /* parsed once; counted references, so that threads share it */
	X509 *cert;
	char origin[KEYRING_TEXT_MAX];
};

struct keyring {
	X509_STORE *ca; /* NULL: any certificate is taken */
	struct key *keys;
	unsigned int n, room;
};

#endif
