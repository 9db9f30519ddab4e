/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorded use and what a policy would do with it. A list tells less of a use than
 * the rules can ask: what it does not tell is asked of the file, if it still is the
 * same one, and else stays unknown. What depends on something unknown is unsure.
 */
#ifndef IMACTL_SIMULATE_H
#define IMACTL_SIMULATE_H

#include <inttypes.h>

#include <imad/template.h>

#include "imactl.h"

struct sim_use {
	struct imad_facts facts;
	uint32_t known;	   /* IMAD_COND_*: the conditions whose facts are */
	const char *name;  /* of the record; borrowed, not terminated */
	size_t name_len;
	struct digest digest;
	char context[POLICY_LABEL_MAX]; /* the security module's label of the file; empty: not known */
	enum imad_lsm lsm; /* whose that is */
	uint32_t unknown_labels; /* bits of struct policy.labels: conditions that cannot be looked at */
	bool same_file;	   /* its name still leads to the inode that was used */
	uint32_t found;	   /* IMAD_FOUND() of the label, a signature taken for good; valid with same_file */
};

enum sim_measure { SIM_AS_NOW, SIM_NOT_MEASURED, SIM_MOVED, SIM_UNSURE };
enum sim_appraise { SIM_NOT_APPRAISED, SIM_PASS, SIM_SIGNED, SIM_FAIL, SIM_FILE_GONE, SIM_APPRAISE_UNSURE };
extern const char *const sim_measure_texts[];

struct sim_outcome {
	uint64_t record;
	char *name; /* owned by whoever keeps the outcome */
	uint32_t func, uid;
	enum sim_measure measure;
	int measure_rule; /* -1: none */
	enum sim_appraise appraise;
	int appraise_rule;
	uint32_t cause; /* enum imad_cause of SIM_FAIL */
	bool audit, hash;
};

/* Text for people, NULL of SIM_NOT_APPRAISED. */
const char *sim_appraise_text(const struct sim_outcome *o);

/* From a record's fields and its info line. False: it was no use of a file. @f must outlive it. */
bool sim_use_of(const struct template_fields *f, struct json_object *info, struct sim_use *ret);
/* Names of keyrings and labels are bits, which each policy numbers. */
void sim_use_bind(struct sim_use *u, const struct policy *p);
/* Fills in what the policy decides; the rest of *@ret is zero. @default_pcr: of rules without pcr=. */
void sim_decide(const struct policy *p, uint32_t default_pcr, const struct list_record *r,
		const struct sim_use *u, struct sim_outcome *ret);

/* "site:3: dont_measure ..." or "no rule". */
void sim_put_rule(FILE *f, const struct named_policy *p, int rule);
void sim_add_rule(struct json_object *o, const char *key, const struct named_policy *p, int rule);

#endif
