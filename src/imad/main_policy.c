// SPDX-License-Identifier: GPL-2.0-or-later
/* From names, as in imad.conf, to a compiled policy. Nothing here changes what is active. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

#define SEPARATORS " |"

/* A format keeps its own name in the list, as with ima_template_fmt=. */
int daemon_set_template(struct daemon *d)
{
	const char *text = d->conf.template;
	size_t n = strlen(text);

	if (d->conf.template_is_format) {
		if (!template_format_valid(text, n))
			return log_errno(LOG_ERR, -EINVAL, "template_fmt '%s' is not a list of at most %d known fields, | between",
					 text, TEMPLATE_FIELDS_MAX);
		d->format = (struct template){ .name = text, .format = text };
		d->template = &d->format;
		return 0;
	}
	d->template = template_find(text, n);
	if (!d->template && template_format_valid(text, n))
		return log_errno(LOG_ERR, -EINVAL, "template '%s' is unknown; such a list of fields is set by template_fmt", text);
	return d->template ? 0 : log_errno(LOG_ERR, -EINVAL, "template '%s' is unknown", text);
}

static const char *template_ok(const char *name, size_t len)
{
	const struct template *t = template_find(name, len);

	return t ? t->name : NULL;
}

static int refuse(struct refusal *why, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int refuse(struct refusal *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return r;
}

void ruleset_freep(struct ruleset **r)
{
	for (unsigned int i = 0; *r && i < (*r)->n_files; i++)
		close((*r)->files[i]);
	for (unsigned int i = 0; *r && i < (*r)->n_sources; i++)
		free((*r)->sources[i]);
	free(*r);
}

/* The whole of a small regular file, which must not grow meanwhile. Returns its size or negative errno. */
static ssize_t read_text(int fd, char **ret, size_t max)
{
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	text = malloc(max + 1);
	if (!text)
		return -ENOMEM;
	while (len <= max && (n = read(fd, text + len, max + 1 - len)) != 0) {
		if (n < 0)
			return -errno;
		len += n;
	}
	if (len > max)
		return -EFBIG;
	text[len] = '\0';
	*ret = take_ptr(text);
	return len;
}

static bool has_modsig(void *arg, const char *name)
{
	const struct daemon *d = arg;
	const struct template *t = name ? template_find(name, strlen(name)) : d->template;

	return template_has_field(t, "modsig") || template_has_field(t, "d-modsig");
}

static int parse_text(struct daemon *d, struct ruleset *set, const char *where, const char *text, size_t n, struct refusal *why)
{
	const enum imad_lsm lsm = d->hooks ? hooks_labels(d->hooks) : hooks_lsm();
	const struct policy_env env = { .template_ok = template_ok, .labels = policy_label_kinds(lsm), .has_modsig = has_modsig, .arg = d };
	unsigned int first = set->policy.n_rules;
	struct parse_error e = { 0 };
	int r = policy_parse(&set->policy, text, n, &env, &e);

	if (r == 0)
		r = ruleset_note_source(set, where, first);

	if (r < 0 && e.token[0])
		return refuse(why, r, "policy %s, line %u: %s: '%s'", where, e.line, e.why, e.token);
	if (r < 0)
		return refuse(why, r, "policy %s, line %u: %s", where, e.line, e.why ? e.why : strerror(-r));
	return 0;
}

/* Opened once: what is parsed here is what is measured later, whatever takes its name meanwhile. */
static int load_file(struct daemon *d, struct ruleset *set, const char *path, struct refusal *why)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = NULL;
	ssize_t n = fd < 0 ? -errno : read_text(fd, &text, POLICY_TEXT_MAX);
	int r;

	if (n < 0)
		return refuse(why, n, "cannot read policy file '%s': %s", path, strerror(-n));
	r = parse_text(d, set, path, text, n, why);
	if (r < 0)
		return r;
	r = daemon_check_policy_file(d, set, &(struct policy_file){ fd, path, text, (size_t)n }, why);
	if (r < 0)
		return r;
	if (set->n_files == POLICY_FILES_MAX)
		return refuse(why, -E2BIG, "more than %d policy files", POLICY_FILES_MAX);
	set->files[set->n_files++] = take_fd(&fd);
	return 0;
}

/* Whether the word stands among @names, which blanks and | separate. */
static bool is_named(const char *names, const char *word)
{
	size_t n;

	for (const char *p = names; *p; p += n + (p[n] != '\0')) {
		n = strcspn(p, SEPARATORS);
		if (n == strlen(word) && !memcmp(p, word, n))
			return true;
	}
	return false;
}

