/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Store: what an append shows, what a failed one leaves, and what a crash leaves for the next start. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <imad/digest.h>
#include <imad/log.h>
#include <imad/store.h>
#include <imad/util.h>

#include "store_lists.h"

/* Open again, expect @n records, and that the list takes one more. */
static void reopen(uint64_t n)
{
	cleanup(store_freep) struct store *s = NULL;
	uint64_t had = 0;

	assert_ok(store_open(dir, BOOT_A, &s, &had));
	assert_int_equal(had, n);
}

static void test_append(void **state)
{
	static const char *const names[] = { "binary_runtime_measurements",
					     "ascii_runtime_measurements",
					     "record_info",
					     "runtime_measurements_count",
					     "violations",
					     "boot_id" };
	cleanup_free char *ascii = NULL, *info = NULL;
	struct stat st;

	(void)state;
	make_list(11);
	assert_file("runtime_measurements_count", "11\n");
	assert_file("violations", "2\n");
	assert_file("boot_id", BOOT_A "\n");
	ascii = slurp("ascii_runtime_measurements", NULL);
	assert_memory_equal(ascii, "10 ", 3);
	assert_non_null(strstr(ascii, " /file/0\n10 "));
	assert_non_null(strstr(ascii, "\n10 0000000000000000000000000000000000000000 ima-ng sha256:0000"));
	info = slurp("record_info", NULL);
	assert_non_null(strstr(info, "{\"record\":9}\n{\"record\":10}\n"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ok(stat(in_dir(names[i]), &st));
		assert_int_equal(st.st_mode & 07777, 0440);
	}
	assert_ok(stat(dir, &st));
	assert_int_equal(st.st_mode & 07777, 0750);
}

static int count(void *arg, const struct list_record *r, uint64_t start, uint64_t end)
{
	uint64_t *next = arg;

	assert_int_equal(r->pcr, 10);
	assert_int_equal(start, *next);
	*next = end;
	return 0;
}

static void test_scan(void **state)
{
	cleanup(store_freep) struct store *s = NULL;
	cleanup_close int fd = -1;
	uint64_t had, at = 0, next = 0;
	struct stat st;

	(void)state;
	make_list(3000); /* longer than one chunk of the scan */
	assert_ok(store_open(dir, BOOT_A, &s, &had));
	assert_ok(store_scan(s, &at, count, &next));
	assert_int_equal(at, store_size(s));
	assert_int_equal(next, at);
	fd = store_reader(s);
	assert_true(fd >= 0);
	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_size, at);
	assert_int_equal(append(s, 1, false), 0);
	assert_ok(store_scan(s, &at, count, &next));
	assert_int_equal(at, store_size(s));
}

static void test_one_writer(void **state)
{
	cleanup(store_freep) struct store *a = NULL, *b = NULL;
	uint64_t n = 7;

	(void)state;
	assert_ok(store_open(dir, BOOT_A, &a, &n));
	n = 7;
	assert_int_equal(store_open(dir, BOOT_A, &b, &n), -EBUSY);
	assert_null(b);
	assert_int_equal(n, 7);
	assert_int_equal(store_open(dir, "../x", &b, &n), -EBUSY);
	store_free(take_ptr(a));
	assert_int_equal(store_open(dir, "../x", &b, &n), -EINVAL);
	assert_ok(store_open(dir, BOOT_A, &b, &n));
}

static void test_same_files(void **state)
{
	struct stat before[3], after;

	(void)state;
	make_list(5);
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++)
		assert_ok(stat(in_dir(growing[i]), &before[i]));
	cut(growing[1], 100);
	cut(growing[0], (size_t)before[0].st_size - 1);
	reopen(4);
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++) {
		assert_ok(stat(in_dir(growing[i]), &after));
		assert_int_equal(after.st_ino, before[i].st_ino);
	}
}

/* Every length that a torn last record can have. */
static void test_torn(void **state)
{
	struct picture four, five;

	(void)state;
	make_list(4);
	four = picture_take();
	assert_ok(rename(dir, in_dir("../old")));
	make_list(5);
	five = picture_take();
	for (size_t n = four.n[0] + 1; n < five.n[0]; n++) {
		cut(growing[0], four.n[0]);
		put(growing[0], five.text[0] + four.n[0], n - four.n[0]);
		reopen(4);
		assert_picture(&four, ARRAY_SIZE(growing));
		assert_file("runtime_measurements_count", "4\n");
		assert_file("violations", "0\n");
	}
	picture_done(&four);
	picture_done(&five);
}

