// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One round of one job: state -> content -> records -> publish. Runs in a worker up
 * to the records, and from there in the sequencer's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <imad/appraise.h>
#include <imad/log.h>
#include <imad/template.h>
#include <imad/util.h>

#include "engine_job.h"

#define TEMPLATE_BUF "ima-buf"

uint32_t engine_pending(const struct imad_gen *g, const struct imad_verdict *v, bool *maybe)
{
	uint32_t later = imad_pending(g->maybe, v);

	/* A label is looked at whatever the file is: who asks the kernel to read it cannot be held any more. */
	*maybe = (later & ~IMAD_SLOT_APPRAISE) != 0;
	return imad_pending(g->want, v) | (later & IMAD_SLOT_APPRAISE);
}

uint32_t engine_found(const struct imad_gen *g, const struct imad_verdict *v)
{
	if (v->gen != g->gen || !(v->done & IMAD_SLOT_APPRAISE) || (v->flags & IMAD_VERDICT_PROVISIONAL))
		return 0;
	return v->found | IMAD_FOUND_KNOWN;
}

static void settle(struct engine *e, int fd, const struct imad_gen *g, struct imad_verdict v, bool survive)
{
	struct engine_ops *ops = &e->ops;
	struct imad_verdict unused;
	bool has_gen, outdated;
	struct imad_gen now;

	/* An old verdict says nothing about this generation but what is still true: that nothing is done. */
	if (v.gen != g->gen) {
		v.gen = g->gen;
		v.done = 0;
		v.flags = 0;
	}
	v.epoch = ops->epoch(ops->arg);
	v.flags &= ~IMAD_VERDICT_IGNORED;
	/* What was found with other keys must be found again. */
	outdated = (v.done & IMAD_SLOT_APPRAISE) && !imad_is_trusted(v.found_epoch, e->trust_epoch);
	/* On opens a surviving mark would hide the next reader for good: files with writers stay gated. */
	if (outdated || (g->flags & IMAD_GEN_UNCACHED) || (survive && !e->config.hold_access)) {
		ops->regard(ops->arg, fd); /* it may carry a mark of quieter times */
		(void)ops->publish(ops->arg, fd, &v);
		return;
	}
	/* The flag first: BPF must never believe in a gate that an ignore mark has shut off. */
	v.flags |= IMAD_VERDICT_IGNORED;
	if (ops->publish(ops->arg, fd, &v) < 0)
		return;
	if (ops->ignore(ops->arg, fd, survive) == 0 && ops->state(ops->arg, fd, &now, &has_gen, &unused) == 0 &&
	    now.gen == g->gen)
		return;
	ops->regard(ops->arg, fd);
	v.flags &= ~IMAD_VERDICT_IGNORED;
	(void)ops->publish(ops->arg, fd, &v);
}

void engine_settle(struct engine *e, int fd, const struct imad_gen *g, struct imad_verdict v, bool survive)
{
	pthread_mutex_lock(&e->settle);
	settle(e, fd, g, v, survive);
	pthread_mutex_unlock(&e->settle);
}

void engine_writer_closed(struct engine *e, int fd)
{
	struct engine_use use = { .writer = true, .closed = true, .kind = MEASURE_LATE };
	struct imad_verdict v;
	struct imad_gen g;
	bool has_gen, known;

	pthread_mutex_lock(&e->settle);
	e->ops.regard(e->ops.arg, fd);
	known = e->ops.state(e->ops.arg, fd, &g, &has_gen, &v) == 0;
	if (known && (v.flags & IMAD_VERDICT_IGNORED)) {
		v.flags &= ~IMAD_VERDICT_IGNORED;
		(void)e->ops.publish(e->ops.arg, fd, &v);
	}
	pthread_mutex_unlock(&e->settle);
	if (known && ((g.flags & IMAD_GEN_UPDATE) || g.written)) {
		use.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (use.fd < 0 || engine_use(e, &use) < 0)
			engine_count(e, &e->counters.errors);
	}
}

/* Make the label anew, after a write that appraisal allowed or for a hash rule. 0 or negative errno. */
static int relabel(struct job *j, void *scratch)
{
	struct engine_ops *ops = &j->engine->ops;
	int r = ops->relabel(ops->arg, scratch, j->fd, j->is_use && j->use.closed, &j->fresh);

	j->relabelled = r > 0;
	return r < 0 ? r : 0;
}

/*
 * Listen first: the writer who closes before the look for writers is heard of. True: the
 * label is that of the content, and what is found of it can be published at once.
 */
