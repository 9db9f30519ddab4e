/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A JSON text (RFC 8259) from somebody who is not trusted: one object, strictly read, and nothing behind it. */
#ifndef IMAD_JSONTEXT_H
#define IMAD_JSONTEXT_H

#include <stddef.h>

#include <json-c/json.h>

/*
 * The object in @n bytes at @text, nested @depth deep at most; the caller frees it with json_object_put(). 0,
 * -ENOMEM, or -EBADMSG with *@why in English, never to be freed: it is cut, no JSON, no object, or goes on behind.
 */
int jsontext_read(const char *text, size_t n, int depth, struct json_object **ret, const char **why);

#endif
