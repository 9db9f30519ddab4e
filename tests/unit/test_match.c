/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The matcher, as text and facts with the answer. */
#include <imad/match.h>

#include "test_policy.h"

#define R IMAD_MAY_READ
#define W IMAD_MAY_WRITE
#define X IMAD_MAY_EXEC
#define FILE_READ .func = IMAD_FILE_CHECK, .mask = R

static const struct {
	const char *rule;
	struct imad_facts facts;
	bool matches;
} cases[] = {
	{ "measure", { FILE_READ }, true },
	{ "measure", { .func = IMAD_MMAP_CHECK, .mask = X }, true },
	{ "measure", { .func = IMAD_CREDS_CHECK, .mask = X }, true },
	{ "measure", { .func = IMAD_POLICY_CHECK, .mask = R }, true },
	{ "measure", { .func = IMAD_KEXEC_CMDLINE }, true },
	{ "measure", { .func = IMAD_KEY_CHECK }, false },
	{ "measure", { .func = IMAD_CRITICAL_DATA }, false },
	{ "measure func=FILE_CHECK", { FILE_READ }, true },
	{ "measure func=FILE_CHECK", { .func = IMAD_BPRM_CHECK, .mask = X }, false },
	{ "measure func=FILE_CHECK", { .func = IMAD_KEY_CHECK }, false },

	/* equal, or contained */
	{ "measure mask=MAY_READ", { FILE_READ }, true },
	{ "measure mask=MAY_READ", { .func = IMAD_FILE_CHECK, .mask = R | W }, false },
	{ "measure mask=MAY_READ", { .func = IMAD_FILE_CHECK, .mask = W }, false },
	{ "measure mask=^MAY_READ", { FILE_READ }, true },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = R | W }, true },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = W }, false },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = IMAD_MAY_ACCESS }, false },
	{ "measure mask=MAY_APPEND", { .func = IMAD_FILE_CHECK, .mask = W | IMAD_MAY_APPEND }, false },
	{ "measure mask=^MAY_APPEND", { .func = IMAD_FILE_CHECK, .mask = W | IMAD_MAY_APPEND }, true },
	{ "measure func=FILE_CHECK mask=MAY_EXEC", { .func = IMAD_FILE_CHECK, .mask = X }, true },

	{ "measure fsmagic=0xf97cff8c", { FILE_READ, .fsmagic = 0xf97cff8c }, true },
	{ "measure fsmagic=0xf97cff8c", { FILE_READ, .fsmagic = 0xfffffffff97cff8c }, false },
	{ "measure fsmagic=0", { FILE_READ, .fsmagic = 0 }, true },
	{ "measure fsmagic=0", { FILE_READ, .fsmagic = 1 }, false },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext4" }, true },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext" }, false },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext4x" }, false },
	{ "measure fsname=eleven-name", { FILE_READ, .fsname = "eleven-namE" }, false },
	{ "measure fsname=thirty-one-letters-is-the-limit", { FILE_READ,
	  .fsname = "thirty-one-letters-is-the-limit" }, true },
	{ "measure fsname=thirty-one-letters-is-the-limit", { FILE_READ,
	  .fsname = "thirty-one-letters-is-the-limiT" }, false },
	{ "measure fsuuid=" UUID, { FILE_READ,
	  .fsuuid = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
		      0xde, 0xf0 } }, true },
	{ "measure fsuuid=" UUID, { FILE_READ,
	  .fsuuid = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
		      0xde, 0xf1 } }, false },

	/* uid is the real one whatever the task may do */
	{ "measure uid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 5 }, true },
	{ "measure uid=0", { FILE_READ, .uid = 5, .euid = 0, .suid = 0, .cap_setuid = 1 }, false },
	{ "measure uid>999", { FILE_READ, .uid = 1000 }, true },
	{ "measure uid>999", { FILE_READ, .uid = 999 }, false },
	{ "measure uid<1000", { FILE_READ, .uid = 999 }, true },
	{ "measure uid<1000", { FILE_READ, .uid = 1000 }, false },
	{ "measure uid>2147483647", { FILE_READ, .uid = 4294967294u }, true },
	{ "measure uid<1", { FILE_READ, .uid = 4294967295u }, false },

	/* euid is one of three where the task has CAP_SETUID */
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 0, .suid = 5 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 0 }, false },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 5, .cap_setuid = 1 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 5, .suid = 0, .cap_setuid = 1 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 5, .suid = 5, .cap_setuid = 1 }, false },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 0, .cap_setgid = 1 }, false },
	{ "measure euid<10", { FILE_READ, .uid = 20, .euid = 20, .suid = 9, .cap_setuid = 1 }, true },
	{ "measure euid>10", { FILE_READ, .uid = 11, .euid = 10, .suid = 9 }, false },

	{ "measure gid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5 }, true },
	{ "measure gid=0", { FILE_READ, .gid = 5, .egid = 0, .sgid = 0, .cap_setgid = 1 }, false },
	{ "measure egid=0", { FILE_READ, .gid = 5, .egid = 0, .sgid = 5 }, true },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 0 }, false },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5, .cap_setgid = 1 }, true },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5, .cap_setuid = 1 }, false },

	{ "measure fowner=7", { FILE_READ, .fowner = 7, .fgroup = 8 }, true },
	{ "measure fowner>7", { FILE_READ, .fowner = 7 }, false },
	{ "measure fgroup<9", { FILE_READ, .fowner = 10, .fgroup = 8 }, true },
	{ "measure fgroup=9", { FILE_READ, .fowner = 9, .fgroup = 8 }, false },

	{ "measure fs_subtype=sshfs", { FILE_READ, .fs_subtype = "sshfs" }, true },
	{ "measure fs_subtype=sshfs", { FILE_READ, .fs_subtype = "sshf" }, false },
	{ "measure fs_subtype=sshfs", { FILE_READ, .fsname = "sshfs" }, false },
	{ "measure obj_type=a subj_type=b", { FILE_READ, .labels = 3 }, true },
	{ "measure obj_type=a subj_type=b", { FILE_READ, .labels = 7 }, true },
	{ "measure obj_type=a subj_type=b", { FILE_READ, .labels = 2 }, false },

	/* keys and critical data: the func, who, and the name */
	{ "measure func=KEY_CHECK", { .func = IMAD_KEY_CHECK }, true },
	{ "measure func=KEY_CHECK", { .func = IMAD_CRITICAL_DATA }, false },
	{ "measure func=KEY_CHECK uid=5 gid=7", { .func = IMAD_KEY_CHECK, .uid = 5, .gid = 8 }, true },
	{ "measure func=KEY_CHECK uid=5", { .func = IMAD_KEY_CHECK, .uid = 6 }, false },
	{ "measure func=KEY_CHECK keyrings=a|b", { .func = IMAD_KEY_CHECK, .names = 2 }, true },
	{ "measure func=KEY_CHECK keyrings=a|b", { .func = IMAD_KEY_CHECK, .names = 4 }, false },
	{ "measure func=KEY_CHECK keyrings=a|b", { .func = IMAD_KEY_CHECK }, false },
	{ "measure func=CRITICAL_DATA label=a", { .func = IMAD_CRITICAL_DATA, .names = 1 }, true },
	{ "measure func=CRITICAL_DATA label=a", { .func = IMAD_CRITICAL_DATA, .names = 0 }, false },
	{ "measure func=CRITICAL_DATA", { .func = IMAD_CRITICAL_DATA, .names = 1 }, true },

	/* all conditions together */
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 1 }, true },
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 2 }, false },
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 1, .uid = 1 }, false },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct policy p;

		memset(&p, 0, sizeof(p));
		must_parse(&p, cases[i].rule);
		if (imad_rule_matches(&p.rules[0], &cases[i].facts) != cases[i].matches)
			fail_msg("row %zu: %s", i, cases[i].rule);
	}
}

