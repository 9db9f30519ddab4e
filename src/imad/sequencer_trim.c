/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting the front of the list, in three steps: the sequencer's thread tells how far the list and the PCRs have
 * got; the caller's thread replays the list to there, compares the checkpoint with it and copies what stays; the
 * sequencer's thread copies what came meanwhile and makes the cut. So nobody who is measured waits for the replay.
 */
#include <inttypes.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <imad/digest.h>
#include <imad/log.h>
#include <imad/replay.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define CHUNK	    (256u << 10)
#define MEASURED    1024 /* entries that are written at once */
#define TRIM_PCRS   CHECKPOINT_PCRS_MAX

struct trim {
	struct sequencer *s;
	const struct checkpoint *c;
	char *why;
	size_t why_size;
	/* how it stood at the first step */
	struct store_end end;
	uint64_t records;
	struct pcr_value values[TRIM_PCRS];
	unsigned int n_values;
	/* made by the second */
	struct store_trim *prepared;
	uint64_t cut; /* bytes of the binary list before the cut */
	/* of the step at hand */
	sem_t done;
	int r;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct trim *t, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->why, t->why_size, fmt, ap);
	va_end(ap);
	return r;
}

/* Run @fn in the sequencer's thread and wait for it. */
static int inside(struct trim *t, void (*fn)(void *arg))
{
	int r = sequencer_barrier(t->s, fn, t);

	if (r < 0)
		return refuse(t, r, "%s", strerrordesc_np(-r));
	while (sem_wait(&t->done) < 0)
		;
	return t->r;
}

/* --- step 1 */

static int may_trim(struct trim *t)
{
	struct sequencer *s = t->s;
	uint64_t records = store_records(s->store), first = store_first(s->store);

	if (s->now.unextended)
		return refuse(t, -EAGAIN, "%" PRIu64 " records wait for the TPM, nothing is cut before they are extended",
			      s->now.unextended);
	if (!s->now.in_step)
		return refuse(t, -ESTALE, "a PCR holds what is not in the list: a checkpoint would prove nothing");
	if (strcmp(t->c->boot_id, store_boot_id(s->store)) != 0)
		return refuse(t, -EBADMSG, "it is of boot %s, the list of boot %s", t->c->boot_id, store_boot_id(s->store));
	if (t->c->records <= first)
		return refuse(t, -EALREADY, "the list begins at record %" PRIu64 " already", first);
	if (t->c->records > records)
		return refuse(t, -EBADMSG, "the list has %" PRIu64 " records only", records);
	return 0;
}

static int note_state(struct trim *t)
{
	struct sequencer *s = t->s;
	int r = may_trim(t);

	store_end(s->store, &t->end);
	t->records = store_records(s->store);
	for (size_t i = 0; i < ARRAY_SIZE(s->pcrs) && r == 0; i++) {
		if (!s->pcrs[i])
			continue;
		if (t->n_values == TRIM_PCRS || (t->n_values + 1) * s->n_banks > REPLAY_BANKS_MAX)
			return refuse(t, -E2BIG, "the list has records of too many PCRs");
		t->values[t->n_values++] = s->pcrs[i]->value;
	}
	return r;
}

static void look(void *arg)
{
	struct trim *t = arg;

	t->r = note_state(t);
	sem_post(&t->done);
}

/* --- step 2: where is the cut, and what was measured before it */

struct scanning {
	struct trim *t;
	bool measured; /* second pass */
	uint64_t index, cut;
	uint8_t entries[MEASURED * (1 + DIGEST_MAX)];
	size_t n;
};

static int put_entries(struct scanning *y)
{
	int r = y->n ? store_measured_add(y->t->s->store, y->t->s->hash, y->entries, y->n) : 0;

	y->n = 0;
	return r;
}

static int scan_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct scanning *y = arg;
	const struct sequencer *s = y->t->s;
	uint8_t *entry = y->entries + y->n * (1u + s->hash->size);
	struct digest key;
	int r;

	(void)start;
	if (y->index == y->t->c->records)
		return -ECANCELED; /* far enough */
	y->index++;
	y->cut = end;
	if (!y->measured || rec->violation)
		return 0;
	r = list_template_digest(rec, s->hash, &key);
	if (r < 0)
		return r;
	entry[0] = (uint8_t)rec->pcr;
	memcpy(entry + 1, key.bytes, s->hash->size);
	return ++y->n == MEASURED ? put_entries(y) : 0;
}

