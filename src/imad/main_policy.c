// SPDX-License-Identifier: GPL-2.0-or-later
/* From the names in imad.conf to a compiled policy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

#define SEPARATORS " |"

/* The hooks that there are programs for. */
#define FUNCS_KNOWN                                                                                       \
	(POLICY_FUNC_BIT(FILE_CHECK) | POLICY_FUNC_BIT(MMAP_CHECK) | POLICY_FUNC_BIT(BPRM_CHECK) |        \
	 POLICY_FUNC_BIT(CREDS_CHECK) | POLICY_FUNC_BIT(MODULE_CHECK) | POLICY_FUNC_BIT(FIRMWARE_CHECK) | \
	 POLICY_FUNC_BIT(KEXEC_KERNEL_CHECK) | POLICY_FUNC_BIT(KEXEC_INITRAMFS_CHECK) |                   \
	 POLICY_FUNC_BIT(POLICY_CHECK))

const struct template *daemon_find_template(const char *name, size_t len)
{
	const struct template *t = template_find(name, len);
	struct digest digest = { .algo = ALGO_SHA1, .size = algo_by_id(ALGO_SHA1)->size };
	struct template_input in = { .digest = &digest, .digest_sha1 = &digest, .name = "" };
	cleanup(buf_done) struct buf out = { 0 };

	return t && template_encode(t, &in, &out) == 0 ? t : NULL;
}

static const char *template_ok(const char *name, size_t len)
{
	const struct template *t = daemon_find_template(name, len);

	return t ? t->name : NULL;
}

/* The whole of a small regular file. Returns its size or negative errno. */
static ssize_t read_text(const char *path, char **ret, size_t max)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
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

static int parse_text(struct daemon *d, const char *where, const char *text, size_t n)
{
	const struct policy_env env = { .template_ok = template_ok };
	struct parse_error e = { 0 };
	int r = policy_parse(&d->policy, text, n, &env, &e);

	if (r < 0 && e.token[0])
		log_msg(LOG_ERR, "policy %s, line %u: %s: '%s'", where, e.line, e.why, e.token);
	else if (r < 0)
		log_msg(LOG_ERR, "policy %s, line %u: %s", where, e.line, e.why ? e.why : strerror(-r));
	return r;
}

static int load_file(struct daemon *d, const char *path)
{
	cleanup_free char *text = NULL;
	ssize_t n = read_text(path, &text, POLICY_TEXT_MAX);
	int r;

	if (n < 0)
		return log_errno(LOG_ERR, n, "cannot read policy file '%s'", path);
	r = parse_text(d, path, text, n);
	if (r < 0)
		return r;
	if (d->n_policy_files == POLICY_FILES_MAX)
		return log_errno(LOG_ERR, -E2BIG, "more than %d policy files", POLICY_FILES_MAX);
	d->policy_files[d->n_policy_files] = strdup(path);
	return d->policy_files[d->n_policy_files++] ? 0 : -ENOMEM;
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

static int check_name(const char *name)
{
	char known[256] = "";
	size_t len = 0;

	if (name[0] == '/' || policy_builtin(name, strlen(name)))
		return 0;
	for (const struct policy_builtin *b = policy_builtins; b->name; b++)
		len += snprintf(known + len, len < sizeof(known) ? sizeof(known) - len : 0, " %s", b->name);
	log_msg(LOG_ERR, "unknown policy '%s': built in are%s; a policy file is named by its absolute path", name, known);
	return -EINVAL;
}

/* What this version acts on: a rule that it would only store is refused, not ignored. */
static int check_rules(const struct policy *p)
{
	cleanup(buf_done) struct buf text = { 0 };
	const char *why = NULL;

	for (unsigned int i = 0; i < p->n_rules && !why; i++) {
		const struct imad_rule *r = &p->rules[i];

		if (!(r->action & (IMAD_MEASURE | IMAD_DONT_MEASURE)))
			why = "measures only";
		else if ((r->conds & IMAD_COND_FUNC) && !(FUNCS_KNOWN & 1u << r->func))
			why = "does not see this func";
		else if (r->opts)
			why = "measures the content as it is";
		if (why)
			policy_print_rule(p, i, &text);
	}
	if (!why)
		return 0;
	buf_add_u8(&text, '\0');
	log_msg(LOG_ERR, "this version %s: policy rule '%.*s'", why, (int)strcspn((char *)text.data, "\n"),
		buf_error(&text) ? "" : (char *)text.data);
	return -EOPNOTSUPP;
}

int daemon_load_policy(struct daemon *d)
{
	char names[CONF_VALUE_MAX + 1], *save = NULL;
	int r = 0;

	memcpy(names, d->conf.policy, sizeof(names));
	for (char *name = strtok_r(names, SEPARATORS, &save); name && r == 0; name = strtok_r(NULL, SEPARATORS, &save))
		r = check_name(name);
	for (const struct policy_builtin *b = policy_builtins; b->name && r == 0; b++)
		if (is_named(d->conf.policy, b->name) && !(b->unless && is_named(d->conf.policy, b->unless)))
			r = parse_text(d, b->name, b->text, strlen(b->text));
	memcpy(names, d->conf.policy, sizeof(names));
	for (char *name = strtok_r(names, SEPARATORS, &save); name && r == 0; name = strtok_r(NULL, SEPARATORS, &save))
		r = name[0] == '/' ? load_file(d, name) : 0;
	if (r == 0)
		r = check_rules(&d->policy);
	policy_bind_pcr(&d->policy, d->conf.pcr);
	if (r == 0 && d->policy.n_inactive)
		log_msg(LOG_WARNING, "%u rules with obj_* or subj_* are inactive: no security module with labels is",
			d->policy.n_inactive);
	if (r == 0 && !d->policy.n_rules)
		log_msg(LOG_WARNING, "the policy has no rules: nothing will be measured (policy= in imad.conf, or --policy)");
	return r;
}

uint32_t daemon_match(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask)
{
	struct imad_decision decision = { .open = ~0u };

	f->func = func;
	f->mask = mask;
	for (unsigned int i = 0; i < d->policy.n_rules; i++)
		if (imad_decide(&decision, &d->policy.rules[i], f))
			break;
	return imad_wanted(&decision, 0);
}
