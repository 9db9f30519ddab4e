/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of group commit stand on: a TPM with the banks that a test wants, and a filter in the proxy that reads
 * each TPM2_PCR_Extend, and can be a TPM that takes such commands otherwise.
 */
#ifndef IMAD_SEQUENCER_BATCH_H
#define IMAD_SEQUENCER_BATCH_H

#include <imad/esapi.h>

#include "sequencer_fixture.h"

#define COMMANDS_MAX 4096
#define RC_SIZE	     0x1d5u /* TPM_RC_SIZE, parameter 1 */
#define TRIED_PCR    16

enum odd {
	ODD_NONE,
	ODD_REFUSES, /* a bank that is named twice */
	ODD_FIRST,   /* executes the first entry of each bank only, and says nothing */
	ODD_LAST,    /* the last */
	ODD_HALF,    /* the first, of the next command only */
};

/* Each PCR_Extend that came by. */
struct command {
	unsigned int pcr, records;
};

static struct spy {
	pthread_mutex_t lock;
	enum odd odd;
	unsigned int n, others; /* @others: commands that are no extends of the list's PCRs, nor reads */
	struct command commands[COMMANDS_MAX];
} spy = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void be32_put(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, 4);
}

/* TPM 2.0 part 2: TPML_DIGEST_VALUES is a count and so many of algorithm and digest. */
struct entry {
	unsigned int alg;
	size_t at, size;
};

static inline unsigned int entries_read(const uint8_t *cmd, size_t list, struct entry e[TPM_EXTEND_MAX])
{
	unsigned int n = be32_at(cmd + list);
	size_t at = list + 4;

	for (unsigned int i = 0; i < n; i++) {
		e[i].alg = (unsigned int)cmd[at] << 8 | cmd[at + 1];
		e[i].at = at;
		e[i].size = 2u + algo_by_tpm((uint16_t)e[i].alg)->size;
		at += e[i].size;
	}
	return n;
}

/* How often the bank of entry @i is there in @from to @to - 1. */
static inline unsigned int same_bank(const struct entry *e, unsigned int i, unsigned int from, unsigned int to)
{
	unsigned int n = 0;

	for (unsigned int k = from; k < to; k++)
		n += e[k].alg == e[i].alg;
	return n;
}

/* Leave one entry a bank, the first or the last. */
static inline void entries_cut(uint8_t *cmd, ssize_t *n, size_t list, const struct entry *e, unsigned int count, bool last)
{
	uint8_t out[PROXY_FRAME];
	uint32_t kept = 0;
	size_t at = list + 4;

	memcpy(out, cmd, list);
	for (unsigned int i = 0; i < count; i++) {
		if (last ? same_bank(e, i, i + 1, count) : same_bank(e, i, 0, i))
			continue;
		memcpy(out + at, cmd + e[i].at, e[i].size);
		at += e[i].size;
		kept++;
	}
	be32_put(out + list, kept);
	be32_put(out + 2, (uint32_t)at);
	memcpy(cmd, out, at);
	*n = (ssize_t)at;
}

static inline bool spy_filter(struct proxy *p, uint8_t *cmd, ssize_t *n, uint32_t *rc)
{
	size_t list = 18 + be32_at(cmd + 14); /* behind header, handle, size of the authorizations and these */
	struct entry e[TPM_EXTEND_MAX];
	unsigned int count, records;
	bool refused;

	(void)p;
	if (be32_at(cmd + 6) != PROXY_PCR_EXTEND)
		return false;
	count = entries_read(cmd, list, e);
	records = same_bank(e, 0, 0, count);
	pthread_mutex_lock(&spy.lock);
	if (be32_at(cmd + 10) == TRIED_PCR)
		spy.others++;
	else if (spy.n < COMMANDS_MAX)
		spy.commands[spy.n++] = (struct command){ .pcr = be32_at(cmd + 10), .records = records };
	refused = spy.odd == ODD_REFUSES && records > 1;
	if (spy.odd == ODD_FIRST || spy.odd == ODD_LAST || spy.odd == ODD_HALF)
		entries_cut(cmd, n, list, e, count, spy.odd == ODD_LAST);
	if (spy.odd == ODD_HALF)
		spy.odd = ODD_NONE;
	pthread_mutex_unlock(&spy.lock);
	*rc = RC_SIZE;
	return refused;
}

