// SPDX-License-Identifier: GPL-2.0-or-later
/* Label: every form of security.ima, and everything that only looks like one. */
#include <stdlib.h>

#include <imad/label.h>
#include <imad/util.h>

#include "test.h"

struct row {
	uint8_t bytes[72];
	size_t n;
	enum label_kind kind;
	uint8_t algo, version;
	uint32_t keyid;
	size_t at, len; /* of the digest or signature */
};

static const struct row rows[] = {
	{ .n = 0, .kind = LABEL_NONE },
	{ { 1 }, 21, LABEL_HASH, ALGO_SHA1, 0, 0, 1, 20 },
	{ { 1 }, 17, LABEL_HASH, ALGO_MD5, 0, 0, 1, 16 },
	{ { 1 }, 20, .kind = LABEL_UNKNOWN },
	{ { 1 }, 24, LABEL_HASH, ALGO_SHA1, 0, 0, 1, 23 }, /* longer than it needs to be: the kernel takes it */
	{ { 1 }, 1, .kind = LABEL_UNKNOWN },
	{ { 4, ALGO_SHA256 }, 34, LABEL_HASH, ALGO_SHA256, 0, 0, 2, 32 },
	{ { 4, ALGO_SHA256 }, 33, .kind = LABEL_UNKNOWN },
	{ { 4, ALGO_SHA512 }, 66, LABEL_HASH, ALGO_SHA512, 0, 0, 2, 64 },
	{ { 4, 23 }, 66, .kind = LABEL_UNKNOWN },
	{ { 4 }, 1, .kind = LABEL_UNKNOWN },
	{ { 3, 2, ALGO_SHA256, 0x85, 0x7d, 0x8e, 0xe8, 0, 4 }, 13, LABEL_SIGNATURE, ALGO_SHA256, 2, 0x857d8ee8, 9, 4 },
	{ { 3, 2, ALGO_SHA256, 1, 2, 3, 4, 0, 4 }, 12, .kind = LABEL_UNKNOWN },
	{ { 3, 2, ALGO_SHA256, 1, 2, 3, 4, 0, 4 }, 14, .kind = LABEL_UNKNOWN },
	{ { 3, 2, 23, 1, 2, 3, 4, 0, 4 }, 13, .kind = LABEL_UNKNOWN },
	{ { 3, 2, ALGO_SHA256, 1, 2, 3, 4, 0 }, 8, .kind = LABEL_UNKNOWN },
	{ { 3, 9, ALGO_SHA1, 1, 2, 3, 4, 0, 1 }, 10, LABEL_SIGNATURE, ALGO_SHA1, 9, 0x01020304, 9, 1 },
	{ { 6, 3, ALGO_SHA256, 0xff, 2, 3, 4, 0, 0 }, 9, LABEL_VERITY, ALGO_SHA256, 3, 0xff020304, 9, 0 },
	{ { 2 }, 21, .kind = LABEL_UNKNOWN },
	{ { 5, 2, 4, 1, 2, 3, 4, 0, 1 }, 10, .kind = LABEL_UNKNOWN },
	{ { 7 }, 21, .kind = LABEL_UNKNOWN },
};

static void forms(void **state)
{
	(void)state;
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		cleanup_free uint8_t *bytes = malloc(r->n + !r->n); /* of just this size, for the sanitizers */
		struct label l;

		memcpy(bytes, r->bytes, r->n);
		label_decode(bytes, r->n, &l);
		if (l.kind != r->kind || l.algo != r->algo || l.version != r->version || l.keyid != r->keyid || l.n != r->len)
			fail_msg("row %td: kind %d algo %d version %d keyid %x n %zu", r - rows, l.kind, l.algo, l.version,
				 l.keyid, l.n);
		if (r->at)
			assert_ptr_equal(l.bytes, bytes + r->at);
	}
}

static void digests(void **state)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32, .bytes = { 1, 2, 3 } };
	uint8_t bytes[LABEL_HASH_MAX];
	struct label l;
	size_t n;

	(void)state;
	n = label_encode_hash(&d, bytes);
	assert_int_equal(n, 34);
	label_decode(bytes, n, &l);
	assert_true(label_has_digest(&l, &d));
	d.bytes[31] = 1;
	assert_false(label_has_digest(&l, &d));
	d.bytes[31] = 0;
	d.algo = 20; /* sha3-256: as long */
	assert_false(label_has_digest(&l, &d));

	d = (struct digest){ .algo = ALGO_SHA1, .size = 20, .bytes = { 9 } };
	n = label_encode_hash(&d, bytes);
	assert_int_equal(n, 21);
	assert_int_equal(bytes[0], 1);
	label_decode(bytes, n, &l);
	assert_true(label_has_digest(&l, &d));
	label_decode(bytes, 0, &l);
	assert_false(label_has_digest(&l, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(forms), cmocka_unit_test(digests) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
