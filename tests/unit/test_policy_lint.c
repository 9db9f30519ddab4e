/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The advice on policies: each kind with a near miss beside it. That it holds for
 * every use is in test_policy_lint_random.c.
 */
#include <stdio.h>

#include "test_policy.h"

/* What is said of a policy, or (@whole) only what is said of the whole: "2 never_reached 1, gap_tmpfs". */
static const char *lint(const char *text, bool whole, struct buf *out)
{
	static struct policy_finding f[POLICY_FINDINGS_MAX];
	static struct policy p;
	const char *before = "";
	unsigned int n;

	memset(&p, 0, sizeof(p));
	must_parse(&p, text);
	n = policy_lint(&p, f);
	buf_reset(out);
	for (unsigned int i = 0; i < n; i++) {
		if (whole != (f[i].rule < 0))
			continue;
		buf_add_str(out, before);
		if (f[i].rule >= 0)
			buf_addf(out, "%d ", f[i].rule + 1);
		buf_add_str(out, policy_finding_texts[f[i].kind].name);
		if (f[i].other >= 0)
			buf_addf(out, " %d", f[i].other + 1);
		before = ", ";
	}
	buf_add_u8(out, 0);
	assert_ok(buf_error(out));
	return (const char *)out->data;
}

struct row {
	const char *text, *findings;
};

static void check(const struct row *rows, size_t n, bool whole)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < n; i++)
		if (strcmp(lint(rows[i].text, whole, &b), rows[i].findings) != 0)
			fail_msg("%s\nfound '%s', not '%s'", rows[i].text, (const char *)b.data, rows[i].findings);
	buf_done(&b);
}

static void test_never_matches(void **state)
{
	static const struct row rows[] = {
		{ "measure func=BPRM_CHECK mask=MAY_READ", "1 never_mask" },
		{ "measure func=BPRM_CHECK mask=MAY_EXEC", "" },
		{ "measure func=BPRM_CHECK mask=^MAY_EXEC", "" },
		{ "measure func=MMAP_CHECK mask=^MAY_WRITE", "1 never_mask" },
		{ "measure func=MMAP_CHECK_REQPROT mask=MAY_EXEC", "" },
		{ "measure func=CREDS_CHECK mask=MAY_READ", "1 never_mask" },
		{ "measure func=MODULE_CHECK mask=MAY_EXEC", "1 never_mask" },
		{ "measure func=MODULE_CHECK mask=MAY_READ", "" },
		{ "measure func=POLICY_CHECK mask=^MAY_READ", "" },
		{ "measure func=KEXEC_KERNEL_CHECK mask=MAY_WRITE", "1 never_mask" },
		{ "measure func=FILE_CHECK mask=MAY_APPEND", "1 never_mask" },
		{ "measure func=FILE_CHECK mask=^MAY_APPEND", "" },
		{ "measure func=FILE_CHECK mask=MAY_WRITE", "" },
		{ "measure func=FILE_CHECK mask=MAY_EXEC", "" },
		{ "measure mask=MAY_APPEND", "1 never_mask" },
		{ "measure mask=^MAY_APPEND", "" },
		{ "measure func=KEXEC_CMDLINE", "" },
		{ "appraise func=SETXATTR_CHECK appraise_algos=sha256", "" },

		{ "measure uid<0", "1 never_id" },
		{ "measure uid<1", "" },
		{ "measure uid>4294967294", "1 never_id" },
		{ "measure uid>4294967293", "" },
		{ "measure uid=4294967294", "" },
		{ "measure euid<0", "1 never_id" },
		{ "measure gid>4294967294", "1 never_id" },
		{ "measure egid<0", "1 never_id" },
		{ "measure fowner<0", "1 never_id" },
		{ "measure fgroup<0", "1 never_id" },
		/* an inode whose owner is nobody here */
		{ "measure fowner>4294967294", "" },
		{ "measure fgroup>4294967294", "" },
		{ "measure func=KEY_CHECK uid<0", "1 never_id" },
		{ "measure func=KEY_CHECK gid<0", "1 gid_ignored" },
	};

	(void)state;
	check(rows, ARRAY_SIZE(rows), false);
}

#define ALGOS "appraise func=SETXATTR_CHECK appraise_algos="

