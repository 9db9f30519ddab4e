/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the list lead to the quoted values: from zero, or from the state. The records are in a
 * file, or in one that was made of the envelope; they are read in pieces, so memory does not grow with the list.
 */
#include <fcntl.h>
#include <string.h>

#include "verify_evidence.h"

#define CHUNK (1u << 20)

/* The bytes of the list. */
struct source {
	int fd;
	uint8_t *chunk;
};

static void source_done(struct source *s)
{
	util_closep(&s->fd);
	free(s->chunk);
}

static int source_open(const struct appraisal *a, struct source *s, struct why *why)
{
	s->fd = a->list ? open(a->list, O_RDONLY | O_CLOEXEC) : dup(fileno(a->records));
	if (s->fd < 0 || (!a->list && lseek(s->fd, 0, SEEK_SET) < 0))
		return why_set(why, -errno, "cannot read the list '%s': %s", a->list ? a->list : "of the evidence", strerror(errno));
	s->chunk = malloc(CHUNK);
	return s->chunk ? 0 : why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
}

/* The next piece: bytes, 0 at the end, negative errno. */
static ssize_t source_next(struct source *s)
{
	ssize_t n = read(s->fd, s->chunk, CHUNK);

	return n < 0 ? -errno : n;
}

/* Feed all of it to both replays; the second may be NULL. */
static int feed(const struct appraisal *a, struct replay *one, struct replay *two, struct why *why)
{
	cleanup(source_done) struct source s = { .fd = -1 };
	int r = source_open(a, &s, why);
	ssize_t n;

	if (r < 0)
		return r;
	while ((n = source_next(&s)) > 0) {
		r = replay_feed(one, s.chunk, (size_t)n);
		if (r == 0 && two)
			r = replay_feed(two, s.chunk, (size_t)n);
		if (r == -EBADMSG)
			return 0; /* is in the result */
		if (r < 0)
			return why_set(why, r, "%s", strerror(-r));
	}
	return n < 0 ? why_set(why, (int)n, "cannot read the list: %s", strerror((int)-n)) : 0;
}

/* Whether the whole list leads through what the state has. */
static void judge_whole(struct appraisal *a, const struct replay *through)
{
	struct replay_result r;

	replay_result(through, &r);
	for (unsigned int i = 0; i < r.n_banks; i++) {
		const struct replay_bank *b = &r.banks[i];

		if (!b->matched || b->matched_since > a->state.records || b->matched_at < a->state.records) {
			refuse(a, "the first %llu records are not those that were verified before",
			       (unsigned long long)a->state.records);
			return;
		}
	}
}

static void judge_list(struct appraisal *a)
{
	const struct replay_result *r = &a->result;

	if (r->why)
		refuse(a, "record %llu is malformed: %s", (unsigned long long)r->records, r->why);
	else if (r->tail > 0)
		refuse(a, "record %llu is cut at the end of the list", (unsigned long long)r->records);
	if (r->bad_digest > 0)
		refuse(a, "record %llu: digest is not that of its data (%llu such record%s)",
		       (unsigned long long)r->first_bad_digest, (unsigned long long)r->bad_digest, r->bad_digest > 1 ? "s" : "");
}

/* The prefix at which all banks have the quoted values. */
static void judge_banks(struct appraisal *a)
{
	uint64_t since = 0, at = UINT64_MAX;
	bool matched = true;

	for (unsigned int i = 0; i < a->result.n_banks; i++) {
		const struct replay_bank *b = &a->result.banks[i];

		if (!b->matched)
			refuse(a, "PCR %u bank %s: no part of the list leads to the quoted value: "
				  "a record was changed or is missing, or something else was extended",
			       b->pcr, algo_by_id(b->algo)->name);
		matched = matched && b->matched;
		since = MAX(since, b->matched_since);
		at = MIN(at, b->matched_at);
	}
	if (!matched)
		return;
	if (at < since) {
		refuse(a, "no part of the list leads to all quoted values at once");
		return;
	}
	a->verified = at;
	if (a->e.quoted != at)
		refuse(a, "list.quoted says %llu records, the quote stands for %llu", (unsigned long long)a->e.quoted,
		       (unsigned long long)at);
	if (a->result.records > a->e.total)
		refuse(a, "list.total says %llu records, there are %llu", (unsigned long long)a->e.total,
		       (unsigned long long)a->result.records);
	if (a->have_state && (a->order == VERIFIER_GOES_ON || a->order == VERIFIER_WHOLE) && at < a->state.total &&
	    a->q.clock - a->state.total_clock >= VERIFIER_PROGRESS_MS)
		refuse(a, "the list had %llu records, but only %llu are in the quote: the host does not extend them",
		       (unsigned long long)a->state.total, (unsigned long long)at);
	if (at == 0)
		refuse(a, "the list has no records");
}

int verify_replay(struct appraisal *a, struct why *why)
{
	cleanup(replay_freep) struct replay *replay = NULL, *through = NULL;
	const struct verifier_state *s = &a->state;
	bool goes_on = a->have_state && a->order == VERIFIER_GOES_ON, whole = a->have_state && a->order == VERIFIER_WHOLE;
	int r = replay_new(a->e.pcrs, a->e.n_pcrs, a->e.imported && a->e.from == 0, &replay);

	if (r == 0 && a->order == VERIFIER_CUT)
		r = replay_resume(replay, a->cut, a->e.n_pcrs, a->e.from);
	if (r == 0 && goes_on)
		r = replay_resume(replay, s->pcrs, s->n_pcrs, s->records);
	if (r == 0 && whole)
		r = replay_new(s->pcrs, s->n_pcrs, a->e.imported, &through);
	if (r < 0)
		return why_set(why, r, "cannot replay: %s", strerror(-r));
	r = feed(a, replay, through, why);
	if (r < 0)
		return r;
	replay_result(replay, &a->result);
	judge_list(a);
	if (through)
		judge_whole(a, through);
	if (!refused(a))
		judge_banks(a);
	return 0;
}

int verify_each(struct appraisal *a, void (*take)(struct appraisal *a, const struct list_record *r, uint64_t index),
		struct why *why)
{
	cleanup(source_done) struct source s = { .fd = -1 };
	cleanup(buf_done) struct buf rest = { 0 };
	uint64_t index = a->e.from;
	const char *malformed;
	int r = source_open(a, &s, why);
	ssize_t n;

	if (r < 0)
		return r;
	while (index < a->verified && (n = source_next(&s)) > 0) {
		struct list_record record;
		size_t at = 0;

		buf_add(&rest, s.chunk, (size_t)n);
		if (buf_error(&rest) < 0)
			return why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
		while (index < a->verified && (n = list_parse(rest.data + at, rest.len - at, &record, &malformed)) > 0) {
			take(a, &record, index++);
			at += (size_t)n;
		}
		memmove(rest.data, rest.data + at, rest.len - at);
		rest.len -= at;
	}
	/* The same bytes were replayed before, so anything else means that the file changed. */
	return index == a->verified ? 0 : why_set(why, -EIO, "the list '%s' changed while it was read", a->list ? a->list : "");
}
