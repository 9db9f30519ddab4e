// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the two fanotify groups and their reader threads. What a use means is not
 * known here: the owner's callback decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <imad/gate.h>
#include <imad/log.h>
#include <imad/util.h>

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200 /* 5.19 */
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400 /* 6.0 */
#endif
#ifndef FAN_REPORT_TID
#define FAN_REPORT_TID 0x00000100
#endif

#define READ_BUFFER 4096 /* a read gives at most this / 24 events, each with an open descriptor */
#define STUCK_NS 50000000ull /* a read that takes longer than that waits for somebody */
#define SPARE_POLL_MS 20

struct gate_group {
	struct gate *gate;
	int fd;
	pthread_t thread, spare;
	bool running, has_spare;
	int wake; /* eventfd: the spare reader is needed */
	atomic_uint_fast64_t reading_since; /* 0: the reader is not in read() */
	/* Written by the reader, or under no lock by whoever answers. */
	atomic_uint_fast64_t events, answered, read_errors;
};

struct gate {
	struct gate_ops ops;
	_Atomic uint64_t mask; /* of a filesystem mark */
	int stop;      /* eventfd that ends the readers */
	atomic_bool stopping;
	struct gate_group plain, overlay;
	atomic_uint_fast64_t timeouts;
};

static void respond(struct gate_group *g, int fd, bool allow)
{
	struct fanotify_response response = { .fd = fd, .response = allow ? FAN_ALLOW : FAN_DENY };

	/* A killed opener is gone: the kernel takes the late answer without a word. */
	while (write(g->fd, &response, sizeof(response)) < 0 && errno == EINTR)
		;
	g->answered++;
}

bool gate_answer(struct hold *h, bool allow)
{
	if (atomic_exchange(&h->answered, true))
		return false;
	respond(h->group, h->fd, allow);
	return true;
}

void gate_release(struct hold *h)
{
	/*
	 * The file goes before the answer, its number after: an event is answered by
	 * number, and an opener that goes on to write must not meet us as a reader.
	 */
	(void)dup3(h->group->gate->stop, h->fd, O_CLOEXEC);
	gate_answer(h, true);
	close(h->fd);
	free(h);
}

/* A thread of this process, whichever: exempt by identity, never by a list that could be stale. */
static bool is_own_thread(pid_t self, pid_t tid)
{
	return syscall(SYS_tgkill, self, tid, 0) == 0;
}

static void take_event(struct gate_group *g, const struct fanotify_event_metadata *m, pid_t self)
{
	struct hold *h;

	if (m->fd < 0)
		return;
	if (m->mask & FAN_CLOSE_WRITE) {
		g->gate->ops.on_close_write(g->gate->ops.arg, m->fd);
		close(m->fd);
		return;
	}
	g->events++;
	h = is_own_thread(self, m->pid) ? NULL : malloc(sizeof(*h));
	if (!h) { /* our own use, or no memory: never keep anybody waiting for what will not come */
		respond(g, m->fd, true);
		close(m->fd);
		return;
	}
	*h = (struct hold){ .fd = m->fd, .tid = m->pid, .since_ns = now_ns(), .group = g };
	g->gate->ops.on_hold(g->gate->ops.arg, h);
}

/* Returns whether there may be more to read at once. */
static bool read_events(struct gate_group *g, pid_t self)
{
	char buffer[READ_BUFFER] __attribute__((aligned(8)));
	ssize_t n = read(g->fd, buffer, sizeof(buffer));
	struct fanotify_event_metadata *m = (void *)buffer;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		g->read_errors++;
	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n))
		take_event(g, m, self);
	return n > 0;
}

/*
 * To open a file for its event the kernel may need somebody else first: a module for the
 * hash of fs-verity, and so modprobe, which the gate holds. Then the spare reader reads.
 */
static bool is_stuck(const struct gate_group *g)
{
	uint64_t since = g->reading_since;

	return since && now_ns() > since + STUCK_NS;
}

