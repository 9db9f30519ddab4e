// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The thread that empties the ring buffer: uses the gate could not hold, violations
 * seen by a writer's open, and the barrier of imactl sync behind them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/appraise.h>
#include <imad/log.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "main.h"

#define DELETED " (deleted)"
#define TELL_AGAIN_MS 1000

struct sync_request {
	void (*fn)(void *arg);
	void *arg;
	struct sync_request *next;
};

/* A late use whose file only a worker may open who can wait for ever. */
struct late {
	struct daemon_far far;
	struct imad_event event; /* no longer than its path */
};

/* An overlay or a volume, whose files show another device. Of FUSE beneath an overlay the hook refuses us to open anything. */
static bool may_be_shown_so(int at, const struct imad_event *e)
{
	enum mounts_kind kind = mounts_kind_of(at, e->tgid);

	return kind == MOUNTS_SAFE || kind == MOUNTS_LAYERS;
}

/* Open what is found at @at, and keep it only if it is the very inode of the event. Nothing of FUSE is asked for. */
static int open_if_same(struct daemon *d, int at, const struct imad_event *e)
{
	struct imad_probe probe;
	struct statx st;
	char path[64];
	int fd;

	if (statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return -errno;
	if (st.stx_ino != e->ino || ((st.stx_dev_major << 20 | st.stx_dev_minor) != e->dev && !may_be_shown_so(at, e)))
		return -ESTALE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	fd = hooks_open(d->hooks, AT_FDCWD, path, O_RDONLY, 0, &probe);
	if (fd < 0 || (probe.ino == e->ino && probe.dev == e->dev))
		return fd;
	close(fd);
	return -ESTALE;
}

/* The file by one of the descriptors that its user still holds. */
static int open_by_descriptor(struct daemon *d, const struct imad_event *e)
{
	char path[64];
	struct dirent *entry;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", e->tgid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (fd < 0 && (entry = readdir(dir))) {
		cleanup_close int at = openat(dirfd(dir), entry->d_name, O_PATH | O_CLOEXEC);

		if (at >= 0)
			fd = open_if_same(d, at, e);
	}
	closedir(dir);
	return fd;
}

/* From the root of its filesystem. */
static void join_parts(const struct imad_event *e, char name[IMAD_EVENT_PATH_MAX])
{
	size_t len = 0;

	name[0] = '\0';
	for (uint32_t i = MIN(e->parts, IMAD_PARTS_MAX); i > 0 && len < IMAD_EVENT_PATH_MAX; i--)
		len += (size_t)snprintf(name + len, IMAD_EVENT_PATH_MAX - len, "/%.*s", IMAD_NAME_MAX - 1,
					e->path + (i - 1) * IMAD_NAME_MAX);
}

/* The event's path without what d_path() appends to that of an unlinked file. */
static void event_name(const struct imad_event *e, char name[IMAD_EVENT_PATH_MAX])
{
	size_t n;

	if (e->parts) {
		join_parts(e, name);
		return;
	}
	snprintf(name, IMAD_EVENT_PATH_MAX, "%s", e->path);
	n = strlen(name);
	if (e->deleted && n > strlen(DELETED) && !strcmp(name + n - strlen(DELETED), DELETED))
		name[n - strlen(DELETED)] = '\0';
	if (e->flags & IMAD_GEN_BARE && strrchr(name, '/'))
		memmove(name, strrchr(name, '/') + 1, strlen(strrchr(name, '/')));
}

/* As its user sees it, who may be gone by now; @near: without waiting for anybody. */
static int open_by_path(struct daemon *d, const struct imad_event *e, const char *name, const char *root, bool near)
{
	cleanup_close int top = open(root, O_PATH | O_CLOEXEC | O_DIRECTORY), at = -1;

	if (top < 0)
		return -errno;
	at = near ? mounts_at_hand(top, name) : mounts_walk(top, name, e->tgid);
	return at < 0 ? at : open_if_same(d, at, e);
}

/* Of whom nobody has it open. */
static int open_by_parts(struct daemon *d, const struct imad_event *e, const char *name, bool near)
{
	char at[MOUNTS_PATH_MAX];
	const char *rest = mounts_reaching(e->dev, name, at);

	return rest ? open_by_path(d, e, rest, at, near) : -ENOENT;
}

