// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another boot whose TPM was not reset, as after a kexec: the list begins, is told of as what proves nothing, and the old one is
 * in the archive, or gone. Without the TPM's word for it a PCR that is not empty is refused as ever.
 */
#include "sequencer_fixture.h"
#include "sequencer_kernel.h"

#define BOOT_2 "22222222-7e5b-4d6a-8d53-6e2d1a8f5f5e"
#define BOOT_3 "33333333-7e5b-4d6a-8d53-6e2d1a8f5f5e"

static void boot(const char *id)
{
	write_file(fx.boot_id, id, strlen(id));
}

static void assert_told(const char *name, unsigned int n)
{
	assert_int_equal(named(name), n);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], n);
	assert_false(seq_status().in_step);
}

/* Five files, then another kernel. */
static void kexec(void)
{
	seq_start();
	measure_many(0, 5);
	seq_stop();
	boot(BOOT_2);
}

static void test_kept(void **state)
{
	static const char told[] = "imad:pcr-reset:pcr=13,found=kexec,boot=" BOOT_ID ",list=archived";
	size_t n, n_old;
	uint8_t *before, *old;

	(void)state;
	seq_start();
	measure_many(0, 5);
	before = read_file(list_path("binary_runtime_measurements"), &n);
	seq_stop();
	boot(BOOT_2);
	seq_start();
	assert_false(seq_status().continued);
	assert_int_equal(seq_status().records, 2);
	assert_told(told, 1);
	old = read_file(list_path("archive/" BOOT_ID "/binary_runtime_measurements"), &n_old);
	assert_int_equal(n_old, n);
	assert_memory_equal(old, before, n);
	free(before);
	free(old);
	assert_ok(measure(1)); /* what the other boot had is not in this list */
	assert_int_equal(seq_status().extends, 3);
	/* Another start in that boot says the same, and so does another kernel, of this one. */
	seq_stop();
	seq_start();
	assert_true(seq_status().continued);
	assert_told(told, 2);
	seq_stop();
	boot(BOOT_3);
	seq_start();
	assert_told("imad:pcr-reset:pcr=13,found=kexec,boot=" BOOT_2 ",list=archived", 1);
	/* A reset ends all that. */
	seq_stop();
	assert_ok(swtpm_reset(&fx.swtpm));
	boot(BOOT_2);
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 0);
	assert_anchored(TEST_PCR, 1);
	tpm_extend_foreign(TEST_PCR, 1);
	seq_stop();
	seq_start();
	assert_told("imad:pcr-reset:pcr=13,found=other", 1);
}

static void test_gone(void **state)
{
	(void)state;
	kexec();
	tmpdir_remove(fx.rundir);
	seq_start();
	assert_told("imad:pcr-reset:pcr=13,found=kexec,boot=" BOOT_ID ",list=gone", 1);
}

/* Nothing says which boot used the TPM: it may be anybody. */
static void test_unknown(void **state)
{
	(void)state;
	kexec();
	tmpdir_remove(fx.statedir);
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* Another PCR than the other boot's is somebody else's. */
static void test_other_pcr(void **state)
{
	(void)state;
	tpm_extend_foreign(12, 1);
	kexec();
	fx.config.pcr = 12;
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* The TPM was reset, and somebody was faster: that is no kexec. */
static void test_reset(void **state)
{
	(void)state;
	kexec();
	assert_ok(swtpm_reset(&fx.swtpm));
	tpm_extend_foreign(TEST_PCR, 1);
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* The new kernel extends its boot_aggregate, too. */
static void test_kernel(void **state)
{
	(void)state;
	kernel_has(1, "1\n");
	kernel_extend();
	kexec();
	kernel_extend();
	seq_start();
	assert_told("imad:pcr-reset:pcr=10,found=kexec,boot=" BOOT_ID ",list=archived", 1);
	/* One that measures on its own is told to stay away, kexec or not. */
	seq_stop();
	boot(BOOT_3);
	kernel_has(2, "2\n");
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* A rule's PCR is told of when it is used first. */
static void test_rule_pcr(void **state)
{
	struct request q;

	(void)state;
	seq_start();
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_ok(request_run(&q));
	seq_stop();
	boot(BOOT_2);
	seq_start();
	request_make(&q, 1);
	q.m.pcr = 12;
	assert_ok(request_run(&q));
	settle();
	assert_int_equal(named("imad:pcr-reset:pcr=12,found=kexec,boot=" BOOT_ID ",list=archived"), 1);
	assert_int_equal(seq_status().own[VIOLATION_PCR_RESET], 2);
}

int main(void)
{
#define SEQ_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		SEQ_TEST(test_kept),  SEQ_TEST(test_gone),   SEQ_TEST(test_unknown),  SEQ_TEST(test_other_pcr),
		SEQ_TEST(test_reset), SEQ_TEST(test_kernel), SEQ_TEST(test_rule_pcr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
