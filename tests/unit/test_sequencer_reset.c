// SPDX-License-Identifier: GPL-2.0-or-later
/* Sequencer against swtpm: PCRs that do not hold what the list gives, and the violations that tell of it. */
#include "sequencer_fixture.h"

static uint64_t resets(void)
{
	return seq_status().own[VIOLATION_PCR_RESET];
}

/* The TPM loses its PCRs, and this host does not: the list is extended again as a whole, with a violation at its end. */
static void test_tpm_reset(void **state)
{
	(void)state;
	seq_start();
	assert_false(seq_status().continued);
	measure_many(0, 5);
	assert_ok(measure_violation(1, "ToMToU"));
	assert_anchored(TEST_PCR, 7);
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	seq_start();
	assert_true(seq_status().continued);
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().records, 8);
	assert_int_equal(seq_status().violations, 2);
	assert_int_equal(resets(), 1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=7"), 1);
	assert_anchored(TEST_PCR, 8);
	assert_int_equal(measure(3), 1); /* what is in the list is known */
	assert_ok(measure(5));
	assert_anchored(TEST_PCR, 9);
	assert_agrees(evmctl_check("sha256"));
	seq_stop();
	seq_start(); /* told once, and found in the list again */
	assert_int_equal(resets(), 1);
	assert_int_equal(seq_status().own[VIOLATION_GAP], 0);
	assert_anchored(TEST_PCR, 9);
}

/* The daemon died between append and extend of its first record: that is no reset. */
static void test_first_record_in_flight(void **state)
{
	(void)state;
	seq_start();
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	seq_start();
	assert_int_equal(seq_status().records, 1);
	assert_int_equal(resets(), 0);
	assert_anchored(TEST_PCR, 1);
}

/* A prefix is no reset, however short: the TPM had failed. */
static void test_prefix(void **state)
{
	(void)state;
	seq_start();
	proxy_refuse(&fx.proxy, true);
	measure_many(0, 5);
	seq_stop();
	proxy_refuse(&fx.proxy, false);
	seq_start();
	assert_int_equal(resets(), 0);
	assert_anchored(TEST_PCR, 6);
}

