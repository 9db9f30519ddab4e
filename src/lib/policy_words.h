/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of the policy language, private to the policy room: one row a word,
 * with how its value is read and printed. The parser and the printer both walk
 * these rows, so that a word cannot be known to one of them only.
 */
#ifndef IMAD_POLICY_WORDS_H
#define IMAD_POLICY_WORDS_H

#include <string.h>

#include <imad/policy.h>

/* A piece of the policy text. */
struct slice {
	const char *p;
	size_t n;
};

/* The words in the order in which the kernel prints them: rows of policy_words[]. */
enum policy_word_id {
	WORD_FUNC, WORD_MASK, WORD_FSMAGIC, WORD_FSNAME, WORD_FS_SUBTYPE, WORD_KEYRINGS, WORD_LABEL, WORD_PCR,
	WORD_FSUUID, WORD_UID, WORD_EUID, WORD_GID, WORD_EGID, WORD_FOWNER, WORD_FGROUP, WORD_APPRAISE_ALGOS,
	WORD_OBJ_USER, WORD_OBJ_ROLE, WORD_OBJ_TYPE, WORD_SUBJ_USER, WORD_SUBJ_ROLE, WORD_SUBJ_TYPE,
	WORD_TEMPLATE, WORD_APPRAISE_TYPE, WORD_APPRAISE_FLAG, WORD_DIGEST_TYPE, WORD_PERMIT_DIRECTIO,
	WORD_COUNT,
};

/* One rule with its slot: what a line says, and what becomes a line again. */
struct draft {
	struct imad_rule rule;
	struct policy_slot slot;      /* of measure rules */
	const struct policy *policy;  /* whose names, labels and lists the rule means */
	/* only while a line is read */
	struct policy *names;	      /* the same policy, to add what is new */
	const struct policy_env *env;
	char op;		      /* operator of the word being read */
	uint32_t given;		      /* bit per enum policy_word_id */
	struct slice tokens[WORD_COUNT]; /* where each stands, for errors */
};

struct policy_action {
	const char *name;
	uint32_t bit;
};

/*
 * A condition or option, NAME, operator, VALUE. @parse returns NULL, or why the
 * value is refused. @print appends the word and a blank; it is asked only if one of
 * @conds is there, and always for an option.
 */
struct policy_word {
	const char *name;
	const char *operators;
	uint32_t conds;		     /* the conditions it can set; 0: an option */
	uint32_t rivals;	     /* words beside which it is refused, itself among them; bit per id */
	size_t id_offset, op_offset; /* in struct imad_rule, of words that compare an id */
	const char *(*parse)(const struct policy_word *w, struct slice value, struct draft *d);
	void (*print)(const struct policy_word *w, const struct draft *d, struct buf *out);
};

extern const struct policy_action policy_actions[]; /* ends with a row without a name */
extern const struct policy_word policy_words[WORD_COUNT];

/*
 * policy_valid.c: whether the words of a whole rule go together. NULL, or why not,
 * with the word in *@ret.
 */
const char *policy_rule_invalid(const struct draft *d, struct slice *ret);

/* The hooks that a rule can meet: POLICY_FUNC_BIT()s. */
uint32_t policy_rule_funcs(const struct imad_rule *r);

/* policy_slots.c: the number of the slot, added if it is new; -E2BIG when there is no room. */
int policy_find_slot(struct policy *p, const struct policy_slot *wanted);
/* ... and those that its rules need because of each other, once all rules are there. 0 or -E2BIG. */
int policy_add_variants(struct policy *p, const struct policy_env *env);

/* policy_lists.c: words whose value is a list or a label. */
const char *policy_parse_names(const struct policy_word *w, struct slice value, struct draft *d);
void policy_print_names(const struct policy_word *w, const struct draft *d, struct buf *out);
const char *policy_parse_label(const struct policy_word *w, struct slice value, struct draft *d);
void policy_print_label(const struct policy_word *w, const struct draft *d, struct buf *out);
const char *policy_parse_algos(const struct policy_word *w, struct slice value, struct draft *d);
void policy_print_algos(const struct policy_word *w, const struct draft *d, struct buf *out);

static inline bool slice_is(struct slice s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.p, text, s.n);
}

#endif
