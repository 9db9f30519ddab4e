/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of a TPM that are kept in files: the PEM text "TSS2 PRIVATE KEY" of
 * draft-bottomley-tpm2-keys, which the kernel's trusted keys and the OpenSSL providers for TPMs
 * use too. The private part can be read only by the TPM that made it. Text in, parts out.
 */
#ifndef IMAD_TPMBLOB_H
#define IMAD_TPMBLOB_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/buf.h>

#define TPMBLOB_PARENT_OWNER 0x40000001u /* TPM_RH_OWNER: the primary key of the owner hierarchy */
#define TPMBLOB_PCRS_MAX     24

enum tpmblob_type { TPMBLOB_LOADABLE, TPMBLOB_SEALED };

/* Zero-initialised holds nothing. */
struct tpmblob {
	enum tpmblob_type type;
	bool empty_auth; /* no password is wanted */
	/* A handle: 0x81... of a persistent key; or 0x40... of a hierarchy: the primary key on P-256 in it, of the draft's template (3.1.8). */
	uint32_t parent;
	struct buf public, private; /* TPM2B_PUBLIC and TPM2B_PRIVATE, with their sizes in front; what is in them is not looked at */
	/*
	 * What it wants, either may be empty: TPM2_PolicyAuthorize without a reference by this key (TPM2B_PUBLIC), which may
	 * approve of any policy; then TPM2_PolicyPCR with these parameters.
	 */
	struct buf authority, policy;
};

/* What a TPM2_PolicyPCR asks for: PCRs of one bank. */
struct tpmblob_pcrs {
	uint8_t bank;  /* enum hash_algo */
	uint32_t pcrs; /* a bit each */
	struct digest digest; /* SHA-256 over their values, ascending */
};

/* Whether @text, NUL-terminated, holds such an object. */
bool tpmblob_is(const char *text);

/*
 * The first such object in @n bytes of PEM text. 0, -ENOMEM, or -EBADMSG with *@why (a fixed text): none, damaged, or
 * of a kind that imad does not use (importable keys, policies other than these two commands, an RSA primary
 * key as the parent). @ret is untouched then, and else for tpmblob_done().
 */
int tpmblob_parse(const char *pem, size_t n, struct tpmblob *ret, const char **why);
void tpmblob_done(struct tpmblob *b);

/* Append the PEM text. 0, -ENOMEM or -EIO. */
int tpmblob_format(const struct tpmblob *b, struct buf *out);

/* That of PCRs as parameters of the command (TPM 2.0 part 3, 23.7), and back: 0, -ENOMEM, or -EBADMSG with *@why. */
int tpmblob_set_policy(struct tpmblob *b, const struct tpmblob_pcrs *p);
int tpmblob_get_policy(const struct tpmblob *b, struct tpmblob_pcrs *ret, const char **why);

/* Whether anything but the right TPM is wanted. */
bool tpmblob_has_policy(const struct tpmblob *b);

/* What such a command has of the values of these PCRs. 0, or as digest_buf(). */
int tpmblob_values_digest(uint32_t pcrs, const struct digest values[TPMBLOB_PCRS_MAX], struct digest *ret);

/* The policy digest of TPM2_PolicyPCR alone: what the authority signs to approve of these values. 0, -EBADMSG, or as digest_buf(). */
int tpmblob_pcrs_digest(const struct tpmblob_pcrs *p, struct digest *ret);

/* What an object's authPolicy is to be, so that only what it wants opens it. 0, -EBADMSG, or as digest_buf(). */
int tpmblob_policy_digest(const struct tpmblob *b, struct digest *ret);

#endif
