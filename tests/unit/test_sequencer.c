/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sequencer against swtpm: what gets into list and PCR, restarts, faults of the TPM, choice of the PCR. */
#include "sequencer_lost.h"
#include "sequencer_kernel.h"

static void test_thousand(void **state)
{
	struct sequencer_status st;

	(void)state;
	seq_start();
	measure_many(0, 1000);
	assert_ok(measure_violation(1, "ToMToU"));
	st = seq_status();
	assert_int_equal(st.records, 1002);
	assert_int_equal(st.violations, 1);
	assert_int_equal(st.extends, 1002);
	assert_int_equal(st.unextended, 0);
	assert_true(st.tpm && st.in_step && st.extend_ns > 0);
	assert_anchored(TEST_PCR, 1002);
	assert_agrees(evmctl_check("sha1"));
	assert_agrees(evmctl_check("sha256"));
}

/* The PCRs 0 to 9 of a fresh swtpm are zero: 320 zero bytes are what boot_aggregate is made from. */
static void test_boot_aggregate(void **state)
{
	uint8_t zeros[320] = { 0 }, want[32], *list;
	size_t n;

	(void)state;
	seq_start();
	hash2(EVP_sha256(), zeros, sizeof(zeros), NULL, 0, want);
	list = read_file(list_path("binary_runtime_measurements"), &n);
	assert_int_equal(u32_at(list), TEST_PCR);
	assert_memory_equal(list + 28 + 6 + 4 + 4, "sha256:", 8);
	assert_memory_equal(list + 28 + 6 + 4 + 4 + 8, want, 32);
	assert_memory_equal(list + 28 + 6 + 4 + 4 + 8 + 32 + 4, "boot_aggregate", 15);
	assert_anchored(TEST_PCR, 1);
	free(list);
}

static void test_duplicates(void **state)
{
	struct request q;
	uint8_t *info;

	(void)state;
	seq_start();
	assert_int_equal(measure(1), 0);
	assert_int_equal(measure(1), 1);
	request_make(&q, 1);
	q.m.pcr = 12; /* the same content in another PCR is another record */
	assert_int_equal(request_run(&q), 0);
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_int_equal(request_run(&q), 1);
	assert_int_equal(measure_violation(1, "ToMToU"), 0);
	assert_int_equal(measure_violation(1, "ToMToU"), 0);
	assert_int_equal(measure(1), 1);
	assert_int_equal(seq_status().duplicates, 3);
	assert_int_equal(seq_status().records, 5);
	assert_int_equal(seq_status().violations, 2);
	assert_anchored(TEST_PCR, 5);
	assert_anchored(12, 5);

	info = read_file(list_path("record_info"), NULL);
	assert_memory_equal(info, "{\"record\":0,\"kind\":\"imad\",\"time\":", 33);
	assert_non_null(
	    strstr((char *)info, "\n{\"record\":1,\"kind\":\"gate\",\"func\":\"BPRM_CHECK\",\"time\":"));
	assert_non_null(strstr((char *)info, ",\"pid\":42,\"uid\":1000,\"dev\":\"0:0\",\"ino\":0}\n"));
	assert_non_null(strstr((char *)info, "\"kind\":\"violation\""));
	assert_non_null(strstr((char *)info, ",\"cause\":\"ToMToU\"}\n"));
	free(info);
}

static void test_invalid(void **state)
{
	struct request q;

	(void)state;
	seq_start();
	request_make(&q, 1);
	q.m.pcr = 64;
	assert_int_equal(request_run(&q), -EINVAL);
	assert_int_equal(measure(1), 0);
	assert_anchored(TEST_PCR, 2);
}

static void test_restart(void **state)
{
	(void)state;
	seq_start();
	measure_many(0, 50);
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().records, 51);
	assert_int_equal(seq_status().extends, 0);
	assert_int_equal(measure(7), 1);
	assert_int_equal(measure(50), 0);
	assert_anchored(TEST_PCR, 52);
}

/* The daemon died in the middle of a write: the record was neither extended nor promised to anybody. */
static void test_torn_tail(void **state)
{
	FILE *f;

	(void)state;
	seq_start();
	measure_many(0, 5);
	seq_stop();
	assert_ok(chmod(list_path("binary_runtime_measurements"), 0600));
	f = fopen(list_path("binary_runtime_measurements"), "ae");
	assert_non_null(f);
	assert_int_equal(fwrite("\x0d\0\0\0torn", 1, 8, f), 8);
	assert_ok(fclose(f));
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().records, 6);
	assert_int_equal(measure(5), 0);
	assert_anchored(TEST_PCR, 7);
}

