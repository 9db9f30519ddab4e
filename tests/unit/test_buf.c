/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf.c: byte order, growth, the sticky failure, bounds of the reader, hex. */
#include <imad/buf.h>
#include <imad/util.h>

#include "test.h"

static void appends(void **state)
{
	static const uint8_t wanted[] = "\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08"
					"ab\x00"
					"00ff7f"
					"n=-5 x";
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	buf_add_u8(&b, 1);
	buf_add_le16(&b, 0x0203);
	buf_add_le32(&b, 0x04050607);
	buf_add_le64(&b, 0x08090a0b0c0d0e0f);
	buf_add_str(&b, "ab");
	buf_add(&b, "", 1);
	buf_add(&b, NULL, 0);
	buf_add_hex(&b, "\x00\xff\x7f", 3);
	buf_addf(&b, "n=%d %s", -5, "x");
	assert_ok(buf_error(&b));
	assert_int_equal(b.len, sizeof(wanted) - 1);
	assert_memory_equal(b.data, wanted, b.len);
}

static void grows(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };
	char big[5000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (unsigned int i = 0; i < 100000; i++)
		buf_add_le32(&b, i);
	buf_addf(&b, "%s", big);
	assert_ok(buf_error(&b));
	assert_int_equal(b.len, 400000 + sizeof(big) - 1);
	for (uint32_t i = 0; i < 100000; i++)
		assert_memory_equal(b.data + 4 * i, ((uint8_t[]){ i & 255, i >> 8 & 255, i >> 16, 0 }), 4);
	assert_memory_equal(b.data + 400000, big, sizeof(big) - 1);
}

static void failure_is_sticky(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };
	volatile size_t huge = SIZE_MAX - 2;
	size_t cap;

	(void)state;
	buf_add_str(&b, "kept");
	buf_add_hex(&b, "x", huge); /* twice the size does not fit */
	assert_int_equal(buf_error(&b), -ENOMEM);
	buf_add_str(&b, "not added");
	buf_addf(&b, "%d", 1);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "kept", 4);

	cap = b.cap;
	buf_reset(&b);
	assert_ok(buf_error(&b));
	buf_add_str(&b, "new");
	assert_int_equal(b.len, 3);
	assert_int_equal(b.cap, cap);

	buf_add(&b, "x", huge);
	assert_int_equal(buf_error(&b), -ENOMEM);
	buf_done(&b);
	assert_ok(buf_error(&b));
	assert_null(b.data);
}

static void reads(void **state)
{
	static const uint8_t bytes[] = { 1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8, 'a', 'b' };
	struct reader r = { bytes, sizeof(bytes) };
	const uint8_t *p;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	(void)state;
	assert_ok(reader_u8(&r, &v8));
	assert_ok(reader_le16(&r, &v16));
	assert_ok(reader_le32(&r, &v32));
	assert_ok(reader_le64(&r, &v64));
	assert_ok(reader_bytes(&r, 2, &p));
	assert_int_equal(v8, 1);
	assert_int_equal(v16, 0x0203);
	assert_int_equal(v32, 0x04050607);
	assert_true(v64 == 0x08090a0b0c0d0e0f);
	assert_ptr_equal(p, bytes + 15);
	assert_int_equal(r.left, 0);
	assert_ok(reader_bytes(&r, 0, &p));
}

static void reader_stays_at_a_cut(void **state)
{
	static const uint8_t bytes[7] = { 1, 2, 3, 4, 5, 6, 7 };
	const uint8_t *p = NULL;
	uint64_t v64 = 99;
	uint32_t v32 = 99;
	uint16_t v16 = 99;
	uint8_t v8 = 99;
	struct reader r;

	(void)state;
	r = (struct reader){ bytes, 7 };
	assert_int_equal(reader_le64(&r, &v64), -EBADMSG);
	assert_int_equal(reader_bytes(&r, 8, &p), -EBADMSG);
	assert_int_equal(reader_bytes(&r, SIZE_MAX, &p), -EBADMSG);
	assert_int_equal(r.left, 7);
	r.left = 3;
	assert_int_equal(reader_le32(&r, &v32), -EBADMSG);
	r.left = 1;
	assert_int_equal(reader_le16(&r, &v16), -EBADMSG);
	r.left = 0;
	assert_int_equal(reader_u8(&r, &v8), -EBADMSG);
	assert_ptr_equal(r.p, bytes);
	assert_true(v64 == 99 && v32 == 99 && v16 == 99 && v8 == 99 && !p);
}

static void hex(void **state)
{
	uint8_t out[3] = { 9, 9, 9 };

	(void)state;
	assert_int_equal(hex_decode("0aFf7", 5, out, 3), -EBADMSG);
	assert_int_equal(hex_decode("0aFf7g", 6, out, 3), -EBADMSG);
	assert_int_equal(hex_decode("0aFf7c", 6, out, 2), -EBADMSG);
	assert_int_equal(hex_decode("0aFf", 4, out, 3), -EBADMSG);
	assert_int_equal(hex_decode("0aFf7", 5, out, 2), -EBADMSG);
	assert_memory_equal(out, ((uint8_t[]){ 9, 9, 9 }), 3);
	assert_ok(hex_decode("0aFf7c", 6, out, 3));
	assert_memory_equal(out, ((uint8_t[]){ 0x0a, 0xff, 0x7c }), 3);
	assert_ok(hex_decode("", 0, out, 0));
}

static void json(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	buf_add_json(&b, "a \"b\\c/\n\x7f\xc3\xa4");
	buf_add_json(&b, "");
	buf_add_u8(&b, 0);
	assert_ok(buf_error(&b));
	assert_string_equal((char *)b.data, "\"a \\u0022b\\u005cc/\\u000a\\u007f\\u00c3\\u00a4\"\"\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(grows),
		cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(reads),
		cmocka_unit_test(reader_stays_at_a_cut),
		cmocka_unit_test(hex),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
