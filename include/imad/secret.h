/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for what must never reach a disk: locked (no swap), left out of core dumps, not
 * inherited by a child, wiped when it is given back. Not for kernels that hibernate: those write it.
 */
#ifndef IMAD_SECRET_H
#define IMAD_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised holds nothing. */
struct secret {
	uint8_t *bytes;
	size_t n;
};

/*
 * @n zeros. 0, or negative errno of mmap, mlock (-ENOMEM, -EPERM: RLIMIT_MEMLOCK) or madvise:
 * memory that cannot be protected is not given.
 */
int secret_init(struct secret *s, size_t n);
void secret_done(struct secret *s);

/* Random bytes, by libcrypto, into all of it. 0 or -EIO. */
int secret_random(struct secret *s);

/*
 * Call @fn on a stack of such memory, by a thread of its own, and wait: what libraries leave on the
 * stack goes with it. *@ret becomes what it returned. 0, or negative errno as secret_init() or of pthread_create().
 */
int secret_call(int (*fn)(void *arg), void *arg, int *ret);

#endif
