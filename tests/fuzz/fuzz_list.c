/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a measurement list: what parses encodes to the same bytes and can
 * be printed and decoded without harm, and a replay counts the same records
 * however the bytes are split. The first byte chooses the split.
 */
#include <imad/list.h>
#include <imad/replay.h>
#include <imad/util.h>

#include "fuzz.h"

static void count_text(void *arg, const char *id, const char *text, size_t n)
{
	must(*id && (text || !n));
	*(size_t *)arg += n;
}

static void one_record(const struct list_record *r, const uint8_t *bytes, size_t n)
{
	cleanup(buf_done) struct buf binary = { 0 }, text = { 0 };
	struct template_fields f;
	size_t n_text = 0;
	bool printed;

	must(!list_encode(r, &binary) && binary.len == n && !memcmp(binary.data, bytes, n));
	printed = !list_print(r, &text);
	must(printed ? text.len && text.data[text.len - 1] == '\n' : !text.len);
	must((template_each(r->template, r->data, r->data_len, count_text, &n_text) == 0) == printed);
	must(!printed || n_text < text.len);
	if (template_decode(r->template, r->data, r->data_len, &f) < 0)
		return;
	must(f.name_len <= r->data_len && f.sig_len <= r->data_len);
	must(!f.name || !memchr(f.name, 0, f.name_len));
}

static uint64_t count_records(const uint8_t *p, size_t n, ssize_t *end, const char **why)
{
	uint64_t records = 0;
	struct list_record r;

	while ((*end = list_parse(p, n, &r, why)) > 0) {
		must((size_t)*end <= n);
		one_record(&r, p, (size_t)*end);
		p += *end;
		n -= (size_t)*end;
		records++;
	}
	return records;
}

static int replay(const uint8_t *p, size_t n, unsigned int seed, struct replay_result *ret)
{
	const struct algo *banks[] = { algo_by_id(ALGO_SHA1), algo_by_id(ALGO_SHA256) };
	cleanup(replay_freep) struct replay *rp = NULL;
	struct pcr_value wanted;
	int r = 0;

	must(!pcr_init(&wanted, 10, banks, ARRAY_SIZE(banks)));
	must(!replay_new(&wanted, 1, seed & 1, &rp));
	while (n > 0 && !r) {
		size_t step = seed == 0 ? n : MIN(n, 1 + seed % 61);

		r = replay_feed(rp, p, step);
		p += step;
		n -= step;
		seed = seed * 1103515245u + 12345u;
	}
	replay_result(rp, ret);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct replay_result whole, pieces;
	const char *why = NULL;
	uint64_t records;
	ssize_t end;
	int r;

	if (!size)
		return 0;
	records = count_records(data + 1, size - 1, &end, &why);
	r = replay(data + 1, size - 1, 0, &whole);
	must(r == (end == -EBADMSG ? end : 0));
	must(whole.records == records && (r ? whole.why == why : !whole.why));

	must(replay(data + 1, size - 1, data[0], &pieces) == r);
	must(pieces.records == records && pieces.violations == whole.violations);
	must(pieces.bad_digest == whole.bad_digest && (r || pieces.tail == whole.tail));
	for (unsigned int i = 0; i < whole.n_banks; i++)
		must((data[0] & 1) ||
		     !memcmp(pieces.banks[i].replayed.bytes, whole.banks[i].replayed.bytes, 20));
	return 0;
}
