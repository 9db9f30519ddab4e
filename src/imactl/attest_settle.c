/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which part of the list a quote speaks of. A quote and a read of PCRs are two commands, and records
 * come in between; but those are few, and they are in the list: append comes before extend. So the list
 * is replayed to the values that were read before the quote, and record by record from there.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <imad/replay.h>

#include "attest.h"
#include "trimmed.h"

static int map(int fd, struct mapped *ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	ret->p = p;
	ret->n = (size_t)st.st_size;
	return 0;
}

int mapped_open(const char *path, struct mapped *ret, struct why *why)
{
	struct mapped m = { .p = NULL };
	struct why cause;
	cleanup_close int fd = list_open(path, &m.before, &cause);
	int r = fd < 0 ? fd : map(fd, &m);

	if (r < 0)
		return why_set(why, r, "cannot read the list '%s': %s", path, fd < 0 ? cause.text : strerror(-r));
	*ret = m;
	return 0;
}

void mapped_done(struct mapped *m)
{
	checkpoint_done(&m->before);
	if (m->p)
		(void)munmap((void *)m->p, m->n);
}

ssize_t mapped_offset(const struct mapped *m, uint64_t count)
{
	struct list_record record;
	const char *why;
	bool marked = m->mark && count >= m->mark->records;
	size_t at = marked ? m->mark->bytes : 0;

	if (count < m->before.records)
		return -ERANGE;
	for (uint64_t i = marked ? m->mark->records : m->before.records; i < count; i++) {
		ssize_t n = list_parse(m->p + at, m->n - at, &record, &why);

		if (n <= 0)
			return -EBADMSG;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

/* All banks of all PCRs, each with the range of prefixes that lead to the value that was read. */
struct walk {
	struct pcr_value *values;
	unsigned int n;
	struct replay_result at; /* in the order of @values */
	uint64_t from, valid;	 /* where to begin; from where on all values belong together */
};

static int walk_start(struct walk *w)
{
	w->from = UINT64_MAX;
	for (unsigned int i = 0; i < w->at.n_banks; i++) {
		const struct replay_bank *b = &w->at.banks[i];

		if (!b->matched)
			return -ENOENT;
		w->from = MIN(w->from, b->matched_at);
		w->valid = MAX(w->valid, b->matched_since);
	}
	return 0;
}

static int walk_record(struct walk *w, const struct list_record *r, uint64_t index)
{
	unsigned int at = 0;
	struct digest d;
	int err = 0;

	for (unsigned int i = 0; i < w->n; i++) {
		for (unsigned int k = 0; k < w->values[i].n; k++, at++) {
			struct digest *value = &w->values[i].bank[k];

			if (w->values[i].pcr != r->pcr || index < w->at.banks[at].matched_at)
				continue;
			err = pcr_record_digest(r, algo_by_id(value->algo), false, &d);
			if (err == 0)
				err = pcr_extend(value, &d);
			if (err < 0)
				return err;
		}
	}
	return 0;
}

static bool is_there(const struct walk *w, const struct quote *q, const struct algo *hash, uint64_t records)
{
	struct digest d;

	return records >= w->valid && quote_pcr_digest(q, hash, w->values, w->n, &d) == 0 && d.size == q->digest_len &&
	       memcmp(d.bytes, q->digest, d.size) == 0;
}

static int walk(struct walk *w, const struct mapped *list, const struct quote *q, const struct algo *hash, uint64_t *quoted)
{
	ssize_t at = mapped_offset(list, w->from);
	const char *why;

	for (uint64_t i = w->from; at >= 0; i++) {
		struct list_record record;
		ssize_t n;
		int r;

		if (is_there(w, q, hash, i)) {
			*quoted = i;
			return 0;
		}
		n = list_parse(list->p + at, list->n - (size_t)at, &record, &why);
		if (n <= 0)
			return -ENOENT;
		r = walk_record(w, &record, i);
		if (r < 0)
			return r;
		at += n;
	}
	return -ENOENT;
}

static int resume(struct replay *replay, const struct checkpoint *c, const struct pcr_value *values, unsigned int n)
{
	struct pcr_value from[EVIDENCE_PCRS_MAX];
	int r = checkpoint_values(c, values, n, from);

	return r < 0 ? r : replay_resume(replay, from, n, c->records);
}

/* A PCR that it has not was zero then. */
static int resume_mark(struct replay *replay, const struct mark *m, const struct pcr_value *values, unsigned int n)
{
	struct pcr_value from[EVIDENCE_PCRS_MAX];

	for (unsigned int i = 0; i < n; i++) {
		from[i] = values[i];
		for (unsigned int b = 0; b < from[i].n; b++)
			memset(from[i].bank[b].bytes, 0, sizeof(from[i].bank[b].bytes));
		for (unsigned int k = 0; k < m->n_pcrs; k++)
			if (m->pcrs[k].pcr == values[i].pcr)
				from[i] = m->pcrs[k];
	}
	return replay_resume(replay, from, n, m->records);
}

/* From the mark, or from where the list begins. */
static int replay_list(const struct mapped *list, bool imported, const struct pcr_value *values, unsigned int n, struct replay_result *ret)
{
	cleanup(replay_freep) struct replay *replay = NULL;
	size_t from = list->mark ? list->mark->bytes : 0;
	int r = replay_new(values, n, imported && !list->before.records && !list->mark, &replay);

	if (r == 0 && list->mark)
		r = resume_mark(replay, list->mark, values, n);
	else if (r == 0 && list->before.records)
		r = resume(replay, &list->before, values, n);
	if (r == 0)
		r = replay_feed(replay, list->p + from, list->n - from);
	if (r < 0 && r != -EBADMSG)
		return r;
	replay_result(replay, ret);
	return 0;
}

static int try_settle(const struct mapped *list, bool imported, const struct quote *q, const struct algo *hash, struct pcr_value *values,
		      unsigned int n, uint64_t *quoted, uint64_t *total)
{
	struct pcr_value copy[EVIDENCE_PCRS_MAX];
	struct walk w = { .values = copy, .n = n };
	int r;

	memcpy(copy, values, n * sizeof(*copy));
	r = replay_list(list, imported, values, n, &w.at);
	if (r < 0)
		return r;
	*total = w.at.records;
	r = walk_start(&w);
	if (r == 0)
		r = walk(&w, list, q, hash, quoted);
	if (r == 0)
		memcpy(values, copy, n * sizeof(*copy));
	return r;
}

int settle(struct mapped *list, bool imported, const struct quote *q, const struct algo *hash, struct pcr_value *values, unsigned int n,
	   uint64_t *quoted, uint64_t *total)
{
	int r = try_settle(list, imported, q, hash, values, n, quoted, total);

	if (r == 0 || !list->mark)
		return r;
	list->mark = NULL;
	return try_settle(list, imported, q, hash, values, n, quoted, total);
}
