/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list that another boot left, on a disk perhaps when its power failed. A file system may have counted bytes in that it had
 * no time to write: the end is torn, or zeros. Up to there it is made whole; what is no record and not zeros is put
 * aside, so that nothing is lost.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

/* Its lengths fit, its data its template, and the digest its data. */
static int whole_record(void *arg, const struct list_record *r, uint64_t start, uint64_t end)
{
	struct buf *scratch = arg;
	struct digest d;
	int err;

	(void)start, (void)end;
	buf_reset(scratch);
	err = list_print(r, scratch);
	if (!err)
		err = list_template_digest(r, algo_by_id(ALGO_SHA1), &d);
	if (err < 0)
		return err;
	return r->violation || !memcmp(d.bytes, r->header_digest, LIST_HEADER_DIGEST) ? 0 : -EBADMSG;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* Copy what is behind @at; a file that has only zeros goes again. */
static int copy_rest(const struct store *s, uint64_t at)
{
	cleanup_close int to = store_open_file(s->dir, STORE_REST, O_TRUNC);
	bool zeros = true;
	uint8_t chunk[4096];
	ssize_t n;
	int r = MIN(to, 0);

	while (!r && (n = pread(s->file[STORE_BINARY].fd, chunk, sizeof(chunk), (off_t)at)) != 0) {
		r = n < 0 ? -errno : store_write(to, chunk, (size_t)n);
		zeros &= n > 0 && is_zero(chunk, (size_t)n);
		at += (uint64_t)MAX(n, 0);
	}
	if (!r && zeros)
		return unlinkat(s->dir, STORE_REST, 0) < 0 ? -errno : 0;
	return r < 0 ? r : store_sync(to);
}

static int cut_rest(struct store *s)
{
	struct store_file *f = &s->file[STORE_BINARY];
	uint64_t at = 0;
	int r = store_scan(s, &at, whole_record, &f->line);

	if ((r < 0 && r != -EBADMSG) || at == f->size)
		return r;
	log_msg(LOG_WARNING, "list of another boot: the %" PRIu64 " bytes behind byte %" PRIu64 " are no record", f->size - at, at);
	r = copy_rest(s, at);
	if (!r && ftruncate(f->fd, (off_t)at) < 0)
		r = -errno;
	if (!r)
		f->size = at;
	return r;
}

/* The lists of banks that are there go on as such. */
static int mend_banks(struct store *s)
{
	const struct algo *banks[ALGO_COUNT];
	unsigned int n = 0;

	for (unsigned int i = 0; i < ALGO_COUNT; i++) {
		char name[STORE_NAME_MAX];

		store_bank_name(algo_by_id(i), true, name);
		if (i != ALGO_SHA1 && faccessat(s->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			banks[n++] = algo_by_id(i);
	}
	return store_banks(s, banks, n);
}

int store_mend_left(int dir, const char *boot_id)
{
	cleanup(store_freep) struct store *s = store_alloc();
	uint64_t n;
	int r;

	if (!s)
		return -ENOMEM;
	s->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	r = s->dir < 0 ? -errno : store_before(s, boot_id);
	if (!r)
		r = store_files_open(s);
	if (!r)
		r = cut_rest(s);
	if (!r)
		r = store_mend(s, &n);
	if (!r)
		r = mend_banks(s);
	for (unsigned int i = 0; i < s->n_files && !r; i++)
		r = store_sync(s->file[i].fd);
	return r;
}
