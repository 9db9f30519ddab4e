// SPDX-License-Identifier: GPL-2.0-or-later
/* Not to be switched off: what the guard guards, and what it refused. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include <imad/audit.h>
#include <imad/file.h>
#include <imad/guard.h>
#include <imad/keydir.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define TOLD_A_SECOND 20
#define DELETED " (deleted)"
#define FILE_ONLY (IMAD_GUARD_INODE | IMAD_GUARD_COVER)
#define ALL (IMAD_GUARD_TREE | IMAD_GUARD_COVER)
#define ABOVE (IMAD_GUARD_NAME | IMAD_GUARD_COVER)

/* --- what is guarded */

struct far {
	const char *path;
	bool found;
};

static void note_far(void *arg, const struct mounts_entry *e)
{
	struct far *f = arg;

	f->found |= e->far && !strcmp(e->path, f->path);
}

static bool is_far(void *arg, const char *path)
{
	const struct daemon *d = arg;
	struct far f = { .path = path };

	mounts_each(d->mounts, note_far, &f);
	return f.found;
}

/* @above: for the folders that it is in. What is not there has folders, too. */
static void guard(struct daemon *d, const char *path, unsigned int flags, unsigned int above)
{
	int r = path[0] ? guard_path(d->protection.guard, path, flags, above, is_far, d) : 0;

	if (r == 0 || r == -ENOENT || r == -ENOTDIR || r == -EMEDIUMTYPE) /* a masked unit is a device */
		return;
	d->protection.bare++;
	if (d->protection.unlocked) /* then it is looked at every few seconds */
		return;
	if (r == -EXDEV)
		log_msg(LOG_WARNING, "'%s' is not guarded: it lies on a filesystem that a server may keep waiting", path);
	else
		log_errno(LOG_WARNING, r, "'%s' is not guarded", path);
}

