// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gate: real permission events, on a tmpfs in a mount namespace of its own. Needs
 * root; without it, skipped. Users are child processes that only make system calls.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/fanotify.h>
#include <sys/wait.h>
#include <time.h>

#include <imad/gate.h>
#include <imad/log.h>
#include <imad/util.h>

#include "test.h"
#include "private_mount.h"

#define A_WHILE	 50  /* ms in which nothing must happen */
#define AT_MOST	 10000 /* ms in which something must */
#define TEST_MAX 60  /* s: then the program ends, and with it whatever its gate holds */

static char tmp[TMPDIR_PATH], file[TMPDIR_PATH + 8];
static struct gate *gate;
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct hold *holds; /* newest first */
	unsigned int n_holds, closes;
	ino_t closed;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void on_hold(void *arg, struct hold *h)
{
	(void)arg;
	pthread_mutex_lock(&seen.lock);
	h->next = seen.holds;
	seen.holds = h;
	seen.n_holds++;
	pthread_cond_signal(&seen.changed);
	pthread_mutex_unlock(&seen.lock);
}

static void on_close_write(void *arg, int fd)
{
	struct stat st = { 0 };

	(void)arg;
	(void)fstat(fd, &st);
	pthread_mutex_lock(&seen.lock);
	seen.closes++;
	seen.closed = st.st_ino;
	pthread_cond_signal(&seen.changed);
	pthread_mutex_unlock(&seen.lock);
}

static struct timespec in_ms(long ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += ms % 1000 * 1000000;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* Whether @counter (of seen) reaches @n within @ms. */
static bool reaches(const unsigned int *counter, unsigned int n, long ms)
{
	struct timespec until = in_ms(ms);
	bool ok;

	pthread_mutex_lock(&seen.lock);
	while (*counter < n && pthread_cond_timedwait(&seen.changed, &seen.lock, &until) == 0)
		;
	ok = *counter >= n;
	pthread_mutex_unlock(&seen.lock);
	return ok;
}

/* The next hold, taken off the list. */
static struct hold *take_hold(void)
{
	struct hold *h;

	assert_true(reaches(&seen.n_holds, 1, AT_MOST));
	pthread_mutex_lock(&seen.lock);
	h = seen.holds;
	seen.holds = h->next;
	seen.n_holds--;
	pthread_mutex_unlock(&seen.lock);
	return h;
}

static void assert_no_hold(void)
{
	assert_false(reaches(&seen.n_holds, 1, A_WHILE));
}

/* --- Users. Each ends with 0, or the errno of what was refused. */

static int reads(void)
{
	int fd = open(file, O_RDONLY);
	char c;

	return fd < 0 || read(fd, &c, 1) < 0 ? errno : 0;
}

static int opens(void)
{
	return open(file, O_RDONLY) < 0 ? errno : 0;
}

static int writes(void)
{
	int fd = open(file, O_WRONLY);

	return fd < 0 || write(fd, "new", 3) < 0 ? errno : 0;
}

static int opens_for_write(void)
{
	return open(file, O_WRONLY) < 0 ? errno : 0;
}

static pid_t child(int (*use)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(TEST_MAX);
		close_range(3, ~0u, 0); /* a group stays open as long as anybody has it */
		_exit(use());
	}
	assert_true(pid > 0);
	return pid;
}

static int result_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* One that must not be held. */
static void passes(int (*use)(void))
{
	assert_int_equal(result_of(child(use)), 0);
	assert_no_hold();
}

/* One that must be held, and is let go. */
static void is_held(int (*use)(void))
{
	pid_t pid = child(use);

	gate_release(take_hold());
	assert_int_equal(result_of(pid), 0);
}

/* --- The gate */

static void start(enum imad_hold where)
{
	const struct gate_ops ops = { .on_hold = on_hold, .on_close_write = on_close_write };

	assert_ok(gate_new(where, &ops, &gate));
	assert_ok(gate_mark(gate, tmp, false));
	assert_ok(gate_start(gate));
}

static int setup(void **state)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	(void)state;
	alarm(TEST_MAX);
	seen.holds = NULL;
	seen.n_holds = seen.closes = 0;
	return fd < 0 || write(fd, "content", 7) != 7 || close(fd) < 0;
}

