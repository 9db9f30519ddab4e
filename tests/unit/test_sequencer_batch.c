/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Group commit against swtpm: what is proved at the start, what shares a command, and that the PCR is the same. */
#include "sequencer_batch.h"

static void expect_batch(unsigned int n, const char *why)
{
	struct sequencer_status st;

	seq_start();
	st = seq_status();
	assert_true(st.tpm);
	assert_int_equal(st.batch, n);
	if (!strstr(st.batch_why, why))
		fail_msg("why: %s", st.batch_why);
	assert_string_equal(st.tpm_error, ""); /* a limit that was found out is no failure */
}

/* swtpm takes four digests a command (HASH_COUNT). */
static void test_banks(void **state)
{
	static const struct {
		const char *banks;
		unsigned int batch;
	} rows[] = { { "sha256", 4 }, { "sha1 sha256", 2 }, { "sha256 sha512", 2 }, { "sha1 sha256 sha384", 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		allocate(rows[i].banks);
		expect_batch(rows[i].batch, "structure is the wrong size");
		assert_true(pcr_is_zero(TRIED_PCR));
		seq_stop();
		fx.rundir[strlen(fx.rundir) - 1]++; /* another list */
	}
}

static void test_anchored_by_one_bank(void **state)
{
	struct pcr_value v;
	struct digest d;

	(void)state;
	allocate("sha256");
	seq_start();
	measure_together(0, 41);
	assert_int_equal(commands(TEST_PCR, 4), 10);
	assert_int_equal(seq_status().extends, 42);
	assert_int_equal(seq_status().commands, 12);
	v = tpm_value(TEST_PCR);
	d = v.bank[0];
	assert_int_equal(v.n, 1);
	assert_int_equal(replay_list(TEST_PCR, &d), 42);
	assert_memory_equal(d.bytes, v.bank[0].bytes, 32);
}

static void test_settings(void **state)
{
	(void)state;
	fx.config.batch = 1;
	expect_batch(1, "tpm.batch = off");
	assert_int_equal(tried(), 0);
	measure_together(0, 10);
	assert_int_equal(commands(TEST_PCR, 1), 11);
	seq_stop();
	fx.config.batch = 2;
	expect_batch(2, "tried on PCR 16");
	assert_int_equal(tried(), 1); /* not more than what is wanted */
	seq_stop();
	fx.config.batch = 16;
	expect_batch(2, "wrong size");
	measure_together(10, 20);
	assert_int_equal(commands(TEST_PCR, 2), 5);
	assert_anchored(TEST_PCR, 21);
}

/* TPMs that take commands with several digests a bank otherwise: records go one by one. */
static void test_odd(void **state)
{
	static const struct {
		enum odd odd;
		const char *why;
	} rows[] = { { ODD_REFUSES, "wrong size" }, { ODD_FIRST, "does not extend each" }, { ODD_LAST, "does not extend each" } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		spy_set(rows[i].odd);
		expect_batch(1, rows[i].why);
		assert_true(pcr_is_zero(TRIED_PCR));
		measure_together(10 * i, 10 * i + 10);
		assert_int_equal(commands(TEST_PCR, 1), 10 + !i);
		assert_anchored(TEST_PCR, 10 * i + 11);
		seq_stop();
	}
}

/* PCR 16 is somebody's: it is left as it is. */
static void test_in_use(void **state)
{
	struct pcr_value before;

	(void)state;
	tpm_extend_foreign(TRIED_PCR, 1);
	before = tpm_value(TRIED_PCR);
	expect_batch(1, "in use");
	assert_int_equal(tried(), 0);
	assert_memory_equal(before.bank[0].bytes, tpm_value(TRIED_PCR).bank[0].bytes, before.bank[0].size);
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	fx.rundir[strlen(fx.rundir) - 1]++;
	fx.config.pcr = TRIED_PCR;
	expect_batch(1, "is the list's");
	measure_together(0, 5);
	assert_anchored(TRIED_PCR, 6);
}

/* What cannot be undone is not begun. */
static void test_no_reset(void **state)
{
	(void)state;
	fx.proxy.code = 0x13d; /* TPM2_PCR_Reset */
	proxy_plan(&fx.proxy, PROXY_ANSWER, 0, 1, 0x907);
	expect_batch(1, "cannot be reset");
	assert_int_equal(tried(), 0);
	assert_true(pcr_is_zero(TRIED_PCR));
}

/* A TPM that goes silent over it is reached again, and has no proof, whatever it had shown before. */
static void test_lost_while_tried(void **state)
{
	(void)state;
	allocate("sha256");
	for (unsigned int skip = 0; skip < 3; skip++) {
		proxy_plan(&fx.proxy, PROXY_LOSE, skip, 1, 0);
		expect_batch(1, "did not answer");
		assert_true(pcr_is_zero(TRIED_PCR));
		measure_together(10 * skip, 10 * skip + 5);
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().extends, 5 + !skip);
		seq_stop();
	}
}