static void test_first_match_wins(void **state)
{
	const struct imad_facts root = { FILE_READ, .uid = 0 }, user = { FILE_READ, .uid = 7 };
	const struct imad_facts other = { FILE_READ, .uid = 8 }, key = { .func = IMAD_KEY_CHECK };
	static struct policy p;
	struct imad_decision d;

	(void)state;
	must_parse(&p, "dont_measure uid=7\n"
		       "measure uid=0 pcr=11\n"
		       "measure uid<8\n"
		       "dont_measure\n"
		       "measure pcr=12\n");
	d = decide(&p, &root, IMAD_MEASURE);
	assert_int_equal(d.action, IMAD_MEASURE);
	assert_int_equal(d.slot_bit, p.rules[1].slot_bit);
	assert_int_equal(d.pcr_slots, p.rules[1].pcr_slots);
	assert_int_equal(d.open, 0);

	d = decide(&p, &user, IMAD_MEASURE);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.slot_bit, 0);
	assert_int_equal(d.open, 0);

	d = decide(&p, &other, IMAD_MEASURE);
	assert_int_equal(d.action, 0);

	d = decide(&p, &key, IMAD_MEASURE);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.open, IMAD_MEASURE);

	/* A closed class stays closed. */
	d = decide(&p, &root, 0);
	assert_int_equal(d.action, 0);
}