/* Finds the cut; or, once all is checked, adds what is before it to the set that outlives it. */
static int scan_front(struct trim *t, bool measured)
{
	cleanup_free struct scanning *y = calloc(1, sizeof(*y));
	uint64_t at = 0;
	int r;

	if (!y)
		return refuse(t, -ENOMEM, "no memory");
	y->t = t;
	y->measured = measured;
	y->index = store_first(t->s->store);
	r = store_scan(t->s->store, &at, scan_record, y);
	if (r == 0 || r == -ECANCELED)
		r = put_entries(y);
	if (r == 0 && (y->index != t->c->records || y->cut > t->end.size))
		r = -EBADMSG;
	if (r < 0)
		return refuse(t, r, "cannot read the list, or write what was measured: %s", strerrordesc_np(-r));
	t->cut = y->cut;
	return 0;
}

/* --- ... does the list lead to the checkpoint, and from there to the PCRs */

struct feeding {
	int fd;
	uint8_t *chunk;
	struct replay *replay;
	struct digest_stream *hash;
};

static void feeding_done(struct feeding *f)
{
	util_closep(&f->fd);
	free(f->chunk);
	replay_free(f->replay);
	digest_stream_free(f->hash);
}

static int feed(struct feeding *f, uint64_t from, uint64_t to, bool hashed)
{
	int r = 0;

	while (!r && from < to) {
		ssize_t n = pread(f->fd, f->chunk, MIN(to - from, (uint64_t)CHUNK), (off_t)from);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = replay_feed(f->replay, f->chunk, (size_t)n);
		if (!r && hashed)
			r = digest_update(f->hash, f->chunk, (size_t)n);
		from += (uint64_t)n;
	}
	return r;
}

/* Go on from the last checkpoint; a PCR that it has not was zero then. */
static int resume(struct trim *t, struct replay *replay)
{
	const struct checkpoint *before = store_checkpoint(t->s->store);
	struct pcr_value from[TRIM_PCRS];

	if (!before)
		return 0;
	for (unsigned int i = 0; i < t->n_values; i++) {
		from[i] = t->values[i];
		for (unsigned int b = 0; b < from[i].n; b++) {
			struct digest *d = &from[i].bank[b];
			const struct digest *was = checkpoint_value(before, from[i].pcr, d->algo);

			memset(d->bytes, 0, sizeof(d->bytes));
			if (was)
				*d = *was;
		}
	}
	return replay_resume(replay, from, t->n_values, before->records);
}

static int feeding_start(struct trim *t, struct feeding *f)
{
	int r = replay_new(t->values, t->n_values, !store_first(t->s->store), &f->replay);

	f->fd = store_reader(t->s->store);
	if (!r)
		r = MIN(f->fd, 0);
	f->chunk = malloc(CHUNK);
	if (!r && !f->chunk)
		r = -ENOMEM;
	if (!r)
		r = digest_stream_new(algo_by_id(ALGO_SHA256), &f->hash);
	if (!r)
		r = digest_begin(f->hash);
	return r ? r : resume(t, f->replay);
}

static int check_replay(struct trim *t, const struct replay *replay)
{
	struct replay_result res;

	replay_result(replay, &res);
	if (res.records != t->records || res.tail)
		return refuse(t, -EBADMSG, "the list cannot be replayed");
	for (unsigned int i = 0; i < res.n_banks; i++)
		if (!res.banks[i].matched || res.banks[i].matched_at != res.records)
			return refuse(t, -ESTALE, "the list does not lead to PCR %u", res.banks[i].pcr);
	return 0;
}

static bool is_zero(const struct pcr_value *v)
{
	static const uint8_t zeros[DIGEST_MAX];

	for (unsigned int i = 0; i < v->n; i++)
		if (memcmp(v->bank[i].bytes, zeros, v->bank[i].size))
			return false;
	return true;
}

