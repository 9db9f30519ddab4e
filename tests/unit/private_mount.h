/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mount namespace of the test's own, so that what it mounts or marks concerns nobody else. */
#ifndef IMAD_PRIVATE_MOUNT_H
#define IMAD_PRIVATE_MOUNT_H

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tmpdir.h"

#define SKIP 77

/* 0 with a fresh tmpfs at @path, SKIP without the privilege, 1. The mount goes with the process. */
static inline int private_tmpfs(char path[TMPDIR_PATH])
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("no mount namespace");
		return errno == EPERM ? SKIP : 1;
	}
	if (tmpdir_make(path) < 0 || mount("test", path, "tmpfs", 0, NULL) < 0) {
		perror("no tmpfs");
		return 1;
	}
	return 0;
}

static inline void private_tmpfs_end(const char *path)
{
	(void)umount2(path, MNT_DETACH);
	(void)rmdir(path);
}

#endif
