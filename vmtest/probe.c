// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tries one use of a file, for the test scripts: `probe WHAT FILE`. The exit status is 0, or the errno
 * of the call that was refused; 255 is a wrong call of the probe itself. Static, so that it runs where
 * no library may be mapped, and its own start maps nothing but itself.
 *
 * To add a use: a function that returns 0 or a negative errno, and its row in uses[].
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAP_BYTES 4096

static int last(long r)
{
	return r < 0 ? -errno : 0;
}

static int open_then(const char *file, int flags, int (*then)(int fd))
{
	int fd = open(file, flags | O_CLOEXEC);

	return fd < 0 ? -errno : then(fd);
}

/* --- open, read, write */

static int then_nothing(int fd)
{
	(void)fd;
	return 0;
}

static int then_read(int fd)
{
	char c;

	return last(read(fd, &c, 1));
}

static int then_write(int fd)
{
	return last(write(fd, "x", 1));
}

static int use_open(const char *file)
{
	return open_then(file, O_RDONLY, then_nothing);
}

static int use_read(const char *file)
{
	return open_then(file, O_RDONLY, then_read);
}

static int use_write(const char *file)
{
	return open_then(file, O_WRONLY | O_APPEND, then_write);
}

/* As often as it takes to be a nuisance; all must fail alike. */
static int use_storm_open(const char *file)
{
	char c;

	for (int i = 0; i < 3000; i++) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, &c, 1) >= 0)
			return -EEXIST;
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

static int use_rdwr(const char *file)
{
	return open_then(file, O_RDWR, then_read);
}

static int use_truncate(const char *file)
{
	return last(truncate(file, 1));
}

static int then_fallocate(int fd)
{
	return last(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 1));
}

static int use_fallocate(const char *file)
{
	return open_then(file, O_WRONLY, then_fallocate);
}

static int use_setxattr(const char *file)
{
	return last(setxattr(file, "security.ima", "\001", 1, 0));
}

/* --- mappings */

static int map(int fd, int prot, int flags, void **ret)
{
	void *p = mmap(NULL, MAP_BYTES, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

static int then_map_read(int fd)
{
	void *p = NULL;

	return map(fd, PROT_READ, MAP_PRIVATE, &p);
}

static int then_map_exec(int fd)
{
	void *p = NULL;

	return map(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE, &p);
}

static int then_mprotect(int fd)
{
	void *p = NULL;
	int r;

	r = map(fd, PROT_READ, MAP_PRIVATE, &p);
	return r < 0 ? r : last(mprotect(p, MAP_BYTES, PROT_READ | PROT_EXEC));
}

static int then_map_write(int fd)
{
	void *p = NULL;
	int r;

	r = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, &p);
	if (r == 0)
		*(volatile char *)p ^= 1;
	return r;
}

/* The descriptor is closed, the writable mapping stays until standard input ends. */
static int then_hold_mapped(int fd)
{
	char c;
	int r;

	r = then_map_write(fd);
	if (r < 0)
		return r;
	close(fd);
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

static int use_mmap_read(const char *file)
{
	return open_then(file, O_RDONLY, then_map_read);
}

static int use_mmap_exec(const char *file)
{
	return open_then(file, O_RDONLY, then_map_exec);
}

static int use_mmap_write(const char *file)
{
	return open_then(file, O_RDWR, then_map_write);
}

static int use_mprotect_exec(const char *file)
{
	return open_then(file, O_RDONLY, then_mprotect);
}

/* While somebody, who changes nothing, could write through a mapping. */
static int use_exec_on_writable(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	void *p = NULL;
	int r;

	if (fd < 0)
		return -errno;
	r = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, &p);
	close(fd);
	return r < 0 ? r : use_mmap_exec(file);
}

static int use_implied_exec(const char *file)
{
	if (personality(READ_IMPLIES_EXEC) < 0)
		return -errno;
	return use_mmap_read(file);
}

static int use_hold_mapped(const char *file)
{
	return open_then(file, O_RDWR, then_hold_mapped);
}

/* --- exec: on success the file's own exit status is the probe's */

static int exec_fd(int fd)
{
	char *argv[] = { "probe-exec", NULL };
	char *envp[] = { NULL };

	return last(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH));
}

static int copy_to(int to, const char *file)
{
	int from = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	for (off_t left = st.st_size; left > 0; left -= n) {
		n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return close(from) < 0 ? -errno : 0;
}

static int memfd_exec(const char *file, int seals)
{
	int fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = copy_to(fd, file);
	if (r == 0 && seals)
		r = last(fcntl(fd, F_ADD_SEALS, seals));
	return r < 0 ? r : exec_fd(fd);
}

static int use_exec(const char *file)
{
	char *argv[] = { (char *)file, NULL };

	return last(execv(file, argv));
}

/* What an interpreter asks before it runs a script; the kernel executes nothing. */
static int then_ask(int fd)
{
	char *none[] = { NULL };

	return last(syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH | 0x10000 /* AT_EXECVE_CHECK */));
}

static int use_exec_check(const char *file)
{
	return open_then(file, O_RDONLY, then_ask);
}

static int use_fd_exec(const char *file)
{
	return open_then(file, O_PATH, exec_fd);
}

