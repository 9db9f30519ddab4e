/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the list into the PCRs, several records by one command where the TPM can do that (sequencer_batch.c). A record
 * that the TPM did not take stays in the list and waits; it is extended later, in order, after the PCR was read and
 * found where we left it. Records whose fate is unknown are settled by reading the PCR: the value before them, the
 * value after one of them (after the last, of a TPM that does all of a command or nothing), or somebody else's. An
 * extend cannot be undone, so none is ever repeated on a guess.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   30000
#define REFUSED_MAX    2 /* commands with several records, while those with one are taken: then there are no more of them */

uint64_t seq_now_ms(void)
{
	return now_ns() / 1000000;
}

bool seq_digests_equal(const struct digest *a, const struct digest *b)
{
	return a->algo == b->algo && a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

bool seq_values_equal(const struct pcr_value *a, const struct pcr_value *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (!seq_digests_equal(&a->bank[i], &b->bank[i]))
			return false;
	return true;
}

bool seq_is_zero(const struct pcr_value *v)
{
	struct pcr_value zero = *v;

	for (unsigned int i = 0; i < zero.n; i++)
		memset(zero.bank[i].bytes, 0, zero.bank[i].size);
	return seq_values_equal(v, &zero);
}

int seq_pcr_make(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret)
{
	struct seq_pcr *p = s->pcrs[pcr];

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		(void)pcr_init(&p->value, pcr, s->banks, s->n_banks); /* fails for too many banks only */
		s->pcrs[pcr] = p;
	}
	*ret = p;
	return 0;
}

static int pcr_read(struct sequencer *s, unsigned int pcr, struct pcr_value *ret)
{
	int r = tpm_pcr_read(s->tpm, pcr, ret);

	s->tpm_lost |= r == -EREMOTEIO;
	return r;
}

int seq_pcr_get(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret)
{
	bool is_new = !s->pcrs[pcr];
	struct pcr_value v;
	int r;

	if (is_new)
		seq_pipe_drain(s);
	r = seq_pcr_make(s, pcr, ret);
	if (r < 0 || !is_new || !s->tpm || s->tpm_lost)
		return r;
	/* A TPM that cannot be asked now is asked again before the first extend that succeeds late. */
	if (pcr_read(s, pcr, &v) == 0 && !seq_values_equal(&v, &(*ret)->value))
		seq_foreign(s, *ret, &v);
	return 0;
}

/* Of the record at byte @start. */
static int digests_make(const struct sequencer *s, const struct list_record *rec, uint64_t start, struct digest *d)
{
	int r = 0;

	for (unsigned int i = 0; i < s->n_banks && !r; i++)
		r = pcr_record_digest(rec, s->banks[i], !start && s->padded[i], &d[i]);
	return r;
}

static int value_advance(struct pcr_value *v, const struct digest *d)
{
	struct pcr_value next = *v;
	int r = 0;

	for (unsigned int i = 0; i < v->n && !r; i++)
		r = pcr_extend(&next.bank[i], &d[i]);
	if (!r)
		*v = next;
	return r;
}

/* A TPM that takes records one by one and not together has lost its proof; one that fails at times has not. */
static void count_refusal(struct sequencer *s, unsigned int n, int r)
{
	if (n > 1 && r != -EREMOTEIO)
		s->refused = r ? s->refused + 1 : 0;
	if (n > 1 || r || s->refused < REFUSED_MAX)
		return;
	s->refused = 0;
	log_msg(LOG_WARNING, "TPM takes records one by one and refuses %u together: they are not put together any more", s->batch_max);
	seq_batch_single(s, "the TPM refused what it took at the start");
}

int seq_command(const struct sequencer *s, const struct seq_batch *b, struct pcr_value *ret_next, uint64_t *ret_ns)
{
	struct pcr_value next = b->p->value;
	uint64_t start;
	int r = 0;

	for (unsigned int i = 0; i < b->n && !r; i++)
		r = value_advance(&next, b->d + i * s->n_banks);
	*ret_next = next;
	*ret_ns = 0;
	if (r < 0 || !s->tpm)
		return r;
	start = now_ns();
	r = tpm_extend(s->tpm, b->p->value.pcr, b->d, b->n * s->n_banks);
	*ret_ns = now_ns() - start;
	return r;
}

static void count_failure(struct sequencer *s, unsigned int n, int r)
{
	s->now.extend_errors++;
	s->tpm_lost |= r == -EREMOTEIO;
	count_refusal(s, n, r);
}

