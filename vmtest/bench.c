// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The clock of vmtest/bench: makes files and times uses of them. `bench WHAT ARGUMENTS`, see commands[].
 * What is timed is printed as nanoseconds, one line a batch; static, so its own start maps only itself.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 15
#define PATH_BYTES 4096

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int open_read(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	need(fd >= 0, file);
	return fd;
}

/* vfork, so that the time is the file's and not that of copying this process. */
static void run(char *const argv[])
{
	static char *const no_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", NULL };
	int status = 0;
	pid_t pid = vfork();

	need(pid >= 0, "vfork");
	if (pid == 0) {
		execvpe(argv[0], argv, no_env);
		_exit(127);
	}
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	errno = 0;
	need(WIFEXITED(status) && WEXITSTATUS(status) == 0, argv[0]);
}

/* --- warm uses */

static void use_open(const char *file)
{
	char c[4096];
	int fd = open_read(file);

	need(read(fd, c, sizeof(c)) > 0, file);
	close(fd);
}

static void use_stat(const char *file)
{
	struct stat st;

	need(stat(file, &st) == 0, file);
}

static void use_mmap(const char *file)
{
	int fd = open_read(file);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	need(p != MAP_FAILED, file);
	munmap(p, 4096);
	close(fd);
}

static void use_exec(const char *file)
{
	char *argv[] = { (char *)file, NULL };

	run(argv);
}

/* That it is denied is what is timed. */
static void use_denied(const char *file)
{
	char *const argv[] = { (char *)file, NULL };
	int status = 0;
	pid_t pid = vfork();

	need(pid >= 0, "vfork");
	if (pid == 0) {
		execv(file, argv);
		_exit(errno == EACCES ? 0 : 1);
	}
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	errno = EEXIST;
	need(status == 0, file);
}

static const struct {
	const char *name;
	void (*use)(const char *file);
} uses[] = { { "open", use_open }, { "stat", use_stat }, { "mmap", use_mmap }, { "exec", use_exec },
	    { "denied", use_denied } };

static void (*use_called(const char *name))(const char *file)
{
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (!strcmp(uses[i].name, name))
			return uses[i].use;
	errno = EINVAL;
	die(name);
	return NULL;
}

/* USE FILE COUNT: each batch is COUNT uses; the first one, not timed, makes the file known. */
static void cmd_warm(char **args)
{
	void (*use)(const char *) = use_called(args[0]);
	long count = atol(args[2]);

	errno = EINVAL;
	need(count > 0, "warm");
	use(args[1]);
	for (int b = 0; b < BATCHES; b++) {
		uint64_t start = now_ns();

		for (long i = 0; i < count; i++)
			use(args[1]);
		printf("%.0f\n", (double)(now_ns() - start) / (double)count);
	}
}

/* --- first uses */

/* The least program of x86-64: exit(0). What follows it in the file is never mapped. */
static const unsigned char exit_code[] = { 0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05 };

struct tiny {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned char code[sizeof(exit_code)];
};

static struct tiny tiny_program(void)
{
	const uint64_t base = 0x400000;
	struct tiny t = {
		.eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = base + offsetof(struct tiny, code),
			.e_phoff = offsetof(struct tiny, ph),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1 },
		.ph = { .p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_vaddr = base,
			.p_filesz = sizeof(struct tiny),
			.p_memsz = sizeof(struct tiny),
			.p_align = 4096 },
	};

	memcpy(t.code, exit_code, sizeof(exit_code));
	return t;
}

static void write_all(const char *file, int flags, const void *data, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0755);

	need(fd >= 0, file);
	for (const char *p = data; size;) {
		ssize_t n = write(fd, p, size);

		need(n > 0, file);
		p += n;
		size -= (size_t)n;
	}
	need(fsync(fd) == 0 && close(fd) == 0, file);
}

static void fill(unsigned char *data, size_t size)
{
	uint64_t x = now_ns() | 1;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		memcpy(data + i, &x, 8);
	}
}

/* A file that is a program, of content that never was. */
static void make_program(const char *file, size_t size, int flags)
{
	struct tiny t = tiny_program();
	unsigned char *data = malloc(size);

	need(data && size > sizeof(t), file);
	fill(data, size);
	memcpy(data, &t, sizeof(t));
	write_all(file, flags, data, size);
	free(data);
}

/* FILE BYTES */
static void cmd_program(char **args)
{
	make_program(args[0], strtoul(args[1], NULL, 0), O_TRUNC);
}

/* FILE BYTES COUNT: the same file with new content, in the page cache, executed once; COUNT times. */
static void cmd_first(char **args)
{
	for (long i = atol(args[2]); i > 0; i--) {
		uint64_t start;

		make_program(args[0], strtoul(args[1], NULL, 0), 0);
		start = now_ns();
		use_exec(args[0]);
		printf("%ju\n", (uintmax_t)(now_ns() - start));
	}
}