static int teardown(void **state)
{
	(void)state;
	if (gate)
		gate_stop(gate);
	while (seen.holds)
		gate_release(take_hold());
	gate_freep(&gate);
	gate = NULL;
	return 0;
}

static void holds_the_first_access(void **state)
{
	struct stat by_fd, by_path;
	struct timespec now;
	struct hold *h;
	pid_t pid;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	passes(opens);
	pid = child(reads);
	h = take_hold();
	usleep(A_WHILE * 1000);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(h->tid, pid);
	assert_ok(fstat(h->fd, &by_fd));
	assert_ok(stat(file, &by_path));
	assert_int_equal(by_fd.st_ino, by_path.st_ino);
	assert_int_equal(fcntl(h->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(now.tv_sec - h->since_ns / 1000000000, 0, TEST_MAX);
	gate_release(h);
	assert_int_equal(result_of(pid), 0);
}

static void holds_the_open(void **state)
{
	(void)state;
	start(IMAD_HOLD_OPEN);
	is_held(opens);
	is_held(reads);
}

/* One hold each: the open's, and no other at the first access. */
static void opens_instead_of_accesses(void **state)
{
	(void)state;
	start(IMAD_HOLD_ACCESS);
	passes(opens);
	gate_hold_opens(gate, false);
	gate_hold_opens_only(gate);
	passes(opens); /* as it was marked */
	assert_ok(gate_mark(gate, tmp, false));
	is_held(opens);
	is_held(reads);
	is_held(opens_for_write);
	assert_int_equal(seen.closes, 0);
}

static void denies(void **state)
{
	struct gate_counters n;
	struct hold *h;
	pid_t pid;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	pid = child(reads);
	h = take_hold();
	assert_true(gate_answer(h, false));
	assert_int_equal(result_of(pid), EPERM);
	assert_false(gate_answer(h, true));
	gate_release(h);
	gate_counters(gate, &n);
	assert_int_equal(n.events, 1);
	assert_int_equal(n.answered, 1);
	assert_int_equal(n.pending, 0);
}

static void answers_before_it_lets_go(void **state)
{
	struct hold *h;
	pid_t pid;
	char c;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	pid = child(reads);
	h = take_hold();
	assert_true(gate_answer(h, true));
	assert_int_equal(result_of(pid), 0);
	assert_int_equal(pread(h->fd, &c, 1, 0), 1); /* still open */
	assert_int_equal(c, 'c');
	gate_release(h);
}

static void holds_many(void **state)
{
	enum { N = 8 };
	struct gate_counters n;
	pid_t pids[N];

	(void)state;
	start(IMAD_HOLD_ACCESS);
	for (unsigned int i = 0; i < N; i++)
		pids[i] = child(reads);
	assert_true(reaches(&seen.n_holds, N, AT_MOST));
	gate_counters(gate, &n);
	assert_int_equal(n.pending, N);
	for (unsigned int i = 0; i < N; i++)
		gate_release(take_hold());
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(result_of(pids[i]), 0);
	gate_counters(gate, &n);
	assert_int_equal(n.events, N);
	assert_int_equal(n.answered, N);
	assert_int_equal(n.pending, 0);
	assert_int_equal(n.read_errors, 0);
}

static void *own_read(void *arg)
{
	*(int *)arg = reads();
	return NULL;
}

static void own_threads_are_exempt(void **state)
{
	struct gate_counters n;
	pthread_t t;
	int r = -1;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	assert_int_equal(reads(), 0);
	assert_ok(pthread_create(&t, NULL, own_read, &r));
	pthread_join(t, NULL);
	assert_int_equal(r, 0);
	assert_no_hold();
	gate_counters(gate, &n);
	assert_int_equal(n.events, 2);
	assert_int_equal(n.answered, 2);
}

static void ignored_until_written(void **state)
{
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);

	(void)state;
	start(IMAD_HOLD_ACCESS);
	is_held(reads);
	assert_ok(gate_ignore(gate, fd, false, false));
	passes(reads);
	passes(writes);
	is_held(reads);
}

static void ignored_for_good(void **state)
{
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);

	(void)state;
	start(IMAD_HOLD_ACCESS);
	assert_ok(gate_ignore(gate, fd, false, true));
	passes(writes);
	passes(reads);
	gate_regard(gate, fd, false);
	is_held(reads);
	assert_ok(gate_ignore(gate, fd, false, false)); /* nothing of the old mark is left in the new one */
	passes(writes);
	is_held(reads);
}