/* One command for all records and banks; the software PCR follows the TPM. */
static int extend_now(struct sequencer *s, const struct seq_batch *b)
{
	struct pcr_value next;
	uint64_t ns;
	int r = seq_command(s, b, &next, &ns);

	s->now.extend_ns += ns;
	if (r < 0) {
		count_failure(s, b->n, r);
		return r;
	}
	b->p->value = next;
	s->now.extends += s->tpm ? b->n : 0;
	s->now.commands += s->tpm != NULL;
	count_refusal(s, b->n, 0);
	return 0;
}

/*
 * How many records of a command that failed with @r may be in the PCR all the same. A refusal says none, but of one that
 * has several records nothing is taken for granted.
 */
static unsigned int doubt(const struct seq_pcr *p, unsigned int n, int r)
{
	return r == -EREMOTEIO || (n > 1 && !p->foreign) ? n : 0;
}

static void retry_later(struct sequencer *s, unsigned int ms)
{
	s->retry_ms = MIN(MAX(ms, RETRY_FIRST_MS), RETRY_MAX_MS);
	s->retry_at = seq_now_ms() + s->retry_ms;
}

void seq_wait(struct sequencer *s, struct seq_pcr *p, uint64_t start, unsigned int n)
{
	if (!p->waiting)
		p->next = start;
	p->waiting += n;
	s->now.unextended += n;
}

static void wait_end(struct sequencer *s, struct seq_pcr *p, uint64_t end, unsigned int n)
{
	p->next = end;
	p->waiting -= n;
	s->now.unextended -= n;
}

static void say_failing(struct sequencer *s)
{
	if (s->tpm_failing)
		return;
	s->tpm_failing = true;
	log_msg(LOG_ERR, "TPM fails (%s): records stay in the list and wait to be extended",
		tpm_error(s->tpm));
}

/* A command with the first @n records that wait failed. */
static void settle_or_wait(struct sequencer *s, struct seq_pcr *p, unsigned int n, int r)
{
	p->in_doubt = doubt(p, n, r);
	if (p->in_doubt)
		seq_catch_up(s); /* most often it settles at once, and nobody need hear of it */
	if (!p->waiting)
		return;
	say_failing(s);
	retry_later(s, RETRY_FIRST_MS);
}

void seq_send(struct sequencer *s)
{
	struct seq_batch *b = &s->batch;
	unsigned int n = b->n;
	int r;

	if (!n)
		return;
	r = extend_now(s, b);
	b->n = 0;
	if (!r)
		return;
	seq_wait(s, b->p, b->start, n);
	settle_or_wait(s, b->p, n, r);
}

void seq_failed(struct sequencer *s, struct seq_pcr *p, unsigned int n, int r)
{
	count_failure(s, n, r);
	settle_or_wait(s, p, n, r);
}

void seq_extend(struct sequencer *s, struct seq_pcr *p, const struct list_record *rec, uint64_t start, bool later)
{
	struct digest d[PCR_BANKS_MAX];
	struct seq_batch *b = &s->batch;
	int r = digests_make(s, rec, start, d);

	if (later || r < 0)
		seq_send(s);
	if (!later || r < 0)
		seq_pipe_drain(s);
	if (!p->waiting && !s->tpm_lost && later && !r && seq_pipe_put(s, p, d, start))
		return;
	if (p->waiting || s->tpm_lost || r < 0) { /* those before it come first */
		seq_wait(s, p, start, 1);
		if (r < 0)
			retry_later(s, RETRY_FIRST_MS);
		return;
	}
	memcpy(b->d + b->n * s->n_banks, d, s->n_banks * sizeof(*d));
	b->p = p;
	if (!b->n++)
		b->start = start;
	if (b->n >= s->batch_max)
		seq_send(s);
}

struct settling {
	struct sequencer *s;
	const struct seq_pcr *p;
	const struct pcr_value *in_tpm;
	struct pcr_value value; /* after @n of the records in doubt, at byte @end */
	unsigned int n;
	uint64_t end;
	bool found;
};

static int settle_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct digest d[PCR_BANKS_MAX];
	struct settling *y = arg;
	int r;

	if (rec->pcr != y->value.pcr)
		return 0;
	if (y->found || y->n == y->p->in_doubt)
		return -ECANCELED; /* far enough */
	r = digests_make(y->s, rec, start, d);
	if (!r)
		r = value_advance(&y->value, d);
	if (r < 0)
		return r;
	y->n++;
	y->end = end;
	y->found = !y->p->foreign && seq_values_equal(y->in_tpm, &y->value);
	return 0;
}

