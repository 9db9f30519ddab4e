// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nobody is locked out: before a policy is enforced, what the host needs to be repaired
 * is appraised, and if some of it would be denied nothing is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

/* Those that there are. Whoever can log in, become root and set a label can repair the rest. */
static const char *const needed[] = {
	"/proc/self/exe", "/sbin/init", "/bin/sh", "/bin/bash", "/bin/login", "/sbin/agetty", "/sbin/sulogin",
	"/usr/sbin/sshd", "/usr/sbin/imactl", "/bin/setfattr", "/etc/passwd", "/etc/shadow",
};

struct preflight {
	const struct daemon *d;
	const struct policy *policy;
	const struct trust *trust;
	struct file_hasher *hasher;
	struct refusal *why;
	unsigned int failed;
};

static uint32_t find(struct preflight *p, int fd)
{
	cleanup(finder_done) struct finder finder = { 0 };
	const struct algo *algos[ALGO_COUNT];
	struct digest digests[ALGO_COUNT];
	unsigned int n;

	if (finder_read(fd, &finder) < 0)
		return IMAD_FOUND(IMAD_LABEL_FAILED, 0, 0);
	n = finder_needs(p->trust, &finder, algos);
	if (n && file_hash(p->hasher, fd, algos, n, digests) < 0)
		return IMAD_FOUND(IMAD_LABEL_FAILED, 0, 0);
	return finder_found(p->trust, fd, &finder, digests, n, NULL) | daemon_evm_look(p->d, p->trust, fd);
}

/* What EVM only tells of denies nothing. */
static uint32_t cause_of(const struct preflight *p, const struct imad_decision *decision, uint32_t found)
{
	uint32_t opts = daemon_evm_opts(p->d), cause = imad_judge(decision->opts | opts, decision->algos, found);

	return opts && imad_is_evm(cause) ? IMAD_CAUSE_PASS : cause;
}

static uint32_t cause_of_use(const struct preflight *p, struct imad_facts *f, enum imad_func func, uint32_t mask,
			     uint32_t found)
{
	struct imad_decision decision = { .open = ~0u };

	f->func = func;
	f->mask = mask;
	for (unsigned int i = 0; i < p->policy->n_rules; i++)
		if (imad_decide(&decision, &p->policy->rules[i], f))
			break;
	return decision.action & IMAD_APPRAISE ? cause_of(p, &decision, found) : IMAD_CAUSE_PASS;
}

/* Executed, mapped or read by root. */
static void appraise(struct preflight *p, const char *path)
{
	static const struct {
		enum imad_func func;
		uint32_t mask;
	} uses[] = {
		{ IMAD_BPRM_CHECK, IMAD_MAY_EXEC }, { IMAD_MMAP_CHECK, IMAD_MAY_EXEC },
		{ IMAD_FILE_CHECK, IMAD_MAY_EXEC }, { IMAD_FILE_CHECK, IMAD_MAY_READ },
	};
	struct imad_probe probe;
	cleanup_close int fd = hooks_open(p->d->hooks, AT_FDCWD, path, O_RDONLY, 0, &probe);
	uint32_t found, cause = IMAD_CAUSE_PASS;

	if (fd < 0)
		return;
	found = find(p, fd);
	probe.facts.labels = daemon_file_labels(p->d, p->policy, fd) | daemon_task_labels(p->d, p->policy, getpid());
	for (unsigned int i = 0; i < ARRAY_SIZE(uses) && cause == IMAD_CAUSE_PASS; i++)
		cause = cause_of_use(p, &probe.facts, uses[i].func, uses[i].mask, found);
	if (cause == IMAD_CAUSE_PASS)
		return;
	log_msg(LOG_ERR, "would be denied, and the host needs it: '%s' (%s)", path, daemon_cause_text(cause));
	if (p->failed++ == 0)
		snprintf(p->why->text, sizeof(p->why->text),
			 "'%s' would be denied (%s), which the host needs; appraise.force = yes enforces all the same", path,
			 daemon_cause_text(cause));
}

/* imad's own libraries: those of every other program. */
static void appraise_libraries(struct preflight *p)
{
	char line[4400], path[4096], access[8], last[4096] = "";
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %7s %*s %*s %*s %4095s", access, path) != 2 || access[2] != 'x' || path[0] != '/' ||
		    !strcmp(path, last))
			continue;
		memcpy(last, path, strlen(path) + 1);
		appraise(p, path);
	}
	if (f)
		fclose(f);
}

static void appraise_named(struct preflight *p, const char *names)
{
	char copy[CONF_VALUE_MAX + 1], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
		appraise(p, name);
}

static int preflight(const struct daemon *d, const struct policy *policy, const struct trust *trust, struct refusal *why)
{
	struct preflight p = { .d = d, .policy = policy, .trust = trust, .why = why };
	int r;

	if (d->conf.appraise != CONF_APPRAISE_ENFORCE || d->conf.appraise_force)
		return 0;
	r = file_hasher_new(&p.hasher);
	if (r < 0) {
		snprintf(why->text, sizeof(why->text), "cannot appraise what the host needs: %s", strerror(-r));
		return r;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
		appraise(&p, needed[i]);
	appraise_libraries(&p);
	appraise_named(&p, d->conf.appraise_critical);
	file_hasher_free(p.hasher);
	return p.failed ? -EPERM : 0;
}

int daemon_preflight(const struct daemon *d, const struct policy *policy, struct refusal *why)
{
	return preflight(d, policy, d->trust, why);
}

int daemon_preflight_trust(const struct daemon *d, const struct trust *trust, struct refusal *why)
{
	return preflight(d, &d->rules->policy, trust, why);
}
