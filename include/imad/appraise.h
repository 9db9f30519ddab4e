/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was found of a file's label, and whether that is enough for what the rules
 * ask. The daemon finds, once a content; BPF and daemon judge, at each use and for each
 * rule. Semantics: ima_appraise_measurement() and xattr_verify() in ima_appraise.c.
 */
#ifndef IMAD_APPRAISE_H
#define IMAD_APPRAISE_H

#include <imad/abi.h>

/* Causes in the kernel's words; the last ones are imad's own. */
#define IMAD_CAUSES(X)                                                                            \
	X(PASS, "pass")                                                                           \
	X(MISSING_HASH, "missing-hash")                                                           \
	X(SIGNATURE_REQUIRED, "IMA-signature-required")                                           \
	X(VERITY_REQUIRED, "verity-signature-required")                                           \
	X(SIGV3_REQUIRED, "IMA-sigv3-required")                                                   \
	X(INVALID_HASH, "invalid-hash")                                                           \
	X(INVALID_SIGNATURE, "invalid-signature")                                                 \
	X(INVALID_VERSION, "invalid-signature-version")                                           \
	X(INVALID_VERITY, "invalid-verity-signature")                                             \
	X(UNKNOWN_DATA, "unknown-ima-data")                                                       \
	X(NO_VERITY, "no-verity-digest") /* a rule asks for it */                                 \
	X(DENIED_ALGORITHM, "denied-hash-algorithm")                                              \
	X(MPROTECT, "failed-mprotect")                                                            \
	X(NOT_APPRAISED, "not-appraised") /* unknown yet and not to be held: the next try may pass */ \
	X(UNSEALED, "not-sealed") /* a program in memory that somebody may still change */        \
	X(WRITERS, "open-writers")	  /* somebody can change what is to be executed */        \
	X(IMMUTABLE, "immutable-signed-file") /* opened for write */                              \
	X(UNVERIFIABLE, "unverifiable-signature") /* a filesystem that may give other content each time */ \
	X(FAILED, "failed")		  /* content or label could not be read */                \
	X(NO_FILE, "no-file")		  /* content from memory, that no label can vouch for */   \
	X(DENIED, "blacklisted-hash")	  /* its digest is on the deny list, whatever the label says */ \
	X(PROTECTED, "protected-label")	  /* appraise.protect_labels: only imad and imactl change it */     \
	X(MISSING_HMAC, "missing-HMAC") /* of security.evm: labels and metadata that nothing vouches for */ \
	X(INVALID_HMAC, "invalid-HMAC") /* ... or not what is there now */ \
	X(INVALID_IMMUTABLE, "invalid-fail-immutable") /* ... by a portable signature */ \
	X(UNVERIFIABLE_HMAC, "unverifiable-HMAC") /* ... without the key that could tell */

#define IMAD_CAUSE_ENUM(name, text) IMAD_CAUSE_##name,
enum imad_cause { IMAD_CAUSES(IMAD_CAUSE_ENUM) IMAD_CAUSE_COUNT };

/* struct imad_verdict.found: kind of label, whether it is right, version of a signature, hash algorithm. */
#define IMAD_LABEL_NONE 0
#define IMAD_LABEL_HASH 1
#define IMAD_LABEL_SIGNATURE 2
#define IMAD_LABEL_VERITY 3
#define IMAD_LABEL_UNKNOWN 4
#define IMAD_LABEL_FAILED 5 /* it could not be found out */
#define IMAD_FOUND_GOOD 0x10u
#define IMAD_FOUND_VERSION_BAD 0x20u /* of a signature, that nobody knows */
#define IMAD_FOUND_DENIED 0x40u /* the content is on the deny list */
#define IMAD_FOUND_MODSIG 0x80u /* an appended signature is there, and where rules allow it, counts in the label's stead */
#define IMAD_FOUND_MODSIG_GOOD 0x4000000u /* ... and is right */
#define IMAD_FOUND_VERITY 0x8000000u	  /* the file has an fs-verity digest */
#define IMAD_FOUND_VERITY_GOOD 0x10000000u /* ... and with that in place of the content's the label is right */
/* Of a state that is kept, not in a verdict: that there is one, and that it is of a file made by who has it open. */
#define IMAD_FOUND_KNOWN 0x1000000u
#define IMAD_FOUND_NEW 0x2000000u
/* What vouches for label and metadata, and whether it is right: three bits. None: it was not asked. */
enum imad_evm {
	IMAD_EVM_NONE,
	IMAD_EVM_PASS,	    /* an HMAC */
	IMAD_EVM_SIGNED,    /* a signature over this inode */
	IMAD_EVM_IMMUTABLE, /* a portable signature */
	IMAD_EVM_MISSING,
	IMAD_EVM_INVALID,
	IMAD_EVM_INVALID_IMMUTABLE,
	IMAD_EVM_UNVERIFIABLE,
};
#define IMAD_FOUND_EVM(evm) ((__u32)(evm) << 29)
#define IMAD_EVM(found) ((found) >> 29)
#define IMAD_FOUND(kind, version, algo) ((__u32)(kind) | (__u32)(version) << 8 | (__u32)(algo) << 16)
#define IMAD_FOUND_KIND(found) ((found) & 0xf)
#define IMAD_FOUND_VERSION(found) ((found) >> 8 & 0xff)
#define IMAD_FOUND_ALGO(found) ((found) >> 16 & 0xff)

/* A label of a digest or of a signature over one: the digest that the rules ask for. */
static inline __attribute__((__always_inline__)) int imad_is_right(__u32 opts, __u32 found)
{
	return (found & (opts & IMAD_OPT_VERITY ? IMAD_FOUND_VERITY_GOOD : IMAD_FOUND_GOOD)) != 0;
}

