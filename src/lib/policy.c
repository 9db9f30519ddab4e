/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a rule table without an event: which hooks, which slots,
 * which filesystems it concerns. Events are matched by match.h.
 */
#include <string.h>

#include <imad/match.h>
#include <imad/policy.h>

#include "policy_words.h"

#define FUNC_ALL ((1u << IMAD_FUNC_COUNT) - 1)

/* What a rule without func= never stands for: no hook at all, no file, or not asked for each event. */
#define FUNC_NAMED_ONLY                                                                        \
	(POLICY_FUNC_BIT(NONE) | POLICY_FUNC_BIT(KEY_CHECK) | POLICY_FUNC_BIT(CRITICAL_DATA) | \
	 POLICY_FUNC_BIT(SETXATTR_CHECK))

#define FUNC_NAME(name) [IMAD_##name] = #name,
static const char *const func_names[] = { IMAD_FUNCS(FUNC_NAME) };

const char *policy_func_name(unsigned int func)
{
	return func < ARRAY_SIZE(func_names) ? func_names[func] : NULL;
}

/* Hooks that have a file to hold. */
#define FUNC_FILES (FUNC_ALL & ~FUNC_NAMED_ONLY & ~POLICY_FUNC_BIT(KEXEC_CMDLINE))

/* ... and whose file runs when they are over. */
#define FUNC_PROGRAMS                                                                                    \
	(POLICY_FUNC_BIT(BPRM_CHECK) | POLICY_FUNC_BIT(CREDS_CHECK) | POLICY_FUNC_BIT(MMAP_CHECK) |      \
	 POLICY_FUNC_BIT(MMAP_CHECK_REQPROT))

/* Classes of actions, numbered. */
enum { CLASS_MEASURE, CLASS_APPRAISE, CLASS_AUDIT, CLASS_HASH, N_CLASSES };

static unsigned int class_of(const struct imad_rule *r)
{
	if (r->action & (IMAD_MEASURE | IMAD_DONT_MEASURE))
		return CLASS_MEASURE;
	if (r->action & (IMAD_APPRAISE | IMAD_DONT_APPRAISE))
		return CLASS_APPRAISE;
	return r->action & (IMAD_AUDIT | IMAD_DONT_AUDIT) ? CLASS_AUDIT : CLASS_HASH;
}

uint32_t policy_rule_funcs(const struct imad_rule *r)
{
	return r->conds & IMAD_COND_FUNC ? 1u << r->func : FUNC_ALL & ~FUNC_NAMED_ONLY;
}

static int slot_pcr(const struct policy *p, unsigned int slot, int pcr)
{
	return p->slots[slot].pcr == POLICY_PCR_DEFAULT ? pcr : p->slots[slot].pcr;
}

void policy_bind_pcr(struct policy *p, int pcr)
{
	for (unsigned int i = 0; i < p->n_rules; i++) {
		struct imad_rule *r = &p->rules[i];

		if (!r->slot_bit)
			continue;
		r->pcr_slots = 0;
		for (unsigned int j = 0; j < p->n_slots; j++)
			if (slot_pcr(p, j, pcr) == slot_pcr(p, (unsigned int)__builtin_ctz(r->slot_bit), pcr))
				r->pcr_slots |= 1u << j;
	}
}

/* Those of the variants that come beside the record of the file as such. */
static uint32_t modsig_slots(const struct policy *p, uint32_t variants)
{
	uint32_t slots = 0;

	for (unsigned int v = 0; v < IMAD_VARIANTS; v++)
		if (p->slots[variants >> 8 * v & 31].variant & IMAD_VARIANT_MODSIG)
			slots |= IMAD_VARIANT_SLOT(variants, v);
	return slots;
}

void policy_summarize(const struct policy *p, struct policy_summary *ret)
{
	struct policy_summary s = { 0 };

	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];

		s.all_slots |= r->slot_bit;
		if (r->slot_bit)
			s.modsig_slots |= modsig_slots(p, r->variants);
		s.conds |= r->conds;
		if (!(r->action & IMAD_ACTION_DO) || r->func == IMAD_SETXATTR_CHECK)
			continue; /* the latter says which labels may be written, and meets no event */
		s.classes |= r->action;
		if (r->action == IMAD_AUDIT)
			s.all_slots |= IMAD_SLOT_AUDIT;
		if (r->action == IMAD_HASH)
			s.all_slots |= IMAD_SLOT_HASH;
		if (r->action == IMAD_APPRAISE) {
			s.all_slots |= IMAD_SLOT_APPRAISE;
			s.appraises_opens |= (policy_rule_funcs(r) & POLICY_FUNC_BIT(FILE_CHECK)) != 0;
			s.appraises_programs |= (policy_rule_funcs(r) & FUNC_PROGRAMS) != 0;
		}
		s.funcs |= policy_rule_funcs(r);
	}
	s.may_match_magic_all = s.funcs != 0 && !(s.conds & IMAD_CONDS_FS);
	*ret = s;
}

bool policy_can_match_fs(const struct policy *p, uint64_t fsmagic, const char *fsname,
			 const uint8_t fsuuid[16])
{
	struct imad_facts f = { .fsmagic = fsmagic };
	uint32_t known = IMAD_COND_FSMAGIC;
	uint32_t closed[N_CLASSES] = { 0 }; /* hooks whose uses here an earlier dont_ rule has all taken */

	if (fsname) {
		known |= IMAD_COND_FSNAME;
		memcpy(f.fsname, fsname, strnlen(fsname, sizeof(f.fsname) - 1));
	}
	if (fsuuid) {
		known |= IMAD_COND_FSUUID;
		memcpy(f.fsuuid, fsuuid, sizeof(f.fsuuid));
	}

	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];

		if (!imad_match_fs(r, r->conds & known, &f))
			continue;
		if ((r->action & IMAD_ACTION_DO) && (policy_rule_funcs(r) & FUNC_FILES & ~closed[class_of(r)]))
			return true;
		if ((r->action & IMAD_ACTION_DONT) && !(r->conds & ~(known | IMAD_COND_FUNC)))
			closed[class_of(r)] |= policy_rule_funcs(r);
	}
	return false;
}
