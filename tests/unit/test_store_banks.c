/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Store: the list once more for each bank. Every template digest is hashed here anew. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <imad/digest.h>
#include <imad/log.h>
#include <imad/store.h>
#include <imad/util.h>

#include "store_fixture.h"

#define BINARY "binary_runtime_measurements"
#define ASCII  "ascii_runtime_measurements"

static const struct algo *banks[3];

static int make_banks(void **state)
{
	banks[0] = algo_by_id(ALGO_SHA1);
	banks[1] = algo_by_id(ALGO_SHA256);
	banks[2] = algo_by_id(ALGO_SHA384);
	return make_dir(state);
}

static void load(const char *name, struct buf *ret)
{
	size_t n;
	cleanup_free char *bytes = slurp(name, &n);

	buf_reset(ret);
	buf_add(ret, bytes, n);
}

/* One of both templates, with names that have blanks. */
static int append_any(struct store *s, unsigned int i)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32 }, sha1 = { .algo = ALGO_SHA1, .size = 20 };
	struct template_input in = { .digest = &d, .digest_sha1 = &sha1, .name = "/a name", .violation = i % 4 == 3 };
	cleanup(buf_done) struct buf data = { 0 };
	struct list_record rec;

	memset(d.bytes, (int)i, d.size);
	assert_ok(list_make(10, i % 3 ? template_find("ima-ng", 6) : template_find("ima-sig", 7), &in, &data, &rec));
	return store_append(s, &rec, "{}");
}

static struct store *list_open(unsigned int n_banks)
{
	struct store *s = NULL;
	uint64_t had;

	assert_ok(store_open(dir, BOOT_A, &s, &had));
	assert_ok(store_banks(s, banks, n_banks));
	return s;
}

/* Both lists of a bank say what the list says, with the digest of that bank. */
static void assert_bank(const struct algo *algo, unsigned int n)
{
	cleanup(buf_done) struct buf list = { 0 }, ascii = { 0 }, bank = { 0 }, lines = { 0 };
	const char *line, *plain;
	size_t at = 0, bank_at = 0;
	char name[64];

	load(BINARY, &list);
	load(ASCII, &ascii);
	snprintf(name, sizeof(name), BINARY "_%s", algo->name);
	load(name, &bank);
	snprintf(name, sizeof(name), ASCII "_%s", algo->name);
	load(name, &lines);
	buf_add_u8(&ascii, 0);
	buf_add_u8(&lines, 0);
	line = (const char *)lines.data;
	plain = (const char *)ascii.data;
	for (unsigned int i = 0; i < n; i++) {
		cleanup(buf_done) struct buf want = { 0 };
		struct list_record r;
		struct digest d = { .size = algo->size };
		const char *why;
		ssize_t len = list_parse(list.data + at, list.len - at, &r, &why);

		assert_true(len > 0);
		if (!r.violation)
			assert_ok(digest_buf(algo, r.data, r.data_len, &d));
		buf_add(&want, "\x0a\0\0", 4);
		buf_add(&want, d.bytes, d.size);
		buf_add(&want, list.data + at + 24, (size_t)len - 24);
		assert_true(bank.len - bank_at >= want.len);
		assert_memory_equal(bank.data + bank_at, want.data, want.len);
		at += (size_t)len;
		bank_at += want.len;

		buf_reset(&want);
		buf_add(&want, "10 ", 3);
		buf_add_hex(&want, d.bytes, d.size);
		buf_add(&want, plain + 43, strcspn(plain + 43, "\n") + 1);
		assert_memory_equal(line, want.data, want.len);
		line += want.len;
		plain += strcspn(plain, "\n") + 1;
	}
	assert_int_equal(at, list.len);
	assert_int_equal(bank_at, bank.len);
	assert_int_equal(*line, 0);
}

static void assert_no_file(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(in_dir(name), &st), -1);
}

static void assert_links(void)
{
	char to[64];

	assert_int_equal(readlink(in_dir(BINARY "_sha1"), to, sizeof(to)), strlen(BINARY));
	assert_memory_equal(to, BINARY, strlen(BINARY));
	assert_int_equal(readlink(in_dir(ASCII "_sha1"), to, sizeof(to)), strlen(ASCII));
	assert_memory_equal(to, ASCII, strlen(ASCII));
}

