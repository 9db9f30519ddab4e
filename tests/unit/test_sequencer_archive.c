// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TPM that is reset after the front of the list was cut off: archive and rest are extended again, wherever that is
 * interrupted, and nothing is if the archive does not prove the checkpoint. At a start, and under a running daemon.
 */
#include "sequencer_archive.h"
#include "sequencer_kernel.h"

static uint64_t resets(void)
{
	return seq_status().own[VIOLATION_PCR_RESET];
}

static void reset_tpm(void)
{
	proxy_refuse(&fx.proxy, true);
	assert_ok(swtpm_reset(&fx.swtpm));
	proxy_refuse(&fx.proxy, false);
}

/* 21 records, of which 15 are cut off in two parts. */
static void begin(void)
{
	seq_start();
	measure_many(0, 20);
	trim(8, one_pcr, 1);
	trim(15, one_pcr, 1);
}

/* All in step again: @records, the last of them the violation, of which there is one for @of. */
static void assert_again(unsigned int records, unsigned int of)
{
	char name[64];

	snprintf(name, sizeof(name), "imad:pcr-reset:pcr=13,found=empty,records=%u", of);
	assert_int_equal(named(name), 1);
	assert_int_equal(resets(), 1);
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().records, records);
	assert_joined(TEST_PCR, records);
}

static void test_reset(void **state)
{
	(void)state;
	begin();
	seq_stop();
	reset_tpm();
	seq_start();
	assert_again(22, 21);
	assert_int_equal(seq_status().extends, 22);
	assert_int_equal(seq_status().first, 15);
	assert_int_equal(measure(3), 1);
	assert_ok(measure(20));
	/* And so it stays: for another start, another cut, and another reset. */
	seq_stop();
	seq_start();
	assert_int_equal(seq_status().extends, 0);
	assert_again(23, 21);
	trim(20, one_pcr, 1);
	assert_joined(TEST_PCR, 23);
	seq_stop();
	reset_tpm();
	seq_start();
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=23"), 1);
	assert_int_equal(resets(), 2);
	assert_joined(TEST_PCR, 24);
}

/* The TPM fails after @n of the records, the daemon ends; the next goes on where it was, in the archive or behind it. */
static void interrupted(unsigned int n)
{
	begin();
	seq_stop();
	reset_tpm();
	proxy_plan(&fx.proxy, PROXY_DIE, n, 1, 0);
	seq_start();
	seq_stop();
	proxy_refuse(&fx.proxy, false);
	seq_start();
	assert_again(22, 21);
}

static void test_interrupted_at_first(void **state)
{
	(void)state;
	fx.config.batch = 1;
	interrupted(0);
}

static void test_interrupted_in_part(void **state)
{
	(void)state;
	fx.config.batch = 1;
	interrupted(4);
}

static void test_interrupted_at_end_of_part(void **state)
{
	(void)state;
	fx.config.batch = 1;
	interrupted(7);
}

static void test_interrupted_at_cut(void **state)
{
	(void)state;
	fx.config.batch = 1;
	interrupted(14);
}

static void test_interrupted_behind_cut(void **state)
{
	(void)state;
	fx.config.batch = 1;
	interrupted(18);
}

/* The reply of an extend out of the archive is lost, under a daemon that goes on. */
static void test_lost_reply(void **state)
{
	(void)state;
	begin();
	seq_stop();
	reset_tpm();
	proxy_plan(&fx.proxy, PROXY_LOSE, 5, 1, 0);
	seq_start();
	swtpm_nap(300);
	settle();
	assert_again(22, 21);
}

/* What is not the archive of this list: nothing is extended, and that is told. */
static void no_use(void)
{
	seq_stop();
	reset_tpm();
	seq_start();
	assert_false(seq_status().in_step);
	assert_int_equal(resets(), 1);
	assert_int_equal(seq_status().extends, 1); /* of the violation */
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=zero"), 1);
	assert_ok(measure(30));
}

static void test_no_archive(void **state)
{
	char archive[2 * PATH_MAX_TEST], moved[PATH_MAX_TEST];

	(void)state;
	begin();
	snprintf(archive, sizeof(archive), "%s/archive", fx.statedir);
	snprintf(moved, sizeof(moved), "%s/away", fx.swtpm.dir);
	assert_ok(rename(archive, moved));
	no_use();
	/* It comes back, but the PCR has been extended meanwhile. */
	assert_ok(rename(moved, archive));
	seq_stop();
	seq_start();
	assert_false(seq_status().in_step);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=other"), 1);
}

static void test_part_missing(void **state)
{
	(void)state;
	begin();
	assert_ok(unlink(part_path(8)));
	no_use();
}

static void test_part_changed(void **state)
{
	size_t n;
	uint8_t *part;

	(void)state;
	begin();
	part = read_file(part_path(8), &n);
	part[n - 2] ^= 1;
	write_file(part_path(8), part, n);
	free(part);
	no_use();
}

