/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: BPF programs of their own that refuse, to root too, what would switch the daemon off. They
 * are there as long as the guard is. Not for more than one thread.
 */
#ifndef IMAD_GUARD_H
#define IMAD_GUARD_H

#include <stdbool.h>

#include <imad/guard_abi.h>

struct guard;

/*
 * Load and attach; nothing is refused before guard_activate(). What called this process may end it in an
 * orderly way, as process 1 may. 0 or negative errno, logged.
 */
int guard_new(struct guard **ret);
void guard_free(struct guard *g); /* nothing is refused any more */
/* From now on. Before or after that, what is to be guarded is told with the functions below. 0 or negative errno. */
int guard_activate(struct guard *g);

/* This process and its cgroup as they are now. 0 or negative errno; then what was known stays. */
int guard_identify(struct guard *g);
/* Some process traces this one, as guard_identify() saw it. */
bool guard_is_traced(const struct guard *g);

/*
 * The BPF objects behind descriptors: between guard_begin_objects(), which tells the guard's own, and guard_end_objects(),
 * which drops those that were not told since. 0 or negative errno.
 */
int guard_begin_objects(struct guard *g);
int guard_object(struct guard *g, enum imad_guard_kind kind, int fd);
void guard_end_objects(struct guard *g);

/*
 * guard_paths.c: guard what is at @path with @flags, and each folder on the way with @above (IMAD_GUARD_* of an inode); links
 * on the way are kept and followed. What was guarded stays so, whatever is found. Nothing is asked of a server: a
 * path over which @far says true is not walked. 0; -ENOENT or -ENOTDIR: not there; -EXDEV: @far; -ENOSPC: there is no
 * room to guard more; -EMEDIUMTYPE: neither a file nor a folder; or another negative errno. The way to what fails is guarded.
 */
int guard_path(struct guard *g, const char *path, unsigned int flags, unsigned int above,
	       bool (*far)(void *arg, const char *path), void *arg);
/* Of all paths: begin anew. For when nothing is refused. */
void guard_forget_paths(struct guard *g);

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
/* What this kernel has no place to refuse, in a few words; NULL: nothing. */
const char *guard_missing(const struct guard *g);

#endif
