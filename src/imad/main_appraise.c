// SPDX-License-Identifier: GPL-2.0-or-later
/* Failed appraisals told, and policy files appraised before they are obeyed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/appraise.h>
#include <imad/audit.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

#define CAUSE_TEXT(name, text) [IMAD_CAUSE_##name] = text,
static const char *const causes[] = { IMAD_CAUSES(CAUSE_TEXT) };

void daemon_tell_failure(struct daemon *d, const struct audit_failure *f, unsigned int cause)
{
	cleanup(buf_done) struct buf body = { 0 };
	struct audit_failure told = *f;
	struct audit_subject who;

	told.op = cause == IMAD_CAUSE_MPROTECT ? "collect_data" : "appraise_data";
	told.cause = causes[cause < ARRAY_SIZE(causes) ? cause : 0];
	audit_subject(f->pid, f->uid, &who);
	audit_failure_body(&who, &told, &body);
	audit_send(d->conf.appraise == CONF_APPRAISE_ENFORCE ? "integrity_data" : "integrity_data_logged", &body);
}

/* 0 or negative errno. */
static int find(struct daemon *d, int fd, uint32_t *ret)
{
	cleanup(finder_done) struct finder f = { 0 };
	struct file_hasher *hasher = NULL;
	const struct algo *algo;
	struct digest digest;
	int r = finder_read(fd, &f);

	if (r < 0)
		return r;
	algo = finder_needs_digest(&f);
	if (!algo) {
		*ret = finder_found(d->keys, fd, &f, NULL);
		return 0;
	}
	r = file_hasher_new(&hasher);
	if (r == 0)
		r = file_hash(hasher, fd, &algo, 1, &digest);
	file_hasher_free(hasher);
	if (r == 0)
		*ret = finder_found(d->keys, fd, &f, &digest);
	return r;
}

int daemon_appraise_policy_file(struct daemon *d, int fd, const char *path, struct refusal *why)
{
	struct imad_decision decision;
	struct imad_facts facts;
	uint32_t found = 0, cause;
	int r;

	if (!d->rules || d->conf.appraise == CONF_APPRAISE_OFF || daemon_own_facts(d, fd, &facts) < 0)
		return 0;
	decision = daemon_decide(d, &facts, IMAD_POLICY_CHECK, IMAD_MAY_READ);
	if (!(decision.action & IMAD_APPRAISE))
		return 0;
	r = find(d, fd, &found);
	cause = r < 0 ? IMAD_CAUSE_NOT_APPRAISED : imad_judge(decision.opts, decision.algos, found);
	if (cause == IMAD_CAUSE_PASS)
		return 0;
	snprintf(why->text, sizeof(why->text), "policy file '%s': %s", path, causes[cause]);
	if (d->conf.appraise == CONF_APPRAISE_ENFORCE)
		return -EACCES;
	log_msg(LOG_WARNING, "%s", why->text);
	return 0;
}
