// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: writers, what fails and what comes too late. Whatever happens, everybody is let go. */
#include "engine_fixture.h"

static unsigned int errors(void)
{
	struct engine_counters n;

	engine_counters(fx.e, &n);
	return n.errors;
}

/* --- Writers */

static void under_a_writer(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->mark, MARK_SURVIVING);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL | IMAD_VERDICT_IGNORED);
	assert_string_equal(fx.log + strcspn(fx.log, "c"), "cVdSdpir");
}

static void violation_goes_before_its_record(void **state)
{
	static const uint8_t zeros[DIGEST_MAX];
	const struct measurement *v = &fx.submitted[0], *m = &fx.submitted[1];
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_true(v->violation);
	assert_int_equal(v->kind, MEASURE_VIOLATION);
	assert_string_equal(v->cause, "open_writers");
	assert_int_equal(v->pcr, -1);
	assert_int_equal(v->digest.size, 32);
	assert_memory_equal(v->digest.bytes, zeros, 32);
	assert_int_equal(v->pid, 77);
	assert_false(m->violation);
	assert_int_equal(m->pcr, FIRST_PCR);
	assert_null(m->cause);
}

/* The kernel's IMA calls that a violation for reads and mappings, not for exec. */
static void exec_under_a_writer_is_no_violation(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	f->gen.func = IMAD_BPRM_CHECK;
	writer_opens(f);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(f->mark, MARK_SURVIVING);
}

static void own_descriptor_is_no_violation(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	note_open(f, A);
	f->gen.flags &= ~IMAD_GEN_VIOLATION; /* BPF: the one who wants is the one who writes */
	hold_noted(f, A, 2);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL | IMAD_VERDICT_IGNORED);
}

static void writer_between_open_and_round(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	note_open(f, A);
	writer_opens(f);
	hold_noted(f, A, 1);
	wait_released();
	assert_int_equal(f->verdict.gen, 2);
	assert_true(f->verdict.flags & IMAD_VERDICT_PROVISIONAL);
}

static void no_surviving_mark_on_opens(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.config.hold_access = false;
	start();
	writer_opens(f);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->verdict.done, A);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL);
	assert_int_equal(f->mark, MARK_NONE);
}

/* A writer who has not written yet leaves the ignore mark where it is. */
static void older_mark_goes(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.config.hold_access = false;
	start();
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->mark, MARK_ORDINARY);
	writer_opens(f);
	note_open(f, A);
	late_use(f, A, 2, NULL);
	wait_uses();
	assert_int_equal(f->verdict.gen, 2);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL);
	assert_int_equal(f->mark, MARK_NONE);
}

static void unseen_changes_are_never_ignored(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	f->gen.flags = IMAD_GEN_UNCACHED;
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->collects, 1);
	assert_int_equal(f->mark, MARK_NONE);
	assert_int_equal(f->verdict.flags, 0);
}

static void last_writer_is_heard(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	writer_opens(f);
	hold_reader(f, A);
	wait_released();
	writer_closes(f);
	assert_int_equal(f->mark, MARK_NONE);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_PROVISIONAL);
	assert_int_equal(f->verdict.done, A); /* who has it open reads on */
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->collects, 2);
	assert_int_equal(f->verdict.flags, IMAD_VERDICT_IGNORED);
}

/* --- What fails */

static void unreadable_file(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	fx.fail = 'c';
	fx.lossy = true;
	start();
	h = hold_reader(f, A);
	wait_released();
	assert_true(h->allowed);
	assert_int_equal(fx.n_submitted, 0);
	assert_null(strchr(fx.log, 'p'));
	assert_int_equal(errors(), 1);
}

static void state_unknown_to_the_reader(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	fx.fail = 's';
	fx.lossy = true;
	start();
	h = hold_reader(f, A);
	assert_true(h->released && h->allowed);
	assert_string_equal(fx.log, "r");
}

static void no_memory_for_a_worker(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.config.workers = 1;
	fx.fail = 'n';
	fx.fail_at = 1;
	fx.lossy = true;
	start();
	assert_true(hold_reader(f, A) != NULL);
	wait_released();
	assert_int_equal(errors(), 1);
	assert_int_equal(f->collects, 0);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(errors(), 1);
	assert_int_equal(f->verdict.done, A);
}

/* The use goes on, as in IMA; the next one tries again. */
static void record_that_is_not_written(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	fx.record_result = -ENOSPC;
	fx.lossy = true;
	start();
	h = hold_reader(f, A);
	wait_released();
	assert_true(h->allowed);
	assert_int_equal(f->verdict.done, 0);
	assert_int_equal(f->mark, MARK_NONE);
	fx.record_result = 0;
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->verdict.done, A);
	assert_int_equal(f->mark, MARK_ORDINARY);
}

