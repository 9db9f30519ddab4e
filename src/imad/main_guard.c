// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Not to be switched off: what the guard guards, what it refused, who may unlock it;
 * and the heartbeat, which is there whether it is guarded or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include <imad/audit.h>
#include <imad/digest.h>
#include <imad/guard.h>
#include <imad/keydir.h>
#include <imad/log.h>
#include <imad/signature.h>
#include <imad/util.h>

#include "main.h"

#define BEAT_US 5000000ull
#define TOLD_A_SECOND 20
#define PATHS_MAX 48
#define UNLOCK_MAX_S 3600
#define DELETED " (deleted)"
#define ALL (IMAD_GUARD_TREE | IMAD_GUARD_COVER)
#define ABOVE (IMAD_GUARD_NAME | IMAD_GUARD_COVER)

/* --- what is guarded */

struct paths {
	struct guard_path list[PATHS_MAX];
	char text[PATHS_MAX][CONF_VALUE_MAX + 32];
	unsigned int n;
};

static void add(struct paths *p, const char *path, unsigned int flags)
{
	if (p->n == PATHS_MAX || !path[0] || (size_t)snprintf(p->text[p->n], sizeof(p->text[0]), "%s", path) >= sizeof(p->text[0]))
		return;
	p->list[p->n] = (struct guard_path){ p->text[p->n], flags };
	p->n++;
}

