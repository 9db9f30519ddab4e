// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of imad's own violations: what stands in lists of other hosts must be found again. */
#include <errno.h>
#include <string.h>

#include <imad/util.h>
#include <imad/violation.h>

#include "test.h"

/* As they are documented; who checks lists elsewhere has these in tables of its own. */
static void test_names(void **state)
{
	static const char *const names[] = { "imad:gap", "imad:lost", "imad:pcr-reset", "imad:timeout" };
	char name[64];

	(void)state;
	assert_int_equal(VIOLATION_KINDS, ARRAY_SIZE(names));
	for (int i = 0; i < VIOLATION_KINDS; i++) {
		violation_name(i, NULL, name, sizeof(name));
		assert_string_equal(name, names[i]);
		assert_int_equal(violation_of(name, strlen(name)), i);
		assert_string_equal(violation_detail(name), "");
		violation_name(i, "a=1,file=/b:c", name, sizeof(name));
		assert_int_equal(strlen(name), strlen(names[i]) + 14);
		assert_int_equal(violation_of(name, strlen(name)), i);
		assert_string_equal(violation_detail(name), "a=1,file=/b:c");
		assert_null(strpbrk(names[i], " \t\n"));
		assert_true(*violation_meaning(i) && *violation_advice(i));
	}
}

static void test_others(void **state)
{
	static const char *const names[] = {
		"", "imad:", "imad", "imad:gaps", "imad:ga", "imad:GAP", "/imad:gap", "imad::gap", "imad:future:x=1", "mad:gap",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(violation_of(names[i], strlen(names[i])), -ENOENT);
	assert_int_equal(violation_of("imad:gapx", 8), VIOLATION_GAP); /* a slice, without NUL */
	assert_int_equal(violation_of("imad:gap", 7), -ENOENT);
}

static void test_cut(void **state)
{
	char name[12];

	(void)state;
	violation_name(VIOLATION_TIMEOUT, "uses=1,file=/long", name, sizeof(name));
	assert_string_equal(name, "imad:timeou");
	violation_name(VIOLATION_GAP, "uses=late", name, sizeof(name));
	assert_string_equal(name, "imad:gap:us");
	assert_int_equal(violation_of(name, strlen(name)), VIOLATION_GAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
