/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Group commit when something fails: refused, lost, half done, and crashes that are real, of a child that is killed
 * before each of its writes and around each of its commands.
 */
#include <sys/syscall.h>

#include "sequencer_batch.h"
#include "sequencer_lost.h"

/* --- every write(2) of this program, by which the list grows */
static struct {
	unsigned int writes; /* before which one to die, 0 never */
	bool torn;	     /* but for half of it */
} crash;

ssize_t write(int fd, const void *p, size_t n)
{
	if (crash.writes && !--crash.writes) {
		if (crash.torn)
			syscall(SYS_write, fd, p, n / 2);
		kill(getpid(), SIGKILL);
	}
	return syscall(SYS_write, fd, p, n);
}

static void test_lost_reply(void **state)
{
	(void)state;
	one_lost(measure_together, PROXY_LOSE, 4, 1, 3);
	assert_int_equal(commands(TEST_PCR, 2), 5);
	assert_int_equal(seq_status().batch, 2);
}

static void test_lost_request(void **state)
{
	(void)state;
	one_lost(measure_together, PROXY_DROP, 4, 1, 3);
	assert_int_equal(commands(TEST_PCR, 2), 6);
	assert_int_equal(seq_status().batch, 2);
}

/* A TPM that does the first record of a command and then falls silent. */
static void test_half_done(void **state)
{
	(void)state;
	seq_start();
	spy_set(ODD_HALF);
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0);
	measure_together(0, 4);
	assert_int_equal(seq_status().extends, 4); /* of one nobody said so */
	assert_all_right(5);
}

/* The same, and it says no: that promises that nothing was done, and is not believed. */
static void test_half_done_refused(void **state)
{
	(void)state;
	seq_start();
	spy_set(ODD_HALF);
	fx.proxy.lie = true;
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0x101);
	measure_together(0, 4);
	wait_extended();
	assert_all_right(5);
}

/* It fails for once: the proof stands. */
static void test_refused_once(void **state)
{
	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_ANSWER, 0, 1, 0x101);
	measure_together(0, 4);
	wait_extended();
	measure_together(4, 8);
	assert_int_equal(seq_status().batch, 2);
	assert_int_equal(proxy_executed(&fx.proxy), 5); /* after the refusal one went alone */
	assert_all_right(9);
}

/* What it took at the start it takes no more: after a few attempts nobody asks it to. */
static void test_refuses_later(void **state)
{
	(void)state;
	seq_start();
	spy_set(ODD_REFUSES);
	for (unsigned int i = 0; i < 5; i++) {
		measure_together(10 * i, 10 * i + 10);
		wait_extended();
		assert_all_right(10 * i + 11);
	}
	assert_int_equal(seq_status().batch, 1);
	assert_non_null(strstr(seq_status().batch_why, "refused"));
	assert_in_range(commands(TEST_PCR, 2), 2, 4);
}

static void test_lost_and_back(void **state)
{
	(void)state;
	lose_and_die(measure_together, 7, 5);
	back_again(false, 8);
	assert_int_equal(proxy_executed(&fx.proxy), 4);
	assert_int_equal(commands(TEST_PCR, 2), 3);
}

static void test_lost_and_restart(void **state)
{
	(void)state;
	lose_and_die(measure_together, 7, 5);
	back_again(true, 8);
	assert_int_equal(seq_status().extends, 3);
	assert_int_equal(seq_status().commands, 2);
}

/* Somebody else extends, and then it is not known what became of two records: they are not extended again. */
static void test_foreign_in_doubt(void **state)
{
	(void)state;
	seq_start();
	tpm_extend_foreign(TEST_PCR, 0x66);
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0);
	measure_together(0, 2);
	settle();
	assert_false(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 1);
	assert_int_equal(proxy_executed(&fx.proxy), 2);
	/* A foreign PCR is extended as before, and what it refuses is not lost. */
	proxy_plan(&fx.proxy, PROXY_ANSWER, 0, 1, 0x101);
	measure_together(2, 6);
	wait_extended();
	assert_int_equal(seq_status().extends, 6);
}

/* The whole list once more, two records a command. */
static void test_reset(void **state)
{
	(void)state;
	seq_start();
	measure_together(0, 20);
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	seq_start();
	assert_int_equal(seq_status().extends, 22);
	assert_int_equal(seq_status().commands, 11);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 1);
	assert_anchored(TEST_PCR, 22);
}

/* --- crashes */

#define FILES 5