static int check_name(const char *name, struct refusal *why)
{
	char known[256] = "";
	size_t len = 0;

	if (name[0] == '/' || policy_builtin(name, strlen(name)))
		return 0;
	for (const struct policy_builtin *b = policy_builtins; b->name; b++)
		len += snprintf(known + len, len < sizeof(known) ? sizeof(known) - len : 0, " %s", b->name);
	return refuse(why, -EINVAL, "unknown policy '%s': built in are%s; a policy file is named by its absolute path",
		      name, known);
}

/* All names are looked at before any file is read. */
static int check_names(const char *names, struct refusal *why)
{
	char copy[CONF_VALUE_MAX + 1], *save = NULL;
	int r = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, SEPARATORS, &save); name && r == 0; name = strtok_r(NULL, SEPARATORS, &save))
		r = check_name(name, why);
	return r;
}

/* Built-in policies in their order, then the files in the order in which they are named. */
static int compile(struct daemon *d, struct ruleset *set, const char *names, struct refusal *why)
{
	char copy[CONF_VALUE_MAX + 1], *save = NULL;
	int r = check_names(names, why);

	for (const struct policy_builtin *b = policy_builtins; b->name && r == 0; b++)
		if (is_named(names, b->name) && d->rules && daemon_wants_signed_policies(d))
			r = refuse(why, -EACCES, "a signed policy file is required; the built-in policy '%s' counts in imad.conf only",
				   b->name);
		else if (is_named(names, b->name) && !(b->unless && is_named(names, b->unless)))
			r = parse_text(d, set, b->name, b->text, strlen(b->text), why);
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, SEPARATORS, &save); name && r == 0; name = strtok_r(NULL, SEPARATORS, &save))
		r = name[0] == '/' ? load_file(d, set, name, why) : 0;
	return r;
}

/* What was before: all rules, or only the slots, whose numbers stand in the inodes' state. */
static int inherit(struct ruleset *set, const struct ruleset *from, bool rules, const char *names)
{
	int n;

	if (rules) {
		set->policy = from->policy;
		for (unsigned int i = 0; i < from->n_sources; i++)
			if (ruleset_note_source(set, from->sources[i], set->policy.n_rules) < 0)
				return -ENOMEM;
		memcpy(set->source_of, from->source_of, sizeof(set->source_of));
	}
	memcpy(set->policy.slots, from->policy.slots, sizeof(set->policy.slots));
	set->policy.n_slots = from->policy.n_slots;
	n = snprintf(set->source, sizeof(set->source), "%s%s%s", rules ? from->source : "", rules ? " " : "", names);
	return n < (int)sizeof(set->source) ? 0 : -ENAMETOOLONG;
}

int daemon_compile_policy(struct daemon *d, const char *names, bool append, struct ruleset **ret, struct refusal *why)
{
	static const struct ruleset none;
	cleanup(ruleset_freep) struct ruleset *set = calloc(1, sizeof(*set));
	struct policy_summary sum;
	unsigned int inactive;
	int r;

	if (!set)
		return refuse(why, -ENOMEM, "%s", strerror(ENOMEM));
	if (append)
		set->version = d->rules->version;
	r = inherit(set, d->rules ? d->rules : &none, append, names);
	if (r < 0)
		return refuse(why, r, "too many policies loaded one on the other");
	inactive = set->policy.n_inactive;
	r = compile(d, set, names, why);
	if (r < 0)
		return r;
	policy_bind_pcr(&set->policy, d->conf.pcr);
	if (set->policy.n_inactive > inactive)
		log_msg(LOG_WARNING, "%u rules with obj_* or subj_* are inactive: no security module is active that has such labels",
			set->policy.n_inactive - inactive);
	daemon_warn_of_labels(&set->policy);
	daemon_warn_of_templates(d, &set->policy);
	daemon_resolve_labels(d, &set->policy);
	policy_summarize(&set->policy, &sum);
	if ((sum.classes & IMAD_APPRAISE) && d->conf.appraise == CONF_APPRAISE_OFF)
		log_msg(LOG_WARNING, "the policy has appraise rules, and appraise is off: they do nothing");
	if (!set->policy.n_rules)
		log_msg(LOG_WARNING, "the policy has no rules: nothing will be measured (policy= in imad.conf, or --policy)");
	*ret = take_ptr(set);
	return 0;
}

struct imad_decision daemon_decide(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask)
{
	struct imad_decision decision = { .open = d->conf.appraise == CONF_APPRAISE_OFF ? ~(uint32_t)IMAD_APPRAISE : ~0u };

	f->func = func;
	f->mask = mask;
	for (unsigned int i = 0; i < d->rules->policy.n_rules; i++)
		if (imad_decide(&decision, &d->rules->policy.rules[i], f))
			break;
	return decision;
}

uint32_t daemon_match(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask)
{
	struct imad_decision decision = daemon_decide(d, f, func, mask);

	return imad_wanted(&decision, 0);
}
