// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of imad's own violations. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <imad/util.h>
#include <imad/violation.h>

#define PREFIX_LEN (sizeof(VIOLATION_PREFIX) - 1)

static const struct {
	const char *word, *meaning, *advice;
} kinds[] = {
#define VIOLATION_ROW(name, word, meaning, advice) [VIOLATION_##name] = { word, meaning, advice },
	IMAD_VIOLATIONS(VIOLATION_ROW)
};

const char *violation_word(enum violation kind)
{
	return kinds[kind].word;
}

const char *violation_meaning(enum violation kind)
{
	return kinds[kind].meaning;
}

const char *violation_advice(enum violation kind)
{
	return kinds[kind].advice;
}

void violation_name(enum violation kind, const char *detail, char *ret, size_t size)
{
	snprintf(ret, size, VIOLATION_PREFIX "%s%s%s", kinds[kind].word, detail ? ":" : "", detail ? detail : "");
}

int violation_of(const char *name, size_t n)
{
	const char *colon;
	size_t len;

	if (n < PREFIX_LEN || memcmp(name, VIOLATION_PREFIX, PREFIX_LEN))
		return -ENOENT;
	name += PREFIX_LEN;
	n -= PREFIX_LEN;
	colon = memchr(name, ':', n);
	len = colon ? (size_t)(colon - name) : n;
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (strlen(kinds[i].word) == len && !memcmp(kinds[i].word, name, len))
			return i;
	return -ENOENT;
}

const char *violation_detail(const char *name)
{
	const char *first = strchr(name, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	return second ? second + 1 : "";
}
