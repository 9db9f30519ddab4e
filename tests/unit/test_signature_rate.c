/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature.c: how many RSA-2048 signatures are verified a second by one thread with one
 * keyring, counted in the thread's own CPU time, so that a busy machine fails nothing.
 */
#include <time.h>

#include <imad/digest.h>
#include <imad/signature.h>

#include "golden.h"

#define LEAST 2000 /* a second */

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void rate(void **state)
{
	cleanup_buf struct buf der = { 0 }, sig = { 0 }, content = { 0 };
	cleanup(keyring_freep) struct keyring *k = NULL;
	double start, took = 0;
	unsigned int n = 0;
	struct digest d;

	(void)state;
	golden_read(&der, "evmctl-sig/rsa2048.der");
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	golden_read(&content, "evmctl-sig/hello");
	assert_ok(digest_buf(algo_by_id(ALGO_SHA256), content.data, content.len, &d));
	assert_ok(keyring_new(&k));
	assert_ok(keyring_add_cert(k, der.data, der.len, "x", NULL));
	start = cpu_seconds();
	for (; took < 0.5; took = cpu_seconds() - start, n++) {
		d.bytes[0] ^= n & 1; /* every second one is of other content: nothing can be remembered */
		assert_int_equal(signature_verify_detached(k, sig.data, sig.len, &d), n & 1 ? SIGNATURE_BAD : SIGNATURE_OK);
		d.bytes[0] ^= n & 1;
	}
	print_message("%.0f RSA-2048 verifications a second\n", n / took);
	assert_true(n / took >= LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rate) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