static bool keep_label(struct job *j, void *scratch)
{
	struct engine *e = j->engine;
	int r = j->fd < 0 || !scratch ? -ENOENT : 0;

	if (r == 0) {
		e->ops.listen(e->ops.arg, j->fd);
		r = e->ops.state(e->ops.arg, j->fd, &j->gen, &j->has_gen, &j->verdict);
	}
	if (r == 0)
		r = relabel(j, scratch);
	if (r < 0)
		engine_count(e, &e->counters.errors);
	j->slots = IMAD_SLOT_APPRAISE;
	j->func = IMAD_FILE_CHECK;
	return j->relabelled && j->gen.written;
}

/* All slots of the PCRs into which @slots are measured: an inode is measured into each PCR once. */
static uint32_t same_pcrs(const struct engine *e, uint32_t slots)
{
	uint32_t all = slots;

	for (uint32_t left = slots & IMAD_SLOTS_MEASURE; left; left &= left - 1)
		all |= e->pcr_slots[__builtin_ctz(left)];
	return all;
}

/* A generation that moved since the want: a writer came, and may still be there. */
static bool may_change(const struct imad_gen *g, uint64_t want)
{
	return (g->flags & IMAD_GEN_WRITERS) || IMAD_WANT_GEN(want) != (uint32_t)g->gen;
}

/* What the waiters' opens asked for, and, of an ELF object, what it will be asked for if it is mapped. */
static void choose_held(struct job *j)
{
	struct engine *e = j->engine;
	uint32_t done = j->verdict.gen == j->gen.gen ? j->verdict.done : 0;
	uint64_t want = j->gen.want;
	bool maybe;

	j->slots = engine_pending(&j->gen, &j->verdict, &maybe);
	j->func = j->gen.func;
	if (!imad_pending(want, &j->verdict))
		want = j->gen.maybe;
	if (maybe && e->ops.is_elf(e->ops.arg, j->fd, true) > 0) {
		if (!(j->slots & ~IMAD_SLOT_APPRAISE))
			j->func = IMAD_MMAP_CHECK;
		j->slots |= imad_pending(j->gen.maybe, &j->verdict) & ~same_pcrs(e, j->slots | done);
	}
	j->provisional = may_change(&j->gen, want);
}

/* What BPF or the scan asked for, less what a verdict of that generation or a later one has. */
static void choose_use(struct job *j)
{
	j->slots = imad_pending(IMAD_WANT(j->use.gen, j->use.slots), &j->verdict);
	j->func = j->use.func;
	j->provisional = j->use.gen == j->gen.gen ? j->use.flags & IMAD_GEN_WRITERS : may_change(&j->gen, j->gen.want);
}

/* Whoever came while the round ran may wait for more, or for newer content, than what was measured. */
static void end_round(struct job *j)
{
	struct engine *e = j->engine;
	struct imad_verdict v;
	bool has_gen, maybe;
	struct imad_gen g;

	if (!job_close(j) || e->ops.state(e->ops.arg, j->fd, &g, &has_gen, &v) < 0)
		job_finish(j, false);
	else
		job_finish(j, engine_pending(&g, &v, &maybe) != 0);
}

/* A list that takes no record denies nothing: what was found of the label counts all the same. */
static void publish_found(struct job *j)
{
	struct engine *e = j->engine;
	struct imad_verdict v;
	struct imad_gen now;
	bool has_gen;

	pthread_mutex_lock(&e->settle);
	if (e->ops.state(e->ops.arg, j->fd, &now, &has_gen, &v) == 0) {
		if (v.gen != j->gen.gen)
			v = (struct imad_verdict){ .gen = j->gen.gen, .flags = j->provisional ? IMAD_VERDICT_PROVISIONAL : 0 };
		v.done |= IMAD_SLOT_APPRAISE;
		v.found = j->content.found;
		v.found_epoch = j->epoch;
		if (now.gen == v.gen)
			(void)e->ops.publish(e->ops.arg, j->fd, &v);
	}
	pthread_mutex_unlock(&e->settle);
}

static void round_done(struct job *j)
{
	struct imad_verdict v = {
		.gen = j->gen.gen,
		.done = j->slots | j->unmet, /* until it is sealed, which moves the generation */
		.flags = j->provisional ? IMAD_VERDICT_PROVISIONAL : 0,
	};

	/* What is not in the list is not done: the use goes on, as in IMA, and the next one tries again. */
	if (j->fd < 0 || !j->has_gen || j->unrecorded) {
		if (j->fd >= 0 && j->has_gen && (j->slots & IMAD_SLOT_APPRAISE))
			publish_found(j);
		job_finish(j, false);
		return;
	}
	if (j->verdict.gen == v.gen) {
		v.done |= j->verdict.done;
		v.found = j->verdict.found;
		v.found_epoch = j->verdict.found_epoch;
	}
	if (j->slots & IMAD_SLOT_APPRAISE) {
		v.found = j->content.found;
		v.found_epoch = j->epoch;
	}
	engine_settle(j->engine, j->fd, &j->gen, v, j->provisional);
	end_round(j);
}

