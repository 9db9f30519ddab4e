/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words whose value is a list of names (keyrings=, label=, appraise_algos=) or a
 * security module's label. A rule holds bits; what they stand for is in the policy,
 * once, however many rules name it: whoever has an event looks its name up once and
 * the matcher compares words.
 */
#include <string.h>

#include <imad/algo.h>

#include "policy_words.h"

/* Cut the next item off @list, which is not empty; *@more tells whether a separator followed it. */
static struct slice next_item(struct slice *list, char separator, bool *more)
{
	const char *end = list->n > 0 ? memchr(list->p, separator, list->n) : NULL;
	struct slice item = { list->p, end ? (size_t)(end - list->p) : list->n };

	list->p += item.n + (end != NULL);
	list->n -= item.n + (end != NULL);
	*more = end != NULL;
	return item;
}

/* The bit of the name, which is added if it is new; 0 when there is no room. */
static uint64_t name_bit(struct policy *p, struct slice name)
{
	for (unsigned int i = 0; i < p->n_names; i++)
		if (slice_is(name, p->names[i]))
			return 1ull << i;
	if (p->n_names == POLICY_NAMES_MAX)
		return 0;
	memcpy(p->names[p->n_names], name.p, name.n);
	return 1ull << p->n_names++;
}

const char *policy_parse_names(const struct policy_word *w, struct slice value, struct draft *d)
{
	struct slice rest = value;
	struct policy *p = d->names;
	bool more = true;

	while (more) {
		struct slice name = next_item(&rest, '|', &more);
		uint64_t bit;

		if (name.n == 0)
			return "empty name in the list";
		if (name.n >= POLICY_NAME_MAX)
			return "name too long";
		bit = name_bit(p, name);
		if (!bit)
			return "too many different names in keyrings= and label=";
		d->rule.names |= bit;
	}
	if (p->n_lists + value.n + 1 > POLICY_LISTS_MAX)
		return "too much text in keyrings= and label=";
	d->rule.names_text = p->n_lists;
	memcpy(p->lists + p->n_lists, value.p, value.n);
	p->n_lists += (unsigned int)value.n + 1;
	d->rule.conds |= w->conds;
	return NULL;
}

/* Both words set the same condition: the func tells which one it was. */
void policy_print_names(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	if (w == &policy_words[d->rule.func == IMAD_KEY_CHECK ? WORD_KEYRINGS : WORD_LABEL])
		buf_addf(out, "%s=%s ", w->name, d->policy->lists + d->rule.names_text);
}

static unsigned int label_kind(const struct policy_word *w)
{
	return (unsigned int)(w - &policy_words[WORD_OBJ_USER]);
}

const char *policy_parse_label(const struct policy_word *w, struct slice value, struct draft *d)
{
	struct policy *p = d->names;
	unsigned int i = 0;

	if (value.n >= POLICY_LABEL_MAX)
		return "label too long";
	while (i < p->n_labels && !(p->labels[i].kind == label_kind(w) && slice_is(value, p->labels[i].value)))
		i++;
	if (i == POLICY_LABELS_MAX)
		return "too many different labels";
	if (i == p->n_labels) {
		p->labels[i].kind = (uint8_t)label_kind(w);
		memcpy(p->labels[i].value, value.p, value.n);
		p->n_labels++;
	}
	d->rule.labels |= 1u << i;
	d->rule.conds |= w->conds;
	return NULL;
}

void policy_print_label(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	const struct policy *p = d->policy;

	for (unsigned int i = 0; i < p->n_labels; i++)
		if ((d->rule.labels & 1u << i) && p->labels[i].kind == label_kind(w))
			buf_addf(out, "%s=%s ", w->name, p->labels[i].value);
}

const char *policy_parse_algos(const struct policy_word *w, struct slice value, struct draft *d)
{
	bool more = true;

	(void)w;
	while (more) {
		struct slice name = next_item(&value, ',', &more);
		const struct algo *a = algo_by_name(name.p, name.n);

		if (!a)
			return "unknown hash algorithm";
		if (!a->openssl)
			return "hash algorithm is not available";
		d->rule.algos |= 1u << a->id;
	}
	return NULL;
}

void policy_print_algos(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	const char *before = "";

	if (!d->rule.algos)
		return;
	buf_addf(out, "%s=", w->name);
	for (unsigned int i = 0; i < ALGO_COUNT; i++) {
		if (!(d->rule.algos & 1u << i))
			continue;
		buf_addf(out, "%s%s", before, algo_by_id(i)->name);
		before = ",";
	}
	buf_add_str(out, " ");
}
