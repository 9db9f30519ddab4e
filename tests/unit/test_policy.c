/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rule tables as a whole: slots, built-ins, summary, filesystems that need no gate. */
#include <stdio.h>

#include "test_policy.h"

#define PROC 0x9fa0
#define TMPFS 0x1021994
#define EXT4 0xef53

static void test_slots(void **state)
{
	struct policy p = { 0 };

	(void)state;
	must_parse(&p, "measure uid=1\n"
		       "dont_measure uid=2\n"
		       "measure uid=3 pcr=10\n"
		       "measure uid=4 template=ima-sig\n"
		       "measure uid=5\n");
	assert_int_equal(p.n_slots, 3);
	assert_int_equal(p.rules[0].slot_bit, 1);
	assert_int_equal(p.rules[0].pcr_slots, 1 | 4);
	assert_int_equal(p.rules[1].slot_bit, 0);
	assert_int_equal(p.rules[1].pcr_slots, 0);
	assert_int_equal(p.rules[2].slot_bit, 2);
	assert_int_equal(p.rules[2].pcr_slots, 2);
	assert_int_equal(p.rules[3].slot_bit, 4);
	assert_int_equal(p.rules[3].pcr_slots, 1 | 4);
	assert_int_equal(p.rules[4].slot_bit, 1);
	assert_int_equal(p.slots[0].pcr, POLICY_PCR_DEFAULT);
	assert_null(p.slots[0].template);
	assert_string_equal(p.slots[2].template, "ima-sig");

	/* An appended text shares slots, and the first rules hear of its new ones. */
	must_parse(&p, "measure uid=6 pcr=10 template=ima-sig\nmeasure uid=7 pcr=10\n");
	assert_int_equal(p.n_slots, 4);
	assert_int_equal(p.rules[5].slot_bit, 8);
	assert_int_equal(p.rules[6].slot_bit, 2);
	assert_int_equal(p.rules[2].pcr_slots, 2 | 8);
	assert_int_equal(p.rules[0].pcr_slots, 1 | 4);

	policy_bind_pcr(&p, 10);
	assert_int_equal(p.rules[0].pcr_slots, 15);
	assert_int_equal(p.rules[2].pcr_slots, 15);
	policy_bind_pcr(&p, 11);
	assert_int_equal(p.rules[0].pcr_slots, 1 | 4);
	assert_int_equal(p.rules[2].pcr_slots, 2 | 8);
}

static bool has_modsig(void *arg, const char *template)
{
	(void)arg;
	return template && !strcmp(template, "ima-sig"); /* the test's own words */
}

static void parse_with_modsig(struct policy *p, const char *text)
{
	const struct policy_env env = { .template_ok = template_ok, .has_modsig = has_modsig };
	struct parse_error e;

	assert_ok(policy_parse(p, text, strlen(text), &env, &e));
}

