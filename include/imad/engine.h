/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a use: who waits for an inode, hash it once however many wait, have
 * it recorded, publish the state, let the waiters go. All kernel interfaces come in
 * through struct engine_ops, so that tests can play the kernel.
 *
 * Order, never another: state -> content -> record and extend -> publish -> answer.
 */
#ifndef IMAD_ENGINE_H
#define IMAD_ENGINE_H

#include <imad/abi.h>
#include <imad/policy.h>
#include <imad/sequencer.h>
#include <imad/template.h>
#include <imad/violation.h>
#include <imad/waits.h>

struct engine;
struct engine_use;
struct hold;

/* What was found in one file; buffers belong to the engine. */
struct engine_content {
	struct digest digest, digest_sha1;
	uint32_t found; /* IMAD_FOUND() of the label, if ENGINE_LABEL was asked for */
	struct digest denied; /* ... the one that is on the deny list, its size 0 if none is */
	struct digest verity; /* of fs-verity, its size 0 if there is none; with ENGINE_VERITY or ENGINE_LABEL */
	struct digest digest_modsig; /* without the signature appended to it, its size 0 if there is none; ENGINE_MODSIG, too */
	uint8_t *modsig; /* PKCS#7 of that, from malloc(); NULL if there is none */
	size_t modsig_len;
	struct template_meta meta; /* with ENGINE_META */
	bool has_meta;
	char *name;    /* ENGINE_NAME_MAX bytes */
	uint8_t *sig;  /* ENGINE_SIG_MAX bytes */
	size_t sig_len;
};
#define ENGINE_DIGEST 1 /* the digest, for a record */
#define ENGINE_SHA1 2	/* the SHA-1 digest, too */
#define ENGINE_LABEL 4	/* what there is to find of its label */
#define ENGINE_VERITY 8	/* the fs-verity digest, for a record */
#define ENGINE_MODSIG 16 /* the signature appended to it, for a record */
#define ENGINE_META 32	/* owner, mode and extended attributes, for a record */
#define ENGINE_NAME_MAX (4096 + 16)
#define ENGINE_SIG_MAX 65536

struct engine_ops {
	int (*state)(void *arg, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict);
	int (*publish)(void *arg, int fd, const struct imad_verdict *verdict);
	uint32_t (*epoch)(void *arg);
	/* Let further uses pass without an event (gate_ignore), and take that back. */
	int (*ignore)(void *arg, int fd, bool survive);
	void (*regard)(void *arg, int fd);
	void (*regard_all)(void *arg); /* every inode is gated again */
	int (*install)(void *arg, const struct policy *p); /* all or nothing: 0 or negative errno */
	/* Name, label and digests of the file behind @fd, as far as @needs say. @digest: known already, NULL if not. */
	int (*collect)(void *arg, void *scratch, int fd, unsigned int needs, const struct digest *digest,
		       struct engine_content *ret);
	/* Digest and SHA-1 digest of what is no file; the name is there already. */
	int (*collect_data)(void *arg, const void *data, size_t n, struct engine_content *ret);
	void (*new_epoch)(void *arg); /* no verdict tells of a mark any more */
	void (*new_trust)(void *arg); /* ... and what was found of labels before is not done any more */
	void *(*scratch_new)(void *arg); /* what collect needs once a thread; NULL: out of memory */
	void (*scratch_free)(void *arg, void *scratch);
	/* 1, 0, or -EAGAIN when that cannot be told without waiting and @wait is false. */
	int (*is_elf)(void *arg, int fd, bool wait);
	/* Answer by the deadline, while the file is still needed; true: this was the answer. */
	bool (*answer)(void *arg, struct hold *h, bool allow);
	/* Close the file, allow the use if it has no answer yet, forget the hold. */
	void (*release)(void *arg, struct hold *h);
	int (*hold_fd)(const struct hold *h);
	uint64_t (*hold_since)(const struct hold *h); /* CLOCK_MONOTONIC, ns */
	struct hold *(*next_hold)(const struct hold *h);
	void (*chain_hold)(struct hold *h, struct hold *next);
	void (*on_timeout)(void *arg);
	/* What the file is called as far as nobody need be asked for it: for a hint, never for a record. Never waits. */
	int (*hint)(void *arg, int fd, char *ret, size_t size);
	void (*submit)(void *arg, struct measurement *m);
	/* An audit rule matched; @pid waits, if it was held. Never waits. */
	void (*audit)(void *arg, const struct engine_content *content, uint32_t pid, uint32_t uid);
	/* A rule asked for the fs-verity digest of a file that has none: there is no record. Never waits. */
	void (*no_verity)(void *arg, const char *name, uint64_t dev, uint64_t ino, uint32_t pid, uint32_t uid);
	/*
	 * Open the file of a use by its @far, and set the descriptor and what else is known only then. May take for
	 * ever. Negative errno: nothing is wanted of it. A descriptor of -1: it cannot be reached any more.
	 */
	int (*reach)(void *arg, const void *far, struct engine_use *use);
	/* Have engine_writer_closed() called when a writer of @fd closes. */
	void (*listen)(void *arg, int fd);
	/*
	 * Make the label of @fd agree with its content, unless it is signed, and its HMAC with what that is over, and take note
	 * (struct imad_gen.written, vouched). 1 and the content's digest; 0: somebody can write it, so not now, or the label need not change
	 * (@closed: a writer who has just closed may count as one for a moment); negative errno, logged.
	 */
	int (*relabel)(void *arg, void *scratch, int fd, bool closed, struct digest *ret);
	/* What was found (IMAD_FOUND()) of the file that is held, before it is released. If it was answered: nothing. */
	void (*tell)(void *arg, const struct hold *h, uint32_t found);
	void *arg;
};

