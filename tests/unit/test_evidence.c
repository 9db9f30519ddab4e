/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence.c: what is written is read back the same, cut anywhere it is refused; base64 by the vectors of RFC 4648. */
#include <imad/evidence.h>

#include "test.h"

#define cleanup_buf cleanup(buf_done)

static void base64(void **state)
{
	static const char *const rows[][2] = { { "", "" },	       { "f", "Zg==" },	      { "fo", "Zm8=" }, { "foo", "Zm9v" },
					       { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	static const char *const bad[] = { "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm 8", "Zm9\n", "Zm9-", "=Zg=" };
	cleanup_buf struct buf big = { 0 }, text = { 0 }, again = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf b = { 0 }, back = { 0 };

		assert_ok(base64_encode(rows[i][0], strlen(rows[i][0]), &b));
		assert_int_equal(b.len, strlen(rows[i][1]));
		assert_memory_equal(b.data ? (char *)b.data : "", rows[i][1], b.len);
		assert_ok(base64_decode(rows[i][1], b.len, &back));
		assert_int_equal(back.len, strlen(rows[i][0]));
		assert_memory_equal(back.data ? (char *)back.data : "", rows[i][0], back.len);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_buf struct buf b = { 0 };

		if (base64_decode(bad[i], strlen(bad[i]), &b) != -EBADMSG || b.len)
			fail_msg("'%s' is taken", bad[i]);
	}
	for (unsigned int i = 0; i < 200001; i++) /* more than one piece, and not a multiple of 3 */
		buf_add_u8(&big, (uint8_t)(i * 31 >> 3));
	assert_ok(base64_encode(big.data, big.len, &text));
	assert_ok(base64_decode((char *)text.data, text.len, &again));
	assert_int_equal(again.len, big.len);
	assert_memory_equal(again.data, big.data, big.len);
}

static void fill(struct evidence *e)
{
	strcpy(e->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	buf_add_str(&e->nonce, "nonce");
	buf_add_str(&e->attest, "attest");
	buf_add_str(&e->signature, "signature");
	buf_add_str(&e->ak, "ak");
	buf_add_str(&e->list, "list");
	buf_add_str(&e->checkpoint, "checkpoint");
	e->pcrs[0] = (struct pcr_value){ .pcr = 10, .n = 2, .bank = { { .algo = ALGO_SHA1, .size = 20, .bytes = { 1 } },
								     { .algo = ALGO_SHA256, .size = 32, .bytes = { 2 } } } };
	e->pcrs[1] = (struct pcr_value){ .pcr = 12, .n = 1, .bank = { { .algo = ALGO_SHA512, .size = 64, .bytes = { 3 } } } };
	e->n_pcrs = 2;
	e->from = 1;
	e->quoted = 1ull << 40;
	e->total = e->quoted + 1;
	e->imported = true;
	e->has_list = true;
}

static void there_and_back(void **state)
{
	cleanup(evidence_done) struct evidence e = { 0 }, back = { 0 };
	cleanup_buf struct buf text = { 0 }, again = { 0 };
	struct parse_error error;

	(void)state;
	fill(&e);
	assert_ok(evidence_format(&e, &text));
	assert_ok(evidence_parse((char *)text.data, text.len, &back, &error));
	assert_ok(evidence_format(&back, &again));
	assert_int_equal(text.len, again.len);
	assert_memory_equal(text.data, again.data, text.len);
	for (size_t n = 0; n < text.len - 2; n++) { /* without the newline and the last brace */
		struct evidence untouched = { .from = 42 };

		assert_int_equal(evidence_parse((char *)text.data, n, &untouched, &error), -EBADMSG);
		assert_int_equal(untouched.from, 42);
		assert_null(untouched.list.data);
	}
}

static void without_list(void **state)
{
	cleanup(evidence_done) struct evidence e = { 0 }, back = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct parse_error error;

	(void)state;
	fill(&e);
	e.has_list = false;
	assert_ok(evidence_format(&e, &text));
	assert_ok(evidence_parse((char *)text.data, text.len, &back, &error));
	assert_false(back.has_list);
	assert_int_equal(back.list.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(without_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
