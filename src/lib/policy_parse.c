/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy text to rules: lines, words, the rules about their combination, slots.
 * What a word may say is in policy_words.c. Stricter than the kernel in one point:
 * bytes that no name can hold are refused everywhere but in comments, where the
 * kernel would take fsname="ext4\r" and never match it.
 */
#include <string.h>

#include "policy_words.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut the next word off *@line; empty at the end of the line. */
static struct slice next_token(struct slice *line)
{
	struct slice token;

	while (line->n > 0 && is_blank(*line->p))
		line->p++, line->n--;
	token.p = line->p;
	while (line->n > 0 && !is_blank(*line->p))
		line->p++, line->n--;
	token.n = (size_t)(line->p - token.p);
	return token;
}

/* Fill in the error; the token is made printable, for it may be anything. */
static int refuse(int r, const char *why, struct slice token, struct parse_error *reterr)
{
	size_t n = MIN(token.n, sizeof(reterr->token) - 1);

	reterr->why = why;
	for (size_t i = 0; i < n; i++)
		reterr->token[i] = token.p[i] > ' ' && token.p[i] <= '~' ? token.p[i] : '?';
	reterr->token[n] = '\0';
	return r;
}

static const char *check_bytes(struct slice token)
{
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] == '\r')
			return "carriage return";
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return "not printable ASCII";
	}
	return NULL;
}

static const char *take_action(const struct policy_action *a, struct draft *d)
{
	if (a->bit == 0)
		return "action needs a newer imad";
	if (d->rule.action != 0)
		return "second action";
	d->rule.action = a->bit;
	return NULL;
}

/* @rest is what follows the name: operator and value. */
static const char *take_word(const struct policy_word *w, struct slice rest, struct draft *d)
{
	if (*w->operators ? rest.n == 0 || !strchr(w->operators, *rest.p) : rest.n != 0)
		return "operator does not fit";
	if (!w->parse)
		return "word needs a newer imad";
	if (d->rule.conds & w->rivals)
		return d->rule.conds & w->conds ? "given twice" : "excluded by an earlier word";
	if (rest.n == 1)
		return "value is missing";
	d->op = *rest.p;
	return w->parse(w, (struct slice){ rest.p + 1, rest.n - 1 }, d);
}

/* One word of a rule: NULL, or why it is refused. */
static const char *take_token(struct slice token, struct draft *d)
{
	struct slice name = token;
	const char *why = check_bytes(token);

	if (why)
		return why;
	for (const struct policy_action *a = policy_actions; a->name; a++)
		if (slice_is(token, a->name))
			return take_action(a, d);

	name.n = 0;
	while (name.n < token.n && !strchr("=<>", token.p[name.n]))
		name.n++;
	for (const struct policy_word *w = policy_words; w->name; w++)
		if (slice_is(name, w->name))
			return take_word(w, (struct slice){ token.p + name.n, token.n - name.n }, d);
	return "unknown word";
}

/* All words of one line. A '#' at the start of a word makes the rest a comment. */
static int parse_words(struct slice line, struct draft *d, struct parse_error *reterr)
{
	struct slice first = next_token(&(struct slice){ line.p, line.n });
	const char *why;

	for (;;) {
		struct slice token = next_token(&line);

		if (token.n == 0 || *token.p == '#')
			break;
		why = take_token(token, d);
		if (why)
			return refuse(-EBADMSG, why, token, reterr);
		if (d->slot.pcr != POLICY_PCR_DEFAULT && !d->pcr_token.p)
			d->pcr_token = token;
	}
	if (d->rule.action == 0)
		return refuse(-EBADMSG, "rule has no action", first, reterr);
	if (d->rule.action != IMAD_MEASURE && d->pcr_token.p)
		return refuse(-EBADMSG, "pcr= needs measure", d->pcr_token, reterr);
	return 0;
}

static bool same_slot(const struct policy_slot *a, const struct policy_slot *b)
{
	return a->pcr == b->pcr && (a->template == b->template ||
				    (a->template && b->template && !strcmp(a->template, b->template)));
}

/* The number of the slot, added if it is new; -E2BIG when there is no room. */
static int find_slot(struct policy *p, const struct policy_slot *wanted)
{
	for (unsigned int i = 0; i < p->n_slots; i++)
		if (same_slot(&p->slots[i], wanted))
			return (int)i;
	if (p->n_slots == IMAD_SLOTS_MAX)
		return -E2BIG;
	p->slots[p->n_slots] = *wanted;
	return (int)p->n_slots++;
}

static int add_rule(struct policy *p, struct draft *d, struct slice token, struct parse_error *reterr)
{
	int slot;

	if (p->n_rules == IMAD_RULES_MAX)
		return refuse(-E2BIG, "too many rules", token, reterr);
	if (d->rule.action == IMAD_MEASURE) {
		slot = find_slot(p, &d->slot);
		if (slot < 0)
			return refuse(slot, "too many pairs of pcr= and template=", token, reterr);
		d->rule.slot_bit = 1u << slot;
	}
	p->rules[p->n_rules++] = d->rule;
	return 0;
}

static int parse_line(struct policy *p, struct slice line,
		      const char *(*template_ok)(const char *name, size_t len), struct parse_error *reterr)
{
	struct draft d = { .slot.pcr = POLICY_PCR_DEFAULT, .template_ok = template_ok };
	struct slice first = next_token(&(struct slice){ line.p, line.n });
	int r;

	/* Where the kernel sees the end of its text, a rule could hide behind a comment. */
	if (memchr(line.p, '\0', line.n))
		return refuse(-EBADMSG, "NUL byte", first, reterr);
	if (line.n > POLICY_LINE_MAX)
		return refuse(-EBADMSG, "line too long", first, reterr);
	if (first.n == 0 || *first.p == '#')
		return 0;
	r = parse_words(line, &d, reterr);
	if (r < 0)
		return r;
	return add_rule(p, &d, first, reterr);
}

/* Forget rules and slots behind the first ones, and leave no trace of them. */
static void truncate_policy(struct policy *p, unsigned int n_rules, unsigned int n_slots)
{
	memset(&p->rules[n_rules], 0, (p->n_rules - n_rules) * sizeof(p->rules[0]));
	memset(&p->slots[n_slots], 0, (p->n_slots - n_slots) * sizeof(p->slots[0]));
	p->n_rules = n_rules;
	p->n_slots = n_slots;
}

int policy_parse(struct policy *p, const char *text, size_t n,
		 const char *(*template_ok)(const char *name, size_t len), struct parse_error *reterr)
{
	unsigned int n_rules = p->n_rules, n_slots = p->n_slots;
	struct slice rest = { text, n };
	int r;

	if (n > POLICY_TEXT_MAX) {
		reterr->line = 0;
		return refuse(-E2BIG, "text too long", (struct slice){ NULL, 0 }, reterr);
	}
	for (unsigned int number = 1; rest.n > 0; number++) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct slice line = { rest.p, end ? (size_t)(end - rest.p) : rest.n };

		r = parse_line(p, line, template_ok, reterr);
		if (r < 0) {
			truncate_policy(p, n_rules, n_slots);
			reterr->line = number;
			return r;
		}
		rest.p += line.n + (end != NULL);
		rest.n -= line.n + (end != NULL);
	}
	policy_bind_pcr(p, POLICY_PCR_DEFAULT);
	return 0;
}
