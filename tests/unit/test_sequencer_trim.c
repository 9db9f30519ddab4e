/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trimming against swtpm: archive and rest are the list that the TPM holds, restarts go on from the checkpoint, what was
 * measured is not forgotten, and a checkpoint that is not true is refused. Checkpoints are made here by libcrypto alone.
 */
#include "sequencer_archive.h"
#include "sequencer_kernel.h"

static void test_trim(void **state)
{
	struct sequencer_status st;
	uint8_t *info;

	(void)state;
	seq_start();
	measure_many(0, 50);
	assert_ok(measure_violation(7, "ToMToU"));
	trim(30, one_pcr, 1);
	assert_joined(TEST_PCR, 52);
	/* Count and indices go on; nothing that was measured is measured again. */
	assert_int_equal(measure(3), 1);
	assert_int_equal(measure(40), 1);
	assert_int_equal(measure(50), 0);
	st = seq_status();
	assert_int_equal(st.records, 53);
	assert_int_equal(st.violations, 1);
	assert_true(st.in_step);
	assert_joined(TEST_PCR, 53);
	info = read_file(list_path("record_info"), NULL);
	assert_memory_equal(info, "{\"record\":30,", 13);
	assert_non_null(strstr((char *)info, "\n{\"record\":52,"));
	free(info);
	/* All of it, and all of nothing. */
	trim(53, one_pcr, 1);
	assert_int_equal(measure(3), 1);
	assert_int_equal(measure(51), 0);
	assert_joined(TEST_PCR, 54);
}

static void test_restart(void **state)
{
	(void)state;
	seq_start();
	measure_many(0, 20);
	trim(21, one_pcr, 1); /* nothing is left */
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().extends, 0);
	assert_int_equal(seq_status().records, 21);
	assert_int_equal(seq_status().first, 21);
	assert_int_equal(measure(7), 1);
	assert_int_equal(measure(20), 0);
	measure_many(21, 30);
	trim(25, one_pcr, 1);
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(measure(7), 1);
	assert_int_equal(measure(21), 1);
	assert_int_equal(measure(29), 1);
	assert_int_equal(measure(30), 0);
	assert_int_equal(seq_status().records, 32);
	assert_joined(TEST_PCR, 32);
}

/* What the daemon could not extend before it died is behind the cut, and is found there. */
static void test_restart_unextended(void **state)
{
	(void)state;
	seq_start();
	measure_many(0, 20);
	trim(10, one_pcr, 1);
	proxy_refuse(&fx.proxy, true);
	assert_int_equal(measure(20), 0);
	assert_int_equal(seq_status().unextended, 1);
	seq_stop();
	proxy_refuse(&fx.proxy, false);
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_joined(TEST_PCR, 22);
}

/* A second PCR that comes before the first cut, one between, one after. */
static void test_pcrs(void **state)
{
	static const unsigned int two_pcrs[] = { 12, TEST_PCR };
	struct request q;

	(void)state;
	seq_start();
	measure_many(0, 10);
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_int_equal(request_run(&q), 0);
	measure_many(10, 12);
	trim(8, one_pcr, 1); /* record 11 is the first of PCR 12: it was zero at the cut */
	assert_joined(12, 14);
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	trim(13, two_pcrs, 2);
	assert_joined(12, 14);
	assert_joined(TEST_PCR, 14);
	seq_stop();
	seq_start(); /* of PCR 12 nothing is left in the list, only in the checkpoint */
	assert_true(seq_status().in_step);
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_int_equal(request_run(&q), 1);
	request_make(&q, 2);
	q.m.pcr = 12;
	assert_int_equal(request_run(&q), 0);
	assert_true(seq_status().in_step);
	assert_joined(12, 15);
	assert_joined(TEST_PCR, 15);
}

/* Each value changed in turn; the list is as it was, and the right one is taken after all. */
static void test_refused(void **state)
{
	struct archive a;
	struct checkpoint c;
	size_t n, n_after;
	uint8_t *before, *after;

	(void)state;
	seq_start();
	measure_many(0, 20);
	a = next_archive(15, one_pcr, 1);
	before = read_file(list_path(list_name), &n);
	WRONG(c.pcrs[0].bank[1].bytes[0] ^= 1, "its value of PCR 13 in bank");
	WRONG(c.records++, "its value of PCR 13 in bank");
	WRONG(c.records = 22, "the list has 21 records only");
	WRONG(c.chain[3] ^= 1, "its chain is not that of the records before the cut");
	WRONG(c.violations++, "what it counts is not what the list has");
	WRONG(c.boot_id[0] = 'f', "it is of boot ff6f5bb4");
	WRONG(c.pcrs[0].n--, "its value of PCR 13 in bank");
	WRONG(c.pcrs[c.n_pcrs++] = tpm_value(14), "it has a PCR that the list has not");
	after = read_file(list_path(list_name), &n_after);
	assert_int_equal(n, n_after);
	assert_memory_equal(before, after, n);
	assert_int_equal(seq_status().first, 0);
	assert_int_equal(access(list_path("checkpoint"), F_OK), -1);
	assert_int_equal(access(list_path("checkpoint.new"), F_OK), -1);
	assert_ok(try_trim(&a.c, NULL));
	assert_int_equal(try_trim(&a.c, "begins at record 15 already"), -EALREADY);
	free(a.bytes);
	free(before);
	free(after);
}

