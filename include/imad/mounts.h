/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which filesystems there are in the daemon's mount namespace, which of them must
 * be gated for the policy, and why the others are not. Reads mountinfo; marks
 * through its callbacks.
 */
#ifndef IMAD_MOUNTS_H
#define IMAD_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include <imad/policy.h>

struct mounts;

struct mounts_ops {
	/* Gate, or no longer gate, the superblock that @path is on. 0 or negative errno. */
	int (*mark)(void *arg, const char *path, uint32_t s_dev, bool overlay);
	int (*unmark)(void *arg, const char *path, uint32_t s_dev, bool overlay);
	void (*gone)(void *arg, uint32_t s_dev);
	/* Facts of @path as the kernel has them: magic, UUID, type name. 0 or negative errno. */
	int (*facts)(void *arg, const char *path, struct imad_facts *ret);
	void *arg;
};

int mounts_new(const struct mounts_ops *ops, struct mounts **ret);
void mounts_free(struct mounts *m);
void mounts_freep(struct mounts **m);

/* Readable with POLLPRI when the mount table has changed. */
int mounts_fd(const struct mounts *m);

/* Look at the mount table: mark what @p can match on, forget what has gone. 0 or negative errno. */
int mounts_scan(struct mounts *m, const struct policy *p);
/* Mark again what is gated, because a mark means more now. 0 or negative errno. */
int mounts_mark_again(struct mounts *m);
/* Unmark what @p cannot match on: once it has replaced a policy that could. */
void mounts_prune(struct mounts *m, const struct policy *p);

/*
 * The file behind @fd, opened anew for reading through a mount of its filesystem that can be
 * written: who has it may see it read-only. A descriptor that the caller closes, or negative
 * errno: -EROFS if there is no such mount. From any thread.
 */
int mounts_open_writable(int fd);

/* One filesystem. @reason: why it is not gated, NULL if it is; @matters: rules can match on it. */
struct mounts_entry {
	uint32_t s_dev;
	const char *type, *path, *reason;
	bool matters;
};
void mounts_each(const struct mounts *m, void (*fn)(void *arg, const struct mounts_entry *e), void *arg);

#endif
