/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reference.c: the three forms, what they refuse with line and reason, all or nothing. */
#include <stdio.h>

#include <imad/reference.h>

#include "test.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEYLIME(digests, excludes)                                                                        \
	"{\"meta\": {\"version\": 1}, \"digests\": {" digests "}, \"excludes\": [" excludes "], \"keyrings\": {}," \
	" \"ima-buf\": {\"cmdline\": [\"" B "\"]}, \"ima\": {\"ignored_keyrings\": [\".ima\"]}}"

static struct digest digest(uint8_t byte)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };

	memset(d.bytes, byte, d.size);
	return d;
}

static enum reference_verdict find(struct reference *r, enum reference_kind kind, const char *name, uint8_t byte)
{
	struct digest d = digest(byte);

	return reference_find(r, kind, name, strlen(name), &d);
}

static void forms(void **state)
{
	static const char *const texts[] = {
		A "  /bin/a b\n" B " */bin/a b\n\\" A "  /n\\nl\\\\\n",
		"imad-reference 1\n\n# comment\nsha256:" A " /bin/a b\nsha256:" B " /bin/a b\nsha256:" A " /n\\nl\\\nexclude /tmp/*\n"
		"buffer sha256:" B " cmdline",
		KEYLIME("\"/bin/a b\": [\"" A "\", \"" B "\"]", "\"/tmp/.*\", \"/x[0-9]{2}$\""),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup(reference_freep) struct reference *r = NULL;
		struct parse_error e;

		assert_ok(reference_new(&r));
		assert_ok(reference_add(r, texts[i], strlen(texts[i]), &e));
		assert_int_equal(find(r, REFERENCE_FILE, "/bin/a_b", 0xaa), REFERENCE_OK);
		assert_int_equal(find(r, REFERENCE_FILE, "/bin/a_b", 0xbb), REFERENCE_OK);
		assert_int_equal(find(r, REFERENCE_FILE, "/bin/a_b", 0xcc), REFERENCE_WRONG);
		assert_int_equal(find(r, REFERENCE_FILE, "/bin/a", 0xaa), REFERENCE_UNKNOWN);
		assert_int_equal(find(r, REFERENCE_FILE, "/tmp/x", 0xaa), i == 0 ? REFERENCE_UNKNOWN : REFERENCE_EXCLUDED);
		assert_int_equal(reference_knows_buffers(r), i > 0);
		assert_int_equal(find(r, REFERENCE_BUFFER, "cmdline", 0xbb), i == 0 ? REFERENCE_UNKNOWN : REFERENCE_OK);
		assert_int_equal(find(r, REFERENCE_BUFFER, "/bin/a_b", 0xaa), REFERENCE_UNKNOWN);
		if (i == 0)
			assert_int_equal(find(r, REFERENCE_FILE, "/n\nl\\", 0xaa), REFERENCE_OK);
		if (i == 2) {
			assert_int_equal(find(r, REFERENCE_FILE, "/x42", 0), REFERENCE_EXCLUDED);
			assert_int_equal(find(r, REFERENCE_FILE, "/x4", 0), REFERENCE_UNKNOWN);
			assert_int_equal(find(r, REFERENCE_FILE, "/a/tmp/x", 0), REFERENCE_UNKNOWN); /* from the beginning only */
			assert_int_equal(find(r, REFERENCE_BUFFER, ".ima", 0), REFERENCE_EXCLUDED);
			assert_int_equal(find(r, REFERENCE_BUFFER, "xima", 0), REFERENCE_UNKNOWN);
		}
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
		unsigned int line;
	} rows[] = {
		{ "", "no reference values", 0 },
		{ A "  /a\n" A " /b\n", "sha256sum", 2 },
		{ A "  \n", "sha256sum", 1 },
		{ A "a  /a\n", "sha256sum", 1 },
		{ "\\" A "  /a\\x\n", "sha256sum", 1 },
		{ "imad-reference 1\nsha256:" A " /a\nsha1:" A " /a\n", "ALGO:HEX", 3 },
		{ "imad-reference 1\nsha256:" A "\n", "ALGO:HEX", 2 },
		{ "imad-reference 2\nsha256:" A " /a\n", "sha256sum", 1 },
		{ "{}", "missing", 0 },
		{ "{\"meta\": {\"version\": 2}}", "unknown", 0 },
		{ KEYLIME("\"/a\": \"" A "\"", ""), "not an array", 0 },
		{ KEYLIME("\"/a\": [\"xx\"]", ""), "not hex", 0 },
		{ KEYLIME("\"/a\": [1]", ""), "not hex", 0 },
		{ KEYLIME("", "\"(?i)a\""), "not understood", 0 },
		{ KEYLIME("", "\"\\\\d\""), "not understood", 0 },
		{ KEYLIME("", "\"[\\\\w]\""), "not understood", 0 },
		{ KEYLIME("", "\"a{2}b{2}\""), "not understood", 0 },
		{ KEYLIME("", "\"a{2,3}\""), "not understood", 0 },
		{ KEYLIME("", "\"a{65}\""), "not understood", 0 },
		{ KEYLIME("", "\"(ab){2}\""), "not understood", 0 },
		{ KEYLIME("", "\"(a\""), "understood here", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(reference_freep) struct reference *r = NULL;
		struct parse_error e = { 0 };

		assert_ok(reference_new(&r));
		assert_int_equal(reference_add(r, rows[i].text, strlen(rows[i].text), &e), -EBADMSG);
		if (!strstr(e.why, rows[i].why) || e.line != rows[i].line)
			fail_msg("row %zu: line %u: %s", i, e.line, e.why);
		assert_int_equal(reference_count(r), 0);
		assert_int_equal(find(r, REFERENCE_FILE, "/a", 0xaa), REFERENCE_UNKNOWN);
	}
}

/* Several texts add up, in any order of looking up and adding. */
static void together(void **state)
{
	cleanup(reference_freep) struct reference *r = NULL;
	struct parse_error e;
	char line[128];

	(void)state;
	assert_ok(reference_new(&r));
	for (int i = 0; i < 300; i++) {
		int n = snprintf(line, sizeof(line), A "  /file/%d\n", i * 7919 % 1000);

		assert_ok(reference_add(r, line, (size_t)n, &e));
		assert_int_equal(find(r, REFERENCE_FILE, "/file/0", 0xaa), REFERENCE_OK);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(line, sizeof(line), "/file/%d", i * 7919 % 1000);
		assert_int_equal(find(r, REFERENCE_FILE, line, 0xaa), REFERENCE_OK);
		assert_int_equal(find(r, REFERENCE_FILE, line, 0xab), REFERENCE_WRONG);
	}
	assert_int_equal(reference_count(r), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(refused),
		cmocka_unit_test(together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
