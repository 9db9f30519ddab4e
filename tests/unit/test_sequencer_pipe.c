/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tpm.mode = pipelined against swtpm: who waits and who does not, how much is behind at most, and what fails meanwhile. */
#include "sequencer_batch.h"
#include "sequencer_lost.h"

#define SLOW_MS 500 /* one command: ages in a test */

static int pipe_setup(void **state)
{
	int r = batch_setup(state);

	fx.config.pipelined = true;
	return r;
}

static void delay(unsigned int ms)
{
	pthread_mutex_lock(&fx.proxy.lock);
	fx.proxy.delay_ms = ms;
	pthread_mutex_unlock(&fx.proxy.lock);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* File @i of that kind, while no extend gets through: whether who uses it waits for it. */
static bool waits(unsigned int i, uint32_t uid, enum imad_func func, bool violation)
{
	uint64_t extends;
	struct request q;
	bool waited = false;

	settle();
	extends = seq_status().extends;
	proxy_hold(&fx.proxy, true);
	request_make(&q, i);
	q.m.uid = uid;
	q.m.func = func;
	q.m.violation = violation;
	sequencer_submit(fx.s, &q.m);
	for (int n = 0; sem_trywait(&q.done) < 0; n++) {
		swtpm_nap(1);
		if (n < 100)
			continue;
		waited = true;
		proxy_hold(&fx.proxy, false);
		sem_wait(&q.done);
		break;
	}
	assert_ok(q.r);
	if (waited)
		assert_int_equal(seq_status().extends, extends + 1);
	else
		assert_int_equal(seq_status().extends, extends);
	proxy_hold(&fx.proxy, false);
	return waited;
}

static void test_who_waits(void **state)
{
	static const struct {
		uint32_t uid;
		enum imad_func func;
		bool violation, waits;
	} rows[] = {
		{ 1000, IMAD_BPRM_CHECK, false, false },     { 0, IMAD_BPRM_CHECK, false, true },
		{ 1000, IMAD_MMAP_CHECK, false, false },     { 0, IMAD_MMAP_CHECK, false, true },
		{ 1000, IMAD_FILE_CHECK, false, false },     { 0, IMAD_FILE_CHECK, false, true },
		{ 1000, IMAD_FILE_CHECK, true, true },	     { 1000, IMAD_MODULE_CHECK, false, true },
		{ 1000, IMAD_FIRMWARE_CHECK, false, true },  { 1000, IMAD_POLICY_CHECK, false, true },
		{ 1000, IMAD_KEXEC_KERNEL_CHECK, false, true }, { 1000, IMAD_KEY_CHECK, false, true },
		{ 1000, IMAD_CRITICAL_DATA, false, true },
	};

	(void)state;
	seq_start();
	assert_true(seq_status().pipelined);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(waits(i, rows[i].uid, rows[i].func, rows[i].violation), rows[i].waits);
	settle();
	assert_anchored(TEST_PCR, ARRAY_SIZE(rows) + 1);
}

/* What is on its way is known, and whoever has the same content need not wait for it, but for root. */
static void test_known(void **state)
{
	struct request q;

	(void)state;
	seq_start();
	proxy_hold(&fx.proxy, true);
	assert_int_equal(measure(1), 0);
	assert_int_equal(measure(1), 1);
	request_make(&q, 1);
	q.m.uid = 0;
	sequencer_submit(fx.s, &q.m);
	swtpm_nap(100);
	assert_int_equal(sem_trywait(&q.done), -1);
	proxy_hold(&fx.proxy, false);
	sem_wait(&q.done);
	assert_int_equal(q.r, 1);
	assert_int_equal(seq_status().extends, 2);
	assert_anchored(TEST_PCR, 2);
}

static void test_strict(void **state)
{
	(void)state;
	fx.config.pipelined = false;
	seq_start();
	assert_false(seq_status().pipelined);
	assert_true(waits(0, 1000, IMAD_BPRM_CHECK, false));
}

/* A barrier, which imactl sync and attest are, waits for all. */
static void test_barrier(void **state)
{
	(void)state;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	delay(20);
	measure_many(0, 20);
	assert_int_equal(seq_status().outstanding, 0);
	assert_int_equal(seq_status().extends, 21);
	assert_in_range(proxy_executed(&fx.proxy), 10, 20);
	delay(0);
	assert_anchored(TEST_PCR, 21);
}

/* Not more than 32 records behind, and the first of them not more than 100 ms when somebody is let go. */
static void test_bounds(void **state)
{
	unsigned int most = 0;
	uint64_t start;

	(void)state;
	fx.config.batch = 1;
	seq_start();
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	delay(5);
	for (unsigned int i = 0; i < 200; i++) {
		assert_ok(measure(i));
		most = MAX(most, i + 1 - proxy_executed(&fx.proxy));
	}
	assert_in_range(most, 2, 32);
	settle();
	delay(SLOW_MS);
	start = now_ms();
	assert_ok(measure(1000));
	assert_true(now_ms() - start < SLOW_MS);
	swtpm_nap(110);
	assert_ok(measure(1001));
	assert_true(now_ms() - start >= SLOW_MS);
	delay(0);
	settle();
	assert_anchored(TEST_PCR, 203);
}

/* Strict records, plain ones, other PCRs, violations, all mixed: each PCR in the order of the list. */
static void test_order(void **state)
{
	static struct request q[300];
	struct together t;

	(void)state;
	seq_start();
	delay(1);
	together_begin(&t);
	for (unsigned int i = 0; i < ARRAY_SIZE(q); i++) {
		request_make(&q[i], i);
		q[i].m.uid = i % 7 ? 1000 : 0;
		q[i].m.pcr = i % 5 > 2 ? 12 : TEST_PCR;
		q[i].m.violation = i % 11 == 10;
		sequencer_submit(fx.s, &q[i].m);
	}
	together_end(&t);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().extends, 301);
	assert_true(commands(TEST_PCR, 2) > 0);
	assert_anchored(TEST_PCR, 301);
	assert_anchored(12, 301);
}

