// SPDX-License-Identifier: GPL-2.0-or-later
/* The version of a policy text: for policies that are signed, so that an old one cannot come back. */
#include <ctype.h>
#include <string.h>

#include <imad/policy.h>

#define WORD "version:"

static int parse_number(const char *p, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	if (p == end)
		return -EBADMSG;
	for (; p < end; p++) {
		if (!isdigit((unsigned char)*p) || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			return -EBADMSG;
	}
	*ret = v;
	return 0;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

int policy_version(const char *text, size_t n, uint64_t *ret)
{
	const char *end = text + n, *next;

	for (const char *p = text; p < end; p = next) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));

		line_end = line_end ? line_end : end;
		next = line_end < end ? line_end + 1 : end;
		p = skip_blanks(p, line_end);
		if (p == line_end)
			continue;
		if (*p != '#')
			break; /* the first rule */
		p = skip_blanks(p + 1, line_end);
		if ((size_t)(line_end - p) < strlen(WORD) || memcmp(p, WORD, strlen(WORD)) != 0)
			continue;
		return parse_number(skip_blanks(p + strlen(WORD), line_end), line_end, ret);
	}
	return -ENOENT;
}