static int open_event_file(struct daemon *d, const struct imad_event *e, const char *name)
{
	char root[64];
	int fd;

	if (e->parts)
		return open_by_parts(d, e, name, false);
	snprintf(root, sizeof(root), "/proc/%u/root", e->tgid);
	fd = open_by_path(d, e, name, root, false);
	if (fd < 0)
		fd = open_by_descriptor(d, e);
	if (fd < 0)
		fd = open_by_path(d, e, name, "/", false);
	return fd;
}

/* In this thread, which must not wait. Negative errno: a worker has to try. */
static int open_near(struct daemon *d, const struct imad_event *e, const char *name)
{
	char root[64];
	int fd;

	if (e->flags & IMAD_EVENT_FAR)
		return -EAGAIN;
	if (e->parts)
		return open_by_parts(d, e, name, true);
	snprintf(root, sizeof(root), "/proc/%u/root", e->tgid);
	fd = open_by_path(d, e, name, root, true);
	return fd < 0 ? open_by_path(d, e, name, "/", true) : fd;
}

static void on_failure(struct daemon *d, const struct imad_event *e, const char *name)
{
	struct failure f = {
		.name = name, .ino = e->ino, .dev = e->dev, .pid = e->tgid, .uid = e->uid, .func = e->func, .cause = e->slots,
		.denied = e->denied, .rule = e->rule, .gen = e->gen, .found = e->found, .changed = e->changed,
	};

	memcpy(f.comm, e->comm, sizeof(f.comm));
	memcpy(f.fs_id, e->fs_id, sizeof(f.fs_id));
	f.comm[sizeof(f.comm) - 1] = f.fs_id[sizeof(f.fs_id) - 1] = '\0';
	daemon_tell_failure(d, &f);
}

/*
 * Used while nobody answered, and changed since: what was used is gone. What the kernel
 * hashed then counts, or a violation says so. False: neither is wanted.
 */
static bool keep_what_was_used(struct daemon *d, const struct imad_event *e, struct engine_use *use)
{
	struct imad_verdict unused;
	struct imad_gen now;
	bool has_gen;

	if (use->fd < 0 || !(e->flags & IMAD_EVENT_UNATTENDED) || use->writer ||
	    hooks_state(d->hooks, use->fd, &now, &has_gen, &unused) < 0 || now.gen == e->gen)
		return true;
	close(use->fd);
	use->fd = -1;
	return e->slots & (IMAD_SLOTS_MEASURE | IMAD_SLOT_AUDIT);
}

static int reach_late(struct daemon *d, const struct daemon_far *far, struct engine_use *use)
{
	const struct imad_event *e = &((const struct late *)far)->event; /* its first member */
	char name[IMAD_EVENT_PATH_MAX];

	event_name(e, name);
	use->fd = open_event_file(d, e, name);
	return keep_what_was_used(d, e, use) ? 0 : -ENOENT;
}

/* NULL: out of memory. */
static void *far_event(const struct imad_event *e)
{
	struct late *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->far.reach = reach_late;
	memcpy(&l->event, e, offsetof(struct imad_event, path) + (e->parts ? sizeof(e->path) : strnlen(e->path, sizeof(e->path) - 1)));
	return &l->far;
}

static void on_event(void *arg, const struct imad_event *e)
{
	struct daemon *d = arg;
	struct engine_use use = {
		.kind = MEASURE_LATE, .func = e->func, .slots = e->slots, .gen = e->gen, .flags = e->flags,
		.pid = e->tgid, .uid = e->uid, .place = e->place,
	};
	struct digest digest = { .algo = d->hash->id, .size = d->hash->size };
	char name[IMAD_EVENT_PATH_MAX];

	if (e->type == IMAD_EVENT_LABEL) {
		d->labels_changed = true;
		return;
	}
	event_name(e, name);
	if (e->type == IMAD_EVENT_FAILED) {
		on_failure(d, e, name);
		return;
	}
	use.name = name;
	use.writer = e->type == IMAD_EVENT_WRITER;
	if (e->type != IMAD_EVENT_LATE && e->type != IMAD_EVENT_ASKED && !use.writer) {
		(void)engine_violation(d->engine, &use, e->type == IMAD_EVENT_TOMTOU ? "ToMToU" : "open_writers");
		return;
	}
	if (e->digest_algo == d->hash->id) {
		memcpy(digest.bytes, e->digest, digest.size);
		use.digest = &digest;
	}
	use.fd = open_near(d, e, name);
	if (use.fd < 0 && !(e->flags & IMAD_EVENT_FUSE))
		use.far = far_event(e);
	else if (!keep_what_was_used(d, e, &use) || (use.fd < 0 && use.writer))
		return;
	(void)engine_use(d->engine, &use); /* out of memory: nothing is left to tell it with */
}

