/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the list into the PCRs. A record that the TPM did not take stays in the
 * list and waits; it is extended later, in order, after the PCR was read and found
 * where we left it. A record whose fate is unknown is settled by reading the PCR:
 * the value before it, the value after it, or somebody else's. An extend cannot
 * be undone, so none is ever repeated on a guess.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   30000

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

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

void seq_foreign(struct sequencer *s, struct seq_pcr *p)
{
	if (p->foreign)
		return;
	p->foreign = true;
	s->now.in_step = false;
	log_msg(
	    LOG_ERR,
	    "PCR %u holds what is not in the measurement list: nothing can be proved by it before a reboot",
	    p->value.pcr);
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

	r = seq_pcr_make(s, pcr, ret);
	if (r < 0 || !is_new || !s->tpm || s->tpm_lost)
		return r;
	/* A TPM that cannot be asked now is asked again before the first extend that succeeds late. */
	if (pcr_read(s, pcr, &v) == 0 && !seq_values_equal(&v, &(*ret)->value))
		seq_foreign(s, *ret);
	return 0;
}

static int digests_make(const struct sequencer *s, const struct list_record *rec, struct digest *d)
{
	int r = 0;

	for (unsigned int i = 0; i < s->n_banks && !r; i++)
		r = pcr_record_digest(rec, s->banks[i], false, &d[i]);
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

/* One command for all banks, timed; the software PCR follows the TPM. */
static int extend_now(struct sequencer *s, struct seq_pcr *p, const struct digest *d)
{
	struct pcr_value next = p->value;
	uint64_t start;
	int r;

	r = value_advance(&next, d);
	if (!r && s->tpm) {
		start = now_ns();
		r = tpm_extend(s->tpm, p->value.pcr, d, s->n_banks);
		s->now.extend_ns += now_ns() - start;
		s->now.extends += r == 0;
	}
	if (!r)
		p->value = next;
	s->now.extend_errors += r < 0;
	s->tpm_lost |= r == -EREMOTEIO;
	return r;
}

static void retry_later(struct sequencer *s, unsigned int ms)
{
	s->retry_ms = MIN(MAX(ms, RETRY_FIRST_MS), RETRY_MAX_MS);
	s->retry_at = seq_now_ms() + s->retry_ms;
}

static void wait_begin(struct sequencer *s, struct seq_pcr *p, uint64_t start)
{
	if (!p->waiting)
		p->next = start;
	p->waiting++;
	s->now.unextended++;
}

static void wait_end(struct sequencer *s, struct seq_pcr *p, uint64_t end)
{
	p->next = end;
	p->waiting--;
	s->now.unextended--;
}

static void say_failing(struct sequencer *s)
{
	if (s->tpm_failing)
		return;
	s->tpm_failing = true;
	log_msg(LOG_ERR, "TPM fails (%s): records stay in the list and wait to be extended",
		tpm_error(s->tpm));
}

void seq_extend(struct sequencer *s, struct seq_pcr *p, const struct list_record *rec, uint64_t start)
{
	struct digest d[PCR_BANKS_MAX];
	int r;

	if (p->waiting || s->tpm_lost) { /* those before it come first */
		wait_begin(s, p, start);
		return;
	}
	r = digests_make(s, rec, d);
	if (!r)
		r = extend_now(s, p, d);
	if (!r)
		return;
	wait_begin(s, p, start);
	p->in_doubt = r == -EREMOTEIO;
	if (p->in_doubt)
		seq_catch_up(s); /* most often it settles at once, and nobody need hear of it */
	if (!p->waiting)
		return;
	say_failing(s);
	retry_later(s, RETRY_FIRST_MS);
}

struct flush {
	struct sequencer *s;
	struct seq_pcr *p;
	struct pcr_value in_tpm; /* when the flush began */
	uint64_t done;
};

/* Whether the record in doubt is in the PCR already. Moves the software PCR if so. */
static int settle_doubt(struct flush *f, const struct digest *d)
{
	struct pcr_value after = f->p->value;
	int r;

	f->p->in_doubt = false;
	if (!f->p->foreign && seq_values_equal(&f->in_tpm, &f->p->value))
		return 0;
	r = value_advance(&after, d);
	if (r < 0)
		return r;
	if (!seq_values_equal(&f->in_tpm, &after))
		seq_foreign(f->s, f->p);
	f->p->value = after;
	return 1;
}

static int flush_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct flush *f = arg;
	struct digest d[PCR_BANKS_MAX];
	int r;

	(void)start;
	if (rec->pcr != f->p->value.pcr || !f->p->waiting)
		return 0;
	r = digests_make(f->s, rec, d);
	if (!r && f->p->in_doubt)
		r = settle_doubt(f, d);
	if (!r) {
		r = extend_now(f->s, f->p, d);
		f->p->in_doubt = r == -EREMOTEIO;
	}
	if (r < 0)
		return r;
	wait_end(f->s, f->p, end);
	f->done++;
	return 0;
}

/* Extend what waits for one PCR, from where it was left. Gives how many in *@ret. */
static int pcr_flush(struct sequencer *s, struct seq_pcr *p, uint64_t *ret)
{
	struct flush f = { .s = s, .p = p };
	uint64_t at = p->next;
	int r;

	r = pcr_read(s, p->value.pcr, &f.in_tpm);
	if (r < 0)
		return r;
	if (!p->in_doubt && !seq_values_equal(&f.in_tpm, &p->value))
		seq_foreign(s, p);
	r = store_scan(s->store, &at, flush_record, &f);
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
		say_failing(s);
		retry_later(s, done ? RETRY_FIRST_MS : 2 * s->retry_ms);
	} else if (s->tpm_failing) {
		s->tpm_failing = false;
		log_msg(LOG_NOTICE, "TPM is back: %" PRIu64 " records extended late", done);
	}
}
