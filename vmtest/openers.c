// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many who open files that nobody knows, for 69-alive.sh. Files are DIR/FROM .. DIR/FROM+COUNT-1.
 *
 *   openers make DIR FROM COUNT UID          each with a content of its own, owned by UID
 *   openers read DIR FROM COUNT THREADS      open and read all, shared among threads
 *   openers kill DIR FROM COUNT THREADS      the same by processes that get a SIGKILL meanwhile
 *
 * read prints `OPENED opened, REFUSED refused, slowest MS ms`; kill `KILLED killed, ENDED ended`. Both end
 * with 1 after two minutes, when somebody still waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 512
#define PATIENCE_S 120

static const char *dir;
static int from, count, next, opened, refused, killed, ended;
static long slowest;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The path of the next file that nobody has taken. -1: there is none. */
static int take(char *path, size_t size)
{
	int i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

	if (i >= count)
		return -1;
	snprintf(path, size, "%s/%d", dir, from + i);
	return i;
}

static int read_one(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	char c;

	if (fd < 0)
		return -errno;
	r = read(fd, &c, 1) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void note_slowest(long ms)
{
	long old = slowest;

	while (ms > old && !__atomic_compare_exchange_n(&slowest, &old, ms, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void *reader(void *arg)
{
	char path[4096];

	(void)arg;
	while (take(path, sizeof(path)) >= 0) {
		long begin = now_ms();

		__atomic_fetch_add(read_one(path) < 0 ? &refused : &opened, 1, __ATOMIC_RELAXED);
		note_slowest(now_ms() - begin);
	}
	return NULL;
}

/* Some are killed before they are held, some while they are, some too late. */
static void *killer(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	char path[4096];
	int status;

	while (take(path, sizeof(path)) >= 0) {
		pid_t child = fork();

		if (child == 0)
			_exit(read_one(path) < 0);
		usleep(rand_r(&seed) % 20000);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		__atomic_fetch_add(WIFSIGNALED(status) ? &killed : &ended, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int make(unsigned int uid)
{
	char path[4096];
	int i;

	while ((i = take(path, sizeof(path))) >= 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || dprintf(fd, "%s\n", path) < 0 || fchown(fd, uid, (gid_t)-1) < 0) {
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
			return 1;
		}
		close(fd);
	}
	return 0;
}

static void run(void *(*fn)(void *arg), int n)
{
	pthread_t threads[THREADS_MAX];

	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, fn, (void *)(i + 1)) != 0)
			abort();
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void impatient(int sig)
{
	static const char text[] = "somebody still waits\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

int main(int argc, char **argv)
{
	int n;

	if (argc != 6)
		return 2;
	dir = argv[2];
	from = atoi(argv[3]);
	count = atoi(argv[4]);
	n = atoi(argv[5]);
	if (!strcmp(argv[1], "make"))
		return make((unsigned int)n);
	if (n < 1 || n > THREADS_MAX)
		return 2;
	signal(SIGALRM, impatient);
	alarm(PATIENCE_S);
	if (!strcmp(argv[1], "read")) {
		run(reader, n);
		printf("%d opened, %d refused, slowest %ld ms\n", opened, refused, slowest);
	} else {
		run(killer, n);
		printf("%d killed, %d ended\n", killed, ended);
	}
	return 0;
}