static void test_not_extended(void **state)
{
	struct archive a;

	(void)state;
	seq_start();
	measure_many(0, 20);
	a = next_archive(15, one_pcr, 1);
	proxy_refuse(&fx.proxy, true);
	assert_int_equal(measure(20), 0);
	assert_int_equal(try_trim(&a.c, "1 records wait for the TPM"), -EAGAIN);
	proxy_refuse(&fx.proxy, false);
	free(a.bytes);
}

static void test_foreign(void **state)
{
	struct archive a;

	(void)state;
	seq_start();
	measure_many(0, 20);
	a = next_archive(15, one_pcr, 1);
	seq_stop();
	tpm_extend_foreign(TEST_PCR, 1);
	seq_start();
	assert_int_equal(try_trim(&a.c, "a PCR holds what is not in the list"), -ESTALE);
	free(a.bytes);
}

/* Somebody extends between the cut and the next start: it is seen as it would be without a cut. */
static void test_foreign_after(void **state)
{
	(void)state;
	seq_start();
	measure_many(0, 20);
	trim(21, one_pcr, 1);
	seq_stop();
	tpm_extend_foreign(TEST_PCR, 1);
	seq_start();
	assert_false(seq_status().in_step);
}

/* Measurements go on while the list is cut, time and again. */
static void test_storm(void **state)
{
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	seq_start();
	for (unsigned int round = 0; round < 10; round++) {
		measure_many(200 * round, 200 * round + 100);
		for (unsigned int i = 200 * round + 100; i < 200 * round + 200; i++) {
			struct request *q = malloc(sizeof(*q));

			assert_non_null(q);
			request_make(q, i);
			q->m.done = free_request;
			sequencer_submit(fx.s, &q->m);
		}
		trim(1 + 200 * round + 100 - round, one_pcr, 1);
	}
	assert_ok(sequencer_barrier(fx.s, post, &done));
	sem_wait(&done);
	sem_destroy(&done);
	assert_joined(TEST_PCR, 2001);
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(measure(1500), 1);
	assert_joined(TEST_PCR, 2001);
}

static void test_no_tpm(void **state)
{
	struct archive a;

	(void)state;
	fx.config.tcti = NULL;
	seq_start();
	measure_many(0, 20);
	a = next_archive(15, one_pcr, 1);
	/* Two banks only, in this order. */
	a.c.pcrs[0].n = 2;
	assert_int_equal(a.c.pcrs[0].bank[0].algo, ALGO_SHA1);
	assert_int_equal(a.c.pcrs[0].bank[1].algo, ALGO_SHA256);
	assert_ok(try_trim(&a.c, NULL));
	seq_stop();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(measure(3), 1);
	assert_int_equal(seq_status().records, 21);
	free(a.bytes);
}

/* The kernel put padded SHA-1 into two banks: their values go on from what the TPM holds, not from the list alone. */
static void test_kernel_record(void **state)
{
	static const unsigned int ten[] = { 10 };
	struct pcr_value after_import;
	struct archive a;
	uint8_t *list;

	(void)state;
	kernel_has(1, "1\n");
	kernel_extend();
	seq_start();
	after_import = tpm_value(10);
	measure_many(0, 9);
	a = next_archive(6, ten, 1);
	list = a.bytes + record_at(a.bytes, 1);
	a.c.imported = true;
	assert_int_equal(try_trim(&a.c, "its value of PCR 10 in bank sha384"), -EBADMSG);
	a.c.pcrs[0] = after_import;
	for (unsigned int b = 0; b < after_import.n; b++)
		replay_bytes(list, 5, 10, &a.c.pcrs[0].bank[b]);
	assert_ok(try_trim(&a.c, NULL));
	free(a.bytes);
	for (int i = 0; i < 2; i++) {
		seq_stop();
		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().extends, 0);
		assert_int_equal(measure(2), 1);
	}
	assert_int_equal(measure(9), 0);
	assert_int_equal(seq_status().records, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_trim),	     SEQ_TEST(test_restart), SEQ_TEST(test_restart_unextended), SEQ_TEST(test_pcrs),
		SEQ_TEST(test_refused),	     SEQ_TEST(test_not_extended), SEQ_TEST(test_foreign), SEQ_TEST(test_foreign_after),
		SEQ_TEST(test_storm),	     SEQ_TEST(test_no_tpm), SEQ_TEST(test_kernel_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
