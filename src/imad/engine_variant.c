// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Slots whose records are not of the content's digest alone: by the fs-verity digest in
 * its place, or with the signature that is appended to the file.
 */
#include <stdlib.h>

#include "engine_job.h"

static uint32_t slots_with(const struct engine *e, uint32_t slots, unsigned int variant)
{
	uint32_t with = 0;

	for (uint32_t left = slots & IMAD_SLOTS_MEASURE; left; left &= left - 1)
		if (e->slots[__builtin_ctz(left)].variant & variant)
			with |= left & -left;
	return with;
}

bool engine_is_plain(const struct engine *e, uint32_t slots)
{
	return !slots_with(e, slots, IMAD_VARIANT_VERITY | IMAD_VARIANT_MODSIG);
}

static bool audits_verity(const struct job *j)
{
	return (j->slots & IMAD_SLOT_AUDIT) && (j->audits_verity || (j->gen.flags & IMAD_GEN_VERITY));
}

unsigned int engine_needs(const struct job *j)
{
	uint32_t verity = slots_with(j->engine, j->slots, IMAD_VARIANT_VERITY);
	uint32_t plain = j->slots & (IMAD_SLOTS_MEASURE | IMAD_SLOT_AUDIT) & ~verity;
	unsigned int needs = j->slots & IMAD_SLOT_APPRAISE ? ENGINE_LABEL : 0;

	if (verity || audits_verity(j))
		needs |= ENGINE_VERITY;
	if (slots_with(j->engine, j->slots, IMAD_VARIANT_MODSIG))
		needs |= ENGINE_MODSIG;
	if (j->engine->want_meta && (verity || plain))
		needs |= ENGINE_META;
	if (j->engine->want_sha1 && (verity || plain)) /* of the content, whatever stands for it elsewhere */
		needs |= ENGINE_DIGEST | ENGINE_SHA1;
	if (plain & ~(audits_verity(j) ? IMAD_SLOT_AUDIT : 0))
		needs |= ENGINE_DIGEST;
	return needs;
}

void engine_forget_variants(struct job *j)
{
	j->unmet = 0;
	j->content.verity.size = 0;
	j->content.digest_modsig.size = 0;
	free(j->content.modsig);
	j->content.modsig = NULL;
	j->content.modsig_len = 0;
	template_meta_done(&j->content.meta);
	j->content.has_meta = false;
}

void engine_take_unmet(struct job *j)
{
	struct engine *e = j->engine;

	if (j->content.verity.size)
		return;
	j->unmet = slots_with(e, j->slots, IMAD_VARIANT_VERITY) | (audits_verity(j) ? IMAD_SLOT_AUDIT : 0);
	/* What is appraised is told of where it is judged. */
	if (j->unmet && !(j->slots & IMAD_SLOT_APPRAISE))
		e->ops.no_verity(e->ops.arg, j->content.name, j->dev, j->ino, j->is_use ? j->use.pid : j->gen.tgid,
				 j->is_use ? j->use.uid : j->gen.uid);
	j->slots &= ~j->unmet;
}

void engine_fill_variant(const struct job *j, unsigned int slot, struct measurement *m)
{
	unsigned int variant = j->engine->slots[slot].variant;

	if (variant & IMAD_VARIANT_VERITY) {
		m->digest = j->content.verity;
		m->verity = true;
	}
	if (variant & IMAD_VARIANT_MODSIG) {
		m->digest_modsig = j->content.digest_modsig;
		m->modsig = j->content.modsig;
		m->modsig_len = j->content.modsig_len;
	}
}

void engine_audit(const struct job *j)
{
	struct engine_content content = j->content;

	if (audits_verity(j))
		content.digest = content.verity;
	j->engine->ops.audit(j->engine->ops.arg, &content, j->is_use ? j->use.pid : j->gen.tgid,
			     j->is_use ? j->use.uid : j->gen.uid);
}
