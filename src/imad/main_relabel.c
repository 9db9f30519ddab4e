// SPDX-License-Identifier: GPL-2.0-or-later
/* The label is made anew after a write that appraisal allowed, and the HMAC after a change of what it is over. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/label.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define RELABEL_TRIES 8

static bool has_writers(struct daemon *d, int fd)
{
	struct imad_probe probe;

	return daemon_probe(d, fd, 0, &probe) < 0 || probe.writers;
}

/* Who has just closed counts as a writer for a moment yet; who opens after that tells of itself again. */
static bool keeps_writers(struct daemon *d, int fd)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	unsigned int tries = 10;

	while (has_writers(d, fd)) {
		if (!--tries)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

/* Of the content, in the list's algorithm, or in its label's if that is right. 1: the label is; 0 or negative errno. */
static int hash_for_label(struct daemon *d, void *scratch, int fd, struct digest *ret)
{
	cleanup(finder_done) struct finder label = { 0 };
	const struct algo *algos[2] = { d->hash, NULL };
	struct digest digests[2];
	unsigned int n = 1;
	int r = finder_read(fd, &label);

	if (r == 0 && finder_needs_digest(&label) && finder_needs_digest(&label) != d->hash)
		algos[n++] = finder_needs_digest(&label);
	if (r == 0)
		r = file_hash(scratch, fd, algos, n, digests);
	if (r < 0)
		return r;
	*ret = digests[0];
	if (!(finder_found(NULL, fd, &label, &digests[n - 1], 1, NULL) & IMAD_FOUND_GOOD))
		return 0;
	*ret = digests[n - 1];
	return 1;
}

/* The name is found out only now: no relabelling that works need wait for it. */
static void tell_unlabelled(struct daemon *d, int fd, int r)
{
	static struct limit limit = LIMIT(20);
	char name[FILE_NAME_MAX];

	if (!daemon_may_tell(&limit, "labels that cannot be kept"))
		return;
	if (daemon_name_of(d, fd, name) < 0)
		strcpy(name, "?");
	log_errno(LOG_WARNING, r, "cannot keep the label of '%s', which has changed", name);
}

/* The HMAC of the new label first: if all ends in between, the old one is wrong by the content anyway. */
static int set_label(struct daemon *d, int fd, const struct digest *digest, bool vouched)
{
	uint8_t label[LABEL_DIGEST_MAX];
	size_t n = label_encode_digest(digest, label);

	if (vouched)
		(void)daemon_evm_before(d, fd, label, n, true); /* if not, made_anew() says so; the label is kept */
	return daemon_set_label(fd, digest, false);
}

/* What was changed up to @g is done. */
static int made_anew(struct daemon *d, int fd, const struct imad_gen *g)
{
	int r = g->vouched ? daemon_evm_renew(d, fd) : 0;

	if (r < 0)
		tell_unlabelled(d, fd, r);
	if (g->written || (g->vouched && r >= 0))
		(void)hooks_made_anew(d->hooks, fd, g->written, r < 0 ? 0 : g->vouched); /* if not, the next use does it again */
	return r;
}

/* 1: the label is made, 0: not now, -EAGAIN: something has moved meanwhile. */
static int relabel_once(struct daemon *d, void *scratch, int fd, bool closed, struct digest *ret)
{
	struct imad_gen before, after;
	struct imad_verdict unused;
	bool has_gen;
	int r;

	if (hooks_state(d->hooks, fd, &before, &has_gen, &unused) < 0)
		return 0;
	if (!before.written && !(before.flags & IMAD_GEN_UPDATE)) { /* done already, or somebody has set a label since */
		r = made_anew(d, fd, &before);
		return MIN(r, 0);
	}
	if ((closed ? keeps_writers(d, fd) : has_writers(d, fd)) ||
	    hooks_state(d->hooks, fd, &before, &has_gen, &unused) < 0)
		return 0;
	r = hash_for_label(d, scratch, fd, ret);
	if (r >= 0 && (hooks_state(d->hooks, fd, &after, &has_gen, &unused) < 0 || before.gen != after.gen))
		return -EAGAIN;
	if (r == 0)
		r = set_label(d, fd, ret, before.vouched);
	if (r < 0) {
		tell_unlabelled(d, fd, r);
		return r;
	}
	r = made_anew(d, fd, &before);
	return r < 0 ? r : 1;
}

/* A new want can end a generation too, and that is no reason to let anybody in before the label is made. */
int daemon_relabel(void *arg, void *scratch, int fd, bool closed, struct digest *ret)
{
	unsigned int tries = RELABEL_TRIES;
	int r;

	do
		r = relabel_once(arg, scratch, fd, closed, ret);
	while (r == -EAGAIN && --tries);
	return r == -EAGAIN ? 0 : r;
}
