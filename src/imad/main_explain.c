// SPDX-License-Identifier: GPL-2.0-or-later
/* The answer to imactl explain: a failure that is kept, and what a use of the file would say now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

#define CHANGE_TEXT(name, text) [IMAD_CHANGE_##name] = text,
static const char *const changes[] = { IMAD_CHANGES(CHANGE_TEXT) };

static void add_str(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value && *value ? json_object_new_string(value) : NULL);
}

static void add_int(json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

static void add_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/* "sha256:2bd8..."; null without one. */
static void add_digest(json_object *o, const char *key, const struct digest *digest)
{
	cleanup(buf_done) struct buf text = { 0 };

	if (digest->size) {
		buf_addf(&text, "%s:", algo_by_id(digest->algo)->name);
		buf_add_hex(&text, digest->bytes, digest->size);
	}
	buf_add_u8(&text, '\0');
	add_str(o, key, buf_error(&text) < 0 ? NULL : (const char *)text.data);
}

/* Names need not be UTF-8, JSON must be: other bytes become question marks. */
static void add_name(json_object *o, const char *key, const char *name)
{
	cleanup_free char *copy = strdup(name ? name : "");

	for (char *c = copy; c && *c; c++)
		if ((unsigned char)*c >= 0x80 || (unsigned char)*c < 0x20)
			*c = '?';
	add_str(o, key, copy);
}

static void add_rule(json_object *o, const char *place, const char *text)
{
	json_object *rule = NULL;

	if (place && *place) {
		rule = json_object_new_object();
		add_str(rule, "place", place);
		add_name(rule, "text", text);
	}
	json_object_object_add(o, "rule", rule);
}

static void add_finding(json_object *o, const struct finding *found)
{
	add_str(o, "label", found->label);
	add_name(o, "key_subject", found->subject);
	add_digest(o, "digest_wanted", &found->wanted);
	add_digest(o, "digest_found", &found->content);
}

static void add_time(json_object *o, uint64_t ns)
{
	add_int(o, "time", ns / 1000000000);
	add_int(o, "time_ns", ns % 1000000000);
}

/* @c: with the host's time. null: none since imad knows the file. */
static void add_changed(json_object *o, const struct imad_change *c)
{
	json_object *changed = NULL;

	if (c->how && c->how < ARRAY_SIZE(changes)) {
		changed = json_object_new_object();
		add_str(changed, "how", changes[c->how]);
		add_time(changed, c->ns);
		add_int(changed, "pid", c->tgid);
		add_name(changed, "comm", c->comm);
		add_int(changed, "uid", c->uid);
		add_bool(changed, "by_imad", c->tgid == (uint32_t)getpid());
	}
	json_object_object_add(o, "changed", changed);
}

struct telling {
	struct daemon *d;
	json_object *root;
	uint32_t uid, func, dev;
	uint64_t ino;
};

static void tell_event(void *arg, const struct failure *f)
{
	struct telling *t = arg;
	json_object *o = json_object_new_object(), *process = json_object_new_object();

	json_object_object_add(t->root, "event", o);
	add_int(o, "number", f->number);
	add_time(o, f->time_ns);
	add_bool(o, "denied", f->denied);
	add_str(o, "op", f->op);
	add_str(o, "func", policy_func_name(f->func));
	add_str(o, "cause", daemon_cause_text(f->cause));
	add_name(o, "name", f->name);
	add_name(o, "dev", f->fs_id);
	add_int(o, "ino", f->ino);
	json_object_object_add(o, "process", process);
	add_int(process, "pid", f->pid);
	add_name(process, "comm", f->comm);
	add_name(process, "exe", f->exe);
	add_int(process, "uid", f->uid);
	add_int(process, "auid", f->auid);
	add_int(process, "ses", f->ses);
	add_rule(o, f->place, f->rule_text);
	add_bool(o, "judged", (f->found & IMAD_FOUND_KNOWN) != 0);
	add_finding(o, &f->finding);
	add_int(o, "generation", f->gen);
	add_changed(o, &f->changed);
	t->uid = f->uid;
	t->func = f->func;
	t->dev = f->dev;
	t->ino = f->ino;
}

/* What the rules say of one use: @ret_rule is that about appraisal, 0: none. */
static struct imad_decision decide(const struct ask *a, struct imad_facts *facts, unsigned int func, uint32_t mask,
				   uint32_t *ret_rule)
{
	struct imad_decision decision = { .open = ~0u };
	bool over = false;

	*ret_rule = 0;
	facts->func = func;
	facts->mask = mask;
	for (unsigned int i = 0; i < a->policy->n_rules && !over; i++) {
		uint32_t open = decision.open;

		over = imad_decide(&decision, &a->policy->rules[i], facts);
		if ((open & ~decision.open) & IMAD_APPRAISE)
			*ret_rule = a->half * IMAD_RULES_MAX + i + 1;
	}
	return decision;
}

