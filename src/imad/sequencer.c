/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue, the thread, and the life of one measurement: encode, drop if it is
 * in the list, append, extend, say that it is done. What is queued together is
 * extended together, if one command can do that, and done after that, in its order.
 * As in the kernel's IMA a record that could not be appended is an error of the
 * measurement, and one that could not be extended is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

struct barrier {
	struct measurement m; /* first: it travels in the queue as one */
	void (*fn)(void *arg);
	void *arg;
};

static void barrier_done(struct measurement *m, int r)
{
	struct barrier *b = (struct barrier *)m;

	(void)r;
	b->fn(b->arg);
	free(b);
}

/* The JSON line beside the record. All texts that are put in here are static and need no escape. */
static int info_make(struct sequencer *s, const struct measurement *m)
{
#define KIND_NAME(name, text) [MEASURE_##name] = text,
	static const char *const kinds[] = { MEASURE_KINDS(KIND_NAME) };
#define FUNC_NAME(name) [IMAD_##name] = #name,
	static const char *const funcs[] = { IMAD_FUNCS(FUNC_NAME) };
	struct buf *b = &s->info;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	buf_reset(b);
	buf_addf(b, "{\"record\":%" PRIu64 ",\"kind\":\"%s\"", store_records(s->store), kinds[m->kind]);
	if (m->func != IMAD_NONE)
		buf_addf(b, ",\"func\":\"%s\"", funcs[m->func]);
	buf_addf(b, ",\"time\":%lld.%03ld,\"pid\":%u,\"uid\":%u,\"dev\":\"%u:%u\",\"ino\":%" PRIu64,
		 (long long)ts.tv_sec, ts.tv_nsec / 1000000, m->pid, m->uid, major(m->dev), minor(m->dev),
		 m->ino);
	cgroups_add_json(s->cgroups, &m->place, b);
	if (m->cause)
		buf_addf(b, ",\"cause\":\"%s\"", m->cause);
	buf_add(b, "}", 2); /* with NUL: the store takes a string */
	return buf_error(b);
}

static void say_store(struct sequencer *s, int r)
{
	if (r < 0 && !s->store_failing)
		log_errno(LOG_ERR, r, "cannot append to the measurement list: uses go unrecorded");
	else if (!r && s->store_failing)
		log_msg(LOG_NOTICE, "measurement list takes records again");
	s->store_failing = r < 0;
}

int seq_append(struct sequencer *s, const struct list_record *rec, const struct measurement *m)
{
	int r = info_make(s, m);

	if (!r)
		r = store_append(s->store, rec, (const char *)s->info.data);
	if (!r && rec->violation)
		seq_count_own(s, m->name, m->name ? strlen(m->name) : 0);
	say_store(s, r);
	return r;
}

/* In the set of digests: 1, or 0 with room for it. */
static int look_up(struct sequencer *s, const struct list_record *rec, struct digest *key)
{
	int r = list_template_digest(rec, s->hash, key);

	if (r < 0)
		return r;
	return dedup_has(s->seen, rec->pcr, key->bytes) ? 1 : dedup_reserve(s->seen);
}

static int record_make(struct sequencer *s, const struct measurement *m, struct list_record *ret)
{
	struct template_input in = {
		.digest = &m->digest,
		.digest_sha1 = m->digest_sha1.size ? &m->digest_sha1 : NULL,
		.name = m->name,
		.sig = m->sig,
		.sig_len = m->sig_len,
		.buf = m->buf,
		.buf_len = m->buf_len,
		.verity = m->verity,
		.digest_modsig = m->digest_modsig.size ? &m->digest_modsig : NULL,
		.modsig = m->modsig,
		.modsig_len = m->modsig_len,
		.meta = m->meta,
		.violation = m->violation,
	};
	unsigned int pcr = m->pcr < 0 ? s->pcr : (unsigned int)m->pcr;

	if (pcr > LIST_PCR_MAX || m->func >= IMAD_FUNC_COUNT || m->kind >= MEASURE_KIND_COUNT)
		return -EINVAL;
	buf_reset(&s->data);
	return list_make(pcr, m->template ? m->template : s->template, &in, &s->data, ret);
}

