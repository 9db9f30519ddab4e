/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * X.509 certificates and requests (PKCS#10) for keys that sign files, signed by the key itself wherever that is.
 * Not of a CA, for digital signatures; the subject key identifier is SHA-1 over the content of the public
 * key's BIT STRING (RFC 5280, 4.2.1.2 (1)), which ends with key_id(): so with and without it the id is the same.
 */
#ifndef IMAD_CERTIFICATE_H
#define IMAD_CERTIFICATE_H

#include <stdbool.h>
#include <time.h>

#include <imad/signature.h>

#define CERTIFICATE_NAME_MAX 64 /* characters (RFC 5280, A.1, ub-common-name) */
#define CERTIFICATE_DAYS_MAX 36500

struct certificate {
	const char *name; /* common name, UTF-8; it is the whole subject */
	bool request;	  /* for a CA, instead of a self-signed certificate; then what follows does not count */
	time_t from;
	unsigned int days;
	uint8_t serial[16]; /* random; what is negative or zero as a number is made right */
};

/*
 * Append it in DER, signed with SHA-256. 0, -ENOMEM, -EINVAL (the name is empty, too long or no UTF-8), -EIO,
 * -EKEYREJECTED (the signature does not verify), or what signature_bare() says.
 */
int certificate_make(const struct signer *s, const struct certificate *c, struct buf *der);

/* The same bytes as PEM text, appended. 0, -ENOMEM or -EIO. */
int certificate_pem(const struct certificate *c, const struct buf *der, struct buf *out);

#endif