/* Of what is not there it can only be told that it was. */
static void on_data(void *arg, const struct imad_data_event *e)
{
	struct daemon *d = arg;
	struct engine_use use = {
		.fd = -1, .kind = MEASURE_LATE, .func = e->func, .slots = e->slots, .pid = e->tgid, .uid = e->uid,
		.place = e->place, .name = e->name, .data_len = e->len,
	};

	if (!e->slots) { /* refused, not measured */
		struct failure f = {
			.name = e->name, .pid = e->tgid, .uid = e->uid, .func = e->func, .cause = e->cause, .denied = e->denied,
			.rule = hooks_load_rule(d->hooks, e->func),
		};

		daemon_tell_failure(d, &f);
		return;
	}
	if (e->len == 0 || e->len > IMAD_DATA_MAX) {
		use.kind = MEASURE_VIOLATION;
		use.slots = 0;
		use.cause = e->len ? "too-long" : "from-memory";
	} else {
		use.data = malloc(e->len);
		if (use.data)
			memcpy(use.data, e->bytes, e->len);
	}
	(void)engine_use(d->engine, &use); /* without memory for the data the record will be one that says so */
}

/* Everything that was in the ring buffer when the request came has been handed over by now. */
static void start_barriers(struct daemon *d, struct sync_request *list)
{
	while (list) {
		struct sync_request *s = list;

		list = s->next;
		if (engine_barrier(d->engine, s->fn, s->arg) < 0)
			s->fn(s->arg);
		free(s);
	}
}

static struct sync_request *take_syncs(struct daemon *d)
{
	struct sync_request *list;

	pthread_mutex_lock(&d->sync_lock);
	list = take_ptr(d->syncs);
	pthread_mutex_unlock(&d->sync_lock);
	return list;
}

static void *run_late(void *arg)
{
	struct daemon *d = arg;
	struct pollfd fds[] = {
		{ .fd = hooks_events_fd(d->hooks), .events = POLLIN },
		{ .fd = d->late_wake, .events = POLLIN },
	};
	uint64_t count;
	bool told;

	pthread_setname_np(pthread_self(), "late");
	told = daemon_tell_lost(d, false); /* of the daemon before this one */
	while (!d->late_stop) {
		struct sync_request *syncs;

		(void)poll(fds, ARRAY_SIZE(fds), told ? -1 : TELL_AGAIN_MS);
		if (fds[1].revents)
			(void)!read(d->late_wake, &count, sizeof(count)); /* only clears it */
		syncs = take_syncs(d);
		if (hooks_events(d->hooks) > 0)
			daemon_note_batch(d);
		told = daemon_tell_lost(d, syncs);
		if (d->labels_changed) /* once, however many they were */
			engine_regard_all(d->engine);
		d->labels_changed = false;
		start_barriers(d, syncs);
	}
	(void)hooks_events(d->hooks); /* whose HMAC is due has it made before imad ends */
	(void)daemon_tell_lost(d, true);
	start_barriers(d, take_syncs(d));
	return NULL;
}

static void wake(struct daemon *d)
{
	uint64_t one = 1;

	(void)!write(d->late_wake, &one, sizeof(one)); /* cannot fail: the counter is far from full */
}

int daemon_sync(struct daemon *d, void (*fn)(void *arg), void *arg)
{
	struct sync_request *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct sync_request){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&d->sync_lock);
	s->next = d->syncs;
	d->syncs = s;
	pthread_mutex_unlock(&d->sync_lock);
	wake(d);
	return 0;
}

int daemon_start_late(struct daemon *d)
{
	int r;

	pthread_mutex_init(&d->sync_lock, NULL);
	d->late_wake = eventfd(0, EFD_CLOEXEC);
	if (d->late_wake < 0)
		return log_errno(LOG_ERR, -errno, "cannot make an eventfd");
	hooks_on_event(d->hooks, on_event, on_data, d);
	r = -pthread_create(&d->late_thread, NULL, run_late, d);
	if (r < 0) {
		close(d->late_wake);
		d->late_wake = -1;
		return log_errno(LOG_ERR, r, "cannot start the event thread");
	}
	return 0;
}

void daemon_stop_late(struct daemon *d)
{
	if (d->late_wake < 0)
		return;
	d->late_stop = true;
	wake(d);
	pthread_join(d->late_thread, NULL);
	close(d->late_wake);
	d->late_wake = -1;
}
