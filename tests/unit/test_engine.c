// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: what a held use goes through, in which order, and what is published about it. */
#include "engine_fixture.h"

static void assert_verdict(const struct fake_file *f, uint64_t gen, uint32_t done, uint32_t flags)
{
	assert_int_equal(f->verdict.gen, gen);
	assert_int_equal(f->verdict.epoch, fx.epoch);
	assert_int_equal(f->verdict.done, done);
	assert_int_equal(f->verdict.flags, flags);
}

/* Collect, submit, done, publish, ignore, answer, release; states are looked at in between. */
static void first_use_in_order(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	fx.queue_records = true;
	start();
	h = hold_reader(f, A);
	wait_until(fx.n_queued == 1);
	assert_string_equal(fx.log + strcspn(fx.log, "c"), "cS");
	finish_record(0);
	wait_released();
	assert_string_equal(fx.log + strcspn(fx.log, "c"), "cSdpir");
	assert_true(h->allowed);
	assert_verdict(f, 1, A, IMAD_VERDICT_IGNORED);
	assert_int_equal(f->mark, MARK_ORDINARY);
}

static void record_tells_the_use(void **state)
{
	const struct measurement *m = fx.submitted;
	struct fake_file *f = new_file();
	uint64_t content;

	(void)state;
	start();
	hold_reader(f, B);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_int_equal(m->pcr, FIRST_PCR + 1);
	assert_int_equal(m->kind, MEASURE_GATE);
	assert_int_equal(m->func, IMAD_FILE_CHECK);
	assert_int_equal(m->pid, 77);
	assert_int_equal(m->uid, 1000);
	assert_int_equal(m->ino, f->ino);
	assert_false(m->violation);
	memcpy(&content, m->digest.bytes, sizeof(content));
	assert_int_equal(content, 1);
}

static void one_record_a_slot(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(f->collects, 1);
	assert_int_equal(fx.n_submitted, 2);
	assert_int_equal(fx.submitted[0].pcr + fx.submitted[1].pcr, 2 * FIRST_PCR + 1);
	assert_verdict(f, 1, A | B, IMAD_VERDICT_IGNORED);
}

static void answered_only_after_the_last_record(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.queue_records = true;
	start();
	hold_reader(f, A | B);
	wait_until(fx.n_queued == 2);
	finish_record(0);
	assert_int_equal(fx.answers, 0);
	assert_int_equal(f->verdict.done, 0);
	finish_record(1); /* a duplicate is in the list */
	wait_released();
	assert_verdict(f, 1, A | B, IMAD_VERDICT_IGNORED);
}

static void many_waiters_cost_one_hash(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	fx.block_collect = true;
	start();
	for (unsigned int i = 0; i < 20; i++)
		hold_reader(f, A);
	wait_until(fx.in_collect == 1);
	assert_int_equal(fx.answers, 0);
	unblock();
	wait_released();
	assert_int_equal(f->collects, 1);
	assert_int_equal(fx.n_submitted, 1);
	for (unsigned int i = 0; i < fx.n_holds; i++) {
		assert_int_equal(fx.holds[i].answers, 1);
		assert_true(fx.holds[i].allowed);
	}
	engine_counters(fx.e, &n);
	assert_int_equal(n.held, 20);
	assert_int_equal(n.measured, 1);
	assert_int_equal(n.restarts, 0);
}

static void files_do_not_wait_for_each_other(void **state)
{
	struct fake_file *f = new_file(), *g = new_file();

	(void)state;
	fx.queue_records = true;
	start();
	hold_reader(f, A);
	hold_reader(g, A);
	wait_until(fx.n_queued == 2);
	assert_int_equal(f->collects + g->collects, 2);
	finish_record(0);
	wait_until(fx.released == 1);
	finish_record(0);
	wait_released();
}

static void second_use_wants_nothing(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	start();
	hold_reader(f, A);
	wait_released();
	f->mark = MARK_NONE; /* the kernel dropped it */
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->collects, 1);
	assert_int_equal(f->mark, MARK_SURVIVING); /* held although marked: an ordinary mark does not stay */
	engine_counters(fx.e, &n);
	assert_int_equal(n.passed, 1);
}

static void unwanted_use_passes_and_is_ignored(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, 0);
	assert_int_equal(fx.released, 1); /* by the reader itself: no worker, no wait */
	assert_string_equal(fx.log, "pir");
	assert_verdict(f, 1, 0, IMAD_VERDICT_IGNORED);
	assert_int_equal(f->mark, MARK_ORDINARY);
}

