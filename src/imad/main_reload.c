// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of the policy while the daemon runs: loaded, confirmed or rolled back,
 * locked, shown. What was loaded lasts until the next boot, through a crash of the
 * daemon too: it is kept beside the list, in a file that only this boot believes.
 * An orderly stop forgets it, so that a restart takes the settings, unless it is locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define SAVED_NAME "policy"
#define SAVED_HEAD "# imad policy, boot %s, %s, %s\n" /* boot id, locked or open, source */
#define SHOW_BYTES (96u << 10) /* of rules in one answer; the rest is asked for again */
#define CONFIRM_MAX_S 86400
#define USEC_PER_SEC 1000000ull

static void print_all(const struct policy *p, struct buf *out)
{
	for (unsigned int i = 0; i < p->n_rules; i++)
		policy_print_rule(p, i, out);
}

static void saved_path(const struct daemon *d, const char *suffix, char *ret, size_t size)
{
	snprintf(ret, size, "%s/" SAVED_NAME "%s", d->conf.rundir, suffix);
}

/* All of it or the old one. 0 or negative errno. */
static int save(const struct daemon *d)
{
	char path[CONF_VALUE_MAX + 32], aside[CONF_VALUE_MAX + 32];
	cleanup(buf_done) struct buf text = { 0 };
	cleanup_close int fd = -1;

	saved_path(d, "", path, sizeof(path));
	saved_path(d, ".new", aside, sizeof(aside));
	buf_addf(&text, SAVED_HEAD, d->boot_id, d->policy_locked ? "locked" : "open", d->rules->source);
	print_all(&d->rules->policy, &text);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) < 0 || rename(aside, path) < 0) {
		int r = errno ? -errno : -ENOSPC;

		(void)unlink(aside);
		return r;
	}
	return 0;
}

/* A load that a crash would undo is no load: say so, but do not take it back for that. */
static void save_or_warn(const struct daemon *d)
{
	int r = save(d);

	if (r < 0)
		log_errno(LOG_WARNING, r, "the policy is active, but would not survive a crash of imad: cannot keep it in %s",
			  d->conf.rundir);
}

void daemon_forget_policy(struct daemon *d)
{
	char path[CONF_VALUE_MAX + 32];

	saved_path(d, "", path, sizeof(path));
	if (!d->policy_locked)
		(void)unlink(path); /* there mostly is none */
}

/* Of this boot, with the words of its first line. False: there is none, or it is another boot's. */
static bool read_saved_head(const struct daemon *d, const char *path, char *source, size_t size, bool *locked)
{
	char line[CONF_VALUE_MAX + 256], boot[BOOT_ID_MAX], state[16], *last;
	FILE *f = fopen(path, "re");
	int at = 0;
	bool ok;

	if (!f)
		return false;
	ok = fgets(line, sizeof(line), f) && sscanf(line, "# imad policy, boot %63[^,], %15[^,], %n", boot, state, &at) == 2 &&
	     at > 0 && !strcmp(boot, d->boot_id);
	fclose(f);
	if (!ok)
		return false;
	last = strchr(line, '\n');
	if (last)
		*last = '\0';
	snprintf(source, size, "%s", line + at);
	*locked = !strcmp(state, "locked");
	return true;
}

/* Where the settings name none: imad's own place, then IMA's. */
static const char *default_policy(void)
{
	static const char *const places[] = { IMAD_SYSCONFDIR "/policy", "/etc/ima/ima-policy" };

	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return "";
}

int daemon_first_policy(struct daemon *d, bool check)
{
	const char *names = d->conf.policy[0] ? d->conf.policy : default_policy();
	char path[CONF_VALUE_MAX + 32], source[CONF_VALUE_MAX + 1];
	bool saved, locked = false;
	struct refusal why = { "" };
	int r;

	saved_path(d, "", path, sizeof(path));
	saved = !check && d->boot_id[0] && read_saved_head(d, path, source, sizeof(source), &locked);
	/* A kept text has no signature: what was signed is read again. */
	if (saved)
		names = d->conf.policy_signed ? source : path;
	r = daemon_compile_policy(d, names, false, &d->rules, &why);
	if (r < 0) {
		log_msg(LOG_ERR, "%s", why.text);
		return r;
	}
	if (saved) {
		log_msg(LOG_NOTICE, "the policy is the one loaded since the boot: %s", source);
		memcpy(d->rules->source, source, sizeof(source));
		d->policy_locked = locked;
	}
	return 0;
}

