/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Store: what becomes of the list that another boot left, whole or as a power cut left it. */
#include <fcntl.h>
#include <sys/stat.h>

#include <imad/store.h>
#include <imad/util.h>

#include "store_lists.h"

static void test_another_boot(void **state)
{
	cleanup(store_freep) struct store *s = NULL;
	struct picture a;
	uint64_t n = 99;

	(void)state;
	make_list(5);
	a = picture_take();
	assert_ok(store_open(dir, BOOT_B, &s, &n));
	assert_int_equal(n, 0);
	assert_ok(append(s, 1, false));
	assert_file("boot_id", BOOT_B "\n");
	assert_file("archive/" BOOT_A "/boot_id", BOOT_A "\n");
	assert_file("archive/" BOOT_A "/runtime_measurements_count", "5\n");
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++) {
		char path[128];
		cleanup_free char *text = NULL;

		snprintf(path, sizeof(path), "archive/" BOOT_A "/%s", growing[i]);
		text = slurp(path, NULL);
		assert_string_equal(text, a.text[i]);
	}
	picture_done(&a);
}

/* A move that stopped half-way is finished; a list without an id is kept apart and never overwritten. */
static void test_archive_again(void **state)
{
	cleanup(store_freep) struct store *s = NULL;
	uint64_t n = 99;

	(void)state;
	make_list(5);
	assert_ok(mkdir(in_dir("archive"), 0750));
	assert_ok(mkdir(in_dir("archive/" BOOT_A), 0750));
	assert_ok(unlink(in_dir("record_info"))); /* as if moved already */
	assert_ok(store_open(dir, BOOT_B, &s, &n));
	assert_int_equal(n, 0);
	assert_file("archive/" BOOT_A "/runtime_measurements_count", "5\n");
	for (int i = 0; i < 2; i++) {
		assert_ok(append(s, 1, false));
		store_free(take_ptr(s));
		assert_ok(unlink(in_dir("boot_id")));
		assert_ok(store_open(dir, BOOT_B, &s, &n));
		assert_int_equal(n, 0);
	}
	assert_file("archive/unknown-0/runtime_measurements_count", "1\n");
	assert_file("archive/unknown-1/runtime_measurements_count", "1\n");
}

#define OLD "archive/" BOOT_A "/"

/* What @n records look like, and then a list of one more whose power was cut in the middle of an append. */
static struct picture torn_list(unsigned int n)
{
	struct picture whole;

	make_list(n);
	whole = picture_take();
	assert_ok(rename(dir, in_dir("../old")));
	make_list(n + 1);
	cut(growing[0], whole.n[0] + 3);
	return whole;
}

static void assert_kept(const struct picture *want)
{
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++) {
		char path[128];
		cleanup_free char *text = NULL;
		size_t n;

		snprintf(path, sizeof(path), OLD "%s", growing[i]);
		text = slurp(path, &n);
		assert_int_equal(n, want->n[i]);
		assert_memory_equal(text, want->text[i], n);
	}
}

static void next_boot(void)
{
	cleanup(store_freep) struct store *s = NULL;
	uint64_t n = 99;

	assert_ok(store_open(dir, BOOT_B, &s, &n));
	assert_int_equal(n, 0);
}

static void test_another_boot_torn(void **state)
{
	const struct algo *sha256 = algo_by_id(ALGO_SHA256);
	cleanup(store_freep) struct store *s = NULL;
	cleanup_free char *whole = NULL, *kept = NULL;
	struct picture five;
	size_t n_whole, n_kept;
	uint64_t n;

	(void)state;
	five = torn_list(5);
	assert_ok(store_open(dir, BOOT_A, &s, &n));
	assert_ok(store_banks(s, &sha256, 1));
	store_free(take_ptr(s));
	whole = slurp("ascii_runtime_measurements_sha256", &n_whole);
	cut("ascii_runtime_measurements_sha256", n_whole - 1);
	put(growing[0], "\n\0\0", 3);
	next_boot();
	assert_kept(&five);
	assert_file(OLD "runtime_measurements_count", "5\n");
	assert_file(OLD "violations", "1\n");
	kept = slurp(OLD "ascii_runtime_measurements_sha256", &n_kept);
	assert_int_equal(n_kept, n_whole);
	assert_memory_equal(kept, whole, n_whole);
	picture_done(&five);
}

/* Nothing is made up of what has been moved already, and nothing that cannot be read is lost. */
static void test_another_boot_as_it_is(void **state)
{
	cleanup_free char *rest = NULL;
	struct picture five, bad;
	size_t n;

	(void)state;
	make_list(5);
	five = picture_take();
	assert_ok(mkdir(in_dir("archive"), 0750));
	assert_ok(mkdir(in_dir("archive/" BOOT_A), 0750));
	for (int i = 1; i < 3; i++) {
		char to[TMPDIR_PATH + 128];

		snprintf(to, sizeof(to), "%s/" OLD "%s", dir, growing[i]);
		assert_ok(rename(in_dir(growing[i]), to));
	}
	next_boot();
	assert_kept(&five);

	assert_ok(rename(dir, in_dir("../old")));
	make_list(5);
	cut(growing[0], 24);
	put(growing[0], "\xff\xff\xff\xff", 4);
	bad = picture_take();
	next_boot();
	rest = slurp(OLD "binary_runtime_measurements.rest", &n);
	assert_int_equal(n, bad.n[0]);
	assert_memory_equal(rest, bad.text[0], n);
	assert_file(OLD "runtime_measurements_count", "0\n");
	picture_done(&five);
	picture_done(&bad);
}

/* The size of the file was on the disk, what was written last was not: from each byte of the last record on. */
static void test_another_boot_zeros(void **state)
{
	static const char zeros[5000];
	struct picture five, six;
	size_t size;
	struct stat st;

	(void)state;
	make_list(5);
	five = picture_take();
	assert_ok(rename(dir, in_dir("../old")));
	make_list(6);
	six = picture_take();
	size = six.n[0] - five.n[0];
	for (size_t n = 0; n < size; n++) {
		char to[TMPDIR_PATH + 32];

		snprintf(to, sizeof(to), "%s/%zu", tmp, n);
		assert_ok(rename(dir, to));
		make_list(6);
		cut(growing[0], five.n[0] + n);
		put(growing[0], zeros, n % 2 ? sizeof(zeros) : size - n);
		next_boot();
		if (n < size - 1) { /* which is 0 anyway */
			assert_kept(&five);
			assert_int_equal(stat(in_dir(OLD "binary_runtime_measurements.rest"), &st), n ? 0 : -1);
		}
	}
	picture_done(&five);
	picture_done(&six);
}

/* A start that got no further than to make the file of its id. */
static void test_no_id_no_list(void **state)
{
	struct stat st;

	(void)state;
	make_list(0);
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++)
		assert_ok(unlink(in_dir(growing[i])));
	cut("boot_id", 0);
	next_boot();
	assert_file("boot_id", BOOT_B "\n");
	assert_int_equal(stat(in_dir("archive"), &st), -1);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_another_boot),	    STORE_TEST(test_archive_again),	    STORE_TEST(test_another_boot_torn),
		STORE_TEST(test_another_boot_zeros), STORE_TEST(test_another_boot_as_it_is), STORE_TEST(test_no_id_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