/* A later want finds the verdict and measures what is left; a new policy takes back nothing that is done. */
static void measures_what_is_left(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A);
	wait_released();
	hold_reader(f, A | B);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_int_equal(fx.submitted[1].pcr, FIRST_PCR + 1);
	assert_verdict(f, 1, A | B, IMAD_VERDICT_IGNORED);
	fx.epoch++;
	hold_reader(f, A);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_verdict(f, 1, A | B, IMAD_VERDICT_IGNORED);
}

static void maybe_counts_for_elf_only(void **state)
{
	struct fake_file *elf = new_file(), *text = new_file();

	(void)state;
	start();
	elf->elf = true;
	elf->gen.maybe = text->gen.maybe = IMAD_WANT(1, A);
	hold_reader(text, 0);
	wait_released();
	assert_int_equal(text->collects, 0);
	assert_verdict(text, 1, 0, IMAD_VERDICT_IGNORED);
	hold_reader(elf, 0);
	wait_released();
	assert_int_equal(elf->collects, 1);
	assert_int_equal(fx.submitted[0].func, IMAD_MMAP_CHECK);
	assert_verdict(elf, 1, A, IMAD_VERDICT_IGNORED);
}

/* What the open wants and what a mapping will want are measured at once, an ELF object only. */
static void want_and_maybe(void **state)
{
	struct fake_file *elf = new_file(), *text = new_file();

	(void)state;
	start();
	elf->elf = true;
	elf->gen.maybe = text->gen.maybe = IMAD_WANT(1, B);
	hold_reader(elf, A);
	hold_reader(text, A);
	wait_released();
	assert_int_equal(fx.n_submitted, 3);
	assert_int_equal(fx.submitted[0].func, IMAD_FILE_CHECK);
	assert_verdict(elf, 1, A | B, IMAD_VERDICT_IGNORED);
	assert_verdict(text, 1, A, IMAD_VERDICT_IGNORED);
}

/* But not twice into one PCR. */
static void maybe_of_the_same_pcr(void **state)
{
	static const struct policy p = {
		.n_slots = 2, .slots = { { .pcr = FIRST_PCR }, { .pcr = FIRST_PCR, .template = "ima-sig" } }, .n_rules = 1,
		.rules[0] = { .action = IMAD_MEASURE, .slot_bit = A, .pcr_slots = A | B },
	};
	struct fake_file *f = new_file();

	(void)state;
	start();
	assert_ok(engine_set_policy(fx.e, &p));
	f->elf = true;
	f->gen.maybe = IMAD_WANT(1, B);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
	assert_verdict(f, 1, A, IMAD_VERDICT_IGNORED);
	hold_reader(f, 0);
	wait_released();
	assert_int_equal(fx.n_submitted, 1);
}

/* What can be told from memory is told by the gate's reader: no job, no worker. */
static void unwanted_text_in_memory_passes_at_once(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	f->in_memory = true;
	f->gen.maybe = IMAD_WANT(1, B);
	hold_reader(f, 0);
	assert_int_equal(fx.released, 1);
	assert_int_equal(f->collects, 0);
	assert_verdict(f, 1, 0, IMAD_VERDICT_IGNORED);
	f->elf = true;
	f->gen.maybe = IMAD_WANT(2, B);
	f->gen.gen = 2;
	hold_reader(f, 0);
	wait_released();
	assert_int_equal(f->collects, 1);
}

/* Somebody who wants the file joins while the worker looks whether it is ELF. */
static int join_then_is_elf(void *arg, int fd, bool wait)
{
	if (wait && fx.n_holds == 1)
		hold_reader(file_of(fd), A);
	return fake_is_elf(arg, fd, wait);
}

static void waiter_of_an_unwanted_round_is_measured(void **state)
{
	struct engine_ops ops = fake_ops;
	struct fake_file *f = new_file();

	(void)state;
	ops.is_elf = join_then_is_elf;
	start_with(&ops);
	f->gen.maybe = IMAD_WANT(1, B);
	hold_reader(f, 0);
	wait_released();
	assert_int_equal(fx.n_holds, 2);
	assert_int_equal(f->collects, 1);
	assert_int_equal(f->verdict.done, A);
}

/* A writer and a reader come after the engine's last look at the state, before it lets the waiters go. */
static int state_then_newcomer(void *arg, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *v)
{
	static unsigned int looks; /* after the mark was set; the first is about that mark */
	int r = fake_state(arg, fd, gen, has_gen, v);

	if (fx.n_holds != 1 || !strchr(fx.log, 'i') || ++looks != 2)
		return r;
	writer_opens(file_of(fd));
	hold_reader(file_of(fd), A);
	return r;
}

static void waiter_at_the_last_look_is_measured(void **state)
{
	struct engine_ops ops = fake_ops;
	struct fake_file *f = new_file();

	(void)state;
	ops.state = state_then_newcomer;
	start_with(&ops);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(fx.n_holds, 2);
	assert_int_equal(f->recorded[0], 2 + 1); /* the newcomer's content */
}

