/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figure: 64 programs that are executed for the first time at once, with a TPM that takes 8 ms for each command
 * (a proxy that waits before each of them). One extend a record and group commit in turns, in one run and against the
 * same TPM. What the machine does beside can only make a round slower, so the best ones are compared, and there are
 * more of them if that is not enough; how many commands there were is counted in each round, whatever the time. After each
 * round the PCR is the replay of the list.
 */
#include "sequencer_batch.h"

#define PRODUCERS 64
#define EACH	  2 /* files one after the other, each waited for */
#define ROUNDS	  5
#define ROUNDS_MAX 15
#define DELAY_MS  8
#define AIM	  1.6

static unsigned int first_file;

static void *produce(void *arg)
{
	unsigned int file = first_file + EACH * (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < EACH; i++) {
		if (measure(file + i) != 0)
			return arg;
	}
	return NULL;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Records a second of one round. */
static double round_rate(unsigned int batch)
{
	pthread_t thread[PRODUCERS];
	struct sequencer_status before, st;
	double start, took;
	uint64_t commands_sent;

	fx.config.batch = batch;
	fx.proxy.code = 0; /* any */
	fx.proxy.delay_ms = DELAY_MS;
	seq_start();
	before = seq_status();
	start = now_s();
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		assert_ok(pthread_create(&thread[i], NULL, produce, (void *)(i + 1)));
	for (unsigned int i = 0; i < PRODUCERS; i++) {
		void *bad;

		pthread_join(thread[i], &bad);
		assert_null(bad);
	}
	took = now_s() - start;
	first_file += EACH * (PRODUCERS + 1);
	st = seq_status();
	assert_true(st.in_step);
	assert_int_equal(st.unextended, 0);
	commands_sent = st.commands - before.commands;
	assert_int_equal(st.extends - before.extends, PRODUCERS * EACH);
	if (batch == 1)
		assert_int_equal(commands_sent, PRODUCERS * EACH);
	else
		assert_true(AIM * (double)commands_sent <= PRODUCERS * EACH);
	seq_stop();
	return PRODUCERS * EACH / took;
}

/* tpm2_pcrread says the same as the list; 77 if it is not there. */
static int pcrread_check(const char *bank)
{
	struct digest d = { .algo = algo_by_name(bank, strlen(bank))->id, .size = algo_by_name(bank, strlen(bank))->size };
	char cmd[4 * PATH_MAX_TEST], line[512], want[2 * DIGEST_MAX + 1];
	bool same = false;
	FILE *f;
	int status;

	(void)replay_list(TEST_PCR, &d);
	for (unsigned int i = 0; i < d.size; i++)
		sprintf(want + 2 * i, "%02X", d.bytes[i]);
	snprintf(cmd, sizeof(cmd), "command -v tpm2_pcrread >/dev/null || exit 77; tpm2_pcrread -T %s %s:%u", fx.swtpm.tcti, bank, TEST_PCR);
	f = popen(cmd, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		same |= strstr(line, want) != NULL;
	status = pclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : same ? 0 : 1;
}

/* The PCR is what the list gives, record by record, and others say so as well. */
static void assert_same_pcr(unsigned int records)
{
	struct pcr_value v = tpm_value(TEST_PCR);

	for (unsigned int i = 0; i < v.n; i++) {
		const char *bank = algo_by_id(v.bank[i].algo)->name;
		struct digest d = v.bank[i];

		assert_int_equal(replay_list(TEST_PCR, &d), records);
		assert_memory_equal(d.bytes, v.bank[i].bytes, d.size);
		assert_agrees(pcrread_check(bank));
	}
}

static void compare(const char *banks)
{
	double best[2] = { 0 };
	unsigned int n = 1, rounds = 0;

	allocate(banks);
	while (rounds < ROUNDS || (rounds < ROUNDS_MAX && best[1] < AIM * best[0])) {
		for (unsigned int grouped = 0; grouped < 2; grouped++) {
			double rate = round_rate(!grouped);

			best[grouped] = MAX(best[grouped], rate);
			n += PRODUCERS * EACH;
			assert_same_pcr(n);
		}
		rounds++;
	}
	print_message("%u producers, %u files each, %u ms a command, banks %s, best of %u: one a command %.0f records/s, grouped %.0f; %.2f times\n",
		      PRODUCERS, EACH, DELAY_MS, banks, rounds, best[0], best[1], best[1] / best[0]);
	assert_true(best[1] >= AIM * best[0]);
}

static void test_two_banks(void **state)
{
	(void)state;
	compare("sha1 sha256");
}

static void test_one_bank(void **state)
{
	(void)state;
	compare("sha256");
}

int main(void)
{
#define RATE_TEST(f) cmocka_unit_test_setup_teardown(f, batch_setup, fixture_teardown)
	const struct CMUnitTest tests[] = { RATE_TEST(test_two_banks), RATE_TEST(test_one_bank) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
