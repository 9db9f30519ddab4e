/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy has room for, and that a text which does not fit leaves no trace. */
#include <stdio.h>

#include "test_policy.h"

static void test_line_limit(void **state)
{
	static char text[POLICY_LINE_MAX + 3];
	struct policy p = { 0 };
	struct parse_error e = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "measure", 7);
	text[POLICY_LINE_MAX] = '\n';
	assert_ok(parse(&p, text, &e));
	assert_int_equal(p.n_rules, 1);

	text[POLICY_LINE_MAX] = ' ';
	text[POLICY_LINE_MAX + 1] = '\n';
	assert_int_equal(parse(&p, text, &e), -EBADMSG);
	assert_string_equal(e.why, "line too long");
	assert_string_equal(e.token, "measure");
	assert_int_equal(p.n_rules, 1);
}

static void test_text_limit(void **state)
{
	char *text = calloc(1, POLICY_TEXT_MAX + 1);
	struct policy p = { 0 };
	struct parse_error e = { .line = 7 };

	(void)state;
	assert_non_null(text);
	memset(text, '\n', POLICY_TEXT_MAX + 1);
	assert_ok(policy_parse(&p, text, POLICY_TEXT_MAX, &policy_test_env, &e));
	assert_int_equal(policy_parse(&p, text, POLICY_TEXT_MAX + 1, &policy_test_env, &e), -E2BIG);
	assert_string_equal(e.why, "text too long");
	assert_int_equal(e.line, 0);
	free(text);
}

static void test_rule_limit(void **state)
{
	struct policy p = { 0 }, before;
	struct parse_error e = { 0 };

	(void)state;
	for (unsigned int i = 0; i < IMAD_RULES_MAX - 1; i++)
		must_parse(&p, "dont_measure\n");
	before = p;
	assert_int_equal(parse(&p, "measure\n\nmeasure uid=0\n", &e), -E2BIG);
	assert_string_equal(e.why, "too many rules");
	assert_int_equal(e.line, 3);
	assert_memory_equal(&p, &before, sizeof(p));
	must_parse(&p, "measure\n");
	assert_int_equal(p.n_rules, IMAD_RULES_MAX);
}

static void test_slot_limit(void **state)
{
	struct policy p = { 0 }, before;
	struct parse_error e = { 0 };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < IMAD_SLOTS_MAX; i++) {
		snprintf(line, sizeof(line), "measure pcr=%u\n", i);
		must_parse(&p, line);
	}
	assert_int_equal(p.rules[IMAD_SLOTS_MAX - 1].slot_bit, 1u << (IMAD_SLOTS_MAX - 1));
	before = p;
	assert_int_equal(parse(&p, "measure pcr=3\nmeasure\n", &e), -E2BIG);
	assert_string_equal(e.why, "too many pairs of pcr= and template=");
	assert_int_equal(e.line, 2);
	assert_memory_equal(&p, &before, sizeof(p));
}

/* Names, lists and labels that earlier lines of a refused text brought in are gone with it. */
static void test_nothing_is_left(void **state)
{
	static struct policy p, before;
	struct parse_error e = { 0 };

	(void)state;
	must_parse(&p, "measure func=KEY_CHECK keyrings=a|b\nmeasure obj_type=t\n");
	before = p;
	assert_int_equal(parse(&p, "measure func=KEY_CHECK keyrings=c|a template=ima-sig\nmeasure obj_type=x pcr=5\nnonsense", &e),
			 -EBADMSG);
	assert_int_equal(e.line, 3);
	assert_memory_equal(&p, &before, sizeof(p));
	must_parse(&p, "measure func=KEY_CHECK keyrings=c|a\n");
	assert_int_equal(p.n_names, 3);
	assert_int_equal(p.rules[2].names, 1 | 4);
}

static void test_name_limit(void **state)
{
	static struct policy p, before;
	struct parse_error e = { 0 };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < POLICY_NAMES_MAX; i++) {
		snprintf(line, sizeof(line), "measure func=KEY_CHECK keyrings=k%u\n", i);
		must_parse(&p, line);
	}
	assert_true(p.rules[POLICY_NAMES_MAX - 1].names == 1ull << (POLICY_NAMES_MAX - 1));
	must_parse(&p, "measure func=CRITICAL_DATA label=k3|k63\n");
	before = p;
	assert_int_equal(parse(&p, "measure func=CRITICAL_DATA label=k3|other\n", &e), -EBADMSG);
	assert_string_equal(e.why, "too many different names in keyrings= and label=");
	assert_memory_equal(&p, &before, sizeof(p));
}

static void test_list_text_limit(void **state)
{
	static struct policy p;
	static char line[POLICY_LINE_MAX + 1];
	struct parse_error e = { 0 };
	size_t n;

	(void)state;
	n = (size_t)snprintf(line, sizeof(line), "measure func=KEY_CHECK keyrings=abc");
	while (n + 4 < 4000) {
		memcpy(line + n, "|abc", 4);
		n += 4;
	}
	must_parse(&p, line);
	must_parse(&p, line);
	assert_int_equal(p.n_names, 1);
	assert_int_equal(parse(&p, line, &e), -EBADMSG);
	assert_string_equal(e.why, "too much text in keyrings= and label=");
}

static void test_label_limit(void **state)
{
	static struct policy p;
	struct parse_error e = { 0 };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++) {
		snprintf(line, sizeof(line), "measure %s_type=t%u\n", i % 2 ? "obj" : "subj", i);
		must_parse(&p, line);
	}
	must_parse(&p, "measure obj_type=t1 subj_type=t0\n");
	assert_int_equal(p.rules[POLICY_LABELS_MAX].labels, 3);
	assert_int_equal(parse(&p, "measure obj_type=t0\n", &e), -EBADMSG); /* another kind: another label */
	assert_string_equal(e.why, "too many different labels");
}

/* Without a security module such rules are checked and left out, with all that they brought. */
static void test_inactive_labels(void **state)
{
	static const struct policy_env env = { .template_ok = template_ok };
	static const char text[] = "measure obj_type=etc_t\nmeasure uid=1 subj_user=u\nmeasure\n";
	static struct policy p;
	struct parse_error e = { 0 };

	(void)state;
	assert_ok(policy_parse(&p, text, strlen(text), &env, &e));
	assert_int_equal(p.n_rules, 1);
	assert_int_equal(p.n_inactive, 2);
	assert_int_equal(p.n_labels, 0);
	assert_int_equal(policy_parse(&p, "measure obj_type=a foo", 22, &env, &e), -EBADMSG);
	assert_int_equal(p.n_inactive, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_text_limit),
		cmocka_unit_test(test_rule_limit),
		cmocka_unit_test(test_slot_limit),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_name_limit),
		cmocka_unit_test(test_list_text_limit),
		cmocka_unit_test(test_label_limit),
		cmocka_unit_test(test_inactive_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
