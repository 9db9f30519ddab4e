/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reference values: which content is expected under which name. Text in; three forms, told
 * apart by how the text begins.
 *
 * imad's own, a line each:
 *   imad-reference 1        the first line
 *   sha256:HEX NAME         this content may be there; any algorithm of the table, any number a name
 *   buffer sha256:HEX NAME  the same for what is no file (template ima-buf)
 *   exclude GLOB            names that are not looked at, as fnmatch(3)
 *   # ...                   nothing, as blank lines
 * sha256sum's (and sha1sum's, sha384sum's, sha512sum's): HEX, two blanks or blank and '*', NAME; escaped
 *   as GNU coreutils do it if the line begins with a backslash.
 * keylime's runtime policy: a JSON object of version 1; digests, keyrings, ima-buf, ima.ignored_keyrings and
 *   excludes count. An exclude is a Python regular expression, matched from the beginning; those that
 *   POSIX would read otherwise are refused, not guessed at.
 *
 * The list has '_' where a name has a blank; so has every name here.
 */
#ifndef IMAD_REFERENCE_H
#define IMAD_REFERENCE_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/util.h>

#define REFERENCE_TEXT_MAX (256u << 20)

struct reference;

int reference_new(struct reference **ret);
void reference_free(struct reference *r);
void reference_freep(struct reference **r);

/* Add what @text says, all of it or nothing. 0, -ENOMEM, or -EBADMSG with line, reason and token in *@e. */
int reference_add(struct reference *r, const char *text, size_t n, struct parse_error *e);

/* How many names and digests there are, and whether any text spoke of buffers. */
size_t reference_count(const struct reference *r);
bool reference_knows_buffers(const struct reference *r);

enum reference_kind { REFERENCE_FILE, REFERENCE_BUFFER };
enum reference_verdict {
	REFERENCE_OK,
	REFERENCE_EXCLUDED,
	REFERENCE_UNKNOWN, /* no such name */
	REFERENCE_WRONG,   /* the name, but not with this digest */
};

/* The first call after reference_add() sorts: one thread. */
enum reference_verdict reference_find(struct reference *r, enum reference_kind kind, const char *name, size_t len,
				      const struct digest *d);

#endif