static void test_never_reached(void **state)
{
	static const struct row rows[] = {
		{ "measure\nmeasure", "2 never_reached 1" },
		{ "measure uid=0\nmeasure uid=0 pcr=11", "2 never_reached 1" },
		{ "measure uid=0\nmeasure uid=1", "" },
		{ "measure\nappraise\naudit\nhash", "" },
		{ "measure uid=0\nmeasure fowner=1\nmeasure uid=0 fgroup=3\nmeasure fowner=1 fgroup=3",
		  "3 never_reached 1, 4 never_reached 2" },
		{ "dont_measure fsname=ext4\nmeasure func=BPRM_CHECK fsname=ext4\nmeasure", "2 never_reached 1" },
		{ "dont_measure func=BPRM_CHECK fsname=ext4\nmeasure fsname=ext4", "" },

		/* the same use, and the opposite */
		{ "dont_measure uid=0\nmeasure uid=0\nmeasure", "2 contradicts 1" },
		{ "measure uid=0\ndont_measure uid=0\nmeasure", "2 contradicts 1" },
		{ "dont_measure uid=0\nmeasure uid=0 fowner=1\nmeasure", "2 never_reached 1" },
		{ "dont_audit uid=0\naudit uid=0 func=MMAP_CHECK\naudit", "2 never_reached 1" },
		{ "dont_appraise uid=0\nappraise uid=0\nappraise", "2 contradicts 1" },
		{ "dont_hash uid=0\nhash uid=0\nhash", "2 contradicts 1" },
		{ "dont_measure uid=0\nappraise uid=0\nmeasure", "" },
		{ "measure func=BPRM_CHECK\ndont_measure func=BPRM_CHECK mask=MAY_EXEC", "2 contradicts 1" },

		/* func= and mask= */
		{ "measure func=BPRM_CHECK mask=MAY_EXEC\nmeasure func=BPRM_CHECK", "2 never_reached 1" },
		{ "measure mask=MAY_EXEC\nmeasure func=MMAP_CHECK", "2 never_reached 1" },
		{ "measure mask=MAY_EXEC\nmeasure func=FILE_CHECK", "" },
		{ "measure mask=MAY_EXEC\nmeasure func=FILE_CHECK mask=MAY_EXEC", "2 never_reached 1" },
		{ "measure func=FILE_CHECK mask=^MAY_READ\nmeasure func=FILE_CHECK mask=MAY_READ",
		  "2 never_reached 1" },
		{ "audit func=FILE_CHECK mask=MAY_READ uid=0\naudit func=FILE_CHECK mask=^MAY_READ uid=0",
		  "1 read_only" },
		{ "measure func=FILE_CHECK mask=^MAY_WRITE\nmeasure func=FILE_CHECK mask=^MAY_READ", "" },
		{ "measure func=FILE_CHECK\nmeasure mask=MAY_WRITE", "2 never_reached 1" },
		{ "measure func=FILE_CHECK\nmeasure mask=^MAY_READ", "" },
		{ "measure\nmeasure func=KEXEC_CMDLINE", "2 never_reached 1" },

		/* ids: a range in a range, of the same kind */
		{ "measure uid>999\nmeasure uid=1000", "2 never_reached 1" },
		{ "measure uid>1000\nmeasure uid=1000", "" },
		{ "measure uid>999\nmeasure uid>1000", "2 never_reached 1" },
		{ "measure uid>1000\nmeasure uid>999", "" },
		{ "measure uid<10\nmeasure uid<9", "2 never_reached 1" },
		{ "measure uid<9\nmeasure uid<10", "" },
		{ "measure uid<10\nmeasure uid>3", "" },
		{ "measure uid=0\nmeasure uid<1", "2 never_reached 1" },
		{ "measure uid=0\ndont_measure uid<1\nmeasure", "2 contradicts 1" },
		{ "measure uid=4294967294\nmeasure uid>4294967293", "2 never_reached 1" },
		{ "measure fowner=4294967294\nmeasure fowner>4294967293", "" },
		{ "measure uid=0\nmeasure euid=0", "" },
		{ "measure euid=0\nmeasure uid=0", "" },
		{ "measure euid<5\nmeasure euid<3", "2 never_reached 1" },
		{ "measure gid=0\nmeasure egid=0", "" },
		{ "measure egid>0\nmeasure egid=1", "2 never_reached 1" },
		{ "measure fowner>0\nmeasure fowner=1", "2 never_reached 1" },
		{ "measure fgroup=1\nmeasure fowner=1", "" },

		/* the filesystem */
		{ "measure fsmagic=0xef53\nmeasure fsmagic=0xef53 fsname=ext4", "2 never_reached 1" },
		{ "measure fsmagic=0xef53 fsname=ext4\nmeasure fsmagic=0xef53", "" },
		{ "measure fsmagic=0xef53\nmeasure fsmagic=0xef54", "" },
		{ "measure fsname=ext4\nmeasure fsname=ext40", "" },
		{ "measure fs_subtype=sshfs\nmeasure fsname=fuse fs_subtype=sshfs", "2 never_reached 1" },
		{ "measure fs_subtype=sshfs\nmeasure fsname=fuse fs_subtype=gocryptfs", "" },
		{ "measure fsuuid=" UUID "\nmeasure fsuuid=" UUID " uid=1", "2 never_reached 1" },
		{ "measure fsuuid=" UUID "\nmeasure fsuuid=02345678-9abc-def0-1234-56789abcdef0 uid=1", "" },

		/* labels: all of them */
		{ "measure obj_type=a\nmeasure obj_type=a subj_type=b", "2 never_reached 1" },
		{ "measure obj_type=a subj_type=b\nmeasure obj_type=a", "" },
		{ "measure obj_type=a\nmeasure subj_type=a", "" },

		/* names: one of them; and nobody else stands for keys or critical data */
		{ "measure func=KEY_CHECK keyrings=a|b\nmeasure func=KEY_CHECK keyrings=b", "2 never_reached 1" },
		{ "measure func=KEY_CHECK keyrings=a|b\nmeasure func=KEY_CHECK keyrings=b|c", "" },
		{ "measure func=KEY_CHECK keyrings=a\nmeasure func=KEY_CHECK", "" },
		{ "measure func=KEY_CHECK\nmeasure func=KEY_CHECK keyrings=a", "2 never_reached 1" },
		{ "measure func=KEY_CHECK gid=0\nmeasure func=KEY_CHECK", "1 gid_ignored, 2 never_reached 1" },
		{ "measure func=KEY_CHECK uid=0\nmeasure func=KEY_CHECK", "" },
		{ "measure func=KEY_CHECK\nmeasure func=CRITICAL_DATA", "" },
		{ "measure\nmeasure func=KEY_CHECK\nmeasure func=CRITICAL_DATA", "" },
		{ "measure func=CRITICAL_DATA label=a\ndont_measure func=CRITICAL_DATA label=a", "2 contradicts 1" },

		/* the first allow-list holds, and no other rule takes its place */
		{ "appraise\n" ALGOS "sha256", "" },
		{ ALGOS "sha256\n" ALGOS "sha512\nappraise", "2 never_reached 1" },

		/* a dead rule decides nothing itself */
		{ "measure uid<0\nmeasure uid=0", "1 never_id" },
		{ "measure uid<0\nmeasure uid<0", "1 never_id, 2 never_id" },
	};

	(void)state;
	check(rows, ARRAY_SIZE(rows), false);
}

