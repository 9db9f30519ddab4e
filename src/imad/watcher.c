/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child counts its own rounds, not the time: if both were stopped together (a suspended machine, a frozen cgroup), this
 * process gets its whole time again. Descriptors are closed in it before all else: whoever has one of the gate's keeps it open.
 */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>
#include <imad/watcher.h>

#define ROUND_MS 500
#define SELF_FD	 3

struct watcher {
	atomic_ulong *beats; /* shared with the child */
	unsigned int limit_ms;
	pid_t pid;
};

/* stderr may be a socket or a pipe that nobody reads: by now that harms nobody, but this process shall end. */
static void say(const char *text)
{
	if (send(STDERR_FILENO, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ENOTSOCK)
		(void)!write(STDERR_FILENO, text, strlen(text));
}

/* From here on nothing but system calls: in the process that forked other threads may have held any lock. */
static _Noreturn void watch(const struct watcher *w)
{
	struct pollfd self = { .fd = SELF_FD, .events = POLLIN };
	unsigned long seen = 0, now;
	unsigned int missed = 0;

	while (missed < w->limit_ms) {
		if (poll(&self, 1, ROUND_MS) > 0)
			_exit(0); /* it has ended */
		now = atomic_load(w->beats);
		missed = now == seen ? missed + ROUND_MS : 0;
		if (!now)
			missed = 0;
		seen = now;
	}
	(void)syscall(SYS_pidfd_send_signal, SELF_FD, SIGKILL, NULL, 0);
	say("<1>imad hangs: it was killed, so that nobody waits for it any more\n");
	_exit(1);
}

static _Noreturn void be_child(const struct watcher *w, int self)
{
	if (dup2(self, SELF_FD) < 0 || syscall(SYS_close_range, SELF_FD + 1, ~0u, 0) < 0)
		_exit(2);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	(void)prctl(PR_SET_NAME, "imad-watcher");
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	watch(w);
}

static int begin(struct watcher *w)
{
	cleanup_close int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	sigset_t all, was;
	int r = 0;

	if (self < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was); /* for the child: process 1 sends signals to the whole cgroup */
	w->pid = fork();
	if (w->pid == 0)
		be_child(w, self);
	if (w->pid < 0)
		r = -errno;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return r;
}

int watcher_new(unsigned int limit_ms, struct watcher **ret)
{
	struct watcher *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->limit_ms = limit_ms;
	w->beats = mmap(NULL, sizeof(*w->beats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = w->beats == MAP_FAILED ? -errno : begin(w);
	if (r < 0) {
		watcher_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void watcher_beat(struct watcher *w)
{
	atomic_fetch_add(w->beats, 1);
}

int watcher_renew(struct watcher *w)
{
	int r = w->pid > 0 && waitpid(w->pid, NULL, WNOHANG) == 0 ? 0 : 1;

	if (r == 0)
		return 0;
	r = begin(w);
	return r < 0 ? r : 1;
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (w->beats != MAP_FAILED)
		munmap(w->beats, sizeof(*w->beats));
	free(w);
}