/* The program, and imactl beside it. */
static void guard_programs(struct daemon *d, unsigned int above)
{
	char exe[CONF_VALUE_MAX + 1], ctl[CONF_VALUE_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return;
	exe[n] = '\0';
	if (n > (ssize_t)strlen(DELETED) && !strcmp(exe + n - strlen(DELETED), DELETED)) /* replaced: the new one then */
		exe[n - (ssize_t)strlen(DELETED)] = '\0';
	(void)snprintf(ctl, sizeof(ctl), "%.*s/imactl", (int)(strrchr(exe, '/') - exe), exe);
	guard(d, exe, FILE_ONLY, above);
	guard(d, ctl, FILE_ONLY, above);
}

static void guard_policies(struct daemon *d, unsigned int above)
{
	char names[CONF_VALUE_MAX + 1], *save = NULL;

	memcpy(names, d->rules->source, sizeof(names));
	for (char *n = strtok_r(names, " |", &save); n; n = strtok_r(NULL, " |", &save))
		if (*n == '/')
			guard(d, n, FILE_ONLY, above);
}

/*
 * What systemd mounts before anything else is there when imad starts. The other folders may still get a filesystem of
 * their own (/var), so that they are not to be covered only when the early boot is over.
 */
static void guard_paths(struct daemon *d)
{
	static const char *const units[] = {
		"/usr/lib/systemd/system/imad.service", "/lib/systemd/system/imad.service", "/etc/systemd/system/imad.service",
		"/etc/systemd/system/sysinit.target.wants/imad.service",
	};
	unsigned int above = d->protection.booted ? ABOVE : IMAD_GUARD_NAME;

	d->protection.bare = 0;
	guard_policies(d, above);
	guard_programs(d, above);
	guard(d, d->conf.rundir, ALL, ABOVE);
	guard(d, "/sys/fs/bpf/imad", ALL, ABOVE);
	guard(d, "/sys/fs/cgroup", ABOVE, ABOVE);
	guard(d, "/proc", ABOVE, ABOVE);
	guard(d, IMAD_SYSCONFDIR, ALL, above);
	guard(d, IMAD_SYSCONFDIR "/imad.conf", FILE_ONLY, above); /* whatever other names it has */
	guard(d, IMAD_STATEDIR, above, above); /* imactl keeps archives and keys there */
	guard(d, POLICY_VERSION_PATH, FILE_ONLY, above);
	guard(d, d->conf.keys_dir, ALL, above);
	guard(d, d->conf.keys_ca, FILE_ONLY, above);
	guard(d, d->conf.keys_deny, FILE_ONLY, above);
	guard(d, d->conf.protect_keys, ALL, above);
	guard(d, "/etc/systemd/system/imad.service.d", ALL, above);
	for (unsigned int i = 0; i < ARRAY_SIZE(units); i++)
		guard(d, units[i], FILE_ONLY, above);
}

static int guard_object_of_hooks(void *arg, enum hooks_object kind, int fd)
{
	static const enum imad_guard_kind kinds[] = {
		[HOOKS_MAP] = IMAD_GUARD_MAP, [HOOKS_PROG] = IMAD_GUARD_PROG, [HOOKS_LINK] = IMAD_GUARD_LINK,
	};

	return guard_object(arg, kinds[kind], fd);
}

static int guard_objects(struct daemon *d)
{
	struct guard *g = d->protection.guard;
	int r = guard_begin_objects(g);

	if (r == 0)
		r = hooks_each_object(d->hooks, guard_object_of_hooks, g);
	if (r < 0)
		return log_errno(LOG_ERR, r, "imad's BPF objects are not guarded");
	guard_end_objects(g);
	return 0;
}

void daemon_guard_again(struct daemon *d, bool anew)
{
	struct protection *p = &d->protection;

	if (!p->guard)
		return;
	(void)guard_objects(d);
	if (anew)
		guard_forget_paths(p->guard);
	guard_paths(d);
}

/* --- what is told */

void daemon_guard_tell(const char *cause, const char *name, const char *comm, uint32_t pid, uint32_t uid)
{
	const struct audit_failure f = { .op = "protect", .cause = cause, .name = name, .comm = comm, .pid = pid, .uid = uid };
	cleanup(buf_done) struct buf body = { 0 };
	struct audit_subject who;

	audit_subject(pid, uid, &who);
	audit_failure_body(&who, &f, &body);
	audit_send(LOG_WARNING, "integrity_status", &body, NULL);
}

static void on_refused(void *arg, const struct imad_guard_event *e)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	char name[96];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != p->told_second) {
		if (p->told > TOLD_A_SECOND)
			log_msg(LOG_WARNING, "%u refusals more were not told", p->told - TOLD_A_SECOND);
		p->told_second = now.tv_sec;
		p->told = 0;
	}
	if (p->told++ >= TOLD_A_SECOND)
		return;
	if (e->cause == IMAD_REFUSED_SIGNAL)
		(void)snprintf(name, sizeof(name), "signal %u", e->detail);
	else if (e->cause == IMAD_REFUSED_BPF)
		(void)snprintf(name, sizeof(name), "id %u", e->detail);
	else
		(void)snprintf(name, sizeof(name), "%.64s", e->name[0] ? e->name : "imad");
	daemon_guard_tell(guard_cause_word(e->cause), name, e->comm, e->tgid, e->uid);
}

static int on_guard(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;

	(void)source, (void)fd, (void)events;
	guard_events(d->protection.guard, on_refused, d);
	return 0;
}

/* --- start, stop, status */

static bool wants_protection(const struct daemon *d)
{
	return d->conf.protect == CONF_PROTECT_YES ||
	       (d->conf.protect == CONF_PROTECT_AUTO && d->conf.appraise == CONF_APPRAISE_ENFORCE);
}

static void on_bad_key(void *arg, const char *path, const char *why)
{
	const struct daemon *d = arg;

	if (strcmp(path, d->conf.protect_keys) != 0) /* that there are none is told by imactl status */
		log_msg(LOG_WARNING, "key '%s' does not unlock: %s", path, why);
}

static int start(struct daemon *d)
{
	struct protection *p = &d->protection;
	int r = keyring_new(&p->keys);

	if (r == 0)
		r = keydir_add_folder(p->keys, d->conf.protect_keys, on_bad_key, d);
	if (r == 0)
		r = guard_new(&p->guard);
	if (r == 0)
		r = sd_event_add_io(d->event, NULL, guard_fd(p->guard), EPOLLIN, on_guard, d);
	if (r >= 0)
		r = guard_activate(p->guard);
	if (r >= 0)
		r = guard_objects(d);
	if (r < 0)
		return log_errno(LOG_ERR, r, "imad cannot be kept from being switched off");
	(void)mkdir(IMAD_STATEDIR, 0700); /* or somebody else would */
	p->booted = daemon_unit_is_active("sysinit.target");
	guard_paths(d);
	if (guard_missing(p->guard))
		log_msg(LOG_WARNING, "this kernel has no place to refuse: %s", guard_missing(p->guard));
	return 0;
}

