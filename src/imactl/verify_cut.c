/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence that begins at a checkpoint, as the records before were cut off the list and are in no archive any more, and
 * whose verifier has not seen all of them. That the checkpoint's values are right is proved by where they lead, and by
 * the key that signed them; what the records were nobody can say. Whether that is enough is not decided here: it is
 * taken with --from-checkpoint only.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "verify_evidence.h"

static void when(const struct checkpoint *c, char *ret, size_t size)
{
	time_t t = (time_t)c->time;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(ret, size, "an unknown time");
}

/* The records that are missing, as in "records 20 to 34". */
static void missing(const struct appraisal *a, char *ret, size_t size)
{
	bool goes_on = a->have_state && a->q.reset_count == a->state.reset_count;
	unsigned long long first = goes_on ? a->state.records : 0, last = a->e.from - 1;

	if (first == last)
		(void)snprintf(ret, size, "record %llu", first);
	else
		(void)snprintf(ret, size, "records %llu to %llu", first, last);
}

static void judge(struct appraisal *a)
{
	char which[64], at[32];

	missing(a, which, sizeof(which));
	when(&a->checkpoint, at, sizeof(at));
	if (a->from_checkpoint)
		note(a, "%s were not seen: they were cut off the list; the checkpoint of %s stands for them, signed by the same key", which, at);
	else
		refuse(a, "%s were not verified: they were cut off the list, and the host's archive was not asked for them, or lacks them. "
			  "Its checkpoint of %s is signed by the same key: --from-checkpoint goes on from there, whatever they were",
		       which, at);
}

int verify_cut(struct appraisal *a, struct why *why)
{
	struct parse_error e = { 0 };
	char list[32];
	int r;

	if (a->order != VERIFIER_CUT)
		return 0;
	r = checkpoint_parse((const char *)a->e.checkpoint.data, a->e.checkpoint.len, &a->checkpoint, &e);
	if (r == -EBADMSG)
		refuse(a, "checkpoint, line %u: %s: %s", e.line, e.token, e.why);
	else if (r == 0 && a->checkpoint.records != a->e.from)
		refuse(a, "checkpoint: it stands for %llu records, the list begins at record %llu",
		       (unsigned long long)a->checkpoint.records, (unsigned long long)a->e.from);
	else if (r == 0 && checkpoint_values(&a->checkpoint, a->e.pcrs, a->e.n_pcrs, a->cut) < 0)
		refuse(a, "checkpoint: no value of a bank that was quoted");
	if (r < 0 || refused(a))
		return r == -EBADMSG ? 0 : r < 0 ? why_set(why, r, "%s", strerror(-r)) : 0;
	(void)snprintf(list, sizeof(list), "/proc/self/fd/%d", fileno(a->records));
	r = checkpoint_vouch_by(&a->checkpoint, a->ak, a->key, a->list ? a->list : list, why);
	if (r == -EBADMSG)
		refuse(a, "%s", why->text);
	else if (r == 0)
		judge(a);
	return r == -EBADMSG ? 0 : r;
}
