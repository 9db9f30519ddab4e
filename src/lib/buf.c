/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing buffer, bounded reader, hex. The only pointer arithmetic of the pure rooms. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <imad/buf.h>
#include <imad/util.h>

#define BUF_FIRST 256 /* bytes of the first allocation: most records fit */

/* Room for @n more bytes behind the content, which the caller fills; NULL when there is none. */
static uint8_t *reserve(struct buf *b, size_t n)
{
	size_t cap = MAX(b->cap, (size_t)BUF_FIRST);
	uint8_t *data;

	if (b->failed)
		return NULL;
	if (n <= b->cap - b->len)
		return b->data + b->len;

	while (cap - b->len < n && cap <= SIZE_MAX / 2)
		cap *= 2;
	data = cap - b->len >= n ? realloc(b->data, cap) : NULL;
	if (!data) {
		b->failed = true;
		return NULL;
	}
	b->data = data;
	b->cap = cap;
	return data + b->len;
}

static void add_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = reserve(b, n);

	if (!p)
		return;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	b->len += n;
}

static int get_le(struct reader *r, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (r->left < n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)r->p[i] << (8 * i);
	r->p += n;
	r->left -= n;
	*ret = v;
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EBADMSG;
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (!n)
		return; /* @p may be NULL then */
	to = reserve(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void buf_add_u8(struct buf *b, uint8_t v)
{
	add_le(b, v, sizeof(v));
}

void buf_add_le16(struct buf *b, uint16_t v)
{
	add_le(b, v, sizeof(v));
}

void buf_add_le32(struct buf *b, uint32_t v)
{
	add_le(b, v, sizeof(v));
}

void buf_add_le64(struct buf *b, uint64_t v)
{
	add_le(b, v, sizeof(v));
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_json(struct buf *b, const char *s)
{
	buf_add_u8(b, '"');
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p < ' ' || *p >= 0x7f || *p == '"' || *p == '\\')
			buf_addf(b, "\\u%04x", *p);
		else
			buf_add_u8(b, *p);
	}
	buf_add_u8(b, '"');
}

void buf_add_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = p;
	uint8_t *to;

	if (n > SIZE_MAX / 2) {
		b->failed = true;
		return;
	}
	to = reserve(b, 2 * n);
	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		*to++ = (uint8_t)digits[from[i] >> 4];
		*to++ = (uint8_t)digits[from[i] & 15];
	}
	b->len += 2 * n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);

	/* vsnprintf writes a NUL, which is not part of the content. */
	to = n >= 0 ? reserve(b, (size_t)n + 1) : NULL;
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->failed = true;
	}
	va_end(again);
}

int buf_error(const struct buf *b)
{
	return b->failed ? -ENOMEM : 0;
}

#define DEFINE_GET(name, type)                                                                               \
	int reader_##name(struct reader *r, type *ret)                                                       \
	{                                                                                                    \
		uint64_t v;                                                                                  \
		int err = get_le(r, sizeof(type), &v);                                                       \
                                                                                                             \
		if (!err)                                                                                    \
			*ret = (type)v;                                                                      \
		return err;                                                                                  \
	}

DEFINE_GET(u8, uint8_t)
DEFINE_GET(le16, uint16_t)
DEFINE_GET(le32, uint32_t)
DEFINE_GET(le64, uint64_t)

int reader_bytes(struct reader *r, size_t n, const uint8_t **ret)
{
	if (r->left < n)
		return -EBADMSG;
	*ret = r->p;
	r->p += n;
	r->left -= n;
	return 0;
}

int hex_decode(const char *text, size_t digits, uint8_t *out, size_t n)
{
	if (digits / 2 != n || digits % 2)
		return -EBADMSG;
	for (size_t i = 0; i < digits; i++)
		if (nibble(text[i]) < 0)
			return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	return 0;
}
