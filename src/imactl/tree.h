/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of whole trees, handed to several threads at once. */
#ifndef IMACTL_TREE_H
#define IMACTL_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

struct tree_ops {
	/* What a thread keeps from file to file; NULL: out of memory. */
	void *(*begin)(void *arg);
	void (*end)(void *arg, void *own);
	/* A regular file, open for reading, as it is now; @path is for messages. */
	void (*file)(void *arg, void *own, int fd, const struct stat *st, const char *path);
	/* A regular file that may not be opened; @fd is an O_PATH one. NULL: as what cannot be opened. */
	void (*denied)(void *arg, int fd, const char *path);
	/* What cannot be opened or read. @r: negative errno. */
	void (*failed)(void *arg, const char *path, int r);
	/* A few times a second, from the caller's thread. */
	void (*tick)(void *arg);
	void *arg;
};

/*
 * Every regular file of @paths and below, on the filesystem of each path. No symbolic
 * link is followed but those in @paths. In memory wait the folders beside those on the way, and a few hundred names.
 * SIGINT and SIGTERM end it early, once; a second one ends the program. 0, or -ENOMEM or -errno
 * of pthread_create: not all was done.
 */
int tree_each(char **paths, unsigned int n, unsigned int threads, const struct tree_ops *ops);
extern atomic_bool tree_stopped; /* by a signal */

/* One thread a CPU; or as --jobs of @command says: IMACTL_OK or IMACTL_USAGE, and why is told. */
unsigned int tree_threads(void);
int tree_take_jobs(const char *command, const char *text, unsigned int *ret);

/* Whether a file whose state was @before still has the same content. */
bool tree_unchanged(int fd, const struct stat *before);

#endif
