/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of imactl sign share: the key, and where signatures go. */
#ifndef IMACTL_SIGN_H
#define IMACTL_SIGN_H

#include <imad/evm.h>
#include <imad/signature.h>

#include "imactl.h"

/* sign_key.c: the private key as the options name it. */
struct sign_key {
	const char *file, *cert, *pass_file;
	const char *id; /* as --keyid has it, NULL: not given */
};

/* IMACTL_OK and *@ret for signer_free(); or an exit code, and why is told. Asks the terminal for a password. */
int sign_key_read(const struct sign_key *k, struct signer **ret);

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