/* A part that was written for a cut that was not made does no harm. */
static void test_part_left(void **state)
{
	(void)state;
	begin();
	write_file(part_path(15), "x", 1);
	seq_stop();
	reset_tpm();
	seq_start();
	assert_again(22, 21);
}

/* A PCR of a rule's, in the archive only; and one that is used behind the cut only. */
static void test_pcrs(void **state)
{
	static const unsigned int pcrs[] = { 12, TEST_PCR };
	struct request q;

	(void)state;
	seq_start();
	for (unsigned int i = 0; i < 40; i++) {
		request_make(&q, i);
		q.m.pcr = i < 39 ? 12 : 11;
		assert_ok(request_run(&q));
	}
	measure_many(0, 20);
	trim(39, pcrs, 2); /* of 12 one is left */
	trim(40, pcrs, 2);
	seq_stop();
	reset_tpm();
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(named("imad:pcr-reset:pcr=12,found=empty,records=39"), 1);
	assert_int_equal(named("imad:pcr-reset:pcr=13,found=empty,records=21"), 1);
	assert_joined(11, 63);
	assert_joined(12, 63);
	assert_joined(TEST_PCR, 63);
}

/* The kernel had padded its record in two banks: so it is extended again, as the checkpoint has it so. */
static void test_kernel_record(void **state)
{
	static const unsigned int ten[] = { 10 };
	struct pcr_value after_import;
	struct archive a;

	(void)state;
	kernel_has(1, "1\n");
	kernel_extend();
	seq_start();
	after_import = tpm_value(10);
	measure_many(0, 9);
	a = next_archive(6, ten, 1);
	a.c.imported = true;
	a.c.pcrs[0] = after_import;
	for (unsigned int b = 0; b < after_import.n; b++)
		replay_bytes(a.bytes + record_at(a.bytes, 1), 5, 10, &a.c.pcrs[0].bank[b]);
	write_part(&a);
	assert_ok(try_trim(&a.c, NULL));
	seq_stop();
	reset_tpm();
	for (int i = 0; i < 2; i++) {
		struct pcr_value now = after_import;
		uint8_t *list;

		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().extends, i ? 0 : 11);
		/* Zeros, then this record, have led there before. */
		list = read_file(list_path(list_name), NULL);
		for (unsigned int b = 0; b < now.n; b++) {
			replay_bytes(a.bytes + record_at(a.bytes, 1), 5, 10, &now.bank[b]);
			replay_bytes(list, 5, 10, &now.bank[b]);
			assert_memory_equal(now.bank[b].bytes, tpm_value(10).bank[b].bytes, now.bank[b].size);
		}
		free(list);
		seq_stop();
	}
	seq_start();
	free(a.bytes);
}

/* Under a running daemon: seen when the TPM is back, and all is extended again. */
static void running(bool trimmed)
{
	if (trimmed) {
		begin();
	} else {
		seq_start();
		measure_many(0, 20);
	}
	proxy_refuse(&fx.proxy, true);
	assert_ok(measure(20));
	for (int i = 0; i < 500 && !seq_status().unextended; i++)
		swtpm_nap(10); /* it is done before, if pipelined */
	assert_int_equal(seq_status().unextended, 1);
	reset_tpm();
	for (int i = 0; i < 500 && (seq_status().unextended || !resets()); i++)
		swtpm_nap(10);
	settle();
	assert_again(23, 22);
	assert_int_equal(measure(20), 1);
	assert_ok(measure(21));
	settle(); /* pipelined, it is done before it is extended */
	assert_joined(TEST_PCR, 24);
	seq_stop();
	seq_start();
	assert_int_equal(seq_status().extends, 0);
	assert_again(24, 22);
}

static void test_running(void **state)
{
	(void)state;
	running(false);
}

static void test_running_trimmed(void **state)
{
	(void)state;
	running(true);
}

static void test_running_pipelined(void **state)
{
	(void)state;
	fx.config.pipelined = true;
	running(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_reset),		    SEQ_TEST(test_interrupted_at_first),
		SEQ_TEST(test_interrupted_in_part), SEQ_TEST(test_interrupted_at_end_of_part),
		SEQ_TEST(test_interrupted_at_cut),  SEQ_TEST(test_interrupted_behind_cut),
		SEQ_TEST(test_lost_reply),	    SEQ_TEST(test_no_archive),
		SEQ_TEST(test_part_missing),	    SEQ_TEST(test_part_changed),
		SEQ_TEST(test_part_left),	    SEQ_TEST(test_pcrs),
		SEQ_TEST(test_kernel_record),	    SEQ_TEST(test_running),
		SEQ_TEST(test_running_trimmed),	    SEQ_TEST(test_running_pipelined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
