/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list that was there when we started: one pass over it finds, for each PCR, how
 * far the TPM has got (the value of a hash chain is met at one place only), and
 * fills the set of digests. What is behind that place waits to be extended.
 */
#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

/* One PCR during the pass. */
struct track {
	struct pcr_value run, in_tpm;
	bool matched;
	bool bank_matched[PCR_BANKS_MAX];
};

struct replaying {
	struct sequencer *s;
	/* Banks into which the kernel put the padded SHA-1 of its own boot_aggregate, our record 0. */
	bool padded[PCR_BANKS_MAX];
	unsigned int first_pcr;
	struct track *tracks[LIST_PCR_MAX + 1];
};

static void tracks_done(struct replaying *y)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(y->tracks); i++) {
		free(y->tracks[i]);
		y->tracks[i] = NULL;
	}
}

static void track_compare(const struct sequencer *s, struct track *t, struct seq_pcr *p, uint64_t end)
{
	bool all = true;

	for (unsigned int i = 0; i < t->run.n && s->tpm; i++) {
		bool same = seq_digests_equal(&t->run.bank[i], &t->in_tpm.bank[i]);

		t->bank_matched[i] |= same;
		all &= same;
	}
	if (!all)
		return;
	t->matched = true;
	p->value = t->run;
	p->next = end;
	p->waiting = 0;
}

static int track_make(struct replaying *y, unsigned int pcr, uint64_t start, struct track **ret)
{
	struct sequencer *s = y->s;
	struct track *t = y->tracks[pcr] = calloc(1, sizeof(*t));
	struct seq_pcr *p = NULL;
	int r;

	if (!t)
		return -ENOMEM;
	r = seq_pcr_make(s, pcr, &p);
	if (!r)
		r = pcr_init(&t->run, pcr, s->banks, s->n_banks);
	t->in_tpm = t->run;
	if (!r && s->tpm && pcr < PCR_COUNT) /* the list may name PCRs that no TPM has */
		r = tpm_pcr_read(s->tpm, pcr, &t->in_tpm);
	if (r < 0)
		return r;
	p->waiting = 0;
	track_compare(s, t, p, start);
	*ret = t;
	return 0;
}

static int remember(struct sequencer *s, const struct list_record *rec)
{
	struct digest key;
	int r;

	if (rec->violation)
		return 0;
	r = list_template_digest(rec, s->hash, &key);
	if (r < 0 || dedup_has(s->seen, rec->pcr, key.bytes))
		return r;
	r = dedup_reserve(s->seen);
	if (!r)
		dedup_add(s->seen, rec->pcr, key.bytes);
	return r;
}

static int replay_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct replaying *y = arg;
	struct sequencer *s = y->s;
	struct track *t = y->tracks[rec->pcr];
	struct digest d;
	int r = 0;

	if (!start)
		y->first_pcr = rec->pcr;
	if (!t)
		r = track_make(y, rec->pcr, start, &t);
	if (!r)
		r = remember(s, rec);
	for (unsigned int i = 0; !r && i < s->n_banks; i++) {
		r = pcr_record_digest(rec, s->banks[i], !start && y->padded[i], &d);
		if (!r)
			r = pcr_extend(&t->run.bank[i], &d);
	}
	if (r < 0)
		return r;
	if (!s->pcrs[rec->pcr]->waiting++)
		s->pcrs[rec->pcr]->next = start;
	track_compare(s, t, s->pcrs[rec->pcr], end);
	return 0;
}

static int replay_pass(struct replaying *y)
{
	uint64_t at = 0;

	return store_scan(y->s->store, &at, replay_record, y);
}

/*
 * Some banks agree with the list and others never do: that is how an imported
 * record 0 looks which the kernel had padded in those banks.
 */
static bool may_be_padded(struct replaying *y)
{
	const struct track *t = y->tracks[y->first_pcr];
	unsigned int agree = 0;

	if (!t || t->matched || !y->s->tpm)
		return false;
	for (unsigned int i = 0; i < y->s->n_banks; i++) {
		y->padded[i] = !t->bank_matched[i];
		agree += t->bank_matched[i];
	}
	return agree > 0;
}

static void conclude(struct replaying *y, unsigned int pcr)
{
	struct sequencer *s = y->s;
	struct seq_pcr *p = s->pcrs[pcr];

	if (!y->tracks[pcr]->matched) {
		p->value = y->tracks[pcr]->run;
		p->waiting = 0;
		seq_foreign(s, p);
	}
	s->now.unextended += p->waiting;
}

int seq_replay(struct sequencer *s)
{
	cleanup(tracks_done) struct replaying y = { .s = s };
	int r;

	r = replay_pass(&y);
	if (!r && may_be_padded(&y)) {
		tracks_done(&y);
		r = replay_pass(&y);
	}
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < ARRAY_SIZE(y.tracks); i++)
		if (y.tracks[i])
			conclude(&y, i);
	return 0;
}
