// SPDX-License-Identifier: GPL-2.0-or-later
/* What may be gone on with, and what not. */
#include <string.h>

#include <imad/stamp.h>

#include "test.h"

static struct imad_stamp stamp_of(uint64_t object, uint64_t settings, const struct policy_slot *slots, unsigned int n)
{
	static struct policy p;
	struct imad_stamp s;

	memset(&p, 0, sizeof(p));
	memcpy(p.slots, slots, n * sizeof(*slots));
	p.n_slots = n;
	stamp_make(object, settings, &p, &s);
	return s;
}

static const struct policy_slot slots[] = { { -1, NULL, 0 }, { 11, NULL, 0 }, { 11, "ima-sig", 1 } };

static void same_fits(void **state)
{
	struct imad_stamp a = stamp_of(1, 2, slots, 3), b = stamp_of(1, 2, slots, 3);

	(void)state;
	assert_null(stamp_misfit(&a, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.n_slots, 3);
	assert_int_equal(a.slots[1].pcr, 11);
	assert_string_equal(a.slots[2].template, "ima-sig");
}

static void build_and_settings(void **state)
{
	struct imad_stamp a = stamp_of(1, 2, slots, 3), other = stamp_of(3, 2, slots, 3), set = stamp_of(1, 3, slots, 3);

	(void)state;
	assert_string_equal(stamp_misfit(&a, &other), "another build made it");
	assert_string_equal(stamp_misfit(&a, &set), "PCR, hash, template, list or keys were other ones");
}

/* What one side lacks is added; what has another meaning is not the same slot. */
static void slots_in_order(void **state)
{
	static const struct policy_slot turned[] = { { 11, NULL, 0 }, { -1, NULL, 0 } };
	static const struct policy_slot other[] = { { -1, "ima-sig", 0 } }, variant[] = { { -1, NULL, 1 } };
	struct imad_stamp all = stamp_of(1, 2, slots, 3), few = stamp_of(1, 2, slots, 1), none = stamp_of(1, 2, slots, 0);
	struct imad_stamp wrong = stamp_of(1, 2, turned, 2), name = stamp_of(1, 2, other, 1);
	struct imad_stamp verity = stamp_of(1, 2, variant, 1);

	(void)state;
	assert_null(stamp_misfit(&all, &few));
	assert_null(stamp_misfit(&few, &all));
	assert_null(stamp_misfit(&none, &all));
	assert_non_null(stamp_misfit(&all, &wrong));
	assert_non_null(stamp_misfit(&wrong, &few));
	assert_non_null(stamp_misfit(&all, &name));
	assert_non_null(stamp_misfit(&all, &verity));
}

/* Whatever stands in a pinned map. */
static void nonsense(void **state)
{
	struct imad_stamp a = stamp_of(1, 2, slots, 3), b = a;

	(void)state;
	b.n_slots = IMAD_SLOTS_MAX + 1;
	assert_non_null(stamp_misfit(&a, &b));
	b.n_slots = ~0u;
	assert_non_null(stamp_misfit(&a, &b));
}

static void names_too_long(void **state)
{
	char one[200], two[200];
	struct policy_slot long1[] = { { 10, one, 0 } }, long2[] = { { 10, two, 0 } };
	struct imad_stamp a, b;

	(void)state;
	memset(one, 'a', sizeof(one));
	memset(two, 'a', sizeof(two));
	two[198] = 'b';
	one[199] = two[199] = '\0';
	a = stamp_of(1, 2, long1, 1);
	b = stamp_of(1, 2, long2, 1);
	assert_int_equal(strlen(a.slots[0].template), sizeof(a.slots[0].template) - 1);
	assert_non_null(stamp_misfit(&a, &b));
	b = stamp_of(1, 2, long1, 1);
	assert_null(stamp_misfit(&a, &b));
}

/* Known answers: draft-eastlake-fnv, 64 bits, FNV-1a. */
static void hash(void **state)
{
	uint64_t h = STAMP_HASH_INIT, g = STAMP_HASH_INIT;

	(void)state;
	stamp_hash(&h, "a", 1);
	assert_true(h == 0xaf63dc4c8601ec8cull);
	h = STAMP_HASH_INIT;
	stamp_hash(&h, "foobar", 6);
	assert_true(h == 0x85944171f73967e8ull);
	h = STAMP_HASH_INIT;
	stamp_hash_text(&h, "ab");
	stamp_hash_text(&h, "c");
	stamp_hash_text(&g, "a");
	stamp_hash_text(&g, "bc");
	assert_true(h != g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_fits), cmocka_unit_test(build_and_settings), cmocka_unit_test(slots_in_order),
		cmocka_unit_test(nonsense), cmocka_unit_test(names_too_long), cmocka_unit_test(hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
