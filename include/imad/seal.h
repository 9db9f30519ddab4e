/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sealing by the TPM: bytes that only this TPM gives back, and with a PCR policy only while the
 * PCRs have the values that they were bound to. Under the primary key of the owner hierarchy
 * (ECC P-256, the template of TCG's Provisioning Guidance), made anew at each call. What is secret
 * crosses the bus encrypted (a session salted by that key). A connection of its own; blocking; one thread.
 */
#ifndef IMAD_SEAL_H
#define IMAD_SEAL_H

#include <imad/evmkey.h>
#include <imad/pcrsig.h>
#include <imad/secret.h>

struct seal;

/* Connect ("device:/dev/tpmrm0") and make the primary key. 0; -ENODEV: no such TPM; -EIO: seal_open_error() says why. */
int seal_open(const char *tcti, struct seal **ret);
void seal_free(struct seal *s);
void seal_freep(struct seal **s);

/* Text of the last TSS2 return code; of seal_open() too, in a buffer that the next call may change. */
const char *seal_error(const struct seal *s);
const char *seal_open_error(void);

/* Seal @key. @k->blob.authority and policy are what it is bound to (evmkey_bind()); the rest of the blob and the parent are filled. 0, -ENOMEM or -EIO. */
int seal_key(struct seal *s, const struct secret *key, struct evmkey *k);

/*
 * The key again; @approval: by the authority, if there is one, else NULL. Into @ret for secret_done(). 0; -ESTALE: another parent, so it is another TPM or was
 * cleared; -EBADMSG: this TPM's, but changed; -EKEYREJECTED: the policy is not met; -EIO, -ENOMEM, or as secret_init().
 */
int seal_unseal(struct seal *s, const struct evmkey *k, const struct pcrsig *approval, struct secret *ret);

#endif
