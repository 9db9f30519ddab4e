/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of security.ima, and of the .sig files of evmctl, which have the same bytes.
 * Layout: struct evm_ima_xattr_data, struct signature_v2_hdr in
 * security/integrity/integrity.h; evmctl's imaevm.h.
 */
#ifndef IMAD_LABEL_H
#define IMAD_LABEL_H

#include <stdbool.h>

#include <imad/algo.h>

enum label_kind {
	LABEL_NONE,	 /* there is none */
	LABEL_HASH,	 /* types 1 and 4 */
	LABEL_SIGNATURE, /* type 3 */
	LABEL_VERITY,	 /* type 6: over the fs-verity digest */
	LABEL_UNKNOWN,	 /* anything else: never valid */
};

struct label {
	enum label_kind kind;
	uint8_t type;	 /* first byte; not of LABEL_NONE */
	uint8_t algo;	 /* enum hash_algo of the digest that is in it or was signed */
	uint8_t version; /* of a signature: 2 or 3, or one that nobody knows */
	uint32_t keyid;	 /* of a signature: the last four bytes of the key's id */
	const uint8_t *bytes; /* the digest or the signature; borrowed */
	size_t n;
};

/*
 * Take @n bytes apart. What is none of the known forms, or does not hold what its
 * head says, is LABEL_UNKNOWN; 0 bytes are LABEL_NONE. The rest of *@ret is valid for
 * hashes and signatures only. A hash may be longer than its algorithm needs, as in
 * the kernel; a signature must have just the length that it says.
 */
void label_decode(const void *p, size_t n, struct label *ret);

/* Whether it is a hash and that of @digest: the same algorithm and the same bytes. */
bool label_has_digest(const struct label *l, const struct digest *digest);

#define LABEL_HASH_MAX (2 + DIGEST_MAX)
/* The hash label that the kernel's IMA would write: type 1 up to SHA-1, else type 4. Returns its length. */
size_t label_encode_hash(const struct digest *digest, uint8_t ret[LABEL_HASH_MAX]);

#endif
