/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay of a list in one pass and constant memory: at most one cut record is
 * kept between two calls, and nothing is allocated for a record.
 */
#include <string.h>

#include <imad/digest.h>
#include <imad/replay.h>
#include <imad/util.h>

#define TAIL_STEP 4096 /* a kept tail grows by so much until its record is whole */

/*
 * One bank on its way. @padded is a second way that starts with the padded form
 * of an imported first record; whichever way meets the wanted value is the one.
 */
struct bank {
	unsigned int pcr;
	const struct algo *algo;
	const struct digest *wanted;
	struct digest value, padded;
	bool has_padded;
	struct digest mark, mark_padded;
	bool matched;
	uint64_t matched_at, matched_since;
};

struct replay {
	bool imported, marked;
	struct buf tail;
	int failed; /* the error that ended it */
	const char *why;
	uint64_t records, violations, bad_digest, first_bad_digest;
	uint64_t own[VIOLATION_KINDS];
	unsigned int n_banks;
	struct bank banks[REPLAY_BANKS_MAX];
};

static bool equal(const struct digest *a, const struct digest *b)
{
	return !memcmp(a->bytes, b->bytes, a->size);
}

static void compare(struct bank *b, uint64_t records)
{
	if (b->has_padded && equal(&b->padded, b->wanted)) {
		b->value = b->padded;
		b->mark = b->mark_padded;
		b->has_padded = false;
	}
	if (equal(&b->value, b->wanted)) {
		if (!b->matched || b->matched_at + 1 < records)
			b->matched_since = records;
		b->matched = true;
		b->matched_at = records;
		b->has_padded = false;
	}
}

/* @sha1: the record's digest in that bank, which is needed anyway. */
static int extend(const struct replay *rp, struct bank *b, const struct list_record *r,
		  const struct digest *sha1)
{
	struct digest d, padded;
	int err = 0;

	if (b->algo->id == ALGO_SHA1)
		return pcr_extend(&b->value, sha1);

	err = pcr_record_digest(r, b->algo, false, &d);
	if (err < 0)
		return err;
	if (rp->imported && !rp->records) {
		err = pcr_record_digest(r, b->algo, true, &padded);
		if (err < 0)
			return err;
		b->padded = b->value;
		b->has_padded = true;
		err = pcr_extend(&b->padded, &padded);
	} else if (b->has_padded) {
		err = pcr_extend(&b->padded, &d);
	}
	return err < 0 ? err : pcr_extend(&b->value, &d);
}

static void count_violation(struct replay *rp, const struct list_record *r)
{
	struct template_fields f = { 0 };
	int kind = template_decode(r->template, r->data, r->data_len, &f) == 0 && f.name ? violation_of(f.name, f.name_len) : -ENOENT;

	rp->violations++;
	if (kind >= 0)
		rp->own[kind]++;
}

static int take_record(struct replay *rp, const struct list_record *r)
{
	struct digest sha1;
	int err = list_template_digest(r, algo_by_id(ALGO_SHA1), &sha1);

	if (err < 0)
		return err;
	if (!r->violation && memcmp(sha1.bytes, r->header_digest, LIST_HEADER_DIGEST)) {
		if (!rp->bad_digest++)
			rp->first_bad_digest = rp->records;
	}
	if (r->violation)
		count_violation(rp, r);

	for (unsigned int i = 0; i < rp->n_banks; i++) {
		if (rp->banks[i].pcr == r->pcr)
			err = extend(rp, &rp->banks[i], r, &sha1);
		if (err < 0)
			return err;
	}
	rp->records++;
	for (unsigned int i = 0; i < rp->n_banks; i++)
		compare(&rp->banks[i], rp->records);
	return 0;
}

/* Bytes that the first record took, 0 when it is cut, or an error, which is final. */
static ssize_t feed_one(struct replay *rp, const uint8_t *p, size_t n)
{
	struct list_record r;
	ssize_t took = list_parse(p, n, &r, &rp->why);
	int err;

	if (took == -EAGAIN || took == -ENODATA)
		return 0;
	err = took < 0 ? (int)took : take_record(rp, &r);
	if (err < 0) {
		rp->failed = err;
		return err;
	}
	return took;
}

/* Complete the record that the tail began. Returns the bytes of @p that went into it. */
static ssize_t feed_tail(struct replay *rp, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (rp->tail.len && done < n) {
		size_t had = rp->tail.len, step = MIN(n - done, (size_t)TAIL_STEP);
		ssize_t took;

		buf_add(&rp->tail, p + done, step);
		if (buf_error(&rp->tail) < 0)
			return rp->failed = -ENOMEM;
		took = feed_one(rp, rp->tail.data, rp->tail.len);
		if (took < 0)
			return took;
		if (took > 0) {
			step = (size_t)took - had;
			buf_reset(&rp->tail);
		}
		done += step;
	}
	return (ssize_t)done;
}

