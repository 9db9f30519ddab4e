/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The set of what is in the list: open addressing over 4-byte numbers of entries,
 * entries packed in chunks that never move. At sha256 that is 33 bytes and 5 to 11
 * of table a record, whatever the length of the list.
 */
#include <string.h>

#include <imad/util.h>

#include "sequencer_priv.h"

#define DEDUP_CHUNK 1024u      /* entries */
#define DEDUP_FIRST 4096u      /* slots of the first table; a power of two */
#define DEDUP_LIMIT (1u << 31) /* slots */

struct dedup {
	size_t entry; /* bytes: PCR, digest */
	uint64_t factor;
	uint32_t n, n_slots;
	unsigned int shift; /* 64 - log2(n_slots) */
	uint32_t *slots;    /* number of the entry + 1; 0: free */
	uint8_t **chunks;
	uint32_t n_chunks, cap_chunks;
};

static uint8_t *entry_at(const struct dedup *d, uint32_t i)
{
	return d->chunks[i / DEDUP_CHUNK] + i % DEDUP_CHUNK * d->entry;
}

/*
 * Multiply-shift with a secret odd factor: a universal hash, so that digests made
 * to collide here cannot be found without knowing the factor.
 */
static uint32_t slot_of(const struct dedup *d, unsigned int pcr, const uint8_t *digest)
{
	uint64_t head;

	memcpy(&head, digest, sizeof(head));
	return (uint32_t)(((head + pcr) * d->factor) >> d->shift);
}

int dedup_new(size_t digest_size, uint64_t seed, struct dedup **ret)
{
	struct dedup *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->entry = 1 + digest_size;
	d->factor = seed | 1;
	*ret = d;
	return 0;
}

void dedup_free(struct dedup *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; i < d->n_chunks; i++)
		free(d->chunks[i]);
	free(d->chunks);
	free(d->slots);
	free(d);
}

bool dedup_has(const struct dedup *d, unsigned int pcr, const uint8_t *digest)
{
	uint32_t at;

	if (!d->n)
		return false;
	for (at = slot_of(d, pcr, digest); d->slots[at]; at = (at + 1) & (d->n_slots - 1)) {
		const uint8_t *e = entry_at(d, d->slots[at] - 1);

		if (e[0] == pcr && !memcmp(e + 1, digest, d->entry - 1))
			return true;
	}
	return false;
}

static void slot_set(struct dedup *d, uint32_t i)
{
	const uint8_t *e = entry_at(d, i);
	uint32_t at = slot_of(d, e[0], e + 1);

	while (d->slots[at])
		at = (at + 1) & (d->n_slots - 1);
	d->slots[at] = i + 1;
}

static int grow_slots(struct dedup *d)
{
	uint32_t n = d->n_slots ? 2 * d->n_slots : DEDUP_FIRST;
	uint32_t *slots = n <= DEDUP_LIMIT ? calloc(n, sizeof(*slots)) : NULL;

	if (!slots)
		return -ENOMEM;
	free(d->slots);
	d->slots = slots;
	d->n_slots = n;
	d->shift = 64 - (unsigned int)__builtin_ctz(n);
	for (uint32_t i = 0; i < d->n; i++)
		slot_set(d, i);
	return 0;
}

static int grow_chunks(struct dedup *d)
{
	if (d->n_chunks == d->cap_chunks) {
		uint32_t cap = d->cap_chunks ? 2 * d->cap_chunks : 64;
		uint8_t **chunks = realloc(d->chunks, cap * sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		d->chunks = chunks;
		d->cap_chunks = cap;
	}
	d->chunks[d->n_chunks] = malloc(DEDUP_CHUNK * d->entry);
	if (!d->chunks[d->n_chunks])
		return -ENOMEM;
	d->n_chunks++;
	return 0;
}

int dedup_reserve(struct dedup *d)
{
	int r = 0;

	if (d->n + 1 > d->n_slots / 4 * 3)
		r = grow_slots(d);
	if (!r && d->n == d->n_chunks * DEDUP_CHUNK)
		r = grow_chunks(d);
	return r;
}

void dedup_add(struct dedup *d, unsigned int pcr, const uint8_t *digest)
{
	uint8_t *e = entry_at(d, d->n);

	e[0] = (uint8_t)pcr;
	memcpy(e + 1, digest, d->entry - 1);
	slot_set(d, d->n++);
}