/* The same records in the same order, one by one and not: one PCR. */
static void test_same_pcr(void **state)
{
	struct pcr_value v[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		fx.config.batch = i ? 0 : 1;
		seq_start();
		measure_together(0, 64);
		assert_int_equal(commands(TEST_PCR, 2), i ? 32 : 0);
		assert_int_equal(seq_status().extends, 65);
		assert_int_equal(seq_status().commands, i ? 33 : 65);
		assert_anchored(TEST_PCR, 65);
		assert_agrees(evmctl_check("sha256"));
		v[i] = tpm_value(TEST_PCR);
		seq_stop();
		assert_ok(swtpm_reset(&fx.swtpm));
		fx.rundir[strlen(fx.rundir) - 1]++;
	}
	assert_memory_equal(v[0].bank[0].bytes, v[1].bank[0].bytes, v[0].bank[0].size);
	assert_memory_equal(v[0].bank[1].bytes, v[1].bank[1].bytes, v[0].bank[1].size);
}

/* Who is let go, when. */
struct witness {
	struct request q;
	unsigned int order, *next;
	uint64_t extends; /* published when he was let go */
};

static void witness_done(struct measurement *m, int r)
{
	struct witness *w = m->owner;

	w->q.r = r;
	w->order = (*w->next)++;
	w->extends = seq_status().extends;
}

/* Nobody is let go before his record is extended, not even who found it in the list; and all in their order. */
static void test_done_after_extend(void **state)
{
	static const struct {
		unsigned int file;
		int r;
		uint64_t extends;
	} rows[] = { { 0, 0, 3 }, { 0, 1, 3 }, { 1, 0, 3 }, { 1, 1, 3 }, { 0, 1, 3 }, { 2, 0, 4 } };
	struct witness w[ARRAY_SIZE(rows)];
	struct together t;
	unsigned int next = 0;

	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	together_begin(&t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		request_make(&w[i].q, rows[i].file);
		w[i].next = &next;
		w[i].q.m.owner = &w[i];
		w[i].q.m.done = witness_done;
		sequencer_submit(fx.s, &w[i].q.m);
	}
	together_end(&t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(w[i].order, i);
		assert_int_equal(w[i].q.r, rows[i].r);
		assert_int_equal(w[i].extends, rows[i].extends);
	}
	assert_int_equal(proxy_executed(&fx.proxy), 2);
	assert_anchored(TEST_PCR, 4);
}

/* Files into PCRs as given, all of them there at once; an upper case letter is a violation. */
static void measure_into(const char *pcrs)
{
	struct request q[32];
	struct together t;
	size_t n = strlen(pcrs);

	together_begin(&t);
	for (size_t i = 0; i < n; i++) {
		request_make(&q[i], (unsigned int)i);
		q[i].m.pcr = pcrs[i] == 'a' || pcrs[i] == 'A' ? TEST_PCR : 12;
		q[i].m.violation = pcrs[i] < 'a';
		q[i].m.kind = q[i].m.violation ? MEASURE_VIOLATION : MEASURE_GATE;
		sequencer_submit(fx.s, &q[i].m);
	}
	together_end(&t);
	for (size_t i = 0; i < n; i++)
		assert_ok(q[i].r);
}

static void test_pcrs_apart(void **state)
{
	(void)state;
	seq_start();
	measure_into("abbabaaab");
	assert_anchored(TEST_PCR, 10);
	assert_anchored(12, 10);
	assert_int_equal(commands(TEST_PCR, 2), 1);
	assert_int_equal(commands(TEST_PCR, 1), 4); /* boot_aggregate among them */
	assert_int_equal(commands(12, 2), 1);
	assert_int_equal(commands(12, 1), 2);
}

static void test_violations(void **state)
{
	(void)state;
	seq_start();
	measure_into("aAAAaA");
	assert_int_equal(commands(TEST_PCR, 2), 3);
	assert_int_equal(seq_status().violations, 4);
	assert_anchored(TEST_PCR, 7);
	assert_agrees(evmctl_check("sha256"));
}

int main(void)
{
#define BATCH_TEST(f) cmocka_unit_test_setup_teardown(f, batch_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		BATCH_TEST(test_banks),	    BATCH_TEST(test_anchored_by_one_bank), BATCH_TEST(test_settings),
		BATCH_TEST(test_odd),	    BATCH_TEST(test_in_use),		   BATCH_TEST(test_no_reset),
		BATCH_TEST(test_same_pcr),  BATCH_TEST(test_lost_while_tried),	   BATCH_TEST(test_done_after_extend),
		BATCH_TEST(test_pcrs_apart), BATCH_TEST(test_violations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