/* A record depends on other rules for the same uses: then it has a slot of its own. */
static void test_variants(void **state)
{
	static struct policy p, before;
	struct policy_summary sum;
	struct parse_error e;
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	parse_with_modsig(&p, "measure func=BPRM_CHECK\n"
			      "measure func=MODULE_CHECK template=ima-sig\n"
			      "measure func=MODULE_CHECK uid=1\n");
	assert_int_equal(p.n_slots, 2);
	assert_int_equal(p.rules[0].variants, 0x00000000);
	assert_int_equal(p.rules[1].variants, 0x01010101);
	parse_with_modsig(&p, "audit func=BPRM_CHECK digest_type=verity\n"
			      "appraise func=MODULE_CHECK appraise_type=imasig|modsig\n");
	assert_int_equal(p.n_slots, 4);
	assert_int_equal(p.rules[0].variants, 0x02000200);
	assert_int_equal(p.slots[2].variant, IMAD_VARIANT_VERITY);
	assert_int_equal(p.rules[1].variants, 0x03030101);
	assert_int_equal(p.slots[3].variant, IMAD_VARIANT_MODSIG);
	assert_string_equal(p.slots[3].template, "ima-sig");
	assert_int_equal(p.rules[2].variants, 0x00000000); /* its template has no field for it */
	assert_int_equal(p.rules[0].pcr_slots, 15);
	policy_summarize(&p, &sum);
	assert_int_equal(sum.modsig_slots, 8);
	assert_int_equal(sum.all_slots, 1 | 2 | IMAD_SLOT_AUDIT | IMAD_SLOT_APPRAISE);
	assert_string_equal(print(&p, &b), "measure func=BPRM_CHECK \n"
					   "measure func=MODULE_CHECK template=ima-sig \n"
					   "measure func=MODULE_CHECK uid=1 \n"
					   "audit func=BPRM_CHECK digest_type=verity \n"
					   "appraise func=MODULE_CHECK appraise_type=imasig|modsig \n");

	/* Both at once: a rule without func= shares uses with all. */
	memset(&p, 0, sizeof(p));
	parse_with_modsig(&p, "measure template=ima-sig digest_type=verity\n"
			      "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig|modsig\n");
	assert_int_equal(p.rules[0].variants, 0x03020100);
	assert_int_equal(p.slots[3].variant, IMAD_VARIANT_VERITY | IMAD_VARIANT_MODSIG);

	/* No room for the variants: all or nothing. */
	memset(&p, 0, sizeof(p));
	for (unsigned int i = 0; i < 13; i++) {
		char rule[32];

		snprintf(rule, sizeof(rule), "measure pcr=%u\n", i);
		must_parse(&p, rule);
	}
	before = p;
	assert_int_equal(parse(&p, "\ndont_audit digest_type=verity\n", &e), -E2BIG);
	assert_int_equal(e.line, 2);
	assert_non_null(strstr(e.why, "too many pairs"));
	assert_memory_equal(&p, &before, sizeof(p));
}

#define TAIL_TCB                                         \
	"measure func=MMAP_CHECK mask=MAY_EXEC \n"       \
	"measure func=BPRM_CHECK mask=MAY_EXEC \n"       \
	"measure func=FILE_CHECK mask=^MAY_READ euid=0 \n" \
	"measure func=FILE_CHECK mask=^MAY_READ uid=0 \n" \
	"measure func=MODULE_CHECK \n"                   \
	"measure func=FIRMWARE_CHECK \n"                 \
	"measure func=POLICY_CHECK \n"

#define TAIL_TMPFS                                     \
	"appraise func=BPRM_CHECK fsmagic=0x1021994 \n" \
	"appraise func=MMAP_CHECK fsmagic=0x1021994 \n"

static const unsigned int dont_measure[] = {
	PROC, 0x62656572, 0x64626720, TMPFS, 0x1cd1, 0x42494e4d, 0x73636673,
	0xf97cff8c, 0x43415d53, 0x27e0eb, 0x63677270, 0x6e736673, 0xde5e81e4,
};
static const unsigned int dont_appraise[] = {
	PROC, 0x62656572, 0x64626720, TMPFS, 0x858458f6, 0x1cd1, 0x42494e4d,
	0x73636673, 0xf97cff8c, 0x43415d53, 0x6e736673, 0xde5e81e4, 0x27e0eb, 0x63677270,
};

