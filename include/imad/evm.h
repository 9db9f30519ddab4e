/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of security.evm, and what it vouches for: the values of the security xattrs
 * and the metadata of one inode, as the kernel's EVM takes them together
 * (security/integrity/evm/evm_crypto.c). Bytes in, bytes or a status out.
 */
#ifndef IMAD_EVM_H
#define IMAD_EVM_H

#include <imad/label.h>
#include <imad/signature.h>

/* Its first byte; signatures of both types have the header of a label. */
enum evm_type {
	EVM_HMAC = 2,	   /* of this machine, by SHA-1; only the kernel writes it */
	EVM_SIGNATURE = 3, /* of this inode of this filesystem; the kernel makes an HMAC of it where it has a key */
	EVM_PORTABLE = 5,  /* of the file wherever it is: neither inode nor filesystem; needs security.ima */
};

/* The xattrs in the order in which their values are taken. */
#define EVM_XATTRS(X)                                     \
	X(SELINUX, "security.selinux")                    \
	X(SMACK, "security.SMACK64")                      \
	X(SMACK_EXEC, "security.SMACK64EXEC")             \
	X(SMACK_TRANSMUTE, "security.SMACK64TRANSMUTE")   \
	X(SMACK_MMAP, "security.SMACK64MMAP")             \
	X(APPARMOR, "security.apparmor")                  \
	X(IMA, "security.ima")                            \
	X(CAPS, "security.capability")

#define EVM_XATTR_ENUM(name, text) EVM_##name,
enum evm_xattr { EVM_XATTRS(EVM_XATTR_ENUM) EVM_XATTR_COUNT };

/*
 * Those that a kernel covers in types 2 and 3 depend on what it was built with; these are
 * evmctl's too. Portable signatures cover all of them.
 */
#define EVM_ENABLED_USUAL (1u << EVM_SELINUX | 1u << EVM_SMACK | 1u << EVM_APPARMOR | 1u << EVM_IMA | 1u << EVM_CAPS)

#define EVM_KEY_MAX 128 /* bytes of an HMAC key; a shorter one is filled up with zeros, as by the kernel */
#define EVM_UUID_SIZE 16

struct evm_value {
	const uint8_t *bytes; /* NULL: the inode has no such xattr */
	size_t n;
};

/* What is known of one inode. */
struct evm_input {
	struct evm_value xattr[EVM_XATTR_COUNT];
	uint32_t enabled; /* a bit each of enum evm_xattr, for types 2 and 3 */
	uint64_t ino;
	uint32_t generation, uid, gid;
	uint16_t mode; /* with the file type */
	uint8_t uuid[EVM_UUID_SIZE];
	bool has_generation, has_uuid; /* false: the filesystem does not tell, so that only portable digests can be made */
};

const char *evm_xattr_name(enum evm_xattr x);

/*
 * What @n bytes of security.evm say, in the terms of a label: of type 2 the HMAC, else a
 * signature. One of a version other than 2 and 3 is no error: only its version is known then.
 * 0, or -EBADMSG with *@why (a fixed text; may be NULL).
 */
int evm_decode(const void *p, size_t n, struct label *ret, const char **why);

/*
 * The digest that a signature of @type is over. 0; -ENODATA: none of the covered xattrs is
 * there; -EPERM: portable, and there is no security.ima; -ENXIO: the filesystem does not
 * tell what this type needs; -EINVAL; or as digest_stream_new().
 */
int evm_digest(const struct evm_input *in, enum evm_type type, const struct algo *algo, struct digest *ret);

/* The HMAC by a key of at most EVM_KEY_MAX bytes (else -EINVAL); the kernel's is by SHA-1. Returns as evm_digest(). */
int evm_hmac(const struct evm_input *in, const struct algo *algo, const void *key, size_t n, struct digest *ret);

