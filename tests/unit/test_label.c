/* SPDX-License-Identifier: GPL-2.0-or-later */
/* label.c: every form of security.ima, what is malformed, values made and read back, golden values of evmctl. */
#include <imad/label.h>

#include "golden.h"

#define ID 0x85, 0x7d, 0x8e, 0xe8

/* What a value decodes to, or why not. */
static const struct row {
	uint8_t bytes[70];
	size_t n;
	const char *print; /* what label_print() says, NULL: refused */
	const char *why;
	int asks;	   /* label_algo(), -1: none */
} rows[] = {
	{ { 0 }, 0, NULL, "empty", -1 },
	{ { 0 }, 1, NULL, "unknown type", -1 },
	{ { 2, 1 }, 21, NULL, "unknown type", -1 },
	{ { 5, 2, 4, ID, 0, 1, 9 }, 10, NULL, "unknown type", -1 },
	{ { 7, 2, 4, ID, 0, 1, 9 }, 10, NULL, "unknown type", -1 },
	{ { 0x83, 2, 4, ID, 0, 1, 9 }, 10, NULL, "unknown type", -1 },

	{ { 1 }, 1, NULL, "no digest", -1 },
	{ { 1, [1] = 0xab, [16] = 0xcd }, 17, "digest md5 ab0000000000000000000000000000cd", NULL, ALGO_MD5 },
	{ { 1, [1] = 0xab, [16] = 0xcd }, 21, "digest md5 ab0000000000000000000000000000cd", NULL, ALGO_MD5 },
	{ { 1, [1] = 0xab, [17] = 1 }, 21, "digest sha1 ab00000000000000000000000000000001000000", NULL, ALGO_SHA1 },
	{ { 1, [1] = 0xab, [20] = 1 }, 21, "digest sha1 ab00000000000000000000000000000000000001", NULL, ALGO_SHA1 },
	{ { 1, 0xab, 0xcd }, 3, "digest of the default hash abcd", NULL, -1 },

	{ { 4 }, 1, NULL, "no hash algorithm", -1 },
	{ { 4, 23 }, 66, NULL, "unknown hash algorithm", -1 },
	{ { 4, 4 }, 33, NULL, "digest is cut", ALGO_SHA256 },
	{ { 4, 2, [21] = 7 }, 22, "digest sha1 0000000000000000000000000000000000000007", NULL, ALGO_SHA1 },
	{ { 4, 2, [21] = 7, [22] = 8 }, 23, "digest sha1 0000000000000000000000000000000000000007", NULL, ALGO_SHA1 },

	{ { 3 }, 1, NULL, "no signature version", -1 },
	{ { 3, 2, 4, ID, 0, 3, 7, 8, 9 }, 12, "signature v2 sha256 key 857d8ee8, 3 bytes", NULL, ALGO_SHA256 },
	{ { 3, 3, 5, ID, 0, 3, 7, 8, 9 }, 12, "signature v3 sha384 key 857d8ee8, 3 bytes", NULL, ALGO_SHA384 },
	{ { 6, 3, 6, ID, 0, 1, 7 }, 10, "verity signature v3 sha512 key 857d8ee8, 1 bytes", NULL, ALGO_SHA512 },
	{ { 6, 2, 6, ID, 0, 1, 7 }, 10, "verity signature v2 sha512 key 857d8ee8, 1 bytes", NULL, -1 },
	{ { 3, 2, 22, 0xff, 0, 0, 0xfe, 0, 1, 7 }, 10, "signature v2 sha3-512 key ff0000fe, 1 bytes", NULL, 22 },
	{ { 3, 1, 4, ID, 0, 1, 7 }, 10, "signature of unknown version 1", NULL, -1 },
	{ { 3, 4, 4, ID, 0, 1, 7 }, 10, "signature of unknown version 4", NULL, -1 },
	{ { 3, 0 }, 2, "signature of unknown version 0", NULL, -1 },
	{ { 3, 2 }, 2, NULL, "signature is cut", -1 },
	{ { 3, 2, 4, ID, 0, 0 }, 9, NULL, "signature is cut", -1 },
	{ { 3, 2, 23, ID, 0, 1, 7 }, 10, NULL, "unknown hash algorithm", -1 },
	{ { 3, 2, 4, ID, 0, 2, 7 }, 10, NULL, "signature is not as long as its header says", ALGO_SHA256 },
	{ { 3, 2, 4, ID, 0, 1, 7, 8 }, 11, NULL, "signature is not as long as its header says", ALGO_SHA256 },
	{ { 3, 2, 4, ID, 1, 1, 7 }, 10, NULL, "signature is not as long as its header says", ALGO_SHA256 },
};

