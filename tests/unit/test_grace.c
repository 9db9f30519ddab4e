/* SPDX-License-Identifier: GPL-2.0-or-later */
/* appraise.grace: a period without failures, begun anew by each of them. */
#include <imad/grace.h>

#include "test.h"

static void over_after_silence(void **state)
{
	struct grace g = { 0 };

	(void)state;
	assert_false(grace_is_over(&g, 1000, 0)); /* waits for nothing */
	assert_int_equal(grace_left(&g, 1000), 0);
	grace_start(&g, 100, 1000, 7);
	assert_int_equal(grace_left(&g, 1000), 100);
	assert_false(grace_is_over(&g, 1099, 7));
	assert_int_equal(grace_left(&g, 1099), 1);
	assert_true(grace_is_over(&g, 1100, 7));
	assert_false(g.waiting);
	assert_false(grace_is_over(&g, 1200, 7)); /* told once */
	assert_int_equal(grace_left(&g, 1200), 0);
}

static void failures_begin_it_anew(void **state)
{
	struct grace g = { 0 };

	(void)state;
	grace_start(&g, 100, 0, 0);
	assert_false(grace_is_over(&g, 99, 1));
	assert_int_equal(grace_left(&g, 99), 100);
	assert_false(grace_is_over(&g, 198, 1));
	/* One that is heard of only when the period would be over counts, too. */
	assert_false(grace_is_over(&g, 199, 3));
	assert_false(grace_is_over(&g, 298, 3));
	assert_true(grace_is_over(&g, 299, 3));
}

static void another_policy_begins_it_anew(void **state)
{
	struct grace g = { 0 };

	(void)state;
	grace_restart(&g, 5);
	assert_false(grace_is_over(&g, 1000, 0)); /* nothing was begun */
	grace_start(&g, 100, 0, 0);
	grace_restart(&g, 60);
	assert_false(grace_is_over(&g, 159, 0));
	assert_true(grace_is_over(&g, 160, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_after_silence),
		cmocka_unit_test(failures_begin_it_anew),
		cmocka_unit_test(another_policy_begins_it_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
