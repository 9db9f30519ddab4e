/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the engine room: one job is one inode being measured, with all who wait for it. */
#ifndef IMAD_ENGINE_JOB_H
#define IMAD_ENGINE_JOB_H

#include <pthread.h>

#include <imad/engine.h>

#define JOB_BUCKETS 1024

struct job {
	struct engine *engine;
	struct job *next_in_bucket, *next_in_queue;
	struct job *older, *newer; /* uses that nobody waits for, in order of arrival */
	struct job *followers;	   /* of the same inode, started when this one is over; through next_in_queue */
	uint64_t dev, ino, serial;

	struct hold *holds; /* who waits; empty for a use that nobody waits for */
	int fd;		    /* the file: the first hold's, or our own */
	bool own_fd, is_use, timed_out;
	bool audits_verity; /* not a hold: a rule with digest_type=verity matched */
	bool closed;	    /* nobody joins the waiters any more */
	struct engine_use use; /* valid if is_use; use.digest points to use_digest */
	struct digest use_digest;

	/* What the present round works on. */
	struct imad_gen gen;
	struct imad_verdict verdict; /* as found */
	bool has_gen, provisional, unrecorded, relabelled;
	struct digest fresh; /* relabelled: of the content */
	uint32_t slots, func;
	uint32_t epoch; /* from before the file was looked at */
	uint32_t unmet; /* slots of which there is nothing to record */
	uint32_t found; /* of the label, with IMAD_FOUND_KNOWN; 0: nothing */
	struct engine_content content;
	struct measurement *measurements;
	unsigned int n_measurements, left;
};

struct engine {
	struct engine_config config;
	struct engine_ops ops;
	pthread_mutex_t lock; /* all below but @settle; never held over an op that can block */
	pthread_cond_t work, idle;
	uint32_t trust_epoch;	/* under @settle: the first one with the keys of now */
	pthread_mutex_t settle; /* a verdict and the mark that it tells of change together; not under @lock */
	struct job *buckets[JOB_BUCKETS];
	struct job *queue, **queue_end;
	struct job *oldest, *newest; /* uses that nobody waits for */
	struct barrier *barriers;
	uint64_t serial;
	unsigned int jobs; /* alive */
	bool stopping;
	struct policy_slot slots[IMAD_SLOTS_MAX];
	uint32_t pcr_slots[IMAD_SLOTS_MAX]; /* of each slot: all slots of its PCR */
	bool want_sha1; /* some record has the field d, which is SHA-1 whatever the hash */
	bool want_meta; /* some record tells of the inode, not only of its content */
	struct engine_counters counters;
	unsigned int n_threads;
	pthread_t threads[];
};

/* engine_measure.c: one round of a job, from a worker; ends in job_finish() from whatever thread. */
void job_run(struct job *j, void *scratch);
/* Set or take back the ignore mark after @v was decided; publishes @v. Calls only ops. */
void engine_settle(struct engine *e, int fd, const struct imad_gen *g, struct imad_verdict v, bool survive);
/* What the daemon has found of the label for this state, with IMAD_FOUND_KNOWN; 0: nothing, or nothing that lasts. */
uint32_t engine_found(const struct imad_gen *g, const struct imad_verdict *v);
/* What a held use of an inode in this state still wants; *@maybe: only if it is an ELF object. */
uint32_t engine_pending(const struct imad_gen *g, const struct imad_verdict *v, bool *maybe);

/* engine_variant.c: what is recorded beside, or in place of, the digest of the content. */
unsigned int engine_needs(const struct job *j);
/* Before ops->collect. */
void engine_forget_variants(struct job *j);
/* After it: what nothing was found for comes off j->slots. */
void engine_take_unmet(struct job *j);
/* What stands in the record of @slot. */
void engine_fill_variant(const struct job *j, unsigned int slot, struct measurement *m);
void engine_audit(const struct job *j);
/* Whether all of @slots can be recorded by the digest of the content alone. */
bool engine_is_plain(const struct engine *e, uint32_t slots);

/*
 * engine.c: at the end of a round let nobody join any more. True if the state must be
 * looked at: somebody waits who may have come after this round's look at it. In the
 * round after that nobody can have, so a job has two rounds at most.
 */
bool job_close(struct job *j);
/* The job is over, or with @again has its second round. */
void job_finish(struct job *j, bool again);
void engine_count(struct engine *e, uint64_t *counter);

/*
 * engine_denied.c: records of content on the deny list, into the PCRs of @slots, made by
 * @base and added at @m. Returns how many.
 */
unsigned int engine_denied(struct job *j, const struct measurement *base, uint32_t slots, struct measurement *m);

#endif
