/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays the kernel and the sequencer for the engine: files with a state, marks, held
 * uses, a list. "Content" is the generation at the time it was read, so that a
 * digest tells what was hashed. Every fake checks what must hold always; the first
 * offence is kept in fx.broken, because cmocka can only fail in its own thread.
 */
#ifndef IMAD_ENGINE_KERNEL_H
#define IMAD_ENGINE_KERNEL_H

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <imad/engine.h>
#include <imad/log.h>
#include <imad/template.h>
#include <imad/util.h>

#include "test.h"

#define FILES_MAX 4
#define HOLDS_MAX 4096
#define FIRST_PCR 20 /* slot n is PCR 20 + n */
#define A	  1u /* slots */
#define B	  2u

enum mark { MARK_NONE, MARK_ORDINARY, MARK_SURVIVING };

struct fake_file {
	int fd;
	ino_t ino;
	struct imad_gen gen;
	struct imad_verdict verdict;
	unsigned int writers, collects;
	enum mark mark;
	unsigned int relabels;
	bool unknown, elf, got_digest, in_memory, listened;
	uint64_t recorded[IMAD_SLOTS_MAX]; /* newest content in the list, as generation + 1 */
};

struct hold {
	struct fake_file *file;
	uint64_t since, gen; /* the generation that was opened */
	uint32_t wants, found; /* @found: what was told before the release */
	unsigned int answers;
	bool allowed, released;
	struct hold *next;
};

static struct {
	struct engine *e;
	struct engine_config config;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	struct fake_file files[FILES_MAX];
	struct hold holds[HOLDS_MAX];
	unsigned int n_files, n_holds, released, answers, timeouts, fired;
	uint32_t epoch, trust_epoch, audited_pid, audited_uid;
	bool denied; /* collect finds the content on the deny list */
	char log[512]; /* one letter an op: see the fakes */
	bool block_collect, block_reach, queue_records;
	bool lossy; /* an op fails: uses go on unrecorded */
	unsigned int in_collect, in_reach;
	int record_result; /* what done() gets unless records are queued */
	struct measurement *queued[64];
	struct measurement submitted[64]; /* copies; name and sig are void */
	unsigned int n_queued, n_submitted;
	char fail; /* letter of the op that fails, 'd': the record; 0: none */
	unsigned int fail_at; /* its how manieth call from now: 1 the next; 0: every */
	void (*on_collect)(struct fake_file *f); /* while the content is read */
	char own[8][128]; /* names of imad's own violations */
	unsigned int n_own;
	int no_hint; /* negative errno: hint fails with it */
	const char *broken;
} fx = { .lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, .changed = PTHREAD_COND_INITIALIZER };

static inline void must(bool holds, const char *what)
{
	if (!holds && !fx.broken)
		fx.broken = what;
}

/* Begin a fake: note it, take the lock; true if it is to fail. */
static inline bool enter(char op)
{
	size_t n;

	pthread_mutex_lock(&fx.lock);
	n = strlen(fx.log);
	if (op != 's' && op != 'n' && n + 1 < sizeof(fx.log))
		fx.log[n] = op;
	if (fx.fail != op)
		return false;
	return fx.fail_at == 0 || (fx.fail_at < ~0u && --fx.fail_at == 0 && (fx.fail_at = ~0u));
}

static inline int leave(int r)
{
	pthread_cond_broadcast(&fx.changed);
	pthread_mutex_unlock(&fx.lock);
	return r;
}

