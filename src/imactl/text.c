/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages, and bytes from outside made fit for terminals and JSON. */
#include <stdarg.h>
#include <string.h>

#include <imad/util.h>

#include "imactl.h"

int complain(int code, const char *fmt, ...)
{
	char text[8192]; /* a path, and the reason behind it */
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout); /* in the order in which it happened */
	fputs("imactl: ", stderr);
	put_text(stderr, text, strlen(text));
	fputc('\n', stderr);
	return code;
}

int why_set(struct why *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return r;
}

/* Length of the UTF-8 character at @s, 0 if it is none (overlong forms, surrogates and > U+10FFFF are none).
 */
static size_t utf8_len(const uint8_t *s, size_t n)
{
	static const struct {
		uint8_t first, last, low, high; /* first byte, range of the second */
		size_t len;
	} rows[] = {
		{ 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (*s < rows[i].first || *s > rows[i].last)
			continue;
		if (rows[i].len > n || (rows[i].len > 1 && (s[1] < rows[i].low || s[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < rows[i].len; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

/* C0, DEL and the C1 controls, which some terminals obey in their UTF-8 form too. */
static bool is_control(const uint8_t *s, size_t len)
{
	return (len == 1 && (*s < 0x20 || *s == 0x7f)) || (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void put_text(FILE *f, const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + n;

	while (p < end) {
		size_t len = utf8_len(p, (size_t)(end - p));

		if (len > 0 && !is_control(p, len)) {
			fwrite(p, 1, len, f);
			p += len;
		} else {
			fprintf(f, "\\x%02x", *p++);
		}
	}
}

void json_add_hex(struct json_object *o, const char *key, const void *p, size_t n)
{
	cleanup(buf_done) struct buf b = { 0 };

	buf_add_hex(&b, p, n);
	json_object_object_add(o, key, json_object_new_string_len((const char *)b.data, (int)b.len));
}

void json_add_text(struct json_object *o, const char *key, const char *s, size_t n)
{
	cleanup(buf_done) struct buf good = { 0 };
	const uint8_t *p = (const uint8_t *)s, *end = p + n;
	bool changed = false;
	char hex_key[64];

	while (p < end) {
		size_t len = utf8_len(p, (size_t)(end - p));

		if (len > 0)
			buf_add(&good, p, len);
		else
			buf_add_str(&good, "\xef\xbf\xbd"); /* U+FFFD, the replacement character */
		changed |= len == 0;
		p += MAX(len, 1u);
	}
	json_object_object_add(o, key, json_object_new_string_len((const char *)good.data, (int)good.len));
	if (!changed)
		return;
	(void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	json_add_hex(o, hex_key, s, n);
}

void put_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *join_path(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}
