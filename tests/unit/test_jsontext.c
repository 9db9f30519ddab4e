// SPDX-License-Identifier: GPL-2.0-or-later
/* One object, and nothing behind it. */
#include <errno.h>
#include <string.h>

#include <imad/jsontext.h>
#include <imad/util.h>

#include "test.h"

static void test_right(void **state)
{
	static const char *const rows[] = { "{}", " {\"a\": [1]}\r\n\t ", "{\"a\": \"}\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *o = NULL;
		const char *why = NULL;

		assert_int_equal(jsontext_read(rows[i], strlen(rows[i]), 4, &o, &why), 0);
		assert_true(json_object_is_type(o, json_type_object) && !why);
		json_object_put(o);
	}
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
		{ "", 0, "the JSON text is cut" },
		{ "{\"a\": 1", 7, "the JSON text is cut" },
		{ "{\"a\": 1,}", 9, "not JSON" },
		{ "{a: 1}", 6, "not JSON" },
		{ "{\"a\":{\"a\":{\"a\":{}}}}", 20, "not JSON" }, /* too deep */
		{ "[]", 2, "not a JSON object" },
		{ "null", 4, NULL }, /* json-c says no more than that there is no object */
		{ "{}{}", 4, "bytes behind the JSON text" },
		{ "{} x", 4, "bytes behind the JSON text" },
		{ "{}\0", 3, "bytes behind the JSON text" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *o = NULL;
		const char *why = NULL;

		assert_int_equal(jsontext_read(rows[i].text, rows[i].len, 3, &o, &why), -EBADMSG);
		assert_null(o);
		if (rows[i].why)
			assert_string_equal(why, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_right), cmocka_unit_test(test_wrong) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
