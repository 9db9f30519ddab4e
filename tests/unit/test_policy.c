/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rule tables as a whole: slots, built-ins, summary, filesystems that need no gate. */
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

static void test_builtin(void **state)
{
	static const struct {
		const char *name, *tail;
		unsigned int n_rules;
	} expected[] = {
		{ "tcb",
		  "measure func=MMAP_CHECK mask=MAY_EXEC \n"
		  "measure func=BPRM_CHECK mask=MAY_EXEC \n"
		  "measure func=FILE_CHECK mask=^MAY_READ euid=0 \n"
		  "measure func=FILE_CHECK mask=^MAY_READ uid=0 \n"
		  "measure func=MODULE_CHECK \n"
		  "measure func=FIRMWARE_CHECK \n"
		  "measure func=POLICY_CHECK \n",
		  20 },
		{ "ima_tcb",
		  "measure func=MMAP_CHECK mask=MAY_EXEC \n"
		  "measure func=BPRM_CHECK mask=MAY_EXEC \n"
		  "measure func=FILE_CHECK mask=MAY_READ uid=0 \n"
		  "measure func=MODULE_CHECK \n"
		  "measure func=FIRMWARE_CHECK \n",
		  18 },
	};
	static const unsigned int dont[] = {
		0x9fa0, 0x62656572, 0x64626720, 0x1021994, 0x1cd1, 0x42494e4d, 0x73636673,
		0xf97cff8c, 0x43415d53, 0x27e0eb, 0x63677270, 0x6e736673, 0xde5e81e4,
	};
	struct buf printed = { 0 }, wanted = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct policy p = { 0 };

		must_parse(&p, policy_builtin(expected[i].name));
		assert_int_equal(p.n_rules, expected[i].n_rules);
		buf_reset(&wanted);
		for (size_t j = 0; j < ARRAY_SIZE(dont); j++)
			buf_addf(&wanted, "dont_measure fsmagic=0x%x \n", dont[j]);
		buf_add_str(&wanted, expected[i].tail);
		buf_add_u8(&wanted, 0);
		assert_string_equal(print(&p, &printed), (const char *)wanted.data);
		assert_string_equal(policy_builtin_names()[i], expected[i].name);
	}
	assert_null(policy_builtin_names()[ARRAY_SIZE(expected)]);
	assert_null(policy_builtin("appraise_tcb"));
	assert_null(policy_builtin(""));
	buf_done(&printed);
	buf_done(&wanted);
}

static void test_summary(void **state)
{
	struct policy p = { 0 };
	struct policy_summary s;

	(void)state;
	policy_summarize(&p, &s);
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

	must_parse(&p, "measure fsname=ext4");
	policy_summarize(&p, &s);
	assert_int_equal(s.funcs & POLICY_FUNC_BIT(CREDS_CHECK), POLICY_FUNC_BIT(CREDS_CHECK));
	assert_int_equal(s.funcs & POLICY_FUNC_BIT(KEXEC_CMDLINE), POLICY_FUNC_BIT(KEXEC_CMDLINE));
	assert_int_equal(s.funcs & (POLICY_FUNC_BIT(NONE) | POLICY_FUNC_BIT(KEY_CHECK)), 0);
	assert_int_equal(s.funcs & (POLICY_FUNC_BIT(CRITICAL_DATA) | POLICY_FUNC_BIT(SETXATTR_CHECK)), 0);
	assert_false(s.may_match_magic_all);
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
	for (const char *const *name = policy_builtin_names(); *name; name++) {
		struct policy p = { 0 };

		must_parse(&p, policy_builtin(*name));
		assert_true(policy_can_match_fs(&p, EXT4, "ext4", uuid));
		assert_true(policy_can_match_fs(&p, EXT4, NULL, NULL));
		for (size_t i = 0; i < ARRAY_SIZE(exempt); i++)
			assert_false(policy_can_match_fs(&p, magics[i], exempt[i], uuid));
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
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_can_match_fs),
		cmocka_unit_test(test_func_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
