/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The EVM key of this machine: the files that keep it, in one folder, and the bare key in
 * memory. "evm.key" is the key in force. "evm.key.next" is there while imactl evm rekey is under
 * way: HMACs by either are right then, and new ones are made by the next.
 */
#ifndef IMAD_MACHINEKEY_H
#define IMAD_MACHINEKEY_H

#include <imad/evmkey.h>
#include <imad/pcrsig.h>
#include <imad/secret.h>

#define MACHINEKEY_FILE	     "evm.key"
#define MACHINEKEY_NEXT	     "evm.key.next"
#define MACHINEKEY_APPROVALS "evm.approvals.json" /* room pcrsig; systemd's files of that kind count as well */
#define MACHINEKEY_TCTI "device:/dev/tpmrm0"

/* Why something failed: one line in English. */
struct machinekey_why {
	char text[512];
};

/* The keys by which HMACs are right, the one that makes new ones first. Zero-initialised: none. */
struct machinekeys {
	unsigned int n;
	struct {
		uint8_t id[EVMKEY_ID_SIZE];
		struct secret key;
	} key[2];
};

/*
 * Both files of @dir, unsealed by the TPM at @tcti where they say so. 0 and keys for machinekeys_done();
 * -ENOENT: there is no evm.key, so this machine has no HMACs of imad; or with *@why as machinekey_read() and
 * machinekey_reveal(). All or nothing.
 */
int machinekeys_load(const char *dir, const char *tcti, struct machinekeys *ret, struct machinekey_why *why);
void machinekeys_done(struct machinekeys *k);

/* One file, without asking a TPM. 0 and *@ret for evmkey_done(), -ENOENT, -EBADMSG: damaged; or another negative errno. */
int machinekey_read(const char *dir, const char *name, struct evmkey *ret, struct machinekey_why *why);

/* Put the file there, for root only and durable, all or nothing. 0 or negative errno. */
int machinekey_write(const char *dir, const char *name, const struct evmkey *k, struct machinekey_why *why);

/* The next key is the one in force from now on, the old one is gone: durable, all or nothing. 0 or negative errno. */
int machinekey_advance(const char *dir, struct machinekey_why *why);

/*
 * The bare key. @dir has the approvals, if there are any. 0 and *@ret for secret_done(); or -ENODEV: no TPM; -ESTALE: another
 * TPM, or it was cleared; -EKEYREJECTED: a PCR has changed, and *@why names it, nobody approved of what they are, or the key is
 * not that of the file's id; -EBADMSG: what was sealed is damaged; -EIO, -ENOMEM; of a file or credential also its negative errno.
 */
int machinekey_reveal(const char *dir, const struct evmkey *k, const char *tcti, struct secret *ret, struct machinekey_why *why);

/*
 * Seal @key by the TPM, to @pcrs (a bit each, may be none) of @bank and to what @k->blob.authority approves of, if it is set.
 * Fills all else of @k but the recovery copy. 0 or negative errno.
 */
int machinekey_seal(const struct secret *key, const char *tcti, uint8_t bank, uint32_t pcrs, struct evmkey *k,
		    struct machinekey_why *why);

/* Name the place where the bare key is: an absolute path or a credential's name. Fills as above. */
int machinekey_point(const struct secret *key, enum evmkey_source source, const char *place, struct evmkey *k,
		     struct machinekey_why *why);

/* The PCRs @pcrs (a bit each) of @bank, the others of size 0. 0; -ENOENT: no such bank; or as tpm_open() and tpm_pcr_read(). */
int machinekey_read_pcrs(const char *tcti, uint8_t bank, uint32_t pcrs, struct digest ret[TPMBLOB_PCRS_MAX], struct machinekey_why *why);

/* A file of approvals, behind those of @ret. 0, -ENOENT (without a text), or negative errno. */
int machinekey_approvals(const char *path, struct pcrsigs *ret, struct machinekey_why *why);

/* Read the 32 bytes of a path, or of a credential in $CREDENTIALS_DIRECTORY. As machinekey_reveal(). */
int machinekey_read_bare(enum evmkey_source source, const char *place, struct secret *ret, struct machinekey_why *why);

#endif
