/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list that was there when we started: one pass over it finds, for each PCR, how
 * far the TPM has got (the value of a hash chain is met at one place only), and
 * fills the set of digests. What is behind that place waits to be extended. Where the front was cut off, the
 * pass begins with the values of the checkpoint; if that meets nothing, with zeros and what was cut off, out of the
 * archive, as for a TPM that was reset. Nothing of the sequencer's changes before all of that is done.
 */
#include <inttypes.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

/* Records that a daemon which dies has in the list and not in an empty PCR yet. boot_aggregate, the first of its PCR, is extended alone. */
static unsigned int in_flight_max(const struct sequencer *s, unsigned int pcr)
{
	return pcr == s->pcr ? 1 : MAX(SEQ_PIPE_MAX, TPM_EXTEND_MAX / s->n_banks);
}

/* One PCR during the pass. */
struct track {
	struct pcr_value run, in_tpm;
	bool matched;
	bool lacking; /* the checkpoint has it, but not in all of our banks */
	bool bank_matched[PCR_BANKS_MAX];
	/* as in seq_pcr */
	struct pcr_value value;
	uint64_t next, waiting;
};

struct replaying {
	struct sequencer *s;
	/* Banks into which the kernel put the padded SHA-1 of its own boot_aggregate, our record 0. */
	bool padded[PCR_BANKS_MAX];
	bool off[PCR_BANKS_MAX]; /* banks in which the archive did not lead to the checkpoint */
	unsigned int first_pcr;
	uint64_t own[VIOLATION_KINDS];
	struct track *tracks[LIST_PCR_MAX + 1];
};

static void tracks_done(struct replaying *y)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(y->tracks); i++) {
		free(y->tracks[i]);
		y->tracks[i] = NULL;
	}
}

static void track_compare(const struct sequencer *s, struct track *t, uint64_t end)
{
	bool all = true;

	for (unsigned int i = 0; i < t->run.n && s->tpm; i++) {
		bool same = seq_digests_equal(&t->run.bank[i], &t->in_tpm.bank[i]);

		t->bank_matched[i] |= same;
		all &= same;
	}
	if (!all || t->lacking)
		return;
	t->matched = true;
	t->value = t->run;
	t->next = end;
	t->waiting = 0;
}

/* The value after what was cut off; zeros, if that had no record of this PCR. */
static void track_begin(const struct checkpoint *c, struct track *t)
{
	if (!c || !checkpoint_has_pcr(c, t->run.pcr))
		return;
	for (unsigned int i = 0; i < t->run.n; i++) {
		const struct digest *d = checkpoint_value(c, t->run.pcr, t->run.bank[i].algo);

		t->lacking |= !d;
		if (d)
			t->run.bank[i] = *d;
	}
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
	if (!s->archive)
		track_begin(store_checkpoint(s->store), t);
	t->in_tpm = t->run;
	if (!r && s->tpm && pcr < PCR_COUNT) /* the list may name PCRs that no TPM has */
		r = tpm_pcr_read(s->tpm, pcr, &t->in_tpm);
	if (r < 0)
		return r;
	track_compare(s, t, start);
	*ret = t;
	return 0;
}

static int remember_digest(void *arg, unsigned int pcr, const uint8_t *digest)
{
	struct sequencer *s = arg;
	int r;

	if (dedup_has(s->seen, pcr, digest))
		return 0;
	r = dedup_reserve(s->seen);
	if (!r)
		dedup_add(s->seen, pcr, digest);
	return r;
}

static int remember(struct replaying *y, const struct list_record *rec)
{
	struct template_fields f = { 0 };
	struct digest key;
	int kind, r;

	if (rec->violation) {
		r = template_decode(rec->template, rec->data, rec->data_len, &f);
		kind = r == 0 && f.name ? violation_of(f.name, f.name_len) : -ENOENT;
		if (kind >= 0)
			y->own[kind]++;
		return 0;
	}
	r = list_template_digest(rec, y->s->hash, &key);
	return r < 0 ? r : remember_digest(y->s, rec->pcr, key.bytes);
}

static int replay_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct replaying *y = arg;
	struct sequencer *s = y->s;
	struct track *t = y->tracks[rec->pcr];
	bool first = !start && (s->archive || !store_first(s->store));
	struct digest d;
	int r = 0;

	if (first)
		y->first_pcr = rec->pcr;
	if (!t)
		r = track_make(y, rec->pcr, start, &t);
	if (!r)
		r = remember(y, rec);
	for (unsigned int i = 0; !r && i < s->n_banks; i++) {
		r = pcr_record_digest(rec, s->banks[i], first && y->padded[i], &d);
		if (!r)
			r = pcr_extend(&t->run.bank[i], &d);
	}
	if (r < 0)
		return r;
	if (!t->waiting++)
		t->next = start;
	track_compare(s, t, end);
	return 0;
}

