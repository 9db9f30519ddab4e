// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the table of jobs and who waits for whom. Who works on them is in engine_workers.c, what is
 * done with one file in engine_measure.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/template.h>
#include <imad/util.h>

#include "engine_job.h"

struct barrier {
	uint64_t serial; /* fires when no use with this or a lower serial is left */
	void (*fn)(void *arg);
	void *arg;
	struct barrier *next;
};

void engine_count(struct engine *e, uint64_t *counter)
{
	pthread_mutex_lock(&e->lock);
	(*counter)++;
	pthread_mutex_unlock(&e->lock);
}

static struct job **bucket_of(struct engine *e, uint64_t dev, uint64_t ino)
{
	return &e->buckets[(ino ^ dev * 31) % JOB_BUCKETS];
}

static struct job *find_job(struct engine *e, uint64_t dev, uint64_t ino)
{
	struct job *j = *bucket_of(e, dev, ino);

	while (j && (j->dev != dev || j->ino != ino))
		j = j->next_in_bucket;
	return j;
}

static void into_bucket(struct engine *e, struct job *j)
{
	j->bucket = bucket_of(e, j->dev, j->ino);
	j->next_in_bucket = *j->bucket;
	*j->bucket = j;
}

void engine_insert(struct engine *e, struct job *j)
{
	into_bucket(e, j);
	engine_enqueue(e, j);
}

/* Never two jobs of one inode at once: the same use seen from two sides would be told twice. */
static void start_or_follow(struct engine *e, struct job *j, struct job *present)
{
	if (!present) {
		engine_insert(e, j);
		return;
	}
	j->next_in_queue = present->followers;
	present->followers = j;
}

static void remove_from_bucket(struct job *j)
{
	struct job **p = j->bucket;

	while (*p != j)
		p = &(*p)->next_in_bucket;
	*p = j->next_in_bucket;
}

static void note_use(struct engine *e, struct job *j)
{
	j->serial = ++e->serial;
	j->older = e->newest;
	if (e->newest)
		e->newest->newer = j;
	else
		e->oldest = j;
	e->newest = j;
}

/* Take the barriers off that no older use keeps up any more; the caller fires them unlocked. */
static struct barrier *forget_use(struct engine *e, struct job *j)
{
	struct barrier **p = &e->barriers, *due = NULL;

	*(j->older ? &j->older->newer : &e->oldest) = j->newer;
	*(j->newer ? &j->newer->older : &e->newest) = j->older;
	while (*p) {
		struct barrier *b = *p;

		if (e->oldest && e->oldest->serial <= b->serial) {
			p = &b->next;
			continue;
		}
		*p = b->next;
		b->next = due;
		due = b;
	}
	return due;
}

static void fire(struct barrier *due)
{
	while (due) {
		struct barrier *b = due;

		due = b->next;
		b->fn(b->arg);
		free(b);
	}
}

static struct job *job_new(struct engine *e, int fd)
{
	struct job *j = calloc(1, sizeof(*j));
	struct stat st = { 0 };

	if (!j)
		return NULL;
	j->engine = e;
	j->fd = fd;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		j->dev = st.st_dev;
		j->ino = st.st_ino;
	}
	return j;
}

static void job_free(struct job *j)
{
	if (j->own_fd && j->fd >= 0)
		close(j->fd);
	free(j->content.name);
	free(j->content.sig);
	free(j->content.modsig);
	template_meta_done(&j->content.meta);
	free(j->measurements);
	free(j->use.data);
	free(j->use.far);
	free(j->far_name);
	free(j);
}

static void note_wait(struct engine *e, uint64_t since, uint64_t judged_since)
{
	uint64_t now = now_ns();

	pthread_mutex_lock(&e->lock);
	waits_add(&e->waits.held, now - since);
	if (judged_since) /* who came later has waited since then only */
		waits_add(&e->waits.judged, now - MAX(since, judged_since));
	pthread_mutex_unlock(&e->lock);
}

/* @found: what was found of the label, with IMAD_FOUND_KNOWN; 0: nothing. @judged_since: as of the job, or 0. */
static void release_holds(struct engine *e, struct hold *holds, uint32_t found, uint64_t judged_since)
{
	while (holds) {
		struct hold *h = holds;
		uint64_t since = e->ops.hold_since(h);

		holds = e->ops.next_hold(h);
		/* Locked, so that no deadline lets it go in between: its thread's next open must not be told this. */
		pthread_mutex_lock(&e->lock);
		if (found)
			e->ops.tell(e->ops.arg, h, found);
		pthread_mutex_unlock(&e->lock);
		e->ops.release(e->ops.arg, h);
		note_wait(e, since, judged_since);
	}
}

