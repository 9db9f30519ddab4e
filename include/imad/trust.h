/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose signatures count and what never passes: a keyring and a deny list, as the
 * kernel's keyrings .ima, .ima_blacklist and .blacklist. Made by one thread, then read
 * by any number of them, each with a reference of its own. Text in; opens nothing.
 *
 * The deny list, a line each; blank lines and what follows a # do not count:
 *   sha256:HEX   content with this digest; any algorithm of the table that libcrypto has
 *   bin:HEX      the same whatever the algorithm is: MD5, SHA-1 or SHA-2 by the length, or the label's
 *   key:HEX      signatures by keys whose identifier ends with these bytes, 4 or more
 */
#ifndef IMAD_TRUST_H
#define IMAD_TRUST_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/keyring.h>
#include <imad/util.h>

#define DENY_BYTES_MAX (4u << 20) /* of one list */

struct trust;

/* Takes @keys over. 0 and *@ret with one reference, or -ENOMEM; @keys is freed then. */
int trust_new(struct keyring *keys, struct trust **ret);
struct trust *trust_ref(struct trust *t);
void trust_unref(struct trust *t); /* NULL is allowed */
void trust_unrefp(struct trust **t);

/*
 * Deny what @text lists, all of it or nothing. Once, before others read @t. Returns 0,
 * -ENOMEM, or -EBADMSG with line, reason and token in *@e.
 */
int trust_deny(struct trust *t, const char *text, size_t n, struct parse_error *e);

const struct keyring *trust_keys(const struct trust *t);
size_t trust_denied_count(const struct trust *t); /* lines of digests and keys; a line given twice counts once */
/* Bytes that two lists have in common only if they deny the same; *@n of them. */
const void *trust_denied_bytes(const struct trust *t, size_t *n);

/* Algorithms in which content must be hashed to be looked up: a bit each of enum hash_algo; 0: nothing is denied. */
uint32_t trust_denied_algos(const struct trust *t);
bool trust_denies(const struct trust *t, const struct digest *d);

#endif