/* So many at once, every third of them a violation; and their child is killed on the way. */
static void run_child(unsigned int first, unsigned int writes, bool torn)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		static struct request q[FILES];
		struct together t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sequencer_new(&fx.config, &fx.s) < 0)
			_exit(2);
		together_begin(&t);
		for (unsigned int i = 0; i < FILES; i++) {
			request_make(&q[i], first + i);
			q[i].m.violation = i % 3 == 2;
			q[i].m.kind = MEASURE_GATE;
			sequencer_submit(fx.s, &q[i].m);
		}
		crash.torn = torn;
		crash.writes = writes;
		raise(SIGSTOP); /* here who kills us makes his plan */
		together_end(&t);
		_exit(0);
	}
	fx.proxy.victim = pid;
}

/* False: it went through to its end, so there are no more places to die at. */
static bool child_died(void)
{
	int status;

	assert_int_equal(waitpid(fx.proxy.victim, &status, WUNTRACED), fx.proxy.victim);
	assert_true(WIFSTOPPED(status));
	kill(fx.proxy.victim, SIGCONT);
	assert_int_equal(waitpid(fx.proxy.victim, &status, 0), fx.proxy.victim);
	fx.proxy.victim = 0;
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/* Whoever comes next finds list and PCR right, and goes on. */
static uint64_t go_on(unsigned int file, uint64_t before)
{
	uint64_t n;

	seq_start();
	n = seq_status().records;
	assert_in_range(n, before, before + FILES);
	assert_in_range(seq_status().extends, 0, 2); /* what one command has */
	assert_all_right((unsigned int)n);
	assert_ok(measure(file));
	assert_all_right((unsigned int)n + 1);
	seq_stop();
	return n + 1;
}

static void test_crash_in_writes(void **state)
{
	unsigned int at = 1, file = 0, died = 0;
	uint64_t n = 1;
	bool more = true;

	(void)state;
	seq_start();
	seq_stop();
	for (; more; at++) {
		for (unsigned int torn = 0; torn < 2; torn++, file += 10) {
			run_child(file, at, torn);
			more = child_died();
			died += more;
			n = go_on(file + 9, n);
		}
	}
	print_message("killed before each of %u writes, and within each\n", died / 2);
	assert_in_range(died, 2 * 3 * FILES, 2 * 10 * FILES); /* some writes a record */
}

static void test_crash_around_commands(void **state)
{
	static const enum proxy_fault faults[] = { PROXY_DROP, PROXY_LOSE };
	unsigned int file = 0, died = 0;
	uint64_t n = 1;
	bool more = true;

	(void)state;
	seq_start();
	seq_stop();
	for (unsigned int at = 0; more; at++) {
		for (size_t f = 0; f < ARRAY_SIZE(faults); f++, file += 10) {
			siginfo_t info;

			run_child(file, 0, false);
			/* After what is tried at the start, before the first record of this child. */
			assert_ok(waitid(P_PID, (id_t)fx.proxy.victim, &info, WSTOPPED | WNOWAIT));
			spy_set(ODD_NONE);
			proxy_plan(&fx.proxy, faults[f], at, 1, 0);
			more = child_died();
			proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
			assert_in_range(commands(TEST_PCR, 2), 1, 2);
			died += more;
			n = go_on(file + 9, n);
		}
	}
	assert_int_equal(died, 2 * 3);
}

/* The first records of a PCR are two at once: that they are not in it yet is no reset of the TPM. */
static void test_crash_in_new_pcr(void **state)
{
	struct request q[2];
	struct together t;

	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_DIE, 0, 1, 0);
	fx.proxy.fault = PROXY_DROP;
	together_begin(&t);
	for (unsigned int i = 0; i < 2; i++) {
		request_make(&q[i], i);
		q[i].m.pcr = 12;
		sequencer_submit(fx.s, &q[i].m);
	}
	proxy_refuse(&fx.proxy, true);
	together_end(&t);
	assert_int_equal(seq_status().unextended, 2);
	seq_stop();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	proxy_refuse(&fx.proxy, false);
	seq_start();
	assert_int_equal(seq_status().extends, 2);
	assert_int_equal(commands(12, 2), 1);
	assert_all_right(3);
	assert_anchored(12, 3);
}

int main(void)
{
#define BATCH_TEST(f) cmocka_unit_test_setup_teardown(f, batch_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		BATCH_TEST(test_lost_reply),	   BATCH_TEST(test_lost_request),	  BATCH_TEST(test_half_done),
		BATCH_TEST(test_half_done_refused), BATCH_TEST(test_refused_once),	  BATCH_TEST(test_refuses_later),
		BATCH_TEST(test_lost_and_back),	   BATCH_TEST(test_lost_and_restart),	  BATCH_TEST(test_foreign_in_doubt),
		BATCH_TEST(test_reset),		   BATCH_TEST(test_crash_in_writes),	  BATCH_TEST(test_crash_around_commands),
		BATCH_TEST(test_crash_in_new_pcr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
