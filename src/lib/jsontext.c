/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <imad/jsontext.h>
#include <imad/util.h>

static void tokener_freep(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static void json_donep(struct json_object **o)
{
	json_object_put(*o);
}

/* What json-c leaves unread behind the object: only blanks may be there. */
static const char *tail_problem(const char *text, size_t at, size_t n)
{
	for (; at < n; at++) {
		if (!text[at] || !strchr(" \t\r\n", text[at]))
			return "bytes behind the JSON text";
	}
	return NULL;
}

int jsontext_read(const char *text, size_t n, int depth, struct json_object **ret, const char **why)
{
	cleanup(tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(depth);
	cleanup(json_donep) struct json_object *root = NULL;
	const char *problem;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = n <= INT_MAX ? json_tokener_parse_ex(tokener, text, (int)n) : NULL;
	if (root)
		problem = tail_problem(text, json_tokener_get_parse_end(tokener), n);
	else
		problem = json_tokener_get_error(tokener) == json_tokener_continue ? "the JSON text is cut" : "not JSON";
	if (!problem && !json_object_is_type(root, json_type_object))
		problem = "not a JSON object";
	if (problem) {
		*why = problem;
		return -EBADMSG;
	}
	*ret = take_ptr(root);
	return 0;
}
