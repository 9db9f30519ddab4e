// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: files of filesystems that do not answer. Nobody is kept waiting by them, and nothing is lost. */
#include "engine_fixture.h"

#define NEVER UINT64_MAX /* for engine_tick(): every deadline is over */

static void far_use(struct fake_file *f, uint32_t slots, int r)
{
	struct fake_far *far = malloc(sizeof(*far));
	struct engine_use use = {
		.fd = -1, .kind = MEASURE_LATE, .func = IMAD_MMAP_CHECK, .slots = slots, .gen = 1, .pid = 5, .uid = 6,
		.name = "/far", .far = far,
	};

	assert_non_null(far);
	*far = (struct fake_far){ f, r };
	assert_ok(engine_use(fx.e, &use));
}

static void block(void)
{
	pthread_mutex_lock(&fx.lock);
	fx.block_reach = true;
	leave(0);
}

static void unblock_reach(void)
{
	pthread_mutex_lock(&fx.lock);
	fx.block_reach = false;
	leave(0);
}

static void one_that_answers(void **state)
{
	const struct measurement *m = fx.submitted;
	struct fake_file *f = new_file();

	(void)state;
	start();
	far_use(f, A, 0);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_false(m->violation);
	assert_int_equal(m->kind, MEASURE_LATE);
	assert_int_equal(m->ino, f->ino);
	assert_int_equal(m->pid, 5);
	assert_int_equal(f->verdict.done, A);
}

static void gone_meanwhile(void **state)
{
	(void)state;
	start();
	far_use(NULL, A, 0);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_true(fx.submitted[0].violation);
	assert_string_equal(fx.submitted[0].cause, "unreachable");
}

static void nothing_is_wanted_of_it(void **state)
{
	(void)state;
	start();
	far_use(new_file(), 0, -ENOENT);
	wait_uses();
	assert_int_equal(fx.n_submitted, 0);
}

/* As many as there are far workers, and some more. */
static void nobody_waits_for_them(void **state)
{
	struct fake_file *f = new_file(), *far = new_file();

	(void)state;
	block();
	start();
	for (unsigned int i = 0; i < 20; i++)
		far_use(far, A, 0);
	wait_until(fx.in_reach >= 8);
	hold_reader(f, A);
	wait_until(fx.released == 1);
	assert_int_equal(f->collects, 1);
	assert_int_equal(far->collects, 0);
	assert_int_equal(fx.timeouts, 0);
	unblock_reach();
	wait_uses();
	assert_int_equal(far->verdict.done, A);
}

/* Its violation is there before a barrier that came after it; when it answers at last it is recorded as it is. */
static void told_by_its_name(void **state)
{
	struct engine_counters n;
	struct fake_file *f = new_file();

	(void)state;
	block();
	start();
	far_use(f, B, 0);
	wait_until(fx.in_reach == 1);
	engine_tick(fx.e, 1);
	assert_int_equal(fx.n_submitted, 0); /* too early */
	engine_tick(fx.e, NEVER);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_true(fx.submitted[0].violation);
	assert_string_equal(fx.submitted[0].cause, "unreachable");
	assert_int_equal(fx.submitted[0].pid, 5);
	engine_tick(fx.e, NEVER); /* once */
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	engine_counters(fx.e, &n);
	assert_int_equal(n.unreachable, 1);
	unblock_reach();
	wait_until(fx.n_submitted == 2);
	assert_false(fx.submitted[1].violation);
	assert_int_equal(fx.submitted[1].pcr, FIRST_PCR + 1);
}

static unsigned int first = 1;

static void barrier_waits_for_the_violation(void **state)
{
	(void)state;
	block();
	start();
	far_use(new_file(), A, 0);
	assert_ok(engine_barrier(fx.e, on_barrier, &first));
	wait_until(fx.in_reach == 1);
	assert_int_equal(fx.fired & first, 0);
	pthread_mutex_lock(&fx.lock);
	fx.queue_records = true;
	leave(0);
	engine_tick(fx.e, NEVER);
	wait_until(fx.n_queued == 1);
	assert_int_equal(fx.fired & first, 0);
	finish_record(0);
	wait_until(fx.fired & first);
	unblock_reach();
	finish_record(0);
}

/* A file whose label is only to be kept is not in the list, and need not be. */
static void label_that_is_not_kept(void **state)
{
	struct fake_far *far = calloc(1, sizeof(*far));
	struct engine_use use = { .fd = -1, .kind = MEASURE_LATE, .name = "/far", .far = far, .writer = true };

	(void)state;
	block();
	start();
	far->file = new_file();
	assert_ok(engine_use(fx.e, &use));
	wait_until(fx.in_reach == 1);
	engine_tick(fx.e, NEVER);
	wait_uses();
	assert_int_equal(fx.n_submitted, 0);
	unblock_reach();
}

/* Those that are inside a file, and those that wait for a worker. */
static void end_does_not_wait_for_them(void **state)
{
	(void)state;
	block();
	start();
	for (unsigned int i = 0; i < 12; i++)
		far_use(new_file(), A, 0), fx.n_files = 0;
	wait_until(fx.in_reach == 8);
	assert_false(engine_free(fx.e));
	fx.e = NULL;
	assert_int_equal(fx.n_submitted, 12);
	for (unsigned int i = 0; i < 12; i++)
		assert_true(fx.submitted[i].violation);
}

static void end_waits_a_moment(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	block();
	start();
	far_use(f, A, 0);
	wait_until(fx.in_reach == 1);
	unblock_reach();
	assert_true(engine_free(fx.e));
	fx.e = NULL;
	assert_int_equal(fx.n_submitted, 1);
	assert_false(fx.submitted[0].violation);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_that_answers),
		TEST(gone_meanwhile),
		TEST(nothing_is_wanted_of_it),
		TEST(nobody_waits_for_them),
		TEST(told_by_its_name),
		TEST(barrier_waits_for_the_violation),
		TEST(label_that_is_not_kept),
		TEST(end_waits_a_moment),
		TEST(end_does_not_wait_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
