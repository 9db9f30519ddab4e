/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay.c: published PCR values, any split of the bytes, prefixes, imported first record, damage. */
#include <imad/digest.h>
#include <imad/replay.h>

#include "golden.h"

/* Feed all of @list in pieces of @step bytes; the last result. */
static int feed(struct replay *rp, const struct buf *list, size_t step)
{
	int r = 0;

	for (size_t at = 0; at < list->len && !r; at += step)
		r = replay_feed(rp, list->data + at, MIN(step, list->len - at));
	return r;
}

/* All of @list toward @wanted. */
static void run(const struct buf *list, const struct pcr_value *wanted, bool imported,
		struct replay_result *ret)
{
	cleanup(replay_freep) struct replay *rp = NULL;

	assert_ok(replay_new(wanted, 1, imported, &rp));
	assert_ok(feed(rp, list, list->len));
	replay_result(rp, ret);
}

static void want(struct pcr_value *v, const char *list, const unsigned int *algos, unsigned int n)
{
	*v = (struct pcr_value){ .pcr = 10, .n = n };
	for (unsigned int i = 0; i < n; i++)
		golden_pcr(list, algo_by_id(algos[i]), 10, &v->bank[i]);
}

static const unsigned int two[] = { ALGO_SHA1, ALGO_SHA256 };

static void assert_all_matched(const struct replay_result *res, uint64_t at)
{
	for (unsigned int i = 0; i < res->n_banks; i++) {
		assert_true(res->banks[i].matched);
		assert_int_equal(res->banks[i].matched_at, at);
		assert_memory_equal(res->banks[i].replayed.bytes, res->banks[i].wanted.bytes,
				    res->banks[i].wanted.size);
	}
}

static void kernel_lists(void **state)
{
	static const struct {
		const char *name;
		unsigned int records;
	} lists[] = { { "kernel-6.1/ima-ng", 56 },
		      { "kernel-6.1/ima-ng-sha1", 56 },
		      { "kernel-6.1/ima-sig", 56 },
		      { "kernel-6.1/ima-legacy-sha1", 56 },
		      { "kernel-6.1/appraise-ima-sig", 34 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		cleanup_buf struct buf list = { 0 };
		struct replay_result res;
		struct pcr_value wanted;

		golden_read(&list, "%s.bin", lists[i].name);
		want(&wanted, lists[i].name, two, 2);
		run(&list, &wanted, false, &res);
		assert_int_equal(res.records, lists[i].records);
		assert_int_equal(res.violations, 2);
		assert_int_equal(res.bad_digest, 0);
		assert_int_equal(res.tail, 0);
		assert_null(res.why);
		assert_int_equal(res.n_banks, 2);
		assert_all_matched(&res, lists[i].records);
	}
}

static void published_values(void **state)
{
	static const unsigned int four[] = { ALGO_SHA1, ALGO_SHA256, ALGO_SHA384, ALGO_SHA512 };
	static const char *const rare[] = {
		"0ff68e1da514770e85581bffe693809776302a63",
		"af02ae09413721fddb71250ae26383de73cc78d5df37fbebadacedeaeacddb18",
	};
	cleanup_buf struct buf list = { 0 }, imatest = { 0 };
	struct pcr_value wanted;
	struct replay_result res;

	(void)state;
	golden_read(&list, "ibmtss/sha1.log");
	want(&wanted, "ibmtss/kat", four, 4);
	run(&list, &wanted, false, &res);
	assert_int_equal(res.records, 362);
	assert_int_equal(res.n_banks, 4);
	assert_all_matched(&res, 362);

	golden_read(&imatest, "ibmtss/imatest.log");
	run(&imatest, &wanted, false, &res);
	assert_int_equal(res.records, 17);
	assert_int_equal(res.violations, 1);
	assert_int_equal(res.bad_digest, 0);
	assert_false(res.banks[0].matched);
	assert_false(res.banks[1].matched);
	assert_digest(&res.banks[0].replayed, rare[0]);
	assert_digest(&res.banks[1].replayed, rare[1]);
}

static void any_split(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 100, 131, 1000, 4095, 4096, 4097, 8191 };
	cleanup_buf struct buf list = { 0 };
	struct pcr_value wanted;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-sig.bin");
	want(&wanted, "kernel-6.1/ima-sig", two, 2);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		cleanup(replay_freep) struct replay *rp = NULL;
		struct replay_result res;

		assert_ok(replay_new(&wanted, 1, false, &rp));
		assert_ok(feed(rp, &list, steps[i]));
		assert_ok(replay_feed(rp, NULL, 0));
		replay_result(rp, &res);
		assert_int_equal(res.records, 56);
		assert_int_equal(res.tail, 0);
		assert_all_matched(&res, 56);
	}
}

