/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine's tests do: open files as readers and writers, end records, wait, look after. */
#ifndef IMAD_ENGINE_FIXTURE_H
#define IMAD_ENGINE_FIXTURE_H

#include "engine_kernel.h"

static inline void start_with(const struct engine_ops *ops)
{
	static struct policy p;

	p.n_slots = 2;
	for (unsigned int i = 0; i < p.n_slots; i++)
		p.slots[i] = (struct policy_slot){ .pcr = FIRST_PCR + (int)i };
	assert_ok(engine_new(&fx.config, ops, &fx.e));
	assert_ok(engine_set_policy(fx.e, &p));
	assert_string_equal(fx.log, "GI"); /* no mark of the old policy is left when the new one starts */
	memset(fx.log, 0, sizeof(fx.log));
}

static inline void start(void)
{
	start_with(&fake_ops);
}

static inline struct fake_file *new_file(void)
{
	struct fake_file *f = &fx.files[fx.n_files++];
	struct stat st;

	f->fd = memfd_create("content", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_ok(fstat(f->fd, &st));
	f->ino = st.st_ino;
	f->gen = (struct imad_gen){ .gen = 1, .func = IMAD_FILE_CHECK, .tgid = 77, .uid = 1000 };
	return f;
}

/* Somebody opens @f for writing, as BPF's file_open sees it. */
static inline void writer_opens(struct fake_file *f)
{
	pthread_mutex_lock(&fx.lock);
	f->gen.gen++;
	f->writers++;
	leave(0);
}

/* What BPF notes when a reader opens @f and the policy wants @slots. Returns what was opened. */
static inline uint64_t note_open(struct fake_file *f, uint32_t slots)
{
	struct imad_gen *g = &f->gen;
	uint32_t flags;
	uint64_t gen;

	pthread_mutex_lock(&fx.lock);
	flags = f->writers ? IMAD_GEN_WRITERS | IMAD_GEN_VIOLATION : 0;
	if (slots && f->verdict.gen == g->gen && (f->verdict.flags & IMAD_VERDICT_PROVISIONAL) && !f->writers)
		g->gen++; /* what was measured under a writer is void */
	gen = g->gen;
	g->flags = (g->flags & IMAD_GEN_UNCACHED) | flags;
	if (slots && IMAD_WANT_GEN(g->want) == (uint32_t)gen)
		slots |= IMAD_WANT_SLOTS(g->want);
	if (slots)
		g->want = IMAD_WANT(gen, slots | imad_pending(g->want, &f->verdict));
	leave(0);
	return gen;
}

/* The gate holds a reader whose open is noted. */
static inline struct hold *hold_noted(struct fake_file *f, uint32_t slots, uint64_t gen)
{
	struct hold *h;

	pthread_mutex_lock(&fx.lock);
	h = &fx.holds[fx.n_holds++];
	*h = (struct hold){ .file = f, .since = 1, .gen = gen, .wants = slots };
	pthread_mutex_unlock(&fx.lock);
	engine_hold(fx.e, h);
	return h;
}

/* A reader opens @f and the gate holds it. */
static inline struct hold *hold_reader(struct fake_file *f, uint32_t slots)
{
	return hold_noted(f, slots, note_open(f, slots));
}

static inline void wait_released(void)
{
	wait_until(fx.released == fx.n_holds);
}

/* A writer writes and goes: the kernel drops an ordinary mark, and the gate hears of the close. */
static inline void writer_closes(struct fake_file *f)
{
	bool listens;

	pthread_mutex_lock(&fx.lock);
	listens = f->mark != MARK_NONE; /* the mark that ignores is the one that listens */
	if (f->mark == MARK_ORDINARY)
		f->mark = MARK_NONE;
	f->writers--;
	leave(0);
	if (listens)
		engine_writer_closed(fx.e, f->fd);
}

/* Let the collects go on. */
static inline void unblock(void)
{
	pthread_mutex_lock(&fx.lock);
	fx.block_collect = false;
	leave(0);
}

/* End one of the queued records: 0 is the oldest. */
static inline void finish_record_at(unsigned int i, int r)
{
	struct measurement *m;

	wait_until(fx.n_queued > i);
	pthread_mutex_lock(&fx.lock);
	m = fx.queued[i];
	memmove(fx.queued + i, fx.queued + i + 1, (--fx.n_queued - i) * sizeof(fx.queued[0]));
	pthread_mutex_unlock(&fx.lock);
	record_done(m, r);
}

static inline void finish_record(int r)
{
	finish_record_at(0, r);
}

static inline int late_use(struct fake_file *f, uint32_t slots, uint64_t gen, const struct digest *digest)
{
	struct engine_use use = {
		.fd = f ? fcntl(f->fd, F_DUPFD_CLOEXEC, 100) : -1,
		.kind = MEASURE_LATE,
		.func = IMAD_MMAP_CHECK,
		.slots = slots,
		.gen = gen,
		.pid = 5,
		.uid = 6,
		.digest = digest,
		.name = "/gone",
	};

	pthread_mutex_lock(&fx.lock);
	use.flags = f && f->writers ? IMAD_GEN_WRITERS : 0; /* BPF tells of the violation on its own */
	pthread_mutex_unlock(&fx.lock);
	assert_ok(engine_use(fx.e, &use));
	return use.fd;
}

static inline void on_barrier(void *arg)
{
	pthread_mutex_lock(&fx.lock);
	fx.fired |= *(unsigned int *)arg;
	leave(0);
}

/* Wait until all late uses handed over so far are over. */
static inline void wait_uses(void)
{
	static unsigned int bit = 1u << 31;

	pthread_mutex_lock(&fx.lock);
	fx.fired &= ~bit;
	pthread_mutex_unlock(&fx.lock);
	assert_ok(engine_barrier(fx.e, on_barrier, &bit));
	wait_until(fx.fired & bit);
}

static inline bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0;
}

static inline int setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	memset(fx.files, 0, (char *)(&fx.broken + 1) - (char *)fx.files);
	fx.epoch = 3;
	fx.e = NULL;
	fx.config = (struct engine_config){
		.workers = 2,
		.deadline_ms = 1000,
		.far_deadline_ms = 1000,
		.allow_on_timeout = true,
		.hold_access = true,
		.template = template_find("ima-ng", 6),
		.hash = algo_by_id(ALGO_SHA256),
	};
	return 0;
}

/* Whatever the test did: everybody is answered and let go, and nothing broke on the way. */
static inline int teardown(void **state)
{
	(void)state;
	pthread_mutex_lock(&fx.lock);
	fx.queue_records = false;
	fx.block_collect = false;
	leave(0);
	while (fx.n_queued)
		finish_record(0);
	engine_free(fx.e);
	for (unsigned int i = 0; i < fx.n_files; i++)
		close(fx.files[i].fd);
	if (fx.broken)
		print_error("%s; ops: %s\n", fx.broken, fx.log);
	if (fx.released != fx.n_holds)
		print_error("%u of %u holds released; ops: %s\n", fx.released, fx.n_holds, fx.log);
	return fx.broken || fx.released != fx.n_holds ? -1 : 0;
}

#endif
