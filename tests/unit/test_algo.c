/* SPDX-License-Identifier: GPL-2.0-or-later */
/* algo.c against include/uapi/linux/hash_info.h, crypto/hash_info.c and the TCG Algorithm Registry. */
#include <imad/algo.h>
#include <imad/util.h>

#include "test.h"

/* In the order of enum hash_algo. */
static const struct {
	const char *name;
	unsigned int size, tpm;
} known[] = {
	{ "md4", 16, 0 },	  { "md5", 16, 0 },	    { "sha1", 20, 0x4 },
	{ "rmd160", 20, 0 },	  { "sha256", 32, 0xb },    { "sha384", 48, 0xc },
	{ "sha512", 64, 0xd },	  { "sha224", 28, 0 },	    { "rmd128", 16, 0 },
	{ "rmd256", 32, 0 },	  { "rmd320", 40, 0 },	    { "wp256", 32, 0 },
	{ "wp384", 48, 0 },	  { "wp512", 64, 0 },	    { "tgr128", 16, 0 },
	{ "tgr160", 20, 0 },	  { "tgr192", 24, 0 },	    { "sm3", 32, 0x12 },
	{ "streebog256", 32, 0 }, { "streebog512", 64, 0 }, { "sha3-256", 32, 0x27 },
	{ "sha3-384", 48, 0x28 }, { "sha3-512", 64, 0x29 },
};

static void table(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(known), ALGO_COUNT);
	for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
		const struct algo *a = algo_by_id(i);

		assert_non_null(a);
		assert_int_equal(a->id, i);
		assert_int_equal(a->size, known[i].size);
		assert_int_equal(a->tpm, known[i].tpm);
		assert_string_equal(a->name, known[i].name);
		assert_ptr_equal(algo_by_name(known[i].name, strlen(known[i].name)), a);
		if (a->tpm)
			assert_ptr_equal(algo_by_tpm(a->tpm), a);
	}
}

static void unknown(void **state)
{
	(void)state;
	assert_null(algo_by_id(ALGO_COUNT));
	assert_null(algo_by_id(UINT32_MAX));
	assert_null(algo_by_name("sha25", 5));
	assert_null(algo_by_name("sha2567", 7));
	assert_null(algo_by_name("SHA1", 4));
	assert_null(algo_by_name("", 0));
	assert_null(algo_by_tpm(0)); /* what rows without a TPM id hold */
	assert_null(algo_by_tpm(0x10));
	assert_string_equal(algo_by_name("sha1:", 4)->name, "sha1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