static void *run_spare(void *arg)
{
	struct gate_group *g = arg;
	struct pollfd idle[] = { { .fd = g->wake, .events = POLLIN }, { .fd = g->gate->stop, .events = POLLIN } };
	struct pollfd busy[] = { { .fd = g->fd, .events = POLLIN }, { .fd = g->gate->stop, .events = POLLIN } };
	pid_t self = getpid();
	uint64_t calls;

	pthread_setname_np(pthread_self(), "gate-spare");
	for (;;) {
		(void)poll(idle, ARRAY_SIZE(idle), -1);
		if (idle[1].revents)
			return NULL;
		if (idle[0].revents)
			(void)!read(g->wake, &calls, sizeof(calls));
		while (is_stuck(g) && !g->gate->stopping)
			if (poll(busy, ARRAY_SIZE(busy), SPARE_POLL_MS) > 0 && busy[0].revents)
				(void)read_events(g, self);
	}
}

static bool read_and_tell(struct gate_group *g, pid_t self)
{
	bool more;

	g->reading_since = now_ns();
	more = read_events(g, self);
	g->reading_since = 0;
	return more;
}

static void *run_reader(void *arg)
{
	struct gate_group *g = arg;
	struct pollfd fds[] = { { .fd = g->fd, .events = POLLIN }, { .fd = g->gate->stop, .events = POLLIN } };
	pid_t self = getpid();

	pthread_setname_np(pthread_self(), g == &g->gate->plain ? "gate" : "gate-overlay");
	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			g->read_errors++;
		if (fds[1].revents)
			return NULL;
		while (fds[0].revents && !g->gate->stopping && read_and_tell(g, self))
			;
	}
}

static int open_group(struct gate *gate, struct gate_group *g)
{
	unsigned int flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
			     FAN_UNLIMITED_MARKS | FAN_REPORT_TID;

	g->gate = gate;
	/* O_NONBLOCK: a FIFO must not hold the reader; O_NOATIME: measuring leaves no trace. */
	g->fd = fanotify_init(flags, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK);
	g->wake = g->fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
	return g->wake < 0 ? -errno : 0;
}

int gate_new(enum imad_hold where, const struct gate_ops *ops, struct gate **ret)
{
	cleanup(gate_freep) struct gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->ops = *ops;
	g->mask = where == IMAD_HOLD_ACCESS ? FAN_ACCESS_PERM : FAN_OPEN_PERM;
	g->plain.fd = g->plain.wake = g->overlay.fd = g->overlay.wake = -1;
	g->stop = eventfd(0, EFD_CLOEXEC);
	if (g->stop < 0)
		return log_errno(LOG_ERR, -errno, "cannot make an eventfd");
	r = open_group(g, &g->plain);
	if (r == 0)
		r = open_group(g, &g->overlay);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot make a fanotify permission group");
	*ret = take_ptr(g);
	return 0;
}

static int start_reader(struct gate_group *g)
{
	int r = -pthread_create(&g->thread, NULL, run_reader, g);

	g->running = r == 0;
	if (r == 0) {
		r = -pthread_create(&g->spare, NULL, run_spare, g);
		g->has_spare = r == 0;
	}
	return r;
}

int gate_start(struct gate *g)
{
	int r = start_reader(&g->plain);

	if (r == 0)
		r = start_reader(&g->overlay);
	return r < 0 ? log_errno(LOG_ERR, r, "cannot start a gate thread") : 0;
}

