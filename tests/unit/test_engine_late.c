// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: uses that nobody waits for, violations without a file, and who waits for all of them. */
#include "engine_fixture.h"

/* As the kernel hashed the file at generation @content. */
static struct digest kernel_digest(uint64_t content)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };

	memcpy(d.bytes, &content, sizeof(content));
	d.bytes[31] = 0xee; /* not made by collect */
	return d;
}

static void late_use_is_recorded(void **state)
{
	struct fake_file *f = new_file();
	const struct measurement *m = fx.submitted;
	struct engine_counters n;
	int fd;

	(void)state;
	start();
	fd = late_use(f, A, 1, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(m->kind, MEASURE_LATE);
	assert_int_equal(m->func, IMAD_MMAP_CHECK);
	assert_int_equal(m->pid, 5);
	assert_int_equal(m->uid, 6);
	assert_int_equal(m->ino, f->ino);
	assert_int_equal(f->verdict.done, A);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_IGNORED);
	engine_counters(fx.e, &n);
	assert_int_equal(n.late, 1);
	assert_int_equal(n.measured, 1);
	assert_int_equal(n.started, 0);
	engine_free(fx.e);
	fx.e = NULL;
	assert_true(is_closed(fd));
}

static void running_already(void **state)
{
	struct fake_file *f = new_file();
	struct engine_use use = {
		.fd = dup(f->fd), .kind = MEASURE_START, .func = IMAD_BPRM_CHECK, .slots = B, .gen = 1,
	};
	struct engine_counters n;

	(void)state;
	start();
	assert_ok(engine_use(fx.e, &use));
	wait_uses();
	assert_int_equal(fx.submitted[0].kind, MEASURE_START);
	assert_int_equal(fx.submitted[0].pcr, FIRST_PCR + 1);
	engine_counters(fx.e, &n);
	assert_int_equal(n.started, 1);
	assert_int_equal(n.late, 0);
}

static void kernels_digest_is_taken_over(void **state)
{
	struct digest d = kernel_digest(1);
	struct fake_file *f = new_file();

	(void)state;
	start();
	late_use(f, A, 1, &d);
	memset(&d, 0, sizeof(d)); /* the event is the caller's again */
	wait_uses();
	assert_true(f->got_digest);
	assert_int_equal(fx.submitted[0].digest.bytes[31], 0xee);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_IGNORED);
}

static void old_digest_is_not(void **state)
{
	struct digest d = kernel_digest(1);
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	late_use(f, A, 1, &d);
	wait_uses();
	assert_false(f->got_digest);
	assert_int_equal(f->recorded[0], 2 + 1);
	assert_true(f->verdict.flags & IMAD_VERDICT_PROVISIONAL);
}

static void done_already(void **state)
{
	struct fake_file *f = new_file();
	int fd;

	(void)state;
	start();
	hold_reader(f, A);
	wait_released();
	fd = late_use(f, A, 1, NULL);
	wait_uses();
	assert_int_equal(f->collects, 1);
	assert_int_equal(fx.n_submitted, 1);
	late_use(f, A | B, 1, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 2);
	assert_int_equal(f->verdict.done, A | B);
	engine_free(fx.e);
	fx.e = NULL;
	assert_true(is_closed(fd));
}

static void mapping_under_a_writer(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	late_use(f, A, 2, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL | IMAD_VERDICT_IGNORED);
}

/* The writer's own open is late, and a reader comes before that is done: one round is for both, and tells of the reader. */
static void late_use_does_for_a_reader_under_a_writer(void **state)
{
	struct fake_file *f = new_file();
	uint64_t gen;

	(void)state;
	start();
	writer_opens(f);
	gen = note_open(f, A);
	late_use(f, A, gen, NULL);
	wait_uses();
	hold_noted(f, A, gen);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_true(fx.submitted[0].violation);
	assert_string_equal(fx.submitted[0].cause, "open_writers");
	assert_int_equal(fx.submitted[0].pid, 5);
	assert_false(fx.submitted[1].violation);
}

static void file_that_is_gone(void **state)
{
	const struct measurement *m = fx.submitted;
	struct engine_counters n;

	(void)state;
	fx.queue_records = true;
	start();
	late_use(NULL, A, 1, NULL);
	wait_until(fx.n_queued == 1);
	assert_true(m->violation);
	assert_string_equal(m->cause, "unreachable");
	assert_string_equal(m->name, "/gone");
	assert_int_equal(m->kind, MEASURE_VIOLATION);
	assert_int_equal(m->digest.size, 32);
	finish_record(0);
	wait_uses();
	engine_counters(fx.e, &n);
	assert_int_equal(n.unreachable, 1);
}

static void gone_but_hashed_by_the_kernel(void **state)
{
	const struct measurement *m = fx.submitted;
	struct digest d = kernel_digest(1);

	(void)state;
	fx.queue_records = true;
	start();
	late_use(NULL, A | B, 1, &d);
	wait_until(fx.n_queued == 2);
	assert_false(m[0].violation || m[1].violation);
	assert_memory_equal(m[0].digest.bytes, d.bytes, 32);
	assert_int_equal(m[0].kind, MEASURE_LATE);
	assert_string_equal(m[1].name, "/gone");
	finish_record(0);
	finish_record(-EIO);
	wait_uses();
}

/* Nothing to record: over all the same. */
static void gone_and_unwanted(void **state)
{
	(void)state;
	start();
	late_use(NULL, 0, 1, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 0);
}