struct engine_config {
	unsigned int workers;
	unsigned int deadline_ms;
	unsigned int far_deadline_ms; /* a use with @far that takes longer is recorded as a violation */
	bool allow_on_timeout;
	bool hold_access; /* the gate holds the first access, not the open */
	const struct template *template; /* the configured defaults */
	const struct algo *hash;
};

/* 0, -ENOMEM, or -errno of pthread_create. Starts the workers. */
int engine_new(const struct engine_config *c, const struct engine_ops *ops, struct engine **ret);
/*
 * Answers everybody (allow), waits for records under way, joins the workers. False: some of them are inside a
 * file whose filesystem does not answer. They keep @e, and the process must end without freeing what ops use.
 */
bool engine_free(struct engine *e);

/*
 * Switch to @p: its slots are copied, all ignore marks go, and ops->install puts its
 * rules to work, so that no first use under the new policy passes unseen. Slots that
 * had a meaning before must have the same one. Returns what ops->install returns; on
 * error the rules are the old ones.
 */
int engine_set_policy(struct engine *e, const struct policy *p);

/* Uses are held at open from now on, whatever engine_config said. */
void engine_hold_opens(struct engine *e);

/* Every inode is gated again: some mark may hide a use that is to be seen. */
void engine_regard_all(struct engine *e);

/* ops->collect finds by other keys or another deny list from now on: all that was found before is void. */
void engine_new_trust(struct engine *e);

/* A held use, from the gate's reader: takes the hold over. Never blocks on I/O, never fails. */
void engine_hold(struct engine *e, struct hold *h);

/* A use that nobody waits for: what BPF reported late, or what ran before the start. */
struct engine_use {
	int fd;		    /* taken over, -1: the file could not be reached any more */
	enum measure_kind kind; /* MEASURE_LATE or MEASURE_START */
	uint32_t func, slots, pid, uid;
	struct imad_place place;
	uint64_t gen;	    /* generation at the use; MEASURE_LATE only */
	uint32_t flags;	    /* IMAD_GEN_WRITERS, IMAD_GEN_VIOLATION */
	const struct digest *digest; /* taken by the kernel before the use; NULL: none */
	const char *name;   /* for a file that could not be reached; NULL: ask the descriptor */
	const char *cause;  /* a violation: static text; only without slots and without descriptor */
	void *data;	    /* what is measured instead of a file, taken over by free(): no descriptor, a @name; NULL: a file */
	size_t data_len;
	bool writer;	    /* somebody can write, or could, a file whose label follows its content; no slots */
	bool closed;	    /* ... and has just closed it */
	bool at_once;	    /* a violation that no worker is needed for; the engine's */
	/*
	 * Who opens the file may have to wait for others (FUSE, a server): ops->reach() does it by this, in a worker
	 * that no held use waits for. No descriptor, and a @name; taken over by free(). NULL: it is opened already.
	 */
	void *far;
};
/* 0, or -ENOMEM (descriptor and data are gone either way). */
int engine_use(struct engine *e, const struct engine_use *use);

/* A violation without a file, as @use says but for its kind: ToMToU, by its @name. 0 or -ENOMEM. */
int engine_violation(struct engine *e, const struct engine_use *use, const char *cause);

/*
 * One of imad's own, @detail as violation.h says; what was used before comes before it, as far as it is recorded by
 * then. No worker is needed for it, as those may be what is stuck. Never blocks on I/O. 0 or -ENOMEM.
 */
int engine_own_violation(struct engine *e, enum violation kind, const char *detail);

/* The last writer of an ignored inode may have gone: gate it again. */
void engine_writer_closed(struct engine *e, int fd);

/* Call @fn when all uses handed over before are in the list. From any thread; 0 or -ENOMEM. */
int engine_barrier(struct engine *e, void (*fn)(void *arg), void *arg);

/*
 * Answer who has waited past the deadline. Call a few times a second. Uses that went on unmeasured by that are
 * told as one violation a second (VIOLATION_TIMEOUT).
 */
void engine_tick(struct engine *e, uint64_t now_ns);

struct engine_counters {
	uint64_t held;	     /* uses that waited for a record */
	uint64_t passed;     /* uses that reached the gate and wanted nothing */
	uint64_t measured;   /* inodes hashed */
	uint64_t late, started;
	uint64_t unreachable; /* late uses whose file could not be opened again */
	uint64_t restarts;   /* the content changed while it was hashed */
	uint64_t relabelled; /* looked at because their label follows their content */
	uint64_t errors;     /* files that could not be read or labelled */
};
void engine_counters(struct engine *e, struct engine_counters *ret);

/* How long uses were held. */
struct engine_waits {
	struct waits held;   /* from the event to its answer, of all that reached the gate */
	struct waits judged; /* ... from when the file's content was known, where no record had to be made: the TPM has no part in it */
};
void engine_waits(struct engine *e, struct engine_waits *ret);

#endif