static void test_foreign_at_start(void **state)
{
	(void)state;
	seq_start_behind_foreign();
	assert_int_equal(resets(), 1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=other"), 1);
	assert_int_equal(seq_status().records, 7);
	assert_int_equal(seq_status().extends, 1); /* it is extended all the same */
	assert_ok(measure(5));
	settle();
	assert_int_equal(resets(), 1); /* once a start */
	seq_stop();
	seq_start();
	assert_int_equal(resets(), 2);
}

/* Another PCR: told in the configured one, which goes on to be good. */
static void test_rule_pcr(void **state)
{
	struct request q;

	(void)state;
	tpm_extend_foreign(12, 1);
	seq_start();
	for (unsigned int i = 1; i < 3; i++) {
		request_make(&q, i);
		q.m.pcr = 12;
		assert_ok(request_run(&q));
	}
	settle();
	assert_int_equal(resets(), 1);
	assert_int_equal(named("imad:pcr-reset:pcr=12,found=other"), 1);
	assert_anchored(TEST_PCR, 4);
}

/* Seen when an outcome had to be looked up. */
static void test_while_running(void **state)
{
	(void)state;
	seq_start();
	assert_ok(measure(0));
	tpm_extend_foreign(TEST_PCR, 0x66);
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0);
	assert_ok(measure(2));
	settle();
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=other"), 1);
	assert_int_equal(resets(), 1);
	assert_int_equal(seq_status().records, 4);
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* By a sequencer that nobody has anything to do for: half a minute at most. */
static void wait_for_resets(uint64_t n)
{
	for (int i = 0; i < 3000 && resets() < n; i++)
		sleep_ms(10);
	assert_int_equal(resets(), n);
	settle();
}

/* The TPM is looked at now and then, also when it was away and comes back. */
static void test_reset_while_idle(void **state)
{
	(void)state;
	fx.config.check_ms = 20;
	seq_start();
	measure_many(0, 5);
	assert_anchored(TEST_PCR, 6);
	sleep_ms(100);
	assert_int_equal(resets(), 0);
	assert_ok(swtpm_reset(&fx.swtpm));
	wait_for_resets(1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=6"), 1);
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 7);
	assert_ok(measure(5));
	assert_ok(swtpm_reset(&fx.swtpm));
	wait_for_resets(2);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=8"), 1);
	assert_anchored(TEST_PCR, 9);
}

static void test_reset_while_idle_pipelined(void **state)
{
	fx.config.pipelined = true;
	test_reset_while_idle(state);
}

/* The digests of the list's first record, as whoever made it extends them. */
static void tpm_extend_first(void)
{
	const struct algo *banks[PCR_BANKS_MAX];
	uint8_t *list = read_file(list_path("binary_runtime_measurements"), NULL);
	size_t n_name = u32_at(list + 24);
	struct digest d[PCR_BANKS_MAX];
	struct tpm *t = NULL;
	unsigned int n;

	assert_ok(tpm_open(fx.swtpm.tcti, &t));
	n = tpm_banks(t, banks);
	for (unsigned int i = 0; i < n; i++) {
		d[i] = (struct digest){ .algo = banks[i]->id, .size = banks[i]->size };
		hash2(EVP_get_digestbyname(banks[i]->openssl), list + 32 + n_name, u32_at(list + 28 + n_name), NULL, 0, d[i].bytes);
	}
	assert_ok(tpm_extend(t, TEST_PCR, d, n));
	tpm_free(t);
	free(list);
}

/* A kernel that wakes a machine up from the disk has extended its own first record, the same as then. */
static void test_reset_to_the_first(void **state)
{
	(void)state;
	fx.config.check_ms = 20;
	fx.proxy.code = PROXY_PCR_READ;
	seq_start();
	measure_many(0, 5);
	proxy_plan(&fx.proxy, PROXY_ANSWER, 0, 1000000, 0x101); /* nobody looks meanwhile */
	assert_ok(swtpm_reset(&fx.swtpm));
	tpm_extend_first();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	wait_for_resets(1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=5"), 1);
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 7);
}

static void test_foreign_while_idle(void **state)
{
	(void)state;
	fx.config.check_ms = 20;
	seq_start();
	measure_many(0, 5);
	tpm_extend_foreign(TEST_PCR, 0x66);
	wait_for_resets(1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=other"), 1);
	assert_false(seq_status().in_step);
	sleep_ms(100);
	assert_int_equal(resets(), 1); /* once */
}

/* All kinds that are in the list are counted, by whichever daemon they were recorded; other names are not. */
static void test_counts(void **state)
{
	static const char *const names[] = { "imad:gap:uses=unknown", "imad:lost", "imad:lost:events=2", "imad:timeout", "imad:gapped", "/x" };
	struct request q;

	(void)state;
	seq_start();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		request_make(&q, 1);
		q.m.name = names[i];
		q.m.violation = true;
		q.m.kind = MEASURE_VIOLATION;
		assert_ok(request_run(&q));
	}
	request_make(&q, 1);
	q.m.name = "imad:gap"; /* a file's */
	assert_ok(request_run(&q));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(seq_status().violations, 6);
		assert_int_equal(seq_status().own[VIOLATION_GAP], 1);
		assert_int_equal(seq_status().own[VIOLATION_LOST], 2);
		assert_int_equal(seq_status().own[VIOLATION_TIMEOUT], 1);
		assert_int_equal(resets(), 0);
		seq_stop();
		seq_start();
	}
}

int main(void)
{
#define SEQ_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_tpm_reset),	 SEQ_TEST(test_first_record_in_flight),
		SEQ_TEST(test_prefix),		 SEQ_TEST(test_foreign_at_start),
		SEQ_TEST(test_rule_pcr),	 SEQ_TEST(test_while_running),
		SEQ_TEST(test_reset_while_idle), SEQ_TEST(test_reset_while_idle_pipelined),
		SEQ_TEST(test_reset_to_the_first),
		SEQ_TEST(test_foreign_while_idle), SEQ_TEST(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
