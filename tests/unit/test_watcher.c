/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watcher.c: who hangs is killed, who is slow is not; and what the child has of its parent. vmtest/86-hang.sh has imad hang. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <imad/watcher.h>

#include "test.h"

#define LIMIT_MS 1500

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void beat_for(struct watcher *w, unsigned int ms)
{
	for (unsigned int i = 0; i < ms; i += 50) {
		watcher_beat(w);
		sleep_ms(50);
	}
}

/* @work in a process of its own, whose end of @pipe it keeps open; 0: it said that all is well, else how it ended. */
static int in_child(void (*work)(void), int pipe_fds[2])
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (pipe_fds)
			close(pipe_fds[0]);
		work();
		_exit(0);
	}
	if (pipe_fds)
		close(pipe_fds[1]);
	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

static struct watcher *make(void)
{
	struct watcher *w = NULL;

	if (watcher_new(LIMIT_MS, &w) < 0)
		_exit(3);
	return w;
}

static void hang(void)
{
	beat_for(make(), 500);
	raise(SIGSTOP);
}

static void go_on(void)
{
	struct watcher *w = make();

	sleep_ms(2 * LIMIT_MS); /* nothing before the first beat */
	beat_for(w, 2 * LIMIT_MS);
	watcher_free(w);
	sleep_ms(2 * LIMIT_MS); /* nothing after the end */
}

static void hung(void **state)
{
	int status;

	(void)state;
	status = in_child(hang, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void alive(void **state)
{
	(void)state;
	assert_int_equal(in_child(go_on, NULL), 0);
}

/* The only child of this process. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return atoi(text);
}

static void lose_it(void)
{
	struct watcher *w = make();
	pid_t first = child_of(getpid());

	watcher_beat(w);
	if (first <= 0 || watcher_renew(w) != 0)
		_exit(4);
	kill(first, SIGTERM); /* as process 1 does to a whole cgroup */
	sleep_ms(100);
	if (watcher_renew(w) != 0)
		_exit(5);
	kill(first, SIGKILL);
	sleep_ms(100);
	if (watcher_renew(w) != 1 || child_of(getpid()) == first)
		_exit(6);
	beat_for(w, 500);
	raise(SIGSTOP); /* the new one is as good */
}

static void renewed(void **state)
{
	int status;

	(void)state;
	status = in_child(lose_it, NULL);
	if (!WIFSIGNALED(status))
		fail_msg("status %d", WEXITSTATUS(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static int kept;

static void close_and_stay(void)
{
	struct watcher *w = make();

	sleep_ms(200);
	close(kept); /* the last one, unless the child has it */
	beat_for(w, 1000);
}

/* Not the gate's descriptors, and nothing else: so a pipe ends when this process closes it. */
static void keeps_nothing(void **state)
{
	struct pollfd end;
	struct timespec t[2];
	int p[2], status = 0;
	pid_t pid;
	char c;

	(void)state;
	assert_ok(pipe(p));
	kept = p[1];
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		close_and_stay();
		_exit(0);
	}
	close(p[1]);
	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	end = (struct pollfd){ .fd = p[0], .events = POLLIN };
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(read(p[0], &c, 1), 0);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it goes on to live */
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	assert_true(t[1].tv_sec - t[0].tv_sec < 5);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(p[0]);
}

static pid_t watcher_pid;

static void tell_and_die(void)
{
	watcher_beat(make());
	exit(child_of(getpid()) > 0 ? dprintf(kept, "%d\n", child_of(getpid())) < 0 : 7);
}

static void ends_with_it(void **state)
{
	char text[32] = "";
	int p[2];

	(void)state;
	assert_ok(pipe(p));
	kept = p[1];
	assert_int_equal(in_child(tell_and_die, p), 0);
	assert_true(read(p[0], text, sizeof(text) - 1) > 0);
	watcher_pid = atoi(text);
	for (int i = 0; i < 50 && kill(watcher_pid, 0) == 0; i++)
		sleep_ms(100);
	assert_int_equal(kill(watcher_pid, 0), -1);
	close(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hung),	   cmocka_unit_test(alive),	   cmocka_unit_test(renewed),
		cmocka_unit_test(keeps_nothing), cmocka_unit_test(ends_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
