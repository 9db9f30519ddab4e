/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting the front of the list: what the files are after it, and that a crash before any of its system calls
 * leaves the old list or the new one. The crash is real: a child is traced and killed at its n-th call.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <imad/digest.h>
#include <imad/log.h>
#include <imad/store.h>
#include <imad/util.h>

#include "store_fixture.h"

#define RECORDS 12
#define CUT	7 /* records */
#define FILES	7

/* All that grow; the first is what counts. */
static const char *const names[FILES] = {
	"binary_runtime_measurements",	      "ascii_runtime_measurements",	   "record_info",
	"binary_runtime_measurements_sha256", "ascii_runtime_measurements_sha256", "binary_runtime_measurements_sha512",
	"ascii_runtime_measurements_sha512",
};

/* Open with lists of two banks; SHA-1 needs none. */
static struct store *open_list(const char *boot_id, uint64_t want)
{
	const struct algo *banks[] = { algo_by_id(ALGO_SHA1), algo_by_id(ALGO_SHA256), algo_by_id(ALGO_SHA512) };
	struct store *s = NULL;
	uint64_t had = 99;

	assert_ok(store_open(dir, boot_id, &s, &had));
	assert_int_equal(had, want);
	assert_ok(store_banks(s, banks, ARRAY_SIZE(banks)));
	return s;
}

static struct store *new_list(unsigned int n)
{
	struct store *s = open_list(BOOT_A, 0);

	for (unsigned int i = 0; i < n; i++)
		assert_ok(append(s, i, i % 5 == 4));
	return s;
}

static void make_checkpoint(struct checkpoint *c, uint64_t records)
{
	*c = (struct checkpoint){ .boot_id = BOOT_A, .records = records, .violations = records / 5, .time = 1, .n_pcrs = 1 };
	c->pcrs[0] = (struct pcr_value){ .pcr = 10, .n = 1, .bank[0] = { .algo = ALGO_SHA1, .size = 20 } };
}

struct finding {
	uint64_t n, cut;
};

static int find(void *arg, const struct list_record *r, uint64_t start, uint64_t end)
{
	struct finding *f = arg;

	(void)r, (void)start;
	if (!f->n)
		return -ECANCELED;
	f->n--;
	f->cut = end;
	return 0;
}

/* Bytes of the first records of the file. */
static uint64_t offset(const struct store *s, uint64_t n)
{
	struct finding f = { .n = n };
	uint64_t at = 0;

	assert_int_equal(store_scan(s, &at, find, &f), -ECANCELED);
	return f.cut;
}

static int begin(struct store *s, uint64_t records, struct store_trim **ret)
{
	struct checkpoint c;
	struct store_end end;

	make_checkpoint(&c, records);
	store_end(s, &end);
	return store_trim_begin(s, &c, records == store_records(s) ? end.size : offset(s, records - store_first(s)), &end, ret);
}

static void trim(struct store *s, uint64_t records)
{
	struct store_trim *t = NULL;

	assert_ok(begin(s, records, &t));
	assert_ok(store_trim_commit(s, t));
	store_trim_free(s, t);
}

/* What the files are. */
struct picture {
	char *text[FILES];
	size_t n[FILES];
};

static struct picture picture_take(void)
{
	struct picture p;

	for (size_t i = 0; i < FILES; i++)
		p.text[i] = slurp(names[i], &p.n[i]);
	return p;
}

static void picture_done(struct picture *p)
{
	for (size_t i = 0; i < FILES; i++)
		free(p->text[i]);
}

/* The files are those of the picture without the first @cut[i] bytes of each. */
static void assert_tail(const struct picture *p, const size_t *cut)
{
	for (size_t i = 0; i < FILES; i++) {
		size_t n;
		cleanup_free char *text = slurp(names[i], &n);

		assert_int_equal(n, p->n[i] - (cut ? cut[i] : 0));
		assert_memory_equal(text, p->text[i] + (cut ? cut[i] : 0), n);
	}
}

