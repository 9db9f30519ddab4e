/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One growing byte buffer and one bounded reader: all bounds checks, byte order
 * and hex of the pure rooms are here, so that parsers hold no pointer arithmetic.
 */
#ifndef IMAD_BUF_H
#define IMAD_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. After a failed append @failed stays set and nothing more is added. */
struct buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

void buf_done(struct buf *b); /* frees the bytes; the struct can be used again */
void buf_reset(struct buf *b); /* empties it and keeps the memory */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_le16(struct buf *b, uint16_t v);
void buf_add_le32(struct buf *b, uint32_t v);
void buf_add_le64(struct buf *b, uint64_t v);
void buf_add_str(struct buf *b, const char *s); /* without NUL */
void buf_add_hex(struct buf *b, const void *p, size_t n); /* lower case */
/* As a JSON text, quoted; a byte that is not ASCII becomes the character of that number (the text may be no UTF-8). */
void buf_add_json(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 0, or -ENOMEM if any append failed. */
int buf_error(const struct buf *b);

/* Reads from borrowed bytes. Every get returns 0, or -EBADMSG and leaves the position. */
struct reader {
	const uint8_t *p;
	size_t left;
};

int reader_u8(struct reader *r, uint8_t *ret);
int reader_le16(struct reader *r, uint16_t *ret);
int reader_le32(struct reader *r, uint32_t *ret);
int reader_le64(struct reader *r, uint64_t *ret);
int reader_bytes(struct reader *r, size_t n, const uint8_t **ret);
/* Lower or upper case hex of exactly 2 * @n digits; 0 or -EBADMSG. */
int hex_decode(const char *text, size_t digits, uint8_t *out, size_t n);

#endif
