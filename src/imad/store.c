/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published list: open, append, read. An append is one write(2) a file, and
 * one that fails is taken back in all of them. Mending after a crash is in
 * store_mend.c, lists of another boot are store_boot.c's.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

#define STORE_CHUNK	 (64u << 10)
#define STORE_RECORD_MAX (LIST_DATA_MAX + 4096u) /* whole record, generously */

const char *store_name(unsigned int i)
{
	static const char *const names[STORE_GROWING] = {
		[STORE_BINARY] = "binary_runtime_measurements",
		[STORE_ASCII] = "ascii_runtime_measurements",
		[STORE_INFO] = "record_info",
	};

	return names[i];
}

int store_open_file(int dir, const char *name, int flags)
{
	int fd;

	flags |= O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	fd = openat(dir, name, flags);
	if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0640, 0) == 0)
		fd = openat(dir, name, flags); /* ours, but read-only even for us without privilege */
	if (fd < 0 && errno == ENOENT)
		fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0440);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0440) < 0) { /* whatever the umask */
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

int store_sync(int fd)
{
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* EINVAL: what has no disk */
}

int store_write(int fd, const void *p, size_t n)
{
	ssize_t done = write(fd, p, n);

	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -ENOSPC;
}

int store_number_set(struct store_number *n, uint64_t value)
{
	char text[24];
	size_t len = (size_t)snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
	ssize_t done = pwrite(n->fd, text, len, 0);

	if (done < 0)
		return -errno;
	if ((size_t)done != len)
		return -ENOSPC;
	if (len < n->len && ftruncate(n->fd, (off_t)len) < 0)
		return -errno;
	n->len = len;
	n->value = value;
	return 0;
}

static int dir_lock(const char *path, int *ret)
{
	cleanup_close int fd = -1;
	bool made = mkdir(path, 0750) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (made && fchmod(fd, 0750) < 0))
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	*ret = take_fd(&fd);
	return 0;
}

static int number_open(int dir, const char *name, struct store_number *ret)
{
	struct stat st;

	ret->fd = store_open_file(dir, name, 0);
	if (ret->fd < 0)
		return ret->fd;
	if (fstat(ret->fd, &st) < 0)
		return -errno;
	ret->len = (size_t)st.st_size;
	return 0;
}

int store_open_growing(struct store *s, struct store_file *f)
{
	struct stat st;

	f->fd = store_open_file(s->dir, f->name, O_APPEND);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	f->size = (uint64_t)st.st_size;
	return 0;
}

int store_files_open(struct store *s)
{
	int r = 0;

	for (unsigned int i = 0; i < STORE_GROWING && !r; i++)
		r = store_open_growing(s, &s->file[i]);
	if (r < 0)
		return r;
	r = number_open(s->dir, "runtime_measurements_count", &s->records);
	return r < 0 ? r : number_open(s->dir, "violations", &s->violations);
}

struct store *store_alloc(void)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dir = s->records.fd = s->violations.fd = -1;
	s->n_files = STORE_GROWING;
	s->file[STORE_BINARY].binary = true;
	for (unsigned int i = 0; i < STORE_GROWING; i++) {
		s->file[i].fd = -1;
		(void)snprintf(s->file[i].name, sizeof(s->file[i].name), "%s", store_name(i));
	}
	return s;
}

int store_open(const char *dir, const char *boot_id, struct store **ret, uint64_t *n_records)
{
	cleanup(store_freep) struct store *s = store_alloc();
	int r;

	if (!s)
		return -ENOMEM;
	r = dir_lock(dir, &s->dir);
	if (!r)
		r = store_trim_recover(s->dir);
	if (!r)
		r = store_boot(s->dir, boot_id);
	if (!r)
		r = store_before(s, boot_id);
	if (!r)
		r = store_files_open(s);
	if (!r)
		r = store_mend(s, n_records);
	if (r < 0)
		return r;
	(void)snprintf(s->boot_id, sizeof(s->boot_id), "%s", boot_id);
	*n_records = s->records.value;
	*ret = take_ptr(s);
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_files; i++) {
		util_closep(&s->file[i].fd);
		buf_done(&s->file[i].line);
	}
	util_closep(&s->records.fd);
	util_closep(&s->violations.fd);
	util_closep(&s->dir);
	if (s->before)
		checkpoint_done(s->before);
	free(s->before);
	free(s);
}

void store_freep(struct store **s)
{
	store_free(*s);
}

