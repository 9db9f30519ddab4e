/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the engine room: one job is one inode being measured, with all who wait for it. */
#ifndef IMAD_ENGINE_JOB_H
#define IMAD_ENGINE_JOB_H

#include <limits.h>
#include <pthread.h>

#include <imad/engine.h>

#define JOB_BUCKETS 1024
#define FAR_WORKERS_MAX 8

/* Jobs that wait for a worker. */
struct lane {
	struct job *first, **end;
	pthread_cond_t work;
	unsigned int idle; /* workers that wait for a job */
};

struct job {
	struct engine *engine;
	struct job *next_in_bucket, *next_in_queue;
	struct job *older, *newer; /* uses that nobody waits for, in order of arrival */
	struct job *followers;	   /* of the same inode, started when this one is over; through next_in_queue */
	struct job **bucket;	   /* where it is found */
	uint64_t dev, ino, serial;

	struct hold *holds; /* who waits; empty for a use that nobody waits for */
	int fd;		    /* the file: the first hold's, or our own */
	bool own_fd, is_use, timed_out;
	bool audits_verity; /* not a hold: a rule with digest_type=verity matched */
	bool closed;	    /* nobody joins the waiters any more */
	bool wants_record;  /* of the waiters: some wants more than a look at the label */
	struct engine_use use; /* valid if is_use; use.digest points to use_digest */
	struct digest use_digest;
	char *far_name;	      /* as it was called at the use */
	struct job *next_far; /* all of the far lane, waiting or not */
	uint64_t far_since;   /* CLOCK_MONOTONIC, ns */
	bool is_far, reached;
	bool given_up; /* another job stands for it in the list and before barriers */

	/* What the present round works on. */
	struct imad_gen gen;
	struct imad_verdict verdict; /* as found */
	bool has_gen, provisional, unrecorded, relabelled;
	struct digest fresh; /* relabelled: of the content */
	uint32_t slots, func;
	uint32_t epoch; /* from before the file was looked at */
	uint32_t unmet; /* slots of which there is nothing to record */
	uint32_t found; /* of the label, with IMAD_FOUND_KNOWN; 0: nothing */
	uint64_t judged_since; /* the content is known and no record is to be made, CLOCK_MONOTONIC, ns; 0: not so */
	struct engine_content content;
	struct measurement *measurements;
	unsigned int n_measurements, left;
};

struct engine {
	struct engine_config config;
	struct engine_ops ops;
	pthread_mutex_t lock; /* all below but @settle; never held over an op that can block */
	pthread_cond_t idle;
	struct lane near, far; /* @far: files that may keep a worker for ever */
	struct job *far_jobs;
	unsigned int n_far, far_running, n_far_threads;
	pthread_t far_threads[FAR_WORKERS_MAX];
	bool ending; /* every end of a job is told on @idle */
	_Atomic bool gone; /* nothing that ops use is there any more */
	uint32_t trust_epoch;	/* under @settle: the first one with the keys of now */
	pthread_mutex_t settle; /* a verdict and the mark that it tells of change together; not under @lock */
	struct job *buckets[JOB_BUCKETS];
	struct job *oldest, *newest; /* uses that nobody waits for */
	struct barrier *barriers;
	uint64_t serial;
	unsigned int jobs; /* alive */
	bool stopping;
	struct policy_slot slots[IMAD_SLOTS_MAX];
	uint32_t pcr_slots[IMAD_SLOTS_MAX]; /* of each slot: all slots of its PCR */
	bool want_sha1; /* some record has the field d, which is SHA-1 whatever the hash */
	bool want_meta; /* some record tells of the inode, not only of its content */
	unsigned int timeouts; /* uses let go on unmeasured and not told yet, with the name of one */
	char timeout_file[PATH_MAX];
	uint64_t timeouts_told; /* when, ns; 0: never */
	struct engine_counters counters;
	struct engine_waits waits;
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
/* With the lock: have it run by a worker of its lane, and make it known before. */
void engine_enqueue(struct engine *e, struct job *j);
void engine_insert(struct engine *e, struct job *j);
/* @name with room for the one that is found out later, from malloc(). NULL: out of memory. */
char *engine_name(const char *name);
/* What a worker does until the engine stops and its lane is empty. */
void engine_work(struct engine *e, struct lane *lane);

/* engine_far.c, with the lock: take a use with @far; false: there are too many, and it is one that cannot be reached. */
bool far_begin(struct engine *e, struct job *j);
/* A worker has taken it. */
void far_taken(struct job *j);
/* Its round is over; @for_good: it will not be run again. */
void far_left(struct job *j, bool for_good);
/* Record who takes longer than @limit_ns as violations. Returns how many. */
unsigned int far_give_up(struct engine *e, uint64_t now_ns, uint64_t limit_ns);
/* The engine ends: wait a moment for them, then give them up. What is left of them is inside a file. Lets the lock go. */
void far_end(struct engine *e);
/* Without the lock: open the file. False: the job has ended. */
bool far_reach(struct job *j);
/* After what may have taken for ever: does not return when the engine is gone meanwhile. */
void far_back(const struct job *j);

/* engine_own.c, with the lock: a waiter of @j was let go on. */
void own_timed_out(struct engine *e, const struct job *j);
/* Without it: tell of them, not too often; @all: now. */
void own_tell_timeouts(struct engine *e, uint64_t now_ns, bool all);

/*
 * engine_denied.c: records of content on the deny list, into the PCRs of @slots, made by
 * @base and added at @m. Returns how many.
 */
unsigned int engine_denied(struct job *j, const struct measurement *base, uint32_t slots, struct measurement *m);

#endif
