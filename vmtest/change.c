// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes a file's content in one given way, for the test scripts: `change WAY FILE`. The exit status is
 * 0, 95 (EOPNOTSUPP) where the kernel or the filesystem does not know the way, else another errno; 255
 * is a wrong call.
 * The file is some blocks long, fewer than nine.
 *
 * To add a way: a function that returns 0 or a negative errno, and its row in ways[].
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096

/* What is written: never what was there before. */
static char fresh[BLOCK];

static int last(long r)
{
	return r < 0 ? -errno : 0;
}

static int wrote(long n, long wanted)
{
	return n < 0 ? -errno : n == wanted ? 0 : -EIO;
}

static int open_then(const char *file, int flags, int (*then)(int fd))
{
	int fd = open(file, flags | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = then(fd);
	return close(fd) < 0 && r == 0 ? -errno : r;
}

/* --- plain writes */

static int then_write(int fd)
{
	return wrote(write(fd, fresh, 64), 64);
}

static int then_pwritev2(int fd)
{
	struct iovec v = { fresh, 64 };

	return wrote(pwritev2(fd, &v, 1, 100, RWF_DSYNC), 64);
}

static int way_write(const char *file)
{
	return open_then(file, O_WRONLY, then_write);
}

static int way_append(const char *file)
{
	return open_then(file, O_WRONLY | O_APPEND, then_write);
}

static int way_pwritev2(const char *file)
{
	return open_then(file, O_RDWR, then_pwritev2);
}

static int then_direct(int fd)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));

	memcpy(block, fresh, BLOCK);
	return wrote(pwrite(fd, block, BLOCK, 0), BLOCK);
}

static int way_direct(const char *file)
{
	int r = open_then(file, O_WRONLY | O_DIRECT, then_direct);

	return r == -EINVAL ? -EOPNOTSUPP : r;
}

/* --- sizes */

static int then_ftruncate(int fd)
{
	return last(ftruncate(fd, 100));
}

static int then_grow(int fd)
{
	return last(ftruncate(fd, 9 * BLOCK));
}

static int way_truncate(const char *file)
{
	return last(truncate(file, 101));
}

static int way_ftruncate(const char *file)
{
	return open_then(file, O_WRONLY, then_ftruncate);
}

static int way_grow(const char *file)
{
	return open_then(file, O_WRONLY, then_grow);
}

static int way_o_trunc(const char *file)
{
	return open_then(file, O_WRONLY | O_TRUNC, then_write);
}

static int way_o_trunc_only(const char *file)
{
	int fd = open(file, O_RDONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -errno : last(close(fd));
}

/* --- mappings */

static int map_shared(int fd, char **ret)
{
	char *p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

static int then_mmap(int fd)
{
	char *p = NULL;
	int r = map_shared(fd, &p);

	if (r < 0)
		return r;
	memcpy(p, fresh, 64);
	return last(munmap(p, BLOCK));
}

static int way_mmap(const char *file)
{
	return open_then(file, O_RDWR, then_mmap);
}

/* The store comes when no descriptor is left. */
static int way_mmap_closed(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC), r;
	char *p = NULL;

	if (fd < 0)
		return -errno;
	r = map_shared(fd, &p);
	close(fd);
	if (r < 0)
		return r;
	memcpy(p, fresh, 64);
	return last(munmap(p, BLOCK));
}

/* Mapped for reading, made writable later. */
static int then_mprotect(int fd)
{
	char *p = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED || mprotect(p, BLOCK, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	memcpy(p, fresh, 64);
	return last(munmap(p, BLOCK));
}

static int way_mprotect(const char *file)
{
	return open_then(file, O_RDWR, then_mprotect);
}

/* --- copies inside the kernel; their source is a file beside the changed one */

static char source[4096];

static int open_source(void)
{
	int fd = open(source, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	return write(fd, fresh, BLOCK) == BLOCK && lseek(fd, 0, SEEK_SET) == 0 ? fd : -EIO;
}

static int from_source(int fd, int (*copy)(int from, int to))
{
	int from = open_source(), r;

	if (from < 0)
		return from;
	r = copy(from, fd);
	close(from);
	unlink(source);
	return r;
}

static int copy_range(int from, int to)
{
	loff_t at = 0, into = 0;

	return wrote(copy_file_range(from, &at, to, &into, BLOCK, 0), BLOCK);
}

static int copy_clone(int from, int to)
{
	struct file_clone_range c = { .src_fd = from, .src_length = BLOCK };
	int r = last(ioctl(to, FICLONERANGE, &c));

	return r == -EINVAL || r == -ENOTTY ? -EOPNOTSUPP : r;
}

static int copy_sendfile(int from, int to)
{
	return wrote(sendfile(to, from, NULL, BLOCK), BLOCK);
}

static int copy_splice(int from, int to)
{
	int pipes[2];

	if (pipe(pipes) < 0)
		return -errno;
	if (splice(from, NULL, pipes[1], NULL, BLOCK, 0) != BLOCK)
		return -errno;
	return wrote(splice(pipes[0], NULL, to, NULL, BLOCK, 0), BLOCK);
}

static int then_copy_range(int fd)
{
	return from_source(fd, copy_range);
}

static int then_clone(int fd)
{
	return from_source(fd, copy_clone);
}

static int then_sendfile(int fd)
{
	return from_source(fd, copy_sendfile);
}

static int then_splice(int fd)
{
	return from_source(fd, copy_splice);
}

static int way_copy_range(const char *file)
{
	return open_then(file, O_WRONLY, then_copy_range);
}

static int way_clone(const char *file)
{
	return open_then(file, O_WRONLY, then_clone);
}

static int way_sendfile(const char *file)
{
	return open_then(file, O_WRONLY, then_sendfile);
}

static int way_splice(const char *file)
{
	return open_then(file, O_WRONLY, then_splice);
}

/* --- fallocate(2) */

static int then_punch(int fd)
{
	return last(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BLOCK));
}

static int then_zero(int fd)
{
	return last(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, BLOCK));
}

static int then_collapse(int fd)
{
	return last(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, BLOCK));
}

