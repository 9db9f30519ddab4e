/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of trims: what was cut off so far, checkpoints made by libcrypto alone, and archive and rest joined. */
#ifndef IMAD_SEQUENCER_ARCHIVE_H
#define IMAD_SEQUENCER_ARCHIVE_H

#include "sequencer_fixture.h"

#define CHAIN CHECKPOINT_CHAIN

static const char *list_name = "binary_runtime_measurements";

/* Where record @n of the bytes begins. */
static inline size_t record_at(const uint8_t *p, unsigned int n)
{
	size_t at = 0;

	while (n--) {
		at += 28 + u32_at(p + at + 24);
		at += 4 + u32_at(p + at);
	}
	return at;
}

/* One PCR in one bank over the first @n records, from @value on. */
static inline void replay_bytes(const uint8_t *p, unsigned int n, unsigned int pcr, struct digest *value)
{
	static const uint8_t zeros[20];
	const EVP_MD *md = EVP_get_digestbyname(algo_by_id(value->algo)->openssl);
	uint8_t d[DIGEST_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *head = p;
		size_t n_name = u32_at(p + 24), n_data = u32_at(p + 28 + n_name);

		p += 32 + n_name + n_data;
		if (u32_at(head) != pcr)
			continue;
		memset(d, 0xff, sizeof(d));
		if (memcmp(head + 4, zeros, 20))
			hash2(md, head + 32 + n_name, n_data, NULL, 0, d);
		hash2(md, value->bytes, value->size, d, value->size, value->bytes);
	}
}

/* All that was cut off so far, and the checkpoint of it. */
struct archive {
	uint8_t *bytes;
	size_t n;
	struct checkpoint c;
};
static struct archive cut_off;

/* Of a violation of template ima-ng: by its name, as violation.h has it. */
static inline void count_own(const uint8_t *record, uint64_t own[VIOLATION_KINDS])
{
	static const char *const names[] = { "imad:gap", "imad:lost", "imad:pcr-reset", "imad:timeout" };
	const uint8_t *digest = record + 32 + u32_at(record + 24);
	const char *name = (const char *)digest + 4 + u32_at(digest) + 4;

	for (int i = 0; i < 4; i++)
		own[i] += !strncmp(name, names[i], strlen(names[i])) && strchr(":", name[strlen(names[i])]);
}

/* The checkpoint for @records, of the PCRs in @pcrs, and what becomes of the archive with it. */
static inline struct archive next_archive(uint64_t records, const unsigned int *pcrs, unsigned int n_pcrs)
{
	struct archive a = { .c = { .boot_id = BOOT_ID, .records = records, .time = 5 } };
	uint64_t more = records - cut_off.c.records;
	size_t size, n_all;
	uint8_t *list = read_file(list_path(list_name), &size), both[2 * CHAIN], part[32];
	size_t front = record_at(list, (unsigned int)more);

	a.n = cut_off.n + front;
	a.bytes = malloc(a.n + 1);
	assert_non_null(a.bytes);
	memcpy(a.bytes, cut_off.bytes ? cut_off.bytes : list, cut_off.n);
	memcpy(a.bytes + cut_off.n, list, front);
	hash2(EVP_sha256(), list, front, NULL, 0, part);
	memcpy(both, cut_off.c.chain, CHAIN);
	memcpy(both + CHAIN, part, 32);
	hash2(EVP_sha256(), both, sizeof(both), NULL, 0, a.c.chain);
	n_all = (size_t)records;
	for (size_t i = 0, at = 0; i < n_all; i++, at = record_at(a.bytes, (unsigned int)i)) {
		static const uint8_t zeros[20];

		if (memcmp(a.bytes + at + 4, zeros, 20))
			continue;
		a.c.violations++;
		count_own(a.bytes + at, a.c.own);
	}
	a.c.n_pcrs = n_pcrs;
	for (unsigned int i = 0; i < n_pcrs; i++) {
		a.c.pcrs[i] = tpm_value(pcrs[i]);
		for (unsigned int b = 0; b < a.c.pcrs[i].n; b++) {
			memset(a.c.pcrs[i].bank[b].bytes, 0, DIGEST_MAX);
			replay_bytes(a.bytes, (unsigned int)records, pcrs[i], &a.c.pcrs[i].bank[b]);
		}
	}
	free(list);
	return a;
}

static const unsigned int one_pcr[] = { TEST_PCR };

static inline int try_trim(const struct checkpoint *c, const char *want)
{
	char why[256] = "";
	int r = sequencer_trim(fx.s, c, why, sizeof(why));

	if (want)
		assert_non_null(strstr(why, want));
	return r;
}

/* Path of the part that begins with record @first, for root alone as imactl makes it. */
static inline const char *part_path(uint64_t first)
{
	static char path[2 * PATH_MAX_TEST];

	snprintf(path, sizeof(path), "%s/archive/" BOOT_ID "/%012u.bin", fx.statedir, (unsigned int)first);
	return path;
}

static inline void write_part(const struct archive *next)
{
	static const char *const folders[] = { "", "/archive", "/archive/" BOOT_ID };
	char path[2 * PATH_MAX_TEST];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s%s", fx.statedir, folders[i]);
		mkdir(path, 0700);
	}
	write_file(part_path(cut_off.c.records), next->bytes + cut_off.n, next->n - cut_off.n);
}

static inline void trim(uint64_t records, const unsigned int *pcrs, unsigned int n)
{
	struct archive next = next_archive(records, pcrs, n);

	write_part(&next);
	assert_ok(try_trim(&next.c, NULL));
	free(cut_off.bytes);
	cut_off = next;
	assert_int_equal(seq_status().first, records);
}

/* archive || rest gives the TPM's value in each bank, and has @records. */
static inline void assert_joined(unsigned int pcr, unsigned int records)
{
	struct pcr_value v = tpm_value(pcr);
	size_t n;
	uint8_t *rest = read_file(list_path(list_name), &n), *all = malloc(cut_off.n + n + 1);

	assert_non_null(all);
	if (cut_off.n)
		memcpy(all, cut_off.bytes, cut_off.n);
	memcpy(all + cut_off.n, rest, n);
	assert_int_equal(record_at(all, records), cut_off.n + n);
	for (unsigned int b = 0; b < v.n; b++) {
		struct digest d = { .algo = v.bank[b].algo, .size = v.bank[b].size };

		replay_bytes(all, records, pcr, &d);
		assert_memory_equal(d.bytes, v.bank[b].bytes, d.size);
	}
	free(all);
	free(rest);
}

static inline int setup(void **state)
{
	cut_off = (struct archive){ .n = 0 };
	return fixture_setup(state);
}

static inline int teardown(void **state)
{
	free(cut_off.bytes);
	return fixture_teardown(state);
}

/* Of @a, changed like this. */
#define WRONG(change, want)                                            \
	do {                                                           \
		c = a.c;                                               \
		change;                                                \
		assert_int_equal(try_trim(&c, want), -EBADMSG);        \
	} while (0)

#define SEQ_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