void engine_hold(struct engine *e, struct hold *h)
{
	int fd = e->ops.hold_fd(h);
	struct imad_verdict v;
	bool has_gen, maybe;
	struct imad_gen g;
	struct job *j, *present;
	uint32_t pending;

	if (e->ops.state(e->ops.arg, fd, &g, &has_gen, &v) < 0) {
		release_holds(e, h, 0, 0);
		return;
	}
	/* A text file that some rule would want if it were a library: told here if that takes no waiting. */
	pending = engine_pending(&g, &v, &maybe);
	if (!pending && (!maybe || e->ops.is_elf(e->ops.arg, fd, false) == 0)) {
		bool marked = (v.flags & IMAD_VERDICT_IGNORED) && v.gen == g.gen &&
			      v.epoch == e->ops.epoch(e->ops.arg);

		engine_count(e, &e->counters.passed);
		/* Marked, and an event all the same: an ordinary mark does not hold on a file with writers. */
		engine_settle(e, fd, &g, v, marked || (v.flags & IMAD_VERDICT_PROVISIONAL));
		release_holds(e, h, engine_found(&g, &v), 0);
		return;
	}
	j = job_new(e, fd);
	if (!j) {
		release_holds(e, h, 0, 0);
		return;
	}
	j->holds = h;
	j->wants_record = pending & IMAD_SLOTS_MEASURE;
	pthread_mutex_lock(&e->lock);
	present = find_job(e, j->dev, j->ino);
	e->counters.held++;
	if (present && present->holds && !present->closed) { /* one hash, however many wait */
		e->ops.chain_hold(h, present->holds);
		present->holds = h;
		present->wants_record |= j->wants_record;
	} else {
		e->jobs++;
		start_or_follow(e, j, present);
		j = NULL;
	}
	pthread_mutex_unlock(&e->lock);
	free(j);
}

/* With room for the name that is found out later. NULL: out of memory. */
char *engine_name(const char *name)
{
	char *ret = malloc(ENGINE_NAME_MAX);

	if (ret)
		snprintf(ret, ENGINE_NAME_MAX, "%s", name);
	return ret;
}

int engine_use(struct engine *e, const struct engine_use *use)
{
	struct job *j = job_new(e, use->fd), *present;

	bool named = use->fd < 0 && use->name;

	if (j && use->far)
		j->far_name = strdup(use->name);
	else if (j && named)
		j->content.name = engine_name(use->name);
	if (!j || (named && !j->content.name && !j->far_name)) {
		free(j);
		free(use->data);
		free(use->far);
		if (use->fd >= 0)
			close(use->fd);
		return -ENOMEM;
	}
	j->own_fd = true;
	j->is_use = true;
	j->use = *use;
	j->use.slots &= ~IMAD_SLOT_VERITY;
	j->audits_verity = use->slots & IMAD_SLOT_VERITY;
	if (use->digest) {
		j->use_digest = *use->digest;
		j->use.digest = &j->use_digest;
	}
	pthread_mutex_lock(&e->lock);
	e->jobs++;
	note_use(e, j);
	if (use->writer)
		e->counters.relabelled++;
	else if (use->kind == MEASURE_START)
		e->counters.started++;
	else if (use->kind == MEASURE_LATE)
		e->counters.late++;
	j->is_far = use->far && far_begin(e, j);
	present = use->fd >= 0 ? find_job(e, j->dev, j->ino) : NULL;
	if (use->at_once)
		into_bucket(e, j);
	else
		start_or_follow(e, j, present);
	pthread_mutex_unlock(&e->lock);
	if (use->at_once)
		job_run(j, NULL);
	return 0;
}

/* Late uses that waited for a job: the first becomes a job, the others wait for it. */
static void start_followers(struct engine *e, struct job *followers)
{
	struct job *first = followers;

	if (!first)
		return;
	first->followers = first->next_in_queue;
	engine_insert(e, first);
}

bool job_close(struct job *j)
{
	bool waiting;

	pthread_mutex_lock(&j->engine->lock);
	waiting = j->holds && !j->closed;
	j->closed = true;
	pthread_mutex_unlock(&j->engine->lock);
	return waiting;
}

void job_finish(struct job *j, bool again)
{
	struct engine *e = j->engine;
	struct barrier *due = NULL;

	pthread_mutex_lock(&e->lock);
	if (again) {
		e->counters.restarts++;
		if (j->is_far)
			far_left(j, false);
		engine_enqueue(e, j);
		pthread_mutex_unlock(&e->lock);
		return;
	}
	remove_from_bucket(j);
	start_followers(e, j->followers);
	if (j->is_far)
		far_left(j, true);
	if (j->is_use && !j->given_up)
		due = forget_use(e, j);
	pthread_mutex_unlock(&e->lock);

	release_holds(e, j->holds, j->found, j->judged_since);
	job_free(j); /* before the barrier: who waited for it must not meet us as a reader of the file */
	fire(due);

	pthread_mutex_lock(&e->lock);
	if (--e->jobs == 0 || e->ending)
		pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
}

