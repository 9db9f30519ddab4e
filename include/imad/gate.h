/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fanotify permission groups that hold the first use of a file. Two groups
 * with a reader thread each: one for ordinary filesystems, one for overlays,
 * because since 6.18 a reader of both deadlocks with itself (fanotify opens the
 * event's descriptor, overlayfs opens the real file, and that waits for the reader).
 * Each has a spare reader, for what the kernel itself must open to make a descriptor.
 * Reader threads read, ask their owner, answer and queue; they never open a path,
 * log, allocate without bound or wait.
 */
#ifndef IMAD_GATE_H
#define IMAD_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <imad/abi.h>

struct gate;
struct gate_group;

/*
 * One held use. It gets exactly one answer, from whatever thread: by gate_answer()
 * while the file is still needed, or by gate_release(), which every hold needs.
 */
struct hold {
	int fd; /* the very file, O_RDONLY */
	uint32_t tid;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
	struct gate_group *group;
	atomic_bool answered;
	struct hold *next; /* the owner's */
};

struct gate_ops {
	/* A use is held. From now on the hold is the callee's: answer and release it. */
	void (*on_hold)(void *arg, struct hold *h);
	/* A writer of a marked inode closed; @fd is open for the call only. */
	void (*on_close_write)(void *arg, int fd);
	void *arg;
};

/*
 * Make both groups. @where: hold opens, or the first access of content.
 * Errors are logged: -EPERM, -EINVAL (kernel without what imad needs), -ENOMEM.
 */
int gate_new(enum imad_hold where, const struct gate_ops *ops, struct gate **ret);
int gate_start(struct gate *g); /* start the reader threads */
/* No new event from now on, and no reader any more. Holds can still be answered. */
void gate_stop(struct gate *g);
/*
 * To be called several times a second: a reader that does not come back from the
 * kernel is stood in for by a spare one, until it does.
 */
void gate_tick(struct gate *g);
/* All holds must have been released. Closes the groups: the kernel allows whoever was never read. */
void gate_free(struct gate *g);
void gate_freep(struct gate **g);

/*
 * From now on hold opens too and, with @writers, hear of every writer that closes, on
 * filesystems marked from now on: those that are marked are marked again by whoever
 * knows them. The second: hold nothing else any more.
 */
void gate_hold_opens(struct gate *g, bool writers);
void gate_hold_opens_only(struct gate *g);

/* Gate the filesystem that @path is on (no symlink is followed). 0 or negative errno. */
int gate_mark(struct gate *g, const char *path, bool overlay);
int gate_unmark(struct gate *g, const char *path, bool overlay);

/* Answer early, while the file is still needed; a second answer does nothing and returns false. */
bool gate_answer(struct hold *h, bool allow);
/* Close the file, allow the use if it has no answer yet, free. */
void gate_release(struct hold *h);

/* Hear of the next close by a writer of the inode behind @fd. 0 or negative errno. */
int gate_listen(struct gate *g, int fd, bool overlay);

/*
 * From now on uses of the inode behind @fd pass without an event, until the
 * kernel or gate_regard() takes that back. The kernel does when somebody write()s,
 * unless @survive; @survive is for files that have writers. 0 or negative errno.
 */
int gate_ignore(struct gate *g, int fd, bool overlay, bool survive);
void gate_regard(struct gate *g, int fd, bool overlay);
void gate_regard_all(struct gate *g); /* every inode */

struct gate_counters {
	uint64_t events;   /* permission events read */
	uint64_t answered, timeouts;
	uint64_t pending;  /* held now */
	uint64_t read_errors;
};
void gate_counters(const struct gate *g, struct gate_counters *ret);
void gate_count_timeout(struct gate *g);

#endif
