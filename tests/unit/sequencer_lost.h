/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests in which a command's reply or request is lost, whether it has one record or two: it is looked up what became
 * of them, and none is repeated on a guess.
 */
#ifndef IMAD_SEQUENCER_LOST_H
#define IMAD_SEQUENCER_LOST_H

#include "sequencer_fixture.h"

/* Files @first to @last - 1: one by one, or together. */
typedef void measure_fn(unsigned int first, unsigned int last);

/* What was late is extended, also what a pipe has. */
static inline void wait_extended(void)
{
	for (int i = 0; i < 500 && (settle(), seq_status().unextended); i++)
		swtpm_nap(10);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().outstanding, 0);
}

static inline void assert_all_right(unsigned int records)
{
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 0);
	assert_anchored(TEST_PCR, records);
}

/* Of ten files from @before on, @skip commands get through, one has @fault; @executed: all that were in the end. */
static inline void one_lost(measure_fn *measure_files, enum proxy_fault fault, unsigned int before, unsigned int skip,
			    unsigned int executed)
{
	seq_start();
	measure_files(0, before);
	proxy_plan(&fx.proxy, fault, skip, 1, 0);
	measure_files(before, 10);
	assert_int_equal(proxy_executed(&fx.proxy), executed);
	assert_int_equal(seq_status().extend_errors, 1);
	assert_all_right(11);
}

/* The reply of the second command is lost and the TPM with it, so that of @files so many are @waiting. */
static inline void lose_and_die(measure_fn *measure_files, unsigned int files, unsigned int waiting)
{
	seq_start();
	proxy_plan(&fx.proxy, PROXY_DIE, 1, 1, 0);
	measure_files(0, files);
	assert_int_equal(proxy_executed(&fx.proxy), 2);
	assert_int_equal(seq_status().unextended, waiting);
}

/* It is back, for this daemon or for the next. */
static inline void back_again(bool restart, unsigned int records)
{
	if (restart)
		seq_stop();
	proxy_refuse(&fx.proxy, false);
	if (restart)
		seq_start();
	wait_extended();
	assert_all_right(records);
}

#endif
