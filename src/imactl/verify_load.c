/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading evidence without having its list in memory: the string of a member "data" is decoded into a
 * temporary file as it comes, and the parser sees an empty one in its place.
 */
#include <string.h>

#include "verify_evidence.h"

#define CHUNK	 (1u << 20)
#define HEAD_MAX (256u << 10) /* bytes of all but the records */

struct splitter {
	struct buf *head;
	FILE *records;
	bool in_string, escaped;
	bool diverted;	     /* the string is that of "data" */
	bool done;	     /* there was one */
	struct buf group;    /* base64 that is not decoded yet */
	const char *why;
};

static int wrong(struct splitter *s, const char *why)
{
	s->why = why;
	return -EBADMSG;
}

/* Whether what was read ends with "data": and blanks, so that the string that begins is its value. */
static bool after_data(const struct buf *head)
{
	static const char name[] = "\"data\"";
	size_t n = head->len;

	while (n > 0 && strchr(" \t\r\n", head->data[n - 1]) && head->data[n - 1])
		n--;
	if (n == 0 || head->data[--n] != ':')
		return false;
	while (n > 0 && strchr(" \t\r\n", head->data[n - 1]) && head->data[n - 1])
		n--;
	return n >= sizeof(name) - 1 && memcmp(head->data + n - (sizeof(name) - 1), name, sizeof(name) - 1) == 0;
}

/* Decode whole groups of four; at the @end nothing may be left. */
static int decode(struct splitter *s, bool end)
{
	cleanup(buf_done) struct buf bytes = { 0 };
	size_t n = s->group.len - s->group.len % 4;

	if (buf_error(&s->group) < 0)
		return -ENOMEM;
	/* Only the last group may be padded, so it waits until it is known to be the last. */
	if (!end && n == s->group.len && n > 0)
		n -= 4;
	if (n > 0 && base64_decode((const char *)s->group.data, n, &bytes) < 0)
		return wrong(s, "list.data: not base64");
	if (end && n != s->group.len)
		return wrong(s, "list.data: not base64");
	if (!end && n > 0 && s->group.data[n - 1] == '=')
		return wrong(s, "list.data: not base64");
	if (bytes.len > 0 && fwrite(bytes.data, 1, bytes.len, s->records) != bytes.len)
		return -EIO;
	if (n > 0)
		memmove(s->group.data, s->group.data + n, s->group.len - n);
	s->group.len -= n;
	return 0;
}

static int begin_string(struct splitter *s)
{
	s->in_string = true;
	s->diverted = after_data(s->head);
	if (s->diverted && s->done)
		return wrong(s, "list.data: there is more than one");
	s->done |= s->diverted;
	return 0;
}

/* Inside of "data": characters of base64, of which '/' may be escaped. */
static int take_data(struct splitter *s, char c)
{
	if (s->escaped ? c != '/' : c == '\\') {
		if (s->escaped)
			return wrong(s, "list.data: not base64");
		s->escaped = true;
		return 0;
	}
	if (!s->escaped && c == '"') {
		s->in_string = false;
		buf_add_u8(s->head, '"');
		return decode(s, true);
	}
	s->escaped = false;
	buf_add_u8(&s->group, (uint8_t)c);
	return 0;
}

static int take(struct splitter *s, char c)
{
	if (s->in_string && s->diverted)
		return take_data(s, c);
	if (!s->in_string && c == '"') {
		int r = begin_string(s);

		if (r < 0)
			return r;
	} else if (s->in_string) {
		s->in_string = s->escaped || c != '"';
		s->escaped = !s->escaped && c == '\\';
	}
	if (s->head->len == HEAD_MAX)
		return wrong(s, "too long, even without the records");
	buf_add_u8(s->head, (uint8_t)c);
	return 0;
}

/* How much of what comes is base64 without an escape: nearly all there is, and so taken at once. */
static size_t plain_run(const struct splitter *s, const char *p, size_t n)
{
	const char *end;

	if (!s->in_string || !s->diverted || s->escaped)
		return 0;
	end = memchr(p, '"', n);
	n = end ? (size_t)(end - p) : n;
	end = memchr(p, '\\', n);
	return end ? (size_t)(end - p) : n;
}

static void splitter_done(struct splitter *s)
{
	buf_done(&s->group);
}

int verify_load(const char *path, struct buf *head, FILE **records, const char **why)
{
	cleanup(file_closep) FILE *f = fopen(path, "re"), *out = NULL;
	cleanup(splitter_done) struct splitter s = { .head = head };
	cleanup_free char *chunk = malloc(CHUNK);
	int r = 0;
	size_t n;

	if (!f)
		return -errno;
	out = tmpfile();
	if (!out || !chunk)
		return out ? -ENOMEM : -errno;
	s.records = out;
	while (r == 0 && (n = fread(chunk, 1, CHUNK, f)) > 0) {
		for (size_t i = 0; r == 0 && i < n;) {
			size_t run = plain_run(&s, chunk + i, n - i);

			if (run > 0)
				buf_add(&s.group, chunk + i, run);
			else
				r = take(&s, chunk[i]);
			i += MAX(run, 1u);
		}
		if (r == 0 && s.group.len > 0)
			r = decode(&s, false);
	}
	if (r == 0 && (ferror(f) || fflush(out) != 0))
		r = errno ? -errno : -EIO;
	if (r == 0)
		r = buf_error(head);
	*why = s.why;
	if (r == 0)
		*records = take_ptr(out);
	return r;
}
