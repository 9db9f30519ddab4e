/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the forms of reference values share. */
#ifndef IMAD_REFERENCE_PRIV_H
#define IMAD_REFERENCE_PRIV_H

#include <imad/buf.h>
#include <imad/reference.h>

/* One name with one digest. */
struct reference_entry {
	size_t name; /* offset in @names, NUL-terminated */
	uint8_t kind, size;
	uint8_t bytes[DIGEST_MAX];
};

/* What one text says, until all of it is known to be good. */
struct reference_draft {
	struct buf entries; /* struct reference_entry */
	struct buf names;
	struct buf globs;   /* NUL-terminated, one behind the other */
	struct buf regexes; /* likewise, of POSIX' extended form */
	bool buffers;
};

int reference_wrong(struct parse_error *e, unsigned int line, const char *why, const char *token, size_t len);

/* @hex of any digest size; the name's blanks become '_'. 0, -ENOMEM, or -EBADMSG: no digest, no name. */
int reference_put(struct reference_draft *d, enum reference_kind kind, const char *hex, size_t digits, const char *name,
		  size_t len);

/* reference_keylime.c */
int reference_keylime(struct reference_draft *d, const char *text, size_t n, struct parse_error *e);

#endif