static const struct {
	const char *name;
	enum { NO_HEAD, MEASURE, MEASURE_TMPFS, APPRAISE } head;
	const char *tail;
} builtins[] = {
	{ "tcb", MEASURE, TAIL_TCB },
	{ "ima_tcb", MEASURE,
	  "measure func=MMAP_CHECK mask=MAY_EXEC \n"
	  "measure func=BPRM_CHECK mask=MAY_EXEC \n"
	  "measure func=FILE_CHECK mask=MAY_READ uid=0 \n"
	  "measure func=MODULE_CHECK \n"
	  "measure func=FIRMWARE_CHECK \n" },
	{ "tcb+tmpfs", MEASURE_TMPFS, TAIL_TCB TAIL_TMPFS },
	{ "strict", MEASURE_TMPFS,
	  "measure func=MMAP_CHECK mask=MAY_EXEC \n"
	  "measure func=BPRM_CHECK mask=MAY_EXEC \n"
	  "measure func=CREDS_CHECK mask=MAY_EXEC \n"
	  "measure func=FILE_CHECK mask=^MAY_READ \n"
	  "measure func=MODULE_CHECK \n"
	  "measure func=FIRMWARE_CHECK \n"
	  "measure func=KEXEC_KERNEL_CHECK \n"
	  "measure func=KEXEC_INITRAMFS_CHECK \n"
	  "measure func=KEXEC_CMDLINE \n"
	  "measure func=POLICY_CHECK \n"
	  "measure func=KEY_CHECK \n"
	  "measure func=CRITICAL_DATA \n" TAIL_TMPFS },
	{ "secure_boot", NO_HEAD,
	  "appraise func=MODULE_CHECK appraise_type=imasig \n"
	  "appraise func=FIRMWARE_CHECK appraise_type=imasig \n"
	  "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig \n"
	  "appraise func=POLICY_CHECK appraise_type=imasig \n" },
	{ "appraise_tcb", APPRAISE,
	  "appraise func=POLICY_CHECK appraise_type=imasig \n"
	  "appraise fowner=0 \n" },
	{ "critical_data", NO_HEAD, "measure func=CRITICAL_DATA \n" },
	{ "fail_securely", NO_HEAD, "" },
};

static void add_magics(struct buf *b, const char *action, const unsigned int *magics, size_t n, bool tmpfs)
{
	for (size_t i = 0; i < n; i++)
		if (magics[i] != TMPFS || tmpfs)
			buf_addf(b, "%s fsmagic=0x%x \n", action, magics[i]);
}

static void test_builtin(void **state)
{
	struct buf printed = { 0 }, wanted = { 0 };
	static struct policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		const struct policy_builtin *b = policy_builtin(builtins[i].name, strlen(builtins[i].name));

		assert_ptr_equal(b, &policy_builtins[i]); /* the order in which they are installed */
		memset(&p, 0, sizeof(p));
		must_parse(&p, b->text);
		buf_reset(&wanted);
		if (builtins[i].head == MEASURE || builtins[i].head == MEASURE_TMPFS)
			add_magics(&wanted, "dont_measure", dont_measure, ARRAY_SIZE(dont_measure), builtins[i].head == MEASURE);
		if (builtins[i].head == APPRAISE)
			add_magics(&wanted, "dont_appraise", dont_appraise, ARRAY_SIZE(dont_appraise), true);
		buf_add_str(&wanted, builtins[i].tail);
		buf_add_u8(&wanted, 0);
		assert_string_equal(print(&p, &printed), (const char *)wanted.data);
	}
	assert_null(policy_builtins[ARRAY_SIZE(builtins)].name);
	assert_string_equal(policy_builtin("ima_tcb", 7)->unless, "tcb");
	assert_null(policy_builtin("tcb", 3)->unless);
	assert_null(policy_builtin("tcb", 2));
	assert_null(policy_builtin("tcbx", 4));
	assert_null(policy_builtin("", 0));
	buf_done(&printed);
	buf_done(&wanted);
}