/* Wait until @cond, which may read fx; fails after ten seconds. */
#define wait_until(cond)                                                                             \
	do {                                                                                         \
		struct timespec _until;                                                              \
		bool _ok;                                                                            \
		clock_gettime(CLOCK_REALTIME, &_until);                                              \
		_until.tv_sec += 10;                                                                 \
		pthread_mutex_lock(&fx.lock);                                                        \
		while (!(cond) && pthread_cond_timedwait(&fx.changed, &fx.lock, &_until) == 0)       \
			;                                                                            \
		_ok = (cond);                                                                        \
		pthread_mutex_unlock(&fx.lock);                                                      \
		if (!_ok)                                                                            \
			fail_msg("waited in vain for %s; ops: %s", #cond, fx.log);                   \
	} while (0)

static inline struct fake_file *file_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		for (unsigned int i = 0; i < fx.n_files; i++)
			if (fx.files[i].ino == st.st_ino)
				return &fx.files[i];
	must(false, "an op was asked about a descriptor that is closed");
	return &fx.files[0];
}

static int fake_state(void *arg, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict)
{
	bool fails = enter('s');
	struct fake_file *f = file_of(fd);

	(void)arg;
	*gen = f->gen;
	*has_gen = !f->unknown;
	*verdict = f->verdict;
	if (!imad_is_trusted(verdict->found_epoch, fx.trust_epoch))
		verdict->done &= ~IMAD_SLOT_APPRAISE;
	return leave(fails ? -EIO : 0);
}

/* A mark that BPF does not know of hides uses for good. */
static inline void check_mark(const struct fake_file *f)
{
	must(!f->mark || (f->verdict.flags & IMAD_VERDICT_IGNORED), "marked, and the verdict denies it");
}

static int fake_publish(void *arg, int fd, const struct imad_verdict *v)
{
	bool fails = enter('p');
	struct fake_file *f = file_of(fd);

	(void)arg;
	for (unsigned int slot = 0; slot < IMAD_SLOTS_MAX; slot++)
		if (v->done & 1u << slot)
			must(f->recorded[slot] > v->gen, "published as done what is not in the list");
	if (!fails) {
		f->verdict = *v;
		check_mark(f);
	}
	return leave(fails ? -ENOMEM : 0);
}

static uint32_t fake_epoch(void *arg)
{
	uint32_t epoch;

	(void)arg;
	pthread_mutex_lock(&fx.lock);
	epoch = fx.epoch;
	pthread_mutex_unlock(&fx.lock);
	return epoch;
}

static int fake_ignore(void *arg, int fd, bool survive)
{
	bool fails = enter('i');
	struct fake_file *f = file_of(fd);

	(void)arg;
	if (!fails) {
		f->mark = survive ? MARK_SURVIVING : MARK_ORDINARY;
		check_mark(f);
	}
	return leave(fails ? -ENOSPC : 0);
}

static void fake_regard(void *arg, int fd)
{
	(void)arg;
	enter('g');
	file_of(fd)->mark = MARK_NONE;
	leave(0);
}

static void fake_regard_all(void *arg)
{
	(void)arg;
	enter('G');
	for (unsigned int i = 0; i < fx.n_files; i++)
		fx.files[i].mark = MARK_NONE;
	leave(0);
}

static int fake_install(void *arg, const struct policy *p)
{
	(void)arg, (void)p;
	if (enter('I'))
		return leave(-ENOMEM);
	fx.epoch++;
	return leave(0);
}

static int fake_collect(void *arg, void *scratch, int fd, unsigned int needs, const struct digest *digest,
			struct engine_content *ret)
{
	bool fails = enter('c');
	struct fake_file *f = file_of(fd);
	uint64_t content = f->gen.gen;

	(void)arg;
	must(needs != 0, "collect for nothing");
	ret->found = needs & ENGINE_LABEL ? 0x100 + (uint32_t)content + (fx.trust_epoch << 8) : 0;
	if (fx.denied)
		ret->denied = (struct digest){ .algo = ALGO_SHA1, .size = 20, .bytes = { 0xde } };
	must(scratch != NULL, "collect without scratch");
	f->collects++;
	f->got_digest = digest != NULL;
	fx.in_collect++;
	pthread_cond_broadcast(&fx.changed);
	while (fx.block_collect)
		pthread_cond_wait(&fx.changed, &fx.lock);
	fx.in_collect--;
	if (fx.on_collect)
		fx.on_collect(f);
	ret->digest = (struct digest){ .algo = ALGO_SHA256, .size = 32 };
	memcpy(ret->digest.bytes, &content, sizeof(content));
	if (digest)
		ret->digest = *digest;
	snprintf(ret->name, ENGINE_NAME_MAX, "file%d", (int)(f - fx.files));
	ret->sig_len = 0;
	return leave(fails ? -EIO : 0);
}