/* The other files cut anywhere, or gone, come back from the binary list. */
static void test_rebuild(void **state)
{
	struct picture whole;

	(void)state;
	make_list(10);
	whole = picture_take();
	for (size_t n = 0; n < whole.n[1]; n += 13) {
		cut(growing[1], n);
		reopen(10);
		assert_picture(&whole, ARRAY_SIZE(growing));
	}
	put(growing[1], "10 abc", 6);
	put(growing[2], "{\"rec", 5);
	assert_ok(unlink(in_dir("violations")));
	cut("runtime_measurements_count", 0);
	reopen(10);
	assert_picture(&whole, ARRAY_SIZE(growing));
	assert_file("runtime_measurements_count", "10\n");
	assert_file("violations", "2\n");

	assert_ok(unlink(in_dir(growing[1])));
	reopen(10);
	assert_picture(&whole, ARRAY_SIZE(growing));
	picture_done(&whole);
}

static void test_rebuild_info(void **state)
{
	cleanup_free char *info = NULL;

	(void)state;
	make_list(3);
	cut("record_info", strlen("{\"record\":0}\n{\"rec"));
	reopen(3);
	info = slurp("record_info", NULL);
	assert_string_equal(info, "{\"record\":0}\n{\"record\":1,\"recovered\":true}\n"
				  "{\"record\":2,\"recovered\":true}\n");
}

/* Not a torn tail: a record that can never be right, with whole ones behind it. Nothing may be touched. */
static void test_damaged(void **state)
{
	cleanup(store_freep) struct store *s = NULL;
	struct picture whole, bad;
	uint64_t n = 99;
	size_t at;

	(void)state;
	make_list(6);
	whole = picture_take();
	at = 2 * (whole.n[0] / 6) + 24; /* name length of record 2: records are of one size here */
	cut(growing[0], at);
	put(growing[0], "\xff\xff\xff\xff", 4);
	put(growing[0], whole.text[0] + at + 4, whole.n[0] - at - 4);
	bad = picture_take();
	assert_int_equal(store_open(dir, BOOT_A, &s, &n), -EBADMSG);
	assert_null(s);
	assert_int_equal(n, 2);
	assert_picture(&bad, ARRAY_SIZE(growing));
	picture_done(&whole);
	picture_done(&bad);
}

static void limit_files(rlim_t size)
{
	struct rlimit l;

	assert_ok(getrlimit(RLIMIT_FSIZE, &l));
	l.rlim_cur = size;
	assert_ok(setrlimit(RLIMIT_FSIZE, &l));
}

/*
 * No room, seen as a short write: at each byte of the longest line, so that the
 * binary file, the ASCII file and the info file each are the one that is full.
 */
static void test_no_room(void **state)
{
	cleanup(store_freep) struct store *s = NULL;
	struct picture before;
	unsigned int failed = 0;
	uint64_t n;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	make_list(3);
	before = picture_take();
	assert_ok(store_open(dir, BOOT_A, &s, &n));
	for (rlim_t size = 16; size < before.n[1] + 200; size += 7) {
		int r;

		limit_files(size);
		r = append(s, 3, true);
		limit_files(RLIM_INFINITY);
		if (!r)
			break;
		failed++;
		assert_true(r == -ENOSPC || r == -EFBIG);
		assert_int_equal(store_records(s), 3);
		assert_picture(&before, ARRAY_SIZE(growing));
		assert_file("runtime_measurements_count", "3\n");
		assert_file("violations", "0\n");
	}
	assert_true(failed > 20);
	assert_int_equal(store_records(s), 4);
	assert_file("runtime_measurements_count", "4\n");
	assert_file("violations", "1\n");
	store_free(take_ptr(s));
	reopen(4);
	picture_done(&before);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_append),       STORE_TEST(test_scan),    STORE_TEST(test_one_writer),
		STORE_TEST(test_same_files),   STORE_TEST(test_torn),    STORE_TEST(test_rebuild),
		STORE_TEST(test_rebuild_info), STORE_TEST(test_damaged), STORE_TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