static void test_no_effect(void **state)
{
	static const struct row rows[] = {
		{ "dont_measure uid=0", "1 no_effect" },
		{ "dont_measure uid=0\nmeasure", "" },
		{ "measure uid=1\ndont_measure uid=0", "2 no_effect" },
		{ "dont_appraise uid=0\nmeasure", "1 no_effect" },
		{ "dont_appraise uid=0\n" ALGOS "sha256", "1 no_effect" },
		{ "dont_audit\nhash\ndont_hash uid=0", "1 no_effect, 3 never_reached 2" },
		{ "dont_measure func=KEY_CHECK\nmeasure func=BPRM_CHECK", "1 no_effect" },
		{ "dont_measure func=BPRM_CHECK\nmeasure mask=MAY_READ uid=1", "1 no_effect, 2 read_only" },
		{ "dont_measure func=FILE_CHECK\nmeasure mask=^MAY_WRITE uid=1", "2 never_reached 1" },
		{ "dont_measure func=FILE_CHECK uid=2\nmeasure mask=^MAY_WRITE", "" },
		/* stops nothing, but its option is the use's, unless its class is not looked at */
		{ "appraise func=BPRM_CHECK\nmeasure uid=1\ndont_measure uid=0 permit_directio", "3 option_spreads" },
		{ "appraise func=BPRM_CHECK\nmeasure func=KEY_CHECK\ndont_measure uid=0 permit_directio",
		  "3 option_spreads" },
		{ "appraise func=BPRM_CHECK\ndont_measure uid=0 permit_directio", "2 no_effect" },
		/* and it stops a later option */
		{ "audit uid=1\ndont_audit uid=0\ndont_audit fowner=1 permit_directio", "" },
		{ "dont_audit uid=0\ndont_audit fowner=1 permit_directio", "1 no_effect, 2 no_effect" },
	};

	(void)state;
	check(rows, ARRAY_SIZE(rows), false);
}