/* What stands behind engine_use.far here: a file, NULL: it is gone. */
struct fake_far {
	struct fake_file *file;
	int r;
};

static int fake_reach(void *arg, const void *far, struct engine_use *use)
{
	struct fake_far f = *(const struct fake_far *)far;

	(void)arg;
	enter('F');
	fx.in_reach++;
	pthread_cond_broadcast(&fx.changed);
	while (fx.block_reach)
		pthread_cond_wait(&fx.changed, &fx.lock);
	fx.in_reach--;
	use->fd = f.file && f.r == 0 ? fcntl(f.file->fd, F_DUPFD_CLOEXEC, 100) : -1;
	return leave(f.r);
}

static void fake_new_epoch(void *arg)
{
	(void)arg;
	enter('E');
	fx.epoch++;
	leave(0);
}

static void fake_new_trust(void *arg)
{
	(void)arg;
	enter('K');
	fx.trust_epoch = ++fx.epoch;
	leave(0);
}

static int fake_collect_data(void *arg, const void *data, size_t n, struct engine_content *ret)
{
	bool fails = enter('C');

	(void)arg;
	ret->digest = (struct digest){ .algo = ALGO_SHA256, .size = 32 };
	ret->digest_sha1 = (struct digest){ .algo = ALGO_SHA1, .size = 20 };
	memcpy(ret->digest.bytes, data, MIN(n, 32));
	return leave(fails ? -EIO : 0);
}

static void *fake_scratch_new(void *arg)
{
	(void)arg;
	return leave(enter('n')) ? NULL : malloc(1);
}

static void fake_scratch_free(void *arg, void *scratch)
{
	(void)arg;
	free(scratch);
}

static int fake_is_elf(void *arg, int fd, bool wait)
{
	(void)arg;
	if (!wait && !file_of(fd)->in_memory)
		return -EAGAIN;
	enter('e');
	return leave(file_of(fd)->elf);
}

static bool fake_answer(void *arg, struct hold *h, bool allow)
{
	bool first;

	(void)arg;
	enter('a');
	must(!h->released, "answered after release");
	first = h->answers++ == 0;
	if (first)
		h->allowed = allow;
	fx.answers += first;
	return leave(first);
}

static void fake_release(void *arg, struct hold *h)
{
	(void)arg;
	enter('r');
	must(!h->released, "released twice");
	if (h->answers++ == 0) { /* as gate_release(): nobody has answered, so the use is allowed */
		h->allowed = true;
		fx.answers++;
	}
	for (uint32_t slot = 0; slot < IMAD_SLOTS_MAX; slot++)
		if ((h->wants & 1u << slot) && !fx.lossy)
			must(h->file->recorded[slot] > h->gen,
			     "let go before its content was in the list");
	h->released = true;
	fx.released++;
	leave(0);
}

static int fake_hold_fd(const struct hold *h)
{
	return h->file->fd;
}

static uint64_t fake_hold_since(const struct hold *h)
{
	return h->since;
}

static struct hold *fake_next_hold(const struct hold *h)
{
	return h->next;
}

static void fake_chain_hold(struct hold *h, struct hold *next)
{
	h->next = next;
}

static int fake_hint(void *arg, int fd, char *ret, size_t size)
{
	(void)arg, (void)fd;
	return snprintf(ret, size, "/a file") < 0 ? -EIO : fx.no_hint;
}

static void fake_on_timeout(void *arg)
{
	(void)arg;
	enter('t');
	fx.timeouts++;
	leave(0);
}

