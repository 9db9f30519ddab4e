/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: BPF programs of their own that refuse, to root too, what would switch the daemon off. They
 * are there as long as the guard is. Not for more than one thread.
 */
#ifndef IMAD_GUARD_H
#define IMAD_GUARD_H

#include <imad/guard_abi.h>

struct guard;

/*
 * Load and attach; nothing is refused before the first guard_refresh(). What called this process may end it in an
 * orderly way, as process 1 may. 0 or negative errno, logged.
 */
int guard_new(struct guard **ret);
void guard_free(struct guard *g); /* nothing is refused any more */

struct guard_path {
	const char *path;
	unsigned int flags; /* IMAD_GUARD_* */
};

/*
 * What is guarded from now on: those of @paths that there are, this process and its threads, its cgroup, and every BPF
 * map, program and link of which it holds a descriptor. To be called again when that may have changed. 0 or
 * negative errno; then everything stays as it was.
 */
int guard_refresh(struct guard *g, const struct guard_path *paths, unsigned int n);

/* Refuse nothing for so long; 0: refuse from now on. */
void guard_unlock(struct guard *g, unsigned int seconds);
/* Seconds that are left of that. */
unsigned int guard_unlocked(const struct guard *g);

/* Readable when something was refused; then hand all of it to @fn. */
int guard_fd(const struct guard *g);
void guard_events(struct guard *g, void (*fn)(void *arg, const struct imad_guard_event *e), void *arg);

/* How often that was refused, and how many refusals of all were not told for lack of room. */
unsigned long long guard_refused(const struct guard *g, enum imad_guard_cause cause);
unsigned long long guard_lost(const struct guard *g);
const char *guard_cause_word(unsigned int cause);

#endif
