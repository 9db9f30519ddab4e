// SPDX-License-Identifier: GPL-2.0-or-later
/* One thread walks (fts), others open and work; between them a short queue of names. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <imad/util.h>

#include "tree.h"

#define QUEUE 512
#define BATCH 32
#define THREADS_MAX 64
#define TICK_NS 200000000ull

struct name {
	char *path;
	dev_t dev; /* of the filesystem to stay on */
};

struct tree {
	const struct tree_ops *ops;
	const atomic_bool *stop;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t room, work;
	struct name queue[QUEUE];
	unsigned int first, n;
	bool over;
	int error;
};

/* No link on the way: who owns a folder below must not lead us out of it. */
static int open_file(const char *path, int access)
{
	struct open_how how = {
		.flags = (unsigned long long)access | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0 && errno == EPERM) { /* only an owner may leave no trace */
		how.flags &= ~(unsigned long long)O_NOATIME;
		fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	}
	return fd < 0 ? -errno : fd;
}

static void work_on(struct tree *t, void *own, const struct name *name)
{
	cleanup_close int fd = open_file(name->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME), unread = -1;
	struct stat st;

	if (fd == -EACCES && t->ops->denied)
		unread = open_file(name->path, O_PATH);
	if (unread >= 0 && fstat(unread, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == name->dev)
		t->ops->denied(t->ops->arg, unread, name->path);
	else if (fd < 0 || fstat(fd, &st) < 0)
		t->ops->failed(t->ops->arg, name->path, fd < 0 ? fd : -errno);
	else if (S_ISREG(st.st_mode) && st.st_dev == name->dev)
		t->ops->file(t->ops->arg, own, fd, &st, name->path);
}

/* Some at once, because a file is often done sooner than another thread is woken. 0: there are no more. */
static unsigned int take(struct tree *t, struct name ret[BATCH])
{
	unsigned int n = 0;

	pthread_mutex_lock(&t->lock);
	while (!t->n && !t->over)
		pthread_cond_wait(&t->work, &t->lock);
	for (; t->n && n < BATCH; t->n--) {
		ret[n++] = t->queue[t->first];
		t->first = (t->first + 1) % QUEUE;
	}
	if (t->n)
		pthread_cond_signal(&t->work);
	pthread_cond_signal(&t->room);
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void note_error(struct tree *t, int r)
{
	pthread_mutex_lock(&t->lock);
	t->error = r;
	pthread_mutex_unlock(&t->lock);
}

static void *run_worker(void *arg)
{
	struct tree *t = arg;
	void *own = t->ops->begin(t->ops->arg);
	struct name names[BATCH];
	unsigned int n;

	if (!own)
		note_error(t, -ENOMEM);
	while ((n = take(t, names)) > 0)
		for (unsigned int i = 0; i < n; i++) {
			if (own && !*t->stop)
				work_on(t, own, &names[i]);
			free(names[i].path);
		}
	if (own)
		t->ops->end(t->ops->arg, own);
	return NULL;
}

static void put(struct tree *t, const char *path, dev_t dev)
{
	struct name name = { .path = strdup(path), .dev = dev };

	if (!name.path) {
		note_error(t, -ENOMEM);
		return;
	}
	pthread_mutex_lock(&t->lock);
	while (t->n == QUEUE)
		pthread_cond_wait(&t->room, &t->lock);
	t->queue[(t->first + t->n++) % QUEUE] = name;
	if (t->n == BATCH)
		pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* @given: what the user wrote, whose links are followed. */
static void walk(struct tree *t, const char *given)
{
	cleanup_free char *path = realpath(given, NULL);
	char *roots[] = { path, NULL };
	uint64_t last = now_ns();
	struct stat root;
	FTSENT *e;
	FTS *fts;

	if (!path || stat(path, &root) < 0 || !(fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL))) {
		t->ops->failed(t->ops->arg, given, -errno);
		return;
	}
	if (!S_ISREG(root.st_mode) && !S_ISDIR(root.st_mode)) /* below a folder it would be passed over */
		t->ops->failed(t->ops->arg, given, -EINVAL);
	while (!*t->stop && (errno = 0, e = fts_read(fts))) {
		if (e->fts_info == FTS_F && S_ISREG(e->fts_statp->st_mode))
			put(t, e->fts_path, root.st_dev);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			t->ops->failed(t->ops->arg, e->fts_path, -e->fts_errno);
		if (now_ns() - last < TICK_NS)
			continue;
		t->ops->tick(t->ops->arg);
		last = now_ns();
	}
	if (!*t->stop && errno)
		t->ops->failed(t->ops->arg, given, -errno);
	fts_close(fts);
}

int tree_each(char **paths, unsigned int n, unsigned int threads, const struct tree_ops *ops, const atomic_bool *stop)
{
	struct tree t = {
		.ops = ops, .stop = stop,
		.lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	};
	unsigned int running = 0;
	pthread_t ids[THREADS_MAX];

	threads = threads > THREADS_MAX ? THREADS_MAX : threads;
	while (running < threads && t.error == 0) {
		t.error = -pthread_create(&ids[running], NULL, run_worker, &t);
		running += t.error == 0;
	}
	if (running) /* fewer will do */
		t.error = 0;
	for (unsigned int i = 0; i < n && running && !*stop; i++)
		walk(&t, paths[i]);
	pthread_mutex_lock(&t.lock);
	t.over = true;
	pthread_cond_broadcast(&t.work);
	pthread_mutex_unlock(&t.lock);
	while (running)
		pthread_join(ids[--running], NULL);
	return t.error;
}

bool tree_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}