/* Play the sequencer's end of one record. Called without the lock. */
static void record_done(struct measurement *m, int r)
{
	struct fake_file *f;

	if (enter('d'))
		r = -ENOSPC;
	for (f = fx.files; f < fx.files + fx.n_files && r >= 0 && !m->violation; f++)
		if (f->ino == m->ino && m->pcr >= FIRST_PCR) {
			uint64_t content;

			memcpy(&content, m->digest.bytes, sizeof(content));
			f->recorded[m->pcr - FIRST_PCR] = MAX(content + 1, f->recorded[m->pcr - FIRST_PCR]);
		}
	leave(0);
	m->done(m, r);
}

static void fake_submit(void *arg, struct measurement *m)
{
	bool now;

	(void)arg;
	enter(m->violation ? 'V' : 'S');
	if (m->violation && !strncmp(m->name, VIOLATION_PREFIX, strlen(VIOLATION_PREFIX)))
		snprintf(fx.own[fx.n_own++ % ARRAY_SIZE(fx.own)], sizeof(fx.own[0]), "%s", m->name);
	fx.submitted[fx.n_submitted++ % ARRAY_SIZE(fx.submitted)] = *m;
	now = !fx.queue_records;
	if (!now)
		fx.queued[fx.n_queued++ % ARRAY_SIZE(fx.queued)] = m;
	leave(0);
	if (now)
		record_done(m, fx.record_result);
}

static void fake_audit(void *arg, const struct engine_content *content, uint32_t pid, uint32_t uid)
{
	(void)arg;
	enter('u');
	must(content->digest.size == 32, "audited without a digest");
	fx.audited_pid = pid;
	fx.audited_uid = uid;
	leave(0);
}

static void fake_listen(void *arg, int fd)
{
	(void)arg;
	enter('l');
	file_of(fd)->listened = true;
	leave(0);
}

static int fake_relabel(void *arg, void *scratch, int fd, bool closed, struct digest *ret)
{
	bool fails = enter('b');
	struct fake_file *f = file_of(fd);

	(void)arg;
	must(scratch != NULL, "relabel without scratch");
	must(!closed || f->listened || f->gen.written, "looked for writers before listening to them");
	f->relabels++;
	if (!f->gen.written && f->gen.vouched) {
		f->gen.vouched = 0; /* the HMAC alone */
		return leave(0);
	}
	if (!fails && f->writers)
		return leave(0);
	*ret = (struct digest){ .algo = ALGO_SHA256, .size = 32 };
	memcpy(ret->bytes, &f->gen.gen, sizeof(f->gen.gen));
	if (!fails)
		f->gen.written = 0;
	return leave(fails ? -EROFS : 1);
}

static void fake_tell(void *arg, const struct hold *h, uint32_t found)
{
	(void)arg;
	enter('T');
	must(!h->released, "told after release");
	((struct hold *)h)->found = found;
	leave(0);
}

static const struct engine_ops fake_ops = {
	.state = fake_state,	     .publish = fake_publish,	      .epoch = fake_epoch,
	.ignore = fake_ignore,	     .regard = fake_regard,	      .collect = fake_collect,
	.regard_all = fake_regard_all,   .install = fake_install,
	.scratch_new = fake_scratch_new, .scratch_free = fake_scratch_free, .is_elf = fake_is_elf,
	.answer = fake_answer,	     .release = fake_release,	      .hold_fd = fake_hold_fd,
	.hold_since = fake_hold_since,   .next_hold = fake_next_hold,     .chain_hold = fake_chain_hold,
	.on_timeout = fake_on_timeout,   .hint = fake_hint, .submit = fake_submit, .collect_data = fake_collect_data, .new_epoch = fake_new_epoch,
	.new_trust = fake_new_trust,
	.reach = fake_reach,
	.audit = fake_audit,	     .listen = fake_listen,	      .relabel = fake_relabel, .tell = fake_tell,
};

#endif
