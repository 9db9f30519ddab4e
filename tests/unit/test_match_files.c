/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files are appraised at all, whoever uses them and how: what appraise.protect_labels is about. */
#include <stdio.h>
#include <string.h>

#include <imad/match.h>
#include <imad/policy.h>

#include "test.h"

/* -1: never; 0: no rule says; 1: may be. */
static int says(const char *text, const struct imad_facts *f)
{
	static struct policy p;
	const struct policy_env env = { .labels = POLICY_LABEL_KINDS };
	struct parse_error e = { 0 };

	memset(&p, 0, sizeof(p));
	if (policy_parse(&p, text, strlen(text), &env, &e) < 0)
		fail_msg("line %u: %s '%s'", e.line, e.why, e.token);
	for (unsigned int i = 0; i < p.n_rules; i++) {
		int r = imad_appraises_file(&p.rules[i], f);

		if (r)
			return r;
	}
	return 0;
}

static const struct row {
	const char *policy;
	int wanted;
} rows[] = { /* a file of user 7, group 8, on ext4, magic 0xef53; whoever asks is root */
	{ "", 0 },
	{ "measure func=FILE_CHECK", 0 },
	{ "appraise", 1 },
	{ "appraise func=FILE_CHECK", 1 },
	{ "appraise func=BPRM_CHECK fowner=7", 1 },
	{ "appraise func=BPRM_CHECK fowner=9", 0 },
	{ "appraise func=MMAP_CHECK fgroup=8", 1 },
	{ "appraise func=CREDS_CHECK", 1 },
	{ "appraise fowner>7", 0 },
	{ "appraise fsmagic=0xef53", 1 },
	{ "appraise fsmagic=0xef54", 0 },
	{ "appraise fsname=ext4", 1 },
	{ "appraise fsname=xfs", 0 },
	/* Not who uses it, nor how. */
	{ "appraise func=FILE_CHECK uid=1000", 1 },
	{ "appraise func=FILE_CHECK mask=MAY_EXEC euid=1000", 1 },
	{ "appraise obj_type=x_t", 1 },
	/* What the kernel reads could be any file; other funcs are about none. */
	{ "appraise func=MODULE_CHECK appraise_type=imasig", 0 },
	{ "appraise func=POLICY_CHECK appraise_type=imasig", 0 },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256", 0 },
	/* The first that is about every use decides. */
	{ "dont_appraise fowner=7\nappraise", -1 },
	{ "appraise\ndont_appraise fowner=7", 1 },
	{ "dont_appraise fowner=9\nappraise", 1 },
	{ "dont_appraise fsmagic=0xef53\nappraise fowner=7", -1 },
	{ "dont_appraise func=BPRM_CHECK fowner=7\nappraise", 1 },
	{ "dont_appraise fowner=7 uid=1000\nappraise", 1 },
	{ "dont_appraise fowner=7 mask=MAY_READ\nappraise", 1 },
	{ "dont_appraise obj_type=x_t\nappraise", 1 },
	{ "dont_appraise fowner=7 euid=0\nappraise fowner=8", 0 },
	{ "dont_measure fowner=7\nappraise", 1 },
};

static void files(void **state)
{
	const struct imad_facts f = { .fowner = 7, .fgroup = 8, .fsmagic = 0xef53, .fsname = "ext4" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = says(rows[i].policy, &f);

		if (got != rows[i].wanted)
			fail_msg("%d for '%s'", got, rows[i].policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(files) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