static unsigned int cause_of(const struct imad_decision *decision, unsigned int func, uint32_t mask, uint32_t found, bool writers)
{
	unsigned int cause = imad_judge(decision->opts, decision->algos, found), kind = IMAD_FOUND_KIND(found);

	if (cause == IMAD_CAUSE_PASS && func == IMAD_FILE_CHECK && (mask & IMAD_MAY_WRITE) &&
	    (kind == IMAD_LABEL_SIGNATURE || kind == IMAD_LABEL_VERITY))
		return IMAD_CAUSE_IMMUTABLE;
	if (cause == IMAD_CAUSE_PASS && func != IMAD_FILE_CHECK && writers)
		return IMAD_CAUSE_WRITERS;
	return cause;
}

static void add_use(struct daemon *d, const struct ask *a, json_object *list, struct imad_facts *facts, const char *use,
		    unsigned int func, uint32_t mask, uint32_t found, bool writers)
{
	json_object *o = json_object_new_object();
	char place[CONF_VALUE_MAX + 16] = "", text[4096] = "";
	struct imad_decision decision;
	uint32_t rule;

	decision = decide(a, facts, func, mask, &rule);
	decision.opts |= daemon_evm_opts(d);
	add_str(o, "use", use);
	add_str(o, "func", policy_func_name(func));
	add_bool(o, "appraised", (decision.action & IMAD_APPRAISE) != 0);
	add_str(o, "cause", decision.action & IMAD_APPRAISE ?
				    daemon_cause_text(cause_of(&decision, func, mask, found, writers)) : NULL);
	(void)failures_rule(d->failures, rule, place, sizeof(place), text, sizeof(text));
	add_rule(o, place, text);
	json_object_array_add(list, o);
}

static const struct use {
	const char *name;
	unsigned int func;
	uint32_t mask;
	bool if_asked; /* told only if the failure was such a use */
} uses[] = {
	{ "execute", IMAD_BPRM_CHECK, IMAD_MAY_EXEC, false },
	{ "map", IMAD_MMAP_CHECK, IMAD_MAY_EXEC, false },
	{ "read", IMAD_FILE_CHECK, IMAD_MAY_READ, false },
	{ "write", IMAD_FILE_CHECK, IMAD_MAY_WRITE, false },
	{ "load as a module", IMAD_MODULE_CHECK, IMAD_MAY_READ, true },
	{ "load as firmware", IMAD_FIRMWARE_CHECK, IMAD_MAY_READ, true },
	{ "load by kexec", IMAD_KEXEC_KERNEL_CHECK, IMAD_MAY_READ, true },
	{ "load by kexec", IMAD_KEXEC_INITRAMFS_CHECK, IMAD_MAY_READ, true },
	{ "take as a policy", IMAD_POLICY_CHECK, IMAD_MAY_READ, true },
};

/* IMAD_FOUND() of the content as it is now, hashed once more. 0 or negative errno. */
static int find(struct daemon *d, int fd, const char *name, uint32_t *ret, struct finding *ret_finding)
{
	cleanup(trust_unrefp) struct trust *trust = daemon_trust(d);
	cleanup(finder_done) struct finder label = { 0 };
	struct engine_content beside = { .name = (char *)name };
	struct file_hasher *hasher = NULL;
	const struct algo *algos[ALGO_COUNT];
	struct digest digests[ALGO_COUNT];
	unsigned int n;
	int r = finder_read(fd, &label);

	if (r < 0)
		return r;
	n = finder_needs(trust, &label, algos);
	if (!n)
		algos[n++] = d->hash;
	r = file_hasher_new(&hasher);
	if (r == 0)
		r = file_hash(hasher, fd, algos, n, digests);
	if (r == 0) {
		beside.found = finder_found(trust, fd, &label, digests, n, NULL) | daemon_evm_look(d, trust, fd);
		r = daemon_collect_beside(d, hasher, fd, ENGINE_LABEL, &beside);
	}
	file_hasher_free(hasher);
	free(beside.modsig);
	if (r < 0)
		return r;
	*ret = beside.found;
	daemon_describe(trust, fd, name, &label, *ret, digests, n, ret_finding);
	return 0;
}