/* How many of the records in doubt are in the PCR already. Moves the software PCR by them; by all, if nobody can tell. */
static int settle(struct sequencer *s, struct seq_pcr *p, const struct pcr_value *in_tpm)
{
	struct settling y = { .s = s, .p = p, .in_tpm = in_tpm, .value = p->value };
	uint64_t at = p->next;
	int r;

	if (!p->foreign && seq_values_equal(in_tpm, &p->value)) {
		p->in_doubt = 0;
		return 0;
	}
	r = seq_scan(s, &at, settle_record, &y);
	if (r < 0 && r != -ECANCELED)
		return r;
	if (!y.found)
		seq_foreign(s, p, in_tpm);
	p->in_doubt = 0;
	p->value = y.value;
	wait_end(s, p, y.end, y.n);
	return 0;
}

struct flush {
	struct sequencer *s;
	struct seq_batch b;
	unsigned int max; /* records of the next command */
	uint64_t done;
};

static int flush_send(struct flush *f)
{
	struct seq_pcr *p = f->b.p;
	unsigned int n = f->b.n;
	int r = n ? extend_now(f->s, &f->b) : 0;

	f->b.n = 0;
	p->in_doubt = r ? doubt(p, n, r) : 0;
	if (r < 0 || !n)
		return r;
	wait_end(f->s, p, f->b.end, n);
	f->done += n;
	f->max = f->s->batch_max;
	return 0;
}

static int flush_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct flush *f = arg;
	struct seq_batch *b = &f->b;
	int r;

	if (rec->pcr != b->p->value.pcr || b->n == b->p->waiting)
		return 0;
	r = digests_make(f->s, rec, start, b->d + b->n * f->s->n_banks);
	if (r < 0)
		return r;
	b->end = end;
	return ++b->n < f->max ? 0 : flush_send(f);
}

/* Extend what waits for one PCR, from where it was left; after a refusal one record first. Gives how many in *@ret. */
static int pcr_flush(struct sequencer *s, struct seq_pcr *p, uint64_t *ret)
{
	struct flush f = { .s = s, .b.p = p, .max = s->refused ? 1 : s->batch_max };
	struct pcr_value in_tpm;
	uint64_t at;
	int r;

	r = pcr_read(s, p->value.pcr, &in_tpm);
	if (r < 0)
		return r;
	if (!p->foreign && seq_is_zero(&in_tpm) && !seq_is_zero(&p->value)) {
		s->was_reset = true;
		return -ESTALE;
	}
	if (p->in_doubt)
		r = settle(s, p, &in_tpm);
	else if (!seq_values_equal(&in_tpm, &p->value))
		seq_foreign(s, p, &in_tpm);
	at = p->next;
	if (!r)
		r = seq_scan(s, &at, flush_record, &f);
	if (!r)
		r = flush_send(&f);
	*ret += f.done;
	return r;
}

/* Connect anew. A TPM with other banks than before is not the one that the list belongs to. */
static int reconnect(struct sequencer *s)
{
	const struct algo *banks[PCR_BANKS_MAX];
	unsigned int n;
	int r;

	r = tpm_reopen(s->tpm);
	if (r < 0)
		return r;
	n = tpm_banks(s->tpm, banks);
	if (n != s->n_banks || memcmp(banks, s->banks, n * sizeof(*banks)))
		return -ESTALE;
	s->tpm_lost = false;
	return 0;
}

void seq_catch_up(struct sequencer *s)
{
	uint64_t done = 0;
	int r = 0;

	seq_pipe_drain(s);
	if (s->tpm_lost)
		r = reconnect(s);
	for (unsigned int i = 0; !r && i < ARRAY_SIZE(s->pcrs); i++) {
		if (!s->pcrs[i] || !s->pcrs[i]->waiting)
			continue;
		/* One PCR that the TPM refuses must not hold up the others. */
		if (pcr_flush(s, s->pcrs[i], &done) == -EREMOTEIO)
			r = -EREMOTEIO;
	}
	if (s->now.unextended) {
		if (!s->was_reset)
			say_failing(s);
		retry_later(s, done ? RETRY_FIRST_MS : 2 * s->retry_ms);
	} else if (s->tpm_failing) {
		s->tpm_failing = false;
		log_msg(LOG_NOTICE, "TPM is back: %" PRIu64 " records extended late", done);
	}
}
