/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy asks of a file that is used in one way: the same walk of the rules as in the kernel. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/vfs.h>

#include <imad/match.h>

#include "check.h"

/* As the options of policy test describe it. */
static int read_use(const struct check_use *u, struct policy_use *ret)
{
	const char *const pairs[][2] = {
		{ "--func", u->func }, { "--mask", u->mask }, { "--uid", u->uid }, { "--fsuuid", u->fsuuid },
	};
	char *argv[2 * ARRAY_SIZE(pairs) + 2] = { (char *)"imactl" };
	int argc = 1, at = optind, code;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!pairs[i][1])
			continue;
		argv[argc++] = (char *)pairs[i][0];
		argv[argc++] = (char *)pairs[i][1];
	}
	optind = 0;
	code = policy_use_parse(argc, argv, ret);
	optind = at;
	return code;
}

int check_rules_read(const struct check_use *u, struct check_rules *ret)
{
	struct policy_summary sum;
	int code;

	if (!u->n_policies)
		return u->func || u->mask || u->uid || u->fsuuid ?
			       complain(IMACTL_USAGE, "check: --func, --mask, --uid and --fsuuid go with --policy") :
			       IMACTL_OK;
	if (ret->opts || ret->algos)
		return complain(IMACTL_USAGE, "check: either --policy, or what one rule would ask (--imasig, --sigv3, --verity, --algos)");
	if (!u->func)
		return complain(IMACTL_USAGE, "check: --policy needs --func, the use that is asked about");
	code = read_use(u, &ret->use);
	if (code == IMACTL_OK)
		code = named_policy_load((char **)u->policies, u->n_policies, &ret->policy);
	if (code != IMACTL_OK)
		return code;
	policy_summarize(&ret->policy->policy, &sum);
	policy_use_bind(&ret->use, &ret->policy->policy);
	ret->conds = sum.conds;
	if (sum.conds & IMAD_COND_FSUUID & ~ret->use.known)
		return complain(IMACTL_UNCHECKED, "check: the policy asks for fsuuid=, which only --fsuuid can tell here");
	return IMACTL_OK;
}

int check_rules_for(const struct check_rules *r, int fd, const struct stat *st, const char *path, bool *appraised,
		    uint32_t *opts, uint32_t *algos)
{
	struct imad_decision d = { .open = ~0u };
	struct imad_facts f = r->use.facts;
	struct statfs fs;
	int error = 0;

	*appraised = true;
	*opts = r->opts;
	*algos = r->algos;
	if (!r->policy)
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	f.fsmagic = (unsigned long)fs.f_type;
	f.fowner = st->st_uid;
	f.fgroup = st->st_gid;
	if (r->conds & (IMAD_COND_FSNAME | IMAD_COND_FS_SUBTYPE))
		error = policy_use_mount(path, &f);
	if (error < 0)
		return error;
	for (unsigned int i = 0; i < r->policy->policy.n_rules; i++)
		if (imad_decide(&d, &r->policy->policy.rules[i], &f))
			break;
	*appraised = d.action & IMAD_APPRAISE;
	*opts = d.opts;
	*algos = d.algos;
	return 0;
}
