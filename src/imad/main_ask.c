// SPDX-License-Identifier: GPL-2.0-or-later
/* A thread for requests that read whole files, so that the loop goes on meanwhile. The server bounds how many wait. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <json-c/json.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

struct asks {
	struct daemon *daemon;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool stop;
	struct ask *head, **tail;
};

static void ask_free(struct ask *a)
{
	json_object_put(a->request);
	free(a->policy);
	free(a);
}

/* What waits is answered before the end. NULL: there is nothing left, and nothing more comes. */
static struct ask *take_ask(struct asks *q)
{
	struct ask *a;

	pthread_mutex_lock(&q->lock);
	while (!q->head && !q->stop)
		pthread_cond_wait(&q->work, &q->lock);
	a = q->head;
	if (a)
		q->head = a->next;
	if (!q->head)
		q->tail = &q->head;
	pthread_mutex_unlock(&q->lock);
	return a;
}

static void *run_asks(void *arg)
{
	struct asks *q = arg;
	struct ask *a;

	pthread_setname_np(pthread_self(), "ask");
	hooks_label_thread(q->daemon->hooks, (uint32_t)syscall(SYS_gettid));
	while ((a = take_ask(q))) {
		a->run(q->daemon, a);
		ask_free(a);
	}
	return NULL;
}

int daemon_start_asks(struct daemon *d)
{
	struct asks *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return log_errno(LOG_ERR, -ENOMEM, "cannot start the thread that answers questions");
	q->daemon = d;
	q->tail = &q->head;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->work, NULL);
	r = -pthread_create(&q->thread, NULL, run_asks, q);
	if (r < 0) {
		free(q);
		return log_errno(LOG_ERR, r, "cannot start the thread that answers questions");
	}
	d->asks = q;
	return 0;
}

void daemon_stop_asks(struct daemon *d)
{
	struct asks *q = d->asks;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	hooks_label_thread(d->hooks, 0);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->work);
	free(q);
	d->asks = NULL;
}

/* The thread gets a copy of the rules: they are the loop's. */
static void ask(struct daemon *d, struct server_call *call, void (*run)(struct daemon *d, struct ask *a))
{
	struct ask *a = d->asks ? calloc(1, sizeof(*a)) : NULL;

	if (a)
		a->policy = malloc(sizeof(*a->policy));
	if (!a || !a->policy) {
		free(a);
		server_answer(call, -ENOMEM);
		return;
	}
	*a->policy = d->rules->policy;
	a->half = !hooks_idle_half(d->hooks);
	a->call = call;
	a->request = daemon_parse_request(call);
	a->run = run;
	pthread_mutex_lock(&d->asks->lock);
	*d->asks->tail = a;
	d->asks->tail = &a->next;
	pthread_cond_signal(&d->asks->work);
	pthread_mutex_unlock(&d->asks->lock);
}

void daemon_explain(void *arg, struct server_call *call)
{
	ask(arg, call, daemon_run_explain);
}

void daemon_label(void *arg, struct server_call *call)
{
	ask(arg, call, daemon_run_label);
}

void daemon_trim(void *arg, struct server_call *call)
{
	ask(arg, call, daemon_run_trim);
}