static int then_insert(int fd)
{
	return last(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, BLOCK));
}

static int way_punch(const char *file)
{
	return open_then(file, O_WRONLY, then_punch);
}

static int way_zero(const char *file)
{
	return open_then(file, O_WRONLY, then_zero);
}

static int way_collapse(const char *file)
{
	return open_then(file, O_WRONLY, then_collapse);
}

static int way_insert(const char *file)
{
	return open_then(file, O_WRONLY, then_insert);
}

/* --- asynchronous writes */

static int then_aio(int fd)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = (uint32_t)fd,
			   .aio_buf = (uintptr_t)fresh, .aio_nbytes = 64 };
	struct iocb *list[] = { &cb };
	struct io_event event;
	aio_context_t ctx = 0;

	if (syscall(SYS_io_setup, 1, &ctx) < 0 || syscall(SYS_io_submit, ctx, 1, list) != 1 ||
	    syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL) != 1)
		return -errno;
	syscall(SYS_io_destroy, ctx);
	return event.res < 0 ? (int)event.res : wrote(event.res, 64);
}

static int way_aio(const char *file)
{
	return open_then(file, O_WRONLY, then_aio);
}

/* One request by hand, without a library. */
static int then_uring(int fd)
{
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	struct io_uring_sqe *sqe;
	unsigned char *sq, *cq;
	int res;

	if (ring < 0)
		return -errno;
	sq = mmap(NULL, p.sq_off.array + sizeof(unsigned int), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -errno;
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .flags = IOSQE_ASYNC, .fd = fd,
				      .addr = (uintptr_t)fresh, .len = 64 };
	*(unsigned int *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	res = ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
	close(ring);
	return res < 0 ? res : wrote(res, 64);
}

static int way_uring(const char *file)
{
	return open_then(file, O_WRONLY, then_uring);
}

/* --- through another process: the descriptor outlives the one who opened it */
static int way_inherited(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), pipes[2];
	char c;

	if (fd < 0 || pipe(pipes) < 0)
		return -errno;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		close(pipes[0]);
		usleep(100000); /* the parent's descriptor is closed by then */
		_exit(then_write(fd) == 0 ? 0 : 1);
	default:
		close(pipes[1]);
		close(fd);
		return read(pipes[0], &c, 1) == 0 ? 0 : -EIO;
	}
}

static const struct {
	const char *name;
	int (*make)(const char *file);
} ways[] = {
	{ "write", way_write },
	{ "append", way_append },
	{ "pwritev2", way_pwritev2 },
	{ "direct", way_direct },
	{ "truncate", way_truncate },
	{ "ftruncate", way_ftruncate },
	{ "grow", way_grow },
	{ "o_trunc", way_o_trunc },
	{ "o_trunc-only", way_o_trunc_only },
	{ "mmap", way_mmap },
	{ "mmap-closed", way_mmap_closed },
	{ "mprotect", way_mprotect },
	{ "copy_file_range", way_copy_range },
	{ "clone", way_clone },
	{ "sendfile", way_sendfile },
	{ "splice", way_splice },
	{ "punch", way_punch },
	{ "zero", way_zero },
	{ "collapse", way_collapse },
	{ "insert", way_insert },
	{ "aio", way_aio },
	{ "io_uring", way_uring },
	{ "inherited", way_inherited },
};

#ifndef RACE /* race.c takes the ways alone */
int main(int argc, char **argv)
{
	struct timespec now;
	int r;

	if (argc == 2 && strcmp(argv[1], "ways") == 0) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
			puts(ways[i].name);
		return 0;
	}
	for (size_t i = 0; argc == 3 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		memset(fresh, 'a' + (int)(now.tv_nsec % 26), sizeof(fresh));
		snprintf(fresh, sizeof(fresh), "%s %d %lld.%09ld", argv[1], getpid(), (long long)now.tv_sec,
			 now.tv_nsec);
		snprintf(source, sizeof(source), "%s.source", argv[2]);
		r = ways[i].make(argv[2]);
		if (r < 0)
			fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], strerror(-r));
		return -r;
	}
	fprintf(stderr, "usage: change WAY FILE; `change ways` lists the ways\n");
	return 255;
}
#endif
