/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attestation key of this TPM, and what only the TPM can do with it: quote, and prove to a
 * stranger that it lives beside an endorsement key. A connection of its own, so that the TPM
 * that extends keeps no objects. Blocking; one thread.
 *
 * The AK is a primary key of the endorsement hierarchy, ECC P-256 with ECDSA-SHA256,
 * restricted to signing what the TPM made, made of a fixed template: the same key at each
 * call until the endorsement seed changes, and nothing to be stored. A key of that
 * hierarchy shows the true reset and restart counts in its quotes.
 */
#ifndef IMAD_AK_H
#define IMAD_AK_H

#include <imad/buf.h>
#include <imad/pcr.h>

struct ak;

/* Connect ("device:/dev/tpmrm0") and make the key. 0; -ENODEV: no such TPM; -EIO: ak_open_error() says why. */
int ak_open(const char *tcti, struct ak **ret);
void ak_free(struct ak *a);
void ak_freep(struct ak **a);

/* Text of the last TSS2 return code; of ak_open() too, in a buffer that the next call may change. */
const char *ak_error(const struct ak *a);
const char *ak_open_error(void);

/* TPM2B_PUBLIC of the AK, and TPM2B_NAME without its size. 0 or -ENOMEM. */
int ak_public(const struct ak *a, struct buf *ret);
int ak_name(const struct ak *a, struct buf *ret);

/*
 * Quote @pcrs (a bit each) in the @n banks: TPMS_ATTEST and TPMT_SIGNATURE, appended. 0,
 * -EINVAL, -ENOMEM or -EIO.
 */
int ak_quote(struct ak *a, const void *nonce, size_t nonce_len, uint32_t pcrs, const struct algo *const *banks,
	     unsigned int n, struct buf *attest, struct buf *signature);

enum ak_ek { AK_EK_RSA2048, AK_EK_P256, AK_EK_KINDS };

/*
 * The certificate of an endorsement key (DER) from the index where its maker left it (TCG EK
 * Credential Profile 2.1, 2.2.1.4). -ENOENT: there is none.
 */
int ak_ek_certificate(struct ak *a, enum ak_ek kind, struct buf *ret);

/* TPM2B_PUBLIC of that endorsement key, which is made from the template of the profile (L-1, L-2). */
int ak_ek_public(struct ak *a, enum ak_ek kind, struct buf *ret);

/*
 * TPM2_ActivateCredential: @id_object (TPM2B_ID_OBJECT) and @secret (TPM2B_ENCRYPTED_SECRET) were made for
 * this AK's name and that endorsement key; the credential is appended to @ret. -EKEYREJECTED: made for others.
 */
int ak_activate(struct ak *a, enum ak_ek kind, const void *id_object, size_t id_len, const void *secret,
		size_t secret_len, struct buf *ret);

#endif