/* The daemon died between append and extend: what the TPM never saw is extended at the next start, once. */
static void test_tail_unextended(void **state)
{
	struct request q;

	(void)state;
	seq_start();
	measure_many(0, 5);
	proxy_refuse(&fx.proxy, true);
	measure_many(5, 8);
	request_make(&q, 8);
	q.m.pcr = 12;
	assert_ok(request_run(&q));
	assert_int_equal(seq_status().unextended, 4);
	seq_stop();
	proxy_refuse(&fx.proxy, false);
	for (int i = 0; i < 2; i++) {
		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().unextended, 0);
		assert_int_equal(seq_status().extends, i ? 0 : 4);
		assert_anchored(TEST_PCR, 10);
		assert_anchored(12, 10);
		seq_stop();
	}
}

static void test_lost_reply(void **state)
{
	(void)state;
	one_lost(measure_many, PROXY_LOSE, 3, 2, 7);
	assert_int_equal(seq_status().extends, 10); /* of one nobody said so */
}

static void test_lost_request(void **state)
{
	(void)state;
	one_lost(measure_many, PROXY_DROP, 3, 2, 7);
	assert_int_equal(seq_status().extends, 11);
}

/* Whether that record was extended is found out when the TPM is back. */
static void test_lost_and_gone(void **state)
{
	(void)state;
	fx.config.batch = 1; /* nothing is tried in another PCR, which would count */
	lose_and_die(measure_many, 4, 3);
	back_again(false, 5);
	assert_int_equal(proxy_executed(&fx.proxy), 4);
}

static void test_lost_and_restart(void **state)
{
	(void)state;
	fx.config.batch = 1;
	lose_and_die(measure_many, 4, 3);
	back_again(true, 5);
	assert_int_equal(proxy_executed(&fx.proxy), 4);
	assert_int_equal(seq_status().extends, 2);
}

static void test_busy(void **state)
{
	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_ANSWER, 1, 8, 0x922);
	measure_many(0, 5);
	assert_int_equal(seq_status().extend_errors, 0);
	assert_anchored(TEST_PCR, 6);
}

/* The TPM goes away and comes back, nobody measures meanwhile: the sequencer asks by itself. */
static void test_comes_back(void **state)
{
	(void)state;
	seq_start();
	for (unsigned int round = 0; round < 2; round++) {
		measure_many(20 * round, 20 * round + 10);
		proxy_refuse(&fx.proxy, true);
		measure_many(20 * round + 10, 20 * round + 20); /* nobody waits for a dead TPM */
		assert_int_equal(seq_status().unextended, 10);
		assert_true(*seq_status().tpm_error);
		proxy_refuse(&fx.proxy, false);
		wait_extended();
	}
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 41);
}

/* Failure of one extend, then the reply to a late one lost too. */
static void test_refused_then_lost(void **state)
{
	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_ANSWER, 0, 1, 0x101);
	assert_ok(measure(0));
	proxy_plan(&fx.proxy, PROXY_LOSE, 1, 1, 0);
	measure_many(1, 4);
	wait_extended();
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 5);
}

/* A PCR that the TPM never lets us extend (locality 4) must not hold up the others. */
static void test_forbidden_pcr(void **state)
{
	struct request q;

	(void)state;
	seq_start();
	request_make(&q, 0);
	q.m.pcr = 18;
	assert_ok(request_run(&q));
	measure_many(1, 5);
	assert_int_equal(seq_status().unextended, 1);
	assert_anchored(TEST_PCR, 7); /* one says that it was not zero */
}

static void test_foreign_extend(void **state)
{
	(void)state;
	seq_start_behind_foreign();
	assert_int_equal(seq_status().unextended, 0);
	assert_ok(measure(5));
	assert_int_equal(seq_status().records, 8); /* a violation tells of it: test_sequencer_reset */
	assert_int_equal(seq_status().extends, 2);
	assert_int_not_equal(evmctl_check("sha256"), 0); /* and evmctl can say no */
}

/* Somebody extends while we run, seen when an outcome has to be looked up. */
static void test_foreign_while_running(void **state)
{
	(void)state;
	seq_start();
	assert_ok(measure(0));
	tpm_extend_foreign(TEST_PCR, 0x66);
	assert_ok(measure(1));
	assert_true(seq_status().in_step); /* not known yet */
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0);
	assert_ok(measure(2));
	settle();
	assert_false(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(proxy_executed(&fx.proxy), 2); /* once, and the violation that tells of it */
}