static void want_fields(struct engine *e, const struct template *t)
{
	e->want_sha1 |= template_has_field(t, "d");
	e->want_meta |= template_needs_meta(t);
}

static void take_slots(struct engine *e, const struct policy *p)
{
	pthread_mutex_lock(&e->lock);
	memcpy(e->slots, p->slots, sizeof(e->slots));
	for (unsigned int i = 0; i < p->n_rules; i++)
		for (unsigned int v = 0; p->rules[i].slot_bit && v < IMAD_VARIANTS; v++)
			e->pcr_slots[__builtin_ctz(IMAD_VARIANT_SLOT(p->rules[i].variants, v))] = p->rules[i].pcr_slots;
	e->want_sha1 = e->want_meta = false;
	want_fields(e, e->config.template);
	for (unsigned int i = 0; i < p->n_slots; i++)
		if (p->slots[i].template)
			want_fields(e, template_find(p->slots[i].template, strlen(p->slots[i].template)));
	pthread_mutex_unlock(&e->lock);
}

int engine_set_policy(struct engine *e, const struct policy *p)
{
	int r;

	take_slots(e, p); /* before the first use that may want a new one */
	/* No verdict may tell of a mark that is gone, nor a mark be set for an epoch that is over. */
	pthread_mutex_lock(&e->settle);
	e->ops.regard_all(e->ops.arg);
	r = e->ops.install(e->ops.arg, p);
	pthread_mutex_unlock(&e->settle);
	return r;
}

void engine_hold_opens(struct engine *e)
{
	pthread_mutex_lock(&e->settle);
	e->config.hold_access = false;
	pthread_mutex_unlock(&e->settle);
}

void engine_regard_all(struct engine *e)
{
	pthread_mutex_lock(&e->settle);
	e->ops.regard_all(e->ops.arg);
	e->ops.new_epoch(e->ops.arg);
	pthread_mutex_unlock(&e->settle);
}

void engine_new_trust(struct engine *e)
{
	pthread_mutex_lock(&e->settle);
	e->ops.regard_all(e->ops.arg);
	e->ops.new_trust(e->ops.arg);
	e->trust_epoch = e->ops.epoch(e->ops.arg);
	pthread_mutex_unlock(&e->settle);
}

int engine_barrier(struct engine *e, void (*fn)(void *arg), void *arg)
{
	struct barrier *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = (struct barrier){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&e->lock);
	b->serial = e->serial;
	if (e->oldest) {
		b->next = e->barriers;
		e->barriers = b;
		b = NULL;
	}
	pthread_mutex_unlock(&e->lock);
	fire(b);
	return 0;
}

/* Returns how many of the job's waiters got their answer from the deadline. */
static unsigned int answer_overdue(struct job *j, uint64_t now_ns)
{
	struct engine *e = j->engine;
	unsigned int n = 0;

	for (struct hold *h = j->holds; h; h = e->ops.next_hold(h)) {
		if (now_ns < e->ops.hold_since(h) + e->config.deadline_ms * 1000000ull ||
		    !e->ops.answer(e->ops.arg, h, e->config.allow_on_timeout))
			continue;
		j->timed_out = true;
		e->ops.on_timeout(e->ops.arg);
		own_timed_out(e, j);
		n++;
	}
	return n;
}

void engine_tick(struct engine *e, uint64_t now_ns)
{
	unsigned int late = 0, far;

	pthread_mutex_lock(&e->lock);
	far = far_give_up(e, now_ns, e->config.far_deadline_ms * 1000000ull);
	for (unsigned int i = 0; e->jobs && i < JOB_BUCKETS; i++)
		for (struct job *j = e->buckets[i]; j; j = j->next_in_bucket) {
			late += answer_overdue(j, now_ns);
			for (struct job *f = j->followers; f; f = f->next_in_queue)
				late += answer_overdue(f, now_ns);
		}
	pthread_mutex_unlock(&e->lock);
	own_tell_timeouts(e, now_ns, false);
	if (far)
		log_msg(LOG_WARNING, "%u uses of files whose filesystem does not answer are recorded without content", far);
	if (late)
		log_msg(LOG_WARNING, "%u held uses answered by the deadline of %u ms", late, e->config.deadline_ms);
}

void engine_counters(struct engine *e, struct engine_counters *ret)
{
	pthread_mutex_lock(&e->lock);
	*ret = e->counters;
	pthread_mutex_unlock(&e->lock);
}

void engine_waits(struct engine *e, struct engine_waits *ret)
{
	pthread_mutex_lock(&e->lock);
	*ret = e->waits;
	pthread_mutex_unlock(&e->lock);
}
