// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: violations of imad's own, those of the deadline above all, and that nothing keeps them up or floods. */
#include "engine_fixture.h"

#define S 1000000000ull

static void assert_own(unsigned int n, const char *last)
{
	wait_until(fx.n_own == n);
	if (n)
		assert_string_equal(fx.own[n - 1], last);
}

static void told_at_once_and_in_full(void **state)
{
	const struct measurement *m = fx.submitted;

	(void)state;
	start();
	assert_ok(engine_own_violation(fx.e, VIOLATION_GAP, "seconds=3.2,uses=late"));
	assert_int_equal(fx.n_submitted, 1); /* in this thread */
	assert_string_equal(fx.own[0], "imad:gap:seconds=3.2,uses=late");
	assert_true(m->violation);
	assert_int_equal(m->kind, MEASURE_VIOLATION);
	assert_int_equal(m->func, IMAD_NONE);
	assert_int_equal(m->pcr, -1); /* the configured one, with the configured template */
	assert_null(m->template);
	assert_int_equal(m->digest.algo, ALGO_SHA256);
	assert_string_equal(m->cause, "gap");
	assert_ok(engine_own_violation(fx.e, VIOLATION_LOST, NULL));
	assert_own(2, "imad:lost");
}

/* All workers are inside of files: it is told all the same, and who syncs waits for it. */
static void needs_no_worker(void **state)
{
	struct fake_file *f = new_file(), *g = new_file();

	(void)state;
	fx.block_collect = true;
	start();
	hold_reader(f, A);
	hold_reader(g, A);
	wait_until(fx.in_collect == 2);
	fx.queue_records = true;
	assert_ok(engine_own_violation(fx.e, VIOLATION_LOST, "events=7"));
	assert_int_equal(fx.n_own, 1);
	{
		static unsigned int bit = 1;

		fx.fired = 0;
		assert_ok(engine_barrier(fx.e, on_barrier, &bit));
		assert_int_equal(fx.fired, 0);
		finish_record(0);
		wait_until(fx.fired == bit);
	}
	fx.queue_records = false;
	unblock();
	wait_released();
}

static struct hold *overdue(struct fake_file *f, uint32_t slots)
{
	return hold_reader(f, slots); /* since 1 ns, and the deadline is a second */
}

/* A worker is inside of the file of an overdue use. */
static void start_overdue(struct fake_file *f, uint32_t slots)
{
	fx.block_collect = true;
	start();
	overdue(f, slots);
	wait_until(fx.in_collect == 1);
}

static void end(void)
{
	for (unsigned int i = 0; i < fx.n_holds; i++)
		fx.holds[i].wants = 0; /* is not held any more */
	unblock();
	wait_released();
}

/* One violation for all of a second, with the number of uses and the name of one; then its late record. */
static void deadline_is_told(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start_overdue(f, A);
	overdue(f, A);
	engine_tick(fx.e, S);
	assert_int_equal(fx.n_own, 0);
	engine_tick(fx.e, S + 1);
	assert_own(1, "imad:timeout:uses=2,file=/a file");
	assert_int_equal(fx.answers, 2);
	end();
	wait_until(fx.n_submitted == 2);
	assert_int_equal(fx.submitted[1].kind, MEASURE_LATE);
}

static void one_a_second(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.no_hint = -EIO;
	start_overdue(f, A);
	engine_tick(fx.e, 2 * S);
	assert_own(1, "imad:timeout:uses=1");
	for (unsigned int i = 1; i < 10; i++) { /* ticks of a tenth of a second */
		overdue(f, A);
		engine_tick(fx.e, 2 * S + i * S / 10);
	}
	assert_int_equal(fx.timeouts, 10);
	assert_own(1, "imad:timeout:uses=1");
	engine_tick(fx.e, 3 * S);
	assert_own(2, "imad:timeout:uses=9");
	engine_tick(fx.e, 9 * S); /* nothing more to tell */
	assert_own(2, "imad:timeout:uses=9");
	end();
}

/* The engine ends before that second is over. */
static void the_end_tells_the_rest(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.no_hint = -EIO;
	start_overdue(f, A);
	engine_tick(fx.e, 2 * S);
	overdue(f, A);
	engine_tick(fx.e, 2 * S + 1);
	end();
	assert_own(1, "imad:timeout:uses=1");
	assert_true(engine_free(take_ptr(fx.e)));
	assert_own(2, "imad:timeout:uses=1");
}

static void denied_uses_lack_nothing(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.config.allow_on_timeout = false;
	start_overdue(f, A);
	engine_tick(fx.e, 2 * S);
	assert_int_equal(fx.timeouts, 1);
	end();
	assert_own(0, NULL);
}

/* Nor does the list if only a label was to be looked at; but it does if somebody else waits for a record. */
static void appraised_only(void **state)
{
	struct fake_file *f = new_file(), *g = new_file();

	(void)state;
	start_overdue(f, IMAD_SLOT_APPRAISE);
	engine_tick(fx.e, 2 * S);
	assert_int_equal(fx.timeouts, 1);
	assert_int_equal(fx.n_own, 0);
	overdue(g, IMAD_SLOT_APPRAISE);
	overdue(g, IMAD_SLOT_APPRAISE | B);
	engine_tick(fx.e, 2 * S);
	assert_own(1, "imad:timeout:uses=2,file=/a file");
	end();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(told_at_once_and_in_full),
		TEST(needs_no_worker),
		TEST(deadline_is_told),
		TEST(one_a_second),
		TEST(the_end_tells_the_rest),
		TEST(denied_uses_lack_nothing),
		TEST(appraised_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