static void test_no_tpm(void **state)
{
	struct sequencer_status st;

	(void)state;
	fx.config.tcti = NULL;
	seq_start();
	measure_many(0, 5);
	st = seq_status();
	assert_false(st.tpm);
	assert_int_equal(st.n_banks, 2);
	assert_int_equal(st.records, 6);
	assert_int_equal(st.unextended, 0);
	seq_stop();
	/* The TPM came: the whole list is its tail, and a violation says so. */
	fx.config.tcti = fx.proxy.tcti;
	seq_start();
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 7);
}

/* A TPM that opens and then fails is as good as none. */
static void test_broken_at_start(void **state)
{
	(void)state;
	fx.proxy.code = PROXY_PCR_READ;
	proxy_plan(&fx.proxy, PROXY_ANSWER, 1, ~0u, 0x101);
	seq_start();
	assert_false(seq_status().tpm);
	measure_many(0, 5);
	assert_int_equal(seq_status().records, 6);
	seq_stop();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	seq_start();
	assert_true(seq_status().tpm && seq_status().in_step);
	assert_anchored(TEST_PCR, 7); /* the TPM had none of them, and a violation says so */
}

static void test_gone_at_start(void **state)
{
	(void)state;
	proxy_refuse(&fx.proxy, true);
	seq_start();
	assert_false(seq_status().tpm);
	assert_ok(measure(0));
}

/* A rule's pcr= that somebody else extends: recorded, extended, and said to prove nothing. */
static void test_rule_pcr_in_use(void **state)
{
	struct request q;

	(void)state;
	tpm_extend_foreign(12, 1);
	seq_start();
	assert_true(seq_status().in_step);
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_ok(request_run(&q));
	assert_false(seq_status().in_step);
	assert_int_equal(measure(1), 0); /* behind the violation that tells of it */
	assert_int_equal(seq_status().extends, 4);
	assert_anchored(TEST_PCR, 4);
}

static void test_pcr_in_use(void **state)
{
	(void)state;
	tpm_extend_foreign(TEST_PCR, 1);
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
	assert_null(fx.s);
}

static void test_two_daemons(void **state)
{
	struct sequencer *second = NULL;

	(void)state;
	seq_start();
	assert_int_equal(sequencer_new(&fx.config, &second), -EBUSY);
	assert_null(second);
}

static long rss_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A long list costs the set of digests and nothing else, before and after a restart. */
static void test_memory(void **state)
{
	const unsigned int n = 100000;
	long before, grown, restarted;

	(void)state;
	fx.config.tcti = NULL;
	seq_start();
	measure_many(0, 1000);
	before = rss_kib();
	measure_many(1000, n);
	grown = rss_kib() - before;
	assert_int_equal(seq_status().records, n + 1);
	seq_stop();
	before = rss_kib();
	seq_start();
	restarted = rss_kib() - before;
	assert_int_equal(seq_status().records, n + 1);
	assert_int_equal(measure(n / 2), 1);
	print_message("%u records: %ld KiB grown, %ld KiB more after a restart\n", n, grown, restarted);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these remember what was freed */
	assert_in_range(grown, 0, 48 * n / 1024 + 1024);
	assert_in_range(restarted < 0 ? 0 : restarted, 0, 48 * n / 1024 + 1024);
#endif
}

#define SEQ_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_thousand),
		SEQ_TEST(test_boot_aggregate),
		SEQ_TEST(test_duplicates),
		SEQ_TEST(test_invalid),
		SEQ_TEST(test_restart),
		SEQ_TEST(test_torn_tail),
		SEQ_TEST(test_tail_unextended),
		SEQ_TEST(test_lost_reply),
		SEQ_TEST(test_lost_request),
		SEQ_TEST(test_lost_and_gone),
		SEQ_TEST(test_lost_and_restart),
		SEQ_TEST(test_busy),
		SEQ_TEST(test_comes_back),
		SEQ_TEST(test_refused_then_lost),
		SEQ_TEST(test_forbidden_pcr),
		SEQ_TEST(test_foreign_extend),
		SEQ_TEST(test_foreign_while_running),
		SEQ_TEST(test_no_tpm),
		SEQ_TEST(test_broken_at_start),
		SEQ_TEST(test_gone_at_start),
		SEQ_TEST(test_rule_pcr_in_use),
		SEQ_TEST(test_pcr_in_use),
		SEQ_TEST(test_two_daemons),
		SEQ_TEST(test_import),
		SEQ_TEST(test_kernel_active),
		SEQ_TEST(test_kernel_unfit),
		SEQ_TEST(test_kernel_later),
		SEQ_TEST(test_kernel_bypass),
		SEQ_TEST(test_no_kernel_list),
		SEQ_TEST(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
