// SPDX-License-Identifier: GPL-2.0-or-later
/* Failed appraisals told. */
#include <imad/appraise.h>
#include <imad/audit.h>
#include <imad/util.h>

#include "main.h"

#define CAUSE_TEXT(name, text) [IMAD_CAUSE_##name] = text,
static const char *const causes[] = { IMAD_CAUSES(CAUSE_TEXT) };

const char *daemon_cause_text(unsigned int cause)
{
	return cause < ARRAY_SIZE(causes) ? causes[cause] : "unknown";
}

void daemon_tell_failure(struct daemon *d, const struct audit_failure *f, unsigned int cause)
{
	cleanup(buf_done) struct buf body = { 0 };
	struct audit_failure told = *f;
	struct audit_subject who;

	if (!told.op)
		told.op = cause == IMAD_CAUSE_MPROTECT ? "collect_data" : "appraise_data";
	told.cause = daemon_cause_text(cause);
	audit_subject(f->pid, f->uid, &who);
	audit_failure_body(&who, &told, &body);
	audit_send(d->conf.appraise == CONF_APPRAISE_ENFORCE ? "integrity_data" : "integrity_data_logged", &body);
}
