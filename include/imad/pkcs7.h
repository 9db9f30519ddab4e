/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detached signatures in PKCS#7 (CMS), as the kernel takes them for its modules:
 * crypto/asymmetric_keys/pkcs7_verify.c. Bytes in, a verdict out. libcrypto's error
 * queue ends here.
 */
#ifndef IMAD_PKCS7_H
#define IMAD_PKCS7_H

#include <imad/digest.h>
#include <imad/keyring.h>
#include <imad/signature.h>

struct pkcs7;

/*
 * 0 and *@ret for pkcs7_free(), -ENOMEM, or -EBADMSG with *@why (a fixed text; may be
 * NULL): not a message with a signature in DER, or not only that.
 */
int pkcs7_parse(const void *der, size_t n, struct pkcs7 **ret, const char **why);
void pkcs7_free(struct pkcs7 *m);
void pkcs7_freep(struct pkcs7 **m);

/* The algorithm in which the signer wants the content digested; NULL: one that is not to be had. */
const struct algo *pkcs7_algo(const struct pkcs7 *m);

/*
 * Whether the one signature in @m is over content with the digest @d (in pkcs7_algo())
 * and by a key of @k, or by one whose certificate comes with the message and is signed by
 * a key of @k. A signature over attributes, content in the message or more than one
 * signature are refused, as the kernel refuses them for modules. A verdict with *@why
 * (a fixed text, NULL if it is good), -ENOMEM or -EIO.
 */
int pkcs7_verify(const struct pkcs7 *m, const struct keyring *k, const struct digest *d, const char **why);

#endif
