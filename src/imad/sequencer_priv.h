/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the sequencer share. All of it belongs to the sequencer's
 * thread but what stands under @lock.
 */
#ifndef IMAD_SEQUENCER_PRIV_H
#define IMAD_SEQUENCER_PRIV_H

#include <pthread.h>

#include <imad/cgroups.h>
#include <imad/sequencer.h>

/* --- sequencer_dedup.c: the set of template digests in the list, with their PCR */
struct dedup;

/* @seed: random, so that nobody can aim at one place of the table. 0 or -ENOMEM. */
int dedup_new(size_t digest_size, uint64_t seed, struct dedup **ret);
void dedup_free(struct dedup *d);
bool dedup_has(const struct dedup *d, unsigned int pcr, const uint8_t *digest);
/* Make room, so that the next dedup_add() cannot fail. 0 or -ENOMEM. */
int dedup_reserve(struct dedup *d);
void dedup_add(struct dedup *d, unsigned int pcr, const uint8_t *digest);

/*
 * One PCR that records go to. @value is what the TPM holds as far as is known:
 * the list without the @waiting records, which are in the list from byte @next on.
 */
struct seq_pcr {
	struct pcr_value value;
	uint64_t next, waiting;
	bool in_doubt; /* whether the first waiting record was extended is not known */
	bool foreign;  /* holds what the list does not say: its value proves nothing any more */
};

struct sequencer {
	/* as configured */
	unsigned int pcr;
	const struct template *template;
	const struct algo *hash;
	const char *securityfs;
	bool bank_lists;

	struct store *store;
	struct tpm *tpm; /* NULL: software banks only */
	unsigned int n_banks;
	const struct algo *banks[PCR_BANKS_MAX];
	struct dedup *seen;
	struct cgroups *cgroups;
	struct seq_pcr *pcrs[LIST_PCR_MAX + 1]; /* NULL: not used yet */

	bool tpm_lost;	    /* tpm_reopen() must come first */
	bool tpm_failing;   /* said so in the log */
	bool store_failing; /* said so in the log */
	uint64_t retry_at;  /* monotonic ms of the next attempt to catch up */
	unsigned int retry_ms;

	struct buf data, info;
	struct sequencer_status now;

	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running;
	bool stop; /* under @lock, as what follows */
	struct measurement *head, **tail;
	struct sequencer_status published;
};

/* --- sequencer.c */
/* Put one measurement into list and TPM. 0 recorded, 1 duplicate, < 0 not recorded. */
int seq_measure(struct sequencer *s, struct measurement *m);
/* Append one finished record, whatever its digest, with the line that tells of @m. 0 or negative errno. */
int seq_append(struct sequencer *s, const struct list_record *rec, const struct measurement *m);

/* --- sequencer_extend.c */
uint64_t seq_now_ms(void);
bool seq_digests_equal(const struct digest *a, const struct digest *b);
bool seq_values_equal(const struct pcr_value *a, const struct pcr_value *b);
/* The PCR's state, made from zeros when it is new. 0 or -ENOMEM. */
int seq_pcr_make(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret);
/* The same for a record to come: a new one is compared with the TPM. */
int seq_pcr_get(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret);
/* Extend a record that is in the list from byte @start to @end, now or, if the TPM fails, later. */
void seq_extend(struct sequencer *s, struct seq_pcr *p, const struct list_record *rec, uint64_t start);
/* Extend what waits. */
void seq_catch_up(struct sequencer *s);
/* The PCR holds something else than the list: say it and remember it. */
void seq_foreign(struct sequencer *s, struct seq_pcr *p);

/* --- sequencer_replay.c */
/* Rebuild PCR values and the set of digests from a list that was there. 0, -EIO, -EREMOTEIO, -ENOMEM, ... */
int seq_replay(struct sequencer *s);

/* --- sequencer_boot.c */
/* Make list and TPM agree, or begin the list. 0 or negative errno, logged. */
int seq_boot(struct sequencer *s, const char *tcti);

#endif
