/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signature that is appended to the content of one open file, a kernel module or an
 * image: read it, verify it, and say what it adds to what was found of the label. Never
 * opens a path.
 */
#ifndef IMAD_APPENDED_H
#define IMAD_APPENDED_H

#include <imad/digest.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/trust.h>

/* Zero-initialised: nothing is appended. */
struct appended {
	uint8_t *der; /* the PKCS#7, from malloc(); NULL: nothing is appended */
	size_t n;
	struct digest digest; /* of the content before it; size 0: in an algorithm that is not to be had */
	bool good;
	const char *why; /* a fixed text: why it is not good, or what looks like one and is none; else NULL */
};

/* 0 (also if nothing is appended) or negative errno, with *@ret empty. The caller frees @ret->der. */
int appended_read(struct file_hasher *hasher, int fd, const struct trust *t, struct appended *ret);

/*
 * What it adds to *@found (IMAD_FOUND() of the label @f). @hash: kernel id of the algorithm that
 * appraise_algos= is about when there is no label. *@denied: its digest, if that is on the deny list.
 */
void appended_found(const struct trust *t, const struct finder *f, const struct appended *a, unsigned int hash,
		    uint32_t *found, struct digest *denied);

#endif
