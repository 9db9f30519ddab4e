// SPDX-License-Identifier: GPL-2.0-or-later
/* What is told of many waits, compared with a sorted list of them. */
#include <stdlib.h>

#include <imad/util.h>
#include <imad/waits.h>

#include "test.h"

static void test_none(void **state)
{
	struct waits w = { 0 };

	(void)state;
	assert_int_equal(waits_within(&w, 500), 0);
	assert_int_equal(waits_within(&w, 1000), 0);
}

/* One alone is told as it is, whatever its size: no bucket ends after the longest. */
static void test_one(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 255, 1023, 1024, 1279, 1280, 999999, 1000000000, 1ull << 45, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct waits w = { 0 };

		waits_add(&w, sizes[i]);
		assert_int_equal(w.longest_ns, sizes[i]);
		for (unsigned int p = 1; p <= 1000; p += 333)
			assert_int_equal(waits_within(&w, p), sizes[i]);
	}
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of many the answer is that of a sorted list, or longer by a quarter at most, never shorter. */
static void test_against_a_sorted_list(void **state)
{
	static const unsigned int permille[] = { 1, 10, 500, 900, 990, 999, 1000 };
	uint64_t all[5000], seed = 42;
	struct waits w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		all[i] = 2000 + (seed >> 33) % (1000ull << seed % 20);
		waits_add(&w, all[i]);
	}
	qsort(all, ARRAY_SIZE(all), sizeof(*all), by_size);
	for (size_t i = 0; i < ARRAY_SIZE(permille); i++) {
		uint64_t exact = all[(ARRAY_SIZE(all) * permille[i] + 999) / 1000 - 1];
		uint64_t told = waits_within(&w, permille[i]);

		assert_true(told >= exact);
		assert_true(told <= exact + exact / 4);
	}
	assert_int_equal(waits_within(&w, 1000), all[ARRAY_SIZE(all) - 1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_against_a_sorted_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