/* Since before it was refused; of the threads that are not this one /proc tells, which nobody covers any more. */
static bool is_traced(const struct daemon *d)
{
	bool traced = d->protection.guard && guard_is_traced(d->protection.guard);
	DIR *dir = opendir("/proc/self/task");
	char path[80], text[1024];
	const struct dirent *e;

	while (!traced && dir && (e = readdir(dir))) {
		const char *line;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", e->d_name);
		line = file_read_small(path, text, sizeof(text)) > 0 ? strstr(text, "\nTracerPid:") : NULL;
		traced = line && strtoul(line + strlen("\nTracerPid:"), NULL, 10) != 0;
	}
	if (dir)
		closedir(dir);
	return traced;
}

int daemon_check_tracer(const struct daemon *d)
{
	if (!wants_protection(d) || !is_traced(d))
		return 0;
	log_msg(LOG_ERR, "a process traces imad, and could do with it what it likes");
	return d->conf.protect == CONF_PROTECT_YES || d->protection.guard ? -EBUSY : 0;
}

int daemon_start_guard(struct daemon *d)
{
	struct protection *p = &d->protection;
	int r = wants_protection(d) ? start(d) : 0;

	if (r == 0 && p->guard)
		r = daemon_check_tracer(d);
	if (r < 0) {
		guard_free(p->guard);
		p->guard = NULL;
	}
	return r < 0 && d->conf.protect == CONF_PROTECT_YES ? r : 0;
}

void daemon_free_guard(struct daemon *d)
{
	guard_free(d->protection.guard);
	keyring_free(d->protection.keys);
	d->protection.guard = NULL;
}

json_object *daemon_guard_status(const struct daemon *d)
{
	const struct protection *p = &d->protection;
	json_object *o = json_object_new_object(), *refused;
	unsigned long long all = 0;

	json_object_object_add(o, "active", json_object_new_boolean(p->guard != NULL));
	json_object_object_add(o, "hooks_fire", json_object_new_boolean(!p->silent));
	json_object_object_add(o, "beats", json_object_new_int64((int64_t)p->beats));
	json_object_object_add(o, "silences", json_object_new_int64((int64_t)p->silences));
	if (!p->guard)
		return o;
	json_object_object_add(o, "unlocked_s", json_object_new_int64(guard_unlocked(p->guard)));
	json_object_object_add(o, "unlocked_by", json_object_new_string(keyring_count(p->keys) ? "key" : "console"));
	refused = json_object_new_object();
	for (unsigned int i = 0; i < IMAD_REFUSED_COUNT; i++) {
		all += guard_refused(p->guard, i);
		json_object_object_add(refused, guard_cause_word(i), json_object_new_int64((int64_t)guard_refused(p->guard, i)));
	}
	json_object_object_add(o, "refusals", json_object_new_int64((int64_t)all));
	json_object_object_add(o, "untold", json_object_new_int64((int64_t)guard_lost(p->guard)));
	json_object_object_add(o, "refused", refused);
	return o;
}

void daemon_guard_gaps(const struct daemon *d, void (*fn)(void *arg, const char *line), void *arg)
{
	const struct protection *p = &d->protection;
	char line[192];

	if (p->silent)
		fn(arg, "the hooks do not fire: nothing is measured or denied, and what changes meanwhile is not seen");
	else if (p->silences)
		fn(arg, "the hooks did not fire for some time: what changed then was not seen; restart imad");
	if (p->blind)
		fn(arg, "it cannot be seen whether the hooks fire");
	if (wants_protection(d) && !p->guard)
		fn(arg, "root can switch imad off: the guard could not be started");
	if (!p->guard)
		return;
	if (!p->booted)
		fn(arg, "until the early boot is over (sysinit.target) root can mount over /var, /etc, /usr and the like");
	if (p->bare) {
		(void)snprintf(line, sizeof(line), "%u of imad's paths are not guarded: the log says why", p->bare);
		fn(arg, line);
	}
	if (guard_missing(p->guard)) {
		(void)snprintf(line, sizeof(line), "this kernel has no place to refuse: %s", guard_missing(p->guard));
		fn(arg, line);
	}
	if (guard_lost(p->guard)) {
		(void)snprintf(line, sizeof(line), "%llu refusals found no room to be told in the log", guard_lost(p->guard));
		fn(arg, line);
	}
}
