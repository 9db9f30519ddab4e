/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots: the distinct records that the measure rules of a policy ask for. The options of
 * all rules that match a use count together, so what a measure rule asks for may depend
 * on rules that it shares uses with: each such combination is a slot of its own.
 */
#include <string.h>

#include "policy_words.h"

static bool same_slot(const struct policy_slot *a, const struct policy_slot *b)
{
	return a->pcr == b->pcr && a->variant == b->variant &&
	       (a->template == b->template || (a->template && b->template && !strcmp(a->template, b->template)));
}

int policy_find_slot(struct policy *p, const struct policy_slot *wanted)
{
	for (unsigned int i = 0; i < p->n_slots; i++)
		if (same_slot(&p->slots[i], wanted))
			return (int)i;
	if (p->n_slots == IMAD_SLOTS_MAX)
		return -E2BIG;
	p->slots[p->n_slots] = *wanted;
	return (int)p->n_slots++;
}

/* The funcs that rules with this option share with others. */
static uint32_t funcs_with(const struct policy *p, uint32_t opt)
{
	uint32_t funcs = 0;

	for (unsigned int i = 0; i < p->n_rules; i++)
		if (p->rules[i].opts & opt)
			funcs |= policy_rule_funcs(&p->rules[i]);
	return funcs;
}

static int add_variants(struct policy *p, struct imad_rule *r, unsigned int possible)
{
	struct policy_slot slot = p->slots[__builtin_ctz(r->slot_bit)];
	uint32_t variants = 0;

	for (unsigned int v = 0; v < IMAD_VARIANTS; v++) {
		int n;

		slot.variant = v & possible;
		n = policy_find_slot(p, &slot);
		if (n < 0)
			return n;
		variants |= (uint32_t)n << 8 * v;
	}
	r->variants = variants;
	return 0;
}

int policy_add_variants(struct policy *p, const struct policy_env *env)
{
	uint32_t verity = funcs_with(p, IMAD_OPT_VERITY), modsig = funcs_with(p, IMAD_OPT_MODSIG);
	int r = 0;

	for (unsigned int i = 0; i < p->n_rules && r == 0; i++) {
		struct imad_rule *rule = &p->rules[i];
		uint32_t funcs = policy_rule_funcs(rule);
		unsigned int possible = funcs & verity ? IMAD_VARIANT_VERITY : IMAD_VARIANT_PLAIN;

		if (!rule->slot_bit)
			continue;
		if ((funcs & modsig) && env->has_modsig &&
		    env->has_modsig(env->arg, p->slots[__builtin_ctz(rule->slot_bit)].template))
			possible |= IMAD_VARIANT_MODSIG;
		r = add_variants(p, rule, possible);
	}
	return r;
}