static size_t lines_size(const char *text, unsigned int n)
{
	const char *p = text;

	while (n--)
		p = strchr(p, '\n') + 1;
	return (size_t)(p - text);
}

/* Bytes of the first @n records in each file. Every record here has the same size; the one of a bank is longer. */
static void fronts(const struct picture *p, uint64_t binary, unsigned int n, size_t ret[FILES])
{
	for (size_t i = 0; i < FILES; i++)
		ret[i] = strncmp(names[i], "binary", 6) ? lines_size(p->text[i], n) : binary;
	ret[3] += (size_t)n * 12;
	ret[5] += (size_t)n * 44;
}

static void assert_nothing_new(void)
{
	struct stat st;
	char path[128];

	for (size_t i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s.new", names[i]);
		assert_int_equal(stat(in_dir(path), &st), -1);
	}
	assert_int_equal(stat(in_dir("checkpoint.new"), &st), -1);
}

static void test_trim(void **state)
{
	struct store *s = new_list(RECORDS);
	struct picture p = picture_take();
	size_t cut[FILES];
	struct stat st;

	(void)state;
	fronts(&p, offset(s, CUT), CUT, cut);
	trim(s, CUT);
	assert_tail(&p, cut);
	assert_nothing_new();
	assert_int_equal(store_first(s), CUT);
	assert_int_equal(store_records(s), RECORDS);
	assert_int_equal(store_size(s), p.n[0] - cut[0]);
	assert_file("runtime_measurements_count", "12\n");
	assert_file("violations", "2\n");
	for (size_t i = 0; i < FILES; i++) {
		assert_ok(stat(in_dir(names[i]), &st));
		assert_int_equal(st.st_mode & 07777, 0440);
	}
	/* It goes on, in all files, by the same numbers. */
	assert_ok(append(s, 12, false));
	assert_ok(append(s, 13, false));
	assert_ok(append(s, 14, true));
	assert_file("runtime_measurements_count", "15\n");
	assert_file("violations", "3\n");
	store_free(s);
	picture_done(&p);

	/* As it does after a start, which mends nothing. */
	p = picture_take();
	s = open_list(BOOT_A, 15);
	assert_tail(&p, NULL);
	assert_int_equal(store_first(s), CUT);
	assert_int_equal(store_violations(s), 3);
	/* All of it, and a second time. */
	trim(s, 15);
	assert_int_equal(store_size(s), 0);
	assert_int_equal(store_first(s), 15);
	store_free(s);
	s = open_list(BOOT_A, 15);
	assert_ok(append(s, 15, false));
	assert_file("record_info", "{\"record\":15}\n");
	assert_file("runtime_measurements_count", "16\n");
	assert_file("violations", "3\n");
	store_free(s);
	picture_done(&p);
}

/* Records that come between the two steps are in the new list. */
static void test_meanwhile(void **state)
{
	struct store *s = new_list(RECORDS);
	struct store_trim *t = NULL;
	size_t cut[FILES];
	struct picture p;

	(void)state;
	assert_ok(begin(s, CUT, &t));
	for (unsigned int i = RECORDS; i < 40; i++)
		assert_ok(append(s, i, i % 5 == 4));
	p = picture_take();
	fronts(&p, offset(s, CUT), CUT, cut);
	assert_ok(store_trim_commit(s, t));
	store_trim_free(s, t);
	assert_tail(&p, cut);
	assert_int_equal(store_records(s), 40);
	store_free(s);
	store_free(open_list(BOOT_A, 40));
	assert_tail(&p, cut);
	picture_done(&p);
}