static void ignores_one_file(void **state)
{
	cleanup_close int fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	start(IMAD_HOLD_ACCESS);
	assert_ok(gate_ignore(gate, fd, false, true));
	is_held(reads);
}

static void hears_of_writers(void **state)
{
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	passes(opens_for_write); /* no mark, no word */
	assert_int_equal(seen.closes, 0);
	assert_ok(gate_ignore(gate, fd, false, true));
	passes(opens_for_write);
	assert_true(reaches(&seen.closes, 1, AT_MOST));
	assert_ok(fstat(fd, &st));
	assert_int_equal(seen.closed, st.st_ino);
	passes(reads); /* a reader's close is none */
	assert_int_equal(seen.closes, 1);
	gate_regard(gate, fd, false);
	passes(opens_for_write);
	assert_int_equal(seen.closes, 1);
}

static void unmarked_again(void **state)
{
	(void)state;
	start(IMAD_HOLD_ACCESS);
	is_held(reads);
	assert_ok(gate_unmark(gate, tmp, false));
	passes(reads);
}

static void both_groups_hold(void **state)
{
	pid_t pid;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	assert_ok(gate_mark(gate, tmp, true));
	pid = child(reads);
	for (unsigned int i = 0; i < 2; i++)
		gate_release(take_hold());
	assert_int_equal(result_of(pid), 0);
}

static void marks_no_link_target(void **state)
{
	char link[TMPDIR_PATH + 8];

	(void)state;
	start(IMAD_HOLD_ACCESS);
	snprintf(link, sizeof(link), "%s/link", tmp);
	assert_ok(symlink("/proc/self/root/dev", link));
	assert_ok(gate_mark(gate, link, false)); /* of this tmpfs, again; /proc refuses marks */
	assert_ok(unlink(link));
	assert_int_equal(gate_mark(gate, link, false), -ENOENT);
	is_held(reads);
}

/* Whoever was never read, and whoever was read and not answered. */
static void lets_go_at_the_end(void **state)
{
	const struct gate_ops ops = { .on_hold = on_hold };
	struct hold *h;
	pid_t pid;

	(void)state;
	start(IMAD_HOLD_ACCESS);
	pid = child(reads);
	h = take_hold();
	gate_stop(gate);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	passes(reads); /* nothing is marked any more */
	gate_release(h);
	assert_int_equal(result_of(pid), 0);
	gate_freep(&gate);

	assert_ok(gate_new(IMAD_HOLD_ACCESS, &ops, &gate));
	assert_ok(gate_mark(gate, tmp, false));
	pid = child(reads);
	usleep(A_WHILE * 1000);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	gate_freep(&gate);
	gate = NULL;
	assert_int_equal(result_of(pid), 0);
}

static bool can_hold(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);

	if (fd >= 0)
		close(fd);
	else
		perror("no fanotify permission group");
	return fd >= 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(holds_the_first_access),
		TEST(holds_the_open),
		TEST(opens_instead_of_accesses),
		TEST(denies),
		TEST(answers_before_it_lets_go),
		TEST(holds_many),
		TEST(own_threads_are_exempt),
		TEST(ignored_until_written),
		TEST(ignored_for_good),
		TEST(ignores_one_file),
		TEST(hears_of_writers),
		TEST(unmarked_again),
		TEST(both_groups_hold),
		TEST(marks_no_link_target),
		TEST(lets_go_at_the_end),
	};
	int r = can_hold() ? private_tmpfs(tmp) : SKIP;

	if (r)
		return r;
	log_set_level(LOG_EMERG);
	snprintf(file, sizeof(file), "%s/file", tmp);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	private_tmpfs_end(tmp);
	return r;
}
