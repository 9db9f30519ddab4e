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
	if (d->rule.action != 0)
		return "second action";
	d->rule.action = a->bit;
	return NULL;
}

/* @rest is what follows the name in @token: operator and value. */
static const char *take_word(const struct policy_word *w, struct slice token, struct slice rest, struct draft *d)
{
	if (*w->operators ? rest.n == 0 || !strchr(w->operators, *rest.p) : rest.n != 0)
		return "operator does not fit";
	if (d->given & w->rivals)
		return d->given & 1u << (w - policy_words) ? "given twice" : "excluded by an earlier word";
	if (rest.n == 1)
		return "value is missing";
	d->op = rest.n ? *rest.p : '\0';
	d->given |= 1u << (w - policy_words);
	d->tokens[w - policy_words] = token;
	return w->parse(w, rest.n ? (struct slice){ rest.p + 1, rest.n - 1 } : rest, d);
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
	for (const struct policy_word *w = policy_words; w < policy_words + WORD_COUNT; w++)
		if (slice_is(name, w->name))
			return take_word(w, token, (struct slice){ token.p + name.n, token.n - name.n }, d);
	return "unknown word";
}

/* All words of one line. A '#' at the start of a word makes the rest a comment. */
static int parse_words(struct slice line, struct draft *d, struct parse_error *reterr)
{
	struct slice first = next_token(&(struct slice){ line.p, line.n }), token;
	const char *why;

	for (;;) {
		token = next_token(&line);
		if (token.n == 0 || *token.p == '#')
			break;
		why = take_token(token, d);
		if (why)
			return refuse(-EBADMSG, why, token, reterr);
	}
	if (d->rule.action == 0)
		return refuse(-EBADMSG, "rule has no action", first, reterr);
	why = policy_rule_invalid(d, &token);
	return why ? refuse(-EBADMSG, why, token, reterr) : 0;
}

static int add_rule(struct policy *p, struct draft *d, struct slice token, struct parse_error *reterr)
{
	int slot;

	if (p->n_rules == IMAD_RULES_MAX)
		return refuse(-E2BIG, "too many rules", token, reterr);
	if (d->rule.action == IMAD_MEASURE) {
		slot = policy_find_slot(p, &d->slot);
		if (slot < 0)
			return refuse(slot, "too many pairs of pcr= and template=", token, reterr);
		d->rule.slot_bit = 1u << slot;
		d->rule.variants = (uint32_t)slot * 0x01010101u;
	}
	p->rules[p->n_rules++] = d->rule;
	return 0;
}

/* How much of each table of a policy is used. */
struct counts {
	unsigned int rules, slots, names, labels, lists, inactive;
};

static struct counts count(const struct policy *p)
{
	return (struct counts){ p->n_rules, p->n_slots, p->n_names, p->n_labels, p->n_lists, p->n_inactive };
}

/* Forget what lies behind the first @keep of a table, and leave no trace of it. */
#define TRUNCATE(p, table, keep)                                                                          \
	do {                                                                                              \
		memset(&(p)->table[keep], 0, ((p)->n_##table - (keep)) * sizeof((p)->table[0]));          \
		(p)->n_##table = (keep);                                                                  \
	} while (0)

/* As it was when its counts were @n. */
static void truncate_policy(struct policy *p, struct counts n)
{
	memset(&p->lines[n.rules], 0, (p->n_rules - n.rules) * sizeof(p->lines[0]));
	TRUNCATE(p, rules, n.rules);
	TRUNCATE(p, slots, n.slots);
	TRUNCATE(p, names, n.names);
	TRUNCATE(p, labels, n.labels);
	TRUNCATE(p, lists, n.lists);
	p->n_inactive = n.inactive;
}

/* Whether the rule has a condition about what no label here has. */
static bool asks_for_others(const struct policy *p, const struct imad_rule *r, uint32_t kinds)
{
	for (unsigned int i = 0; i < p->n_labels; i++)
		if ((r->labels & 1u << i) && !(kinds & POLICY_LABEL_KIND_BIT(p->labels[i].kind)))
			return true;
	return false;
}

static int parse_line(struct policy *p, struct slice line, const struct policy_env *env, struct parse_error *reterr)
{
	struct draft d = { .slot.pcr = POLICY_PCR_DEFAULT, .policy = p, .names = p, .env = env };
	struct slice first = next_token(&(struct slice){ line.p, line.n });
	const struct counts before = count(p);
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
	if (asks_for_others(p, &d.rule, env->labels)) {
		truncate_policy(p, before); /* its labels are nobody's */
		p->n_inactive++;
		return 0;
	}
	return add_rule(p, &d, first, reterr);
}

int policy_parse(struct policy *p, const char *text, size_t n, const struct policy_env *env,
		 struct parse_error *reterr)
{
	const struct counts before = count(p);
	struct slice rest = { text, n };
	unsigned int number = 0;
	int r;

	if (n > POLICY_TEXT_MAX) {
		reterr->line = 0;
		return refuse(-E2BIG, "text too long", (struct slice){ NULL, 0 }, reterr);
	}
	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct slice line = { rest.p, end ? (size_t)(end - rest.p) : rest.n };
		unsigned int first = p->n_rules;

		reterr->line = ++number;
		r = parse_line(p, line, env, reterr);
		if (r == 0 && p->n_rules > first)
			p->lines[first] = number;
		if (r < 0) {
			truncate_policy(p, before);
			return r;
		}
		rest.p += line.n + (end != NULL);
		rest.n -= line.n + (end != NULL);
	}
	r = policy_add_variants(p, env);
	if (r < 0) {
		truncate_policy(p, before);
		(void)policy_add_variants(p, env); /* those that there were have their room */
		r = refuse(r, "too many pairs of pcr= and template= with digest_type= or modsig", (struct slice){ NULL, 0 }, reterr);
	}
	policy_bind_pcr(p, POLICY_PCR_DEFAULT);
	return r;
}