static inline void spy_set(enum odd odd)
{
	pthread_mutex_lock(&spy.lock);
	spy.odd = odd;
	spy.n = spy.others = 0;
	pthread_mutex_unlock(&spy.lock);
}

/* Commands so far with @records, of the PCR. */
static inline unsigned int commands(unsigned int pcr, unsigned int records)
{
	unsigned int n = 0;

	pthread_mutex_lock(&spy.lock);
	for (unsigned int i = 0; i < spy.n; i++)
		n += spy.commands[i].pcr == pcr && spy.commands[i].records == records;
	pthread_mutex_unlock(&spy.lock);
	return n;
}

static inline unsigned int tried(void)
{
	unsigned int n;

	pthread_mutex_lock(&spy.lock);
	n = spy.others;
	pthread_mutex_unlock(&spy.lock);
	return n;
}

/* From the next reset on the TPM has the banks whose names are in @banks; which is now. */
static inline void allocate(const char *banks)
{
	static const char *const names[] = { "sha1", "sha256", "sha384", "sha512" };
	struct esapi e = { 0 };
	TPML_PCR_SELECTION sel = { 0 };
	TPMI_YES_NO done = 0;
	UINT32 max, needed, room;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		TPMS_PCR_SELECTION *s = &sel.pcrSelections[sel.count++];

		s->hash = algo_by_name(names[i], strlen(names[i]))->tpm;
		s->sizeofSelect = 3;
		memset(s->pcrSelect, strstr(banks, names[i]) ? 0xff : 0, 3);
	}
	assert_ok(esapi_open(&e, fx.swtpm.tcti));
	assert_int_equal(Esys_PCR_Allocate(e.esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sel, &done,
					   &max, &needed, &room), 0);
	assert_true(done);
	esapi_close(&e);
	assert_ok(swtpm_reset(&fx.swtpm));
}

static inline int batch_setup(void **state)
{
	int r = fixture_setup(state);

	if (r < 0)
		return r;
	fx.proxy.filter = spy_filter;
	spy_set(ODD_NONE);
	allocate("sha1 sha256");
	return 0;
}

static inline bool pcr_is_zero(unsigned int pcr)
{
	struct pcr_value v = tpm_value(pcr);
	unsigned int set = 0;

	for (unsigned int i = 0; i < v.n; i++)
		for (unsigned int b = 0; b < v.bank[i].size; b++)
			set |= v.bank[i].bytes[b];
	return !set;
}

/* --- What is submitted while the sequencer cannot take it, so that all of it is taken at once. */
struct together {
	sem_t go, done;
};

static inline void together_wait(void *arg)
{
	sem_wait(&((struct together *)arg)->go);
}

static inline void together_begin(struct together *t)
{
	sem_init(&t->go, 0, 0);
	sem_init(&t->done, 0, 0);
	assert_ok(sequencer_barrier(fx.s, together_wait, t));
}

static inline void together_end(struct together *t)
{
	assert_ok(sequencer_barrier(fx.s, post, &t->done));
	sem_post(&t->go);
	sem_wait(&t->done);
	sem_destroy(&t->go);
	sem_destroy(&t->done);
}

/* Files @first to @last - 1. */
static inline void measure_together(unsigned int first, unsigned int last)
{
	struct together t;

	together_begin(&t);
	for (unsigned int i = first; i < last; i++) {
		struct request *q = malloc(sizeof(*q));

		assert_non_null(q);
		request_make(q, i);
		q->m.done = free_request;
		sequencer_submit(fx.s, &q->m);
	}
	together_end(&t);
}

#endif