static void forms(void **state)
{
	(void)state;
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		cleanup_free uint8_t *exact = malloc(row->n + !row->n); /* so that asan sees what is read behind */
		cleanup_buf struct buf text = { 0 };
		struct label l = { .type = 77 };
		const char *why = NULL;
		const struct algo *asks;
		int r;

		assert_non_null(exact);
		memcpy(exact, row->bytes, row->n);
		r = label_decode(exact, row->n, &l, &why);
		asks = label_algo(exact, row->n);
		if ((asks ? asks->id : -1) != row->asks)
			fail_msg("row %td asks for %s", row - rows, asks ? asks->name : "nothing");
		if (row->print) {
			assert_ok(r);
			assert_ok(label_print(&l, &text));
			buf_add_u8(&text, 0);
			assert_string_equal(text.data, row->print);
			assert_int_equal(l.type, row->bytes[0]);
			assert_true(l.bytes >= exact && l.bytes + l.len <= exact + row->n);
		} else {
			if (r != -EBADMSG || !why)
				fail_msg("row %td is not refused", row - rows);
			assert_string_equal(why, row->why);
			assert_int_equal(l.type, 77); /* untouched */
			assert_int_equal(label_decode(exact, row->n, &l, NULL), -EBADMSG);
		}
	}
}

/* Every algorithm: type 1 up to SHA-1, else type 4, and back. */
static void digests(void **state)
{
	(void)state;
	for (unsigned int id = ALGO_MD5; id < ALGO_COUNT; id++) { /* an MD4 in type 1 would read as an MD5 */
		struct digest d = { .algo = id, .size = algo_by_id(id)->size }, other;
		uint8_t out[LABEL_DIGEST_MAX];
		struct label l;
		size_t n;

		memset(d.bytes, 0x5a, sizeof(d.bytes));
		n = label_encode_digest(&d, out);
		assert_int_equal(out[0], id <= ALGO_SHA1 ? 1 : 4);
		assert_int_equal(n, d.size + (id <= ALGO_SHA1 ? 1u : 2u));
		assert_ok(label_decode(out, n, &l, NULL));
		assert_false(label_is_signature(&l));
		assert_true(label_holds(&l, &d));
		other = d;
		other.bytes[d.size - 1] ^= 1;
		assert_false(label_holds(&l, &other));
		other = d;
		other.algo ^= 1;
		assert_false(label_holds(&l, &other));
	}
}

/* Type 1 of another length holds whatever the default hash is. */
static void digest_of_the_default_hash(void **state)
{
	uint8_t value[40] = { 1, 0x11, 0x22 };
	struct digest d = { .algo = ALGO_SHA256, .size = 32, .bytes = { 0x11, 0x22 } };
	struct label l;

	(void)state;
	assert_ok(label_decode(value, 33, &l, NULL));
	assert_true(label_holds(&l, &d));
	assert_ok(label_decode(value, sizeof(value), &l, NULL));
	assert_true(label_holds(&l, &d));
	assert_ok(label_decode(value, 32, &l, NULL));
	assert_false(label_holds(&l, &d));
}