/* DIR COUNT BYTES: programs by the names 0, 1, ... */
static void cmd_programs(char **args)
{
	char path[PATH_BYTES];

	for (long i = 0; i < atol(args[1]); i++) {
		snprintf(path, sizeof(path), "%s/%ld", args[0], i);
		make_program(path, strtoul(args[2], NULL, 0), 0);
	}
}

/* USE DIR COUNT: each of them used once. */
static void cmd_once(char **args)
{
	void (*use)(const char *) = use_called(args[0]);
	char path[PATH_BYTES];

	for (long i = 0; i < atol(args[2]); i++) {
		uint64_t start;

		snprintf(path, sizeof(path), "%s/%ld", args[1], i);
		start = now_ns();
		use(path);
		printf("%ju\n", (uintmax_t)(now_ns() - start));
	}
}

/* --- trees */

static void make_dir(const char *path)
{
	need(mkdir(path, 0755) == 0 || errno == EEXIST, path);
}

static void tree_path(char *path, const char *dir, long i)
{
	snprintf(path, PATH_BYTES, "%s/%ld/%ld", dir, i / 100, i);
}

static void make_files(const char *dir, long count, void (*content)(FILE *f, long i, long size), long size)
{
	char path[PATH_BYTES];

	make_dir(dir);
	for (long i = 0; i < count; i++) {
		FILE *f;

		if (i % 100 == 0) {
			snprintf(path, sizeof(path), "%s/%ld", dir, i / 100);
			make_dir(path);
		}
		tree_path(path, dir, i);
		f = fopen(path, "w");
		need(f, path);
		content(f, i, size);
		need(fclose(f) == 0 && chmod(path, 0755) == 0, path);
	}
}

static void any_content(FILE *f, long i, long size)
{
	uint64_t x = now_ns() + (uint64_t)i;

	for (long n = fprintf(f, "%ju\n", (uintmax_t)x); n < size; n += 17) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		fprintf(f, "%016jx\n", (uintmax_t)x);
	}
}

static void script_content(FILE *f, long i, long size)
{
	(void)size;
	fprintf(f, "#!/bin/sh\n# %ju\nx=%ld\n[ $x = %ld ]\n", (uintmax_t)now_ns(), i, i);
}

/* DIR COUNT BYTES */
static void cmd_tree(char **args)
{
	make_files(args[0], atol(args[1]), any_content, atol(args[2]));
}

/* DIR COUNT */
static void cmd_scripts(char **args)
{
	make_files(args[0], atol(args[1]), script_content, 0);
}

/* DIR COUNT: read what `tree` made, each file to its end. */
static void cmd_read(char **args)
{
	static char buffer[65536];
	char path[PATH_BYTES];

	for (long i = 0; i < atol(args[1]); i++) {
		int fd;

		tree_path(path, args[0], i);
		fd = open_read(path);
		while (read(fd, buffer, sizeof(buffer)) > 0)
			;
		close(fd);
	}
}

/* DIR COUNT: the calls without which nobody labels a file, one thread: what no tool can be faster than. */
static void cmd_floor(char **args)
{
	unsigned char label[34] = { 4, 4 }, buffer[4096];
	char path[PATH_BYTES];
	uint64_t start = now_ns();

	for (long i = 0; i < atol(args[1]); i++) {
		int fd;

		tree_path(path, args[0], i);
		fd = open_read(path);
		need(read(fd, buffer, sizeof(buffer)) > 0, path);
		memcpy(label + 2, buffer, sizeof(label) - 2);
		need(fsetxattr(fd, "security.ima", label, sizeof(label), 0) == 0, path);
		close(fd);
	}
	printf("%ju\n", (uintmax_t)(now_ns() - start));
}

/* DIR COUNT: execute what `scripts` made, one after the other. */
static void cmd_each(char **args)
{
	char path[PATH_BYTES];

	for (long i = 0; i < atol(args[1]); i++) {
		tree_path(path, args[0], i);
		use_exec(path);
	}
}

/* COMMAND...: its wall time. */
static void cmd_time(char **args)
{
	uint64_t start = now_ns();

	run(args);
	printf("%ju\n", (uintmax_t)(now_ns() - start));
}

/* COMMAND...: the most memory it had, in KiB. */
static void cmd_peak(char **args)
{
	struct rusage usage;

	run(args);
	need(getrusage(RUSAGE_CHILDREN, &usage) == 0, "getrusage");
	printf("%ld\n", usage.ru_maxrss);
}

static const struct {
	const char *name;
	void (*run)(char **args);
	int args;
} commands[] = {
	{ "warm", cmd_warm, 3 }, { "program", cmd_program, 2 }, { "first", cmd_first, 3 },
	{ "tree", cmd_tree, 3 }, { "scripts", cmd_scripts, 2 }, { "read", cmd_read, 2 },
	{ "each", cmd_each, 2 }, { "time", cmd_time, 1 },
	{ "peak", cmd_peak, 1 }, { "floor", cmd_floor, 2 },
	{ "programs", cmd_programs, 3 }, { "once", cmd_once, 3 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].args)
			continue;
		commands[i].run(argv + 2);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fprintf(stderr, "usage: bench WHAT ARGUMENTS; bench.c tells which\n");
	return 2;
}