static void writer_comes(struct fake_file *f)
{
	if (f->collects == 1)
		writer_opens(f);
}

static void content_changes_while_hashed(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	fx.on_collect = writer_comes;
	start();
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->collects, 1); /* the one who waits wanted the old content */
	assert_int_equal(f->verdict.gen, 1);
	assert_int_equal(f->mark, MARK_NONE);
	assert_false(f->verdict.flags & IMAD_VERDICT_IGNORED);
	engine_counters(fx.e, &n);
	assert_int_equal(n.restarts, 0);
}

/* A writer, and a reader of what he writes, while the file is hashed. */
static void newer_waiter_runs_it_again(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	fx.block_collect = true;
	start();
	hold_reader(f, A);
	wait_until(fx.in_collect == 1);
	writer_opens(f);
	hold_reader(f, A);
	unblock();
	wait_released();
	assert_int_equal(f->collects, 2);
	assert_int_equal(f->recorded[0], 2 + 1);
	assert_verdict(f, 2, A, IMAD_VERDICT_PROVISIONAL | IMAD_VERDICT_IGNORED);
	engine_counters(fx.e, &n);
	assert_int_equal(n.restarts, 1);
}

static void reader_after_each_writer(struct fake_file *f)
{
	writer_opens(f);
	note_open(f, A);
}

/* Nobody is kept waiting because others come. */
static void runs_again_once(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	fx.on_collect = reader_after_each_writer;
	start();
	hold_reader(f, A);
	wait_released();
	engine_counters(fx.e, &n);
	assert_int_equal(n.restarts, 1);
	assert_int_equal(f->collects, 2);
}

static void policy_comes(struct fake_file *f)
{
	fx.epoch += f->collects == 1;
}

static void new_policy_while_hashed(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	fx.on_collect = policy_comes;
	start();
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->collects, 1);
	assert_verdict(f, 1, A, IMAD_VERDICT_IGNORED);
}

/* A mark of the policy before is gone, whatever the verdict says: an ordinary one takes its place. */
static void marks_go_with_the_policy(void **state)
{
	struct fake_file *f = new_file();
	static const struct policy p = { .n_slots = 1, .slots[0].pcr = FIRST_PCR };

	(void)state;
	start();
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->mark, MARK_ORDINARY);
	assert_ok(engine_set_policy(fx.e, &p));
	assert_int_equal(f->mark, MARK_NONE);
	hold_reader(f, 0);
	assert_int_equal(f->collects, 1);
	assert_int_equal(f->mark, MARK_ORDINARY);
	assert_verdict(f, 1, A, IMAD_VERDICT_IGNORED);
	fx.fail = 'I';
	assert_int_equal(engine_set_policy(fx.e, &p), -ENOMEM);
}

/* Each is told as long as it waited; since the content was known, only who waited for no record. */
static void waits_are_told(void **state)
{
	struct fake_file *f = new_file(), *g = new_file(), *passed = new_file();
	uint64_t begun = now_ns();
	struct engine_waits w;

	(void)state;
	start();
	fx.block_collect = true;
	hold_reader(f, A);
	hold_reader(g, IMAD_SLOT_APPRAISE);
	wait_until(fx.in_collect == 2);
	unblock();
	hold_reader(passed, 0);
	wait_released();
	do
		engine_waits(fx.e, &w);
	while (w.held.n < 3);
	assert_int_equal(w.held.n, 3);
	assert_true(waits_within(&w.held, 1) >= begun - 1); /* since 1 ns */
	assert_int_equal(w.judged.n, 1);
	assert_true(w.judged.longest_ns <= now_ns() - begun);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_use_in_order),
		TEST(record_tells_the_use),
		TEST(one_record_a_slot),
		TEST(answered_only_after_the_last_record),
		TEST(many_waiters_cost_one_hash),
		TEST(files_do_not_wait_for_each_other),
		TEST(second_use_wants_nothing),
		TEST(marks_go_with_the_policy),
		TEST(unwanted_use_passes_and_is_ignored),
		TEST(measures_what_is_left),
		TEST(maybe_counts_for_elf_only),
		TEST(want_and_maybe),
		TEST(maybe_of_the_same_pcr),
		TEST(unwanted_text_in_memory_passes_at_once),
		TEST(waiter_of_an_unwanted_round_is_measured),
		TEST(waiter_at_the_last_look_is_measured),
		TEST(content_changes_while_hashed),
		TEST(newer_waiter_runs_it_again),
		TEST(runs_again_once),
		TEST(new_policy_while_hashed),
		TEST(waits_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
