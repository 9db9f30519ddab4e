// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Group commit: how many records one command can extend. TPM2_PCR_Extend takes a list of digests and extends "for
 * each list entry" (TPM 2.0 part 3), so K records are K entries a bank, and the PCR is what K commands make of it.
 * How long that list may be, and that repeated banks are taken at all, is the vendor's choice (HASH_COUNT). So it is
 * tried at each start, in PCR 16, which is for that: it is not used unless it is zero, and is left zero.
 */
#include <stdio.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define DEBUG_PCR 16 /* PC Client: any locality may reset it, and it does not count as a change of PCRs */

struct proof {
	struct tpm *tpm;
	struct pcr_value value; /* what the PCR must be */
	bool begun;		/* the PCR is to be reset at the end */
	unsigned int proved;	/* records */
	char why[128];		/* there are no more; "" if more were not asked for */
};

static int failed(struct proof *p, int r, const char *what)
{
	if (r == -EREMOTEIO)
		snprintf(p->why, sizeof(p->why), "the TPM did not answer when it was tried");
	else
		snprintf(p->why, sizeof(p->why), "%s: %s", what, *tpm_error(p->tpm) ? tpm_error(p->tpm) : strerrordesc_np(-r));
	return r;
}

/* May PCR 16 be used? 0, -EBUSY or an error. */
static int begin(struct proof *p)
{
	struct pcr_value v;
	int r = tpm_pcr_read(p->tpm, DEBUG_PCR, &v);

	if (r < 0)
		return failed(p, r, "PCR 16 cannot be read");
	if (!seq_values_equal(&v, &p->value)) {
		snprintf(p->why, sizeof(p->why), "PCR 16, where it is tried, is in use");
		return -EBUSY;
	}
	r = tpm_pcr_reset(p->tpm, DEBUG_PCR); /* first, so that nothing is done that cannot be undone */
	p->begun = r == 0;
	return r < 0 ? failed(p, r, "PCR 16, where it is tried, cannot be reset") : 0;
}

/* No two digests of a proof are the same: order counts, and so does each of them. */
static int fill(struct proof *p, unsigned int k, struct digest *d)
{
	int r = 0;

	for (unsigned int i = 0; i < k; i++) {
		for (unsigned int b = 0; b < p->value.n && !r; b++, d++) {
			*d = (struct digest){ .algo = p->value.bank[b].algo, .size = p->value.bank[b].size };
			d->bytes[0] = (uint8_t)k;
			d->bytes[1] = (uint8_t)(i + 1);
			r = pcr_extend(&p->value.bank[b], d);
		}
	}
	return r;
}

/* @k records by one command. 0: they are what they must be; 1: not so, or the TPM does not take them; negative errno. */
static int try(struct proof *p, unsigned int k)
{
	struct digest d[TPM_EXTEND_MAX];
	struct pcr_value v;
	int r = fill(p, k, d);

	if (r < 0)
		return failed(p, r, "cannot hash");
	r = tpm_extend(p->tpm, DEBUG_PCR, d, k * p->value.n);
	if (r < 0)
		return failed(p, r, "the TPM takes no more") == -EIO ? 1 : r;
	r = tpm_pcr_read(p->tpm, DEBUG_PCR, &v);
	if (r < 0)
		return failed(p, r, "PCR 16 cannot be read");
	if (seq_values_equal(&v, &p->value))
		return 0;
	snprintf(p->why, sizeof(p->why), "the TPM takes more and does not extend each of them");
	return 1;
}

static int prove(struct proof *p, unsigned int max)
{
	int r = begin(p);

	for (unsigned int k = 2; k <= max && !r; k++) {
		r = try(p, k);
		if (!r)
			p->proved = k;
	}
	if (r < 0)
		p->proved = 1;
	return r;
}

/* False: the TPM is gone, and whoever asks it next will hear of that. */
static bool clean_up(struct proof *p, bool lost)
{
	if (lost && tpm_reopen(p->tpm) < 0)
		return false;
	if (p->begun && tpm_pcr_reset(p->tpm, DEBUG_PCR) < 0)
		log_msg(LOG_WARNING, "TPM: PCR 16 was used to try out, and cannot be reset: %s", tpm_error(p->tpm));
	return true;
}

static void set(struct sequencer *s, unsigned int batch, const char *why)
{
	s->batch_max = s->now.batch = batch;
	snprintf(s->now.batch_why, sizeof(s->now.batch_why), "%s", why);
}

void seq_batch_single(struct sequencer *s, const char *why)
{
	set(s, 1, why);
}

void seq_batch_prove(struct sequencer *s, unsigned int wish)
{
	struct proof p = { .tpm = s->tpm, .proved = 1 };
	unsigned int max = TPM_EXTEND_MAX / s->n_banks;
	char why[sizeof(s->now.batch_why)];

	if (!s->tpm || wish == 1 || s->pcr == DEBUG_PCR) {
		seq_batch_single(s, !s->tpm ? "no TPM" : wish == 1 ? "tpm.batch = off" : "PCR 16, where more are tried, is the list's");
		return;
	}
	(void)pcr_init(&p.value, DEBUG_PCR, s->banks, s->n_banks); /* fails for too many banks only */
	if (clean_up(&p, prove(&p, wish ? MIN(wish, max) : max) == -EREMOTEIO))
		tpm_clear_error(s->tpm);
	if (p.proved > 1)
		snprintf(why, sizeof(why), "tried on PCR 16%s%s", *p.why ? "; " : "", p.why);
	else
		snprintf(why, sizeof(why), "%s", p.why);
	set(s, p.proved, why);
	log_msg(LOG_DEBUG, "TPM: %u record(s) a command: %s", p.proved, why);
}