static inline __attribute__((__always_inline__)) __u32 imad_judge_signature(__u32 opts, __u32 found)
{
	if ((opts & IMAD_OPT_VERITY) && (opts & IMAD_OPT_SIGNED))
		return IMAD_CAUSE_VERITY_REQUIRED;
	if ((opts & IMAD_OPT_SIGV3) && IMAD_FOUND_VERSION(found) != 3)
		return IMAD_CAUSE_SIGV3_REQUIRED;
	if (found & IMAD_FOUND_VERSION_BAD)
		return IMAD_CAUSE_INVALID_VERSION;
	return imad_is_right(opts, found) ? IMAD_CAUSE_PASS : IMAD_CAUSE_INVALID_SIGNATURE;
}

static inline __attribute__((__always_inline__)) __u32 imad_judge_verity(__u32 opts, __u32 found)
{
	if ((opts & IMAD_OPT_SIGNED) && !(opts & IMAD_OPT_VERITY))
		return IMAD_CAUSE_SIGNATURE_REQUIRED;
	if (found & IMAD_FOUND_VERSION_BAD)
		return IMAD_CAUSE_INVALID_VERSION;
	return (opts & IMAD_OPT_VERITY) && (found & IMAD_FOUND_GOOD) ? IMAD_CAUSE_PASS : IMAD_CAUSE_INVALID_VERITY;
}

static inline __attribute__((__always_inline__)) __u32 imad_judge_label(__u32 opts, __u32 found)
{
	__u32 without = !(opts & IMAD_OPT_SIGNED) ? IMAD_CAUSE_PASS :
			opts & IMAD_OPT_VERITY	  ? IMAD_CAUSE_VERITY_REQUIRED : IMAD_CAUSE_SIGNATURE_REQUIRED;

	if ((opts & IMAD_OPT_VERITY) && !(found & IMAD_FOUND_VERITY) && IMAD_FOUND_KIND(found) != IMAD_LABEL_FAILED)
		return IMAD_CAUSE_NO_VERITY;
	switch (IMAD_FOUND_KIND(found)) {
	case IMAD_LABEL_NONE:
		return without != IMAD_CAUSE_PASS ? without : IMAD_CAUSE_MISSING_HASH;
	case IMAD_LABEL_HASH:
		if (without != IMAD_CAUSE_PASS)
			return without;
		return imad_is_right(opts, found) ? IMAD_CAUSE_PASS : IMAD_CAUSE_INVALID_HASH;
	case IMAD_LABEL_SIGNATURE:
		return imad_judge_signature(opts, found);
	case IMAD_LABEL_VERITY:
		return imad_judge_verity(opts, found);
	case IMAD_LABEL_FAILED:
		return IMAD_CAUSE_FAILED;
	default:
		return IMAD_CAUSE_UNKNOWN_DATA;
	}
}

static inline __attribute__((__always_inline__)) __u32 imad_judge_evm(__u32 found)
{
	switch (IMAD_EVM(found)) {
	case IMAD_EVM_MISSING:
		return IMAD_CAUSE_MISSING_HMAC;
	case IMAD_EVM_INVALID:
		return IMAD_CAUSE_INVALID_HMAC;
	case IMAD_EVM_INVALID_IMMUTABLE:
		return IMAD_CAUSE_INVALID_IMMUTABLE;
	case IMAD_EVM_UNVERIFIABLE:
		return IMAD_CAUSE_UNVERIFIABLE_HMAC;
	default:
		return IMAD_CAUSE_PASS;
	}
}

/* Causes of EVM's: with evm = log they deny nothing. */
static inline __attribute__((__always_inline__)) int imad_is_evm(__u32 cause)
{
	return cause >= IMAD_CAUSE_MISSING_HMAC && cause <= IMAD_CAUSE_UNVERIFIABLE_HMAC;
}

/*
 * enum imad_cause: whether @found satisfies rules whose options together are @opts
 * (IMAD_OPT_*) and whose appraise_algos= are @algos (bit per enum hash_algo; 0: any).
 * As in the kernel EVM comes first, because without it a label is worth nothing; but where
 * it is only told of, what the label itself fails by must not be hidden by that.
 */
static inline __attribute__((__always_inline__)) __u32 imad_judge(__u32 opts, __u32 algos, __u32 found)
{
	__u32 kind = IMAD_FOUND_KIND(found), evm = imad_judge_evm(found), cause;

	if (IMAD_EVM(found) == IMAD_EVM_IMMUTABLE && kind == IMAD_LABEL_HASH)
		opts &= ~(__u32)IMAD_OPT_SIGNED; /* the signature is over that hash */
	cause = imad_judge_label(opts, found);
	if (found & IMAD_FOUND_DENIED) /* whatever else vouches for it */
		return IMAD_CAUSE_DENIED;
	if (evm != IMAD_CAUSE_PASS && !(opts & IMAD_OPT_EVM_TOLD) && kind != IMAD_LABEL_NONE && kind != IMAD_LABEL_FAILED)
		return evm;
	if ((opts & IMAD_OPT_MODSIG) && (found & IMAD_FOUND_MODSIG) && cause != IMAD_CAUSE_NO_VERITY)
		cause = found & IMAD_FOUND_MODSIG_GOOD ? IMAD_CAUSE_PASS : IMAD_CAUSE_INVALID_SIGNATURE;
	if (cause == IMAD_CAUSE_PASS && algos && !(algos >> IMAD_FOUND_ALGO(found) & 1))
		return IMAD_CAUSE_DENIED_ALGORITHM;
	return cause == IMAD_CAUSE_PASS && kind != IMAD_LABEL_NONE ? evm : cause;
}

#endif
