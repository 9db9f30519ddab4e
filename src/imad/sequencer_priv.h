/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the sequencer share. All of it belongs to the sequencer's
 * thread but what stands under @lock.
 */
#ifndef IMAD_SEQUENCER_PRIV_H
#define IMAD_SEQUENCER_PRIV_H

#include <pthread.h>

#include <imad/archive.h>
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
 * the list without the @waiting records, which are in the list from byte @next on (seq_scan()).
 */
struct seq_pcr {
	struct pcr_value value;
	uint64_t next, waiting;
	unsigned int in_doubt; /* whether so many of the first waiting records, of one command, were extended is not known */
	bool foreign;  /* holds what the list does not say: its value proves nothing any more */
	bool zeroed;   /* foreign, and was zero: it was reset, and what was cut off the list is not there to be extended again */
	uint64_t emptied; /* records that the TPM had lost: all at the start, more than can be under way at once, or those behind what it held */
	bool fell;     /* was seen to hold something else than before */
	bool untold;   /* of one of these: a violation is owed */
};

/* Records that one command is to extend: of one PCR, in the order of the list. */
struct seq_batch {
	struct seq_pcr *p;
	unsigned int n;
	uint64_t start, end; /* bytes of the list: where the first begins, and, of a flush, the last ends */
	struct digest d[TPM_EXTEND_MAX]; /* for each record one a bank */
};

struct seq_pipe;

struct sequencer {
	/* as configured */
	unsigned int pcr;
	const struct template *template;
	const struct algo *hash;
	const char *securityfs, *statedir, *rundir;
	bool bank_lists;

	struct store *store;
	struct tpm *tpm; /* NULL: software banks only */
	unsigned int n_banks;
	const struct algo *banks[PCR_BANKS_MAX];
	struct dedup *seen;
	struct cgroups *cgroups;
	struct seq_pcr *pcrs[LIST_PCR_MAX + 1]; /* NULL: not used yet */

	char former[CHECKPOINT_BOOT_ID + 1]; /* the boot that used the TPM before this one and without a reset in between; "": none */
	bool former_kept;		     /* its list is in an archive */
	bool noted;			     /* that this boot uses it, or that cannot be */
	uint64_t note_at;		     /* not to be tried before, monotonic ms */
	struct seq_archive *archive; /* of records that were cut off and are to be extended again; NULL: none */
	bool padded[PCR_BANKS_MAX];  /* the banks in which its first record is the kernel's padded SHA-1 */

	struct seq_batch batch; /* in the list, not sent yet */
	unsigned int batch_max; /* records */
	unsigned int refused;	/* commands with several records, one after the other */
	struct measurement *taken; /* from the queue */
	struct measurement *held, **held_end; /* done but for the batch */
	struct seq_pipe *pipe; /* NULL: strict */

	bool tpm_lost;	    /* tpm_reopen() must come first */
	bool tpm_failing;   /* said so in the log */
	bool store_failing; /* said so in the log */
	bool untold;	    /* some PCR's violation is owed */
	bool was_reset;	    /* a PCR holds less than it did: seq_start_over() must come first */
	uint64_t look_at, look_ms; /* that is due, monotonic ms; and how often, 0: not by time */
	uint64_t slept_ns;  /* in suspends so far, at most */
	uint64_t retry_at;  /* monotonic ms of the next attempt to catch up */
	unsigned int retry_ms;

	struct buf data, info;
	struct sequencer_status now;

	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running;
	bool stop; /* under @lock, as what follows */
	bool pipe_failed; /* there is something to collect */
	struct measurement *head, **tail;
	struct sequencer_status published;
};

/* --- sequencer.c */
/*
 * Put one measurement into the list and the batch, or with seq_measure() into list and TPM.
 * 0 recorded, 1 duplicate, < 0 not recorded.
 */
int seq_add(struct sequencer *s, struct measurement *m);
int seq_measure(struct sequencer *s, struct measurement *m);
/* Show the state to sequencer_status(). */
void seq_publish(struct sequencer *s);
/* Append one finished record, whatever its digest, with the line that tells of @m. 0 or negative errno. */
int seq_append(struct sequencer *s, const struct list_record *rec, const struct measurement *m);

/* --- sequencer_extend.c */
uint64_t seq_now_ms(void);
bool seq_digests_equal(const struct digest *a, const struct digest *b);
bool seq_values_equal(const struct pcr_value *a, const struct pcr_value *b);
bool seq_is_zero(const struct pcr_value *v);
/* The PCR's state, made from zeros when it is new. 0 or -ENOMEM. */
int seq_pcr_make(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret);
/* The same for a record to come: a new one is compared with the TPM. */
int seq_pcr_get(struct sequencer *s, unsigned int pcr, struct seq_pcr **ret);
/*
 * A record that is in the list from byte @start on joins the batch, which is sent when it is full, or with @later the
 * pipe; or waits, if the TPM fails.
 */
