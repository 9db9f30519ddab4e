/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TPM against swtpm: banks, extends, and every kind of answer, refusal and silence. */
#include <openssl/evp.h>
#include <time.h>

#include <imad/tpm.h>
#include <imad/util.h>

#include "test.h"
#include "tpm_proxy.h"

#define TEST_PCR 13

static struct swtpm swtpm;
static struct proxy proxy;
static struct tpm *tpm;

static int start(void **state)
{
	(void)state;
	if (swtpm_start(&swtpm) < 0 || proxy_start(&proxy, &swtpm) < 0)
		return -1;
	return tpm_open(proxy.tcti, &tpm);
}

static int stop(void **state)
{
	(void)state;
	tpm_free(take_ptr(tpm));
	proxy_stop(&proxy);
	swtpm_stop(&swtpm);
	return 0;
}

/* One digest a bank, all bytes @fill. */
static unsigned int fill(struct digest d[PCR_BANKS_MAX], uint8_t value)
{
	const struct algo *banks[PCR_BANKS_MAX];
	unsigned int n = tpm_banks(tpm, banks);

	for (unsigned int i = 0; i < n; i++) {
		d[i] = (struct digest){ .algo = banks[i]->id, .size = banks[i]->size };
		memset(d[i].bytes, value, d[i].size);
	}
	return n;
}

static int extend(uint8_t value)
{
	struct digest d[PCR_BANKS_MAX];
	unsigned int n = fill(d, value);

	return tpm_extend(tpm, TEST_PCR, d, n);
}

/* H(old || value...), by libcrypto directly. */
static void expect_extend(struct pcr_value *v, uint8_t value)
{
	uint8_t text[2 * DIGEST_MAX];

	for (unsigned int i = 0; i < v->n; i++) {
		struct digest *b = &v->bank[i];
		const EVP_MD *md = EVP_get_digestbyname(algo_by_id(b->algo)->openssl);

		assert_non_null(md);
		memcpy(text, b->bytes, b->size);
		memset(text + b->size, value, b->size);
		assert_int_equal(EVP_Digest(text, 2 * (size_t)b->size, b->bytes, NULL, md, NULL), 1);
	}
}

static struct pcr_value pcr_now(void)
{
	struct pcr_value v;

	assert_ok(tpm_pcr_read(tpm, TEST_PCR, &v));
	return v;
}

static void assert_value(const struct pcr_value *want)
{
	struct pcr_value v = pcr_now();

	assert_int_equal(v.n, want->n);
	for (unsigned int i = 0; i < v.n; i++) {
		assert_int_equal(v.bank[i].algo, want->bank[i].algo);
		assert_memory_equal(v.bank[i].bytes, want->bank[i].bytes, want->bank[i].size);
	}
}

static void test_banks(void **state)
{
	const struct algo *banks[PCR_BANKS_MAX];
	unsigned int sha1 = 0, sha256 = 0, n = tpm_banks(tpm, banks);

	(void)state;
	assert_in_range(n, 2, PCR_BANKS_MAX);
	for (unsigned int i = 0; i < n; i++) {
		sha1 += banks[i]->id == ALGO_SHA1;
		sha256 += banks[i]->id == ALGO_SHA256;
	}
	assert_int_equal(sha1, 1);
	assert_int_equal(sha256, 1);
}

static void test_extend(void **state)
{
	struct pcr_value v = pcr_now();

	(void)state;
	for (uint8_t i = 1; i < 20; i++) {
		assert_ok(extend(i));
		expect_extend(&v, i);
	}
	assert_value(&v);
}

static void test_invalid(void **state)
{
	struct pcr_value v = pcr_now(), before = v;
	struct digest d[PCR_BANKS_MAX];
	unsigned int n = fill(d, 1);

	(void)state;
	assert_int_equal(tpm_extend(tpm, TEST_PCR, d, 0), -EINVAL);
	assert_int_equal(tpm_extend(tpm, 99, d, n), -EINVAL);
	d[0].size--;
	assert_int_equal(tpm_extend(tpm, TEST_PCR, d, n), -EINVAL);
	assert_int_equal(tpm_pcr_read(tpm, 99, &v), -EINVAL);
	assert_memory_equal(&v, &before, sizeof(v));
}

