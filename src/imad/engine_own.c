// SPDX-License-Identifier: GPL-2.0-or-later
/* Violations that imad records of itself. They wait for no worker: a use may have gone on because all are stuck. */
#include <stdio.h>
#include <string.h>

#include <imad/log.h>

#include "engine_job.h"

#define TELL_NS 1000000000ull

int engine_own_violation(struct engine *e, enum violation kind, const char *detail)
{
	char name[VIOLATION_NAME_MAX];
	struct engine_use use = {
		.fd = -1, .kind = MEASURE_VIOLATION, .func = IMAD_NONE, .name = name, .cause = violation_word(kind), .at_once = true,
	};

	_Static_assert(VIOLATION_NAME_MAX >= PATH_MAX + 64, "a path fits");
	violation_name(kind, detail, name, sizeof(name));
	return engine_use(e, &use);
}

void own_timed_out(struct engine *e, const struct job *j)
{
	if (!e->config.allow_on_timeout || !j->wants_record)
		return;
	if (e->timeouts++ == 0 && e->ops.hint(e->ops.arg, j->fd, e->timeout_file, sizeof(e->timeout_file)) < 0)
		e->timeout_file[0] = '\0';
}

void own_tell_timeouts(struct engine *e, uint64_t now_ns, bool all)
{
	char detail[VIOLATION_NAME_MAX];
	unsigned int n = 0;

	pthread_mutex_lock(&e->lock);
	if (e->timeouts && (all || !e->timeouts_told || now_ns - e->timeouts_told >= TELL_NS)) {
		n = e->timeouts;
		snprintf(detail, sizeof(detail), "uses=%u%s%s", n, *e->timeout_file ? ",file=" : "", e->timeout_file);
		e->timeouts = 0;
		e->timeouts_told = now_ns;
	}
	pthread_mutex_unlock(&e->lock);
	if (n && engine_own_violation(e, VIOLATION_TIMEOUT, detail) < 0)
		log_msg(LOG_ERR, "out of memory: %u uses that the deadline let go on are not in the list", n);
}
