// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each folder is listed by one thread, which works on its files as it finds them: a name is looked
 * up in the folder that is open, not from the root on. Threads that have nothing to do are given
 * folders below, the newest first, so that few wait, and parts of a long one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <imad/util.h>

#include "imactl.h"
#include "tree.h"

#define BATCH 64
#define THREADS_MAX 64
#define TICK_NS 200000000

/* One that is open, as long as somebody works on files of it. */
struct folder {
	DIR *dir;
	dev_t dev; /* of the filesystem to stay on */
	size_t n;
	atomic_uint users;
	char path[]; /* of @n bytes; ends with a slash */
};

/* One that waits to be listed. */
struct waiting {
	struct waiting *next;
	dev_t dev;
	char path[];
};

/* Files of one folder. */
struct batch {
	struct batch *next;
	struct folder *of;
	unsigned int n;
	char names[BATCH][NAME_MAX + 1];
};

struct tree {
	const struct tree_ops *ops;
	atomic_uint idle; /* threads */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t work, ended;
	char **paths;
	unsigned int n_paths, busy, running;
	struct waiting *folders;
	struct batch *batches; /* given away; no more than threads were idle */
	int error;
};

/* What a thread is given: one of these. */
struct task {
	const char *root; /* as the user wrote it */
	struct waiting *folder;
	struct batch *batch;
};

atomic_bool tree_stopped;

static void note_error(struct tree *t, int r)
{
	pthread_mutex_lock(&t->lock);
	t->error = r;
	pthread_mutex_unlock(&t->lock);
}

/* --- files */

/* No link on the way: who owns a folder below must not lead us out of it. */
static int open_file(int folder, const char *name, int flags)
{
	struct open_how how = {
		.flags = (unsigned long long)flags | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));

	if (fd < 0 && errno == EPERM) { /* only an owner may leave no trace */
		how.flags &= ~(unsigned long long)O_NOATIME;
		fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));
	}
	return fd < 0 ? -errno : fd;
}