static void test_appended(void **state)
{
	cleanup(store_freep) struct store *s = list_open(3);
	struct stat st;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		assert_ok(append_any(s, i));
		assert_bank(banks[1], i + 1);
	}
	assert_bank(banks[2], 12);
	assert_links();
	assert_ok(lstat(in_dir(BINARY "_sha384"), &st));
	assert_int_equal(st.st_mode, S_IFREG | 0440);
}

static void test_wished_later(void **state)
{
	cleanup(store_freep) struct store *s = list_open(0);

	(void)state;
	assert_links();
	assert_no_file(BINARY "_sha256");
	for (unsigned int i = 0; i < 9; i++)
		assert_ok(append_any(s, i));
	assert_ok(store_banks(s, banks, 2));
	assert_bank(banks[1], 9);
	assert_no_file(ASCII "_sha384");
	assert_ok(store_banks(s, banks + 2, 1));
	assert_ok(append_any(s, 9));
	assert_bank(banks[2], 10);
	assert_no_file(BINARY "_sha256");
	assert_no_file(ASCII "_sha256");
	store_free(take_ptr(s));
	s = list_open(0);
	assert_no_file(BINARY "_sha384");
	assert_links();
}

/* What a crash left of them, and what somebody put in the place of a link. */
static void test_mended(void **state)
{
	cleanup(store_freep) struct store *s = list_open(2);

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		assert_ok(append_any(s, i));
	store_free(take_ptr(s));
	for (unsigned int i = 0; i < 5; i++) {
		const char *damaged = i < 3 ? BINARY "_sha256" : ASCII "_sha256";
		struct stat st;

		assert_ok(stat(in_dir(damaged), &st));
		assert_ok(chmod(in_dir(damaged), 0600));
		if (i == 0)
			assert_ok(truncate(in_dir(damaged), st.st_size - 7));
		else if (i == 1)
			assert_ok(truncate(in_dir(damaged), 0));
		else if (i == 2)
			assert_ok(truncate(in_dir(damaged), st.st_size + 99));
		else if (i == 3)
			assert_ok(unlink(in_dir(damaged)));
		else
			assert_ok(truncate(in_dir(damaged), st.st_size / 2));
		assert_ok(unlink(in_dir(BINARY "_sha1")));
		assert_ok(symlink("/etc/passwd", in_dir(BINARY "_sha1")));
		s = list_open(2);
		assert_bank(banks[1], 8 + i);
		assert_links();
		assert_ok(append_any(s, 8 + i));
		assert_bank(banks[1], 9 + i);
		store_free(take_ptr(s));
	}
}

/* A record that not all lists take is in none of them. */
static void test_no_room(void **state)
{
	cleanup(store_freep) struct store *s = list_open(3);
	unsigned int failed = 0;
	int r = -1;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned int i = 0; i < 3; i++)
		assert_ok(append_any(s, i));
	for (rlim_t size = 16; r; size += 31) {
		struct rlimit limit = { size, RLIM_INFINITY };

		assert_ok(setrlimit(RLIMIT_FSIZE, &limit));
		r = append_any(s, 3);
		limit.rlim_cur = RLIM_INFINITY;
		assert_ok(setrlimit(RLIMIT_FSIZE, &limit));
		failed += r < 0;
		assert_true(r == 0 || r == -ENOSPC || r == -EFBIG);
		assert_bank(banks[1], r ? 3 : 4);
		assert_bank(banks[2], r ? 3 : 4);
	}
	assert_true(failed > 10);
}

static void test_archived(void **state)
{
	cleanup(store_freep) struct store *s = list_open(2);
	struct stat st;
	uint64_t n;

	(void)state;
	assert_ok(append_any(s, 1));
	store_free(take_ptr(s));
	assert_ok(store_open(dir, BOOT_B, &s, &n));
	assert_ok(store_banks(s, banks, 2));
	assert_bank(banks[1], 0);
	assert_ok(stat(in_dir("archive/" BOOT_A "/" BINARY "_sha256"), &st));
	assert_true(st.st_size > 100);
	assert_ok(stat(in_dir("archive/" BOOT_A "/" ASCII "_sha1"), &st)); /* the link leads to the list beside it */
	assert_true(st.st_size > 100);
	store_discard(s);
	assert_no_file(BINARY "_sha256");
	assert_no_file(BINARY "_sha1");
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_banks, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_appended), STORE_TEST(test_wished_later), STORE_TEST(test_mended),
		STORE_TEST(test_no_room),  STORE_TEST(test_archived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
