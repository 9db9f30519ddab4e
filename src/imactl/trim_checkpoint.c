/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checkpoint of a trim: where the list leads at the cut, and the quote that signs it. */
#include <string.h>
#include <time.h>

#include <imad/ak.h>
#include <imad/digest.h>
#include <imad/replay.h>
#include <imad/tpm.h>

#include "trim.h"

#define TRIES 5 /* quotes, when the list does not lead to one */

/* The values of all banks: the TPM's, or zeros where there is none. */
static int read_values(struct trim *t, struct tpm *tpm, struct pcr_value *ret, struct why *why)
{
	for (unsigned int i = 0; i < t->pcrs.n; i++) {
		int r = pcr_init(&ret[i], t->pcrs.value[i].pcr, t->banks, t->n_banks);

		if (r == 0 && tpm && ret[i].pcr < PCR_COUNT)
			r = tpm_pcr_read(tpm, ret[i].pcr, &ret[i]);
		if (r < 0)
			return why_set(why, r, "cannot read PCR %u: %s", t->pcrs.value[i].pcr, tpm ? tpm_error(tpm) : strerror(-r));
	}
	return 0;
}

static int open_tpm(struct trim *t, struct tpm **ret, struct why *why)
{
	int r = t->has_tpm ? tpm_open(t->tcti, ret) : 0;

	return r < 0 ? why_set(why, r, "cannot use the TPM at '%s': %s", t->tcti, strerror(-r)) : 0;
}

static void sort_pcrs(struct pcr_set *set)
{
	for (unsigned int i = 0; i < set->n; i++) {
		for (unsigned int k = i + 1; k < set->n; k++) {
			if (set->value[k].pcr < set->value[i].pcr) {
				struct pcr_value v = set->value[i];

				set->value[i] = set->value[k];
				set->value[k] = v;
			}
		}
	}
}

static int hash_front(struct trim *t, uint8_t chain[CHECKPOINT_CHAIN])
{
	struct digest part;
	int r = digest_buf(algo_by_id(ALGO_SHA256), t->list.p, t->cut, &part);

	if (t->list.before.records > 0)
		memcpy(chain, t->list.before.chain, CHECKPOINT_CHAIN);
	return r < 0 ? r : checkpoint_chain(chain, &part);
}

/* Whether the list leads to what was read, in all PCRs that a TPM has. */
static bool leads_there(const struct trim *t, const struct replay_result *r)
{
	for (unsigned int i = 0; i < r->n_banks; i++)
		if (t->has_tpm && r->banks[i].pcr < PCR_COUNT &&
		    (!r->banks[i].matched || r->banks[i].matched_at < t->next.records))
			return false;
	return !r->why;
}

static int replay_to(struct trim *t, const struct pcr_value *wanted, struct why *why)
{
	cleanup(replay_freep) struct replay *replay = NULL;
	struct pcr_value from[CHECKPOINT_PCRS_MAX];
	struct replay_result front, all;
	int r = replay_new(wanted, t->pcrs.n, t->next.imported && !t->list.before.records, &replay);

	if (r == 0 && t->list.before.records)
		r = checkpoint_values(&t->list.before, wanted, t->pcrs.n, from);
	if (r == 0 && t->list.before.records)
		r = replay_resume(replay, from, t->pcrs.n, t->list.before.records);
	if (r == 0)
		r = replay_feed(replay, t->list.p, t->cut);
	if (r < 0)
		return why_set(why, r, "cannot replay the list: %s", r == -ENOENT ? "the TPM has other banks than before" : strerror(-r));
	replay_mark(replay);
	replay_result(replay, &front);
	if (t->has_tpm)
		r = replay_feed(replay, t->list.p + t->cut, t->list.n - t->cut);
	replay_result(replay, &all);
	if (front.bad_digest || front.tail || front.records != t->next.records)
		return why_set(why, -EBADMSG, "the list is damaged; see imactl verify");
	if (r < 0 || !leads_there(t, &all))
		return why_set(why, -ESTALE, "the list does not lead to what the TPM holds; see imactl verify");
	t->next.violations = t->list.before.violations + front.violations;
	for (int i = 0; i < VIOLATION_KINDS; i++)
		t->next.own[i] = t->list.before.own[i] + front.own[i];
	t->next.n_pcrs = t->pcrs.n;
	r = replay_marked(replay, t->next.pcrs, CHECKPOINT_PCRS_MAX);
	return r < 0 ? why_set(why, r, "no bank to make a checkpoint of") : 0;
}

