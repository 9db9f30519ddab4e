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

#define MOUNTS_PATH_MAX 4096

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

/*
 * Who opens what is behind @fd (O_PATH does), or looks into it if it is a folder, may have to ask a process that never
 * answers if it is of FUSE, or of an overlay on that. Layers: an overlay that we have no mount of; nobody can say here
 * what it lies on. Not known: it is on no mount of @pid, through whose mounts it was found, nor on one of ours.
 * Asks nobody itself. From any thread.
 */
enum mounts_kind { MOUNTS_SAFE, MOUNTS_LAYERS, MOUNTS_FUSE, MOUNTS_UNKNOWN };
enum mounts_kind mounts_kind_of(int fd, uint32_t pid);
/* By our own mounts; @depth: of overlays above it. */
enum mounts_kind mounts_kind_deep(int fd, unsigned int depth);
/* Whether a layer of our overlay with these @options, as mountinfo has them, is of FUSE. Changes them. */
bool mounts_lies_on_fuse(char *options, unsigned int depth);
void mounts_unescape(char *s);
/* Whether @fd, from whomever, is a regular file that one may open. 0, -EMEDIUMTYPE, -EXDEV (on FUSE), -errno. */
int mounts_may_open(int fd);
/* Open @path below the folder @root as O_PATH, asking no such process on the way. A descriptor or negative errno. */
int mounts_walk(int root, const char *path, uint32_t pid);
/* The same without waiting for anybody, a disk neither: -EAGAIN if it is not in the kernel's memory. */
int mounts_at_hand(int root, const char *path);

/*
 * A mount here of the filesystem @s_dev that reaches down to @name, an absolute path from the filesystem's root: where
 * it is mounted to @ret, and what is left of @name. NULL: there is none. From any thread.
 */
const char *mounts_reaching(uint32_t s_dev, const char *name, char ret[MOUNTS_PATH_MAX]);

/*
 * One filesystem. @reason: why it is not gated, NULL if it is; @matters: rules can match on it; @far: who walks there may
 * wait for a process or another machine.
 */
struct mounts_entry {
	uint32_t s_dev;
	const char *type, *path, *reason;
	bool matters, far;
};
void mounts_each(const struct mounts *m, void (*fn)(void *arg, const struct mounts_entry *e), void *arg);

#endif
