/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership by cleanup attribute, hand-over of pointers and descriptors, and the
 * few macros that every room uses. Nothing here allocates or logs.
 */
#ifndef IMAD_UTIL_H
#define IMAD_UTIL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Run @f with the address of the variable when it goes out of scope. */
#define cleanup(f) __attribute__((__cleanup__(f)))
#define cleanup_free cleanup(util_freep)
#define cleanup_close cleanup(util_closep)

static inline void util_freep(void *p)
{
	free(*(void **)p);
}

/* Closes a descriptor and keeps errno. -1 is no descriptor. */
static inline void util_closep(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

/* Give away what an owning local holds: returns it and leaves NULL or -1 behind. */
#define take_ptr(p)                           \
	({                                    \
		__typeof__(p) *_pp = &(p);    \
		__typeof__(p) _taken = *_pp;  \
		*_pp = NULL;                  \
		_taken;                       \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Where a text is wrong and why. @why is a fixed English text, never to be freed. */
struct parse_error {
	unsigned int line;    /* 1-based; 0 when the input has no lines */
	const char *why;
	char token[64];	      /* the offending token, cut and NUL-terminated; may be empty */
};

#endif
