/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detached signatures, in a file beside the one that is signed. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sign.h"

#define SUFFIX ".sig"

/* Whoever owns a folder on the way must not lead us elsewhere. *@name: "file.sig", to be freed. A descriptor or negative errno. */
static int open_folder(const char *path, char **name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = slash ? strndup(path, MAX(1u, (size_t)(slash - path))) : strdup(".");
	int fd;

	if (!folder || asprintf(name, "%s" SUFFIX, slash ? slash + 1 : path) < 0)
		return -ENOMEM;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int fill(int dir, const char *name, const void *sig, size_t n)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* of a short write */
	return write(fd, sig, n) == (ssize_t)n ? 0 : -errno;
}

int sign_write_beside(const char *path, const void *sig, size_t n)
{
	cleanup_free char *name = NULL, *aside = NULL;
	cleanup_close int dir = open_folder(path, &name);
	int r;

	if (dir < 0 || asprintf(&aside, "%s.new", name) < 0)
		return dir < 0 ? dir : -ENOMEM;
	r = fill(dir, aside, sig, n);
	if (r == -EEXIST && unlinkat(dir, aside, 0) == 0) /* of a run that was killed */
		r = fill(dir, aside, sig, n);
	if (r == 0 && renameat(dir, aside, dir, name) < 0)
		r = -errno;
	if (r < 0 && r != -EEXIST)
		(void)unlinkat(dir, aside, 0);
	return r;
}

int sign_remove_beside(const char *path)
{
	cleanup_free char *name = NULL;
	cleanup_close int dir = open_folder(path, &name);

	return dir < 0 ? dir : unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

ssize_t sign_read_beside(const char *path, void *sig, size_t size)
{
	cleanup_free char *name = NULL;
	cleanup_close int dir = open_folder(path, &name), fd = -1;
	struct stat st;
	ssize_t n;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)size)
		return -EINVAL;
	n = read(fd, sig, size);
	return n < 0 ? -errno : n;
}
