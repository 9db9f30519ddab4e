/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built-in policies and policy files to one policy, with the place of each rule. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/template.h>

#include "imactl.h"

void named_policy_freep(struct named_policy **p)
{
	free(*p);
}

void put_place(FILE *f, const struct policy_place *place)
{
	put_text(f, place->name, strlen(place->name));
	fprintf(f, ":%u", place->line);
}

char *rule_text(const struct policy *p, unsigned int i)
{
	cleanup(buf_done) struct buf b = { 0 };
	size_t n;

	policy_print_rule(p, i, &b);
	for (n = b.len; n > 0 && (b.data[n - 1] == ' ' || b.data[n - 1] == '\n'); n--)
		;
	return buf_error(&b) ? NULL : strndup((const char *)b.data, n);
}

static const char *template_ok(const char *name, size_t len)
{
	const struct template *t = template_find(name, len);

	return t ? t->name : NULL;
}

static const struct policy_env env = { .template_ok = template_ok, .labels = POLICY_LABEL_KINDS };

enum imad_lsm file_context(const char *path, char *ret, size_t size)
{
	static const struct {
		const char *xattr;
		enum imad_lsm lsm;
	} modules[] = { { "security.selinux", IMAD_LSM_SELINUX }, { "security.SMACK64", IMAD_LSM_SMACK } };

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++) {
		ssize_t n = getxattr(path, modules[i].xattr, ret, size - 1);

		if (n <= 0)
			continue;
		ret[n] = '\0';
		return modules[i].lsm;
	}
	*ret = '\0';
	return IMAD_LSM_NONE;
}

/* "FILE:LINE: why: 'token'", which editors find their way by. */
static void tell_error(const char *name, const struct parse_error *e)
{
	fflush(stdout);
	put_place(stderr, &(struct policy_place){ name, e->line });
	fprintf(stderr, ": %s", e->why);
	if (e->token[0])
		fprintf(stderr, ": '%s'", e->token);
	fputc('\n', stderr);
}

static int add_text(struct named_policy *p, const char *name, const char *text, size_t n)
{
	unsigned int first = p->policy.n_rules;
	struct parse_error e = { 0 };

	if (policy_parse(&p->policy, text, n, &env, &e) < 0) {
		tell_error(name, &e);
		return IMACTL_FAILED;
	}
	p->last = name;
	for (unsigned int i = first; i < p->policy.n_rules; i++)
		p->places[i] = (struct policy_place){ name, p->policy.lines[i] };
	return IMACTL_OK;
}

/* The whole of a regular file within the bounds of a policy. */
static int read_text(const char *path, char **ret, size_t *ret_n, struct why *why)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return why_set(why, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EINVAL, "not a regular file");
	text = malloc(POLICY_TEXT_MAX + 1);
	if (!text)
		return why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	while (len <= POLICY_TEXT_MAX && (n = read(fd, text + len, POLICY_TEXT_MAX + 1 - len)) != 0) {
		if (n < 0)
			return why_set(why, -errno, "%s", strerror(errno));
		len += (size_t)n;
	}
	if (len > POLICY_TEXT_MAX)
		return why_set(why, -EFBIG, "larger than %u bytes", POLICY_TEXT_MAX);
	*ret = take_ptr(text);
	*ret_n = len;
	return 0;
}

/* A name without a slash can also be a built-in policy spelt wrong. */
static int complain_unread(const char *path, const struct why *why)
{
	cleanup(buf_done) struct buf known = { 0 };

	if (strchr(path, '/'))
		return complain(IMACTL_UNCHECKED, "cannot read '%s': %s", path, why->text);
	for (const struct policy_builtin *b = policy_builtins; b->name; b++)
		buf_addf(&known, " %s", b->name);
	buf_add_u8(&known, '\0');
	return complain(IMACTL_UNCHECKED, "cannot read '%s': %s; built in are%s", path, why->text,
			buf_error(&known) ? "" : (const char *)known.data);
}

static int add_file(struct named_policy *p, const char *path)
{
	cleanup_free char *text = NULL;
	struct why why;
	size_t n = 0;

	if (read_text(path, &text, &n, &why) < 0)
		return complain_unread(path, &why);
	return add_text(p, path, text, n);
}

static bool is_named(char **names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int named_policy_load(char **names, int n, struct named_policy **ret)
{
	cleanup(named_policy_freep) struct named_policy *p = calloc(1, sizeof(*p));
	int code = p ? IMACTL_OK : complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));

	for (const struct policy_builtin *b = policy_builtins; b->name && code == IMACTL_OK; b++)
		if (is_named(names, n, b->name) && !(b->unless && is_named(names, n, b->unless)))
			code = add_text(p, b->name, b->text, strlen(b->text));
	for (int i = 0; i < n && code == IMACTL_OK; i++)
		if (!policy_builtin(names[i], strlen(names[i])))
			code = add_file(p, names[i]);
	if (code == IMACTL_OK)
		*ret = take_ptr(p);
	return code;
}