static void test_summary(void **state)
{
	static struct policy p;
	struct policy_summary s;

	(void)state;
	policy_summarize(&p, &s);
	assert_int_equal(s.classes, 0);
	assert_int_equal(s.all_slots, 0);
	assert_int_equal(s.funcs, 0);
	assert_int_equal(s.conds, 0);
	assert_false(s.may_match_magic_all);

	must_parse(&p, "dont_measure func=MODULE_CHECK uid=1\nmeasure func=BPRM_CHECK pcr=3\n"
		       "measure func=FILE_CHECK mask=^MAY_READ\n");
	policy_summarize(&p, &s);
	assert_int_equal(s.all_slots, 3);
	assert_int_equal(s.funcs, POLICY_FUNC_BIT(BPRM_CHECK) | POLICY_FUNC_BIT(FILE_CHECK));
	assert_int_equal(s.conds, IMAD_COND_FUNC | IMAD_COND_UID | IMAD_COND_INMASK);
	assert_true(s.may_match_magic_all);

	assert_int_equal(s.classes, IMAD_MEASURE);
	must_parse(&p, "appraise func=SETXATTR_CHECK appraise_algos=sha256\n"); /* meets no event */
	policy_summarize(&p, &s);
	assert_int_equal(s.classes, IMAD_MEASURE);
	assert_int_equal(s.funcs & POLICY_FUNC_BIT(SETXATTR_CHECK), 0);
	assert_int_equal(s.all_slots, 3);
	must_parse(&p, "audit func=BPRM_CHECK\ndont_appraise\nhash uid=0\n");
	policy_summarize(&p, &s);
	assert_int_equal(s.classes, IMAD_MEASURE | IMAD_AUDIT | IMAD_HASH);
	assert_int_equal(s.all_slots, 3 | IMAD_SLOT_AUDIT | IMAD_SLOT_HASH);

	must_parse(&p, "measure fsname=ext4");
	policy_summarize(&p, &s);
	assert_int_equal(s.funcs & POLICY_FUNC_BIT(CREDS_CHECK), POLICY_FUNC_BIT(CREDS_CHECK));
	assert_int_equal(s.funcs & POLICY_FUNC_BIT(KEXEC_CMDLINE), POLICY_FUNC_BIT(KEXEC_CMDLINE));
	assert_int_equal(s.funcs & (POLICY_FUNC_BIT(NONE) | POLICY_FUNC_BIT(KEY_CHECK)), 0);
	assert_int_equal(s.funcs & (POLICY_FUNC_BIT(CRITICAL_DATA) | POLICY_FUNC_BIT(SETXATTR_CHECK)), 0);
	assert_false(s.may_match_magic_all);
}

/* Where what is appraised is held. */
static void summary_of_appraisal(void **state)
{
	static const struct {
		const char *text;
		bool opens, programs;
	} rows[] = {
		{ "measure\ndont_appraise\n", false, false },
		{ "appraise func=MODULE_CHECK\n", false, false },
		{ "appraise func=FILE_CHECK\n", true, false },
		{ "appraise func=BPRM_CHECK\n", false, true },
		{ "appraise func=CREDS_CHECK\n", false, true },
		{ "appraise func=MMAP_CHECK\n", false, true },
		{ "appraise func=MMAP_CHECK_REQPROT\n", false, true },
		{ "appraise fowner=0\n", true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const struct policy empty;
		static struct policy p;
		struct policy_summary s;

		p = empty;
		must_parse(&p, rows[i].text);
		policy_summarize(&p, &s);
		assert_int_equal(s.appraises_opens, rows[i].opens);
		assert_int_equal(s.appraises_programs, rows[i].programs);
	}
}

static const uint8_t uuid[16] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
				  0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0 };
static const uint8_t other_uuid[16] = { 1 };

