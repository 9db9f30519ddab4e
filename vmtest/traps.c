// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Uses of a file in which several steps must come in one order, or that come by a side door, for 59-traps.sh and
 * 79-covered.sh: `traps WHAT FILE`.
 * Otherwise as probe.c: the exit status is 0, the errno of what was refused, or that of what was executed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BYTES 4096
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define LABEL "security.ima"

static int last(long r)
{
	return r < 0 ? -errno : 0;
}

/* --- mappings */

/* Mapped for reading, and only then reading implies executing. */
static int trap_implied_later(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED || personality(READ_IMPLIES_EXEC) < 0)
		return -errno;
	return last(mprotect(p, BYTES, PROT_READ));
}

static int trap_shm(const char *file)
{
	int id = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0700), r;

	(void)file;
	r = id < 0 ? -errno : shmat(id, NULL, SHM_EXEC) == (void *)-1 ? -errno : 0;
	(void)shmctl(id, IPC_RMID, NULL);
	return r;
}

/* --- labels */

/* The one that it has, every now and then, until it is killed. */
static int trap_relabel(const char *file)
{
	char label[1024];
	ssize_t n = getxattr(file, LABEL, label, sizeof(label));

	/* Often enough to meet each exec; more often than the file can be hashed here, and nobody would ever know it. */
	while (n > 0 && setxattr(file, LABEL, label, (size_t)n, 0) == 0)
		usleep(100000);
	return -errno;
}

/* --- programs in memory */

static int exec_fd(int fd)
{
	char *argv[] = { "traps-exec", NULL }, *none[] = { NULL };

	return last(syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH));
}

static int memory_copy(const char *file)
{
	int from = open(file, O_RDONLY | O_CLOEXEC), fd = memfd_create("traps", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	if (from < 0 || fd < 0 || fstat(from, &st) < 0)
		return -errno;
	return sendfile(fd, from, NULL, (size_t)st.st_size) == st.st_size ? fd : -EIO;
}

static int seal_and_exec(int fd, int seals)
{
	if (seals && fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	return exec_fd(fd);
}

static int trap_half_sealed(const char *file)
{
	int fd = memory_copy(file);

	return fd < 0 ? fd : seal_and_exec(fd, ALL_SEALS & ~F_SEAL_WRITE);
}

/* Tried as it is, then changed, sealed, and tried again: what was found out first is of other content. */
static int trap_late_sealed(const char *file)
{
	int fd = memory_copy(file), status = 0;
	pid_t pid = fd < 0 ? -1 : fork();

	if (pid == 0)
		_exit(-exec_fd(fd));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WEXITSTATUS(status) != EACCES)
		return -EEXIST;
	return pwrite(fd, "x", 1, 200) == 1 ? seal_and_exec(fd, ALL_SEALS) : -errno;
}

static int trap_labelled(const char *file)
{
	char label[1024];
	ssize_t n = getxattr(file, LABEL, label, sizeof(label));
	int fd = memory_copy(file);

	if (n < 0 || fd < 0 || fsetxattr(fd, LABEL, label, (size_t)n, 0) < 0)
		return -errno;
	return seal_and_exec(fd, ALL_SEALS);
}

/* --- descriptors that nobody here has opened by a name */

/* Number 5, which the caller has. */
static int trap_inherited(const char *file)
{
	(void)file;
	return exec_fd(5);
}

static int trap_inherited_map(const char *file)
{
	(void)file;
	return last((long)mmap(NULL, BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, 5, 0));
}

/* Opened by another process, which hands it over. */
static int trap_passed(const char *file)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	char c = 0;
	struct iovec byte = { &c, 1 };
	struct msghdr m = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return -errno;
	if (fork() == 0) {
		fd = open(file, O_RDONLY);
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		_exit(fd < 0 || sendmsg(pair[1], &m, 0) < 0);
	}
	close(pair[1]);
	if (recvmsg(pair[0], &m, 0) < 0 || control.head.cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return exec_fd(fd);
}

static int trap_by_handle(const char *file)
{
	union { struct file_handle handle; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } h = { 0 };
	int mount, at, fd;

	h.handle.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, file, &h.handle, &mount, 0) < 0)
		return -errno;
	at = open(".", O_RDONLY | O_DIRECTORY);
	fd = at < 0 ? -1 : open_by_handle_at(at, &h.handle, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : exec_fd(fd);
}

/* A copy that never had a name until now, with the label. */
static int trap_unnamed(const char *file)
{
	char label[1024], path[64], name[4096];
	ssize_t n = getxattr(file, LABEL, label, sizeof(label));
	int from = open(file, O_RDONLY | O_CLOEXEC), fd = open(".", O_TMPFILE | O_RDWR, 0755);
	struct stat st;

	if (n < 0 || from < 0 || fd < 0 || fstat(from, &st) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(name, sizeof(name), "%s.linked", file);
	if (sendfile(fd, from, NULL, (size_t)st.st_size) != st.st_size || fchown(fd, st.st_uid, st.st_gid) < 0 ||
	    fsetxattr(fd, LABEL, label, (size_t)n, 0) < 0 || linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	close(fd);
	fd = open(name, O_RDONLY);
	unlink(name);
	return fd < 0 ? -errno : exec_fd(fd);
}

static const struct {
	const char *name;
	int (*trap)(const char *file);
} traps[] = {
	{ "inherited", trap_inherited },
	{ "inherited-map", trap_inherited_map },
	{ "passed", trap_passed },
	{ "by-handle", trap_by_handle },
	{ "unnamed", trap_unnamed },
	{ "implied-later", trap_implied_later },
	{ "shm", trap_shm },
	{ "relabel", trap_relabel },
	{ "half-sealed", trap_half_sealed },
	{ "late-sealed", trap_late_sealed },
	{ "labelled", trap_labelled },
};

int main(int argc, char **argv)
{
	int r;

	for (size_t i = 0; argc == 3 && i < sizeof(traps) / sizeof(traps[0]); i++) {
		if (strcmp(argv[1], traps[i].name) != 0)
			continue;
		r = traps[i].trap(argv[2]);
		if (r < 0)
			fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], strerror(-r));
		return -r;
	}
	fprintf(stderr, "usage: traps WHAT FILE; traps.c tells what\n");
	return 255;
}
