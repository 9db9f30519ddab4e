// SPDX-License-Identifier: GPL-2.0-or-later
/* Equal or not: there is no order among builds. */
#include <string.h>

#include <imad/stamp.h>
#include <imad/util.h>

void stamp_hash(uint64_t *h, const void *p, size_t n)
{
	for (const uint8_t *b = p; n; n--, b++)
		*h = (*h ^ *b) * 0x100000001b3ull;
}

void stamp_hash_text(uint64_t *h, const char *text)
{
	stamp_hash(h, text, strlen(text) + 1);
}

void stamp_make(uint64_t object, uint64_t settings, const struct policy *p, struct imad_stamp *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < p->n_slots; i++) {
		const char *name = p->slots[i].template ? p->slots[i].template : "";

		ret->slots[i].pcr = p->slots[i].pcr;
		ret->slots[i].variant = p->slots[i].variant;
		memcpy(ret->slots[i].template, name, MIN(strlen(name), sizeof(ret->slots[i].template) - 1));
		if (strlen(name) >= sizeof(ret->slots[i].template))
			stamp_hash_text(&settings, name);
	}
	ret->object = object;
	ret->settings = settings;
	ret->n_slots = p->n_slots;
}

const char *stamp_misfit(const struct imad_stamp *ours, const struct imad_stamp *found)
{
	if (found->object != ours->object)
		return "another build made it";
	if (found->settings != ours->settings)
		return "PCR, hash, template, list or keys were other ones";
	if (found->n_slots > IMAD_SLOTS_MAX ||
	    memcmp(found->slots, ours->slots, MIN(ours->n_slots, found->n_slots) * sizeof(found->slots[0])))
		return "the policy names PCRs and templates in another order";
	return NULL;
}
