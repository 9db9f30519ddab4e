// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ways to a file on which no FUSE server is asked: it may never answer, and who waits for it cannot even be killed, so
 * that not one descriptor of ours would be closed, the gate's neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <imad/mounts.h>
#include <imad/util.h>

#define TYPE_MAX 32

/* The type of the mount @id that process @pid has, or we. False: neither has it. */
static bool find_type(const char *pid, uint64_t id, char type[TYPE_MAX])
{
	cleanup_free char *line = NULL;
	unsigned long long found;
	bool done = false;
	size_t size = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	while (f && !done && getline(&line, &size, f) > 0) {
		const char *dash = strstr(line, " - ");

		done = dash && sscanf(line, "%llu", &found) == 1 && found == id && sscanf(dash + 3, "%31s", type) == 1;
	}
	if (f)
		fclose(f);
	return done;
}

enum mounts_kind mounts_kind_of(int fd, uint32_t pid)
{
	char type[TYPE_MAX], number[16];
	struct statx st;

	snprintf(number, sizeof(number), "%u", pid);
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID) ||
	    (!find_type(number, st.stx_mnt_id, type) && !find_type("self", st.stx_mnt_id, type)))
		return MOUNTS_UNKNOWN;
	return strncmp(type, "fuse", 4) ? MOUNTS_SAFE : MOUNTS_FUSE;
}

int mounts_may_open(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
		return -errno;
	if (!S_ISREG(st.stx_mode))
		return -EMEDIUMTYPE;
	return mounts_kind_of(fd, (uint32_t)getpid()) == MOUNTS_FUSE ? -EXDEV : 0;
}

static int open_at_hand(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = RESOLVE_CACHED | resolve };
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

int mounts_at_hand(int root, const char *path)
{
	return open_at_hand(root, path, 0, RESOLVE_IN_ROOT);
}

/* One step. A folder of another filesystem is only waited for if that is no server's. */
static int step(int dir, const char *name, uint32_t pid)
{
	int fd = open_at_hand(dir, name, O_NOFOLLOW, 0);

	if (fd != -EAGAIN)
		return fd;
	if (mounts_kind_of(dir, pid) != MOUNTS_SAFE)
		return -EAGAIN;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mounts_walk(int root, const char *path, uint32_t pid)
{
	int fd = mounts_at_hand(root, path), dir;
	cleanup_free char *copy = NULL;
	char *rest = NULL;

	if (fd != -EAGAIN)
		return fd;
	copy = strdup(path);
	fd = copy ? fcntl(root, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd < 0)
		return -ENOMEM;
	for (char *name = strtok_r(copy, "/", &rest); name && fd >= 0; name = strtok_r(NULL, "/", &rest)) {
		dir = fd;
		fd = step(dir, name, pid);
		close(dir);
	}
	return fd;
}