int daemon_switch_policy(struct daemon *d, struct ruleset *set)
{
	int r = mounts_scan(d->mounts, &set->policy); /* what the new rules need is gated before they ask */

	if (r == 0)
		r = daemon_hold_for(d, &set->policy);
	if (r == 0) {
		daemon_name_rules(d, set);
		r = engine_set_policy(d->engine, &set->policy);
	}
	if (r < 0)
		return r;
	d->rules = set;
	daemon_grace_restart(d);
	mounts_prune(d->mounts, &set->policy);
	daemon_guard_again(d, false);
	daemon_measure_loaded_policy(d);
	daemon_measure_data(d);
	return 0;
}

static int answer_text(struct server_call *call, int r, const char *text)
{
	buf_reset(&call->answer);
	buf_add_str(&call->answer, text);
	server_answer(call, r);
	return r;
}

struct json_object *daemon_parse_request(const struct server_call *call)
{
	json_tokener *t = json_tokener_new_ex(8);
	json_object *o = t ? json_tokener_parse_ex(t, (const char *)call->request.payload, (int)call->request.payload_len) : NULL;

	if (t && json_tokener_get_parse_end(t) != call->request.payload_len) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	return o;
}

int64_t daemon_request_int(struct json_object *o, const char *key)
{
	json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

void daemon_policy_show(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	const struct policy *p = &d->rules->policy;
	json_object *request = daemon_parse_request(call), *root, *list;
	cleanup_free uint64_t *hits = calloc(p->n_rules + 1, sizeof(*hits));
	cleanup(buf_done) struct buf text = { 0 };
	unsigned int i = request ? (unsigned int)daemon_request_int(request, "first") : 0;
	size_t bytes = 0;

	json_object_put(request);
	if (!hits) {
		server_answer(call, -ENOMEM);
		return;
	}
	hooks_hits(d->hooks, hits, p->n_rules);
	root = json_object_new_object();
	json_object_object_add(root, "source", json_object_new_string(d->rules->source));
	json_object_object_add(root, "epoch", json_object_new_int64(hooks_epoch(d->hooks)));
	json_object_object_add(root, "locked", json_object_new_boolean(d->policy_locked));
	json_object_object_add(root, "unconfirmed", json_object_new_boolean(d->previous != NULL));
	json_object_object_add(root, "n_rules", json_object_new_int64(p->n_rules));
	list = json_object_new_array();
	json_object_object_add(root, "rules", list);
	for (; i < p->n_rules && bytes < SHOW_BYTES; i++) {
		json_object *o = json_object_new_object();

		buf_reset(&text);
		policy_print_rule(p, i, &text);
		json_object_object_add(o, "text", json_object_new_string_len((char *)text.data, (int)text.len - 1));
		json_object_object_add(o, "hits", json_object_new_int64((int64_t)hits[i]));
		json_object_array_add(list, o);
		bytes += text.len + 32;
	}
	json_object_object_add(root, "next", json_object_new_int64(i));
	buf_add_str(&call->answer, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	server_answer(call, buf_error(&call->answer));
}

static void free_previous(struct daemon *d)
{
	ruleset_freep(&d->previous);
	d->previous = NULL;
	d->confirm_timer = sd_event_source_unref(d->confirm_timer);
}

static int on_not_confirmed(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct ruleset *failed = d->rules;
	struct policy *p = &d->previous->policy;
	int r;

	(void)source, (void)usec;
	/* What the failed one made of new slots stands in the inodes' state: their numbers stay taken. */
	memcpy(p->slots, failed->policy.slots, sizeof(p->slots));
	p->n_slots = failed->policy.n_slots;
	policy_bind_pcr(p, d->conf.pcr);
	r = daemon_switch_policy(d, d->previous);
	if (r < 0) {
		log_errno(LOG_ERR, r, "cannot roll back to the policy \"%s\"", d->previous->source);
		return 0;
	}
	log_msg(LOG_WARNING, "policy \"%s\" was not confirmed: back to \"%s\"", failed->source, d->rules->source);
	d->previous = failed; /* to be freed with the timer */
	free_previous(d);
	return 0;
}

static int start_timer(struct daemon *d, int64_t seconds)
{
	int r = sd_event_add_time_relative(d->event, &d->confirm_timer, CLOCK_BOOTTIME, (uint64_t)seconds * USEC_PER_SEC, 0,
					   on_not_confirmed, d);

	return r < 0 ? r : 0;
}

/* The new rules are compiled: measure them under the old ones, switch, keep what a rollback needs. */
static int activate(struct daemon *d, struct ruleset **set, int64_t confirm_s)
{
	struct ruleset *old = d->rules;
	int r = confirm_s ? start_timer(d, confirm_s) : 0;

	if (r == 0) {
		daemon_measure_policy(d, *set);
		r = daemon_switch_policy(d, *set);
	}
	if (r < 0) {
		d->confirm_timer = sd_event_source_unref(d->confirm_timer);
		return r;
	}
	*set = NULL;
	d->previous = old;
	if (!confirm_s) {
		free_previous(d);
		save_or_warn(d);
		(void)daemon_keep_version(d);
	}
	log_msg(LOG_NOTICE, "policy \"%s\": %u rules%s", d->rules->source, d->rules->policy.n_rules,
		confirm_s ? ", to be confirmed" : "");
	return 0;
}

static const char *load_refusal(const struct daemon *d, const char *names, bool append, int64_t confirm_s)
{
	if (!names || !*names || strlen(names) > CONF_VALUE_MAX)
		return "no policy is named, or too many";
	if (confirm_s < 0 || confirm_s > CONFIRM_MAX_S)
		return "the time to confirm is 1 s to a day";
	if (d->previous)
		return "the last policy is not confirmed yet";
	if (d->policy_locked && !append)
		return "the policy is locked: until the next boot rules can only be added";
	return NULL;
}

void daemon_policy_load(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	json_object *request = daemon_parse_request(call), *value;
	bool append = request && daemon_request_int(request, "append");
	int64_t confirm_s = request ? daemon_request_int(request, "confirm") : 0;
	const char *names = request && json_object_object_get_ex(request, "policy", &value) ? json_object_get_string(value) : NULL;
	const char *cannot = load_refusal(d, names, append, confirm_s);
	cleanup(ruleset_freep) struct ruleset *set = NULL;
	struct refusal why = { "" };
	int r = cannot ? -EPERM : daemon_compile_policy(d, names, append, &set, &why);

	json_object_put(request);
	if (r == 0)
		r = daemon_preflight(d, &set->policy, &why);
	if (r < 0) {
		log_msg(LOG_ERR, "policy not loaded: %s", cannot ? cannot : why.text);
		answer_text(call, r, cannot ? cannot : why.text);
		return;
	}
	r = activate(d, &set, confirm_s);
	if (r < 0) {
		log_errno(LOG_ERR, r, "policy not loaded");
		server_answer(call, r);
		return;
	}
	buf_addf(&call->answer, "{\"rules\":%u}", d->rules->policy.n_rules);
	server_answer(call, buf_error(&call->answer));
}

void daemon_policy_confirm(void *arg, struct server_call *call)
{
	struct daemon *d = arg;

	if (!d->previous) {
		answer_text(call, -ENOENT, "nothing waits for a confirmation");
		return;
	}
	free_previous(d);
	save_or_warn(d);
	(void)daemon_keep_version(d);
	log_msg(LOG_NOTICE, "policy \"%s\" is confirmed", d->rules->source);
	server_answer(call, 0);
}

void daemon_policy_lock(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	int r;

	if (d->previous) {
		answer_text(call, -EBUSY, "the last policy is not confirmed yet");
		return;
	}
	d->policy_locked = true;
	r = save(d);
	if (r < 0) { /* a lock that a crash opens is none */
		d->policy_locked = false;
		server_answer(call, r);
		return;
	}
	log_msg(LOG_NOTICE, "the policy is locked: until the next boot rules can only be added");
	server_answer(call, 0);
}
