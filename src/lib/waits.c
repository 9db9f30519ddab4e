// SPDX-License-Identifier: GPL-2.0-or-later
#include <imad/util.h>
#include <imad/waits.h>

/* Bucket 4 * octave + quarter ends before (5 + quarter) << octave, in units of 256 ns; the first one begins at 0. */
#define UNIT_SHIFT (WAITS_SHIFT - 2)

static unsigned int bucket_of(uint64_t ns)
{
	uint64_t units = ns >> UNIT_SHIFT;
	unsigned int octave;

	if (units < 4)
		return 0;
	octave = 61 - __builtin_clzll(units);
	return MIN(4 * octave + (unsigned int)((units >> octave) & 3), WAITS_BUCKETS - 1u);
}

static uint64_t end_of(unsigned int bucket)
{
	return (uint64_t)(5 + bucket % 4) << (bucket / 4 + UNIT_SHIFT);
}

void waits_add(struct waits *w, uint64_t ns)
{
	w->n++;
	w->buckets[bucket_of(ns)]++;
	w->longest_ns = MAX(w->longest_ns, ns);
}

uint64_t waits_within(const struct waits *w, unsigned int permille)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i + 1 < WAITS_BUCKETS; i++) {
		seen += w->buckets[i];
		if (seen && seen * 1000 >= w->n * permille)
			return MIN(end_of(i), w->longest_ns);
	}
	return w->longest_ns;
}
