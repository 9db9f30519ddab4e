/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashing through libcrypto. An algorithm is fetched once a process, a context
 * is made once a thread and algorithm: a fetch and the allocations of a context
 * cost more than hashing a whole record. libcrypto's error queue ends here.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <imad/digest.h>
#include <imad/util.h>

struct digest_stream {
	const struct algo *algo;
	EVP_MD_CTX *ctx;
};

/* What digest_buf() keeps for a thread. */
struct contexts {
	EVP_MD_CTX *of[ALGO_COUNT];
};

static _Atomic(EVP_MD *) fetched[ALGO_COUNT]; /* kept until the process ends */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

static EVP_MD *fetch(const struct algo *algo)
{
	EVP_MD *md = atomic_load_explicit(&fetched[algo->id], memory_order_acquire), *first = NULL;

	if (md || !algo->openssl)
		return md;
	md = EVP_MD_fetch(NULL, algo->openssl, NULL);
	if (!md) {
		ERR_clear_error();
		return NULL;
	}
	if (atomic_compare_exchange_strong(&fetched[algo->id], &first, md))
		return md;
	EVP_MD_free(md); /* another thread was first */
	return first;
}

bool digest_can(const struct algo *algo)
{
	return algo && fetch(algo);
}

static int context_new(const struct algo *algo, EVP_MD_CTX **ret)
{
	EVP_MD *md = fetch(algo);
	EVP_MD_CTX *ctx;

	if (!md)
		return -EOPNOTSUPP;
	ctx = EVP_MD_CTX_new();
	if (!ctx || !EVP_DigestInit_ex(ctx, md, NULL)) {
		EVP_MD_CTX_free(ctx);
		ERR_clear_error();
		return -ENOMEM;
	}
	*ret = ctx;
	return 0;
}

static void contexts_free(void *p)
{
	struct contexts *c = p;

	for (size_t i = 0; i < ARRAY_SIZE(c->of); i++)
		EVP_MD_CTX_free(c->of[i]);
	free(c);
}

static void make_key(void)
{
	have_key = !pthread_key_create(&key, contexts_free);
}

/* This thread's context for @algo. */
static int context_get(const struct algo *algo, EVP_MD_CTX **ret)
{
	struct contexts *c;
	int r = 0;

	pthread_once(&once, make_key);
	if (!have_key)
		return -ENOMEM;
	c = pthread_getspecific(key);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c || pthread_setspecific(key, c)) {
			free(c);
			return -ENOMEM;
		}
	}
	if (!c->of[algo->id])
		r = context_new(algo, &c->of[algo->id]);
	if (r < 0)
		return r;
	*ret = c->of[algo->id];
	return 0;
}

/* 0, or -EIO when libcrypto said no; its reasons are dropped, there is nothing to be done about them. */
static int check(int ok)
{
	if (ok)
		return 0;
	ERR_clear_error();
	return -EIO;
}

static int finish(EVP_MD_CTX *ctx, const struct algo *algo, struct digest *ret)
{
	struct digest d = { .algo = algo->id, .size = algo->size };
	int r = check(EVP_DigestFinal_ex(ctx, d.bytes, NULL));

	if (!r)
		*ret = d;
	return r;
}

int digest_stream_new(const struct algo *algo, struct digest_stream **ret)
{
	cleanup(digest_stream_freep) struct digest_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->algo = algo;
	r = context_new(algo, &s->ctx);
	if (r < 0)
		return r;
	*ret = take_ptr(s);
	return 0;
}

void digest_stream_free(struct digest_stream *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

void digest_stream_freep(struct digest_stream **s)
{
	digest_stream_free(*s);
}

int digest_begin(struct digest_stream *s)
{
	return check(EVP_DigestInit_ex(s->ctx, NULL, NULL));
}

int digest_update(struct digest_stream *s, const void *p, size_t n)
{
	return check(EVP_DigestUpdate(s->ctx, p, n));
}

int digest_end(struct digest_stream *s, struct digest *ret)
{
	return finish(s->ctx, s->algo, ret);
}

int digest_buf(const struct algo *algo, const void *p, size_t n, struct digest *ret)
{
	EVP_MD_CTX *ctx;
	int r = context_get(algo, &ctx);

	if (r < 0)
		return r;
	r = check(EVP_DigestInit_ex(ctx, NULL, NULL) && EVP_DigestUpdate(ctx, p, n));
	return r < 0 ? r : finish(ctx, algo, ret);
}