/* Classes do not see each other. */
static void test_classes(void **state)
{
	const struct imad_rule rules[] = {
		{ .action = IMAD_DONT_APPRAISE },
		{ .action = IMAD_AUDIT },
		{ .action = IMAD_MEASURE, .slot_bit = 4, .pcr_slots = 6 },
		{ .action = IMAD_APPRAISE },
		{ .action = IMAD_DONT_AUDIT },
		{ .action = IMAD_HASH },
	};
	const struct imad_facts f = { FILE_READ };
	struct imad_decision d = { .open = IMAD_MEASURE | IMAD_APPRAISE | IMAD_AUDIT };

	(void)state;
	assert_int_equal(imad_decide(&d, &rules[0], &f), 0);
	assert_int_equal(d.open, IMAD_MEASURE | IMAD_AUDIT);
	assert_int_equal(imad_decide(&d, &rules[1], &f), 0);
	assert_int_equal(imad_decide(&d, &rules[2], &f), 1);
	assert_int_equal(d.action, IMAD_MEASURE | IMAD_AUDIT);
	assert_int_equal(d.slot_bit, 4);
	assert_int_equal(d.pcr_slots, 6);
	for (uint32_t i = 3; i < ARRAY_SIZE(rules); i++)
		assert_int_equal(imad_decide(&d, &rules[i], &f), 1);
	assert_int_equal(d.action, IMAD_MEASURE | IMAD_AUDIT);
}

/* What is appraised is not hashed as well, unless a later rule says so. */
static void test_appraise_and_hash(void **state)
{
	const struct imad_facts f = { FILE_READ };
	static struct policy before, after;

	(void)state;
	must_parse(&before, "hash\nappraise\n");
	must_parse(&after, "appraise\nhash\n");
	assert_int_equal(decide(&before, &f, IMAD_APPRAISE | IMAD_HASH).action, IMAD_APPRAISE);
	assert_int_equal(decide(&after, &f, IMAD_APPRAISE | IMAD_HASH).action, IMAD_APPRAISE | IMAD_HASH);
}

