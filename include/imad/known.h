/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of files whose label was right. A program in memory (memfd) can bear no label that
 * would mean anything, so what passed as a file passes as a sealed copy too.
 */
#ifndef IMAD_KNOWN_H
#define IMAD_KNOWN_H

#include <imad/abi.h>
#include <imad/digest.h>

struct known;

/* Room for the @max newest digests, taken as they come. 0 and *@ret, or -ENOMEM. */
int known_new(unsigned int max, struct known **ret);
void known_free(struct known *k);

/* @found: IMAD_FOUND() of the file, @epoch: from before it was found. Without memory the digest stays unknown. */
void known_add(struct known *k, const struct digest *digest, uint32_t found, uint32_t epoch);
/* What was found of the newest file of that content; 0: there was none, or it is older than the keys of @trust_epoch. */
uint32_t known_find(struct known *k, const struct digest *digest, uint32_t trust_epoch);
/* Bit per enum hash_algo of the digests that there are or were. */
uint32_t known_algos(struct known *k);

#endif
