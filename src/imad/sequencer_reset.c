// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCRs that do not hold what the list gives. Empty ones, as a reset TPM has them, are extended anew, so that
 * the list leads to them again, if all its records are there still, in the list or in its archive; of others nothing can be
 * proved any more. Who checks the list is told of both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

void seq_count_own(struct sequencer *s, const char *name, size_t n)
{
	int kind = name ? violation_of(name, n) : -ENOENT;

	if (kind >= 0)
		s->now.own[kind]++;
}

static void owe(struct sequencer *s, struct seq_pcr *p)
{
	p->untold = s->untold = true;
}

void seq_emptied(struct sequencer *s, struct seq_pcr *p)
{
	p->emptied = p->waiting;
	owe(s, p);
	log_msg(LOG_ERR, "PCR %u is empty, and the list has %" PRIu64 " records for it: they are extended anew (was the TPM reset?)",
		p->value.pcr, p->emptied);
}

void seq_foreign(struct sequencer *s, struct seq_pcr *p, const struct pcr_value *found)
{
	if (p->foreign)
		return;
	p->foreign = true;
	p->zeroed = seq_is_zero(found);
	owe(s, p);
	s->now.in_step = false;
	if (!p->zeroed && *s->former)
		log_msg(LOG_ERR, "PCR %u holds what boot %s extended: another kernel was started without a reset of the TPM, so nothing "
				 "can be proved by it before a reboot", p->value.pcr, s->former);
	else if (p->zeroed)
		log_msg(LOG_ERR, "PCR %u is empty (was the TPM reset?), and not all its records are there to be extended again: "
				 "nothing can be proved by it before a reboot", p->value.pcr);
	else
		log_msg(LOG_ERR, "PCR %u holds what is not in the measurement list: nothing can be proved by it before a reboot",
			p->value.pcr);
}

static int tell(struct sequencer *s, const struct seq_pcr *p)
{
	char name[192], detail[160];
	struct measurement m = {
		.pcr = -1, .digest = { .algo = s->hash->id, .size = s->hash->size }, .name = name, .violation = true,
		.kind = MEASURE_VIOLATION, .cause = violation_word(VIOLATION_PCR_RESET),
	};

	if (p->foreign && !p->zeroed && *s->former)
		snprintf(detail, sizeof(detail), "pcr=%u,found=kexec,boot=%s,list=%s", p->value.pcr, s->former,
			 s->former_kept ? "archived" : "gone");
	else if (p->foreign)
		snprintf(detail, sizeof(detail), "pcr=%u,found=%s", p->value.pcr, p->zeroed ? "zero" : "other");
	else
		snprintf(detail, sizeof(detail), "pcr=%u,found=empty,records=%" PRIu64, p->value.pcr, p->emptied);
	violation_name(VIOLATION_PCR_RESET, detail, name, sizeof(name));
	return seq_measure(s, &m);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/*
 * Since the last call. The difference of the two clocks is the time in suspends; the one is read around the other, as
 * this thread may have to wait in between.
 */
static bool has_slept(struct sequencer *s)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC), with = clock_ns(CLOCK_BOOTTIME), after = clock_ns(CLOCK_MONOTONIC);
	bool r = with > after + s->slept_ns;

	s->slept_ns = with - before;
	return r;
}

/* What is in it instead is for the replay to find out. */
static void look_at(struct sequencer *s, struct seq_pcr *p)
{
	struct pcr_value found;
	int r = tpm_pcr_read(s->tpm, p->value.pcr, &found);

	s->tpm_lost |= r == -EREMOTEIO;
	if (r < 0 || seq_values_equal(&found, &p->value))
		return;
	p->fell = s->was_reset = true;
}

void seq_look_start(struct sequencer *s, uint64_t every_ms)
{
	s->look_ms = every_ms;
	s->look_at = seq_now_ms() + every_ms;
	(void)has_slept(s);
}

void seq_look(struct sequencer *s)
{
	uint64_t now = seq_now_ms();

	if (!has_slept(s) && (!s->look_ms || now < s->look_at))
		return;
	s->look_at = now + s->look_ms;
	if (!s->tpm)
		return;
	seq_pipe_drain(s);
	if (s->tpm_lost && !s->now.unextended) /* else it is tried anyway */
		seq_catch_up(s);
	for (size_t i = 0; i < PCR_COUNT && !s->tpm_lost; i++) {
		struct seq_pcr *p = s->pcrs[i];

		if (p && !p->foreign && !p->waiting) /* what waits is preceded by a look of its own */
			look_at(s, p);
	}
}

void seq_start_over(struct sequencer *s)
{
	int r;

	seq_pipe_drain(s);
	s->was_reset = false;
	r = seq_replay(s);
	if (r < 0) { /* what waits is tried again, and finds the same */
		log_errno(LOG_ERR, r, "cannot find out what a TPM that was reset holds");
		return;
	}
	seq_tell_resets(s);
	seq_catch_up(s);
}

void seq_tell_resets(struct sequencer *s)
{
	if (!s->untold)
		return;
	seq_pipe_drain(s);
	s->untold = false;
	for (size_t i = 0; i < ARRAY_SIZE(s->pcrs); i++) {
		struct seq_pcr *p = s->pcrs[i];

		if (!p || !p->untold)
			continue;
		p->untold = tell(s, p) < 0;
		s->untold |= p->untold;
	}
}
