/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trimming against swtpm: imad's own violations are counted on. */
#include "sequencer_archive.h"

/* A reset before the cut, when all was there to be extended again, is none afterwards. */
static void test_reset_before(void **state)
{
	(void)state;
	seq_start();
	measure_many(0, 20);
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	for (int i = 0; i < 2; i++) {
		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 1);
		if (i == 0)
			trim(22, one_pcr, 1);
		assert_joined(TEST_PCR, 22);
		seq_stop();
	}
	seq_start();
}

static int measure_own(const char *name)
{
	struct request q;

	request_make(&q, 1);
	q.m.name = name;
	q.m.violation = true;
	q.m.kind = MEASURE_VIOLATION;
	return request_run(&q);
}

/* imad's own violations are counted on across cuts and starts, and a checkpoint has them as the list has. */
static void test_own(void **state)
{
	struct archive a;
	struct checkpoint c;

	(void)state;
	seq_start();
	measure_many(0, 3);
	assert_ok(measure_own("imad:lost:events=4"));
	assert_ok(measure_own("imad:lost:events=2"));
	assert_ok(measure_own("/x"));
	a = next_archive(5, one_pcr, 1);
	WRONG(c.own[VIOLATION_LOST] = 0, "what it counts is not what the list has");
	WRONG(c.own[VIOLATION_LOST] = 2, "what it counts is not what the list has");
	WRONG(c.own[VIOLATION_GAP] = 1, "what it counts is not what the list has");
	free(a.bytes);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(seq_status().own[VIOLATION_LOST], 2);
		assert_int_equal(seq_status().violations, 3);
		if (i < 2)
			trim(5 + 2 * i, one_pcr, 1);
		assert_int_equal(seq_status().own[VIOLATION_LOST], 2);
		seq_stop();
		seq_start();
	}
	assert_ok(measure_own("imad:lost"));
	assert_int_equal(seq_status().own[VIOLATION_LOST], 3);
	assert_joined(TEST_PCR, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_reset_before),
		SEQ_TEST(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
