/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long things took: how many, the longest, and by which time how many of them were over. Constant in size
 * and quick to add to, so that it can be kept of everything. No lock: the owner has one.
 */
#ifndef IMAD_WAITS_H
#define IMAD_WAITS_H

#include <stdint.h>

/* Four buckets an octave, from 1024 ns on; what took longer than five hours is in the last one. */
#define WAITS_SHIFT   10
#define WAITS_BUCKETS 136

/* All zeros: nothing yet. */
struct waits {
	uint64_t n, longest_ns;
	uint64_t buckets[WAITS_BUCKETS];
};

void waits_add(struct waits *w, uint64_t ns);

/*
 * The time in ns within which @permille of 1000 were over: the end of their bucket, so it is too long by a quarter at
 * most and never too short, and no longer than the longest. 0: there were none.
 */
uint64_t waits_within(const struct waits *w, unsigned int permille);

#endif