static void test_oddities(void **state)
{
	static const struct row rows[] = {
		{ "measure func=FILE_CHECK mask=MAY_READ", "1 read_only" },
		{ "measure func=FILE_CHECK mask=^MAY_READ", "" },
		{ "measure mask=MAY_READ", "1 read_only" },
		{ "measure func=MODULE_CHECK mask=MAY_READ", "" },
		{ "dont_measure func=FILE_CHECK mask=MAY_READ\nmeasure", "" },
		{ "measure func=FILE_CHECK mask=MAY_WRITE", "" },
		{ "measure func=KEY_CHECK gid=0", "1 gid_ignored" },
		{ "measure func=CRITICAL_DATA gid>5", "1 gid_ignored" },
		{ "measure func=KEY_CHECK uid=0", "" },
		{ "measure func=BPRM_CHECK gid=0", "" },
		{ "audit func=BPRM_CHECK digest_type=verity\nappraise", "1 option_spreads" },
		{ "measure func=BPRM_CHECK digest_type=verity", "1 untyped_digest" },
		{ "measure func=BPRM_CHECK template=ima-sig digest_type=verity", "1 untyped_digest" },
		{ "measure func=BPRM_CHECK template=ima-ngv2 digest_type=verity", "" },
		{ "dont_measure func=BPRM_CHECK digest_type=verity\nmeasure func=BPRM_CHECK", "2 contradicts 1" },
		{ "audit func=BPRM_CHECK digest_type=verity\nappraise func=MMAP_CHECK", "" },
		{ "appraise func=BPRM_CHECK appraise_type=sigv3 digest_type=verity permit_directio", "" },
		{ "measure func=FILE_CHECK mask=MAY_READ permit_directio\nappraise",
		  "1 read_only, 1 option_spreads" },
	};

	(void)state;
	check(rows, ARRAY_SIZE(rows), false);
}

#define CODE "measure func=BPRM_CHECK\nmeasure func=MMAP_CHECK\n"
#define MODULES "measure func=MODULE_CHECK\n"

