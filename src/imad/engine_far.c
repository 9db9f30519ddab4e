// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that may keep whoever opens or reads them waiting for ever: those of FUSE, of servers that are gone, of
 * mounts that nobody gates. Nobody is held for them, and no worker that somebody is held for touches them: they
 * have workers of their own, and what takes too long is in the list as a violation, by its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>

#include "engine_job.h"

#define FAR_JOBS_MAX 4096
#define FAR_END_MS 2000
#define UNREACHABLE "unreachable"

static void *run_far(void *arg)
{
	struct engine *e = arg;

	pthread_setname_np(pthread_self(), "far");
	engine_work(e, &e->far);
	return NULL;
}

/* The more of them are kept waiting, the more there are. */
static void have_worker(struct engine *e)
{
	if (e->n_far_threads == FAR_WORKERS_MAX || e->n_far_threads > e->n_far)
		return;
	if (pthread_create(&e->far_threads[e->n_far_threads], NULL, run_far, e) == 0)
		e->n_far_threads++;
}

bool far_begin(struct engine *e, struct job *j)
{
	have_worker(e);
	if (e->n_far == FAR_JOBS_MAX || !e->n_far_threads) {
		j->use.cause = UNREACHABLE;
		j->content.name = engine_name(j->far_name);
		return false;
	}
	j->far_since = now_ns();
	j->next_far = e->far_jobs;
	e->far_jobs = j;
	e->n_far++;
	return true;
}

void far_taken(struct job *j)
{
	j->engine->far_running++;
}

static void forget(struct job *j)
{
	struct job **p = &j->engine->far_jobs;

	while (*p != j)
		p = &(*p)->next_far;
	*p = j->next_far;
	j->engine->n_far--;
}

void far_left(struct job *j, bool for_good)
{
	j->engine->far_running--;
	if (for_good)
		forget(j);
}

/* A use of the same name that is in no file, and takes its place before the barriers. NULL: out of memory. */
static struct job *stand_in(const struct job *j)
{
	struct job *s = calloc(1, sizeof(*s));
	char *name = engine_name(j->far_name);

	if (!s || !name) {
		free(s);
		free(name);
		return NULL;
	}
	s->engine = j->engine;
	s->fd = -1;
	s->own_fd = s->is_use = true;
	s->use = j->use;
	s->use.fd = -1;
	s->use.far = NULL;
	s->use.writer = false;
	s->use.cause = j->use.writer ? NULL : UNREACHABLE; /* of a label nothing need be told */
	s->use_digest = j->use_digest;
	s->use.digest = j->use.digest ? &s->use_digest : NULL;
	s->content.name = name;
	return s;
}

static void take_place(struct engine *e, struct job *s, const struct job *j)
{
	s->serial = j->serial;
	s->older = j->older;
	s->newer = j->newer;
	*(s->older ? &s->older->newer : &e->oldest) = s;
	*(s->newer ? &s->newer->older : &e->newest) = s;
}

unsigned int far_give_up(struct engine *e, uint64_t now_ns, uint64_t limit_ns)
{
	unsigned int n = 0;

	for (struct job *j = e->far_jobs; j; j = j->next_far) {
		struct job *s = j->given_up || now_ns < j->far_since + limit_ns ? NULL : stand_in(j);

		if (!s)
			continue;
		j->given_up = true;
		take_place(e, s, j);
		e->jobs++;
		engine_insert(e, s);
		n++;
	}
	return n;
}

/* No worker will come for them. */
static void drop_waiting(struct engine *e)
{
	struct job *j = e->far.first, *next;

	e->far.first = NULL;
	e->far.end = &e->far.first;
	for (struct job *i = j; i; i = i->next_in_queue)
		far_taken(i);
	pthread_mutex_unlock(&e->lock);
	for (; j; j = next) {
		next = j->next_in_queue;
		job_finish(j, false);
	}
	pthread_mutex_lock(&e->lock);
}

void far_end(struct engine *e)
{
	struct timespec until;
	unsigned int n;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FAR_END_MS / 1000;
	while (e->n_far && pthread_cond_clockwait(&e->idle, &e->lock, CLOCK_MONOTONIC, &until) == 0)
		;
	n = far_give_up(e, now_ns(), 0);
	drop_waiting(e);
	if (n)
		log_msg(LOG_WARNING, "%u uses of files whose filesystem does not answer are recorded without content", n);
}

void far_back(const struct job *j)
{
	while (j->engine->gone)
		pause();
}

bool far_reach(struct job *j)
{
	struct engine_use use = j->use; /* who gives it up meanwhile sees the old one */
	struct engine *e = j->engine;
	struct stat st;
	int r;

	if (j->reached)
		return true;
	j->reached = true;
	j->content.name = engine_name(j->far_name);
	r = j->content.name ? e->ops.reach(e->ops.arg, use.far, &use) : -ENOMEM;
	far_back(j);
	pthread_mutex_lock(&e->lock);
	j->use = use;
	pthread_mutex_unlock(&e->lock);
	if (r < 0) {
		job_finish(j, false);
		return false;
	}
	j->fd = use.fd;
	if (j->fd >= 0 && fstat(j->fd, &st) == 0) {
		j->dev = st.st_dev;
		j->ino = st.st_ino;
	}
	return true;
}