int seq_add(struct sequencer *s, struct measurement *m)
{
	struct list_record rec;
	struct seq_pcr *p = NULL;
	struct digest key;
	uint64_t start;
	int r;

	r = record_make(s, m, &rec);
	if (!r && !m->violation) /* each violation is an event of its own */
		r = look_up(s, &rec, &key);
	s->now.duplicates += r == 1;
	if (r == 1 && !seq_pipe_may(s, m)) /* the record may be on its way */
		seq_pipe_drain(s);
	if (!r && s->batch.n && s->batch.p->value.pcr != rec.pcr)
		seq_send(s);
	if (!r)
		r = seq_pcr_get(s, rec.pcr, &p);
	if (r)
		return r;
	start = seq_archive_size(s) + store_size(s->store);
	r = seq_append(s, &rec, m);
	if (r < 0)
		return r;
	if (!m->violation)
		dedup_add(s->seen, rec.pcr, key.bytes);
	seq_extend(s, p, &rec, start, seq_pipe_may(s, m));
	return 0;
}

int seq_measure(struct sequencer *s, struct measurement *m)
{
	int r = seq_add(s, m);

	seq_send(s);
	return r;
}

void seq_publish(struct sequencer *s)
{
	s->now.records = store_records(s->store);
	s->now.first = store_first(s->store);
	s->now.violations = store_violations(s->store);
	s->now.outstanding = seq_pipe_count(s);
	if (s->tpm && !s->now.outstanding)
		snprintf(s->now.tpm_error, sizeof(s->now.tpm_error), "%s", tpm_error(s->tpm));
	pthread_mutex_lock(&s->lock);
	s->published = s->now;
	pthread_mutex_unlock(&s->lock);
}

/* Something is to be done then although nothing is queued, monotonic ms; 0: nothing is. */
static uint64_t wake_at(const struct sequencer *s)
{
	uint64_t retry = s->now.unextended ? s->retry_at : 0, look = s->tpm && s->look_ms ? s->look_at : 0;

	return retry && look ? MIN(retry, look) : retry | look;
}

/* The next of what is queued. NULL when there is none and somebody is held, at wake_at(), when the pipe failed, and at the end. */
static struct measurement *queue_take(struct sequencer *s, bool *ret_stop)
{
	uint64_t at = wake_at(s);
	struct timespec until = { .tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000 };
	struct measurement *m;
	int r = 0;

	if (!s->taken) {
		pthread_mutex_lock(&s->lock);
		while (!s->head && !s->held && !s->stop && !s->pipe_failed && !r)
			r = at ? pthread_cond_timedwait(&s->work, &s->lock, &until) : pthread_cond_wait(&s->work, &s->lock);
		s->pipe_failed = false;
		s->taken = s->head;
		s->head = NULL;
		s->tail = &s->head;
		*ret_stop = s->stop && !s->taken && !s->held;
		pthread_mutex_unlock(&s->lock);
	}
	m = s->taken;
	if (m)
		s->taken = m->next;
	return m;
}

static void hold(struct sequencer *s, struct measurement *m)
{
	m->next = NULL;
	*s->held_end = m;
	s->held_end = &m->next;
}

/* Extended or not, all that are held are done. */
static void answer(struct sequencer *s)
{
	struct measurement *m = s->held, *next;

	s->held = NULL;
	s->held_end = &s->held;
	seq_publish(s);
	for (; m; m = next) {
		next = m->next; /* @m is its maker's again once it is done */
		m->done(m, m->result);
	}
}

static void tell_resets(struct sequencer *s)
{
	if (!s->untold)
		return;
	seq_tell_resets(s);
	seq_publish(s);
}

static void start_over(struct sequencer *s)
{
	if (!s->was_reset)
		return;
	seq_start_over(s);
	seq_publish(s);
}

/* Before the next record is extended. Those of a batch are in the list, and neither extended nor waiting. */
static void look(struct sequencer *s)
{
	if (s->batch.n)
		return;
	seq_look(s);
	start_over(s);
	tell_resets(s);
}

static void *sequencer_thread(void *arg)
{
	struct sequencer *s = arg;
	struct measurement *m;
	bool stop = false;

	while (!stop) {
		m = queue_take(s, &stop);
		look(s);
		if (m) {
			m->result = m->done == barrier_done ? 0 : seq_add(s, m);
			hold(s, m);
		}
		if (m && m->done != barrier_done && s->batch.n)
			continue; /* there may be more for the same command */
		seq_send(s);
		if (m && m->done == barrier_done)
			seq_pipe_drain(s);
		else
			seq_pipe_collect(s);
		answer(s);
		if (!s->noted)
			seq_former_note(s);
		start_over(s);
		tell_resets(s); /* of that nobody who waits need wait, too */
		if (s->now.unextended && seq_now_ms() >= s->retry_at) {
			seq_catch_up(s);
			seq_publish(s);
			start_over(s);
			tell_resets(s);
		}
	}
	seq_pipe_drain(s);
	return NULL;
}

