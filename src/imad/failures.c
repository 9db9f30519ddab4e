// SPDX-License-Identifier: GPL-2.0-or-later
/* Fixed tables behind one lock. No kernel interface: what happened is told by those who know. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <imad/appraise.h>
#include <imad/failures.h>
#include <imad/util.h>

#define FINDINGS 512 /* a table by inode; a newer one of the same place replaces */

struct failures {
	pthread_mutex_t lock;
	uint64_t newest; /* number */
	struct failure ring[FAILURES_MAX]; /* failure n is in place n % FAILURES_MAX, if its number says so */
	struct finding findings[FINDINGS];
	struct rule_names rules[2];
};

int failures_new(struct failures **ret)
{
	struct failures *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

static void forget(struct failure *it)
{
	free((char *)it->exe);
	free((char *)it->name);
	free((char *)it->place);
	free((char *)it->rule_text);
	*it = (struct failure){ 0 };
}

void rule_names_done(struct rule_names *names)
{
	for (unsigned int i = 0; i < names->n; i++) {
		free(names->places[i]);
		free(names->texts[i]);
	}
	free(names->places);
	free(names->texts);
	*names = (struct rule_names){ 0 };
}

void failures_free(struct failures *f)
{
	if (!f)
		return;
	for (unsigned int i = 0; i < FAILURES_MAX; i++)
		forget(&f->ring[i]);
	rule_names_done(&f->rules[0]);
	rule_names_done(&f->rules[1]);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static struct finding *finding_of(struct failures *f, uint64_t ino)
{
	return &f->findings[ino * 0x9e3779b97f4a7c15ull >> 55]; /* 64 - 55 bits: FINDINGS */
}

void failures_found(struct failures *f, const struct finding *found)
{
	_Static_assert(FINDINGS == 1 << (64 - 55), "findings");
	pthread_mutex_lock(&f->lock);
	*finding_of(f, found->ino) = *found;
	pthread_mutex_unlock(&f->lock);
}

void failures_set_rules(struct failures *f, unsigned int half, struct rule_names *names)
{
	struct rule_names old;

	pthread_mutex_lock(&f->lock);
	old = f->rules[half & 1];
	f->rules[half & 1] = *names;
	pthread_mutex_unlock(&f->lock);
	rule_names_done(&old);
	*names = (struct rule_names){ 0 };
}

/* NULL: not known. The caller has the lock. */
static const char *find_rule(const struct failures *f, uint32_t rule, const char **ret_text)
{
	const struct rule_names *names = &f->rules[rule > IMAD_RULES_MAX];
	uint32_t i = rule ? (rule - 1) % IMAD_RULES_MAX : 0;

	if (!rule || rule > 2 * IMAD_RULES_MAX || i >= names->n)
		return NULL;
	*ret_text = names->texts[i];
	return names->places[i];
}

bool failures_rule(struct failures *f, uint32_t rule, char *place, size_t place_size, char *text, size_t text_size)
{
	const char *at, *words = "";

	pthread_mutex_lock(&f->lock);
	at = find_rule(f, rule, &words);
	snprintf(place, place_size, "%s", at ? at : "");
	snprintf(text, text_size, "%s", at ? words : "");
	pthread_mutex_unlock(&f->lock);
	return at;
}

static const char *last_component(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* What was found of the same inode, if it is what the failure was judged by. st_dev is not s_dev everywhere. */
static bool belongs(const struct finding *found, const struct failure *it)
{
	if (!it->ino || found->ino != it->ino || !(it->found & IMAD_FOUND_KNOWN) ||
	    found->found != (it->found & ~(IMAD_FOUND_KNOWN | IMAD_FOUND_NEW)))
		return false;
	return found->dev == it->dev || !strncmp(found->name, last_component(it->name), sizeof(found->name) - 1);
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

static bool fill(const struct failures *f, const struct failure *in, struct failure *it)
{
	const char *text = "", *place = find_rule(f, in->rule, &text);
	const struct finding *found = finding_of((struct failures *)f, in->ino);

	*it = *in;
	it->exe = copy(in->exe);
	it->name = copy(in->name);
	it->place = copy(place);
	it->rule_text = copy(text);
	if (!it->exe || !it->name || !it->place || !it->rule_text)
		return false;
	it->finding = belongs(found, it) ? *found : (struct finding){ 0 };
	return true;
}

uint64_t failures_add(struct failures *f, const struct failure *in)
{
	struct failure *it;
	uint64_t number;

	pthread_mutex_lock(&f->lock);
	number = ++f->newest;
	it = &f->ring[number % FAILURES_MAX];
	forget(it);
	if (fill(f, in, it))
		it->number = number;
	else
		forget(it);
	pthread_mutex_unlock(&f->lock);
	return number;
}

void failures_skip(struct failures *f)
{
	pthread_mutex_lock(&f->lock);
	f->newest++;
	forget(&f->ring[f->newest % FAILURES_MAX]);
	pthread_mutex_unlock(&f->lock);
}

/* NULL: not kept. The caller has the lock. */
static const struct failure *find(const struct failures *f, uint64_t number)
{
	const struct failure *it = &f->ring[number % FAILURES_MAX];

	return number && it->number == number ? it : NULL;
}

bool failures_visit(struct failures *f, uint64_t number, void (*fn)(void *arg, const struct failure *it), void *arg)
{
	const struct failure *it;

	pthread_mutex_lock(&f->lock);
	it = find(f, number);
	for (uint64_t n = f->newest, i = 0; !number && !it && n && i < FAILURES_MAX; n--, i++)
		it = find(f, n);
	if (it)
		fn(arg, it);
	pthread_mutex_unlock(&f->lock);
	return it;
}

uint64_t failures_of(struct failures *f, uint32_t dev, uint64_t ino)
{
	uint64_t newest = 0;

	pthread_mutex_lock(&f->lock);
	for (unsigned int i = 0; i < FAILURES_MAX; i++)
		if (f->ring[i].number > newest && f->ring[i].ino == ino && f->ring[i].dev == dev)
			newest = f->ring[i].number;
	pthread_mutex_unlock(&f->lock);
	return newest;
}

void failures_range(struct failures *f, uint64_t *newest, uint64_t *oldest)
{
	uint64_t first = 0;

	pthread_mutex_lock(&f->lock);
	for (unsigned int i = 0; i < FAILURES_MAX; i++)
		if (f->ring[i].number && (!first || f->ring[i].number < first))
			first = f->ring[i].number;
	*newest = f->newest;
	*oldest = first;
	pthread_mutex_unlock(&f->lock);
}
