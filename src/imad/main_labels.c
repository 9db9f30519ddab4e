// SPDX-License-Identifier: GPL-2.0-or-later
/* Labels of files and processes as text, from where everybody reads them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define CONTEXT_MAX 4096
#define SELINUXFS "/sys/fs/selinux"

uint32_t daemon_file_labels(const struct daemon *d, const struct policy *p, int fd)
{
	enum imad_lsm lsm = hooks_labels(d->hooks);
	char text[CONTEXT_MAX];
	ssize_t n;

	if (!p->n_labels || lsm == IMAD_LSM_NONE)
		return 0;
	n = fgetxattr(fd, lsm == IMAD_LSM_SMACK ? "security.SMACK64" : "security.selinux", text, sizeof(text));
	return n > 0 ? policy_match_label(p, lsm, true, text, strnlen(text, (size_t)n)) : 0;
}

uint32_t daemon_task_labels(const struct daemon *d, const struct policy *p, pid_t pid)
{
	enum imad_lsm lsm = hooks_labels(d->hooks);
	char path[64], text[CONTEXT_MAX];
	cleanup_close int fd = -1;
	ssize_t n;

	if (!p->n_labels || lsm == IMAD_LSM_NONE)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/attr/current", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return policy_match_label(p, lsm, false, text, strcspn(text, "\n"));
}

/* --- aliases */

/* The context as SELinux writes it, in the place of @context. 0 or negative errno. */
static int canonical(char *context, size_t size)
{
	cleanup_close int fd = open(SELINUXFS "/context", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (write(fd, context, strlen(context)) < 0)
		return -errno;
	n = pread(fd, context, size - 1, 0);
	if (n < 0)
		return -errno;
	context[n] = '\0';
	return 0;
}

/* imad's own context, in its parts: user, role, type and, where there is one, the range with a colon before it. */
static bool own_context(char *text, size_t size, char *part[IMAD_LABEL_FIELDS], const char **range)
{
	cleanup_close int fd = open("/proc/thread-self/attr/current", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	char *rest = text;

	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (unsigned int i = 0; i < IMAD_LABEL_FIELDS; i++) {
		part[i] = strsep(&rest, ":");
		if (!part[i])
			return false;
	}
	*range = rest;
	return true;
}

/* A context of a file with this user or type in it is one wherever the rest is. Roles have no aliases. */
static void resolve(struct policy_label *l, char *const own[IMAD_LABEL_FIELDS], const char *range)
{
	enum imad_label_field field = policy_label_field(l->kind);
	char context[CONTEXT_MAX], *rest = context, *type;
	int r;

	l->known_as[0] = '\0';
	if (field == IMAD_LABEL_ROLE)
		return;
	snprintf(context, sizeof(context), "%s:object_r:%s%s%s", field == IMAD_LABEL_USER ? l->value : own[IMAD_LABEL_USER],
		 field == IMAD_LABEL_TYPE ? l->value : own[IMAD_LABEL_TYPE], range ? ":" : "", range ? range : "");
	r = canonical(context, sizeof(context));
	if (r == -EINVAL)
		log_msg(LOG_WARNING, "%s=%s: SELinux does not know it, so it matches nothing", policy_label_name(l->kind), l->value);
	if (r < 0 || field != IMAD_LABEL_TYPE)
		return;
	(void)strsep(&rest, ":");
	(void)strsep(&rest, ":");
	type = strsep(&rest, ":");
	if (type && strcmp(type, l->value) != 0)
		snprintf(l->known_as, sizeof(l->known_as), "%s", type);
}

/* The kernel's struct selinux_kernel_status: version, sequence, enforcing, policyload. */
static unsigned int policies_loaded(void)
{
	cleanup_close int fd = open(SELINUXFS "/status", O_RDONLY | O_CLOEXEC);
	uint32_t status[4];

	return fd >= 0 && read(fd, status, sizeof(status)) == (ssize_t)sizeof(status) ? status[3] : 0;
}

void daemon_resolve_labels(struct daemon *d, struct policy *p)
{
	enum imad_lsm lsm = d->hooks ? hooks_labels(d->hooks) : hooks_lsm();
	char text[CONTEXT_MAX], *own[IMAD_LABEL_FIELDS];
	const char *range;

	if (!p->n_labels || lsm != IMAD_LSM_SELINUX)
		return;
	if (!d->selinux_policies)
		d->selinux_policies = policies_loaded();
	if (!own_context(text, sizeof(text), own, &range)) /* SELinux has no policy yet */
		return;
	for (unsigned int i = 0; i < p->n_labels; i++)
		resolve(&p->labels[i], own, range);
}

void daemon_watch_labels(struct daemon *d)
{
	struct policy *p = &d->rules->policy;
	unsigned int now;
	int r;

	if (!p->n_labels || hooks_labels(d->hooks) != IMAD_LSM_SELINUX)
		return;
	now = policies_loaded();
	if (now == d->selinux_policies)
		return;
	d->selinux_policies = now;
	daemon_resolve_labels(d, p);
	r = engine_set_policy(d->engine, p);
	if (r < 0)
		log_errno(LOG_ERR, r, "cannot look at the labels of SELinux's new policy");
}
