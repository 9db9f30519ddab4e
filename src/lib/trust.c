/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries are kept sorted: a list may have as many as all builds of a distribution. */
#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <imad/buf.h>
#include <imad/digest.h>
#include <imad/trust.h>

#define KEY_ID_MIN 4
#define BIN 0xff /* of no algorithm in particular; not an id of the table */
#define KEY 0xfe

struct trust {
	atomic_uint refs;
	struct keyring *keys;
	struct digest *denied; /* sorted; @algo may be BIN or KEY */
	size_t n;
	uint32_t algos;
};

int trust_new(struct keyring *keys, struct trust **ret)
{
	struct trust *t = calloc(1, sizeof(*t));

	if (!t) {
		keyring_free(keys);
		return -ENOMEM;
	}
	t->refs = 1;
	t->keys = keys;
	*ret = t;
	return 0;
}

struct trust *trust_ref(struct trust *t)
{
	t->refs++;
	return t;
}

void trust_unref(struct trust *t)
{
	if (!t || --t->refs > 0)
		return;
	keyring_free(t->keys);
	free(t->denied);
	free(t);
}

void trust_unrefp(struct trust **t)
{
	trust_unref(*t);
}

static int bad(struct parse_error *e, unsigned int line, const char *why, const char *token, size_t n)
{
	*e = (struct parse_error){ .line = line, .why = why };
	memcpy(e->token, token, MIN(n, sizeof(e->token) - 1));
	return -EBADMSG;
}

/* Bytes of @digits; more than a digest or an odd number of them are none. */
static const char *parse_hex(const char *digits, size_t n, struct digest *ret)
{
	if (n == 0 || n % 2 || n / 2 > DIGEST_MAX || hex_decode(digits, n, ret->bytes, n / 2) < 0)
		return "not an even number of hex digits, 128 at most";
	ret->size = (uint8_t)(n / 2);
	return NULL;
}

/* Whether libcrypto computes it here: what cannot be computed would never be found. */
static bool is_available(const struct algo *algo)
{
	struct digest unused;

	return algo->openssl && digest_buf(algo, "", 0, &unused) == 0;
}

/* The usual one with digests of that length: MD5, SHA-1, SHA-2. */
static const struct algo *algo_of_size(size_t size)
{
	for (unsigned int i = ALGO_MD5; i < ALGO_COUNT; i++)
		if (algo_by_id(i)->size == size)
			return is_available(algo_by_id(i)) ? algo_by_id(i) : NULL;
	return NULL;
}

/* One entry, without blanks around it. NULL, or what is wrong. */
static const char *parse_entry(const char *s, size_t n, struct digest *ret)
{
	const char *colon = memchr(s, ':', n), *why;
	size_t name = colon ? (size_t)(colon - s) : 0;
	const struct algo *algo = colon ? algo_by_name(s, name) : NULL;
	struct digest d = { 0 };

	if (!colon)
		return "neither ALGO:HEX nor bin:HEX nor key:HEX";
	why = parse_hex(colon + 1, n - name - 1, &d);
	if (name == 3 && memcmp(s, "key", 3) == 0) {
		d.algo = KEY;
		why = !why && d.size < KEY_ID_MIN ? "the id of a key has 8 hex digits or more" : why;
	} else if (name == 3 && memcmp(s, "bin", 3) == 0) {
		d.algo = BIN;
		why = !why && !algo_of_size(d.size) ? "no digest has that length" : why;
	} else if (!algo || !is_available(algo)) {
		why = "unknown hash algorithm, or libcrypto does not compute it";
	} else {
		d.algo = algo->id;
		why = !why && d.size != algo->size ? "not as long as a digest of that algorithm" : why;
	}
	if (!why)
		*ret = d;
	return why;
}

/* By algorithm, then length, then bytes: the unused ones are zero. */
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static int parse(const char *text, size_t n, struct digest *entries, size_t *count, struct parse_error *e)
{
	unsigned int number = 0;

	for (const char *at = text, *end = text + n, *next; at < end; at = next) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end, *comment, *why;

		next = newline ? newline + 1 : end;
		number++;
		comment = memchr(at, '#', (size_t)(stop - at));
		stop = comment ? comment : stop;
		while (at < stop && isspace((unsigned char)*at))
			at++;
		while (stop > at && isspace((unsigned char)stop[-1]))
			stop--;
		if (at == stop)
			continue;
		why = parse_entry(at, (size_t)(stop - at), &entries[*count]);
		if (why)
			return bad(e, number, why, at, (size_t)(stop - at));
		(*count)++;
	}
	return 0;
}

/* No entry is without one. */
static size_t count_colons(const char *text, size_t n)
{
	size_t colons = 0;

	for (size_t i = 0; i < n; i++)
		colons += text[i] == ':';
	return colons;
}

/* In what content must be hashed, besides the label's algorithm. */
static uint32_t algos_of(const struct digest *d)
{
	return d->algo == KEY ? 0 : 1u << (d->algo == BIN ? algo_of_size(d->size)->id : d->algo);
}

int trust_deny(struct trust *t, const char *text, size_t n, struct parse_error *e)
{
	cleanup_free struct digest *entries = NULL;
	size_t count = 0, kept = 0;
	int r;

	if (n > DENY_BYTES_MAX)
		return bad(e, 0, "longer than 4 MiB", "", 0);
	entries = calloc(count_colons(text, n) + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	r = parse(text, n, entries, &count, e);
	if (r < 0)
		return r;
	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept && compare(&entries[kept - 1], &entries[i]) == 0)
			continue;
		entries[kept] = entries[i];
		t->algos |= algos_of(&entries[kept]);
		if (entries[kept].algo == KEY)
			(void)keyring_deny(t->keys, entries[kept].bytes, entries[kept].size);
		kept++;
	}
	t->n = kept;
	t->denied = take_ptr(entries);
	return 0;
}

const struct keyring *trust_keys(const struct trust *t)
{
	return t->keys;
}

const void *trust_denied_bytes(const struct trust *t, size_t *n)
{
	*n = t->n * sizeof(t->denied[0]);
	return t->denied;
}

size_t trust_denied_count(const struct trust *t)
{
	return t->n;
}

uint32_t trust_denied_algos(const struct trust *t)
{
	return t->algos;
}

static bool has(const struct trust *t, const struct digest *d, uint8_t algo)
{
	struct digest key = { .algo = algo, .size = d->size };

	memcpy(key.bytes, d->bytes, d->size); /* what is behind them may be anything in @d */
	return bsearch(&key, t->denied, t->n, sizeof(key), compare) != NULL;
}

bool trust_denies(const struct trust *t, const struct digest *d)
{
	return t->algos && (has(t, d, d->algo) || has(t, d, BIN));
}
