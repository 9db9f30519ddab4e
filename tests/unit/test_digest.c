/* SPDX-License-Identifier: GPL-2.0-or-later */
/* digest.c: known answers, streams, algorithms that libcrypto lacks, several threads. */
#include <pthread.h>

#include <imad/digest.h>

#include "golden.h"

/* "abc": FIPS 180-4 and 202 examples, RFC 1321. */
static const struct {
	unsigned int algo;
	const char *hex;
} abc[] = {
	{ ALGO_MD5, "900150983cd24fb0d6963f7d28e17f72" },
	{ ALGO_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ ALGO_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ ALGO_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		       "8086072ba1e7cc2358baeca134c825a7" },
	{ ALGO_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	{ 20, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
};

static void known_answers(void **state)
{
	struct digest d;

	(void)state;
	for (int again = 0; again < 2; again++) { /* the second round meets a used context */
		for (size_t i = 0; i < ARRAY_SIZE(abc); i++) {
			assert_ok(digest_buf(algo_by_id(abc[i].algo), "abc", 3, &d));
			assert_int_equal(d.algo, abc[i].algo);
			assert_digest(&d, abc[i].hex);
		}
	}
	assert_ok(digest_buf(algo_by_id(ALGO_SHA256), NULL, 0, &d));
	assert_digest(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void streams(void **state)
{
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(abc); i++) {
		cleanup(digest_stream_freep) struct digest_stream *s = NULL;

		assert_ok(digest_stream_new(algo_by_id(abc[i].algo), &s));
		for (int again = 0; again < 3; again++) {
			assert_ok(digest_begin(s));
			assert_ok(digest_update(s, "a", 1));
			assert_ok(digest_update(s, "", 0));
			assert_ok(digest_update(s, "bc", 2));
			assert_ok(digest_end(s, &d));
			assert_int_equal(d.algo, abc[i].algo);
			assert_digest(&d, abc[i].hex);

			/* begin drops what was not ended */
			assert_ok(digest_begin(s));
			assert_ok(digest_update(s, "dropped", 7));
		}
	}
}

static void lacking(void **state)
{
	struct digest d = { .algo = 77 };
	struct digest_stream *s = NULL;

	(void)state;
	assert_int_equal(digest_buf(algo_by_name("tgr128", 6), "abc", 3, &d), -EOPNOTSUPP);
	assert_int_equal(d.algo, 77);
	assert_int_equal(digest_stream_new(algo_by_name("streebog256", 11), &s), -EOPNOTSUPP);
	assert_null(s);
	digest_stream_free(NULL);

	/* Some have a name in libcrypto, and are not in the provider that it loads. */
	assert_false(digest_can(NULL));
	assert_false(digest_can(algo_by_name("wp512", 5)));
	assert_true(digest_can(algo_by_id(ALGO_SHA256)));
	for (unsigned int id = 0; id < ALGO_COUNT; id++)
		assert_int_equal(digest_can(algo_by_id(id)), digest_buf(algo_by_id(id), "abc", 3, &d) == 0);
}

static void *hash_often(void *arg)
{
	uintptr_t wrong = 0;
	struct digest d;

	for (unsigned int i = 0; i < 3000; i++) {
		const char *hex = abc[i % ARRAY_SIZE(abc)].hex;
		uint8_t wanted[DIGEST_MAX];

		if (digest_buf(algo_by_id(abc[i % ARRAY_SIZE(abc)].algo), "abc", 3, &d) ||
		    hex_decode(hex, strlen(hex), wanted, d.size) || memcmp(wanted, d.bytes, d.size))
			wrong++;
	}
	(void)arg;
	return (void *)wrong;
}

static void threads(void **state)
{
	pthread_t t[4];
	void *wrong;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_ok(pthread_create(&t[i], NULL, hash_often, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_ok(pthread_join(t[i], &wrong));
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads), /* first, so that they race for the fetch */
		cmocka_unit_test(known_answers),
		cmocka_unit_test(streams),
		cmocka_unit_test(lacking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
