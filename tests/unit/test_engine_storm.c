// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: each op failing in turn, and readers, writers and late uses all at once. */
#include <sched.h>

#include "engine_fixture.h"

/* First uses, a writer, a reader under it, late uses, both slots: with the @nth call of @op failing. */
static void one_failure(char op, unsigned int nth)
{
	struct fake_file *f = new_file(), *g = new_file();

	fx.fail = op;
	fx.fail_at = nth;
	fx.lossy = true;
	start();
	hold_reader(f, A);
	hold_reader(g, A | B);
	hold_reader(f, B);
	writer_opens(f);
	hold_reader(f, A);
	late_use(f, A | B, f->gen.gen, NULL);
	late_use(g, A, 1, NULL);
	writer_closes(f);
	hold_reader(f, A);
	hold_reader(g, B);
	late_use(f, A, f->gen.gen, NULL);
	wait_released();
	wait_uses();
}

/* The fakes and the teardown look after it that nothing is called done which is not in the list. */
static void each_op_fails_in_turn(void **state)
{
	static const char ops[] = "snpicd";

	for (const char *op = ops; *op; op++)
		for (unsigned int nth = 0; nth < 24; nth++) {
			setup(state);
			one_failure(*op, nth);
			assert_ok(teardown(state));
		}
	setup(state);
}

static void *storm(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < 1000; i++) {
		struct fake_file *f = &fx.files[rand_r(&seed) % fx.n_files];
		uint32_t slots = rand_r(&seed) % 4;

		uint64_t gen;
		bool marked;

		pthread_mutex_lock(&fx.lock);
		gen = f->gen.gen;
		marked = f->mark != MARK_NONE;
		pthread_mutex_unlock(&fx.lock);
		switch (rand_r(&seed) % 8) {
		case 0:
			writer_opens(f);
			if (rand_r(&seed) % 2)
				sched_yield();
			writer_closes(f);
			break;
		case 1:
			late_use(f, A, gen, NULL);
			break;
		default:
			if (!marked)
				hold_reader(f, slots);
		}
	}
	return NULL;
}

/* The fakes look after it that nobody is let go before what he opened is in the list. */
static void readers_under_writers(void **state)
{
	pthread_t threads[3];

	(void)state;
	fx.config.workers = 3;
	start();
	for (unsigned int i = 0; i < 3; i++)
		new_file();
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_ok(pthread_create(&threads[i], NULL, storm, (void *)(i + 1)));
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	wait_released();
	wait_uses();
	assert_true(fx.n_holds > 100);
}

static void *next_reader(void *file)
{
	hold_reader(file, A);
	return NULL;
}

static pthread_t reader;

/* While a writer's close is dealt with, a reader comes who wants nothing new and has the file ignored. */
static void regard_then_reader(void *arg, int fd)
{
	fake_regard(arg, fd);
	if (!reader)
		assert_ok(pthread_create(&reader, NULL, next_reader, file_of(fd)));
	usleep(20000); /* enough to be done, if he need not wait */
}

static void mark_and_verdict_change_together(void **state)
{
	struct engine_ops ops = fake_ops;
	struct fake_file *f = new_file();

	(void)state;
	ops.regard = regard_then_reader;
	start_with(&ops);
	hold_reader(f, A);
	wait_released();
	engine_writer_closed(fx.e, f->fd);
	pthread_join(reader, NULL);
	wait_released();
	assert_int_equal(f->mark != MARK_NONE, !!(f->verdict.flags & IMAD_VERDICT_IGNORED));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(mark_and_verdict_change_together),
		TEST(each_op_fails_in_turn),
		TEST(readers_under_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