static void on_record(struct measurement *m, int r)
{
	struct job *j = m->owner;
	bool last;

	pthread_mutex_lock(&j->engine->lock);
	if (r < 0) /* the sequencer logs it */
		j->unrecorded = true;
	last = --j->left == 0;
	pthread_mutex_unlock(&j->engine->lock);
	if (last)
		round_done(j);
}

static void fill_measurement(struct job *j, struct measurement *m)
{
	bool late = j->is_use || j->timed_out;

	*m = (struct measurement){
		.pcr = -1,
		.digest = j->content.digest,
		.digest_sha1 = j->content.digest_sha1,
		.name = j->content.name,
		.sig = j->content.sig,
		.sig_len = j->content.sig_len,
		.meta = j->content.has_meta ? &j->content.meta : NULL,
		.kind = j->is_use ? j->use.kind : late ? MEASURE_LATE : MEASURE_GATE,
		.func = j->func,
		.pid = j->is_use ? j->use.pid : j->gen.tgid,
		.uid = j->is_use ? j->use.uid : j->gen.uid,
		.place = j->is_use ? j->use.place : j->gen.place,
		.dev = j->dev,
		.ino = j->ino,
		.done = on_record,
		.owner = j,
	};
}

static void fill_violation(struct job *j, struct measurement *m, const char *cause)
{
	fill_measurement(j, m);
	m->violation = true;
	m->digest = (struct digest){ .algo = j->engine->config.hash->id, .size = j->engine->config.hash->size };
	m->kind = MEASURE_VIOLATION;
	m->cause = cause;
}

/* What is no file has its template, and is in its record. */
static void fill_data(struct job *j, struct measurement *m)
{
	if (!m->template)
		m->template = template_find(TEMPLATE_BUF, strlen(TEMPLATE_BUF));
	m->buf = j->use.data;
	m->buf_len = j->use.data_len;
}

/* One record a slot, and before them the violation that a reader under a writer is. */
static void submit_records(struct job *j, const char *violation, bool records)
{
	struct engine *e = j->engine;
	struct measurement *m = j->measurements;
	unsigned int n = 0;

	if (violation)
		fill_violation(j, &m[n++], violation);
	if (records && (j->slots & IMAD_SLOT_AUDIT))
		engine_audit(j);
	for (uint32_t left = records ? j->slots & IMAD_SLOTS_MEASURE : 0; left; left &= left - 1) {
		unsigned int slot = __builtin_ctz(left);

		fill_measurement(j, &m[n]);
		m[n].pcr = e->slots[slot].pcr;
		if (e->slots[slot].template)
			m[n].template = template_find(e->slots[slot].template, strlen(e->slots[slot].template));
		if (j->is_use && j->use.data)
			fill_data(j, &m[n]);
		else
			engine_fill_variant(j, slot, &m[n]);
		n++;
	}
	if (records && (j->slots & IMAD_SLOT_APPRAISE) && j->content.denied.size) {
		fill_measurement(j, &m[n]);
		n += engine_denied(j, &m[n], j->slots | (j->verdict.gen == j->gen.gen ? j->verdict.done : 0), &m[n]);
	}
	j->unrecorded = false;
	j->judged_since = n ? 0 : now_ns();
	j->left = n; /* before the first submit: records may be done at once */
	for (unsigned int i = 0; i < n; i++)
		e->ops.submit(e->ops.arg, &m[i]);
	if (!n)
		round_done(j);
}

static bool make_room(struct job *j)
{
	if (!j->measurements)
		j->measurements = calloc(2 * IMAD_SLOTS_MAX + 1, sizeof(*j->measurements));
	if (!j->content.name)
		j->content.name = calloc(1, ENGINE_NAME_MAX);
	if (!j->content.sig)
		j->content.sig = malloc(ENGINE_SIG_MAX);
	return j->measurements && j->content.name && j->content.sig;
}

static void record_data(struct job *j)
{
	struct engine *e = j->engine;

	j->func = j->use.func;
	j->slots = j->use.slots;
	if (!make_room(j) || e->ops.collect_data(e->ops.arg, j->use.data, j->use.data_len, &j->content) < 0) {
		engine_count(e, &e->counters.errors);
		job_finish(j, false);
		return;
	}
	submit_records(j, NULL, true);
}