/* Of the open file @fd, as user @t->uid. 0 or negative errno. */
static int tell_now(struct telling *t, const struct ask *a, int fd, struct imad_probe *probe)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct imad_facts *facts = &probe->facts;
	char name[FILE_NAME_MAX] = "";
	struct imad_verdict verdict;
	struct finding finding;
	struct imad_change c;
	struct imad_gen gen;
	uint32_t found = 0;
	bool has_gen;
	int r = hooks_state(t->d->hooks, fd, &gen, &has_gen, &verdict);

	json_object_object_add(t->root, "now", o);
	json_object_object_add(o, "uses", list);
	(void)file_name(fd, name);
	if (r == 0)
		r = find(t->d, fd, name, &found, &finding);
	if (r < 0) {
		add_str(o, "error", strerror(-r));
		return r;
	}
	c = daemon_change_time(&gen.changed);
	add_name(o, "name", name);
	add_bool(o, "writers", probe->writers);
	add_bool(o, "known", has_gen && verdict.gen == gen.gen && (verdict.done & IMAD_SLOT_APPRAISE));
	add_int(o, "generation", gen.gen);
	add_int(o, "uid", t->uid);
	add_finding(o, &finding);
	add_changed(o, &c);
	facts->uid = facts->euid = facts->suid = t->uid;
	for (unsigned int i = 0; i < ARRAY_SIZE(uses); i++)
		if (!uses[i].if_asked || uses[i].func == t->func)
			add_use(t->d, a, list, facts, uses[i].name, uses[i].func, uses[i].mask, found, probe->writers);
	return 0;
}

/* The file behind the descriptor that came with the request, opened as the daemon may. Descriptor or negative errno. */
static int open_again(struct daemon *d, int given, struct imad_probe *probe)
{
	int r = given < 0 ? -EBADF : mounts_may_open(given);
	char link[32];

	if (r < 0)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", given);
	return hooks_open(d->hooks, AT_FDCWD, link, O_RDONLY, 0, probe);
}

static void add_mode(struct daemon *d, json_object *root)
{
	uint64_t newest, oldest;

	failures_range(d->failures, &newest, &oldest);
	add_int(root, "newest", newest);
	add_int(root, "oldest_kept", oldest);
	add_bool(root, "enforcing", daemon_appraise_mode(d) == IMAD_APPRAISE_ENFORCE);
	add_bool(root, "protect_labels", d->conf.protect_labels && daemon_appraise_mode(d) == IMAD_APPRAISE_ENFORCE);
}

static int refuse(struct ask *a, int r, const char *why)
{
	buf_reset(&a->call->answer);
	buf_add_str(&a->call->answer, why);
	return r;
}

static int refuse_number(struct ask *a, uint64_t number)
{
	if (!number)
		return refuse(a, -ENOENT, "nothing has failed since imad started");
	buf_reset(&a->call->answer);
	buf_addf(&a->call->answer, "event %llu is not kept: there was none, or too many came after or with it", (unsigned long long)number);
	return -ENOENT;
}

/* {event: N}, 0 for the newest; without it that of the file. A file that comes with an event is told of if it is the same. */
static int explain(struct daemon *d, struct ask *a, json_object *root)
{
	struct json_object *value;
	struct imad_probe probe;
	struct telling t = { .d = d, .root = root };
	bool asked = a->request && json_object_object_get_ex(a->request, "event", &value);
	uint64_t number = asked ? (uint64_t)json_object_get_int64(value) : 0;
	cleanup_close int fd = a->call->fd >= 0 ? open_again(d, a->call->fd, &probe) : -1;

	if (!asked && fd < 0)
		return refuse(a, fd, fd == -EMEDIUMTYPE ? "only regular files are appraised" :
				     fd == -EXDEV	? "imad opens no file of a FUSE filesystem" :
						  strerror(-fd));
	if (!asked)
		number = failures_of(d->failures, probe.dev, probe.ino);
	if ((asked || number) && !failures_visit(d->failures, number, tell_event, &t))
		return refuse_number(a, number);
	if (fd >= 0 && (!asked || (probe.dev == t.dev && probe.ino == t.ino)))
		(void)tell_now(&t, a, fd, &probe);
	add_mode(d, root);
	return 0;
}

void daemon_run_explain(struct daemon *d, struct ask *a)
{
	json_object *root = json_object_new_object();
	int r = explain(d, a, root);

	if (r == 0)
		buf_add_str(&a->call->answer, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	server_answer(a->call, r == 0 ? buf_error(&a->call->answer) : r);
}