/* A record much longer than the steps in which a tail grows, between two others. */
static void long_record(void **state)
{
	const struct algo *sha1 = algo_by_id(ALGO_SHA1);
	cleanup_buf struct buf list = { 0 }, data = { 0 };
	const size_t lengths[] = { 10, 300000, 10 };
	struct pcr_value wanted;

	(void)state;
	assert_ok(pcr_init(&wanted, 10, &sha1, 1));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct list_record r = { .pcr = 10, .template = template_find("ima-buf", 7) };
		struct digest d;

		buf_reset(&data);
		for (size_t k = 0; k < lengths[i]; k++)
			buf_add_u8(&data, (uint8_t)(k + i));
		r.data = data.data;
		r.data_len = data.len;
		assert_ok(list_template_digest(&r, sha1, &d));
		memcpy(r.header_digest, d.bytes, LIST_HEADER_DIGEST);
		assert_ok(list_encode(&r, &list));
		assert_ok(pcr_extend(&wanted.bank[0], &d));
	}
	for (size_t step = 1; step <= list.len; step = step * 5 + 3) {
		cleanup(replay_freep) struct replay *rp = NULL;
		struct replay_result res;

		assert_ok(replay_new(&wanted, 1, false, &rp));
		assert_ok(feed(rp, &list, step));
		replay_result(rp, &res);
		assert_int_equal(res.records, 3);
		assert_int_equal(res.bad_digest, 0);
		assert_all_matched(&res, 3);
	}
}

/* The PCR was read before the list: later records and a cut one do not hurt. */
static void prefix(void **state)
{
	cleanup_buf struct buf list = { 0 }, more = { 0 };
	struct replay_result res;
	struct pcr_value wanted;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-ng.bin");
	golden_read(&more, "kernel-6.1/ima-sig.bin");
	want(&wanted, "kernel-6.1/ima-ng", two, 2);
	buf_add(&list, more.data, more.len - 5);
	run(&list, &wanted, false, &res);
	assert_int_equal(res.records, 56 + 55);
	assert_true(res.tail > 5);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(res.banks[i].matched);
		assert_int_equal(res.banks[i].matched_at, 56);
		assert_memory_not_equal(res.banks[i].replayed.bytes, wanted.bank[i].bytes, 20);
	}
}

/* Nothing extended yet: the empty prefix. Records of another PCR leave the value where it is. */
static void other_pcr(void **state)
{
	const struct algo *banks[] = { algo_by_id(ALGO_SHA1), algo_by_id(ALGO_SHA256) };
	cleanup(replay_freep) struct replay *rp = NULL;
	cleanup_buf struct buf list = { 0 };
	struct pcr_value wanted[2];
	struct replay_result res;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-ng.bin");
	assert_ok(pcr_init(&wanted[0], 11, banks, 2));
	want(&wanted[1], "kernel-6.1/ima-ng", two, 2);
	assert_ok(replay_new(wanted, 2, false, &rp));
	replay_result(rp, &res);
	assert_true(res.banks[0].matched && res.banks[1].matched);
	assert_int_equal(res.banks[0].matched_at, 0);
	assert_false(res.banks[2].matched || res.banks[3].matched);

	assert_ok(feed(rp, &list, list.len));
	replay_result(rp, &res);
	assert_int_equal(res.n_banks, 4);
	assert_int_equal(res.banks[0].pcr, 11);
	assert_int_equal(res.banks[2].pcr, 10);
	assert_all_matched(&res, 56);
}

/* A first record in the padded form, the others in the bank's own: only with @imported does it match. */
static void imported(void **state)
{
	static const unsigned int three[] = { ALGO_SHA1, ALGO_SHA256, ALGO_SHA384 };
	cleanup_buf struct buf list = { 0 };

	(void)state;
	golden_read(&list, "kernel-6.1/ima-sig.bin");
	for (unsigned int padded = 0; padded < 8; padded++) { /* bit per bank */
		struct pcr_value wanted = { .pcr = 10, .n = 3 };
		struct replay_result res;
		size_t n = 0;

		for (unsigned int i = 0; i < 3; i++) {
			const struct algo *algo = algo_by_id(three[i]);

			wanted.bank[i] = (struct digest){ .algo = algo->id, .size = algo->size };
			n = 0;
			for (size_t at = 0; at < list.len; n++) {
				struct list_record r;
				struct digest d;
				const char *why;

				at += (size_t)list_parse(list.data + at, list.len - at, &r, &why);
				assert_ok(pcr_record_digest(&r, algo, !n && padded & 1u << i, &d));
				assert_ok(pcr_extend(&wanted.bank[i], &d));
			}
		}
		run(&list, &wanted, true, &res);
		assert_all_matched(&res, n);
		run(&list, &wanted, false, &res);
		assert_true(res.banks[0].matched); /* sha1: both forms are one */
		assert_int_equal(res.banks[1].matched, !(padded & 2));
		assert_int_equal(res.banks[2].matched, !(padded & 4));
	}
}