/* A use whose file is gone: what the kernel hashed before it is recorded, else a violation says so. */
static void record_unreachable(struct job *j)
{
	j->func = j->use.func;
	j->slots = j->use.slots;
	/* Nor is there a SHA-1 digest for the templates that store one. */
	if (!engine_is_plain(j->engine, j->slots) || j->engine->want_sha1)
		j->use.digest = NULL;
	if (!make_room(j)) {
		engine_count(j->engine, &j->engine->counters.errors);
		job_finish(j, false);
		return;
	}
	if (j->use.digest)
		j->content.digest = *j->use.digest;
	if (j->slots)
		engine_count(j->engine, &j->engine->counters.unreachable);
	submit_records(j, j->use.digest ? NULL : j->use.slots ? "unreachable" : j->use.cause, j->use.digest != NULL);
}

static void keep_last_component(char *name)
{
	const char *slash = strrchr(name, '/');

	if (slash)
		memmove(name, slash + 1, strlen(slash));
}

/* What this round is about. False: there is nothing to collect, and the job has ended. */
static bool begin_round(struct job *j, void *scratch, int *r)
{
	struct engine *e = j->engine;

	*r = 0;
	if (j->is_far && !far_reach(j))
		return false;
	if (j->is_use && j->use.data) {
		record_data(j);
		return false;
	}
	if (j->is_use && j->use.writer) {
		if (keep_label(j, scratch))
			return true;
		job_finish(j, false);
		return false;
	}
	if (j->fd < 0) {
		record_unreachable(j);
		return false;
	}
	*r = e->ops.state(e->ops.arg, j->fd, &j->gen, &j->has_gen, &j->verdict);
	if (*r < 0)
		return true;
	if (j->is_use)
		choose_use(j);
	else
		choose_held(j);
	if (j->slots)
		return true;
	j->found = engine_found(&j->gen, &j->verdict);
	engine_settle(e, j->fd, &j->gen, j->verdict, j->verdict.flags & IMAD_VERDICT_PROVISIONAL);
	end_round(j);
	return false;
}

/* Name, label and digest; a label that a write has left behind is made anew before. 0 or negative errno. */
static int collect(struct job *j, void *scratch)
{
	struct engine *e = j->engine;
	const struct digest *known = j->is_use && j->use.gen == j->gen.gen ? j->use.digest : NULL;

	if (!scratch || !make_room(j))
		return -ENOMEM;
	if (!j->relabelled && (j->slots & IMAD_SLOT_APPRAISE) && (j->gen.written || j->gen.vouched) && relabel(j, scratch) < 0)
		engine_count(e, &e->counters.errors); /* it is appraised as it is */
	return e->ops.collect(e->ops.arg, scratch, j->fd, engine_needs(j), j->relabelled ? &j->fresh : known, &j->content);
}

void job_run(struct job *j, void *scratch)
{
	struct engine *e = j->engine;
	bool reader_under_writer;
	uint32_t flags;
	int r;

	j->relabelled = false;
	j->found = 0;
	j->judged_since = 0;
	j->content.denied.size = 0;
	j->epoch = e->ops.epoch(e->ops.arg);
	engine_forget_variants(j);
	if (!begin_round(j, scratch, &r))
		return;
	if (r == 0)
		r = collect(j, scratch);
	far_back(j);
	if (r < 0) {
		log_errno(LOG_ERR, r, "cannot measure '%s'", j->content.name ? j->content.name : "?");
		engine_count(e, &e->counters.errors);
		if (j->slots & IMAD_SLOT_APPRAISE)
			j->found = IMAD_FOUND(IMAD_LABEL_FAILED, 0, 0) | IMAD_FOUND_KNOWN;
		job_finish(j, false);
		return;
	}
	engine_count(e, &e->counters.measured);
	/* Of content that somebody could write while it was read nobody is told who comes after that: BPF knows who can. */
	if ((j->slots & IMAD_SLOT_APPRAISE) && !j->provisional)
		j->found = j->content.found | IMAD_FOUND_KNOWN;
	flags = j->is_use ? j->use.flags : j->gen.flags;
	/* A late use does for a reader who is held, too: it has the want in which that one is told of. */
	if (j->is_use && j->use.gen == j->gen.gen)
		flags |= j->gen.flags & IMAD_GEN_VIOLATION;
	if (flags & IMAD_GEN_BARE)
		keep_last_component(j->content.name);
	reader_under_writer = (flags & IMAD_GEN_VIOLATION) && (j->slots & IMAD_SLOTS_MEASURE) && imad_is_reading(j->func);
	engine_take_unmet(j);
	submit_records(j, reader_under_writer ? "open_writers" : NULL, true);
}

int engine_violation(struct engine *e, const struct engine_use *use, const char *cause)
{
	struct engine_use violation = {
		.fd = -1, .kind = MEASURE_VIOLATION, .func = IMAD_FILE_CHECK, .name = use->name, .cause = cause,
		.pid = use->pid, .uid = use->uid, .place = use->place,
	};

	return engine_use(e, &violation);
}