static int add_bank(struct replay *rp, unsigned int pcr, const struct digest *wanted)
{
	const struct algo *algo = algo_by_id(wanted->algo);
	struct bank *b = &rp->banks[rp->n_banks];
	struct digest probe;
	int r;

	if (!algo || wanted->size != algo->size || rp->n_banks == ARRAY_SIZE(rp->banks))
		return -EINVAL;
	r = digest_buf(algo, NULL, 0, &probe); /* whether libcrypto has it */
	if (r < 0)
		return r;
	*b = (struct bank){ .pcr = pcr, .algo = algo, .wanted = wanted };
	b->value = (struct digest){ .algo = algo->id, .size = algo->size };
	compare(b, 0);
	rp->n_banks++;
	return 0;
}

int replay_new(const struct pcr_value *wanted, unsigned int n_wanted, bool imported, struct replay **ret)
{
	cleanup(replay_freep) struct replay *rp = calloc(1, sizeof(*rp));

	if (!rp)
		return -ENOMEM;
	rp->imported = imported;
	for (unsigned int i = 0; i < n_wanted; i++) {
		if (wanted[i].n > PCR_BANKS_MAX)
			return -EINVAL;
		for (unsigned int k = 0; k < wanted[i].n; k++) {
			int r = add_bank(rp, wanted[i].pcr, &wanted[i].bank[k]);

			if (r < 0)
				return r;
		}
	}
	*ret = take_ptr(rp);
	return 0;
}

int replay_resume(struct replay *r, const struct pcr_value *values, unsigned int n, uint64_t records)
{
	const struct digest *from[REPLAY_BANKS_MAX] = { NULL };

	for (unsigned int i = 0; i < r->n_banks; i++) {
		for (unsigned int k = 0; k < n; k++)
			for (unsigned int m = 0; values[k].pcr == r->banks[i].pcr && m < values[k].n; m++)
				if (values[k].bank[m].algo == r->banks[i].algo->id)
					from[i] = &values[k].bank[m];
		if (!from[i])
			return -ENOENT;
	}
	r->records = records;
	for (unsigned int i = 0; i < r->n_banks; i++) {
		r->banks[i].value = *from[i];
		r->banks[i].matched = false;
		compare(&r->banks[i], records);
	}
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	buf_done(&r->tail);
	free(r);
}

void replay_freep(struct replay **r)
{
	replay_free(*r);
}

int replay_feed(struct replay *r, const void *p, size_t n)
{
	const uint8_t *from = p;
	ssize_t took;

	if (r->failed)
		return r->failed;
	took = feed_tail(r, from, n);
	if (took < 0)
		return (int)took;
	do {
		from += took;
		n -= (size_t)took;
		took = feed_one(r, from, n);
	} while (took > 0);
	if (took < 0)
		return (int)took;
	buf_add(&r->tail, from, n);
	return r->failed = buf_error(&r->tail);
}

void replay_mark(struct replay *r)
{
	r->marked = true;
	for (unsigned int i = 0; i < r->n_banks; i++) {
		r->banks[i].mark = r->banks[i].value;
		r->banks[i].mark_padded = r->banks[i].has_padded ? r->banks[i].padded : r->banks[i].value;
	}
}

int replay_marked(const struct replay *r, struct pcr_value *ret, unsigned int n)
{
	struct pcr_value *v = NULL;
	unsigned int used = 0;

	for (unsigned int i = 0; i < r->n_banks && r->marked; i++) {
		if (!v || v->pcr != r->banks[i].pcr) {
			if (used == n)
				return -EINVAL;
			v = &ret[used++];
			*v = (struct pcr_value){ .pcr = r->banks[i].pcr };
		}
		v->bank[v->n++] = r->banks[i].mark;
	}
	return r->marked && used > 0 ? 0 : -EINVAL;
}

void replay_result(const struct replay *r, struct replay_result *ret)
{
	*ret = (struct replay_result){
		.records = r->records,
		.violations = r->violations,
		.bad_digest = r->bad_digest,
		.first_bad_digest = r->first_bad_digest,
		.tail = r->tail.len,
		.why = r->failed == -EBADMSG ? r->why : NULL,
		.n_banks = r->n_banks,
	};
	memcpy(ret->own, r->own, sizeof(ret->own));
	for (unsigned int i = 0; i < r->n_banks; i++) {
		const struct bank *b = &r->banks[i];

		ret->banks[i] = (struct replay_bank){
			.pcr = b->pcr,
			.algo = b->algo->id,
			.matched = b->matched,
			.matched_at = b->matched_at,
			.matched_since = b->matched_since,
			.wanted = *b->wanted,
			.replayed = b->value,
		};
	}
}