/*
 * imad's own HMACs. Where the kernel has CONFIG_EVM, only the kernel writes type 2 of security.evm, so they are in an
 * xattr of their own: u8 version (1), u8 kernel id of the hash, u8 number of MACs (1 or 2), u8 0, the first 4 bytes of the
 * key's id, then the MACs. A MAC is evm_hmac() of all xattrs above, whatever a kernel was built with. Two are there while
 * something changes: of before and of after, so that a crash between them locks nobody out, and nothing else passes.
 */
#define EVM_MAC_XATTR  "security.imad.evm"
#define EVM_MAC_ID     4
#define EVM_MAC_HEADER (4 + EVM_MAC_ID)
#define EVM_MAC_MAX    (EVM_MAC_HEADER + 2 * DIGEST_MAX)

/* A key by which HMACs are made and verified; borrowed. */
struct evm_key {
	const uint8_t *id; /* EVM_MAC_ID bytes or more */
	const uint8_t *bytes;
	size_t n;
};

/* A view of a value. */
struct evm_mac {
	const struct algo *algo;
	const uint8_t *id;
	unsigned int n;
	const uint8_t *mac[2];
};

/* 0, or -EBADMSG with *@why (a fixed text; may be NULL). */
int evm_mac_decode(const void *p, size_t n, struct evm_mac *ret, const char **why);

/* The MAC of @in. As evm_hmac(). */
int evm_mac_make(const struct evm_key *key, const struct evm_input *in, const struct algo *algo, struct digest *ret);

/* The value for @n (1 or 2) MACs by @key, all by one algorithm. Its length. */
size_t evm_mac_encode(const struct evm_key *key, const struct digest *macs, unsigned int n, uint8_t out[EVM_MAC_MAX]);

/* The kernel's words, as in its records of type 1801. */
#define EVM_STATUSES(X)                      \
	X(PASS, "pass")                      \
	X(PASS_IMMUTABLE, "pass_immutable")  \
	X(FAIL, "fail")                      \
	X(FAIL_IMMUTABLE, "fail_immutable")  \
	X(NO_LABEL, "no_label") /* there are xattrs to vouch for, and no security.evm */ \
	X(NO_XATTRS, "no_xattrs")            \
	X(UNKNOWN, "unknown") /* it cannot be told here: see evm_result.why */

#define EVM_STATUS_ENUM(name, text) EVM_##name,
enum evm_status { EVM_STATUSES(EVM_STATUS_ENUM) EVM_STATUS_COUNT };

const char *evm_status_text(enum evm_status s);

/* What vouches: certificates of signatures, and the machine's key, if it is at hand. */
struct evm_keys {
	const struct keyring *ring;
	const void *hmac; /* of type 2; NULL: not at hand, and an HMAC is EVM_UNKNOWN */
	size_t n_hmac;
	const struct evm_key *own; /* of imad's HMACs: any of them will do */
	unsigned int n_own;
};

struct evm_result {
	enum evm_status status;
	const char *why;       /* a fixed text beside the status, or NULL */
	struct label label;    /* type 0: there is none, or it is damaged; points into the value */
	int signature;	       /* enum signature_verdict of one that was verified, else -1 */
	const struct key *key; /* of that id, or NULL */
	bool by_mac;	       /* it was imad's own HMAC that decided, or that is missing */
	int own;	       /* the number of the key that it is right by, else -1 */
};

/*
 * Whether security.evm, the @n bytes at @p (NULL: there is none), vouches for @in. 0 and
 * *@ret, -ENOMEM or -EIO.
 */
int evm_verify(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, struct evm_result *ret);

/* The same of imad's own HMAC, the value of EVM_MAC_XATTR. */
int evm_verify_mac(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, struct evm_result *ret);

/*
 * The same of both: a signature in security.evm (@p) decides, and so does what is no value of it; else imad's HMAC (@mac), where
 * there is a key for it, whatever the kernel's says.
 */
int evm_verify_both(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, const void *mac, size_t n_mac,
		    struct evm_result *ret);

#endif
