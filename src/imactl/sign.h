/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of imactl sign share: the key, and where signatures go. */
#ifndef IMACTL_SIGN_H
#define IMACTL_SIGN_H

#include <imad/evm.h>
#include <imad/signature.h>
#include <imad/tpmsign.h>

#include "imactl.h"

/* How to get at the TPM. */
struct tpm_access {
	const char *tcti;	     /* NULL: the kernel's */
	const char *owner_pass_file; /* of the owner hierarchy, NULL: it has no password */
};

/* sign_key.c: the private key as the options name it. */
struct sign_key {
	/* PEM; the file of a key in a TPM, "tpm:" may stand before it; "tpm:0x81010001"; a PKCS#11 URI */
	const char *file;
	const char *cert, *pass_file;
	const char *id; /* as --keyid has it, NULL: not given */
	struct tpm_access tpm;
	struct tpmsign *in_tpm; /* set by sign_key_read(): NULL if the key is not in a TPM; belongs to the signer */
};

/* IMACTL_OK and *@ret for signer_free(); or an exit code, and why is told. Asks the terminal for a password. */
int sign_key_read(struct sign_key *k, struct signer **ret);

/* What to say of a signature that could not be made; @ret may be used for it. NULL: nothing but strerror(). */
const char *sign_key_why(const struct sign_key *k, int r, char ret[TPMSIGN_ERROR_MAX]);

#define PASSWORD_MAX 1024

/* The first line of a file, or else what EVMCTL_KEY_PASSWORD says. IMACTL_OK also if there is none: then it is "". */
int sign_password(const char *pass_file, char ret[PASSWORD_MAX]);

/* Asks the terminal. IMACTL_OK, or an exit code, and why is told. */
int sign_ask_password(const char *key, char ret[PASSWORD_MAX]);

/*
 * sign_tpm.c: a key in the TPM: loaded from the file @pem, or with NULL the one at @handle. It has signed once when
 * this returns, so that a wrong password is told once. As sign_key_read(); @certs: as signer_new().
 */
int sign_tpm(struct sign_key *k, const struct buf *pem, uint32_t handle, char password[PASSWORD_MAX], const struct keyring *certs,
	     struct signer **ret);

/* Connected, with the owner's password. */
int sign_tpm_open(const struct tpm_access *a, struct tpmsign **ret);
/* A signer whose key is that of @t, which it owns on success. */
int sign_tpm_signer(struct tpmsign *t, const char *name, const struct keyring *certs, struct signer **ret);
/* "0x81010001": 0, or -EINVAL: no persistent handle. */
int sign_tpm_handle(const char *text, uint32_t *ret);

/* sign_store.c: by a provider of libcrypto. As sign_key_read(). */
int sign_store(const struct sign_key *k, char password[PASSWORD_MAX], const struct keyring *certs, struct signer **ret);

/* sign_file.c: @sig as the file @path.sig, all or nothing. No link on the way is followed. 0 or negative errno. */
int sign_write_beside(const char *path, const void *sig, size_t n);
int sign_remove_beside(const char *path);
/* What is in it: its length, 0 if there is none, or negative errno. */
ssize_t sign_read_beside(const char *path, void *sig, size_t size);

/* sign_evm.c: 1: signed, 0: it was, 2: left as it is; or negative errno, which sign_evm_why() words. */
struct sign_evm {
	const struct signer *signer;
	const struct algo *algo;
	enum evm_type type;
	unsigned int version;
	bool dry_run, only_missing;
};
int sign_evm(const struct sign_evm *s, int fd);
const char *sign_evm_why(int r);

#endif