static void one_of_two_records_is_not_written(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.queue_records = true;
	fx.lossy = true;
	start();
	hold_reader(f, A | B);
	wait_until(fx.n_queued == 2);
	finish_record(-EIO);
	finish_record(0);
	wait_released();
	assert_int_equal(f->verdict.done, 0);
	fx.queue_records = false;
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(f->verdict.done, A | B);
}

static void verdict_that_is_not_taken(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.fail = 'p';
	start();
	hold_reader(f, A);
	wait_released();
	assert_null(strchr(fx.log, 'i'));
	assert_int_equal(f->mark, MARK_NONE);
	assert_int_equal(f->verdict.done, 0);
}

static void mark_that_is_refused(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.fail = 'i';
	start();
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->verdict.done, A);
	assert_int_equal(f->verdict.flags, 0);
}

static void unknown_inode(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	f->unknown = true;
	late_use(f, A, 0, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 1);
	assert_null(strchr(fx.log, 'p'));
}

/* --- Deadline */

static void deadline(bool allow)
{
	struct fake_file *f = new_file();
	struct hold *h, *second;

	fx.config.allow_on_timeout = allow;
	fx.block_collect = true;
	start();
	h = hold_reader(f, A);
	second = hold_reader(f, A);
	second->since = 500000001;
	wait_until(fx.in_collect == 1);
	engine_tick(fx.e, 1000000000);
	assert_int_equal(fx.answers, 0);
	engine_tick(fx.e, 1000000001);
	engine_tick(fx.e, 1000000002);
	assert_int_equal(fx.timeouts, 1);
	assert_int_equal(fx.answers, 1);
	assert_int_equal(h->allowed, allow);
	assert_false(h->released);
	h->wants = 0; /* is not held any more */
	unblock();
	wait_released();
	assert_int_equal(h->allowed, allow);
	assert_true(second->allowed);
	assert_int_equal(fx.answers, 2);
	assert_int_equal(fx.submitted[allow].kind, MEASURE_LATE); /* behind the violation for one that went on */
	assert_int_equal(f->verdict.done, A);
}

static void deadline_allows(void **state)
{
	(void)state;
	deadline(true);
}

static void deadline_denies(void **state)
{
	(void)state;
	deadline(false);
}

/* --- The end */

static void *free_engine(void *arg)
{
	(void)arg;
	engine_free(fx.e);
	enter('F');
	leave(0);
	return NULL;
}

static void end_waits_for_records(void **state)
{
	struct fake_file *f = new_file(), *g = new_file();
	unsigned int bit = 1;
	pthread_t t;

	(void)state;
	fx.queue_records = true;
	start();
	hold_reader(f, A);
	hold_reader(f, A);
	late_use(g, A, 1, NULL);
	assert_ok(engine_barrier(fx.e, on_barrier, &bit));
	wait_until(fx.n_queued == 2);
	assert_ok(pthread_create(&t, NULL, free_engine, NULL));
	usleep(20000);
	assert_null(strchr(fx.log, 'F'));
	finish_record(0);
	finish_record(0);
	pthread_join(t, NULL);
	fx.e = NULL;
	assert_int_equal(fx.released, 2);
	assert_int_equal(fx.fired, 1);
}

static void end_with_a_full_queue(void **state)
{
	struct fake_file *f[FILES_MAX];

	(void)state;
	fx.config.workers = 1;
	start();
	for (unsigned int i = 0; i < FILES_MAX; i++) {
		f[i] = new_file();
		hold_reader(f[i], A);
		late_use(f[i], B, 1, NULL);
	}
	engine_free(fx.e);
	fx.e = NULL;
	assert_int_equal(fx.released, FILES_MAX);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		assert_int_equal(f[i]->recorded[0] & f[i]->recorded[1], 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(under_a_writer),
		TEST(violation_goes_before_its_record),
		TEST(exec_under_a_writer_is_no_violation),
		TEST(own_descriptor_is_no_violation),
		TEST(writer_between_open_and_round),
		TEST(no_surviving_mark_on_opens),
		TEST(older_mark_goes),
		TEST(unseen_changes_are_never_ignored),
		TEST(last_writer_is_heard),
		TEST(unreadable_file),
		TEST(state_unknown_to_the_reader),
		TEST(no_memory_for_a_worker),
		TEST(record_that_is_not_written),
		TEST(one_of_two_records_is_not_written),
		TEST(verdict_that_is_not_taken),
		TEST(mark_that_is_refused),
		TEST(unknown_inode),
		TEST(deadline_allows),
		TEST(deadline_denies),
		TEST(end_waits_for_records),
		TEST(end_with_a_full_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