static void test_given_up(void **state)
{
	struct store *s = new_list(RECORDS);
	struct picture p = picture_take();
	struct store_trim *t = NULL;
	struct checkpoint c;
	struct store_end end;

	(void)state;
	assert_ok(begin(s, CUT, &t));
	store_trim_free(s, t);
	assert_nothing_new();
	assert_tail(&p, NULL);
	assert_int_equal(store_first(s), 0);

	make_checkpoint(&c, CUT);
	store_end(s, &end);
	assert_int_equal(store_trim_begin(s, &c, end.size + 1, &end, &t), -EINVAL);
	assert_true(store_trim_begin(s, &c, offset(s, CUT) - 1, &end, &t) < 0); /* in the middle of a record */
	assert_nothing_new();
	trim(s, CUT);
	assert_int_equal(store_trim_begin(s, &c, 0, &end, &t), -EINVAL); /* that is cut off already */
	store_free(s);
	picture_done(&p);
}

/* No room at any byte: the list is as it was, and takes records. */
static void test_no_room(void **state)
{
	struct rlimit l, full;
	struct store *s;
	struct picture p;
	unsigned int failed = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	s = new_list(RECORDS);
	p = picture_take();
	assert_ok(getrlimit(RLIMIT_FSIZE, &full));
	for (rlim_t size = 0; size < 4096; size += 50) {
		struct store_trim *t = NULL;
		int r;

		l = (struct rlimit){ size, full.rlim_max };
		assert_ok(setrlimit(RLIMIT_FSIZE, &l));
		r = begin(s, CUT, &t);
		assert_ok(setrlimit(RLIMIT_FSIZE, &full));
		store_trim_free(s, t);
		assert_tail(&p, NULL);
		assert_nothing_new();
		if (!r)
			break;
		assert_true(r == -ENOSPC || r == -EFBIG);
		failed++;
	}
	assert_true(failed > 10);
	assert_ok(append(s, RECORDS, RECORDS % 5 == 4));
	store_free(s);
	store_free(open_list(BOOT_A, RECORDS + 1));
	picture_done(&p);
}

/* In a child: trim, stopped for the tracer before it. */
static void traced_trim(void)
{
	struct store *s = open_list(BOOT_A, RECORDS);
	struct store_trim *t = NULL;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);
	if (begin(s, CUT, &t) < 0 || store_trim_commit(s, t) < 0)
		_exit(1);
	_exit(0);
}

