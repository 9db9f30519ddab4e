// SPDX-License-Identifier: GPL-2.0-or-later
/* A ring of the newest, found by a hash table over it. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <imad/known.h>
#include <imad/util.h>

#define GROW 512
#define BUCKETS 4096
#define NONE UINT32_MAX

struct entry {
	struct digest digest;
	uint32_t found, epoch, next; /* in its bucket */
};

struct known {
	pthread_mutex_t lock;
	unsigned int max, room, n, oldest;
	uint32_t algos;
	uint32_t buckets[BUCKETS];
	struct entry *entries;
};

int known_new(unsigned int max, struct known **ret)
{
	struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	pthread_mutex_init(&k->lock, NULL);
	k->max = max;
	memset(k->buckets, 0xff, sizeof(k->buckets));
	*ret = k;
	return 0;
}

void known_free(struct known *k)
{
	if (!k)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k->entries);
	free(k);
}

static bool is_same(const struct digest *a, const struct digest *b)
{
	return a->algo == b->algo && a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

static uint32_t *bucket_of(struct known *k, const struct digest *digest)
{
	uint32_t head;

	memcpy(&head, digest->bytes, sizeof(head));
	return &k->buckets[head % BUCKETS];
}

static struct entry *find(struct known *k, const struct digest *digest)
{
	for (uint32_t i = *bucket_of(k, digest); i != NONE; i = k->entries[i].next)
		if (is_same(&k->entries[i].digest, digest))
			return &k->entries[i];
	return NULL;
}

static void unlink_entry(struct known *k, uint32_t i)
{
	uint32_t *p = bucket_of(k, &k->entries[i].digest);

	while (*p != i)
		p = &k->entries[*p].next;
	*p = k->entries[i].next;
}

/* NONE: no memory. */
static uint32_t take_entry(struct known *k)
{
	struct entry *more;
	uint32_t i;

	if (k->n == k->room && k->room < k->max) {
		more = reallocarray(k->entries, k->room + GROW, sizeof(*more));
		if (!more)
			return NONE;
		k->entries = more;
		k->room += GROW;
	}
	if (k->n < k->max)
		return k->n++;
	i = k->oldest;
	k->oldest = (k->oldest + 1) % k->max;
	unlink_entry(k, i);
	return i;
}

void known_add(struct known *k, const struct digest *digest, uint32_t found, uint32_t epoch)
{
	struct entry *e;
	uint32_t i;

	pthread_mutex_lock(&k->lock);
	e = find(k, digest);
	if (!e && (i = take_entry(k)) != NONE) {
		e = &k->entries[i];
		*e = (struct entry){ .digest = *digest, .next = *bucket_of(k, digest) };
		*bucket_of(k, digest) = i;
		k->algos |= 1u << digest->algo;
	}
	if (e) {
		e->found = found;
		e->epoch = epoch;
	}
	pthread_mutex_unlock(&k->lock);
}

uint32_t known_find(struct known *k, const struct digest *digest, uint32_t trust_epoch)
{
	struct entry *e;
	uint32_t found;

	pthread_mutex_lock(&k->lock);
	e = find(k, digest);
	found = e && imad_is_trusted(e->epoch, trust_epoch) ? e->found : 0;
	pthread_mutex_unlock(&k->lock);
	return found;
}

uint32_t known_algos(struct known *k)
{
	uint32_t algos;

	pthread_mutex_lock(&k->lock);
	algos = k->algos;
	pthread_mutex_unlock(&k->lock);
	return algos;
}
