/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modsig.c: the end of a signed file, as sign-file makes it and as it must not be. */
#include <stdio.h>
#include <string.h>

#include <imad/modsig.h>
#include <imad/util.h>

#include "golden.h"

#define MARKER "~Module signature appended~\n"
#define GOOD "\0\0\2\0\0\0\0\0\0\0\1\x95" MARKER

/* What sign-file of the kernel wrote: content and PKCS#7 are where the file is made of them. */
static void sign_file(void **state)
{
	static const char *const names[] = { "rsa.sha1", "rsa.sha256", "p256.sha512", "rsa.skid", "wrong.sha256" };
	cleanup_buf struct buf content = { 0 };

	(void)state;
	golden_read(&content, "modsig/content");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_buf struct buf b = { 0 };
		struct modsig m = { 0 };

		golden_read(&b, "modsig/content.%s", names[i]);
		assert_ok(modsig_find(b.data + b.len - MODSIG_TAIL, MODSIG_TAIL, b.len, &m, NULL));
		assert_int_equal(m.content, content.len);
		assert_memory_equal(b.data, content.data, content.len);
		assert_int_equal(m.content + m.der + MODSIG_TAIL, b.len);
		assert_int_equal(b.data[m.content], 0x30); /* SEQUENCE, and as long as it says */
		assert_int_equal(b.data[m.content + 1] == 0x82 ? b.data[m.content + 2] << 8 | b.data[m.content + 3] :
								 b.data[m.content + 2],
				 m.der - (b.data[m.content + 1] == 0x82 ? 4 : 3));
	}
}

static const struct {
	const char *tail;
	size_t n;
	uint64_t size;
	int r;
	const char *why; /* part of it */
} rows[] = {
	{ GOOD, 40, 446, 0, NULL },
	{ GOOD, 40, 445, -EBADMSG, "longer than the file" }, /* no byte of content */
	{ GOOD, 40, 1ull << 40, 0, NULL },
	{ "", 0, 0, -ENODATA, NULL },
	{ GOOD, 40, 40, -ENODATA, NULL },
	{ MARKER, 28, 28, -ENODATA, NULL },
	{ "\0\0\2\0\0\0\0\0\0\0\1\x95~Module signature appended~ ", 40, 446, -ENODATA, NULL },
	{ "\0\0\2\0\0\0\0\0\0\0\1\x95~module signature appended~\n", 40, 446, -ENODATA, NULL },
	{ "\0\0\1\0\0\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "not PKCS#7" },
	{ "\0\0\0\0\0\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "not PKCS#7" },
	{ "\1\0\2\0\0\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\1\2\0\0\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\0\2\1\0\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\0\2\0\1\0\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\0\2\0\0\1\0\0\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\0\2\0\0\0\0\1\0\0\1\x95" MARKER, 40, 446, -EBADMSG, "does not use" },
	{ "\0\0\2\0\0\0\0\0\0\0\0\0" MARKER, 40, 446, -EBADMSG, "empty" },
	{ "\0\0\2\0\0\0\0\0\xff\xff\xff\xff" MARKER, 40, 446, -EBADMSG, "longer than the file" },
	{ "\0\0\2\0\0\0\0\0\0\1\0\1" MARKER, 40, 1 << 20, -EBADMSG, "too long" },
	{ "\0\0\2\0\0\0\0\0\0\1\0\0" MARKER, 40, 1 << 20, 0, NULL },
};

static void malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct modsig m = { .content = 77, .der = 78 };
		const char *why = NULL;
		int r = modsig_find(rows[i].tail, rows[i].n, rows[i].size, &m, &why);

		if (r != rows[i].r || (why && !rows[i].why) || (rows[i].why && (!why || !strstr(why, rows[i].why))))
			fail_msg("row %zu: %d %s", i, r, why ? why : "-");
		assert_int_equal(modsig_find(rows[i].tail, rows[i].n, rows[i].size, &m, NULL), r);
		if (r < 0)
			assert_true(m.content == 77 && m.der == 78);
		else
			assert_int_equal(m.content + m.der + MODSIG_TAIL, rows[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sign_file), cmocka_unit_test(malformed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
