/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcr.c: extend, the padded form of a bank that a kernel could not hash for, boot_aggregate. */
#include <imad/digest.h>
#include <imad/pcr.h>

#include "golden.h"

static const char *const lists[] = { "kernel-6.1/ima-ng", "kernel-6.1/ima-ng-sha1", "kernel-6.1/ima-sig",
				     "kernel-6.1/ima-legacy-sha1" };

/* PCR 10 after all records of @name, each extended in the form asked for. */
static void replay(const char *name, const struct algo *algo, bool padded, struct digest *value)
{
	cleanup_buf struct buf list = { 0 };
	struct pcr_value v;

	golden_read(&list, "%s.bin", name);
	assert_ok(pcr_init(&v, 10, &algo, 1));
	for (size_t at = 0; at < list.len;) {
		struct list_record r;
		struct digest d;
		const char *why;
		ssize_t n = list_parse(list.data + at, list.len - at, &r, &why);

		assert_true(n > 0);
		assert_ok(pcr_record_digest(&r, algo, padded, &d));
		assert_ok(pcr_extend(&v.bank[0], &d));
		at += (size_t)n;
	}
	*value = v.bank[0];
}

static void replays_to_the_tpm(void **state)
{
	static const struct {
		unsigned int algo;
		bool padded;
	} banks[] = {
		{ ALGO_SHA1, false }, { ALGO_SHA1, true }, { ALGO_SHA256, false }, { ALGO_SHA384, true }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(banks); k++) {
			const struct algo *algo = algo_by_id(banks[k].algo);
			struct digest value, wanted;

			golden_pcr(lists[i], algo, 10, &wanted);
			replay(lists[i], algo, banks[k].padded, &value);
			assert_int_equal(value.size, algo->size);
			assert_memory_equal(value.bytes, wanted.bytes, algo->size);
		}
	}
}

/* The other form of the same banks gives another value: the test above can tell them apart. */
static void forms_differ(void **state)
{
	struct digest value, wanted;

	(void)state;
	golden_pcr(lists[0], algo_by_id(ALGO_SHA384), 10, &wanted);
	replay(lists[0], algo_by_id(ALGO_SHA384), false, &value);
	assert_memory_not_equal(value.bytes, wanted.bytes, 48);
	golden_pcr(lists[0], algo_by_id(ALGO_SHA256), 10, &wanted);
	replay(lists[0], algo_by_id(ALGO_SHA256), true, &value);
	assert_memory_not_equal(value.bytes, wanted.bytes, 32);
}

static void padded_digest(void **state)
{
	struct list_record r = { .template = template_find("ima-ng", 6),
				 .data = (const uint8_t *)"abc",
				 .data_len = 3 };
	struct digest d;

	(void)state;
	assert_ok(pcr_record_digest(&r, algo_by_id(ALGO_SHA256), true, &d));
	assert_int_equal(d.algo, ALGO_SHA256);
	assert_int_equal(d.size, 32);
	assert_digest(&d, "a9993e364706816aba3e25717850c26c9cd0d89d000000000000000000000000");
	assert_ok(pcr_record_digest(&r, algo_by_id(ALGO_SHA256), false, &d));
	assert_digest(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* a bank that nobody here can hash for still has a padded form */
	assert_ok(pcr_record_digest(&r, algo_by_name("tgr192", 6), true, &d));
	assert_digest(&d, "a9993e364706816aba3e25717850c26c9cd0d89d00000000");
	r.violation = true;
	assert_ok(pcr_record_digest(&r, algo_by_name("tgr192", 6), true, &d));
	assert_digest(&d, "ffffffffffffffffffffffffffffffffffffffffffffffff");
}

static void boot_aggregates(void **state)
{
	static const struct {
		const char *list;
		unsigned int bank;
	} boots[] = {
		{ "kernel-6.1/ima-ng", ALGO_SHA256 },		{ "kernel-6.1/ima-sig", ALGO_SHA256 },
		{ "kernel-6.1/appraise-ima-sig", ALGO_SHA256 }, { "kernel-6.1/ima-ng-sha1", ALGO_SHA1 },
		{ "kernel-6.1/ima-legacy-sha1", ALGO_SHA1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		cleanup_buf struct buf list = { 0 };
		struct digest values[10], aggregate;
		struct template_fields f;
		struct list_record r;
		const char *why;

		golden_read(&list, "%s.bin", boots[i].list);
		assert_true(list_parse(list.data, list.len, &r, &why) > 0);
		assert_ok(template_decode(r.template, r.data, r.data_len, &f));
		assert_memory_equal(f.name, "boot_aggregate", f.name_len);
		for (unsigned int pcr = 0; pcr < 10; pcr++)
			golden_pcr(boots[i].list, algo_by_id(boots[i].bank), pcr, &values[pcr]);
		assert_ok(pcr_boot_aggregate(algo_by_id(boots[i].bank), values, &aggregate));
		assert_int_equal(aggregate.algo, f.digest.algo);
		assert_memory_equal(aggregate.bytes, f.digest.bytes, f.digest.size);
	}
}

/* sha1 leaves out PCR 8 and 9, every other bank does not. */
static void boot_aggregate_range(void **state)
{
	static const unsigned int banks[] = { ALGO_SHA1, ALGO_SHA256, ALGO_SHA384, ALGO_SHA512 };
	struct digest values[10], before, after;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
		const struct algo *algo = algo_by_id(banks[i]);

		for (unsigned int pcr = 0; pcr < 10; pcr++)
			values[pcr] = (struct digest){ .algo = algo->id, .size = algo->size };
		assert_ok(pcr_boot_aggregate(algo, values, &before));
		values[9].bytes[algo->size - 1] = 1;
		assert_ok(pcr_boot_aggregate(algo, values, &after));
		assert_int_equal(!memcmp(before.bytes, after.bytes, algo->size), algo->id == ALGO_SHA1);
		values[7].size--;
		assert_int_equal(pcr_boot_aggregate(algo, values, &after), -EINVAL);
	}
}

static void refuses(void **state)
{
	const struct algo *banks[PCR_BANKS_MAX + 1] = { 0 };
	struct digest value = { ALGO_SHA256, 32, "value" }, d = { ALGO_SHA1, 20, "digest" };
	struct pcr_value v = { .pcr = 99 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(banks); i++)
		banks[i] = algo_by_id(ALGO_SHA1);
	assert_int_equal(pcr_init(&v, 10, banks, PCR_BANKS_MAX + 1), -EINVAL);
	assert_int_equal(v.pcr, 99);
	assert_ok(pcr_init(&v, 10, banks, PCR_BANKS_MAX));
	assert_int_equal(v.n, PCR_BANKS_MAX);

	assert_int_equal(pcr_extend(&value, &d), -EINVAL); /* of another bank */
	d.algo = ALGO_SHA256;
	assert_int_equal(pcr_extend(&value, &d), -EINVAL); /* and too short */
	assert_string_equal((char *)value.bytes, "value");
	value.algo = d.algo = 200;
	d.size = 32;
	assert_int_equal(pcr_extend(&value, &d), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_to_the_tpm),	cmocka_unit_test(forms_differ),
		cmocka_unit_test(padded_digest),	cmocka_unit_test(boot_aggregates),
		cmocka_unit_test(boot_aggregate_range), cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
