// SPDX-License-Identifier: GPL-2.0-or-later
/* The heartbeat, which is there whether imad is guarded or not. */
#include <fcntl.h>

#include <systemd/sd-event.h>

#include <imad/guard.h>
#include <imad/log.h>
#include <imad/util.h>
#include <imad/watcher.h>

#include "main.h"

#define BEAT_US 5000000ull

static bool ftrace_is_off(void)
{
	cleanup_close int fd = open("/proc/sys/kernel/ftrace_enabled", O_RDONLY | O_CLOEXEC);
	char value = '1';

	return fd >= 0 && read(fd, &value, 1) == 1 && value == '0';
}

/* What is written meanwhile is not seen, so that the list gets a record that says so. */
static void on_silence(struct daemon *d)
{
	const char *name = ftrace_is_off() ? "kernel.ftrace_enabled" : "hooks";

	d->protection.silences++;
	log_msg(LOG_ERR, "the hooks do not fire%s: nothing is measured, and what changes meanwhile is not seen; restart imad then",
		*name == 'k' ? ", because kernel.ftrace_enabled is 0" : "");
	daemon_guard_tell("hooks-silent", name, NULL, (uint32_t)getpid(), 0);
	(void)engine_violation(d->engine, &(struct engine_use){ .name = name, .pid = (uint32_t)getpid() }, "hooks-silent");
}

/* What cannot be looked at (there is no descriptor) is neither. */
static void beat(struct daemon *d)
{
	struct protection *p = &d->protection;
	int r = hooks_beat(d->hooks);
	bool silent = r == 0;

	if (r < 0 && !p->blind)
		log_errno(LOG_ERR, r, "cannot see whether the hooks fire");
	p->blind = r < 0;
	if (r < 0)
		return;
	p->beats += !silent;
	if (silent && !p->silent)
		on_silence(d);
	else if (!silent && p->silent)
		log_msg(LOG_WARNING, "the hooks fire again");
	p->silent = silent;
}

static void look_after_guard(struct daemon *d)
{
	struct protection *p = &d->protection;
	bool unlocked = guard_unlocked(p->guard) > 0, booted = p->booted;

	if (guard_identify(p->guard) < 0)
		log_msg(LOG_ERR, "the guard cannot find out in which cgroup imad is");
	if (!booted)
		p->booted = daemon_unit_is_active("sysinit.target");
	/* While anybody may change anything, all is looked for anew; else there is only more. */
	if (unlocked || p->unlocked || !booted)
		daemon_guard_again(d, guard_unlocked(p->guard) > 2);
	if (p->unlocked && !unlocked)
		log_msg(LOG_NOTICE, "imad is protected again");
	p->unlocked = unlocked;
}

static int on_beat(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	(void)usec;
	beat(d);
	if (d->watcher && watcher_renew(d->watcher) != 0)
		log_msg(LOG_WARNING, "the process that watches this one was ended: another one was made, if that can be");
	if (d->protection.guard)
		look_after_guard(d);
	(void)sd_event_source_set_time_relative(source, BEAT_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int daemon_start_beat(struct daemon *d)
{
	int r;

	beat(d);
	daemon_guard_again(d, false); /* what was attached and made since */
	r = sd_event_add_time_relative(d->event, &d->protection.timer, CLOCK_MONOTONIC, BEAT_US, 0, on_beat, d);
	return r < 0 ? log_errno(LOG_ERR, r, "cannot start the heartbeat") : 0;
}

void daemon_stop_beat(struct daemon *d)
{
	sd_event_source_disable_unref(d->protection.timer);
	d->protection.timer = NULL;
}