static void signatures(void **state)
{
	static uint8_t bytes[LABEL_SIGNATURE_MAX + 1];
	static const struct {
		uint8_t type, version;
		size_t len;
		int r;
	} made[] = {
		{ 3, 2, 256, 0 },	  { 3, 3, 1, 0 },	{ 6, 3, LABEL_SIGNATURE_MAX, 0 },
		{ 3, 1, 256, -EINVAL },	  { 3, 4, 256, -EINVAL }, { 4, 2, 256, -EINVAL },
		{ 3, 2, 0, -EINVAL },	  { 3, 2, sizeof(bytes), -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		struct label l = { made[i].type, made[i].version, algo_by_id(ALGO_SHA512), 0x80c0ffee, bytes,
				   made[i].len };
		cleanup_buf struct buf out = { 0 };
		struct label back;

		assert_int_equal(label_encode_signature(&l, &out), made[i].r);
		if (made[i].r < 0) {
			assert_int_equal(out.len, 0);
			continue;
		}
		assert_ok(label_decode(out.data, out.len, &back, NULL));
		assert_true(label_is_signature(&back));
		assert_int_equal(back.type, l.type);
		assert_int_equal(back.version, l.version);
		assert_ptr_equal(back.algo, l.algo);
		assert_int_equal(back.key_id, l.key_id);
		assert_int_equal(back.len, l.len);
		assert_ptr_equal(back.bytes, out.data + LABEL_SIGNATURE_HEADER);
		assert_false(label_holds(&back, &(struct digest){ .algo = ALGO_SHA512, .size = 1 }));
	}
}

/* The longest value that an extended attribute can have. */
static void longest(void **state)
{
	const size_t n = 65536;
	cleanup_free uint8_t *value = calloc(1, n);
	struct digest zeros = { .algo = ALGO_SHA256, .size = 32 };
	const char *why = NULL;
	struct label l;

	(void)state;
	assert_non_null(value);
	memcpy(value, (uint8_t[]){ 4, ALGO_SHA256 }, 2);
	assert_ok(label_decode(value, n, &l, NULL));
	assert_int_equal(l.len, 32);
	assert_true(label_holds(&l, &zeros));
	value[33] = 1;
	assert_false(label_holds(&l, &zeros));
	memcpy(value, (uint8_t[]){ 3, 2, ALGO_SHA256, ID, 0xff, 0xf7 }, 9);
	assert_ok(label_decode(value, n, &l, NULL));
	assert_int_equal(l.len, n - 9);
	assert_int_equal(label_decode(value, n - 1, &l, &why), -EBADMSG);
	assert_string_equal(why, "signature is not as long as its header says");
	memset(value, 1, n);
	assert_ok(label_decode(value, n, &l, NULL));
	assert_false(label_holds(&l, &zeros));
}

static void golden(void **state)
{
	static const struct {
		const char *name, *print; /* NULL: malformed */
	} files[] = {
		{ "rsa2048.sha1", "signature v2 sha1 key 857d8ee8, 256 bytes" },
		{ "rsa2048.sha512", "signature v2 sha512 key 857d8ee8, 256 bytes" },
		{ "p256.sha384", "signature v2 sha384 key 5e145fa1, 72 bytes" },
		{ "wrong.sha256", "signature v2 sha256 key d8f103f1, 256 bytes" },
		{ "trunc", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_buf struct buf value = { 0 }, text = { 0 }, again = { 0 };
		struct label l;

		golden_read(&value, "evmctl-sig/hello.%s.sig", files[i].name);
		assert_int_equal(label_decode(value.data, value.len, &l, NULL), files[i].print ? 0 : -EBADMSG);
		if (!files[i].print)
			continue;
		assert_ok(label_print(&l, &text));
		buf_add_u8(&text, 0);
		assert_string_equal(text.data, files[i].print);
		assert_ok(label_encode_signature(&l, &again));
		assert_int_equal(again.len, value.len);
		assert_memory_equal(again.data, value.data, value.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),	cmocka_unit_test(digests),
		cmocka_unit_test(digest_of_the_default_hash),
		cmocka_unit_test(signatures),	cmocka_unit_test(golden),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
