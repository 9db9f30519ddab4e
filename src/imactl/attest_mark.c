/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far the last attestation of this list got, so that the next one need not replay it from the front: only for speed. Where
 * its values do not lead to the quote, the whole list is replayed, and the verifier believes none of it anyway.
 */
#include <inttypes.h>
#include <string.h>

#include "attest.h"
#include "trimmed.h"

#define NAME	  "attested"
#define HEAD	  "imad-attested 1"
#define WORTH_IT  1024 /* records that a replay would spare */

static bool take_value(struct mark *m, unsigned int pcr, const char *bank, const char *hex)
{
	const struct algo *algo = algo_by_name(bank, strlen(bank));
	struct pcr_value *v = m->n_pcrs ? &m->pcrs[m->n_pcrs - 1] : NULL;
	struct digest *d;

	if (!algo || strlen(hex) != 2u * algo->size)
		return false;
	if (!v || v->pcr != pcr) {
		if (m->n_pcrs == EVIDENCE_PCRS_MAX)
			return false;
		v = &m->pcrs[m->n_pcrs++];
		*v = (struct pcr_value){ .pcr = pcr };
	}
	if (v->n == PCR_BANKS_MAX)
		return false;
	d = &v->bank[v->n++];
	*d = (struct digest){ .algo = algo->id, .size = algo->size };
	return hex_decode(hex, 2 * d->size, d->bytes, d->size) == 0;
}

static bool read_mark(FILE *f, struct mark *m)
{
	char bank[16], hex[2 * DIGEST_MAX + 1];
	unsigned int pcr;
	int n;

	if (fscanf(f, HEAD " boot_id %36s first %" SCNu64 " records %" SCNu64 " bytes %" SCNu64, m->boot_id, &m->first, &m->records,
		   &m->bytes) != 4)
		return false;
	_Static_assert(DIGEST_MAX == 64 && EVIDENCE_BOOT_ID == 36, "widths of the formats");
	while ((n = fscanf(f, " pcr %u %15s %128s", &pcr, bank, hex)) == 3)
		if (!take_value(m, pcr, bank, hex))
			return false;
	return n == EOF;
}

bool mark_load(const char *rundir, struct mark *ret)
{
	cleanup_free char *path = join_path(rundir, NAME);
	cleanup(file_closep) FILE *f = path ? fopen(path, "re") : NULL;

	*ret = (struct mark){ .records = 0 };
	return f && read_mark(f, ret);
}

void mark_apply(const struct mark *m, const char *list, struct mapped *ret)
{
	char boot_id[CHECKPOINT_BOOT_ID + 1];

	list_boot_id(list, boot_id);
	if (*boot_id && !strcmp(boot_id, m->boot_id) && m->first == ret->before.records && m->records > m->first && m->bytes <= ret->n)
		ret->mark = m;
}

static void put_mark(const struct mark *m, struct buf *out)
{
	buf_addf(out, HEAD "\nboot_id %s\nfirst %" PRIu64 "\nrecords %" PRIu64 "\nbytes %" PRIu64 "\n", m->boot_id, m->first, m->records,
		 m->bytes);
	for (unsigned int i = 0; i < m->n_pcrs; i++) {
		for (unsigned int k = 0; k < m->pcrs[i].n; k++) {
			const struct digest *d = &m->pcrs[i].bank[k];

			buf_addf(out, "pcr %u %s ", m->pcrs[i].pcr, algo_by_id(d->algo)->name);
			buf_add_hex(out, d->bytes, d->size);
			buf_add_u8(out, '\n');
		}
	}
}

void mark_save(const char *rundir, const char *list, const struct mapped *at, const struct evidence *e, size_t bytes)
{
	cleanup_free char *path = join_path(rundir, NAME);
	cleanup(buf_done) struct buf text = { 0 };
	struct mark m = { .first = at->before.records, .records = e->quoted, .bytes = bytes, .n_pcrs = e->n_pcrs };
	char boot_id[CHECKPOINT_BOOT_ID + 1];

	if (e->quoted < (at->mark ? at->mark->records : at->before.records) + WORTH_IT)
		return;
	list_boot_id(list, boot_id);
	if (!*boot_id || strlen(boot_id) > EVIDENCE_BOOT_ID)
		return;
	memcpy(m.boot_id, boot_id, strlen(boot_id) + 1);
	memcpy(m.pcrs, e->pcrs, sizeof(m.pcrs));
	put_mark(&m, &text);
	if (path && buf_error(&text) == 0)
		(void)write_whole(path, text.data, text.len, 0600); /* or the next one takes longer */
}
