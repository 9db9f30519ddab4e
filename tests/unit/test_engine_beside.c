// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: what there is beside the records of files: audit, labels that follow the content, data. */
#include <imad/appraise.h>

#include "engine_fixture.h"

static void audited_before_it_is_answered(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A | IMAD_SLOT_AUDIT);
	wait_released();
	assert_string_equal(fx.log + strcspn(fx.log, "c"), "cuSdpir");
	assert_int_equal(fx.audited_pid, 77);
	assert_int_equal(fx.audited_uid, 1000);
	assert_int_equal(f->verdict.done, A | IMAD_SLOT_AUDIT);
	assert_int_equal(fx.n_submitted, 1);
	hold_reader(f, A | IMAD_SLOT_AUDIT); /* once an inode */
	wait_released();
	assert_null(strchr(strchr(fx.log, 'u') + 1, 'u'));
}

static void only_audited(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	late_use(f, IMAD_SLOT_AUDIT, 1, NULL);
	wait_uses();
	assert_int_equal(fx.n_submitted, 0);
	assert_int_equal(fx.audited_pid, 5);
	assert_int_equal(fx.audited_uid, 6);
	assert_int_equal(f->verdict.done, IMAD_SLOT_AUDIT);
	late_use(NULL, IMAD_SLOT_AUDIT, 1, NULL); /* gone, and nobody has its digest */
	wait_uses();
	assert_null(strchr(strchr(fx.log, 'u') + 1, 'u'));
}

/* What is found of a label is published with the record, for one content. */
static void label_is_found_once(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->verdict.done, A | IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x101); /* the fake finds the generation */
	hold_reader(f, B);
	wait_released();
	assert_int_equal(f->verdict.found, 0x101);
	f->gen.gen++;
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->verdict.done, A);
	assert_int_equal(f->verdict.found, 0);
	f->gen.maybe = IMAD_WANT(2, IMAD_SLOT_APPRAISE);
	hold_reader(f, 0); /* whatever the file is */
	wait_released();
	assert_int_equal(f->verdict.done, A | IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x102);
}

/* A full disk under the list must not deny the programs that would mend it. */
static void label_counts_without_a_record(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	fx.lossy = true;
	fx.fail = 'd';
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->verdict.done, IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x101);
	assert_int_equal(f->mark, MARK_NONE); /* the record is still owed */
}

/* Keys, critical data: the record holds the data, and its digest is of them. */
static void data_that_is_no_file(void **state)
{
	struct engine_use use = {
		.fd = -1, .kind = MEASURE_IMAD, .func = IMAD_KEY_CHECK, .slots = B, .pid = 3, .name = ".ima", .data = strdup("abc"),
		.data_len = 3,
	};
	const struct measurement *m = fx.submitted;

	(void)state;
	fx.queue_records = true;
	start();
	assert_ok(engine_use(fx.e, &use));
	wait_until(fx.n_queued == 1);
	assert_int_equal(m->pcr, FIRST_PCR + 1);
	assert_string_equal(m->template->name, "ima-buf");
	assert_int_equal(m->kind, MEASURE_IMAD);
	assert_int_equal(m->func, IMAD_KEY_CHECK);
	assert_string_equal(m->name, ".ima");
	assert_int_equal(m->buf_len, 3);
	assert_memory_equal(m->buf, "abc", 3);
	assert_memory_equal(m->digest.bytes, "abc", 4);
	assert_int_equal(m->digest_sha1.size, 20);
	finish_record(0);
	wait_uses();
}

static void writer_of(struct fake_file *f)
{
	struct engine_use use = { .fd = f ? fcntl(f->fd, F_DUPFD_CLOEXEC, 100) : -1, .kind = MEASURE_LATE, .writer = true };

	assert_ok(engine_use(fx.e, &use));
	wait_uses();
}

static void label_follows_the_last_writer(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A);
	wait_released();
	writer_opens(f);
	writer_closes(f); /* no hash rule matched */
	wait_uses();
	assert_int_equal(f->relabels, 0);
	f->gen.flags |= IMAD_GEN_UPDATE;
	writer_opens(f);
	writer_of(f);
	assert_int_equal(f->relabels, 1);
	f->mark = MARK_ORDINARY; /* that is the one that listens */
	writer_closes(f);
	wait_uses();
	assert_int_equal(f->relabels, 2);
	assert_int_equal(fx.n_submitted, 1);
}

static void label_that_cannot_be_kept(void **state)
{
	struct fake_file *f = new_file();
	struct engine_counters n;

	(void)state;
	start();
	fx.fail = 'b';
	writer_of(f);
	writer_of(NULL);
	engine_counters(fx.e, &n);
	assert_int_equal(n.errors, 2);
	assert_int_equal(n.relabelled, 2);
	assert_int_equal(n.late, 0);
}

/* BPF has no other way to learn what is true of the very open that is held. */
static void told_what_was_found(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	start();
	h = hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(h->found, 0x101 | IMAD_FOUND_KNOWN);
	h = hold_reader(f, 0); /* held for another reason: it is known already */
	wait_released();
	assert_int_equal(h->found, 0x101 | IMAD_FOUND_KNOWN);
	writer_opens(f);
	writer_closes(f);
	h = hold_reader(f, A); /* of this content nothing was found */
	wait_released();
	assert_int_equal(h->found, 0);
	fx.fail = 'c';
	fx.lossy = true;
	writer_opens(f);
	writer_closes(f);
	h = hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(IMAD_FOUND_KIND(h->found), IMAD_LABEL_FAILED);
	assert_true(h->found & IMAD_FOUND_KNOWN);
}

/* Who comes after the last writer does not meet the old label. */
static void relabelled_before_it_is_appraised(void **state)
{
	struct fake_file *f = new_file();
	struct hold *h;

	(void)state;
	start();
	f->gen.written = 1;
	h = hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_string_equal(fx.log + strcspn(fx.log, "b"), "bcpiTr");
	assert_true(f->got_digest); /* it is not hashed twice */
	assert_int_equal(f->relabels, 1);
	assert_int_equal(h->found, 0x101 | IMAD_FOUND_KNOWN);
	f->gen.written = 2;
	writer_opens(f);
	hold_reader(f, IMAD_SLOT_APPRAISE); /* while somebody writes it stays */
	wait_released();
	assert_int_equal(f->gen.written, 2);
	assert_false(f->got_digest);
}

/* So with an HMAC that is late: but the label is as it was, and its content must be hashed. */
static void hmac_made_before_it_is_appraised(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	f->gen.vouched = 7;
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->relabels, 1);
	assert_int_equal(f->gen.vouched, 0);
	assert_false(f->got_digest);
}

/* ... and mostly meets a verdict that is there already. */
static void appraised_when_the_last_writer_closes(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	writer_opens(f);
	f->gen.written = f->gen.gen + 1;
	writer_closes(f);
	wait_uses();
	assert_int_equal(f->relabels, 1);
	assert_int_equal(f->gen.written, 0);
	assert_int_equal(f->verdict.gen, 2);
	assert_int_equal(f->verdict.done, IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x102);
	assert_int_equal(f->mark, MARK_ORDINARY);
	assert_int_equal(fx.n_submitted, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(audited_before_it_is_answered),
		TEST(only_audited),
		TEST(label_is_found_once),
		TEST(label_counts_without_a_record),
		TEST(data_that_is_no_file),
		TEST(label_follows_the_last_writer),
		TEST(label_that_cannot_be_kept),
		TEST(told_what_was_found),
		TEST(relabelled_before_it_is_appraised),
		TEST(hmac_made_before_it_is_appraised),
		TEST(appraised_when_the_last_writer_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
