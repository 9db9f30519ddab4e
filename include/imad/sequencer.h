/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place where records get their order: a thread that takes measurements
 * in turn, drops duplicates, appends to the list, then extends the TPM, then says
 * that it is done. Nothing is ever extended that is not in the list before.
 * It owns the store, the TPM and the software PCRs.
 */
#ifndef IMAD_SEQUENCER_H
#define IMAD_SEQUENCER_H

#include <imad/abi.h>
#include <imad/store.h>
#include <imad/tpm.h>
#include <imad/violation.h>

/* How a record came to be; told beside it in record_info, not in it. */
#define MEASURE_KINDS(X)                                                             \
	X(GATE, "gate")	      /* the gate held the use until the record was extended */ \
	X(LATE, "late")	      /* hashed before or while used, recorded after */         \
	X(START, "start")     /* already running, mapped or open when imad started */  \
	X(IMPORT, "import")   /* the kernel's own boot_aggregate */                    \
	X(IMAD, "imad")	      /* imad's own: boot_aggregate, its policy */             \
	X(VIOLATION, "violation")
#define MEASURE_KIND_ENUM(name, text) MEASURE_##name,
enum measure_kind { MEASURE_KINDS(MEASURE_KIND_ENUM) MEASURE_KIND_COUNT };

struct measurement {
	/* the record */
	int pcr; /* 0..63, or -1: the configured PCR */
	const struct template *template; /* NULL: the configured template */
	struct digest digest;
	struct digest digest_sha1; /* size 0 unless the template needs it */
	const char *name;	   /* path; owned by the maker until @done */
	const void *sig;	   /* security.ima; owned by the maker until @done */
	size_t sig_len;
	const void *buf;	   /* data that is no file, for template ima-buf; owned by the maker until @done */
	size_t buf_len;
	bool verity;		   /* @digest is that of fs-verity */
	struct digest digest_modsig; /* size 0: nothing is appended that was asked for */
	const void *modsig;	   /* the appended signature's PKCS#7; owned by the maker until @done */
	size_t modsig_len;
	const struct template_meta *meta; /* NULL: of no file, or no template needs it; owned by the maker until @done */
	bool violation;
	/* beside the record */
	enum measure_kind kind;
	enum imad_func func;
	const char *cause; /* static text: "ToMToU", "open_writers"; NULL: none */
	uint32_t pid, uid;
	struct imad_place place;
	uint64_t dev, ino; /* as stat(2) has them */
	/*
	 * Called once, from the sequencer's thread: 0 recorded and extended (as in the kernel's
	 * IMA a TPM that fails holds nobody up: sequencer_status.unextended; and see
	 * sequencer_config.pipelined), 1 duplicate, < 0 not recorded.
	 */
	void (*done)(struct measurement *m, int r);
	void *owner;
	struct measurement *next; /* the sequencer's, as what follows */
	int result;
};

struct sequencer_config {
	const char *rundir;
	const char *tcti;	/* NULL or "none": no TPM, software banks sha1 and sha256 */
	unsigned int pcr;	/* the configured PCR */
	const struct template *template;
	const struct algo *hash;
	bool pipelined;		/* most measurements of plain users are done before they are extended: sequencer_pipe.c */
	unsigned int batch;	/* records that may be extended by one command: 0 as many as are proved, 1 never more */
	uint64_t check_ms;	/* PCRs are compared with the list that often; 0: only after a suspend */
	bool bank_lists;	/* keep the list once more for each bank but SHA-1 */
	/* Seams for tests, all paths; NULL: /sys/kernel/security, /proc/sys/kernel/random/boot_id, IMAD_STATEDIR. */
	const char *securityfs;
	const char *boot_id;
	const char *statedir; /* has archive/, see archive.h */
};

struct sequencer;

/*
 * Open list and TPM, reconcile them (reference: append, extend, release; see
 * sequencer.c), write or import boot_aggregate if the list is new, start the
 * thread. Errors are logged here. -EADDRINUSE: the kernel's IMA uses that PCR
 * (the message names pcr=); -EBUSY: another imad runs; -EBADMSG: damaged list.
 */
int sequencer_new(const struct sequencer_config *c, struct sequencer **ret);

/* Finishes what is queued, stops the thread, closes. */
void sequencer_free(struct sequencer *s);

/* Queue; @m belongs to the sequencer until @done. Never fails, never blocks on I/O. */
void sequencer_submit(struct sequencer *s, struct measurement *m);

/* Call @fn once everything submitted before is done and extended (from the sequencer's thread). 0 or -ENOMEM. */
int sequencer_barrier(struct sequencer *s, void (*fn)(void *arg), void *arg);

/*
 * Cut off the front of the list for which @c stands, once it is proved to be right: of this boot, its values are
 * where the list leads and its chain goes on from the last one. The quote in it is not looked at. Blocks, from any
 * thread but the sequencer's and one at a time; measurements go on meanwhile. 0, or negative errno with one
 * line in @why[@size] and the list as before: -EAGAIN: records wait to be extended; -ESTALE: a PCR holds what is
 * not in the list; -EALREADY: they are cut off already; -EBADMSG: the checkpoint is wrong; -E2BIG: too many PCRs.
 */
int sequencer_trim(struct sequencer *s, const struct checkpoint *c, char *why, size_t size);

struct sequencer_status {
	uint64_t records, violations, duplicates;
	uint64_t own[VIOLATION_KINDS]; /* of the violations: imad's own */
	bool continued;		/* the list was there at the start: another daemon of this boot began it */
	uint64_t first;		/* records that were cut off: the index of the first that the files hold */
	uint64_t unextended;	/* records appended and not extended (TPM failed) */
	uint64_t extend_errors;
	bool tpm;		/* a TPM is in use */
	bool in_step;		/* list and PCR agree as far as is known */
	unsigned int pcr;
	unsigned int n_banks;
	const struct algo *banks[PCR_BANKS_MAX];
	char tpm_error[128];
	uint64_t extend_ns;	/* total time in extends */
	uint64_t extends;	/* records that were extended, */
	uint64_t commands;	/* by so many commands */
	bool pipelined;
	unsigned int outstanding; /* of the records: on their way to the TPM, and done already */
	unsigned int batch;	/* records that one command may extend */
	char batch_why[192];	/* one line */
};
void sequencer_status(struct sequencer *s, struct sequencer_status *ret);

#endif
