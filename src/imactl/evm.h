/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that use this machine's EVM key share. */
#ifndef IMACTL_EVM_H
#define IMACTL_EVM_H

#include <imad/evm.h>
#include <imad/machinekey.h>
#include <imad/metadata.h>

#include "imactl.h"
#include "sign.h"

/* Where the key is, and how it is to be kept, as options say. */
struct evm_options {
	const char *statedir, *tcti;
	const char *pcrs;			     /* "[BANK:]N,N...", NULL: not given */
	const char *public_key;			     /* PEM of who may approve of other values */
	const struct buf *authority;		     /* the same from another key's file */
	struct sign_key key;			     /* of approve */
	const char *out;			     /* of approve: another file */
	const char *key_file, *credential;	     /* in the TPM's stead */
	const char *recovery_file;		     /* the passphrase; NULL: it is asked for */
	const char *from;			     /* of recover: another file than evm.key */
	const char *id;				     /* of check: the key that it must be, hex */
	bool without_recovery, json;
	bool keep_old, finish; /* of rekey */
	unsigned int threads;
};
#define EVM_OPTIONS_INIT { .statedir = IMAD_STATEDIR, .tcti = MACHINEKEY_TCTI }

/* Of commands that use the key and do not make it. */
#define EVM_OPTIONS                                      \
	{ "statedir", required_argument, NULL, 1101 }, \
	{ "tcti", required_argument, NULL, 1102 },     \
	{ "evm-id", required_argument, NULL, 1103 }
bool evm_option(struct evm_options *o, int c, char *value); /* whether getopt_long()'s @c was one of them */

/* Both keys as the room evm wants them; borrows from @from. */
struct evm_pair {
	struct evm_key key[2];
	unsigned int n;
};
void evm_pair(const struct machinekeys *from, struct evm_pair *ret);

/* evm_key.c */
/* "[BANK:]N,N..."; with @values also "N=HEX", the others are left as they are: IMACTL_OK, or IMACTL_USAGE, and why is told. */
int evm_take_pcrs(const char *text, struct tpmblob_pcrs *p, struct digest *values);
/* The recovery passphrase, from its file or the terminal (@twice when it is a new one), as text in locked memory. */
int evm_take_passphrase(const struct evm_options *o, bool twice, const char *of, struct secret *ret);
/* Have @key kept as the options say; @k's recovery copy is left alone. IMACTL_OK or an exit code. */
int evm_keep(const struct evm_options *o, const struct secret *key, struct evmkey *k);
/* With a copy under a passphrase, if the options want one. */
int evm_wrap(const struct evm_options *o, const struct secret *key, struct evmkey *k);
/* A new key with all that. */
int evm_make(const struct evm_options *o, struct secret *key, struct evmkey *k);

/*
 * Both keys of this machine. IMACTL_OK; or @code, and why is told. If there need not be one (@or_none), none is told of;
 * but one that is there and cannot be had always is.
 */
int evm_load(const struct evm_options *o, int code, bool or_none, struct machinekeys *ret);
/* Bound as @k is, to the values of now, unless the options say something else; @text holds the PCRs, @k must outlive @o. */
void evm_same_policy(const struct evmkey *k, struct evm_options *o, char text[256]);
/* Whether the kernel's own EVM has a key for HMACs, so that it makes and asks them itself. */
bool evm_of_kernel(void);

/* The subcommands of evm: rows of the table in cmd_evm.c. argv[0] is the program, as for getopt. */
int evm_init(const struct evm_options *o, int argc, char **argv);
int evm_recover(const struct evm_options *o, int argc, char **argv);
int evm_status(const struct evm_options *o, int argc, char **argv);
int evm_rekey(const struct evm_options *o, int argc, char **argv);
int evm_approve(const struct evm_options *o, int argc, char **argv);

/*
 * label_evm.c: imad's HMAC of one file whose label is to become @label. Begin before it is set, end after it was: in between
 * both states pass, and nothing else does. A file with a signature in security.evm is left alone.
 */
struct label_evm {
	struct evm_pair keys;
	bool force, dry_run;
	const struct imactl *ctl; /* the daemon, which lets nobody but itself set HMACs while it enforces them */
};
struct label_evm_work {
	struct metadata before;
	struct evm_value label;
	bool leave, right;
};
/* 0; -EBADMSG: it has an HMAC that is not right, and not @force; -ENXIO, -EBUSY or another negative errno. */
int label_evm_begin(const struct label_evm *e, int fd, const uint8_t *label, size_t n, struct label_evm_work *w);
/* 1: written (or to be), 0: it was right, or is left alone; or negative errno. */
int label_evm_end(const struct label_evm *e, int fd, const struct label_evm_work *w);
void label_evm_done(struct label_evm_work *w);

#endif
