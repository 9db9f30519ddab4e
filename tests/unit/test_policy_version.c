// SPDX-License-Identifier: GPL-2.0-or-later
/* The version of a policy text: found in a comment before the first rule, and nowhere else. */
#include <stdlib.h>

#include <imad/policy.h>

#include "test.h"

static const struct row {
	const char *text;
	int r;
	uint64_t version;
} rows[] = {
	{ "# version: 7\nmeasure\n", 0, 7 },
	{ "\n # a comment\n\t#version:12 \t\r\nmeasure\n", 0, 12 },
	{ "# version: 18446744073709551615", 0, UINT64_MAX },
	{ "# version: 0\n", 0, 0 },
	{ "# version: 1\n# version: 2\n", 0, 1 },
	{ "", -ENOENT, 0 },
	{ "measure\n# version: 7\n", -ENOENT, 0 },
	{ "# versions: 7\n", -ENOENT, 0 },
	{ "# the version: 7\n", -ENOENT, 0 },
	{ "version: 7\n", -ENOENT, 0 },
	{ "# version:", -EBADMSG, 0 },
	{ "# version: \n1", -EBADMSG, 0 },
	{ "# version: -1\n", -EBADMSG, 0 },
	{ "# version: 1.2\n", -EBADMSG, 0 },
	{ "# version: 18446744073709551616\n", -EBADMSG, 0 },
};

static void versions(void **state)
{
	(void)state;
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		size_t n = strlen(row->text);
		cleanup_free char *text = malloc(n + !n); /* no NUL behind it, for the sanitizers */
		uint64_t version = 0;
		int r;

		memcpy(text, row->text, n);
		r = policy_version(text, n, &version);
		if (r != row->r || version != row->version)
			fail_msg("'%s': %d, %llu", row->text, r, (unsigned long long)version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(versions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
