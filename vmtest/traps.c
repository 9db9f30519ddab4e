// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Uses of a file in which several steps must come in one order, for 59-traps.sh: `traps WHAT FILE`.
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

	while (n > 0 && setxattr(file, LABEL, label, (size_t)n, 0) == 0)
		usleep(20000);
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

static const struct {
	const char *name;
	int (*trap)(const char *file);
} traps[] = {
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
