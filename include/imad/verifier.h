/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a verifier keeps of a host from one piece of evidence to the next, and the rules of
 * what may follow. The state is one JSON object, "imad-verifier-state", version 1.
 */
#ifndef IMAD_VERIFIER_H
#define IMAD_VERIFIER_H

#include <imad/evidence.h>
#include <imad/quote.h>

#define VERIFIER_STATE_MAX (64u << 10) /* bytes of text */
#define VERIFIER_PROGRESS_MS 30000
#define VERIFIER_KEY_HEX   64	       /* SHA-256 of SubjectPublicKeyInfo */

struct verifier_state {
	char ak[VERIFIER_KEY_HEX + 1];
	char boot_id[EVIDENCE_BOOT_ID + 1];
	uint32_t reset_count, restart_count;
	uint64_t clock;
	uint64_t records; /* verified so far */
	/*
	 * Records that the list was seen to have, and the clock of that quote: a record is appended before it is
	 * extended, so they may be on their way, but no longer than VERIFIER_PROGRESS_MS.
	 */
	uint64_t total, total_clock;
	bool imported;	  /* the first record may be padded SHA-1 in some bank */
	struct pcr_value pcrs[EVIDENCE_PCRS_MAX]; /* after @records */
	unsigned int n_pcrs;
};

/* As evidence_parse() and evidence_format(). */
int verifier_state_parse(const char *text, size_t n, struct verifier_state *ret, struct parse_error *e);
int verifier_state_format(const struct verifier_state *s, struct buf *out);

/* How evidence stands to the state. */
enum verifier_order {
	VERIFIER_GOES_ON, /* the same boot; the list begins where the state ends */
	VERIFIER_WHOLE,	  /* the same boot; the list begins at 0 and must lead through the state */
	VERIFIER_NEW,	  /* no state, or another boot; the list begins at 0 */
	VERIFIER_CUT,	  /* as one of these, but the list begins at the checkpoint behind where it should */
};

/*
 * 0 and the order; or -EBADMSG with one line in @why[@size]: a count or the clock went back, the
 * banks are others, the list begins elsewhere, another boot id without a reset. @s NULL: no state. VERIFIER_CUT is for
 * the caller to decide: records are missing that nobody has verified, and all that is there is the host's word for them.
 */
int verifier_order(const struct verifier_state *s, const struct evidence *e, const struct quote *q,
		   enum verifier_order *ret, char *why, size_t size);

#endif
