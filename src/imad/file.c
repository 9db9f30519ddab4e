// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be asked of one open descriptor. Keeps no state but a thread's hash buffers. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <imad/file.h>
#include <imad/label.h>
#include <imad/util.h>

#define READ_SIZE (256u << 10) /* fits the second-level cache, so that hashing reads warm bytes */
#define DELETED " (deleted)"
#define MEMFD_PREFIX "/memfd:"

struct file_hasher {
	struct digest_stream *streams[32]; /* by kernel id, made at first need */
	uint8_t buffer[READ_SIZE];
};

int file_hasher_new(struct file_hasher **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void file_hasher_free(struct file_hasher *h)
{
	if (!h)
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(h->streams); i++)
		digest_stream_free(h->streams[i]);
	free(h);
}

static int begin(struct file_hasher *h, const struct algo *algo)
{
	int r;

	if (algo->id >= ARRAY_SIZE(h->streams))
		return -EOPNOTSUPP;
	if (!h->streams[algo->id]) {
		r = digest_stream_new(algo, &h->streams[algo->id]);
		if (r < 0)
			return r;
	}
	return digest_begin(h->streams[algo->id]);
}

/* The first @size bytes, or all there are. */
static int hash_part(struct file_hasher *h, int fd, uint64_t size, const struct algo *const *algos, unsigned int n,
		     struct digest *ret)
{
	uint64_t offset = 0;
	ssize_t got;
	int r = 0;

	for (unsigned int i = 0; i < n && r == 0; i++)
		r = begin(h, algos[i]);
	while (r == 0 && (got = pread(fd, h->buffer, MIN(READ_SIZE, size - offset), (off_t)offset)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (unsigned int i = 0; i < n && r == 0; i++)
			r = digest_update(h->streams[algos[i]->id], h->buffer, got);
		offset += (uint64_t)got;
	}
	for (unsigned int i = 0; i < n && r == 0; i++)
		r = digest_end(h->streams[algos[i]->id], &ret[i]);
	return r;
}

int file_hash(struct file_hasher *h, int fd, const struct algo *const *algos, unsigned int n, struct digest *ret)
{
	return hash_part(h, fd, UINT64_MAX, algos, n, ret);
}

int file_hash_first(struct file_hasher *h, int fd, uint64_t size, const struct algo *algo, struct digest *ret)
{
	return hash_part(h, fd, size, &algo, 1, ret);
}

/* Whether the file's real name ends in " (deleted)": then the path still leads to it. */
static bool really_named(int fd, const char *path)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && by_fd.st_nlink > 0 && lstat(path, &by_path) == 0 &&
	       by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino;
}

int file_name(int fd, char ret[FILE_NAME_MAX])
{
	char link[32], path[FILE_NAME_MAX];
	const size_t suffix = strlen(DELETED);
	const char *name = path;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	if ((size_t)n > suffix && !strcmp(path + n - suffix, DELETED) && !really_named(fd, path))
		path[n - suffix] = '\0';
	if (!strncmp(path, MEMFD_PREFIX, strlen(MEMFD_PREFIX)))
		name = path + 1;
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

size_t file_label(int fd, uint8_t *buffer, const struct algo **algo)
{
	const struct algo *named = NULL;
	ssize_t n = fgetxattr(fd, "security.ima", buffer, FILE_LABEL_MAX);

	if (n > 0)
		named = label_algo(buffer, n);
	if (digest_can(named))
		*algo = named;
	if (n > 0 && (buffer[0] == LABEL_SIGNATURE || buffer[0] == LABEL_VERITY))
		return n;
	n = fgetxattr(fd, "security.evm", buffer, FILE_LABEL_MAX);
	return n > 0 && buffer[0] == LABEL_PORTABLE ? n : 0;
}

int file_set_hash_label(int fd, const struct digest *digest)
{
	cleanup_free uint8_t *old = malloc(FILE_LABEL_MAX);
	uint8_t label[LABEL_DIGEST_MAX];
	size_t n = label_encode_digest(digest, label);
	ssize_t had = old ? fgetxattr(fd, "security.ima", old, FILE_LABEL_MAX) : -1;

	if (!old)
		return -ENOMEM;
	if (had < 0 && errno != ENODATA)
		return -errno;
	if (had > 0 && (old[0] == LABEL_SIGNATURE || old[0] == LABEL_VERITY))
		return 0;
	if (had == (ssize_t)n && !memcmp(old, label, n))
		return 0;
	return fsetxattr(fd, "security.ima", label, n, 0) < 0 ? -errno : 1;
}

int file_force_hash_label(int fd, const struct digest *digest)
{
	uint8_t label[LABEL_DIGEST_MAX];
	size_t n = label_encode_digest(digest, label);

	return fsetxattr(fd, "security.ima", label, n, 0) < 0 ? -errno : 0;
}

int file_is_elf_object(int fd, bool wait)
{
	unsigned char header[18];
	struct iovec iov = { .iov_base = header, .iov_len = sizeof(header) };
	unsigned int type;
	ssize_t n = preadv2(fd, &iov, 1, 0, wait ? 0 : RWF_NOWAIT);

	if (n < 0 && !wait)
		return -EAGAIN;
	if (n != sizeof(header) || memcmp(header, ELFMAG, SELFMAG) != 0)
		return 0;
	type = header[EI_DATA] == ELFDATA2MSB ? header[16] << 8 | header[17] : header[17] << 8 | header[16];
	return type == ET_EXEC || type == ET_DYN;
}

ssize_t file_read_small(const char *path, void *ret, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = ret;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size && (n = read(fd, text + len, size - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	if (len == size)
		return -EFBIG;
	text[len] = '\0';
	return (ssize_t)len;
}
