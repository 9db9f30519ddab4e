// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's ima_check_blacklist(): a denied digest is recorded itself, if its file is measured. */
#include <string.h>

#include <imad/template.h>
#include <imad/util.h>

#include "engine_job.h"

#define RECORD_NAME "blacklisted-hash"
#define TEMPLATE "ima-buf"

unsigned int engine_denied(struct job *j, const struct measurement *base, uint32_t slots, struct measurement *m)
{
	const struct digest *denied = &j->content.denied;
	struct engine_ops *ops = &j->engine->ops;
	struct measurement record = *base;
	struct engine_content of_digest;
	unsigned int n = 0;
	uint32_t pcrs = 0;

	if (ops->collect_data(ops->arg, denied->bytes, denied->size, &of_digest) < 0) {
		engine_count(j->engine, &j->engine->counters.errors);
		return 0;
	}
	record.digest = of_digest.digest;
	record.digest_sha1 = of_digest.digest_sha1;
	record.template = template_find(TEMPLATE, strlen(TEMPLATE));
	record.name = RECORD_NAME;
	record.func = IMAD_NONE;
	record.sig_len = 0;
	record.buf = denied->bytes;
	record.buf_len = denied->size;
	for (uint32_t left = slots & IMAD_SLOTS_MEASURE; left; left &= left - 1) {
		unsigned int slot = (unsigned int)__builtin_ctz(left);

		if (pcrs & 1u << slot) /* that PCR has it already */
			continue;
		pcrs |= j->engine->pcr_slots[slot] | 1u << slot;
		m[n] = record;
		m[n++].pcr = j->engine->slots[slot].pcr;
	}
	return n;
}
