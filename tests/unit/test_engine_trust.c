// SPDX-License-Identifier: GPL-2.0-or-later
/* Engine: other keys and another deny list void what was found, and only that; denied content is recorded. */
#include <imad/appraise.h>

#include "engine_fixture.h"

static void found_again_with_new_keys(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->verdict.found, 0x101);
	assert_int_equal(f->verdict.found_epoch, fx.epoch);
	assert_int_equal(f->mark, MARK_ORDINARY);
	engine_new_trust(fx.e);
	assert_int_equal(f->mark, MARK_NONE); /* else nobody would be held */
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->verdict.found, 0x101 + (fx.trust_epoch << 8));
	assert_int_equal(f->verdict.done, A | IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found_epoch, fx.trust_epoch);
	assert_int_equal(fx.n_submitted, 1); /* what is in the list is there */
}

/* A round that takes nothing of the label keeps what is known of it, and from when. */
static void kept_beside_a_record(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	fx.epoch += 5; /* policies */
	hold_reader(f, B);
	wait_released();
	assert_int_equal(f->verdict.done, B | IMAD_SLOT_APPRAISE);
	assert_int_equal(f->verdict.found, 0x101);
	assert_int_equal(f->verdict.found_epoch, fx.epoch - 5);
	engine_new_trust(fx.e);
	hold_reader(f, A);
	wait_released();
	assert_int_equal(f->verdict.done, A | B | IMAD_SLOT_APPRAISE); /* somebody has asked for it */
	assert_int_equal(f->verdict.found_epoch, fx.trust_epoch);
}

/* The keys change while a worker looks at the file: what it found counts for nobody, and hides nobody. */
static void keys_change_meanwhile(void **state)
{
	struct fake_file *f = new_file();

	(void)state;
	start();
	fx.block_collect = true;
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_until(fx.in_collect == 1);
	engine_new_trust(fx.e);
	unblock();
	wait_released();
	assert_int_equal(f->collects, 2);
	assert_int_equal(f->verdict.found, 0x101 + (fx.trust_epoch << 8));
	assert_int_equal(f->verdict.found_epoch, fx.trust_epoch);
	assert_int_equal(f->mark, MARK_ORDINARY);
}

/* ... nor without anybody who waits. */
static void keys_change_under_a_late_use(void **state)
{
	struct fake_file *f = new_file();
	struct imad_verdict v;

	(void)state;
	start();
	fx.block_collect = true;
	late_use(f, IMAD_SLOT_APPRAISE, 1, NULL);
	wait_until(fx.in_collect == 1);
	engine_new_trust(fx.e);
	unblock();
	wait_uses();
	v = f->verdict;
	assert_false(imad_is_trusted(v.found_epoch, fx.trust_epoch));
	assert_int_equal(v.flags & IMAD_VERDICT_IGNORED, 0);
	assert_int_equal(f->mark, MARK_NONE);
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(f->verdict.found, 0x101 + (fx.trust_epoch << 8));
}

static void denied_content_is_recorded(void **state)
{
	struct fake_file *f = new_file();
	struct measurement *m = &fx.submitted[1];

	(void)state;
	start();
	fx.denied = true;
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(fx.n_submitted, 0); /* the file is not measured */
	engine_new_trust(fx.e);
	hold_reader(f, A | IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(fx.n_submitted, 2);
	assert_int_equal(m->pcr, FIRST_PCR);
	assert_string_equal(m->template->name, "ima-buf");
	assert_int_equal(m->buf_len, 20);
	assert_int_equal(m->digest.bytes[0], 0xde); /* the fake's digest of data is their beginning */
	engine_new_trust(fx.e); /* what was measured before counts as well */
	hold_reader(f, IMAD_SLOT_APPRAISE);
	wait_released();
	assert_int_equal(fx.n_submitted, 3);
	assert_int_equal(fx.submitted[2].pcr, FIRST_PCR);
	assert_int_equal(fx.submitted[2].buf_len, 20);
}

/* The epoch wraps, and what is older is older all the same. */
static void epochs(void **state)
{
	(void)state;
	assert_true(imad_is_trusted(0, 0));
	assert_true(imad_is_trusted(7, 6));
	assert_false(imad_is_trusted(6, 7));
	assert_true(imad_is_trusted(1, 0xfffffff0));
	assert_false(imad_is_trusted(0xfffffff0, 1));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(found_again_with_new_keys),    TEST(kept_beside_a_record),	     TEST(keys_change_meanwhile),
		TEST(keys_change_under_a_late_use), TEST(denied_content_is_recorded), cmocka_unit_test(epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
