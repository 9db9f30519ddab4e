/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that sign files inside this TPM: made, stored outside as a blob or inside at a persistent handle, and used.
 * They are not restricted, so that they sign any digest, and never leave their TPM (fixedTPM,
 * fixedParent, sensitiveDataOrigin). The key is loaded once and one session lasts for all signatures. With a
 * password, the session is salted by a key of the TPM and proves the password without showing it; such a key is
 * subject to the TPM's dictionary attack protection, one without a password is not.
 *
 * A connection of its own. Blocking. Reference: TPM 2.0 part 3 (12.1 Create, 20.2 Sign, 28.5 EvictControl).
 */
#ifndef IMAD_TPMSIGN_H
#define IMAD_TPMSIGN_H

#include <imad/algo.h>
#include <imad/digest.h>
#include <imad/tpmblob.h>

#define TPMSIGN_PASSWORD_MAX   32 /* bytes: those of the key's name algorithm, SHA-256 */
#define TPMSIGN_PERSISTENT_MIN 0x81000000u
#define TPMSIGN_PERSISTENT_MAX 0x817fffffu /* what is above belongs to the platform */

#define TPMSIGN_ERROR_MAX      192

enum tpmsign_kind { TPMSIGN_P256, TPMSIGN_RSA2048 };

struct tpmsign;

/*
 * Connect ("device:/dev/tpmrm0"). 0 and *@ret for tpmsign_free(); or -ENOMEM, -ENODEV or -EIO with one line about it in
 * @error.
 */
int tpmsign_open(const char *tcti, char error[TPMSIGN_ERROR_MAX], struct tpmsign **ret);
void tpmsign_free(struct tpmsign *t);
void tpmsign_freep(struct tpmsign **t);

/* Why the last call failed, as one line in @ret, which is returned. */
const char *tpmsign_error(struct tpmsign *t, char ret[TPMSIGN_ERROR_MAX]);

/* The password of the owner hierarchy, if it has one; before what needs it. -E2BIG: longer than TPMSIGN_PASSWORD_MAX. */
int tpmsign_set_owner(struct tpmsign *t, const char *password);

/*
 * Each of the three gives @t its key, and may be called once. @password: "" if it has none; used up when they return. 0, or
 * -E2BIG    password longer than TPMSIGN_PASSWORD_MAX
 * -EACCES   the owner's password is wrong or missing (a key's own is found out by the first signature)
 * -EBUSY    locked out by wrong passwords
 * -ENOENT   nothing at that handle
 * -EKEYREJECTED  made by another TPM or damaged, no signing key that a password opens, or tpmkey_check_signing()
 * -EBADMSG  a public area that is not understood
 * -ENOMEM, -EIO
 */
int tpmsign_load(struct tpmsign *t, const struct tpmblob *b, const char *password);
int tpmsign_use(struct tpmsign *t, uint32_t handle, const char *password);
/* Below @parent, as in struct tpmblob; what was made is in *@ret for tpmblob_done(). */
int tpmsign_create(struct tpmsign *t, enum tpmsign_kind kind, uint32_t parent, const char *password, struct tpmblob *ret);

/* Keep the key at a persistent handle. 0, -EEXIST: taken, -ENOSPC: no room there, or as above. */
int tpmsign_persist(struct tpmsign *t, uint32_t handle);

/* TPM2B_PUBLIC of the key, as long as @t lives. */
const struct buf *tpmsign_public(const struct tpmsign *t);

/*
 * Append the bare signature over @d, see signer_ops. Any number of threads may call; the TPM serves one after the
 * other. 0, -EACCES: wrong password, -EBUSY: locked out, -EOPNOTSUPP: key or TPM do not sign digests of this hash,
 * -ENOMEM or -EIO.
 */
int tpmsign_sign(struct tpmsign *t, const struct digest *d, struct buf *out);

#endif
