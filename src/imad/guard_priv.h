/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the guard's room. */
#ifndef IMAD_GUARD_PRIV_H
#define IMAD_GUARD_PRIV_H

#include <stdint.h>

#include <imad/guard.h>

struct guard_bpf;
struct ring_buffer;

/* What is guarded is held open, so that it stays what it is. */
struct kept {
	char *path;
	int fd; /* O_PATH */
	unsigned int flags;
	uint64_t ino, mount;
	uint32_t major, minor;
};

struct guard {
	struct guard_bpf *skel;
	struct ring_buffer *ring;
	void (*fn)(void *arg, const struct imad_guard_event *e);
	void *arg;
	unsigned int round; /* of objects */
	struct kept *kept;
	unsigned int n_kept, room;
};

/* Tell BPF of what is open. 0 or negative errno, as guard_path(). */
int guard_mark(struct guard *g, int fd, unsigned int flags);
/* BPF forgets all inodes and mounts. */
void guard_unmark_all(struct guard *g);

#endif
