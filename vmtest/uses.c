// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every use of a file by every kind of user, each on a file of its own, for the tests of policy
 * conditions: `uses make DIR OWNER GROUP` makes the files, `uses work DIR` uses them. A file is called
 * USER.USE and is a script, so that it can be executed; its content is its path.
 * `uses idmap DIR AT UIDS GIDS` shows DIR at AT, too, with other owners: "STORED SHOWN COUNT", and more after a comma.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_BYTES 4096
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Real, effective and saved ids; the capabilities that are effective when all are changed: 0 keeps what the kernel left. */
static const struct user {
	const char *name;
	unsigned int uid[3], gid[3];
	unsigned int caps;
} users[] = {
	{ "root", { 0, 0, 0 }, { 0, 0, 0 }, 0 },
	{ "user", { 1000, 1000, 1000 }, { 1000, 1000, 1000 }, 0 },
	{ "setuid", { 1000, 0, 0 }, { 1000, 1000, 1000 }, 0 },
	{ "dropped", { 0, 1000, 0 }, { 0, 1000, 0 }, 0 },
	{ "saved", { 1000, 1001, 0 }, { 1000, 1001, 0 }, 1u << CAP_SETUID | 1u << CAP_SETGID },
	{ "groups", { 1000, 1000, 1000 }, { 5, 6, 7 }, 0 },
};

static int open_and(const char *file, int flags, int map)
{
	char c;
	int fd = open(file, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (map && mmap(NULL, MAP_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return -errno;
	if ((flags & O_ACCMODE) != O_WRONLY && read(fd, &c, 1) < 0)
		return -errno;
	return close(fd);
}

static int use_read(const char *f) { return open_and(f, O_RDONLY, 0); }
static int use_rdwr(const char *f) { return open_and(f, O_RDWR, 0); }
static int use_write(const char *f) { return open_and(f, O_WRONLY, 0); }
static int use_append(const char *f) { return open_and(f, O_RDWR | O_APPEND, 0); }
static int use_map(const char *f) { return open_and(f, O_RDONLY, 1); }

static int use_exec(const char *f)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(f, f, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -EACCES;
}

static const struct use {
	const char *name;
	int (*fn)(const char *file);
} uses[] = {
	{ "read", use_read }, { "rdwr", use_rdwr }, { "write", use_write },
	{ "append", use_append }, { "map", use_map }, { "exec", use_exec },
};

static const char *path_of(const char *dir, const struct user *u, const struct use *use)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s.%s", dir, u->name, use->name);
	return path;
}

static int make(const char *dir, unsigned int owner, unsigned int group)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < N(users); i++)
		for (size_t j = 0; j < N(uses); j++) {
			const char *path = path_of(dir, &users[i], &uses[j]);
			FILE *f = fopen(path, "w");

			if (!f)
				return -errno;
			fprintf(f, "#!/bin/true\n%s\n", path);
			if (fclose(f) != 0 || chown(path, owner, group) < 0 || chmod(path, 0777) < 0)
				return -errno;
		}
	return 0;
}

static int become(const struct user *u)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = u->caps, .permitted = u->caps }, { 0 } };

	if (setgroups(0, NULL) < 0 || setresgid(u->gid[0], u->gid[1], u->gid[2]) < 0 ||
	    setresuid(u->uid[0], u->uid[1], u->uid[2]) < 0)
		return -errno;
	return u->caps && syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/* In a process of its own. The exit status counts the uses that failed. */
static int work_as(const struct user *u, const char *dir)
{
	int failed = 0, r = become(u);

	if (r < 0) {
		fprintf(stderr, "uses: cannot become %s: %s\n", u->name, strerror(-r));
		return 100;
	}
	for (size_t j = 0; j < N(uses); j++) {
		r = uses[j].fn(path_of(dir, u, &uses[j]));
		if (r < 0)
			fprintf(stderr, "uses: %s: %s\n", path_of(dir, u, &uses[j]), strerror(-r));
		failed += r < 0;
	}
	return failed;
}

static int work(const char *dir)
{
	int status, failed = 0;

	for (size_t i = 0; i < N(users); i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(work_as(&users[i], dir));
		failed += waitpid(pid, &status, 0) != pid || status != 0;
	}
	return failed ? -EIO : 0;
}

static int write_map(pid_t pid, const char *file, const char *text)
{
	char path[64], lines[16384];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	snprintf(lines, sizeof(lines), "%s\n", text);
	for (char *c = lines; *c; c++)
		*c = *c == ',' ? '\n' : *c;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	r = fd < 0 || write(fd, lines, strlen(lines)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* A user namespace with these maps, by a process that is in it for a moment. Its descriptor or negative errno. */
static int namespace_with(const char *uids, const char *gids)
{
	int ready[2], fd = -1, r = pipe(ready) < 0 ? -errno : 0;
	char path[64], c;
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	r = read(ready[0], &c, 1) == 1 ? write_map(pid, "uid_map", uids) : -EPERM;
	if (r == 0)
		r = write_map(pid, "gid_map", gids);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	if (r == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	r = r < 0 ? r : fd < 0 ? -errno : fd;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static int idmap(const char *dir, const char *at, const char *uids, const char *gids)
{
	struct {
		uint64_t set, clear, propagation, userns_fd;
	} attr = { .set = 0x100000 /* MOUNT_ATTR_IDMAP */ };
	int ns = namespace_with(uids, gids);
	int tree = (int)syscall(428 /* open_tree */, AT_FDCWD, dir, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);

	if (ns < 0 || tree < 0)
		return ns < 0 ? ns : -errno;
	attr.userns_fd = (uint64_t)ns;
	if (syscall(442 /* mount_setattr */, tree, "", 0x1000 /* AT_EMPTY_PATH */, &attr, sizeof(attr)) < 0 ||
	    syscall(429 /* move_mount */, tree, "", AT_FDCWD, at, 4 /* MOVE_MOUNT_F_EMPTY_PATH */) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	int r = -EINVAL;

	if (argc == 5 && !strcmp(argv[1], "make"))
		r = make(argv[2], (unsigned int)atoi(argv[3]), (unsigned int)atoi(argv[4]));
	else if (argc == 6 && !strcmp(argv[1], "idmap"))
		r = idmap(argv[2], argv[3], argv[4], argv[5]);
	else if (argc == 3 && !strcmp(argv[1], "work"))
		r = work(argv[2]);
	if (r < 0)
		fprintf(stderr, "uses: %s\n", strerror(-r));
	return r < 0;
}