void seq_extend(struct sequencer *s, struct seq_pcr *p, const struct list_record *rec, uint64_t start, bool later);
/* The one command for @b, timed, and what its PCR is after it. Touches nothing of @s but the TPM. As tpm_extend(). */
int seq_command(const struct sequencer *s, const struct seq_batch *b, struct pcr_value *ret_next, uint64_t *ret_ns);
/* @n records of the list, the first from byte @start on, are not extended. */
void seq_wait(struct sequencer *s, struct seq_pcr *p, uint64_t start, unsigned int n);
/* A command with the first @n of those that wait failed with @r. */
void seq_failed(struct sequencer *s, struct seq_pcr *p, unsigned int n, int r);
/* Extend the batch, or have it wait, if the TPM fails. */
void seq_send(struct sequencer *s);
/* Extend what waits. */
void seq_catch_up(struct sequencer *s);

/* --- sequencer_batch.c */
/* Find out how many records, @wish at most (0: any number), one command of this TPM can extend. */
void seq_batch_prove(struct sequencer *s, unsigned int wish);
/* From now on one. */
void seq_batch_single(struct sequencer *s, const char *why);

/* --- sequencer_pipe.c; all but for the sequencer's thread; without a pipe they do nothing */
#define SEQ_PIPE_MAX 32  /* records on their way */
#define SEQ_PIPE_MS  100 /* for so long at most, then nobody is let go on before the first of them is extended */

/* Start it. 0 or negative errno. */
int seq_pipe_start(struct sequencer *s);
/* Empty by then. */
void seq_pipe_stop(struct sequencer *s);
/* Whether this measurement may be done before it is extended. */
bool seq_pipe_may(const struct sequencer *s, const struct measurement *m);
/* Let @d be extended, one digest a bank, when there is room; false: the TPM failed, and all that was in the pipe waits. */
bool seq_pipe_put(struct sequencer *s, struct seq_pcr *p, const struct digest *d, uint64_t start);
/* Until all is extended, or the TPM failed. Then nobody else uses TPM and PCRs. */
void seq_pipe_drain(struct sequencer *s);
/* Drain it if something failed. */
void seq_pipe_collect(struct sequencer *s);
/* Count what it did. Returns how many records are in it: with 0 nobody else uses TPM and PCRs. */
unsigned int seq_pipe_count(struct sequencer *s);

/* --- sequencer_replay.c */
/* Rebuild PCR values and the set of digests from a list that was there. 0, -EIO, -EREMOTEIO, -ENOMEM, ... */
int seq_replay(struct sequencer *s);

/* --- sequencer_archive.c: records that were cut off, in front of the list */
/* Open the archive of the list if it is whole and proves the checkpoint. 0 or negative errno, and one line in @why[@size]. */
int seq_archive_open(struct sequencer *s, char *why, size_t size);
void seq_archive_close(struct sequencer *s);
/* Bytes that it has; positions of records count from its begin. 0 without. */
uint64_t seq_archive_size(const struct sequencer *s);
/* As store_scan(), of the archive alone, or of archive and list. */
int seq_archive_scan(struct sequencer *s, uint64_t *at, store_scan_fn *fn, void *arg);
int seq_scan(struct sequencer *s, uint64_t *at, store_scan_fn *fn, void *arg);

/* --- sequencer_reset.c: PCRs that do not hold what the list gives, each told once as a violation */
/* A violation has this name. */
void seq_count_own(struct sequencer *s, const char *name, size_t n);
/* It was empty: what waits is all that the list has for it. */
void seq_emptied(struct sequencer *s, struct seq_pcr *p);
/* It holds @found, something else: say it and remember it. */
void seq_foreign(struct sequencer *s, struct seq_pcr *p, const struct pcr_value *found);
/*
 * Compare the PCRs with the list, if that is due or the host was suspended since: a TPM may have been reset by that, which
 * must be known before the next record is extended. Not while there is a batch.
 */
void seq_look_start(struct sequencer *s, uint64_t every_ms);
void seq_look(struct sequencer *s);
/* The TPM was reset while we used it: as at a start. Not while a record is in the list and neither extended nor waiting. */
void seq_start_over(struct sequencer *s);
/* Record the violations that are owed. What cannot be recorded stays owed. */
void seq_tell_resets(struct sequencer *s);

/* --- sequencer_former.c: another kernel was started without a reset of the TPM */
/* Set s->former and what belongs to it. 0, -EIO or -EREMOTEIO. */
int seq_former_find(struct sequencer *s);
/* Note for the next boot that this one uses the TPM, until s->noted. What fails for good is logged. */
void seq_former_note(struct sequencer *s);

/* --- sequencer_boot.c */
/* Make list and TPM agree, or begin the list. 0 or negative errno, logged. */
int seq_boot(struct sequencer *s, const struct sequencer_config *c);

#endif