/* Where the archive ends, all must be as the checkpoint says. */
static void compare_cut(struct replaying *y)
{
	const struct checkpoint *c = store_checkpoint(y->s->store);

	for (unsigned int p = 0; p < ARRAY_SIZE(y->tracks); p++) {
		const struct track *t = y->tracks[p];

		for (unsigned int i = 0; t && i < t->run.n; i++) {
			const struct digest *d = checkpoint_value(c, p, t->run.bank[i].algo);

			y->off[i] |= d ? !seq_digests_equal(d, &t->run.bank[i]) : !seq_is_zero(&t->run);
		}
	}
}

static int replay_pass(struct replaying *y)
{
	struct sequencer *s = y->s;
	const struct checkpoint *c = store_checkpoint(s->store);
	struct track *t;
	uint64_t at = 0;
	int r = 0;

	tracks_done(y); /* a pass may have been before */
	for (int i = 0; i < VIOLATION_KINDS; i++)
		y->own[i] = c && !s->archive ? c->own[i] : 0;
	for (unsigned int i = 0; c && i < c->n_pcrs && !r; i++)
		r = track_make(y, c->pcrs[i].pcr, 0, &t);
	if (!r && s->archive)
		r = seq_archive_scan(s, &at, replay_record, y);
	if (!r && s->archive)
		compare_cut(y);
	return r < 0 ? r : seq_scan(s, &at, replay_record, y);
}

/*
 * Some banks agree with the list and others never do: that is how an imported
 * record 0 looks which the kernel had padded in those banks.
 */
static bool may_be_padded(struct replaying *y)
{
	const struct track *t = y->tracks[y->first_pcr];
	unsigned int agree = 0;

	if (!t || t->matched || !y->s->tpm || store_first(y->s->store))
		return false;
	for (unsigned int i = 0; i < y->s->n_banks; i++) {
		y->padded[i] = !t->bank_matched[i];
		agree += t->bank_matched[i];
	}
	return agree > 0;
}

static bool any(const bool *of, unsigned int n)
{
	while (n > 0)
		if (of[--n])
			return true;
	return false;
}

/* From zeros over the archive, with the first record as it led to the checkpoint. The pass without it, if that cannot be. */
static int replay_archived(struct replaying *y)
{
	struct sequencer *s = y->s;
	char why[256] = "the parts do not lead to the checkpoint";
	int r = seq_archive_open(s, why, sizeof(why));

	for (int i = 0; i < 2 && !r; i++) {
		memcpy(y->padded, y->off, sizeof(y->padded));
		memset(y->off, 0, sizeof(y->off));
		r = replay_pass(y);
		if (r < 0 || !any(y->off, s->n_banks)) {
			memcpy(s->padded, y->padded, sizeof(s->padded));
			return r;
		}
	}
	log_msg(LOG_WARNING, "the archive of the list is of no use: %s", why);
	if (!s->archive)
		return 0;
	seq_archive_close(s);
	memset(y->padded, 0, sizeof(y->padded));
	return replay_pass(y);
}

/* What was cut off may be needed: a PCR holds nothing that comes behind it. */
static bool is_before_cut(const struct replaying *y)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(y->tracks); i++)
		if (y->tracks[i] && !y->tracks[i]->matched)
			return y->s->tpm && store_checkpoint(y->s->store);
	return false;
}

static void conclude(struct replaying *y, unsigned int pcr)
{
	struct sequencer *s = y->s;
	struct seq_pcr *p = s->pcrs[pcr];
	const struct track *t = y->tracks[pcr];

	p->value = t->matched ? t->value : t->run;
	p->next = t->next;
	p->waiting = t->matched ? t->waiting : 0;
	p->in_doubt = 0;
	p->foreign = false;
	if (s->tpm && pcr < PCR_COUNT && t->matched && p->waiting > (p->fell ? 0 : in_flight_max(s, pcr)) &&
	    (p->fell || seq_is_zero(&t->in_tpm)))
		seq_emptied(s, p);
	p->fell = false;
	if (!t->matched)
		seq_foreign(s, p, &t->in_tpm);
	s->now.unextended += p->waiting;
}

int seq_replay(struct sequencer *s)
{
	cleanup(tracks_done) struct replaying y = { .s = s };
	int r;

	seq_archive_close(s);
	r = store_measured(s->store, s->hash, remember_digest, s);
	if (!r)
		r = replay_pass(&y);
	if (!r && may_be_padded(&y))
		r = replay_pass(&y);
	if (!r && is_before_cut(&y))
		r = replay_archived(&y);
	if (r < 0)
		return r;
	memcpy(s->now.own, y.own, sizeof(s->now.own));
	s->now.unextended = 0;
	s->now.in_step = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(y.tracks); i++)
		if (y.tracks[i])
			conclude(&y, i);
	return 0;
}