static void test_gaps(void **state)
{
	static const struct row rows[] = {
		{ "", "does_nothing" },
		{ "dont_measure uid=0\ndont_hash", "does_nothing" },
		{ "measure", "" },
		{ "appraise func=BPRM_CHECK", "" },
		{ "measure func=CRITICAL_DATA", "" },
		{ "measure func=KEXEC_KERNEL_CHECK", "" },
		{ ALGOS "sha256", "" },

		{ CODE MODULES, "" },
		{ "dont_measure fsmagic=0x1021994\n" CODE MODULES, "gap_tmpfs" },
		{ "dont_measure fsname=tmpfs\n" CODE MODULES, "gap_tmpfs" },
		{ "dont_measure fsname=tmpfs fsmagic=0x1021994\n" CODE MODULES, "gap_tmpfs" },
		{ "dont_measure fsname=ext4 fsmagic=0x1021994\n" CODE MODULES, "" },
		{ "dont_measure fsname=tmpfs uid=0\n" CODE MODULES, "" },
		{ "dont_measure fsname=tmpfs func=FILE_CHECK\nmeasure func=FILE_CHECK\n" CODE MODULES, "" },
		{ "dont_measure fsname=tmpfs func=FILE_CHECK\nmeasure func=FILE_CHECK\n" MODULES, "gap_tmpfs" },
		{ "dont_measure fsname=tmpfs mask=MAY_EXEC\n" CODE MODULES, "gap_tmpfs" },
		{ "dont_measure fsname=tmpfs mask=MAY_READ\n" CODE MODULES, "" },
		{ CODE MODULES "dont_measure fsname=tmpfs", "" },
		{ "dont_appraise fsname=tmpfs\nappraise\n" CODE MODULES, "" },
		{ MODULES "dont_measure fsname=tmpfs\n" CODE, "gap_tmpfs" },
		{ "measure fsname=ext4", "gap_tmpfs" },
		{ "dont_measure uid=0 fsname=tmpfs\nmeasure uid=0 fsname=tmpfs\nmeasure fsname=ext4", "gap_tmpfs" },

		{ "measure func=BPRM_CHECK\n" MODULES, "gap_libraries" },
		{ "measure func=CREDS_CHECK\n" MODULES, "gap_libraries" },
		{ "measure func=BPRM_CHECK\nmeasure func=MMAP_CHECK mask=MAY_READ\n" MODULES, "gap_libraries" },
		{ "measure func=BPRM_CHECK\nmeasure func=MMAP_CHECK_REQPROT\n" MODULES, "" },
		{ "measure func=BPRM_CHECK\nmeasure func=FILE_CHECK mask=^MAY_READ\n" MODULES, "" },
		{ "measure func=BPRM_CHECK\nmeasure func=FILE_CHECK mask=^MAY_READ uid=0\n" MODULES,
		  "gap_libraries" },
		{ "measure func=BPRM_CHECK\nmeasure func=FILE_CHECK mask=^MAY_WRITE\n" MODULES, "gap_libraries" },
		{ "measure func=MMAP_CHECK\n" MODULES, "gap_programs" },
		{ "measure func=MMAP_CHECK\ndont_measure func=BPRM_CHECK\nmeasure func=BPRM_CHECK uid=0\n" MODULES,
		  "gap_programs" },
		{ "measure func=FILE_CHECK uid=1\n" MODULES, "" },

		{ CODE, "gap_modules" },
		{ CODE "measure func=MODULE_CHECK uid<0", "gap_modules" },
		{ CODE "measure func=FILE_CHECK mask=^MAY_READ uid=0", "" },
		{ CODE "measure func=FILE_CHECK mask=^MAY_READ euid=0 gid<1", "" },
		{ CODE "measure func=FILE_CHECK mask=^MAY_READ uid=1", "gap_modules" },
		{ CODE "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=0", "gap_modules" },
	};

	(void)state;
	check(rows, ARRAY_SIZE(rows), true);
}

/* What is built in has no dead rule; its gaps are those that it is known for. */
static void test_builtins(void **state)
{
	static const struct row wanted[] = {
		{ "tcb", "gap_tmpfs" },	  { "ima_tcb", "16 read_only, gap_tmpfs" },
		{ "tcb+tmpfs", "" },	  { "strict", "" },
		{ "secure_boot", "" },	  { "appraise_tcb", "" },
		{ "critical_data", "" },  { "fail_securely", "does_nothing" },
	};
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct policy_builtin *p = policy_builtin(wanted[i].text, strlen(wanted[i].text));
		char all[128];

		assert_non_null(p);
		(void)snprintf(all, sizeof(all), "%s", lint(p->text, false, &b));
		if (*all && *lint(p->text, true, &b))
			strcat(all, ", ");
		strcat(all, lint(p->text, true, &b));
		assert_string_equal(all, wanted[i].findings);
	}
	buf_done(&b);
}

static void test_texts(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < POLICY_FINDING_KINDS; i++) {
		const struct policy_finding_text *t = &policy_finding_texts[i];

		assert_non_null(t->name);
		assert_non_null(t->before);
		assert_int_equal(t->after != NULL, i == POLICY_CONTRADICTS || i == POLICY_NEVER_REACHED);
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(t->name, policy_finding_texts[k].name);
	}
}

/* A full table, each rule with all that can be said of one. */
static void test_room_for_findings(void **state)
{
	static struct policy_finding findings[POLICY_FINDINGS_MAX];
	static struct policy p;
	char text[128];

	(void)state;
	must_parse(&p, "appraise");
	for (unsigned int i = 1; i < IMAD_RULES_MAX; i++) {
		(void)snprintf(text, sizeof(text), "measure mask=MAY_READ permit_directio uid=%u", i);
		must_parse(&p, text);
	}
	assert_int_equal(policy_lint(&p, findings), 2 * (IMAD_RULES_MAX - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_matches),
		cmocka_unit_test(test_never_reached),
		cmocka_unit_test(test_no_effect),
		cmocka_unit_test(test_oddities),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_builtins),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_room_for_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
