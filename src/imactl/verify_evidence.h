/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of imactl verify --evidence. */
#ifndef IMACTL_VERIFY_EVIDENCE_H
#define IMACTL_VERIFY_EVIDENCE_H

#include <imad/keyring.h>
#include <imad/reference.h>
#include <imad/replay.h>
#include <imad/verifier.h>

#include "attest.h"
#include "trimmed.h"

#define FINDINGS_TOLD 20 /* about records; the rest is counted */

struct evp_pkey_st;

/* What the records themselves came to. */
struct findings {
	uint64_t judged, excluded, unknown, wrong, not_judged; /* against the reference values */
	uint64_t signed_ok, signed_bad, signed_no_key, unsigned_records;
	uint64_t violations, told;
	uint64_t own[VIOLATION_KINDS]; /* of them: imad's own */
};

struct appraisal {
	/* asked for */
	bool json, no_violations, from_checkpoint;
	const char *evidence, *ak, *state_path, *list;
	struct buf nonce;
	uint32_t pcrs;		    /* a bit each that must be quoted */
	uint32_t banks;		    /* by enum hash_algo, 0: any with SHA-256 or better */
	struct reference *reference; /* NULL: none */
	struct keyring *keys;	    /* NULL: signatures are not looked at */
	/* found */
	struct evp_pkey_st *key;
	char key_hex[VERIFIER_KEY_HEX + 1];
	struct evidence e; /* but for the list: */
	FILE *records;
	struct quote q;
	bool have_state;
	struct verifier_state state;
	enum verifier_order order;
	struct checkpoint checkpoint; /* of VERIFIER_CUT, and its values for the quoted PCRs and banks */
	struct pcr_value cut[EVIDENCE_PCRS_MAX];
	struct replay_result result;
	uint64_t verified; /* records that the quote stands for */
	struct findings found;
	/* concluded */
	enum imactl_exit code;
	struct json_object *reasons, *notes;
};

/* Add a reason for refusing the evidence; or something that whoever reads the result should know. */
void refuse(struct appraisal *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void note(struct appraisal *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool refused(const struct appraisal *a);

/*
 * --- verify_load.c: read evidence; @head: its text with an empty list.data, @records: what that held. 0, -EBADMSG
 * with *@why, or another negative errno.
 */
int verify_load(const char *path, struct buf *head, FILE **records, const char **why);

/* --- verify_quote.c: the quote, its key, its place behind the state */
void verify_quote(struct appraisal *a);

/* --- verify_cut.c: may the list begin at its checkpoint? 0, or negative errno: it cannot be read, told in @why. */
int verify_cut(struct appraisal *a, struct why *why);

/* --- verify_replay.c: does the list lead to the quote. 0, or negative errno: the list cannot be read, told in @why. */
int verify_replay(struct appraisal *a, struct why *why);

/* Call @take for each record up to a->verified. As above. */
int verify_each(struct appraisal *a, void (*take)(struct appraisal *a, const struct list_record *r, uint64_t index),
		struct why *why);

/* --- verify_records.c: violations, signatures, reference values */
void verify_record(struct appraisal *a, const struct list_record *r, uint64_t index);

/* --- verify_tell.c */
void verify_tell(const struct appraisal *a);

int cmd_verify_evidence(const struct imactl *ctl, int argc, char **argv);

#endif