/* PCR 17 belongs to locality 4: a refusal by the TPM, after which all goes on. */
static void test_refused(void **state)
{
	struct digest d[PCR_BANKS_MAX];
	unsigned int n = fill(d, 1);

	(void)state;
	assert_int_equal(tpm_extend(tpm, 17, d, n), -EIO);
	assert_non_null(strstr(tpm_error(tpm), "tpm"));
	assert_ok(extend(1));
}

/* Busy answers are asked again, with pauses, and the extend happens once. */
static void test_busy(void **state)
{
	static const uint32_t busy[] = { 0x922, 0x908, 0x90a, 0x920, 0x923 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++) {
		struct pcr_value v = pcr_now();

		proxy_plan(&proxy, PROXY_ANSWER, 0, 12, busy[i]);
		assert_ok(extend(7));
		assert_int_equal(proxy_executed(&proxy), 1);
		expect_extend(&v, 7);
		assert_value(&v);
	}
}

static void test_busy_for_ever(void **state)
{
	struct pcr_value v = pcr_now();
	struct timespec a, b;
	double s;

	(void)state;
	proxy_plan(&proxy, PROXY_ANSWER, 0, ~0u, 0x922);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(extend(7), -EIO);
	clock_gettime(CLOCK_MONOTONIC, &b);
	s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	assert_true(s > 1.5 && s < 10);
	assert_non_null(strstr(tpm_error(tpm), "tpm"));
	proxy_plan(&proxy, PROXY_NONE, 0, 0, 0);
	assert_value(&v);
}

/* Failure mode is no reason to ask again. */
static void test_failure(void **state)
{
	(void)state;
	proxy_plan(&proxy, PROXY_ANSWER, 0, 1, 0x101);
	assert_int_equal(extend(7), -EIO);
	assert_int_equal(proxy.seen, 1);
	assert_ok(extend(7));
}

/* Silence: the outcome is unknown, and nothing more is sent before tpm_reopen(). */
static void lost(enum proxy_fault fault, bool executed)
{
	struct pcr_value v = pcr_now(), none = { 0 };

	proxy_plan(&proxy, fault, 0, 1, 0);
	assert_int_equal(extend(9), -EREMOTEIO);
	assert_int_equal(proxy_executed(&proxy), executed);
	assert_int_equal(extend(9), -EREMOTEIO);
	assert_int_equal(tpm_pcr_read(tpm, TEST_PCR, &none), -EREMOTEIO);
	assert_int_equal(none.n, 0);
	assert_int_equal(proxy_executed(&proxy), executed);

	assert_ok(tpm_reopen(tpm));
	if (executed)
		expect_extend(&v, 9);
	assert_value(&v);
	assert_ok(extend(10));
	expect_extend(&v, 10);
	assert_value(&v);
}

static void test_lost_reply(void **state)
{
	(void)state;
	lost(PROXY_LOSE, true);
}

static void test_lost_request(void **state)
{
	(void)state;
	lost(PROXY_DROP, false);
}

static void test_gone(void **state)
{
	struct pcr_value v = pcr_now();

	(void)state;
	proxy_refuse(&proxy, true);
	assert_int_equal(extend(3), -EREMOTEIO);
	for (int i = 0; i < 3; i++)
		assert_true(tpm_reopen(tpm) < 0);
	assert_int_equal(extend(3), -EREMOTEIO);
	proxy_refuse(&proxy, false);
	assert_ok(tpm_reopen(tpm));
	assert_value(&v);
}

static void test_no_tpm(void **state)
{
	struct tpm *none = NULL;

	(void)state;
	assert_int_equal(tpm_open("swtpm:path=/nonexistent/sock", &none), -ENODEV);
	assert_int_equal(tpm_open("device:/nonexistent", &none), -ENODEV);
	assert_int_equal(tpm_open("nonsense:", &none), -ENODEV);
	assert_null(none);
	tpm_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_banks),	     cmocka_unit_test(test_extend),
		cmocka_unit_test(test_invalid),	     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_busy),	     cmocka_unit_test(test_busy_for_ever),
		cmocka_unit_test(test_failure),	     cmocka_unit_test(test_lost_reply),
		cmocka_unit_test(test_lost_request), cmocka_unit_test(test_gone),
		cmocka_unit_test(test_no_tpm),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