static int map_list(struct trim *t, struct why *why)
{
	int r = mapped_open(t->live, &t->list, why);

	list_boot_id(t->live, t->next.boot_id);
	if (r == 0 && !*t->next.boot_id)
		return why_set(why, -ENOENT, "no boot_id beside the list '%s'", t->live);
	t->next.imported = list_is_imported(t->live);
	t->next.time = (uint64_t)time(NULL);
	return r;
}

int trim_values(struct trim *t, uint64_t count, struct why *why)
{
	cleanup(tpm_freep) struct tpm *tpm = NULL;
	struct pcr_value wanted[ARRAY_SIZE(t->pcrs.value)];
	ssize_t cut;
	int r = open_tpm(t, &tpm, why);

	sort_pcrs(&t->pcrs);
	if (r == 0)
		r = read_values(t, tpm, wanted, why);
	if (r == 0)
		r = map_list(t, why);
	if (r < 0)
		return r;
	t->next.records = MAX(t->list.before.records, count - MIN(count, t->keep));
	if (t->next.records == t->list.before.records)
		return 0;
	cut = mapped_offset(&t->list, t->next.records);
	if (cut < 0)
		return why_set(why, -EBADMSG, "the list '%s' changed while it was read", t->live);
	t->cut = (size_t)cut;
	r = replay_to(t, wanted, why);
	if (r == 0 && hash_front(t, t->next.chain) < 0)
		r = why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	return r;
}

/* --- the quote */

struct quoting {
	struct ak *ak;
	struct tpm *tpm;
	struct buf pem;
};

static void quoting_done(struct quoting *q)
{
	ak_free(q->ak);
	tpm_free(q->tpm);
	buf_done(&q->pem);
}

/* One quote, and how many records lead to it; -EAGAIN: none do. */
static int attempt(struct trim *t, struct quoting *k, struct why *why)
{
	cleanup(mapped_done) struct mapped list = { .p = NULL };
	struct pcr_value values[ARRAY_SIZE(t->pcrs.value)];
	const char *malformed = NULL;
	struct quote q;
	uint32_t pcrs = 0;
	unsigned int n = 0;
	uint64_t total;
	int r = read_values(t, k->tpm, values, why);

	if (r < 0)
		return r;
	while (n < t->pcrs.n && values[n].pcr < PCR_COUNT) /* ascending */
		pcrs |= 1u << values[n++].pcr;
	buf_reset(&t->next.attest);
	buf_reset(&t->next.signature);
	r = ak_quote(k->ak, t->next.nonce.bytes, t->next.nonce.size, pcrs, t->banks, t->n_banks, &t->next.attest,
		     &t->next.signature);
	if (r < 0 || quote_parse(t->next.attest.data, t->next.attest.len, &q, &malformed) < 0)
		return why_set(why, -EIO, "the TPM does not quote: %s", r < 0 && *ak_error(k->ak) ? ak_error(k->ak) : strerror(EIO));
	r = mapped_open(t->live, &list, why);
	if (r == 0)
		r = settle(&list, t->next.imported, &q, algo_by_id(ALGO_SHA256), values, n, &t->next.quoted, &total);
	if (r == -ENOENT)
		return why_set(why, -EAGAIN, "the list does not lead to what the TPM quotes");
	return r;
}

int trim_quote(struct trim *t, struct why *why)
{
	cleanup(quoting_done) struct quoting k = { .ak = NULL };
	int r = checkpoint_seal(&t->next);

	if (r < 0)
		return why_set(why, r, "%s", strerror(-r));
	r = ak_kept(t->tcti, t->statedir, &k.ak, &k.pem, why);
	if (r == 0)
		r = open_tpm(t, &k.tpm, why);
	if (r == 0 && ak_public(k.ak, &t->next.ak) < 0)
		r = why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	for (int i = 0; r == 0 && i < TRIES; i++) {
		r = attempt(t, &k, why);
		if (r == 0)
			break;
		r = r == -EAGAIN && i + 1 < TRIES ? 0 : r;
	}
	t->next.has_quote = r == 0;
	return r;
}