static void work_on(struct tree *t, void *own, int folder, const char *name, dev_t dev, const char *path)
{
	cleanup_close int fd = open_file(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME), unread = -1;
	struct stat st;

	if (fd == -EACCES && t->ops->denied)
		unread = open_file(folder, name, O_PATH);
	if (unread >= 0 && fstat(unread, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == dev)
		t->ops->denied(t->ops->arg, unread, path);
	else if (fd < 0 || fstat(fd, &st) < 0)
		t->ops->failed(t->ops->arg, path, fd < 0 ? fd : -errno);
	else if (S_ISREG(st.st_mode) && st.st_dev == dev)
		t->ops->file(t->ops->arg, own, fd, &st, path);
}

static void work_on_batch(struct tree *t, void *own, const struct batch *b)
{
	char path[PATH_MAX + NAME_MAX + 1];

	memcpy(path, b->of->path, b->of->n);
	for (unsigned int i = 0; i < b->n && !tree_stopped; i++) {
		strcpy(path + b->of->n, b->names[i]); /* there is room for the longest */
		work_on(t, own, dirfd(b->of->dir), b->names[i], b->of->dev, path);
	}
}

/* --- folders */

static void unuse(struct folder *f)
{
	if (--f->users)
		return;
	closedir(f->dir);
	free(f);
}

/* Takes the names of @b along, if a thread waits for work. */
static bool give_away(struct tree *t, const struct batch *b)
{
	struct batch *given = t->idle ? malloc(sizeof(*given)) : NULL;

	if (!given)
		return false;
	*given = *b;
	given->of->users++;
	pthread_mutex_lock(&t->lock);
	given->next = t->batches;
	t->batches = given;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	return true;
}

static void flush(struct tree *t, void *own, struct batch *b)
{
	if (b->n && !give_away(t, b))
		work_on_batch(t, own, b);
	b->n = 0;
}

static void put_folder(struct tree *t, const char *path, dev_t dev)
{
	size_t n = strlen(path) + 1;
	struct waiting *w = malloc(sizeof(*w) + n);

	if (!w) {
		note_error(t, -ENOMEM);
		return;
	}
	w->dev = dev;
	memcpy(w->path, path, n);
	pthread_mutex_lock(&t->lock);
	w->next = t->folders;
	t->folders = w;
	if (t->idle)
		pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

/* Looks at what is no file by its name alone: to open a device or what an automounter waits at would have effects. */
static void find(struct tree *t, struct batch *b, const struct dirent *e)
{
	unsigned char type = e->d_type;
	char path[PATH_MAX + NAME_MAX + 1];
	struct stat st;

	if (type == DT_REG) {
		strcpy(b->names[b->n++], e->d_name); /* NAME_MAX at most */
		return;
	}
	if (type != DT_DIR && type != DT_UNKNOWN)
		return;
	memcpy(path, b->of->path, b->of->n);
	strcpy(path + b->of->n, e->d_name);
	if (fstatat(dirfd(b->of->dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		t->ops->failed(t->ops->arg, path, -errno);
	else if (S_ISDIR(st.st_mode) && st.st_dev == b->of->dev)
		put_folder(t, path, st.st_dev);
	else if (S_ISREG(st.st_mode))
		strcpy(b->names[b->n++], e->d_name);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static void list_open(struct tree *t, void *own, struct folder *f)
{
	struct batch b = { .of = f };
	struct dirent *e;

	while (!tree_stopped && (errno = 0, e = readdir(f->dir))) {
		if (is_dots(e->d_name))
			continue;
		find(t, &b, e);
		if (b.n == BATCH)
			flush(t, own, &b);
	}
	if (!tree_stopped && errno)
		t->ops->failed(t->ops->arg, f->path, -errno);
	flush(t, own, &b);
}

static void list(struct tree *t, void *own, const char *path, dev_t dev)
{
	size_t n = strlen(path);
	struct folder *f = malloc(sizeof(*f) + n + 2);
	int fd = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (!f || fd < 0 || fstat(fd, &st) < 0 || (f->dir = fdopendir(fd)) == NULL) {
		t->ops->failed(t->ops->arg, path, !f ? -ENOMEM : fd < 0 ? fd : -errno);
		free(f);
		if (fd >= 0)
			close(fd);
		return;
	}
	f->dev = dev;
	f->users = 1;
	memcpy(f->path, path, n + 1);
	if (n && path[n - 1] != '/')
		strcpy(f->path + n++, "/");
	f->n = n;
	if (st.st_dev == dev)
		list_open(t, own, f);
	unuse(f);
}

/* @given: what the user wrote, whose links are followed. */
static void begin_at(struct tree *t, void *own, const char *given)
{
	cleanup_free char *path = realpath(given, NULL);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		t->ops->failed(t->ops->arg, given, -errno);
	else if (S_ISDIR(st.st_mode))
		list(t, own, path, st.st_dev);
	else if (S_ISREG(st.st_mode))
		work_on(t, own, AT_FDCWD, path, st.st_dev, path);
	else /* below a folder it would be passed over */
		t->ops->failed(t->ops->arg, given, -EINVAL);
}

/* --- threads */

/* A task is left, or can come of what others do. */
static bool take(struct tree *t, struct task *ret)
{
	if (t->batches) {
		*ret = (struct task){ .batch = t->batches };
		t->batches = t->batches->next;
	} else if (t->folders) {
		*ret = (struct task){ .folder = t->folders };
		t->folders = t->folders->next;
	} else if (t->n_paths) {
		*ret = (struct task){ .root = *t->paths++ };
		t->n_paths--;
	} else {
		return false;
	}
	t->busy++;
	return true;
}

static bool next(struct tree *t, struct task *ret)
{
	bool got;

	pthread_mutex_lock(&t->lock);
	while (!(got = take(t, ret)) && t->busy) {
		t->idle++;
		pthread_cond_wait(&t->work, &t->lock);
		t->idle--;
	}
	pthread_mutex_unlock(&t->lock);
	return got;
}

static void end_task(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	if (!--t->busy)
		pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
}

static void work(struct tree *t, void *own)
{
	struct task task;

	for (; next(t, &task); end_task(t)) {
		if (task.batch) {
			work_on_batch(t, own, task.batch);
			unuse(task.batch->of);
			free(task.batch);
		} else if (task.folder) {
			if (!tree_stopped)
				list(t, own, task.folder->path, task.folder->dev);
			free(task.folder);
		} else if (!tree_stopped) {
			begin_at(t, own, task.root);
		}
	}
}

static void *run_thread(void *arg)
{
	struct tree *t = arg;
	void *own = t->ops->begin(t->ops->arg);

	if (own) {
		work(t, own);
		t->ops->end(t->ops->arg, own);
	}
	pthread_mutex_lock(&t->lock);
	t->error = own ? t->error : -ENOMEM;
	t->running--;
	pthread_cond_signal(&t->ended);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void wait_for_threads(struct tree *t)
{
	struct timespec at;

	pthread_mutex_lock(&t->lock);
	while (t->running) {
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_nsec += TICK_NS;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&t->ended, &t->lock, &at) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&t->lock);
		t->ops->tick(t->ops->arg);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
}

static void on_signal(int signal)
{
	(void)signal;
	tree_stopped = true;
}

int tree_each(char **paths, unsigned int n, unsigned int threads, const struct tree_ops *ops)
{
	struct tree t = {
		.ops = ops, .paths = paths, .n_paths = n,
		.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER,
	};
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	unsigned int started = 0;
	pthread_t ids[THREADS_MAX];
	int r = 0;

	sigaction(SIGINT, &stop, NULL); /* a second one ends at once */
	sigaction(SIGTERM, &stop, NULL);
	threads = threads > THREADS_MAX ? THREADS_MAX : threads;
	t.running = threads;
	while (started < threads && r == 0) {
		r = -pthread_create(&ids[started], NULL, run_thread, &t);
		started += r == 0;
	}
	pthread_mutex_lock(&t.lock);
	t.running -= threads - started; /* fewer will do */
	pthread_mutex_unlock(&t.lock);
	wait_for_threads(&t);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	return started ? t.error : r;
}

unsigned int tree_threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 1 ? (unsigned int)cpus : 1;
}

int tree_take_jobs(const char *command, const char *text, unsigned int *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > THREADS_MAX)
		return complain(IMACTL_USAGE, "%s: --jobs is a number from 1 to %d, not '%s'", command, THREADS_MAX, text);
	*ret = (unsigned int)n;
	return IMACTL_OK;
}

bool tree_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}
