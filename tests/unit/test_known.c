// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <imad/known.h>

static struct digest digest_of(unsigned int n, uint8_t algo)
{
	struct digest d = { .algo = algo, .size = 32 };

	memcpy(d.bytes, &n, sizeof(n));
	return d;
}

static void one_and_another(void **state)
{
	struct digest a = digest_of(1, ALGO_SHA256), b = digest_of(2, ALGO_SHA256), c = digest_of(1, ALGO_SHA512);
	struct known *k = NULL;

	(void)state;
	assert_int_equal(known_new(8, &k), 0);
	assert_int_equal(known_find(k, &a, 5), 0);
	assert_int_equal(known_algos(k), 0);
	known_add(k, &a, 17, 5);
	assert_int_equal(known_find(k, &a, 5), 17);
	assert_int_equal(known_find(k, &b, 5), 0);
	assert_int_equal(known_find(k, &c, 5), 0); /* the same bytes, another algorithm */
	assert_int_equal(known_algos(k), 1u << ALGO_SHA256);
	known_add(k, &a, 18, 5);
	assert_int_equal(known_find(k, &a, 5), 18);
	assert_int_equal(known_find(k, &a, 6), 0); /* other keys since */
	known_add(k, &a, 19, 6);
	assert_int_equal(known_find(k, &a, 6), 19);
	known_free(k);
	known_free(NULL);
}

/* The newest stay, however many there were, and buckets that are shared stay whole. */
static void newest_stay(void **state)
{
	struct known *k = NULL;

	(void)state;
	assert_int_equal(known_new(1000, &k), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		struct digest d = digest_of(i * 4096 + i % 3, ALGO_SHA256); /* three buckets */

		known_add(k, &d, i + 1, 5);
	}
	for (unsigned int i = 0; i < 5000; i++) {
		struct digest d = digest_of(i * 4096 + i % 3, ALGO_SHA256);

		assert_int_equal(known_find(k, &d, 5), i < 4000 ? 0 : i + 1);
	}
	known_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_and_another),
		cmocka_unit_test(newest_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
