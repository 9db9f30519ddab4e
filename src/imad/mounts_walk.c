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

static enum mounts_kind find_kind(const char *pid, uint64_t id, uint32_t s_dev, unsigned int depth);

/* @own: of our own mounts. */
static enum mounts_kind kind_of_type(const char *type, char *options, bool own, uint32_t s_dev, unsigned int depth)
{
	enum mounts_kind kind;

	if (strcmp(type, "overlay") != 0)
		return strncmp(type, "fuse", 4) ? MOUNTS_SAFE : MOUNTS_FUSE;
	if (own)
		return mounts_lies_on_fuse(options, depth) ? MOUNTS_FUSE : MOUNTS_SAFE;
	kind = find_kind("self", 0, s_dev, depth);
	return kind == MOUNTS_UNKNOWN ? MOUNTS_LAYERS : kind;
}

/* The kind of the mount @id that process @pid has, or of one of the filesystem @s_dev if that is not 0. */
static enum mounts_kind find_kind(const char *pid, uint64_t id, uint32_t s_dev, unsigned int depth)
{
	enum mounts_kind kind = MOUNTS_UNKNOWN;
	cleanup_free char *line = NULL;
	unsigned int major_id, minor_id;
	unsigned long long found;
	char path[64], type[TYPE_MAX];
	size_t size = 0;
	int options;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	while (f && kind == MOUNTS_UNKNOWN && getline(&line, &size, f) > 0) {
		char *dash = strstr(line, " - ");

		options = 0;
		if (!dash || sscanf(line, "%llu %*d %u:%u", &found, &major_id, &minor_id) != 3 ||
		    (s_dev ? s_dev != (major_id << 20 | minor_id) : found != id) ||
		    sscanf(dash + 3, "%31s %*s %n", type, &options) != 1 || !options)
			continue;
		kind = kind_of_type(type, dash + 3 + options, !strcmp(pid, "self"), major_id << 20 | minor_id, depth);
	}
	if (f)
		fclose(f);
	return kind;
}

static uint64_t mount_of(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return 0;
	return st.stx_mnt_id;
}

enum mounts_kind mounts_kind_deep(int fd, unsigned int depth)
{
	uint64_t id = mount_of(fd);

	return id ? find_kind("self", id, 0, depth) : MOUNTS_UNKNOWN;
}

enum mounts_kind mounts_kind_of(int fd, uint32_t pid)
{
	enum mounts_kind kind = mounts_kind_deep(fd, 0);
	uint64_t id = mount_of(fd);
	char number[16];

	snprintf(number, sizeof(number), "%u", pid);
	return kind == MOUNTS_UNKNOWN && id ? find_kind(number, id, 0, 0) : kind;
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
