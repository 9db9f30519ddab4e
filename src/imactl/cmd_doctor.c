// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * imactl doctor: what this host has and lacks for imad, and the very line that adds it.
 * The checks are rows of tables; here is what they look at, and how they are told.
 */
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/ctl.h>
#include <imad/host.h>
#include <imad/template.h>

#include "doctor.h"

#define STATUS_TIMEOUT_S 10

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_ADVICE] = "advice", [DOCTOR_PROBLEM] = "problem", [DOCTOR_UNCHECKED] = "unchecked",
};

void say(struct finding *f, enum doctor_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->level = level;
}

void remedy(struct finding *f, const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->line, sizeof(f->line), fmt, ap);
	va_end(ap);
	f->where = where;
}

char *doctor_path(const struct doctor *d, const char *path)
{
	char *ret;

	return asprintf(&ret, "%s%s", d->root, path) < 0 ? NULL : ret;
}

int doctor_read(const struct doctor *d, const char *path, char **ret)
{
	cleanup_free char *full = doctor_path(d, path), *text = malloc(DOCTOR_TEXT_MAX + 1);
	cleanup_close int fd = full && text ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	size_t len = 0;
	ssize_t n;

	if (!full || !text)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	while (len < DOCTOR_TEXT_MAX && (n = read(fd, text + len, DOCTOR_TEXT_MAX - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	text[len - (len > 0 && text[len - 1] == '\n')] = '\0';
	*ret = take_ptr(text);
	return 0;
}

int doctor_read_number(const struct doctor *d, const char *path, long *ret)
{
	cleanup_free char *text = NULL;
	int r = doctor_read(d, path, &text);
	char *end;
	long v;

	if (r < 0)
		return r;
	v = strtol(text, &end, 10);
	if (end == text)
		return -EBADMSG;
	*ret = v;
	return 0;
}

bool doctor_has(const struct doctor *d, const char *path)
{
	cleanup_free char *full = doctor_path(d, path);

	return full && access(full, F_OK) == 0;
}

char doctor_config(const struct doctor *d, const char *option)
{
	cleanup_free char *text = NULL;
	char path[128];

	(void)snprintf(path, sizeof(path), "/boot/config-%s", d->release);
	return doctor_read(d, path, &text) < 0 ? '?' : host_config(text, option);
}

bool doctor_asks_signed(const struct doctor *d, unsigned int func)
{
	for (unsigned int i = 0; d->policy && d->conf.appraise == CONF_APPRAISE_ENFORCE && i < d->policy->n_rules; i++) {
		const struct imad_rule *r = &d->policy->rules[i];

		if (r->action == IMAD_APPRAISE && (r->conds & IMAD_COND_FUNC) && r->func == func &&
		    (r->opts & IMAD_OPT_SIGNED))
			return true;
	}
	return false;
}

/* --- the settings, as the daemon would take them */

static void read_settings(struct doctor *d)
{
	cleanup_free char *text = NULL;
	int r = doctor_read(d, IMAD_SYSCONFDIR "/imad.conf", &text);

	conf_defaults(&d->conf);
	if (r < 0 && r != -ENOENT)
		d->conf_unread = r;
	d->conf_from = IMAD_SYSCONFDIR "/imad.conf";
	if (r == 0 && conf_parse(&d->conf, text, strlen(text), &d->conf_error) < 0)
		return;
	d->conf_from = "the kernel command line";
	(void)conf_parse_cmdline(&d->conf, d->cmdline, &d->conf_error);
}

static const char *template_ok(const char *name, size_t len)
{
	const struct template *t = template_find(name, len);

	return t ? t->name : NULL;
}

static int add_policy(struct doctor *d, struct policy *p, const char *name)
{
	static const struct policy_env env = { .template_ok = template_ok, .labels = true };
	const struct policy_builtin *b = policy_builtin(name, strlen(name));
	cleanup_free char *text = NULL;
	struct parse_error e = { 0 };
	int r = b ? 0 : doctor_read(d, name, &text);

	if (r < 0) {
		(void)snprintf(d->policy_why, sizeof(d->policy_why), "cannot read '%s': %s", name, strerror(-r));
		return r;
	}
	r = policy_parse(p, b ? b->text : text, strlen(b ? b->text : text), &env, &e);
	if (r < 0)
		(void)snprintf(d->policy_why, sizeof(d->policy_why), "%s, line %u: %s", name, e.line,
			       e.why ? e.why : strerror(-r));
	return r;
}

static void read_policy(struct doctor *d)
{
	static const char *const places[] = { IMAD_SYSCONFDIR "/policy", "/etc/ima/ima-policy" };
	char names[CONF_VALUE_MAX + 1], *save = NULL;
	cleanup_free struct policy *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	memcpy(names, d->conf.policy, sizeof(names));
	for (size_t i = 0; i < ARRAY_SIZE(places) && !names[0]; i++)
		if (doctor_has(d, places[i]))
			(void)snprintf(names, sizeof(names), "%s", places[i]);
	if (!names[0]) {
		(void)snprintf(d->policy_why, sizeof(d->policy_why), "none is named");
		return;
	}
	for (char *n = strtok_r(names, " \t|", &save); n && r == 0; n = strtok_r(NULL, " \t|", &save))
		r = add_policy(d, p, n);
	if (r == 0)
		d->policy = take_ptr(p);
}

static void ask_daemon(struct doctor *d)
{
	cleanup(buf_done) struct buf answer = { 0 };
	struct why why;

	d->status_error = client_call(d->ctl, CTL_STATUS, NULL, STATUS_TIMEOUT_S, &answer, &why);
	buf_add_u8(&answer, '\0');
	if (d->status_error == 0 && buf_error(&answer) == 0)
		d->status = json_tokener_parse((const char *)answer.data);
	if (d->status_error == 0 && !json_object_is_type(d->status, json_type_object))
		d->status_error = -EBADMSG;
}

static int examine(struct doctor *d)
{
	cleanup_free char *cmdline = NULL, *release = NULL, *root = doctor_path(d, "/");
	struct stat st;

	if (!root || stat(root, &st) < 0)
		return complain(IMACTL_UNCHECKED, "cannot look at '%s': %s", root ? root : d->root, strerror(errno));
	d->owner = st.st_uid;
	if (doctor_read(d, "/proc/cmdline", &cmdline) == 0)
		(void)snprintf(d->cmdline, sizeof(d->cmdline), "%s", cmdline);
	if (doctor_read(d, "/proc/sys/kernel/osrelease", &release) == 0)
		(void)snprintf(d->release, sizeof(d->release), "%s", release);
	read_settings(d);
	read_policy(d);
	ask_daemon(d);
	return IMACTL_OK;
}

/* --- telling */

static void put_finding(const char *name, const struct finding *f)
{
	printf("%-9s  %-18s  ", level_names[f->level], name);
	put_text(stdout, f->text, strlen(f->text));
	if (f->where) {
		printf("; %s: ", f->where);
		put_text(stdout, f->line, strlen(f->line));
	}
	putchar('\n');
}

static void add_json(struct json_object *list, const char *name, const struct finding *f)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "level", json_object_new_string(level_names[f->level]));
	json_add_text(o, "text", f->text, strlen(f->text));
	if (f->where) {
		json_object_object_add(o, "where", json_object_new_string(f->where));
		json_add_text(o, "line", f->line, strlen(f->line));
	}
	json_object_array_add(list, o);
}

static int run_checks(const struct doctor *d, bool json)
{
	static const struct doctor_check *const tables[] = { doctor_kernel_checks, doctor_tpm_checks, doctor_imad_checks };
	cleanup(json_putp) struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array();
	unsigned int n[ARRAY_SIZE(level_names)] = { 0 };

	json_object_object_add(root, "checks", list);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct doctor_check *c = tables[t]; c->name; c++) {
			struct finding f = { .level = DOCTOR_UNCHECKED };

			c->fn(d, &f);
			n[f.level]++;
			if (json)
				add_json(list, c->name, &f);
			else
				put_finding(c->name, &f);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(n) && json; i++)
		json_object_object_add(root, level_names[i], json_object_new_int64(n[i]));
	if (json)
		put_json(root);
	else
		printf("%u ok, %u advice, %u problems, %u unchecked\n", n[DOCTOR_OK], n[DOCTOR_ADVICE], n[DOCTOR_PROBLEM],
		       n[DOCTOR_UNCHECKED]);
	if (n[DOCTOR_PROBLEM])
		return IMACTL_FAILED;
	return n[DOCTOR_UNCHECKED] ? IMACTL_UNCHECKED : IMACTL_OK;
}

int cmd_doctor(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "root", required_argument, NULL, 'r' }, { 0 }
	};
	struct doctor d = { .ctl = ctl, .root = "" };
	bool json = false;
	int c, code;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return IMACTL_USAGE;
		if (c == 'j')
			json = true;
		else
			d.root = optarg;
	}
	if (optind < argc)
		return complain(IMACTL_USAGE, "doctor takes no arguments");
	code = examine(&d);
	if (code == IMACTL_OK)
		code = run_checks(&d, json);
	json_object_put(d.status);
	free(d.policy);
	return code;
}
