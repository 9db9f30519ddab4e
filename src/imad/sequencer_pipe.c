// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tpm.mode = pipelined: who uses a file goes on when its record is in the list, and a thread of its own extends what is
 * behind, in order. A weaker promise than the kernel's IMA gives: what goes on could keep its own record out of the TPM, if it
 * took over the machine in that moment. So it is for plain users alone, for a few records and a short time. While there is
 * something in the pipe, TPM and PCRs are its thread's; whatever else is to be done with them waits until it is empty,
 * and so does whatever goes wrong in it.
 */
#include <stdlib.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

struct piped {
	struct seq_pcr *p;
	uint64_t start, since; /* byte of the list; ms */
	struct digest d[PCR_BANKS_MAX];
};

struct seq_pipe {
	struct sequencer *s;
	pthread_t thread;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t work, moved;
	bool stop;
	unsigned int first, n;
	struct piped record[SEQ_PIPE_MAX];
	int failed;		/* the last command; nothing is sent until that is collected */
	unsigned int n_failed;	/* records of that command */
	/* not counted yet */
	uint64_t ns, extends, commands;
	bool grouped;
};

static struct piped *at(struct seq_pipe *q, unsigned int i)
{
	return &q->record[(q->first + i) % SEQ_PIPE_MAX];
}

/* The first of what is in it, as much as one command can extend. */
static void gather(struct seq_pipe *q, struct seq_batch *b)
{
	const unsigned int banks = q->s->n_banks;

	b->p = at(q, 0)->p;
	for (b->n = 0; b->n < q->n && b->n < q->s->batch_max && at(q, b->n)->p == b->p; b->n++)
		memcpy(b->d + b->n * banks, at(q, b->n)->d, banks * sizeof(*b->d));
}

static void take_result(struct seq_pipe *q, const struct seq_batch *b, const struct pcr_value *next, uint64_t ns, int r)
{
	q->ns += ns;
	if (r < 0) {
		q->failed = r;
		q->n_failed = b->n;
	} else {
		b->p->value = *next;
		q->first = (q->first + b->n) % SEQ_PIPE_MAX;
		q->n -= b->n;
		q->extends += b->n;
		q->commands++;
		q->grouped |= b->n > 1;
	}
	pthread_cond_broadcast(&q->moved);
}

static void wake_sequencer(struct sequencer *s)
{
	pthread_mutex_lock(&s->lock);
	s->pipe_failed = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

static void *pipe_thread(void *arg)
{
	struct seq_pipe *q = arg;
	struct pcr_value next;
	struct seq_batch b;
	uint64_t ns;
	int r;

	pthread_mutex_lock(&q->lock);
	while (!q->stop) {
		if (!q->n || q->failed) {
			pthread_cond_wait(&q->work, &q->lock);
			continue;
		}
		gather(q, &b);
		pthread_mutex_unlock(&q->lock);
		r = seq_command(q->s, &b, &next, &ns);
		pthread_mutex_lock(&q->lock);
		take_result(q, &b, &next, ns, r);
		if (!r)
			continue;
		pthread_mutex_unlock(&q->lock);
		wake_sequencer(q->s);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

int seq_pipe_start(struct sequencer *s)
{
	struct seq_pipe *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->s = s;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->work, NULL);
	pthread_cond_init(&q->moved, NULL);
	r = -pthread_create(&q->thread, NULL, pipe_thread, q);
	if (r < 0) {
		free(q);
		return r;
	}
	s->pipe = q;
	s->now.pipelined = true;
	log_msg(LOG_WARNING, "tpm.mode = pipelined: what plain users use goes on before its record is extended, up to %u records and "
			     "%u ms; what they run could keep them out of the TPM if it took over the machine in that time",
		SEQ_PIPE_MAX, SEQ_PIPE_MS);
	return 0;
}

void seq_pipe_stop(struct sequencer *s)
{
	struct seq_pipe *q = take_ptr(s->pipe);

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	pthread_cond_destroy(&q->work);
	pthread_cond_destroy(&q->moved);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* What root does waits, and what makes the kernel or imad do something; and so does all that is not a use. */
bool seq_pipe_may(const struct sequencer *s, const struct measurement *m)
{
	if (!s->pipe || m->violation || !m->uid || m->kind == MEASURE_IMAD || m->kind == MEASURE_IMPORT)
		return false;
	return m->func == IMAD_BPRM_CHECK || m->func == IMAD_MMAP_CHECK || m->func == IMAD_FILE_CHECK;
}

/* With the lock: all that is in the pipe waits in the list from now on. */
static void take_back(struct seq_pipe *q)
{
	for (unsigned int i = 0; i < q->n; i++)
		seq_wait(q->s, at(q, i)->p, at(q, i)->start, 1);
	q->n = 0;
	q->failed = 0;
}

static void drain(struct sequencer *s, bool wait)
{
	struct seq_pipe *q = s->pipe;
	struct seq_pcr *p;
	unsigned int n;
	int r;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	while (wait && q->n && !q->failed)
		pthread_cond_wait(&q->moved, &q->lock);
	r = q->failed;
	n = q->n_failed;
	p = at(q, 0)->p;
	if (r < 0)
		take_back(q);
	pthread_mutex_unlock(&q->lock);
	(void)seq_pipe_count(s);
	if (r < 0)
		seq_failed(s, p, n, r);
}

void seq_pipe_drain(struct sequencer *s)
{
	drain(s, true);
}

void seq_pipe_collect(struct sequencer *s)
{
	drain(s, false);
}

static bool is_full(struct seq_pipe *q)
{
	return q->n == SEQ_PIPE_MAX || (q->n && seq_now_ms() - at(q, 0)->since >= SEQ_PIPE_MS);
}

bool seq_pipe_put(struct sequencer *s, struct seq_pcr *p, const struct digest *d, uint64_t start)
{
	struct seq_pipe *q = s->pipe;
	struct piped *e;
	bool failed;

	pthread_mutex_lock(&q->lock);
	while (is_full(q) && !q->failed)
		pthread_cond_wait(&q->moved, &q->lock);
	failed = q->failed;
	if (!failed) {
		e = at(q, q->n++);
		e->p = p;
		e->start = start;
		e->since = seq_now_ms();
		memcpy(e->d, d, s->n_banks * sizeof(*d));
		pthread_cond_signal(&q->work);
	}
	pthread_mutex_unlock(&q->lock);
	if (failed)
		drain(s, false);
	return !failed;
}

unsigned int seq_pipe_count(struct sequencer *s)
{
	struct seq_pipe *q = s->pipe;
	unsigned int n;

	if (!q)
		return 0;
	pthread_mutex_lock(&q->lock);
	n = q->n;
	s->now.extend_ns += q->ns;
	s->now.extends += q->extends;
	s->now.commands += q->commands;
	if (q->grouped)
		s->refused = 0;
	q->ns = q->extends = q->commands = 0;
	q->grouped = false;
	pthread_mutex_unlock(&q->lock);
	return n;
}