/* Back to the last whole append. */
static int take_back(struct store *s)
{
	int r = 0, err;

	for (unsigned int i = 0; i < s->n_files; i++)
		if (ftruncate(s->file[i].fd, (off_t)s->file[i].size) < 0)
			r = -errno;
	err = store_number_set(&s->records, s->records.value);
	r = err < 0 ? err : r;
	err = store_number_set(&s->violations, s->violations.value);
	r = err < 0 ? err : r;
	s->dirty = r < 0;
	return r;
}

/* All that an append will add, made before anything is written. */
static int lines_make(struct store *s, const struct list_record *r, const char *info)
{
	int err = 0;

	for (unsigned int i = 0; i < s->n_files; i++) {
		buf_reset(&s->file[i].line);
		if (!err && i != STORE_INFO)
			err = store_line(&s->file[i], r, &s->file[i].line);
	}
	buf_add_str(&s->file[STORE_INFO].line, info);
	buf_add_u8(&s->file[STORE_INFO].line, '\n');
	return err < 0 ? err : buf_error(&s->file[STORE_INFO].line);
}

static int lines_write(struct store *s, bool violation)
{
	uint64_t records = s->records.value, violations = s->violations.value;
	int r = 0;

	for (unsigned int i = 0; i < s->n_files && !r; i++)
		r = store_write(s->file[i].fd, s->file[i].line.data, s->file[i].line.len);
	if (!r)
		r = store_number_set(&s->records, records + 1);
	if (!r && violation)
		r = store_number_set(&s->violations, violations + 1);
	if (!r)
		return 0;
	s->records.value = records;
	s->violations.value = violations;
	(void)take_back(s); /* s->dirty keeps what it could not do */
	return r;
}

int store_append(struct store *s, const struct list_record *rec, const char *info)
{
	int r;

	r = s->dirty ? take_back(s) : 0;
	if (!r)
		r = lines_make(s, rec, info);
	if (!r)
		r = lines_write(s, rec->violation);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < s->n_files; i++)
		s->file[i].size += s->file[i].line.len;
	return 0;
}

int store_reader(const struct store *s)
{
	int fd = openat(s->dir, store_name(STORE_BINARY), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Hand the whole records in @n bytes to @fn. Gives the bytes used, or what stopped it, with *@at there. */
static ssize_t scan_chunk(const uint8_t *p, size_t n, uint64_t *at, store_scan_fn *fn, void *arg,
			  const char **why)
{
	struct list_record rec;
	size_t used = 0;
	ssize_t len;
	int r;

	while ((len = list_parse(p + used, n - used, &rec, why)) > 0) {
		r = fn(arg, &rec, *at, *at + (uint64_t)len);
		if (r < 0)
			return r;
		used += (size_t)len;
		*at += (uint64_t)len;
	}
	return len == -ENODATA || len == -EAGAIN ? (ssize_t)used : len;
}

int store_scan_file(int fd, uint64_t base, uint64_t *at, store_scan_fn *fn, void *arg)
{
	cleanup_free uint8_t *buf = NULL;
	const char *why = NULL;
	size_t cap = 0, have = 0;
	ssize_t n, used;

	for (;;) {
		if (have == cap) { /* at first, and for a record longer than the buffer */
			size_t grown = cap ? 2 * cap : STORE_CHUNK;
			uint8_t *p = cap < STORE_RECORD_MAX ? realloc(buf, grown) : NULL;

			if (!p)
				return -ENOMEM;
			buf = p;
			cap = grown;
		}
		n = pread(fd, buf + have, cap - have, (off_t)(*at - base + have));
		if (n < 0)
			return -errno;
		have += (size_t)n;
		used = scan_chunk(buf, have, at, fn, arg, &why);
		if (used < 0) {
			if (why)
				log_msg(LOG_ERR, "measurement list, byte %" PRIu64 ": %s", *at, why);
			return (int)used;
		}
		have -= (size_t)used;
		memmove(buf, buf + used, have);
		if (!n)
			return 0;
	}
}

int store_scan_behind(const struct store *s, uint64_t base, uint64_t *at, store_scan_fn *fn, void *arg)
{
	return store_scan_file(s->file[STORE_BINARY].fd, base, at, fn, arg);
}

int store_scan(const struct store *s, uint64_t *at, store_scan_fn *fn, void *arg)
{
	return store_scan_behind(s, 0, at, fn, arg);
}

uint64_t store_size(const struct store *s)
{
	return s->file[STORE_BINARY].size;
}

uint64_t store_records(const struct store *s)
{
	return s->records.value;
}

const char *store_boot_id(const struct store *s)
{
	return s->boot_id;
}

uint64_t store_violations(const struct store *s)
{
	return s->violations.value;
}