/* Kill the child at its @n-th system call, before it is made. True: it had so many. */
static bool crash_at(unsigned int n)
{
	pid_t pid = fork();
	bool entry = true;
	int status;

	assert_true(pid >= 0);
	if (!pid)
		traced_trim();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		fail_msg("ptrace is not to be had");
	assert_true(WIFSTOPPED(status));
	assert_ok(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	for (;; entry = !entry) {
		assert_ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
		if (entry && n-- == 0)
			break;
	}
	assert_ok(kill(pid, SIGKILL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

static void test_crash(void **state)
{
	unsigned int n = 0, old = 0, new = 0;
	struct picture p = { 0 };
	size_t cut[FILES];
	bool crashed;

	(void)state;
	do {
		struct store *s;

		remove_dir(NULL);
		make_dir(NULL);
		s = new_list(RECORDS);
		if (!n) {
			p = picture_take();
			fronts(&p, offset(s, CUT), CUT, cut);
		}
		store_free(s);
		crashed = crash_at(n++);
		s = open_list(BOOT_A, RECORDS);
		assert_nothing_new();
		assert_true(store_first(s) == 0 || store_first(s) == CUT);
		assert_tail(&p, store_first(s) ? cut : NULL);
		assert_file("runtime_measurements_count", "12\n");
		assert_file("violations", "2\n");
		if (store_first(s))
			new++;
		else
			old++;
		/* Once cut, never whole again: the calls come in one order. */
		assert_true(!new || store_first(s));
		assert_ok(append(s, RECORDS, RECORDS % 5 == 4));
		store_free(s);
	} while (crashed);
	print_message("%u crashes left the old list, %u the new one\n", old, new - 1);
	assert_true(old > 10 && new > 5);
	picture_done(&p);
}

/* A crash, and then a reboot: the list that goes to the archive is one of the two as well. */
static void test_crash_and_boot(void **state)
{
	static const char *const there[] = { "checkpoint", "checkpoint.new" };
	char path[2 * TMPDIR_PATH], other[128];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(there); i++) {
		struct store_trim *t = NULL;
		struct store *s;
		struct stat st;

		remove_dir(NULL);
		make_dir(NULL);
		s = new_list(RECORDS);
		assert_ok(begin(s, CUT, &t));
		snprintf(path, sizeof(path), "%s", in_dir("checkpoint.new"));
		if (i == 0) /* as if the cut was the last that was done */
			assert_ok(rename(path, in_dir("checkpoint")));
		store_free(s);
		store_free(open_list(BOOT_B, 0));
		assert_nothing_new();
		snprintf(other, sizeof(other), "archive/" BOOT_A "/checkpoint");
		assert_int_equal(stat(in_dir(other), &st), i == 0 ? 0 : -1);
		assert_int_equal(stat(in_dir("checkpoint"), &st), -1);
		assert_ok(stat(in_dir("archive/" BOOT_A "/record_info"), &st));
		assert_int_equal(st.st_size, (i == 0 ? RECORDS - CUT : RECORDS) * 13 + 2);
		/* What it was given up for is another store's now: only memory is left to free. */
		s = open_list(BOOT_B, 0);
		store_trim_free(s, t);
		store_free(s);
	}
}

static int collect(void *arg, unsigned int pcr, const uint8_t *digest)
{
	uint64_t *sum = arg;

	*sum += pcr * 1000 + digest[0];
	return 0;
}

static void test_measured(void **state)
{
	const struct algo *sha256 = algo_by_id(ALGO_SHA256), *sha1 = algo_by_id(ALGO_SHA1);
	struct store *s = new_list(1);
	uint8_t entries[2 * 33] = { [0] = 10, [1] = 3, [33] = 12, [34] = 4 };
	uint64_t sum = 0;
	cleanup_close int fd = -1;

	(void)state;
	assert_ok(store_measured(s, sha256, collect, &sum));
	assert_int_equal(sum, 0);
	assert_ok(store_measured_add(s, sha256, entries, 2));
	assert_ok(store_measured(s, sha256, collect, &sum));
	assert_int_equal(sum, 22007);
	/* Torn in the third, mended by the next. */
	assert_ok(chmod(in_dir("measured"), 0600));
	fd = open(in_dir("measured"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, entries, 20), 20);
	sum = 0;
	assert_ok(store_measured(s, sha256, collect, &sum));
	assert_int_equal(sum, 22007);
	assert_ok(store_measured_add(s, sha256, entries, 1));
	sum = 0;
	assert_ok(store_measured(s, sha256, collect, &sum));
	assert_int_equal(sum, 32010);
	/* Of another hash: not used, then begun anew. */
	sum = 0;
	assert_ok(store_measured(s, sha1, collect, &sum));
	assert_int_equal(sum, 0);
	assert_ok(store_measured_add(s, sha1, entries, 1));
	assert_ok(store_measured(s, sha1, collect, &sum));
	assert_int_equal(sum, 10003);
	store_free(s);
}

/* A checkpoint that is not one stops the start: who knows what stood there. */
static void test_damaged(void **state)
{
	struct store *s = new_list(RECORDS);
	uint64_t n;

	(void)state;
	trim(s, CUT);
	store_free(s);
	assert_ok(chmod(in_dir("checkpoint"), 0600));
	assert_ok(truncate(in_dir("checkpoint"), 100));
	assert_int_equal(store_open(dir, BOOT_A, &s, &n), -EBADMSG);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_trim),	STORE_TEST(test_meanwhile),	 STORE_TEST(test_given_up), STORE_TEST(test_no_room),
		STORE_TEST(test_crash), STORE_TEST(test_crash_and_boot), STORE_TEST(test_measured), STORE_TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
