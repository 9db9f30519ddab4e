/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule as text again, in the words and the order in which the kernel reads its policy back. */
#include "policy_words.h"

void policy_print_rule(const struct policy *p, unsigned int i, struct buf *out)
{
	struct draft d = { .rule = p->rules[i], .slot.pcr = POLICY_PCR_DEFAULT, .policy = p };

	if (d.rule.slot_bit)
		d.slot = p->slots[__builtin_ctz(d.rule.slot_bit)];
	for (const struct policy_action *a = policy_actions; a->name; a++)
		if (a->bit == d.rule.action)
			buf_addf(out, "%s ", a->name);
	for (const struct policy_word *w = policy_words; w < policy_words + WORD_COUNT; w++)
		if (w->print && (w->conds == 0 || (w->conds & d.rule.conds)))
			w->print(w, &d, out);
	buf_add_str(out, "\n");
}