static void stop_reader(struct gate_group *g)
{
	(void)fanotify_mark(g->fd, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
	if (g->running)
		pthread_join(g->thread, NULL);
	if (g->has_spare)
		pthread_join(g->spare, NULL);
	g->running = g->has_spare = false;
}

void gate_stop(struct gate *g)
{
	uint64_t one = 1;

	g->stopping = true;
	(void)!write(g->stop, &one, sizeof(one)); /* cannot fail: the counter is far from full */
	stop_reader(&g->plain);
	stop_reader(&g->overlay);
}

static void close_group(struct gate_group *g)
{
	if (g->fd >= 0)
		close(g->fd);
	if (g->wake >= 0)
		close(g->wake);
}

static void wake_spare(struct gate_group *g)
{
	uint64_t one = 1;

	if (is_stuck(g))
		(void)!write(g->wake, &one, sizeof(one));
}

void gate_tick(struct gate *g)
{
	wake_spare(&g->plain);
	wake_spare(&g->overlay);
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	if (g->stop >= 0) {
		gate_stop(g);
		close(g->stop);
	}
	close_group(&g->plain);
	close_group(&g->overlay);
	free(g);
}

void gate_freep(struct gate **g)
{
	gate_free(*g);
}

void gate_hold_opens(struct gate *g, bool writers)
{
	g->mask |= FAN_OPEN_PERM | (writers ? FAN_CLOSE_WRITE : 0);
}

void gate_hold_opens_only(struct gate *g)
{
	g->mask &= ~FAN_ACCESS_PERM;
}

/* What is held, of all that a mark tells of. */
static uint64_t held(const struct gate *g)
{
	return g->mask & (FAN_OPEN_PERM | FAN_ACCESS_PERM);
}

static struct gate_group *group_of(struct gate *g, bool overlay)
{
	return overlay ? &g->overlay : &g->plain;
}

static int change_mark(struct gate *g, unsigned int how, const char *path, bool overlay)
{
	unsigned int flags = how | FAN_MARK_FILESYSTEM | FAN_MARK_DONT_FOLLOW;

	return fanotify_mark(group_of(g, overlay)->fd, flags, g->mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

int gate_mark(struct gate *g, const char *path, bool overlay)
{
	int r = change_mark(g, FAN_MARK_ADD, path, overlay);

	if (r == 0 && !(g->mask & FAN_ACCESS_PERM)) /* if it held those once */
		(void)fanotify_mark(group_of(g, overlay)->fd, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM | FAN_MARK_DONT_FOLLOW,
				    FAN_ACCESS_PERM, AT_FDCWD, path);
	return r;
}

int gate_unmark(struct gate *g, const char *path, bool overlay)
{
	return change_mark(g, FAN_MARK_REMOVE, path, overlay);
}

int gate_listen(struct gate *g, int fd, bool overlay)
{
	unsigned int flags = FAN_MARK_ADD | FAN_MARK_EVICTABLE;

	return fanotify_mark(group_of(g, overlay)->fd, flags, FAN_CLOSE_WRITE, fd, NULL) < 0 ? -errno : 0;
}

/*
 * One inode mark in the same group: it listens for the last word of a writer and
 * ignores what the filesystem mark holds. Evictable: it goes with the inode, as the
 * state in BPF does.
 */
int gate_ignore(struct gate *g, int fd, bool overlay, bool survive)
{
	unsigned int flags = FAN_MARK_ADD | FAN_MARK_EVICTABLE | FAN_MARK_IGNORE;
	int r = gate_listen(g, fd, overlay);

	if (r < 0)
		return r;
	flags |= survive ? FAN_MARK_IGNORED_SURV_MODIFY : 0;
	return fanotify_mark(group_of(g, overlay)->fd, flags, held(g), fd, NULL) < 0 ? -errno : 0;
}

void gate_regard(struct gate *g, int fd, bool overlay)
{
	int group = group_of(g, overlay)->fd;

	/* Both halves, so that the mark itself goes: a surviving mark cannot be made an ordinary one. */
	(void)fanotify_mark(group, FAN_MARK_REMOVE | FAN_MARK_IGNORE, held(g), fd, NULL);
	(void)fanotify_mark(group, FAN_MARK_REMOVE, FAN_CLOSE_WRITE, fd, NULL);
}

void gate_regard_all(struct gate *g)
{
	/* Cannot fail: the inode marks of the groups, not those of their filesystems. */
	(void)fanotify_mark(g->plain.fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
	(void)fanotify_mark(g->overlay.fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
}

void gate_counters(const struct gate *g, struct gate_counters *ret)
{
	*ret = (struct gate_counters){
		.events = g->plain.events + g->overlay.events,
		.answered = g->plain.answered + g->overlay.answered,
		.read_errors = g->plain.read_errors + g->overlay.read_errors,
		.timeouts = g->timeouts,
	};
	ret->pending = ret->events > ret->answered ? ret->events - ret->answered : 0;
}

void gate_count_timeout(struct gate *g)
{
	g->timeouts++;
}
