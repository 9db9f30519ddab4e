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

/* One rule with its slot: what a line says, and what becomes a line again. */
struct draft {
	struct imad_rule rule;
	struct policy_slot slot; /* of measure rules */
	/* only while a line is read */
	char op;		/* operator of the word being read */
	struct slice pcr_token; /* for the error of a pcr= that turns out to be misplaced */
	const char *(*template_ok)(const char *name, size_t len);
};

/* An action; bit 0: imad does not know it yet. */
struct policy_action {
	const char *name;
	uint32_t bit;
};

/*
 * A condition or option, NAME, operator, VALUE. @parse returns NULL, or why the
 * value is refused; a row without it is a word of IMA's that imad does not know
 * yet. @print appends the word and a blank; it is asked only if one of @conds is
 * there, and always for an option.
 */
struct policy_word {
	const char *name;
	const char *operators;
	uint32_t conds;		     /* the conditions it can set; 0: an option */
	uint32_t rivals;	     /* conditions beside which it is refused, itself among them */
	size_t id_offset, op_offset; /* in struct imad_rule, of words that compare an id */
	const char *(*parse)(const struct policy_word *w, struct slice value, struct draft *d);
	void (*print)(const struct policy_word *w, const struct draft *d, struct buf *out);
};

/* Both end with a row without a name. The words stand in the order of print. */
extern const struct policy_action policy_actions[];
extern const struct policy_word policy_words[];

static inline bool slice_is(struct slice s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.p, text, s.n);
}

#endif