/* Options are those of every rule that matched, whatever its class and sense; algorithms the appraise rule's. */
static void test_options(void **state)
{
	const struct imad_facts f = { FILE_READ };
	static struct policy p;
	struct imad_decision d;

	(void)state;
	must_parse(&p, "dont_audit permit_directio\n"
		       "measure digest_type=verity pcr=5\n"
		       "measure permit_directio\n"
		       "appraise uid=9 appraise_type=imasig appraise_algos=sha1\n"
		       "appraise appraise_type=sigv3 appraise_algos=sha256,sha512\n"
		       "audit digest_type=verity\n"
		       "appraise appraise_type=imasig appraise_algos=md5\n");
	d = decide(&p, &f, IMAD_MEASURE | IMAD_APPRAISE | IMAD_AUDIT);
	assert_int_equal(d.action, IMAD_MEASURE | IMAD_APPRAISE);
	assert_int_equal(d.opts, IMAD_OPT_DIRECTIO | IMAD_OPT_VERITY | IMAD_OPT_SIGNED | IMAD_OPT_SIGV3);
	assert_int_equal(d.algos, 1u << 4 | 1u << 6);
	assert_int_equal(d.slot_bit, 1);
	assert_int_equal(decide(&p, &f, IMAD_MEASURE).opts, IMAD_OPT_VERITY);
}

static void test_wanted(void **state)
{
	const struct imad_decision measure = { .action = IMAD_MEASURE, .slot_bit = 2, .pcr_slots = 6, .variants = 0x01010101 };
	const struct imad_decision both = { .action = IMAD_MEASURE | IMAD_AUDIT, .slot_bit = 2, .pcr_slots = 6, .variants = 0x01010101 };
	const struct imad_decision hash = { .action = IMAD_HASH };
	const struct imad_decision none = { 0 };

	(void)state;
	assert_int_equal(imad_wanted(&none, 0), 0);
	assert_int_equal(imad_wanted(&hash, IMAD_SLOT_AUDIT), IMAD_SLOT_HASH);
	assert_int_equal(imad_wanted(&hash, IMAD_SLOT_HASH), 0);
	assert_int_equal(imad_wanted(&measure, 0), 2);
	assert_int_equal(imad_wanted(&measure, 1), 2);
	assert_int_equal(imad_wanted(&measure, 4), 0); /* another template, the same PCR */
	assert_int_equal(imad_wanted(&both, 0), 2 | IMAD_SLOT_AUDIT);
	assert_int_equal(imad_wanted(&both, 2), IMAD_SLOT_AUDIT);
	assert_int_equal(imad_wanted(&both, 2 | IMAD_SLOT_AUDIT), 0);
}

/* What other rules say of the same use makes another record of it. */
static void test_variants(void **state)
{
	/* Slot 1, by fs-verity 2, with an appended signature 3, with both 4: all into one PCR. */
	struct imad_decision d = { .action = IMAD_MEASURE, .slot_bit = 1u << 1, .pcr_slots = 0x1e, .variants = 0x04030201 };

	(void)state;
	assert_int_equal(imad_wanted(&d, 0), 1u << 1);
	assert_int_equal(imad_wanted(&d, IMAD_SLOT_VERITY), 1u << 2); /* a rule said so before */
	assert_int_equal(imad_wanted(&d, IMAD_SLOT_VERITY | 1u << 1), 0);
	d.opts = IMAD_OPT_VERITY;
	assert_int_equal(imad_wanted(&d, 0), 1u << 2 | IMAD_SLOT_VERITY);
	assert_int_equal(imad_wanted(&d, 1u << 1), IMAD_SLOT_VERITY); /* once for each PCR */
	assert_int_equal(imad_wanted(&d, 1u << 2 | IMAD_SLOT_VERITY), 0);
	d.opts = IMAD_OPT_MODSIG;
	assert_int_equal(imad_wanted(&d, 0), 1u << 3);
	assert_int_equal(imad_wanted(&d, 1u << 1), 1u << 3); /* and once more for the signature */
	assert_int_equal(imad_wanted(&d, 1u << 3), 0);
	assert_int_equal(imad_wanted(&d, IMAD_SLOT_VERITY), 1u << 4);
	d.opts = 0;
	assert_int_equal(imad_wanted(&d, 1u << 3), 0);
	d.variants = 0x01010101; /* its template has no field for a signature */
	d.opts = IMAD_OPT_MODSIG;
	assert_int_equal(imad_wanted(&d, 0), 1u << 1);
	assert_int_equal(imad_wanted(&d, 1u << 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_appraise_and_hash),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
