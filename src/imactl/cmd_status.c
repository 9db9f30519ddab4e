/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl status: what the daemon says of itself, as it is or as a screen that is
 * made from whatever members there are: scalars in a column, lists of objects as
 * tables.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include <imad/ctl.h>

#include "imactl.h"

#define STATUS_TIMEOUT_S 10
#define LABEL_WIDTH	 20
#define COLUMNS_MAX	 16

/* One value as text; the caller frees. Epoch seconds of "started" become a time. */
static char *to_text(const char *key, struct json_object *o)
{
	char when[64];
	struct tm tm;
	time_t t;

	switch (json_object_get_type(o)) {
	case json_type_null:
		return strdup("-");
	case json_type_boolean:
		return strdup(json_object_get_boolean(o) ? "yes" : "no");
	case json_type_string:
		return strdup(json_object_get_string_len(o) > 0 ? json_object_get_string(o) : "-");
	case json_type_int:
	case json_type_double:
		t = (time_t)json_object_get_int64(o);
		if (strcmp(key, "started") == 0 && localtime_r(&t, &tm) &&
		    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm) > 0)
			return strdup(when);
		return strdup(json_object_get_string(o));
	default:
		return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

static void put_label(int indent, const char *key)
{
	char label[64];

	(void)snprintf(label, sizeof(label), "%s", key);
	for (char *c = label; *c; c++)
		if (*c == '_')
			*c = ' ';
	printf("%*s", indent, "");
	put_text(stdout, label, strlen(label));
	printf("%*s", MAX(LABEL_WIDTH - indent - (int)strlen(label), 1), "");
}

static void put_value(const char *key, struct json_object *o)
{
	cleanup_free char *text = to_text(key, o);

	put_text(stdout, text ? text : "?", strlen(text ? text : "?"));
}

/* Names of the members of all rows, in the order of their first appearance. */
static size_t find_columns(struct json_object *rows, const char *names[COLUMNS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		json_object_object_foreach(json_object_array_get_idx(rows, i), key, value)
		{
			size_t k = 0;

			(void)value;
			while (k < n && strcmp(names[k], key) != 0)
				k++;
			if (k == n && n < COLUMNS_MAX)
				names[n++] = key;
		}
	}
	return n;
}

static int column_width(struct json_object *rows, const char *name)
{
	size_t width = strlen(name);

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		cleanup_free char *text = NULL;
		struct json_object *o;

		if (!json_object_object_get_ex(json_object_array_get_idx(rows, i), name, &o))
			continue;
		text = to_text(name, o);
		width = MAX(width, text ? strlen(text) : 0);
	}
	return (int)MIN(width, 60u);
}

static void put_cell(const char *text, int width)
{
	put_text(stdout, text, strlen(text));
	printf("%*s", MAX(width + 2 - (int)strlen(text), 2), "");
}

static void put_table(struct json_object *rows)
{
	const char *names[COLUMNS_MAX];
	int width[COLUMNS_MAX];
	size_t n = find_columns(rows, names);

	printf("  ");
	for (size_t k = 0; k < n; k++) {
		width[k] = k + 1 < n ? column_width(rows, names[k]) : 0; /* the last is not filled up */
		put_cell(names[k], width[k]);
	}
	putchar('\n');
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		printf("  ");
		for (size_t k = 0; k < n; k++) {
			cleanup_free char *text = NULL;
			struct json_object *o;

			if (json_object_object_get_ex(json_object_array_get_idx(rows, i), names[k], &o))
				text = to_text(names[k], o);
			put_cell(text ? text : "-", width[k]);
		}
		putchar('\n');
	}
}

/* Words in one line, sentences one a line. */
static void put_array(const char *key, struct json_object *o, int indent)
{
	size_t n = json_object_array_length(o);
	bool words = true;

	for (size_t i = 0; i < n; i++)
		words &= !strchr(json_object_get_string(json_object_array_get_idx(o, i)), ' ');
	put_label(indent, key);
	if (n == 0)
		putchar('-');
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && words)
			putchar(' ');
		else if (i > 0)
			printf("\n%*s", LABEL_WIDTH, "");
		put_value(key, json_object_array_get_idx(o, i));
	}
	putchar('\n');
}

static bool is_table(struct json_object *o)
{
	for (size_t i = 0; i < json_object_array_length(o); i++)
		if (!json_object_is_type(json_object_array_get_idx(o, i), json_type_object))
			return false;
	return json_object_array_length(o) > 0;
}

/* Scalars first, so that what belongs to an object is not cut off from it. */
static void put_object(struct json_object *o, int indent)
{
	json_object_object_foreach(o, key, value)
	{
		if (json_object_is_type(value, json_type_object) ||
		    json_object_is_type(value, json_type_array))
			continue;
		put_label(indent, key);
		put_value(key, value);
		putchar('\n');
	}
	json_object_object_foreach(o, name, part)
	{
		if (json_object_is_type(part, json_type_object)) {
			put_label(indent, name);
			putchar('\n');
			put_object(part, indent + 2);
		} else if (json_object_is_type(part, json_type_array)) {
			if (!is_table(part)) {
				put_array(name, part, indent);
				continue;
			}
			put_label(indent, name);
			putchar('\n');
			put_table(part);
		}
	}
}

static int show(const struct buf *answer, bool json)
{
	cleanup(json_putp) struct json_object *o = NULL;
	struct json_tokener *t = json_tokener_new();

	if (t)
		o = json_tokener_parse_ex(t, (const char *)answer->data, (int)answer->len);
	json_tokener_free(t);
	if (!json_object_is_type(o, json_type_object))
		return complain(IMACTL_FAILED, "the daemon's answer is not a JSON object");
	if (json)
		put_json(o);
	else
		put_object(o, 0);
	return IMACTL_OK;
}

int cmd_status(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	cleanup(buf_done) struct buf answer = { 0 };
	bool json = false;
	struct why why;
	int c;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j')
			return IMACTL_USAGE;
		json = true;
	}
	if (optind < argc)
		return complain(IMACTL_USAGE, "status takes no arguments");
	if (client_call(ctl, CTL_STATUS, NULL, STATUS_TIMEOUT_S, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	return show(&answer, json);
}
