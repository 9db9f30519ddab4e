/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference values in keylime's form: its runtime policy, version 1. */
#include <string.h>

#include <json-c/json.h>

#include <imad/jsontext.h>

#include "reference_priv.h"

#define DEPTH_MAX 5
#define VERSION	  1
#define EXCLUDE_MAX 1024 /* bytes of one expression */
#define COUNTED_MAX 64	 /* of a{n} */

static void json_donep(struct json_object **o)
{
	json_object_put(*o);
}

static int wrong(struct parse_error *e, const char *why, const char *token)
{
	return reference_wrong(e, 0, why, token, strlen(token));
}

static int take_map(struct reference_draft *d, struct json_object *root, const char *member, enum reference_kind kind,
		    struct parse_error *e)
{
	struct json_object *map;

	if (!json_object_object_get_ex(root, member, &map) || !json_object_is_type(map, json_type_object))
		return wrong(e, "missing or not an object", member);
	json_object_object_foreach(map, name, digests)
	{
		if (!json_object_is_type(digests, json_type_array))
			return wrong(e, "digests of a name are not an array", name);
		for (size_t i = 0; i < json_object_array_length(digests); i++) {
			struct json_object *hex = json_object_array_get_idx(digests, i);
			int r = !json_object_is_type(hex, json_type_string) ? -EBADMSG :
				reference_put(d, kind, json_object_get_string(hex), (size_t)json_object_get_string_len(hex),
					      name, strlen(name));

			if (r < 0)
				return r == -EBADMSG ? wrong(e, "a digest of it is not hex of a digest's size", name) : r;
		}
	}
	return 0;
}

/*
 * Whether POSIX and Python read the expression alike, and glibc in bounded memory: counted repetitions are
 * unrolled, so only one is taken, and of no group.
 */
static bool is_common(const char *re)
{
	bool bracket = false;
	unsigned int counted = 0;

	if (strlen(re) > EXCLUDE_MAX)
		return false;
	for (const char *p = re; *p; p++) {
		size_t digits = strspn(p + 1, "0123456789");

		if (!bracket && *p == '{' && (counted++ || p == re || p[-1] == ')' || !digits || p[1 + digits] != '}' || strtoul(p + 1, NULL, 10) > COUNTED_MAX))
			return false;
		if (bracket) {
			if (*p == '\\')
				return false;
			bracket = *p != ']';
		} else if (*p == '[') {
			bracket = true;
			p += p[1] == '^';
			p += p[1] == ']';
		} else if (*p == '(' && p[1] == '?') {
			return false;
		} else if (*p == '\\') {
			p++;
			if (!*p || ((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z' && !strchr("wWsSbB", *p))))
				return false;
		}
	}
	return !bracket;
}

static int take_excludes(struct reference_draft *d, struct json_object *root, struct parse_error *e)
{
	struct json_object *list;

	if (!json_object_object_get_ex(root, "excludes", &list) || !json_object_is_type(list, json_type_array))
		return wrong(e, "missing or not an array", "excludes");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *re = json_object_get_string(o);

		if (!json_object_is_type(o, json_type_string) || strlen(re) != (size_t)json_object_get_string_len(o))
			return wrong(e, "an exclude is not a text", "excludes");
		if (!is_common(re))
			return wrong(e, "an exclude that is not understood here as Python does", re);
		buf_addf(&d->regexes, "^(%s)", re);
		buf_add_u8(&d->regexes, 0);
	}
	return buf_error(&d->regexes);
}

/* Keyrings whose keys do not matter: of any digest, so a glob of that name would exclude files too; "*" is all. */
static int take_ignored(struct reference_draft *d, struct json_object *root, struct parse_error *e)
{
	struct json_object *ima, *list;

	if (!json_object_object_get_ex(root, "ima", &ima) || !json_object_is_type(ima, json_type_object))
		return wrong(e, "missing or not an object", "ima");
	if (!json_object_object_get_ex(ima, "ignored_keyrings", &list))
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return wrong(e, "not an array", "ima.ignored_keyrings");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		if (!name || strchr(name, '/'))
			return wrong(e, "not the name of a keyring", name ? name : "null");
		/* Keyrings are told from files by having no slash. */
		buf_add_str(&d->regexes, "^");
		if (strcmp(name, "*") == 0)
			buf_add_str(&d->regexes, "[._][^/]*");
		for (const char *p = name; strcmp(name, "*") != 0 && *p; p++) {
			if (strchr(".[]()*+?{}|^$\\", *p))
				buf_add_u8(&d->regexes, '\\');
			buf_add_u8(&d->regexes, (uint8_t)*p);
		}
		buf_add_str(&d->regexes, "$");
		buf_add_u8(&d->regexes, 0);
	}
	return buf_error(&d->regexes);
}

static int check_version(struct json_object *root, struct parse_error *e)
{
	struct json_object *meta, *version;

	if (!json_object_object_get_ex(root, "meta", &meta) || !json_object_object_get_ex(meta, "version", &version) ||
	    !json_object_is_type(version, json_type_int))
		return wrong(e, "missing: not a runtime policy of keylime", "meta.version");
	return json_object_get_int64(version) == VERSION ? 0 : wrong(e, "unknown", "meta.version");
}

int reference_keylime(struct reference_draft *d, const char *text, size_t n, struct parse_error *e)
{
	cleanup(json_donep) struct json_object *root = NULL;
	const char *why = NULL;
	int r = jsontext_read(text, n, DEPTH_MAX, &root, &why);

	if (r < 0)
		return why ? wrong(e, why, "") : r;
	r = check_version(root, e);
	if (r == 0)
		r = take_map(d, root, "digests", REFERENCE_FILE, e);
	if (r == 0)
		r = take_map(d, root, "keyrings", REFERENCE_BUFFER, e);
	if (r == 0)
		r = take_map(d, root, "ima-buf", REFERENCE_BUFFER, e);
	if (r == 0)
		r = take_ignored(d, root, e);
	if (r == 0)
		r = take_excludes(d, root, e);
	d->buffers = true;
	return r;
}