static const struct {
	const char *text;
	uint64_t magic;
	const char *name;
	const uint8_t *uuid;
	bool can;
} filesystems[] = {
	{ "", EXT4, "ext4", uuid, false },
	{ "dont_measure", EXT4, "ext4", uuid, false },
	{ "measure", EXT4, "ext4", uuid, true },
	{ "measure fsmagic=0xef53", EXT4, "ext4", uuid, true },
	{ "measure fsmagic=0xef53", TMPFS, "tmpfs", uuid, false },
	{ "measure fsname=ext4", EXT4, "ext4", uuid, true },
	{ "measure fsname=ext4", EXT4, "ext3", uuid, false },
	{ "measure fsname=ext4", EXT4, "ext4dev", uuid, false },
	{ "measure fsname=ext4", EXT4, NULL, uuid, true },
	{ "measure fsuuid=" UUID, EXT4, "ext4", uuid, true },
	{ "measure fsuuid=" UUID, EXT4, "ext4", other_uuid, false },
	{ "measure fsuuid=" UUID, EXT4, "ext4", NULL, true },
	/* what stands before */
	{ "dont_measure\nmeasure", EXT4, "ext4", uuid, false },
	{ "measure\ndont_measure", EXT4, "ext4", uuid, true },
	{ "dont_measure fsmagic=0xef53\nmeasure", EXT4, "ext4", uuid, false },
	{ "dont_measure fsmagic=0xef53\nmeasure", TMPFS, "tmpfs", uuid, true },
	{ "dont_measure fsmagic=0xef53 uid=0\nmeasure", EXT4, "ext4", uuid, true },
	{ "dont_measure fsmagic=0xef53 mask=^MAY_READ\nmeasure", EXT4, "ext4", uuid, true },
	{ "dont_measure fsname=ext4\nmeasure", EXT4, "ext4", uuid, false },
	{ "dont_measure fsname=ext4\nmeasure", EXT4, NULL, uuid, true },
	{ "dont_measure fsuuid=" UUID "\nmeasure", EXT4, "ext4", uuid, false },
	{ "dont_measure fsuuid=" UUID "\nmeasure", EXT4, "ext4", other_uuid, true },
	{ "dont_measure fsuuid=" UUID "\nmeasure", EXT4, "ext4", NULL, true },
	/* hook by hook */
	{ "dont_measure func=BPRM_CHECK\nmeasure func=BPRM_CHECK uid=0", EXT4, "ext4", uuid, false },
	{ "dont_measure func=BPRM_CHECK\nmeasure func=FILE_CHECK", EXT4, "ext4", uuid, true },
	{ "dont_measure func=BPRM_CHECK\nmeasure", EXT4, "ext4", uuid, true },
	{ "dont_measure func=BPRM_CHECK\ndont_measure func=FILE_CHECK\nmeasure func=BPRM_CHECK",
	  EXT4, "ext4", uuid, false },
	{ "dont_measure fsname=ext4\nmeasure func=BPRM_CHECK", EXT4, "ext4", uuid, false },
	/* class by class */
	{ "dont_measure\naudit func=BPRM_CHECK", EXT4, "ext4", uuid, true },
	{ "dont_measure\ndont_appraise\nappraise", EXT4, "ext4", uuid, false },
	{ "dont_audit fsmagic=0xef53\nhash\n", EXT4, "ext4", uuid, true },
	{ "dont_hash fsmagic=0xef53\nhash\n", EXT4, "ext4", uuid, false },
	/* no file to hold */
	{ "measure func=KEY_CHECK\nmeasure func=CRITICAL_DATA\nmeasure func=KEXEC_CMDLINE", EXT4, "ext4", uuid, false },
};

static void test_can_match_fs(void **state)
{
	static const char *const exempt[] = { "tmpfs", "proc" };
	static const uint64_t magics[] = { TMPFS, PROC };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++) {
		struct policy p = { 0 };

		must_parse(&p, filesystems[i].text);
		if (policy_can_match_fs(&p, filesystems[i].magic, filesystems[i].name, filesystems[i].uuid) !=
		    filesystems[i].can)
			fail_msg("row %zu: %s", i, filesystems[i].text);
	}
	for (size_t i = 0; i < 2; i++) { /* tcb, ima_tcb */
		static struct policy p;

		memset(&p, 0, sizeof(p));
		must_parse(&p, policy_builtins[i].text);
		assert_true(policy_can_match_fs(&p, EXT4, "ext4", uuid));
		assert_true(policy_can_match_fs(&p, EXT4, NULL, NULL));
		for (size_t j = 0; j < ARRAY_SIZE(exempt); j++)
			assert_false(policy_can_match_fs(&p, magics[j], exempt[j], uuid));
	}
}

static void test_func_name(void **state)
{
	(void)state;
	assert_string_equal(policy_func_name(IMAD_FILE_CHECK), "FILE_CHECK");
	assert_string_equal(policy_func_name(IMAD_SETXATTR_CHECK), "SETXATTR_CHECK");
	assert_null(policy_func_name(IMAD_FUNC_COUNT));
	assert_null(policy_func_name(~0u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(summary_of_appraisal),
		cmocka_unit_test(test_can_match_fs),
		cmocka_unit_test(test_func_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