/* The folder that @path is in; "" for the root, which cannot be renamed or covered for what runs. */
static void parent_of(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(ret, size, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/* The program, and imactl beside it. */
static void add_programs(struct paths *p)
{
	char exe[CONF_VALUE_MAX + 1], dir[CONF_VALUE_MAX + 1], ctl[CONF_VALUE_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return;
	exe[n] = '\0';
	if (n > (ssize_t)strlen(DELETED) && !strcmp(exe + n - strlen(DELETED), DELETED)) /* replaced: the new one then */
		exe[n - (ssize_t)strlen(DELETED)] = '\0';
	parent_of(exe, dir, sizeof(dir));
	(void)snprintf(ctl, sizeof(ctl), "%s/imactl", dir);
	add(p, exe, IMAD_GUARD_INODE | IMAD_GUARD_COVER);
	add(p, ctl, IMAD_GUARD_INODE | IMAD_GUARD_COVER);
	add(p, dir, ABOVE);
}

static void list_paths(const struct daemon *d, struct paths *p)
{
	char names[CONF_VALUE_MAX + 1], dir[CONF_VALUE_MAX + 1], *save = NULL;

	p->n = 0;
	add_programs(p);
	add(p, "/usr/lib/systemd/system/imad.service", IMAD_GUARD_INODE);
	add(p, "/etc/systemd/system/imad.service", IMAD_GUARD_INODE);
	add(p, "/etc/systemd/system/imad.service.d", IMAD_GUARD_TREE);
	add(p, "/etc/systemd/system/sysinit.target.wants/imad.service", IMAD_GUARD_INODE);
	add(p, IMAD_SYSCONFDIR, ALL);
	add(p, IMAD_SYSCONFDIR "/imad.conf", IMAD_GUARD_INODE); /* whatever other names it has */
	add(p, IMAD_STATEDIR, ALL);
	add(p, d->conf.keys_dir, ALL);
	add(p, d->conf.keys_ca, IMAD_GUARD_INODE);
	add(p, d->conf.keys_deny, IMAD_GUARD_INODE);
	add(p, d->conf.protect_keys, ALL);
	add(p, "/etc", ABOVE);
	memcpy(names, d->rules->source, sizeof(names));
	for (char *n = strtok_r(names, " |", &save); n; n = strtok_r(NULL, " |", &save))
		if (*n == '/')
			add(p, n, IMAD_GUARD_INODE);

	add(p, d->conf.rundir, ALL | IMAD_GUARD_MOUNT);
	parent_of(d->conf.rundir, dir, sizeof(dir));
	add(p, dir, ABOVE | IMAD_GUARD_MOUNT);
	add(p, "/sys/fs/bpf/imad", ALL | IMAD_GUARD_MOUNT);
	add(p, "/sys/fs/bpf", ABOVE | IMAD_GUARD_MOUNT);
	add(p, "/sys", ABOVE | IMAD_GUARD_MOUNT);
	add(p, "/proc", ABOVE | IMAD_GUARD_MOUNT);
	add(p, "/", IMAD_GUARD_MOUNT);
}

static int refresh(struct daemon *d)
{
	static struct paths paths; /* too large for the stack of a daemon */

	list_paths(d, &paths);
	return guard_refresh(d->protection.guard, paths.list, paths.n);
}

/* --- what is told */

static void tell(const char *cause, const char *name, const char *comm, uint32_t pid, uint32_t uid)
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
	if (e->cause == IMAD_GUARD_SIGNAL)
		(void)snprintf(name, sizeof(name), "signal %u", e->detail);
	else if (e->cause == IMAD_GUARD_BPF)
		(void)snprintf(name, sizeof(name), "id %u", e->detail);
	else
		(void)snprintf(name, sizeof(name), "%.64s", e->name[0] ? e->name : "imad");
	tell(guard_cause_word(e->cause), name, e->comm, e->tgid, e->uid);
}

static int on_guard(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;

	(void)source, (void)fd, (void)events;
	guard_events(d->protection.guard, on_refused, d);
	return 0;
}

/* --- the heartbeat */

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
	tell("hooks-silent", name, NULL, (uint32_t)getpid(), 0);
	(void)engine_violation(d->engine, &(struct engine_use){ .name = name, .pid = (uint32_t)getpid() }, "hooks-silent");
}

static void beat(struct daemon *d)
{
	struct protection *p = &d->protection;
	bool silent = hooks_beat(d->hooks) == 0;

	p->beats += !silent;
	if (silent && !p->silent)
		on_silence(d);
	else if (!silent && p->silent)
		log_msg(LOG_WARNING, "the hooks fire again");
	p->silent = silent;
}

static int on_beat(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	int r;

	(void)usec;
	beat(d);
	if (p->guard) {
		if (p->unlocked && !guard_unlocked(p->guard))
			log_msg(LOG_NOTICE, "imad is protected again");
		p->unlocked = guard_unlocked(p->guard) > 0;
		r = refresh(d);
		if (r < 0)
			log_errno(LOG_ERR, r, "cannot tell the guard what has changed");
	}
	(void)sd_event_source_set_time_relative(source, BEAT_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- who may unlock */

/* The terminal that the process has: the console, a virtual or a serial one, and no pseudo terminal. */
static bool is_on_console(pid_t pid)
{
	static const unsigned int local[] = { 4, 188, 204, 229 }; /* tty and ttyS, ttyUSB, ttyAMA, hvc */
	char path[32], line[1024], *after;
	unsigned int tty = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	after = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (!after || sscanf(after, ") %*c %*d %*d %*d %u", &tty) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		if ((tty >> 8 & 0xfff) == local[i])
			return true;
	return false;
}

static void answer_text(struct server_call *call, int r, const char *text)
{
	if (r < 0)
		log_msg(LOG_WARNING, "unlock refused to pid %d: %s", (int)call->pid, text);
	buf_add_str(&call->answer, text);
	server_answer(call, r);
}

static json_object *parse_request(const struct server_call *call)
{
	cleanup_free char *text = strndup((const char *)call->request.payload, call->request.payload_len);

	return text ? json_tokener_parse(text) : NULL;
}

static unsigned int seconds_of(json_object *request)
{
	json_object *v;
	int64_t n = json_object_object_get_ex(request, "seconds", &v) ? json_object_get_int64(v) : 0;

	return n > 0 && n <= UNLOCK_MAX_S ? (unsigned int)n : 0;
}

/* NULL: it may be asked for. */
static const char *not_now(const struct daemon *d, unsigned int seconds)
{
	if (!d->protection.guard)
		return "imad is not protected (protect = no)";
	return seconds ? NULL : "the time to unlock is 1 s to an hour";
}

void daemon_unlock_ask(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	json_object *request = parse_request(call);
	unsigned int seconds = seconds_of(request);
	const char *cannot = not_now(d, seconds);
	cleanup(buf_done) struct buf hex = { 0 };
	uint8_t nonce[NONCE_BYTES];

	json_object_put(request);
	if (cannot) {
		answer_text(call, -EINVAL, cannot);
		return;
	}
	if (keyring_count(p->keys) == 0) { /* no key can: the console may */
		buf_add_str(&call->answer, "{}");
		server_answer(call, buf_error(&call->answer));
		return;
	}
	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce)) {
		server_answer(call, -EIO);
		return;
	}
	buf_add_hex(&hex, nonce, sizeof(nonce));
	p->seconds = seconds;
	(void)snprintf(p->challenge, sizeof(p->challenge), "imad unlock %u seconds, boot %s, %.*s\n", seconds, d->boot_id,
		       (int)hex.len, (const char *)hex.data);
	buf_addf(&call->answer, "{\"challenge\":\"%.*s\\n\"}", (int)strcspn(p->challenge, "\n"), p->challenge);
	server_answer(call, buf_error(&call->answer));
}

/* @hex: a signature as evmctl ima_sign --sigfile makes it, over the challenge. NULL: it is good. */
static const char *check_signature(struct protection *p, const char *hex)
{
	uint8_t sig[2048];
	size_t n = hex ? strlen(hex) / 2 : 0;
	const struct algo *algo;
	struct digest digest;

	if (!p->challenge[0])
		return "nobody has asked what to sign";
	if (n == 0 || n > sizeof(sig) || hex_decode(hex, 2 * n, sig, n) < 0)
		return "a signature is asked for, by a key of protect.keys";
	algo = label_algo(sig, n);
	if (!algo || digest_buf(algo, p->challenge, strlen(p->challenge), &digest) < 0 ||
	    signature_verify_detached(p->keys, sig, n, &digest) != SIGNATURE_OK)
		return "the signature is not by a key of protect.keys over what was asked for last";
	p->challenge[0] = '\0'; /* once only */
	return NULL;
}

void daemon_unlock(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	json_object *request = parse_request(call), *v;
	bool by_key = p->keys && keyring_count(p->keys) > 0;
	unsigned int seconds = by_key ? p->seconds : seconds_of(request);
	const char *cannot = not_now(d, by_key && p->challenge[0] == '\0' ? 1 : seconds);
	int r = cannot ? -EINVAL : 0;

	if (r == 0 && by_key)
		cannot = check_signature(p, json_object_object_get_ex(request, "signature", &v) ? json_object_get_string(v) : NULL);
	else if (r == 0 && !is_on_console(call->pid))
		cannot = "without a key in protect.keys only the local console unlocks, and this is none";
	json_object_put(request);
	if (cannot) {
		if (r == 0)
			tell("unlock-refused", by_key ? "key" : "console", NULL, (uint32_t)call->pid, 0);
		answer_text(call, r < 0 ? r : -EACCES, cannot);
		return;
	}
	guard_unlock(p->guard, seconds);
	p->unlocked = true;
	log_msg(LOG_WARNING, "imad is not protected for %u s: unlocked by pid %d with %s", seconds, (int)call->pid,
		by_key ? "a key" : "the console");
	tell("unlocked", by_key ? "key" : "console", NULL, (uint32_t)call->pid, 0);
	server_answer(call, 0);
}

void daemon_lock(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;

	if (!p->guard) {
		answer_text(call, -EINVAL, "imad is not protected (protect = no)");
		return;
	}
	p->challenge[0] = '\0';
	guard_unlock(p->guard, 0);
	if (refresh(d) < 0)
		log_msg(LOG_ERR, "cannot tell the guard what has changed");
	if (p->unlocked)
		log_msg(LOG_NOTICE, "imad is protected again");
	p->unlocked = false;
	server_answer(call, 0);
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

static int start_guard(struct daemon *d)
{
	struct protection *p = &d->protection;
	int r = keyring_new(&p->keys);

	if (r < 0)
		return r;
	r = keydir_add_folder(p->keys, d->conf.protect_keys, on_bad_key, d);
	if (r < 0)
		return r;
	r = guard_new(&p->guard);
	if (r == 0)
		r = refresh(d);
	if (r == 0)
		r = sd_event_add_io(d->event, NULL, guard_fd(p->guard), EPOLLIN, on_guard, d);
	return r < 0 ? log_errno(LOG_ERR, r, "imad cannot be kept from being switched off") : 0;
}

int daemon_start_guard(struct daemon *d)
{
	struct protection *p = &d->protection;
	int r = wants_protection(d) ? start_guard(d) : 0;

	if (r < 0) {
		guard_free(p->guard);
		p->guard = NULL;
	}
	if (r < 0 && d->conf.protect == CONF_PROTECT_YES)
		return r;
	beat(d);
	r = sd_event_add_time_relative(d->event, &p->timer, CLOCK_MONOTONIC, BEAT_US, 0, on_beat, d);
	return r < 0 ? log_errno(LOG_ERR, r, "cannot start the heartbeat") : 0;
}

void daemon_stop_guard(struct daemon *d)
{
	sd_event_source_disable_unref(d->protection.timer);
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
	for (unsigned int i = 0; i < IMAD_GUARD_CAUSE_COUNT; i++) {
		all += guard_refused(p->guard, i);
		json_object_object_add(refused, guard_cause_word(i), json_object_new_int64((int64_t)guard_refused(p->guard, i)));
	}
	json_object_object_add(o, "refusals", json_object_new_int64((int64_t)all));
	json_object_object_add(o, "refused", refused);
	return o;
}

const char *daemon_guard_gap(const struct daemon *d)
{
	const struct protection *p = &d->protection;

	if (p->silent)
		return "the hooks do not fire: nothing is measured or denied, and what changes meanwhile is not seen";
	if (p->silences)
		return "the hooks did not fire for some time: what changed then was not seen; restart imad";
	if (wants_protection(d) && !p->guard)
		return "root can switch imad off: the kernel refused the guard's programs";
	return NULL;
}
