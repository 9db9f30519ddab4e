/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was measured in records that were cut off: a line that names the hash, then entries of one size, a
 * byte for the PCR and the template digest. Only ever appended to; a torn entry at the end is cut.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

#define FILE_NAME "measured"
#define HEAD_MAX  64

static size_t head_of(const struct algo *hash, char ret[HEAD_MAX])
{
	return (size_t)snprintf(ret, HEAD_MAX, "imad-measured 1 %s\n", hash->name);
}

/* Whether the file is of this hash. 1, 0, or negative errno. */
static int is_of(int fd, const struct algo *hash)
{
	char head[HEAD_MAX], found[HEAD_MAX];
	size_t n = head_of(hash, head);
	ssize_t got = pread(fd, found, n, 0);

	return got < 0 ? -errno : (size_t)got == n && !memcmp(head, found, n);
}

/* Empty but for its head. */
static int begin(int fd, const struct algo *hash)
{
	char head[HEAD_MAX];

	if (ftruncate(fd, 0) < 0)
		return -errno;
	return store_write(fd, head, head_of(hash, head));
}

/* Cut a torn entry. */
static int cut_tail(int fd, const struct algo *hash, uint64_t *size)
{
	char head[HEAD_MAX];
	size_t n = head_of(hash, head);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*size = (uint64_t)st.st_size - ((uint64_t)st.st_size - n) % (1u + hash->size);
	return *size < (uint64_t)st.st_size && ftruncate(fd, (off_t)*size) < 0 ? -errno : 0;
}

int store_measured_add(struct store *s, const struct algo *hash, const void *entries, size_t n)
{
	cleanup_close int fd = store_open_file(s->dir, FILE_NAME, O_APPEND);
	uint64_t size = 0;
	int r = fd < 0 ? fd : is_of(fd, hash);

	if (r == 0)
		r = begin(fd, hash);
	if (r >= 0)
		r = cut_tail(fd, hash, &size);
	if (r == 0)
		r = store_write(fd, entries, n * (1u + hash->size));
	if (r < 0)
		return r;
	return fdatasync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int store_measured(const struct store *s, const struct algo *hash,
		   int (*fn)(void *arg, unsigned int pcr, const uint8_t *digest), void *arg)
{
	cleanup_close int fd = openat(s->dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const size_t entry = 1u + hash->size, step = 1024 * entry;
	cleanup_free uint8_t *chunk = malloc(step);
	char head[HEAD_MAX];
	off_t at = (off_t)head_of(hash, head);
	ssize_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!chunk)
		return -ENOMEM;
	r = is_of(fd, hash);
	if (r <= 0) {
		if (r == 0) /* a digest of another kind is another record */
			log_msg(LOG_NOTICE, FILE_NAME ": by another hash than %s, not used", hash->name);
		return r;
	}
	while ((n = pread(fd, chunk, step, at)) > 0) {
		for (size_t i = 0; i + entry <= (size_t)n; i += entry) {
			r = fn(arg, chunk[i], chunk + i + 1);
			if (r < 0)
				return r;
		}
		if ((size_t)n < entry)
			break; /* torn */
		at += n - n % (ssize_t)entry;
	}
	return n < 0 ? -errno : 0;
}
