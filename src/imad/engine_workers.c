// SPDX-License-Identifier: GPL-2.0-or-later
/* The threads that work on jobs: how they start, what they take next, how they end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <imad/util.h>

#include "engine_job.h"

void engine_enqueue(struct engine *e, struct job *j)
{
	struct lane *lane = j->is_far ? &e->far : &e->near;

	j->next_in_queue = NULL;
	*lane->end = j;
	lane->end = &j->next_in_queue;
	pthread_cond_signal(&lane->work);
}

static struct job *next_job(struct engine *e, struct lane *lane)
{
	struct job *j;

	pthread_mutex_lock(&e->lock);
	lane->idle++;
	while (!lane->first && !e->stopping)
		pthread_cond_wait(&lane->work, &e->lock);
	lane->idle--;
	j = lane->first;
	if (j && !(lane->first = j->next_in_queue))
		lane->end = &lane->first;
	if (j && j->is_far)
		far_taken(j);
	pthread_mutex_unlock(&e->lock);
	return j;
}

void engine_work(struct engine *e, struct lane *lane)
{
	void *scratch = NULL;
	struct job *j;

	while ((j = next_job(e, lane))) {
		if (!scratch)
			scratch = e->ops.scratch_new(e->ops.arg);
		job_run(j, scratch);
	}
	e->ops.scratch_free(e->ops.arg, scratch);
}

static void *run_worker(void *arg)
{
	struct engine *e = arg;

	pthread_setname_np(pthread_self(), "hash");
	engine_work(e, &e->near);
	return NULL;
}

static void lane_init(struct lane *lane)
{
	lane->end = &lane->first;
	pthread_cond_init(&lane->work, NULL);
}

int engine_new(const struct engine_config *c, const struct engine_ops *ops, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e) + c->workers * sizeof(e->threads[0]));
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->config = *c;
	e->ops = *ops;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->settle, NULL);
	lane_init(&e->near);
	lane_init(&e->far);
	pthread_cond_init(&e->idle, NULL);
	while (e->n_threads < c->workers && r == 0) {
		r = -pthread_create(&e->threads[e->n_threads], NULL, run_worker, e);
		if (r == 0)
			e->n_threads++;
	}
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

bool engine_free(struct engine *e)
{
	if (!e)
		return true;
	own_tell_timeouts(e, 0, true);
	pthread_mutex_lock(&e->lock);
	e->ending = true;
	far_end(e);
	while (e->jobs > e->far_running)
		pthread_cond_wait(&e->idle, &e->lock);
	e->stopping = true;
	e->gone = e->far_running;
	pthread_cond_broadcast(&e->near.work);
	pthread_cond_broadcast(&e->far.work);
	pthread_mutex_unlock(&e->lock);
	for (unsigned int i = 0; i < e->n_threads; i++)
		pthread_join(e->threads[i], NULL);
	if (e->gone)
		return false;
	for (unsigned int i = 0; i < e->n_far_threads; i++)
		pthread_join(e->far_threads[i], NULL);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->settle);
	pthread_cond_destroy(&e->near.work);
	pthread_cond_destroy(&e->far.work);
	pthread_cond_destroy(&e->idle);
	free(e);
	return true;
}