/* What goes wrong in the pipe is put right as without it. */
static void one_fault(enum proxy_fault fault, uint32_t rc)
{
	seq_start();
	measure_many(0, 3);
	proxy_plan(&fx.proxy, fault, 2, 1, rc);
	measure_many(3, 20);
	wait_extended();
	assert_int_equal(seq_status().extend_errors, 1);
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().batch, 2);
	assert_anchored(TEST_PCR, 21);
	assert_ok(measure(20));
	settle();
	assert_anchored(TEST_PCR, 22);
}

static void test_lost_reply(void **state)
{
	(void)state;
	one_fault(PROXY_LOSE, 0);
}

static void test_lost_request(void **state)
{
	(void)state;
	one_fault(PROXY_DROP, 0);
}

static void test_refused(void **state)
{
	(void)state;
	one_fault(PROXY_ANSWER, 0x101);
}

/* Nobody asks after it: the failure is seen all the same, and the TPM comes back. */
static void test_comes_back(void **state)
{
	(void)state;
	seq_start();
	proxy_refuse(&fx.proxy, true);
	for (unsigned int i = 0; i < 10; i++)
		assert_ok(measure(i)); /* nobody waits for a dead TPM */
	for (int i = 0; i < 500 && seq_status().unextended != 10; i++)
		swtpm_nap(10);
	assert_int_equal(seq_status().unextended, 10);
	proxy_refuse(&fx.proxy, false);
	for (int i = 0; i < 500 && seq_status().unextended; i++)
		swtpm_nap(10);
	assert_int_equal(seq_status().unextended, 0);
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 11);
}

/* A stop waits for what is behind; and what is behind in a crash is extended by the next one, in a new PCR as well. */
static void test_stop(void **state)
{
	(void)state;
	seq_start();
	delay(20);
	for (unsigned int i = 0; i < 10; i++)
		assert_ok(measure(i));
	seq_stop();
	delay(0);
	seq_start();
	assert_int_equal(seq_status().extends, 0);
	assert_true(seq_status().in_step);
	assert_anchored(TEST_PCR, 11);
}

static void crash(unsigned int pcr, unsigned int files)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sequencer_new(&fx.config, &fx.s) < 0)
			_exit(2);
		for (unsigned int i = 0; i < files; i++) {
			struct request q;

			request_make(&q, i);
			q.m.pcr = (int)pcr;
			if (request_run(&q))
				_exit(3);
			if (!i)
				raise(SIGSTOP);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	proxy_plan(&fx.proxy, PROXY_NONE, 0, 0, 0);
	delay(SLOW_MS); /* all of it is behind when it dies */
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	swtpm_nap(2 * SLOW_MS); /* what was sent is executed */
	delay(0);
}

static void test_crash(void **state)
{
	(void)state;
	for (unsigned int pcr = TEST_PCR; pcr >= 12; pcr--) {
		crash(pcr, 12);
		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().unextended, 0);
		assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 0);
		assert_in_range(seq_status().extends, 1, 12);
		assert_anchored(TEST_PCR, pcr == TEST_PCR ? 13 : 25);
		assert_anchored(pcr, pcr == TEST_PCR ? 13 : 25);
		seq_stop();
	}
}

/* Somebody else extends, seen when the pipe fails. */
static void test_foreign(void **state)
{
	(void)state;
	seq_start();
	tpm_extend_foreign(TEST_PCR, 0x66);
	proxy_plan(&fx.proxy, PROXY_LOSE, 0, 1, 0);
	measure_many(0, 6);
	settle();
	assert_false(seq_status().in_step);
	assert_int_equal(seq_status().unextended, 0);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 1);
	assert_int_equal(seq_status().records, 8);
}

int main(void)
{
#define PIPE_TEST(f) cmocka_unit_test_setup_teardown(f, pipe_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		PIPE_TEST(test_who_waits),  PIPE_TEST(test_known),   PIPE_TEST(test_strict),	  PIPE_TEST(test_barrier), PIPE_TEST(test_bounds),
		PIPE_TEST(test_order),	    PIPE_TEST(test_lost_reply),	  PIPE_TEST(test_lost_request),
		PIPE_TEST(test_refused),    PIPE_TEST(test_comes_back),	  PIPE_TEST(test_stop),
		PIPE_TEST(test_crash),	    PIPE_TEST(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
