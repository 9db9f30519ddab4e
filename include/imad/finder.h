/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is to find of the label of one open file: read it, say whether the content
 * must be hashed for it, then compare. Never opens a path.
 */
#ifndef IMAD_FINDER_H
#define IMAD_FINDER_H

#include <imad/digest.h>
#include <imad/keyring.h>
#include <imad/label.h>

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

/* The algorithm in which finder_found() needs the digest of the content; NULL: it needs none. */
const struct algo *finder_needs_digest(const struct finder *f);

/*
 * IMAD_FOUND() of the label. @digest: of the content, NULL if none is needed; in another
 * algorithm than the label's nothing is right. Of a signature over the fs-verity digest
 * that digest is asked of the filesystem. @keys: NULL for none.
 */
uint32_t finder_found(const struct keyring *keys, int fd, const struct finder *f, const struct digest *digest);

#endif