static void violation_without_a_file(void **state)
{
	const struct measurement *m = fx.submitted;
	struct engine_counters n;

	(void)state;
	fx.queue_records = true;
	start();
	assert_ok(engine_violation(fx.e, &(struct engine_use){ .name = "/a b", .pid = 8, .uid = 9 }, "ToMToU"));
	wait_until(fx.n_queued == 1);
	assert_true(m->violation);
	assert_string_equal(m->cause, "ToMToU");
	assert_string_equal(m->name, "/a b");
	assert_int_equal(m->kind, MEASURE_VIOLATION);
	assert_int_equal(m->pcr, -1);
	assert_int_equal(m->pid, 8);
	assert_int_equal(m->uid, 9);
	finish_record(0);
	wait_uses();
	engine_counters(fx.e, &n);
	assert_int_equal(n.unreachable, 0);
}

static void followers_do_not_hash_again(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.block_collect = true;
	start();
	for (unsigned int i = 0; i < 6; i++)
		late_use(f, A, 1, NULL);
	wait_until(fx.in_collect == 1);
	unblock();
	wait_uses();
	assert_int_equal(f->collects, 1);
	assert_int_equal(fx.n_submitted, 1);
}

static void follower_of_a_held_use(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.block_collect = true;
	start();
	hold_reader(f, A);
	wait_until(fx.in_collect == 1);
	late_use(f, A, 1, NULL);
	late_use(f, B, 1, NULL);
	unblock();
	wait_uses();
	wait_released();
	assert_int_equal(fx.n_submitted, 2); /* A once, B */
	assert_int_equal(f->verdict.done, A | B);
}

/*
 * The same use, reported late and held as well: one hash, one record, one violation. The reader waits for
 * the record that is under way, as it would for its own.
 */
static void held_use_beside_a_late_one(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.queue_records = true;
	start();
	late_use(f, A, 1, NULL);
	wait_until(fx.n_queued == 1);
	hold_reader(f, A);
	assert_int_equal(fx.released, 0);
	finish_record(0);
	wait_released();
	wait_uses();
	assert_int_equal(f->collects, 1);
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(f->verdict.done, A);
}

/* --- Barriers */

static void nothing_to_wait_for(void **state)
{
	unsigned int bit = 1;

	(void)state;
	start();
	assert_ok(engine_barrier(fx.e, on_barrier, &bit));
	assert_int_equal(fx.fired, 1);
}

/* Two uses, a barrier after each; records end in either order. */
static void interleaved(unsigned int first, unsigned int fired_after_first)
{
	struct fake_file *f = new_file(), *g = new_file();
	static unsigned int bits[] = { 1, 2, 4 };

	fx.queue_records = true;
	start();
	late_use(f, A, 1, NULL);
	wait_until(fx.n_queued == 1);
	assert_ok(engine_barrier(fx.e, on_barrier, &bits[0]));
	late_use(g, A, 1, NULL);
	wait_until(fx.n_queued == 2);
	assert_ok(engine_barrier(fx.e, on_barrier, &bits[1]));
	assert_ok(engine_barrier(fx.e, on_barrier, &bits[2]));
	assert_int_equal(fx.fired, 0);
	finish_record_at(first, 0);
	assert_int_equal(fx.fired, fired_after_first);
	finish_record(0);
	assert_int_equal(fx.fired, 7);
}

static void oldest_use_ends_first(void **state)
{
	(void)state;
	interleaved(0, 1);
}

static void newest_use_ends_first(void **state)
{
	(void)state;
	interleaved(1, 0);
}

static void later_uses_keep_nobody_up(void **state)
{
	struct fake_file *f = new_file(), *g = new_file();
	unsigned int bit = 1;

	(void)state;
	fx.queue_records = true;
	start();
	late_use(f, A, 1, NULL);
	wait_until(fx.n_queued == 1);
	assert_ok(engine_barrier(fx.e, on_barrier, &bit));
	late_use(g, A, 1, NULL);
	wait_until(fx.n_queued == 2);
	finish_record(0);
	assert_int_equal(fx.fired, 1);
	finish_record(0);
}

static void waits_for_followers(void **state)
{
	struct fake_file *f = new_file();
	unsigned int bit = 1;

	(void)state;
	fx.queue_records = true;
	start();
	late_use(f, A, 1, NULL);
	wait_until(fx.n_queued == 1);
	late_use(f, B, 1, NULL);
	late_use(f, A | B, 1, NULL);
	assert_ok(engine_barrier(fx.e, on_barrier, &bit));
	finish_record(0);
	wait_until(fx.n_queued == 1);
	assert_int_equal(fx.fired, 0);
	finish_record(0);
	wait_until(fx.fired == 1);
	assert_int_equal(f->verdict.done, A | B);
	assert_int_equal(fx.n_submitted, 2);
}

static void waits_for_what_fails(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	fx.fail = 'c';
	start();
	late_use(f, A, 1, NULL);
	late_use(f, A, 1, NULL);
	wait_uses();
	engine_counters(fx.e, &n);
	assert_int_equal(n.errors, 2);
	assert_int_equal(f->verdict.done, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(late_use_is_recorded),
		TEST(running_already),
		TEST(kernels_digest_is_taken_over),
		TEST(old_digest_is_not),
		TEST(done_already),
		TEST(mapping_under_a_writer),
		TEST(late_use_does_for_a_reader_under_a_writer),
		TEST(file_that_is_gone),
		TEST(gone_but_hashed_by_the_kernel),
		TEST(gone_and_unwanted),
		TEST(violation_without_a_file),
		TEST(followers_do_not_hash_again),
		TEST(follower_of_a_held_use),
		TEST(held_use_beside_a_late_one),
		TEST(nothing_to_wait_for),
		TEST(oldest_use_ends_first),
		TEST(newest_use_ends_first),
		TEST(later_uses_keep_nobody_up),
		TEST(waits_for_followers),
		TEST(waits_for_what_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
