/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a crash: the binary list is what counts. Its torn tail is cut, and the
 * files beside it get what they lack or lose what they have too much. No file is
 * replaced, so that whoever has one open goes on seeing the list.
 */
#include <inttypes.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

struct counted {
	uint64_t records, violations;
	struct buf *scratch;
};

static int count_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct counted *c = arg;
	int r;

	(void)start, (void)end;
	buf_reset(c->scratch);
	r = list_print(rec, c->scratch); /* its data must fit its template, or nothing is touched */
	if (r < 0)
		return r;
	c->records++;
	c->violations += rec->violation;
	return 0;
}

static int file_cut(struct store_file *f, uint64_t size)
{
	if (f->size > size && ftruncate(f->fd, (off_t)size) < 0)
		return -errno;
	f->size = MIN(f->size, size);
	return 0;
}

/* Count the whole records of the binary list and cut what is behind them. */
static int mend_binary(struct store *s, struct counted *ret)
{
	struct store_file *f = &s->file[STORE_BINARY];
	uint64_t end = 0;
	int r;

	ret->scratch = &f->line;
	r = store_scan(s, &end, count_record, ret);
	if (r < 0)
		return log_errno(LOG_ERR, r, "measurement list, record %" PRIu64, ret->records);
	if (f->size > end)
		log_msg(LOG_WARNING,
			"measurement list: %" PRIu64 " bytes of a torn record cut behind record %" PRIu64,
			f->size - end, ret->records);
	return file_cut(f, end);
}

/* Whether the file holds exactly these bytes at @at. */
static bool file_has(const struct store_file *f, uint64_t at, const uint8_t *p, size_t n)
{
	uint8_t chunk[4096];
	ssize_t got;

	for (; n; n -= (size_t)got, p += got, at += (uint64_t)got) {
		got = pread(f->fd, chunk, MIN(n, sizeof(chunk)), (off_t)at);
		if (got <= 0 || memcmp(chunk, p, (size_t)got))
			return false;
	}
	return true;
}

struct mending {
	struct store_file *file;
	uint64_t at;	    /* bytes that are right */
	uint64_t rewritten; /* records */
};

static int mend_line(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct mending *m = arg;
	struct store_file *f = m->file;
	int r;

	(void)start, (void)end;
	buf_reset(&f->line);
	r = store_line(f, rec, &f->line);
	if (r < 0)
		return r;
	if (m->rewritten || !file_has(f, m->at, f->line.data, f->line.len)) {
		r = file_cut(f, m->at);
		if (!r)
			r = store_write(f->fd, f->line.data, f->line.len);
		if (r < 0)
			return r;
		f->size += f->line.len;
		m->rewritten++;
	}
	m->at += f->line.len;
	return 0;
}

int store_mend_file(struct store *s, struct store_file *f)
{
	struct mending m = { .file = f };
	uint64_t at = 0;
	int r;

	r = store_scan(s, &at, mend_line, &m);
	if (r < 0)
		return r;
	if (m.rewritten)
		log_msg(LOG_NOTICE, "%s: %" PRIu64 " records written anew", f->name, m.rewritten);
	return file_cut(m.file, m.at);
}

int store_lines_end(const struct store_file *f, uint64_t wanted, uint64_t *ret_end, uint64_t *n_lines)
{
	uint64_t at = 0, end = 0, n = 0;
	char chunk[4096];
	ssize_t got = 1;

	for (; n < wanted && got > 0; at += (uint64_t)got) {
		got = pread(f->fd, chunk, sizeof(chunk), (off_t)at);
		if (got < 0)
			return -errno;
		for (ssize_t i = 0; i < got && n < wanted; i++) {
			if (chunk[i] != '\n')
				continue;
			n++;
			end = at + (uint64_t)i + 1;
		}
	}
	*ret_end = end;
	*n_lines = n;
	return 0;
}

/* What a lost line said is gone; its place is kept so that line N stays about record N. */
static int mend_info(struct store *s, uint64_t records)
{
	struct store_file *f = &s->file[STORE_INFO];
	uint64_t end, n;
	int r;

	r = store_lines_end(f, records, &end, &n);
	if (!r)
		r = file_cut(f, end);
	if (!r && n < records)
		log_msg(LOG_NOTICE, "record_info: %" PRIu64 " lines were lost", records - n);
	for (; !r && n < records; n++) {
		buf_reset(&f->line);
		buf_addf(&f->line, "{\"record\":%" PRIu64 ",\"recovered\":true}\n", store_first(s) + n);
		r = buf_error(&f->line);
		if (!r)
			r = store_write(f->fd, f->line.data, f->line.len);
		if (!r)
			f->size += f->line.len;
	}
	return r;
}

int store_mend(struct store *s, uint64_t *n_records)
{
	struct counted c = { 0 };
	int r;

	r = mend_binary(s, &c);
	if (r == -EBADMSG)
		*n_records = c.records;
	if (!r)
		r = store_mend_file(s, &s->file[STORE_ASCII]);
	if (!r)
		r = mend_info(s, c.records);
	if (!r)
		r = store_number_set(&s->records, store_first(s) + c.records);
	if (!r)
		r = store_number_set(&s->violations, (s->before ? s->before->violations : 0) + c.violations);
	return r;
}
