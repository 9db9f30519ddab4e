// SPDX-License-Identifier: GPL-2.0-or-later
/* appraise = enforce: at once, after a time without failures, or not at all. */
#include <errno.h>
#include <time.h>

#include <imad/log.h>

#include "main.h"

#define NS_PER_S 1000000000ull

static uint64_t count_failures(struct daemon *d)
{
	struct imad_counters c;

	hooks_counters(d->hooks, &c);
	return c.failures;
}

/* Who takes enforce back on the kernel command line is on the way in: no grace is no error then. */
int daemon_check_grace(const struct daemon *d, bool enforce_said)
{
	if (!d->conf.appraise_grace_s || d->conf.appraise == CONF_APPRAISE_ENFORCE || enforce_said)
		return 0;
	return log_errno(LOG_ERR, -EINVAL, "appraise.grace has a meaning only with appraise = enforce");
}

static void wait_for_silence(struct daemon *d)
{
	grace_start(&d->grace, d->conf.appraise_grace_s * NS_PER_S, now_ns(), count_failures(d));
}

/* If EVM alone would deny what the host needs, it denies nothing, and the labels count as before. */
static void begin_evm(struct daemon *d)
{
	struct refusal why = { "" }, unused;

	if (d->conf.evm != CONF_APPRAISE_ENFORCE || daemon_preflight(d, &d->rules->policy, &why) == 0)
		return;
	d->conf.evm = CONF_APPRAISE_LOG;
	d->evm.refused = daemon_preflight(d, &d->rules->policy, &unused) == 0;
	if (d->evm.refused)
		log_msg(LOG_ERR, "evm = enforce is refused, failures of EVM's are only told of: %s", why.text);
	else
		d->conf.evm = CONF_APPRAISE_ENFORCE; /* it is not for that */
}

void daemon_begin_mode(struct daemon *d)
{
	/* Once is enough: who kills imad is not given time. */
	bool grace = d->conf.appraise == CONF_APPRAISE_ENFORCE && d->conf.appraise_grace_s && !hooks_enforced(d->hooks);
	struct refusal why = { "" };
	int r;

	if (!grace)
		begin_evm(d);
	r = daemon_preflight(d, &d->rules->policy, &why);
	if (r < 0 && grace) {
		log_msg(LOG_WARNING, "appraise = enforce would be refused as it is now: %s", why.text);
	} else if (r < 0) {
		log_msg(LOG_ERR, "appraise = enforce is refused, failures are only told of: %s", why.text);
		d->conf.appraise = CONF_APPRAISE_LOG;
		d->enforce_refused = true;
	}
	if (grace) {
		wait_for_silence(d);
		log_msg(LOG_NOTICE, "appraise = enforce begins when nothing has failed for %u s", d->conf.appraise_grace_s);
	}
	if (d->conf.protect_labels && hooks_protect_labels(d->hooks) < 0) {
		log_msg(LOG_ERR, "labels are not protected: the kernel's inode_setxattr hook takes other arguments");
		d->conf.protect_labels = false;
	}
	hooks_set_evm(d->hooks, daemon_evm_mode(d));
	hooks_set_appraise(d->hooks, daemon_appraise_mode(d));
}

void daemon_grace_restart(struct daemon *d)
{
	grace_restart(&d->grace, now_ns());
}

/* The mode, then the rules anew: that moves the epoch, so that nothing found under the old mode settles a use. */
static int enforce(struct daemon *d)
{
	int r;

	hooks_set_appraise(d->hooks, IMAD_APPRAISE_ENFORCE);
	daemon_name_rules(d, d->rules);
	r = engine_set_policy(d->engine, &d->rules->policy);
	if (r < 0)
		hooks_set_appraise(d->hooks, IMAD_APPRAISE_LOG);
	return r;
}

void daemon_grace_tick(struct daemon *d, uint64_t now)
{
	struct refusal why = { "" };
	uint64_t failures;
	int r;

	if (!d->grace.waiting)
		return;
	failures = count_failures(d);
	if (!grace_is_over(&d->grace, now, failures))
		return;
	r = daemon_preflight(d, &d->rules->policy, &why);
	d->enforce_refused = r < 0;
	if (r < 0) {
		log_msg(LOG_ERR, "appraise = enforce is refused, and tried again in %u s: %s", d->conf.appraise_grace_s, why.text);
		wait_for_silence(d);
		return;
	}
	if (count_failures(d) != failures) { /* while we looked */
		wait_for_silence(d);
		return;
	}
	r = enforce(d);
	if (r < 0) {
		log_errno(LOG_ERR, r, "cannot enforce yet");
		wait_for_silence(d);
		return;
	}
	log_msg(LOG_NOTICE, "nothing failed for %u s: appraise = enforce from now on", d->conf.appraise_grace_s);
}
