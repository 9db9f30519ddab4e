// SPDX-License-Identifier: GPL-2.0-or-later
/* What a dead daemon has left in the kernel is gone on with, and what happened in between is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <imad/log.h>
#include <imad/stamp.h>
#include <imad/util.h>

#include "main.h"

#define TELL_LOST_NS 1000000000ull /* one violation a second at most, however fast events are lost */

static void hash_trust(uint64_t *h, const struct trust *trust)
{
	const struct keyring *keys = trust_keys(trust);
	const void *denied;
	char line[64];
	size_t n;

	for (size_t i = 0; i < keyring_count(keys); i++) {
		const struct key *k = keyring_key(keys, i);

		snprintf(line, sizeof(line), "%08x %s %u", k->id, k->type, k->bits);
		stamp_hash_text(h, line);
		stamp_hash_text(h, k->subject);
	}
	denied = trust_denied_bytes(trust, &n);
	stamp_hash(h, denied, n);
}

/* What "done" and "found" in an inode's state depend on, beside the policy's slots. */
static uint64_t settings_key(const struct daemon *d)
{
	uint64_t h = STAMP_HASH_INIT;
	char pcr[16];

	snprintf(pcr, sizeof(pcr), "%u", d->conf.pcr);
	stamp_hash_text(&h, pcr);
	stamp_hash_text(&h, d->template->name);
	stamp_hash_text(&h, d->hash->name);
	stamp_hash_text(&h, d->conf.rundir); /* another list has none of the records */
	snprintf(pcr, sizeof(pcr), "%d %u %d", d->conf.evm != CONF_APPRAISE_OFF, d->evm.n, d->evm.of_kernel);
	stamp_hash_text(&h, pcr);
	for (unsigned int i = 0; i < d->evm.n; i++)
		stamp_hash(&h, d->evm.key[i].id, EVMKEY_ID_SIZE);
	hash_trust(&h, d->trust);
	return h;
}

void daemon_stamp_trust(struct daemon *d, bool known)
{
	hooks_set_settings(d->hooks, known ? settings_key(d) : 0);
}

/* Numbers that inodes know are not given to anything else. */
static void take_slots(struct daemon *d)
{
	struct policy *p = &d->rules->policy;
	struct imad_slot_name names[IMAD_SLOTS_MAX];
	unsigned int n = hooks_slots(d->hooks, names);

	for (; p->n_slots < n; p->n_slots++) {
		const char *name = names[p->n_slots].template;
		const struct template *t = *name ? template_find(name, strlen(name)) : NULL;

		p->slots[p->n_slots] = (struct policy_slot){
			.pcr = names[p->n_slots].pcr, .template = t ? t->name : NULL, .variant = names[p->n_slots].variant };
	}
}

int daemon_make_hooks(struct daemon *d)
{
	struct timespec now;
	uint32_t n;
	int r = hooks_new(settings_key(d), d->conf.evm != CONF_APPRAISE_OFF, &d->rules->policy, &d->hooks);

	if (r < 0)
		return r;
	d->unread_lost = hooks_replace(d->hooks);
	if (!hooks_are_adopted(d->hooks))
		return 0;
	take_slots(d);
	clock_gettime(CLOCK_BOOTTIME, &now);
	n = hooks_read_again(d->hooks, &d->read_in_vain);
	d->away = now.tv_sec + now.tv_nsec / 1e9 - hooks_died(d->hooks) / 1e9;
	log_msg(LOG_NOTICE, "going on where a daemon ended %.1f s ago", d->away);
	if (n)
		log_msg(LOG_NOTICE, "%u events that it had read, and maybe not recorded, are read again", n);
	return 0;
}

void daemon_tell_gap(struct daemon *d)
{
	struct sequencer_status s;
	char detail[64];

	sequencer_status(d->sequencer, &s);
	if (!s.continued && !hooks_are_adopted(d->hooks) && !d->unread_lost)
		return; /* the first of this boot: what it can tell of the time before is in its status */
	if (hooks_are_adopted(d->hooks)) {
		snprintf(detail, sizeof(detail), "seconds=%.1f,uses=late", d->away);
	} else {
		snprintf(detail, sizeof(detail), "uses=unknown");
		log_msg(d->unread_lost ? LOG_WARNING : LOG_NOTICE,
			"what was used while there was no imad is not known: a violation stands for it");
	}
	(void)engine_own_violation(d->engine, VIOLATION_GAP, detail);
}

static bool may_tell_lost(struct daemon *d, bool now)
{
	uint64_t ns = now_ns();

	if (!now && d->lost_told && ns - d->lost_told < TELL_LOST_NS)
		return false;
	d->lost_told = ns;
	return true;
}

bool daemon_tell_lost(struct daemon *d, bool now)
{
	char detail[32];
	uint32_t n;

	if (!hooks_lose_events(d->hooks) && !d->read_in_vain)
		return true;
	if (!may_tell_lost(d, now))
		return false;
	n = hooks_newly_lost(d->hooks);
	if (n)
		log_msg(LOG_ERR, "%u events found no room in the ring buffer: a violation stands for them", n);
	if (d->read_in_vain)
		log_msg(LOG_ERR, "%u events were read by an imad that died before it had recorded them, and cannot be read again: a violation stands for them",
			d->read_in_vain);
	snprintf(detail, sizeof(detail), "events=%u", n + d->read_in_vain);
	(void)engine_own_violation(d->engine, VIOLATION_LOST, detail);
	d->read_in_vain = 0;
	return true;
}

struct batch {
	struct daemon *d;
	struct hooks_taken upto;
};

static void on_recorded(void *arg)
{
	struct batch *b = arg;

	hooks_recorded(b->d->hooks, b->upto);
	free(b);
}

void daemon_note_batch(struct daemon *d)
{
	struct batch *b = malloc(sizeof(*b));

	if (!b)
		return; /* the next one covers it */
	*b = (struct batch){ d, hooks_taken(d->hooks) };
	if (engine_barrier(d->engine, on_recorded, b) < 0)
		free(b);
}
