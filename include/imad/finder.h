/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is to find of the label of one open file: read it, say whether the content
 * must be hashed for it, then compare. Never opens a path.
 */
#ifndef IMAD_FINDER_H
#define IMAD_FINDER_H

#include <imad/digest.h>
#include <imad/label.h>
#include <imad/trust.h>

/* Zero-initialised is no label. */
struct finder {
	uint8_t *bytes; /* of security.ima */
	size_t n;
	bool damaged;	    /* the bytes do not hold what they say, and @label is void */
	struct label label; /* points into them */
};

/* Read security.ima of @fd. 0 (also if it has none), -ENOMEM, or -errno of fgetxattr. */
int finder_read(int fd, struct finder *f);
void finder_done(struct finder *f);

/* The algorithm in which the label is of the content's digest; NULL: it is none of that. */
const struct algo *finder_needs_digest(const struct finder *f);

/*
 * All algorithms in which finder_found() needs digests of the content, each once: the
 * label's, if it is of one, then those of the deny list. Returns how many. @t: NULL for
 * no keys and no list.
 */
unsigned int finder_needs(const struct trust *t, const struct finder *f, const struct algo *ret[ALGO_COUNT]);

/*
 * IMAD_FOUND() of the label. @digests: of the content, at least those that are needed;
 * without the one of the label's algorithm nothing is right. Of a signature over the
 * fs-verity digest that digest is asked of the filesystem. *@denied: the digest that is
 * on the deny list, its size 0 if none is; may be NULL.
 */
uint32_t finder_found(const struct trust *t, int fd, const struct finder *f, const struct digest *digests, unsigned int n,
		      struct digest *denied);

/* The file digest of fs-verity, in IMA's terms. 0 or negative errno: it has none, or of an unknown algorithm. */
int finder_verity_digest(int fd, struct digest *ret);

/*
 * Whether a signature appended to the content counts in the label's stead, where it may:
 * there is no label, or one of a hash, or a signature by a key that is not known.
 */
bool finder_yields(const struct trust *t, const struct finder *f);

#endif
