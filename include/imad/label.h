/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of security.ima: a digest, or a signature with its header. Formats:
 * security/integrity/integrity.h (struct evm_ima_xattr_data, ima_digest_data,
 * signature_v2_hdr). Bytes in, bytes out.
 */
#ifndef IMAD_LABEL_H
#define IMAD_LABEL_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/buf.h>

/* Its first byte. PORTABLE is only in security.evm. */
enum label_type {
	LABEL_DIGEST = 1,    /* MD5 or SHA-1, told apart by the length */
	LABEL_SIGNATURE = 3,
	LABEL_DIGEST_NG = 4, /* names its algorithm */
	LABEL_PORTABLE = 5,
	LABEL_VERITY = 6,    /* a signature, of a file's fs-verity digest */
};

#define LABEL_DIGEST_MAX (2 + DIGEST_MAX) /* bytes of the longest value that holds a digest */
#define LABEL_SIGNATURE_HEADER 9	  /* bytes before the signature proper, versions 2 and 3 */
#define LABEL_SIGNATURE_MAX 65535	  /* what the header's length field can say */

/* A view of a value: @bytes point into it. */
struct label {
	uint8_t type;		 /* enum label_type: of security.ima 1, 3, 4 or 6 */
	uint8_t version;	 /* of a signature, else 0 */
	const struct algo *algo; /* NULL: it does not say (type 1 of an odd length: the default hash; other versions) */
	uint32_t key_id;	 /* of a signature of version 2 or 3, else 0 */
	const uint8_t *bytes;	 /* the digest or signature; of an unknown version all that follows the version */
	size_t len;
};

/*
 * What @n bytes of security.ima say. A digest may have bytes behind it, as the
 * kernel allows; a signature must be as long as its header says. A signature of a
 * version other than 2 and 3 is no error: only its version is known then.
 * Returns 0, or -EBADMSG with *@why (a fixed text; @why may be NULL).
 */
int label_decode(const void *p, size_t n, struct label *ret, const char **why);

/* The same of a signature by its header alone, whatever its type is: what both security.ima and security.evm hold. */
int label_decode_signature(const uint8_t *p, size_t n, struct label *ret, const char **why);

/*
 * The hash algorithm that a value asks for, well-formed or not, by the kernel's
 * rule (ima_get_hash_algo()); NULL: none, the default is taken.
 */
const struct algo *label_algo(const void *p, size_t n);

bool label_is_signature(const struct label *l);

/* Whether a label of type 1 or 4 holds @d (a label that does not say its algorithm: any). */
bool label_holds(const struct label *l, const struct digest *d);

/* The value for a digest, type 1 up to SHA-1 and else 4. Returns its length. */
size_t label_encode_digest(const struct digest *d, uint8_t out[LABEL_DIGEST_MAX]);

/*
 * Append the value of a signature of version 2 or 3: header and @l->bytes. 0, -ENOMEM,
 * or -EINVAL when it is none, lacks an algorithm, or has no or too many bytes.
 */
int label_encode_signature(const struct label *l, struct buf *out);

/* Append one line for people, without newline: "signature v2 sha256 key 857d8ee8, 256 bytes". 0 or -ENOMEM. */
int label_print(const struct label *l, struct buf *out);

#endif
