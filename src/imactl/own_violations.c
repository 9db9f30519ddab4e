// SPDX-License-Identifier: GPL-2.0-or-later
/* What imad says of itself in the list: how often, and in words. */
#include <json-c/json.h>
#include <string.h>

#include "imactl.h"

struct json_object *own_violations_json(const uint64_t n[VIOLATION_KINDS])
{
	struct json_object *o = json_object_new_object();

	for (int i = 0; i < VIOLATION_KINDS; i++)
		json_object_object_add(o, violation_word(i), json_object_new_uint64(n[i]));
	return o;
}

void own_violations_put(const uint64_t n[VIOLATION_KINDS])
{
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (n[i])
			printf("  %llu " VIOLATION_PREFIX "%s: %s\n", (unsigned long long)n[i], violation_word(i),
			       violation_meaning(i));
}

static void put_head(const char *head, const char *text)
{
	printf("%-12s", head);
	put_text(stdout, text, strlen(text));
	putchar('\n');
}

int own_violation_explain(const char *name, bool json)
{
	int kind = violation_of(name, strlen(name));
	struct json_object *o;

	if (kind < 0)
		return complain(IMACTL_FAILED, "'%s' is no violation of imad's own that this imactl knows", name);
	if (!json) {
		put_head("violation", name);
		put_head("", violation_meaning(kind));
		if (*violation_detail(name))
			put_head("detail", violation_detail(name));
		put_head("do", violation_advice(kind));
		return IMACTL_OK;
	}
	o = json_object_new_object();
	json_object_object_add(o, "own_violation", json_object_new_string(violation_word(kind)));
	json_add_text(o, "detail", violation_detail(name), strlen(violation_detail(name)));
	json_object_object_add(o, "meaning", json_object_new_string(violation_meaning(kind)));
	json_object_object_add(o, "advice", json_object_new_string(violation_advice(kind)));
	put_json(o);
	json_object_put(o);
	return IMACTL_OK;
}
