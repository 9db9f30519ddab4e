// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCRs that do not hold what the list gives. Empty ones, as a reset TPM has them, are extended anew, so that
 * the list leads to them again, if all its records are there still, in the list or in its archive; of others nothing can be
 * proved any more. Who checks the list is told of both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
