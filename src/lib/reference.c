/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference values: the forms that have lines, and looking up. */
#include <fnmatch.h>
#include <regex.h>
#include <string.h>

#include "reference_priv.h"

#define OWN_FIRST_LINE "imad-reference 1"

struct reference {
	struct buf entries, names, globs;
	regex_t *regexes;
	size_t n_regexes;
	bool buffers, sorted;
};

static void draft_done(struct reference_draft *d)
{
	buf_done(&d->entries);
	buf_done(&d->names);
	buf_done(&d->globs);
	buf_done(&d->regexes);
}

int reference_new(struct reference **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void reference_free(struct reference *r)
{
	if (!r)
		return;
	buf_done(&r->entries);
	buf_done(&r->names);
	buf_done(&r->globs);
	for (size_t i = 0; i < r->n_regexes; i++)
		regfree(&r->regexes[i]);
	free(r->regexes);
	free(r);
}

void reference_freep(struct reference **r)
{
	reference_free(*r);
}

int reference_wrong(struct parse_error *e, unsigned int line, const char *why, const char *token, size_t len)
{
	*e = (struct parse_error){ .line = line, .why = why };
	memcpy(e->token, token, MIN(len, sizeof(e->token) - 1));
	return -EBADMSG;
}

int reference_put(struct reference_draft *d, enum reference_kind kind, const char *hex, size_t digits, const char *name,
		  size_t len)
{
	struct reference_entry entry = { .name = d->names.len, .kind = (uint8_t)kind };

	if (digits % 2 || digits < 32 || digits > 2 * DIGEST_MAX || len == 0 || memchr(name, 0, len))
		return -EBADMSG;
	entry.size = (uint8_t)(digits / 2);
	if (hex_decode(hex, digits, entry.bytes, entry.size) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		buf_add_u8(&d->names, name[i] == ' ' ? '_' : (uint8_t)name[i]);
	buf_add_u8(&d->names, 0);
	buf_add(&d->entries, &entry, sizeof(entry));
	return buf_error(&d->names) < 0 || buf_error(&d->entries) < 0 ? -ENOMEM : 0;
}

/* --- lines */

static size_t hex_digits(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && ((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f') || (p[i] >= 'A' && p[i] <= 'F')))
		i++;
	return i;
}

/* "\\n" and the like in a name of sha256sum. */
static int unescape(const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (c == '\\') {
			if (++i == n || !strchr("nr\\", p[i]))
				return -EBADMSG;
			c = p[i] == 'n' ? '\n' : p[i] == 'r' ? '\r' : '\\';
		}
		buf_add_u8(out, (uint8_t)c);
	}
	return buf_error(out);
}

static int take_sum(struct reference_draft *d, const char *p, size_t n)
{
	cleanup(buf_done) struct buf name = { 0 };
	bool escaped = n > 0 && *p == '\\';
	size_t digits;

	if (escaped)
		p++, n--;
	digits = hex_digits(p, n);
	if (digits + 3 > n || p[digits] != ' ' || (p[digits + 1] != ' ' && p[digits + 1] != '*'))
		return -EBADMSG;
	if (!escaped)
		return reference_put(d, REFERENCE_FILE, p, digits, p + digits + 2, n - digits - 2);
	if (unescape(p + digits + 2, n - digits - 2, &name) < 0)
		return -EBADMSG;
	return reference_put(d, REFERENCE_FILE, p, digits, (const char *)name.data, name.len);
}

static bool begins(const char *p, size_t n, const char *with)
{
	return n > strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

static int take_own(struct reference_draft *d, const char *p, size_t n)
{
	enum reference_kind kind = REFERENCE_FILE;
	const char *colon, *blank;
	const struct algo *algo;

	if (n == 0 || *p == '#')
		return 0;
	if (begins(p, n, "exclude ")) {
		if (memchr(p, 0, n))
			return -EBADMSG;
		buf_add(&d->globs, p + 8, n - 8);
		buf_add_u8(&d->globs, 0);
		return buf_error(&d->globs);
	}
	if (begins(p, n, "buffer ")) {
		kind = REFERENCE_BUFFER;
		d->buffers = true;
		p += 7, n -= 7;
	}
	colon = memchr(p, ':', n);
	blank = memchr(p, ' ', n);
	if (!colon || !blank || colon > blank)
		return -EBADMSG;
	algo = algo_by_name(p, (size_t)(colon - p));
	if (!algo || blank - colon - 1 != 2 * algo->size)
		return -EBADMSG;
	return reference_put(d, kind, colon + 1, (size_t)(blank - colon - 1), blank + 1, n - (size_t)(blank + 1 - p));
}

static int each_line(struct reference_draft *d, const char *text, size_t n, struct parse_error *e,
		     int (*take)(struct reference_draft *d, const char *p, size_t n), unsigned int first)
{
	unsigned int line = first;

	for (const char *p = text, *end = text + n; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		int r = take(d, p, len);

		if (r == -EBADMSG)
			return reference_wrong(e, line, take == take_sum ? "not a line of sha256sum" :
						     "not 'ALGO:HEX NAME', 'buffer ALGO:HEX NAME' or 'exclude GLOB'", p, len);
		if (r < 0)
			return r;
		p = nl ? nl + 1 : end;
	}
	return 0;
}

/* --- taking over */

static int add_regexes(struct reference *r, const struct buf *texts, struct parse_error *e)
{
	for (size_t at = 0; at < texts->len;) {
		const char *p = (const char *)texts->data + at;
		regex_t *more = realloc(r->regexes, (r->n_regexes + 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->regexes = more;
		if (regcomp(&r->regexes[r->n_regexes], p, REG_EXTENDED | REG_NOSUB) != 0)
			return reference_wrong(e, 0, "not a regular expression that is understood here", p, strlen(p));
		r->n_regexes++;
		at += strlen(p) + 1;
	}
	return 0;
}

static int take_over(struct reference *r, struct reference_draft *d, struct parse_error *e)
{
	struct reference_entry *entries = (struct reference_entry *)d->entries.data;
	size_t had = r->n_regexes, n = d->entries.len / sizeof(*entries);
	int err = add_regexes(r, &d->regexes, e);

	for (size_t i = 0; i < n; i++)
		entries[i].name += r->names.len;
	if (err == 0) {
		buf_add(&r->entries, d->entries.data, d->entries.len);
		buf_add(&r->names, d->names.data, d->names.len);
		buf_add(&r->globs, d->globs.data, d->globs.len);
		r->buffers |= d->buffers;
		r->sorted = false;
		return buf_error(&r->entries) < 0 || buf_error(&r->names) < 0 ? -ENOMEM : buf_error(&r->globs);
	}
	while (r->n_regexes > had)
		regfree(&r->regexes[--r->n_regexes]);
	return err;
}

int reference_add(struct reference *r, const char *text, size_t n, struct parse_error *e)
{
	cleanup(draft_done) struct reference_draft d = { .buffers = false };
	size_t blank = 0;
	int err;

	if (n > REFERENCE_TEXT_MAX)
		return reference_wrong(e, 0, "too long", "", 0);
	while (blank < n && strchr(" \t\r\n", text[blank]) && text[blank])
		blank++;
	if (blank < n && text[blank] == '{')
		err = reference_keylime(&d, text, n, e);
	else if (begins(text, n, OWN_FIRST_LINE "\n"))
		err = each_line(&d, text + sizeof(OWN_FIRST_LINE), n - sizeof(OWN_FIRST_LINE), e, take_own, 2);
	else
		err = each_line(&d, text, n, e, take_sum, 1);
	if (err == 0 && d.entries.len == 0)
		err = reference_wrong(e, 0, "no reference values in it", "", 0);
	return err == 0 ? take_over(r, &d, e) : err;
}

size_t reference_count(const struct reference *r)
{
	return r->entries.len / sizeof(struct reference_entry);
}

bool reference_knows_buffers(const struct reference *r)
{
	return r->buffers;
}

/* --- looking up */

static int order(const void *a, const void *b, void *names)
{
	const struct reference_entry *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

static bool is_excluded(const struct reference *r, const char *name)
{
	for (size_t at = 0; at < r->globs.len; at += strlen((const char *)r->globs.data + at) + 1)
		if (fnmatch((const char *)r->globs.data + at, name, 0) == 0)
			return true;
	for (size_t i = 0; i < r->n_regexes; i++)
		if (regexec(&r->regexes[i], name, 0, NULL, 0) == 0)
			return true;
	return false;
}

enum reference_verdict reference_find(struct reference *r, enum reference_kind kind, const char *name, size_t len,
				      const struct digest *d)
{
	struct reference_entry *entries = (struct reference_entry *)r->entries.data;
	const char *names = (const char *)r->names.data;
	size_t low = 0, high = reference_count(r);
	cleanup_free char *text = strndup(name, len);
	bool known = false;

	if (!r->sorted && high > 0)
		qsort_r(entries, high, sizeof(*entries), order, r->names.data);
	r->sorted = true;
	if (!text)
		return REFERENCE_UNKNOWN;
	while (low < high) { /* the first that is not before it */
		size_t middle = low + (high - low) / 2;
		int c = entries[middle].kind != kind ? (entries[middle].kind < kind ? -1 : 1) :
						       strcmp(names + entries[middle].name, text);

		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < reference_count(r) && entries[low].kind == kind && strcmp(names + entries[low].name, text) == 0; low++) {
		known = true;
		if (entries[low].size == d->size && memcmp(entries[low].bytes, d->bytes, d->size) == 0)
			return REFERENCE_OK;
	}
	if (is_excluded(r, text))
		return REFERENCE_EXCLUDED;
	return known ? REFERENCE_WRONG : REFERENCE_UNKNOWN;
}