static void bad_digests(void **state)
{
	cleanup_buf struct buf list = { 0 };
	struct replay_result res;
	struct pcr_value wanted;
	size_t at = 0;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-ng.bin");
	want(&wanted, "kernel-6.1/ima-ng", two, 2);
	for (unsigned int i = 0; at < list.len; i++) {
		struct list_record r;
		const char *why;
		ssize_t n = list_parse(list.data + at, list.len - at, &r, &why);

		assert_true(n > 0);
		if (i == 7 || i == 9)
			list.data[at + (size_t)n - 3] ^= 1; /* the name */
		at += (size_t)n;
	}
	run(&list, &wanted, false, &res);
	assert_int_equal(res.records, 56);
	assert_int_equal(res.bad_digest, 2);
	assert_int_equal(res.first_bad_digest, 7);
	assert_false(res.banks[0].matched || res.banks[1].matched);
}

static void malformed(void **state)
{
	cleanup(replay_freep) struct replay *rp = NULL;
	cleanup_buf struct buf list = { 0 };
	struct replay_result res;
	struct pcr_value wanted;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-ng.bin");
	want(&wanted, "kernel-6.1/ima-ng", two, 2);
	buf_add_str(&list, "10 a329efb5fd1b48ab308ec90d5f7c74eb0d2e76a8 ima-ng");
	assert_ok(replay_new(&wanted, 1, false, &rp));
	assert_int_equal(feed(rp, &list, 100), -EBADMSG);
	replay_result(rp, &res);
	assert_int_equal(res.records, 56);
	assert_string_equal(res.why, "PCR index out of range");
	assert_all_matched(&res, 56);
	assert_int_equal(replay_feed(rp, list.data, list.len), -EBADMSG); /* final */
	replay_result(rp, &res);
	assert_int_equal(res.records, 56);
}

static void refuses(void **state)
{
	struct pcr_value wanted[5] = { 0 };
	struct replay *rp = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		wanted[i] = (struct pcr_value){ .pcr = (unsigned int)i, .n = PCR_BANKS_MAX };
		for (size_t k = 0; k < PCR_BANKS_MAX; k++)
			wanted[i].bank[k] = (struct digest){ .algo = ALGO_SHA256, .size = 32 };
	}
	assert_int_equal(replay_new(wanted, 5, false, &rp), -EINVAL);
	wanted[0].bank[0].size = 20;
	assert_int_equal(replay_new(wanted, 1, false, &rp), -EINVAL);
	wanted[0].bank[0] = (struct digest){ .algo = 16, .size = 24 }; /* tgr192 */
	assert_int_equal(replay_new(wanted, 1, false, &rp), -EOPNOTSUPP);
	wanted[0].n = PCR_BANKS_MAX + 1;
	assert_int_equal(replay_new(wanted, 1, false, &rp), -EINVAL);
	assert_null(rp);
	assert_ok(replay_new(wanted + 1, 4, false, &rp));
	replay_free(rp);
	replay_free(NULL);
}

/* Cut anywhere at a record, the second part leads on from where the first one ended. */
static void resumed(void **state)
{
	cleanup_buf struct buf list = { 0 };
	struct pcr_value wanted, middle;
	size_t at = 0;

	(void)state;
	golden_read(&list, "kernel-6.1/ima-sig.bin");
	want(&wanted, "kernel-6.1/ima-sig", two, 2);
	for (uint64_t n = 0; at < list.len; n++) {
		cleanup(replay_freep) struct replay *first = NULL, *second = NULL;
		struct replay_result r;
		struct list_record record;
		const char *why;

		assert_ok(replay_new(&wanted, 1, false, &first));
		assert_ok(replay_feed(first, list.data, at));
		replay_result(first, &r);
		assert_int_equal(r.records, n);
		middle = (struct pcr_value){ .pcr = 10, .n = 2, .bank = { r.banks[1].replayed, r.banks[0].replayed } };
		assert_ok(replay_new(&wanted, 1, false, &second));
		assert_ok(replay_resume(second, &middle, 1, n));
		assert_ok(replay_feed(second, list.data + at, list.len - at));
		replay_result(second, &r);
		assert_all_matched(&r, 56);
		assert_int_equal(r.banks[0].matched_since, 56);
		at += (size_t)list_parse(list.data + at, list.len - at, &record, &why);
	}
	middle.n = 1;
	{
		cleanup(replay_freep) struct replay *rp = NULL;

		assert_ok(replay_new(&wanted, 1, false, &rp));
		assert_int_equal(replay_resume(rp, &middle, 1, 1), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_lists), cmocka_unit_test(published_values),
		cmocka_unit_test(resumed),
		cmocka_unit_test(any_split),	cmocka_unit_test(long_record),
		cmocka_unit_test(prefix),	cmocka_unit_test(other_pcr),
		cmocka_unit_test(imported),	cmocka_unit_test(bad_digests),
		cmocka_unit_test(malformed),	cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
