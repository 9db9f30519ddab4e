/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels as text, and the conditions about them. */
#include "test_policy.h"

#define RULES                                                                                       \
	"measure obj_user=alice obj_role=object_r obj_type=one_t\n"                                 \
	"measure subj_user=alice subj_role=staff_r subj_type=two_t\n"                               \
	"measure obj_user=_ subj_user=^\n"
/* Bits in the order in which the words stand there. */
enum { OBJ_USER = 1, OBJ_ROLE = 2, OBJ_TYPE = 4, SUBJ_USER = 8, SUBJ_ROLE = 16, SUBJ_TYPE = 32, OBJ_FLOOR = 64, SUBJ_HAT = 128 };

static struct policy p;

static int parse_rules(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	must_parse(&p, RULES);
	return 0;
}

static const struct {
	enum imad_lsm lsm;
	bool object;
	const char *text;
	uint32_t bits;
} labels[] = {
	{ IMAD_LSM_SELINUX, true, "alice:object_r:one_t", OBJ_USER | OBJ_ROLE | OBJ_TYPE },
	{ IMAD_LSM_SELINUX, true, "alice:object_r:one_t:s0", OBJ_USER | OBJ_ROLE | OBJ_TYPE },
	{ IMAD_LSM_SELINUX, true, "alice:object_r:one_t:s0-s15:c0.c1023", OBJ_USER | OBJ_ROLE | OBJ_TYPE },
	{ IMAD_LSM_SELINUX, true, "alice:staff_r:two_t", OBJ_USER },
	{ IMAD_LSM_SELINUX, false, "alice:staff_r:two_t", SUBJ_USER | SUBJ_ROLE | SUBJ_TYPE },
	{ IMAD_LSM_SELINUX, false, "alice:object_r:one_t", SUBJ_USER },
	{ IMAD_LSM_SELINUX, false, "bob:staff_r:one_t:two_t", SUBJ_ROLE },
	{ IMAD_LSM_SELINUX, true, "alice:object_r:one_", OBJ_USER | OBJ_ROLE },
	{ IMAD_LSM_SELINUX, true, "alice:object_r:one_tt", OBJ_USER | OBJ_ROLE },
	{ IMAD_LSM_SELINUX, true, "alic:object_r:one_t", OBJ_ROLE | OBJ_TYPE },
	{ IMAD_LSM_SELINUX, true, "Alice:object_r:one_t", OBJ_ROLE | OBJ_TYPE },
	{ IMAD_LSM_SELINUX, true, "_:x:y", OBJ_FLOOR },
	{ IMAD_LSM_SELINUX, true, "", 0 },
	{ IMAD_LSM_SELINUX, true, "alice", 0 },
	{ IMAD_LSM_SELINUX, true, "alice:object_r", 0 },
	{ IMAD_LSM_SELINUX, true, "alice:object_r:", 0 },
	{ IMAD_LSM_SELINUX, true, "alice::one_t", 0 },
	{ IMAD_LSM_SELINUX, true, ":object_r:one_t", 0 },
	{ IMAD_LSM_SMACK, true, "_", OBJ_FLOOR },
	{ IMAD_LSM_SMACK, false, "_", 0 },
	{ IMAD_LSM_SMACK, false, "^", SUBJ_HAT },
	{ IMAD_LSM_SMACK, true, "__", 0 },
	{ IMAD_LSM_SMACK, true, "", 0 },
	{ IMAD_LSM_SMACK, true, "alice", OBJ_USER },
	{ IMAD_LSM_SMACK, true, "alice:object_r:one_t", 0 },
};

static void test_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		uint32_t bits = policy_match_label(&p, labels[i].lsm, labels[i].object, labels[i].text, strlen(labels[i].text));

		if (bits != labels[i].bits)
			fail_msg("%s of a %s: 0x%x, not 0x%x", labels[i].text, labels[i].object ? "file" : "task", bits,
				 labels[i].bits);
	}
}

/* What lies behind the label in memory is not looked at. */
static void test_length(void **state)
{
	(void)state;
	assert_int_equal(policy_match_label(&p, IMAD_LSM_SELINUX, true, "alice:object_r:one_txyz", 20),
			 OBJ_USER | OBJ_ROLE | OBJ_TYPE);
	assert_int_equal(policy_match_label(&p, IMAD_LSM_SMACK, true, "_xyz", 1), OBJ_FLOOR);
}

static void test_alias(void **state)
{
	static const char text[] = "alice:object_r:main_t";

	(void)state;
	assert_int_equal(policy_match_label(&p, IMAD_LSM_SELINUX, true, text, strlen(text)), OBJ_USER | OBJ_ROLE);
	strcpy(p.labels[2].known_as, "main_t");
	assert_int_equal(policy_match_label(&p, IMAD_LSM_SELINUX, true, text, strlen(text)), OBJ_USER | OBJ_ROLE | OBJ_TYPE);
}

static void test_kinds(void **state)
{
	static const char *const names[] = { "obj_user", "obj_role", "obj_type", "subj_user", "subj_role", "subj_type" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(policy_label_name(i), names[i]);
		assert_int_equal(policy_label_of_object(i), i < 3);
		assert_int_equal(policy_label_field(i), i % 3);
	}
	assert_int_equal(policy_label_kinds(IMAD_LSM_NONE), 0);
	assert_int_equal(policy_label_kinds(IMAD_LSM_SELINUX), 0x3f);
	assert_int_equal(policy_label_kinds(IMAD_LSM_SMACK), 0x9);
}

/* As the kernel: rules that ask for what no label here has are right, and mean nothing. */
static void test_inactive(void **state)
{
	static const char text[] = "measure obj_user=a\n"
				   "measure obj_user=a subj_type=b\n"
				   "measure subj_role=c\n"
				   "measure uid=0\n"
				   "measure subj_user=d\n";
	static const struct {
		enum imad_lsm lsm;
		unsigned int rules, inactive, labels;
	} expected[] = {
		{ IMAD_LSM_NONE, 1, 4, 0 },
		{ IMAD_LSM_SMACK, 3, 2, 2 },
		{ IMAD_LSM_SELINUX, 5, 0, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct policy_env env = { .template_ok = template_ok, .labels = policy_label_kinds(expected[i].lsm) };
		static struct policy other;
		struct parse_error e = { 0 };

		memset(&other, 0, sizeof(other));
		assert_ok(policy_parse(&other, text, strlen(text), &env, &e));
		assert_int_equal(other.n_rules, expected[i].rules);
		assert_int_equal(other.n_inactive, expected[i].inactive);
		assert_int_equal(other.n_labels, expected[i].labels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_labels, parse_rules),
		cmocka_unit_test_setup(test_length, parse_rules),
		cmocka_unit_test_setup(test_alias, parse_rules),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_inactive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
