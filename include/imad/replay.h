/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay of a whole list against PCR values: which records agree, how far the
 * PCR has got, which record is the first that cannot be right.
 */
#ifndef IMAD_REPLAY_H
#define IMAD_REPLAY_H

#include <imad/pcr.h>
#include <imad/violation.h>

#define REPLAY_BANKS_MAX (PCR_BANKS_MAX * 4) /* of all wanted PCRs together */

struct replay;

/*
 * Start a replay toward @n_wanted PCR values (borrowed until the end; each holds
 * its banks). Records of PCRs that are not wanted are checked but not compared.
 * @imported: the first record was written and extended by the kernel; each bank
 * accepts its own digest or the kernel's padded SHA-1, whichever leads to a match.
 * Returns 0, -EINVAL when @wanted is not well-formed or too many, or as digest_buf().
 */
int replay_new(const struct pcr_value *wanted, unsigned int n_wanted, bool imported, struct replay **ret);

/*
 * Before the first feed: go on from @records records that were replayed before, to these values (each
 * wanted bank must be among them, else -ENOENT). The list that is fed begins behind those.
 */
int replay_resume(struct replay *r, const struct pcr_value *values, unsigned int n, uint64_t records);
void replay_free(struct replay *r);
void replay_freep(struct replay **r);

/*
 * Feed bytes of the binary list as they come; whole records are consumed, a cut
 * tail is kept for the next call. Returns 0, -EBADMSG: the list is malformed at
 * record replay_result.records (0-based), reason in its @why; or as digest_buf().
 * An error is final: every later call returns it.
 */
int replay_feed(struct replay *r, const void *p, size_t n);

struct replay_bank {
	unsigned int pcr;
	uint8_t algo;
	bool matched;		/* some prefix of the list replays to the wanted value */
	uint64_t matched_at;	/* number of records in the longest such prefix */
	uint64_t matched_since; /* that of the shortest with only records of other PCRs between them */
	struct digest wanted, replayed; /* replayed: after the last record */
};

struct replay_result {
	uint64_t records; /* with those before replay_resume(); all other counts are without */
	uint64_t violations;
	uint64_t own[VIOLATION_KINDS]; /* of them: imad's own, by their names */
	uint64_t bad_digest;	    /* records whose header digest is not that of their data */
	uint64_t first_bad_digest;  /* 0-based index of the first, valid if bad_digest > 0 */
	size_t tail;		    /* bytes of a cut record at the end */
	const char *why;	    /* of -EBADMSG */
	unsigned int n_banks;
	struct replay_bank banks[REPLAY_BANKS_MAX];
};

/*
 * Remember where all banks are now. replay_marked() gives the values of then, PCR by PCR in the order of @wanted;
 * of an imported first record the form is taken that led to the wanted value since. @ret has room for @n PCRs. 0,
 * -EINVAL: too few, or nothing was marked.
 */
void replay_mark(struct replay *r);
int replay_marked(const struct replay *r, struct pcr_value *ret, unsigned int n);

/* The state so far. */
void replay_result(const struct replay *r, struct replay_result *ret);

#endif