static int use_memfd_exec(const char *file)
{
	return memfd_exec(file, 0);
}

static int use_sealed_exec(const char *file)
{
	return memfd_exec(file, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

/* --- what the kernel loads */

static int then_init_module(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	void *p = n > 0 ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;

	return p == MAP_FAILED ? -errno : last(syscall(SYS_init_module, p, n, ""));
}

static int use_init_module(const char *file)
{
	return open_then(file, O_RDONLY, then_init_module);
}

static int then_finit_module(int fd)
{
	return last(syscall(SYS_finit_module, fd, "", 0));
}

static int use_finit_module(const char *file)
{
	return open_then(file, O_RDONLY, then_finit_module);
}

/* As kmod does with what is compressed. */
static int then_finit_compressed(int fd)
{
	return last(syscall(SYS_finit_module, fd, "", 4 /* MODULE_INIT_COMPRESSED_FILE */));
}

static int use_finit_compressed(const char *file)
{
	return open_then(file, O_RDONLY, then_finit_compressed);
}

/* Load a kernel without an initrd; what is loaded stays until it is unloaded, and is never started. */
static int then_kexec(int fd)
{
	static const char line[] = "root=/dev/vda quiet";

	return last(syscall(SYS_kexec_file_load, fd, -1, sizeof(line), line, KEXEC_FILE_NO_INITRAMFS));
}

/* The same with the file as initrd, too. */
static int then_kexec_initrd(int fd)
{
	return last(syscall(SYS_kexec_file_load, fd, fd, 1, "", 0));
}

static int use_kexec_initrd(const char *file)
{
	return open_then(file, O_RDONLY, then_kexec_initrd);
}

static int use_kexec(const char *file)
{
	return open_then(file, O_RDONLY, then_kexec);
}

/* The old call, by segments from memory: even to unload asks for leave. */
static int use_kexec_memory(const char *file)
{
	(void)file;
	return last(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

/* --- io_uring: one request by hand, without a library */

static int uring(struct io_uring_sqe sqe)
{
	struct io_uring_params p = { 0 };
	unsigned char *sq, *cq;
	struct io_uring_sqe *sqes;
	int fd;

	fd = (int)syscall(SYS_io_uring_setup, 1, &p);
	if (fd < 0)
		return -errno;
	sq = mmap(NULL, p.sq_off.array + sizeof(unsigned int), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		return -errno;

	sqes[0] = sqe;
	*(unsigned int *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	return ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
}

static int uring_open(const char *file, unsigned char flags)
{
	return uring((struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
					    .fd = AT_FDCWD,
					    .flags = flags,
					    .addr = (unsigned long)file,
					    .open_flags = O_RDONLY | O_CLOEXEC });
}

static int then_uring_write(int fd)
{
	return uring((struct io_uring_sqe){
	    .opcode = IORING_OP_WRITE, .fd = fd, .addr = (unsigned long)"x", .len = 1 });
}

static int use_uring_open(const char *file)
{
	int r = uring_open(file, 0);

	return r < 0 ? r : then_read(r);
}

static int use_uring_open_async(const char *file)
{
	int r = uring_open(file, IOSQE_ASYNC);

	return r < 0 ? r : then_read(r);
}

static int use_uring_write(const char *file)
{
	int r = open_then(file, O_WRONLY, then_uring_write);

	return r < 0 ? r : 0;
}

static const struct {
	const char *name;
	int (*use)(const char *file);
} uses[] = {
	{ "init-module", use_init_module },
	{ "exec-check", use_exec_check },
	{ "finit-module", use_finit_module },
	{ "finit-compressed", use_finit_compressed },
	{ "kexec", use_kexec },
	{ "kexec-initrd", use_kexec_initrd },
	{ "kexec-memory", use_kexec_memory },
	{ "open", use_open },
	{ "read", use_read },
	{ "write", use_write },
	{ "storm-open", use_storm_open },
	{ "rdwr", use_rdwr },
	{ "truncate", use_truncate },
	{ "fallocate", use_fallocate },
	{ "setxattr", use_setxattr },
	{ "mmap-read", use_mmap_read },
	{ "mmap-exec", use_mmap_exec },
	{ "mmap-write", use_mmap_write },
	{ "mprotect-exec", use_mprotect_exec },
	{ "exec-on-writable", use_exec_on_writable },
	{ "implied-exec", use_implied_exec },
	{ "hold-mapped", use_hold_mapped },
	{ "exec", use_exec },
	{ "fd-exec", use_fd_exec },
	{ "memfd-exec", use_memfd_exec },
	{ "sealed-exec", use_sealed_exec },
	{ "io_uring-open", use_uring_open },
	{ "io_uring-open-async", use_uring_open_async },
	{ "io_uring-write", use_uring_write },
};

int main(int argc, char **argv)
{
	int r;

	for (size_t i = 0; argc == 3 && i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (strcmp(argv[1], uses[i].name) != 0)
			continue;
		r = uses[i].use(argv[2]);
		if (r < 0)
			fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], strerror(-r));
		return -r;
	}
	fprintf(stderr, "usage: probe WHAT FILE, where WHAT is one of:");
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		fprintf(stderr, " %s", uses[i].name);
	fputc('\n', stderr);
	return 255;
}
