/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of imactl check share: what is asked, and what was found of one file. */
#ifndef IMACTL_CHECK_H
#define IMACTL_CHECK_H

#include <sys/stat.h>

#include <imad/appraise.h>
#include <imad/finder.h>
#include <imad/metadata.h>

#include "evm.h"

/* What appraisal asks of the files. */
struct check_rules {
	uint32_t opts, algos;	/* IMAD_OPT_*, bits of hash algorithms (0: any) of one rule; or else: */
	struct named_policy *policy; /* the rules, NULL: there are none */
	struct policy_use use;	     /* of each file, by the policy */
	uint32_t conds;		     /* that the policy asks about */
};

/* check_rules.c: read the policies and the use that the options describe. IMACTL_OK, or an exit code, and why is told. */
struct check_use {
	char *policies[16], *func, *mask, *uid, *fsuuid;
	int n_policies;
};
int check_rules_read(const struct check_use *u, struct check_rules *ret);
/* What they ask of this file; false: it is not appraised. @path leads to it. 0 or negative errno. */
int check_rules_for(const struct check_rules *r, int fd, const struct stat *st, const char *path, bool *appraised,
		    uint32_t *opts, uint32_t *algos);

enum check_verdict { CHECK_PASS, CHECK_FAIL, CHECK_NOT_APPRAISED, CHECK_VERDICTS };

struct check_result {
	const char *path;
	enum check_verdict verdict;
	uint32_t cause; /* enum imad_cause */
	const struct finder *finder;
	const struct digest *content; /* in the label's algorithm, or of fs-verity; NULL: nothing to compare with */
	struct digest denied;	      /* size 0: not on the deny list */
	const struct key *key;	      /* of the signature, if it is trusted or denied; else NULL */
	enum check_appended { APPENDED_NONE, APPENDED_GOOD, APPENDED_BAD } appended; /* if the rule lets it count */
	const char *why_not;	      /* ... is it not good, or nothing that could be */
	int signature;		      /* enum signature_verdict of a signature, else -1 */
	const struct check_evm *evm;
};

/* What EVM says, beside or before what the label does. */
struct check_evm {
	bool there; /* it has security.evm, or is asked for: @result says something */
	struct evm_result result;
	struct metadata metadata; /* that @result points into */
};

/* check_evm.c: 0 or negative errno. @own: keys of imad's HMACs, may be none. @asked: without security.evm, too. */
int check_evm_read(const struct trust *t, const struct evm_pair *own, int fd, bool asked, struct check_evm *ret);
void check_evm_done(struct check_evm *e);
/* The verdict on a label where the kernel's EVM holds these keys; @cause: without it. enum imad_cause. */
uint32_t check_evm_judge(const struct check_evm *e, uint32_t opts, uint32_t algos, uint32_t found, uint32_t cause);
void check_evm_put(const struct check_evm *e, struct buf *out);
void check_evm_put_json(const struct check_evm *e, struct json_object *o);

/* check_put.c */
const char *check_cause_text(uint32_t cause);
void check_put(const struct check_result *r);
void check_put_json(const struct check_result *r);

#endif