static int check_values(struct trim *t, const struct replay *replay)
{
	struct pcr_value at[TRIM_PCRS] = { 0 };
	unsigned int known = 0;

	if (replay_marked(replay, at, t->n_values) < 0)
		return refuse(t, -EBADMSG, "the list cannot be replayed");
	for (unsigned int i = 0; i < t->n_values; i++) {
		bool has = checkpoint_has_pcr(t->c, at[i].pcr);

		known += has;
		if (!has && is_zero(&at[i]))
			continue; /* first used behind the cut */
		for (unsigned int b = 0; b < at[i].n; b++) {
			const struct digest *d = checkpoint_value(t->c, at[i].pcr, at[i].bank[b].algo);

			if (!d || !seq_digests_equal(d, &at[i].bank[b]))
				return refuse(t, -EBADMSG, "its value of PCR %u in bank %s is not that of the list", at[i].pcr,
					      algo_by_id(at[i].bank[b].algo)->name);
		}
	}
	return known == t->c->n_pcrs ? 0 : refuse(t, -EBADMSG, "it has a PCR that the list has not");
}

static bool same_counts(const struct checkpoint *c, const struct checkpoint *before, const struct replay_result *front)
{
	bool same = c->violations == (before ? before->violations : 0) + front->violations;

	for (int i = 0; i < VIOLATION_KINDS; i++)
		same &= c->own[i] == (before ? before->own[i] : 0) + front->own[i];
	return same && (!before || before->imported == c->imported);
}

static int check_rest(struct trim *t, const struct replay_result *front, const struct digest *part)
{
	const struct checkpoint *c = t->c, *before = store_checkpoint(t->s->store);
	uint8_t chain[CHECKPOINT_CHAIN] = { 0 };

	if (before)
		memcpy(chain, before->chain, sizeof(chain));
	if (checkpoint_chain(chain, part) < 0 || memcmp(chain, c->chain, sizeof(chain)))
		return refuse(t, -EBADMSG, "its chain is not that of the records before the cut");
	if (!same_counts(c, before, front))
		return refuse(t, -EBADMSG, "what it counts is not what the list has");
	return 0;
}

static int check(struct trim *t)
{
	cleanup(feeding_done) struct feeding f = { .fd = -1 };
	struct replay_result front = { 0 };
	struct digest part;
	int r = feeding_start(t, &f);

	if (!r)
		r = feed(&f, 0, t->cut, true);
	if (!r) {
		replay_mark(f.replay);
		replay_result(f.replay, &front);
		r = digest_end(f.hash, &part);
	}
	if (!r)
		r = feed(&f, t->cut, t->end.size, false);
	if (r < 0)
		return refuse(t, r, "cannot replay the list: %s", strerrordesc_np(-r));
	r = check_replay(t, f.replay);
	if (!r)
		r = check_values(t, f.replay);
	return r ? r : check_rest(t, &front, &part);
}

static int prepare(struct trim *t)
{
	int r = scan_front(t, false);

	if (!r)
		r = check(t);
	if (!r)
		r = scan_front(t, true);
	if (r < 0)
		return r;
	r = store_trim_begin(t->s->store, t->c, t->cut, &t->end, &t->prepared);
	return r < 0 ? refuse(t, r, "cannot write the new list: %s", strerrordesc_np(-r)) : 0;
}

/* --- step 3 */

static void cut(void *arg)
{
	struct trim *t = arg;
	struct sequencer *s = t->s;

	t->r = store_trim_commit(s->store, t->prepared);
	if (t->r < 0)
		(void)refuse(t, t->r, "cannot make the cut: %s", strerrordesc_np(-t->r));
	/* What waits came after the first step, so it is behind the cut. */
	for (size_t i = 0; i < ARRAY_SIZE(s->pcrs) && t->r == 0; i++)
		if (s->pcrs[i] && s->pcrs[i]->waiting)
			s->pcrs[i]->next -= t->cut;
	seq_publish(s);
	sem_post(&t->done);
}

static int trim(struct trim *t)
{
	int r = inside(t, look);

	if (!r)
		r = prepare(t);
	return r < 0 ? r : inside(t, cut);
}

int sequencer_trim(struct sequencer *s, const struct checkpoint *c, char *why, size_t size)
{
	cleanup_free struct trim *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		(void)snprintf(why, size, "no memory");
		return -ENOMEM;
	}
	*t = (struct trim){ .s = s, .c = c, .why = why, .why_size = size };
	sem_init(&t->done, 0, 0);
	r = trim(t);
	store_trim_free(s->store, t->prepared);
	sem_destroy(&t->done);
	if (r == 0)
		log_msg(LOG_NOTICE, "the list begins at record %" PRIu64 " now, what was before is in its checkpoint", c->records);
	return r;
}