static struct sequencer *sequencer_alloc(const struct sequencer_config *c)
{
	struct sequencer *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->pcr = c->pcr;
	s->template = c->template;
	s->hash = c->hash;
	s->bank_lists = c->bank_lists;
	s->rundir = c->rundir;
	s->statedir = c->statedir ? c->statedir : IMAD_STATEDIR;
	s->securityfs = c->securityfs ? c->securityfs : "/sys/kernel/security";
	s->tail = &s->head;
	s->held_end = &s->held;
	s->now.in_step = true;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

static void sequencer_freep(struct sequencer **s)
{
	sequencer_free(*s);
}

static int boot_id_read(const char *path, char *ret, size_t size)
{
	FILE *f = fopen(path ? path : "/proc/sys/kernel/random/boot_id", "re");
	int r = 0;

	if (!f)
		return -errno;
	if (fgets(ret, (int)size, f))
		ret[strcspn(ret, "\n")] = '\0';
	else
		r = -ENODATA;
	fclose(f);
	return r;
}

static int list_open(struct sequencer *s, const struct sequencer_config *c)
{
	char boot_id[128];
	uint64_t n = 0;
	int r;

	r = boot_id_read(c->boot_id, boot_id, sizeof(boot_id));
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot read the boot id");
	r = store_open(c->rundir, boot_id, &s->store, &n);
	if (r == -EBUSY)
		log_msg(LOG_ERR, "another imad writes the list in '%s'", c->rundir);
	else if (r == -EBADMSG)
		log_msg(LOG_ERR, "the list in '%s' is damaged at record %" PRIu64, c->rundir, n);
	else if (r < 0)
		log_errno(LOG_ERR, r, "cannot open the list in '%s'", c->rundir);
	return r;
}

int sequencer_new(const struct sequencer_config *c, struct sequencer **ret)
{
	cleanup(sequencer_freep) struct sequencer *s = NULL;
	uint64_t seed;
	int r;

	if (c->pcr > LIST_PCR_MAX)
		return -EINVAL;
	s = sequencer_alloc(c);
	if (!s)
		return -ENOMEM;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return log_errno(LOG_ERR, -EIO, "cannot get random bytes");
	r = dedup_new(c->hash->size, seed, &s->seen);
	if (!r)
		r = cgroups_new(NULL, &s->cgroups);
	if (!r)
		r = list_open(s, c);
	if (!r)
		r = seq_boot(s, c);
	if (r < 0) {
		if (s->store)
			store_discard(s->store);
		return r;
	}
	r = c->pipelined && s->tpm ? seq_pipe_start(s) : 0;
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot start the pipe to the TPM");
	seq_publish(s);
	seq_look_start(s, c->check_ms);
	r = -pthread_create(&s->thread, NULL, sequencer_thread, s);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot start the sequencer");
	s->running = true;
	*ret = take_ptr(s);
	return 0;
}

void sequencer_free(struct sequencer *s)
{
	if (!s)
		return;
	if (s->running) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	seq_pipe_stop(s);
	if (s->now.unextended)
		log_msg(LOG_WARNING, "%" PRIu64 " records of the list are not extended", s->now.unextended);
	for (size_t i = 0; i < ARRAY_SIZE(s->pcrs); i++)
		free(s->pcrs[i]);
	tpm_free(s->tpm);
	seq_archive_close(s);
	store_free(s->store);
	dedup_free(s->seen);
	cgroups_free(s->cgroups);
	buf_done(&s->data);
	buf_done(&s->info);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void sequencer_submit(struct sequencer *s, struct measurement *m)
{
	m->next = NULL;
	pthread_mutex_lock(&s->lock);
	*s->tail = m;
	s->tail = &m->next;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

int sequencer_barrier(struct sequencer *s, void (*fn)(void *arg), void *arg)
{
	struct barrier *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->fn = fn;
	b->arg = arg;
	b->m.done = barrier_done;
	sequencer_submit(s, &b->m);
	return 0;
}

void sequencer_status(struct sequencer *s, struct sequencer_status *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->published;
	pthread_mutex_unlock(&s->lock);
}
