/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the sequencer stand on: a TPM behind the proxy, a folder for
 * the list, and a replay of the published list that shares no code with imad.
 */
#ifndef IMAD_SEQUENCER_FIXTURE_H
#define IMAD_SEQUENCER_FIXTURE_H

#include <openssl/evp.h>
#include <semaphore.h>

#include <imad/log.h>
#include <imad/sequencer.h>
#include <imad/util.h>

#include "test.h"
#include "tpm_proxy.h"

#define BOOT_ID	      "0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e"
#define TEST_PCR      13
#define PATH_MAX_TEST (TMPDIR_PATH + 64)

struct fixture {
	struct swtpm swtpm;
	struct proxy proxy;
	char rundir[PATH_MAX_TEST], boot_id[PATH_MAX_TEST], securityfs[PATH_MAX_TEST], statedir[PATH_MAX_TEST];
	struct sequencer_config config;
	struct sequencer *s;
};

/* One for the program: cmocka's failures do not return. */
static struct fixture fx;

static inline void write_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_ok(fclose(f));
}

static inline uint8_t *read_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "re");
	uint8_t *p = NULL;
	size_t n = 0, got;

	assert_non_null(f);
	do {
		p = realloc(p, n + 65537);
		assert_non_null(p);
		got = fread(p + n, 1, 65536, f);
		n += got;
	} while (got);
	fclose(f);
	p[n] = 0;
	if (ret_n)
		*ret_n = n;
	return p;
}

static inline const char *list_path(const char *name)
{
	static char path[2 * PATH_MAX_TEST];

	snprintf(path, sizeof(path), "%s/%s", fx.rundir, name);
	return path;
}

static inline int fixture_setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	signal(SIGPIPE, SIG_IGN); /* as imad does: a TPM may go at any time */
	memset(&fx, 0, sizeof(fx));
	if (swtpm_start(&fx.swtpm) < 0 || proxy_start(&fx.proxy, &fx.swtpm) < 0)
		return -1;
	snprintf(fx.rundir, sizeof(fx.rundir), "%s/run", fx.swtpm.dir);
	snprintf(fx.boot_id, sizeof(fx.boot_id), "%s/boot_id", fx.swtpm.dir);
	snprintf(fx.securityfs, sizeof(fx.securityfs), "%s/sys", fx.swtpm.dir);
	snprintf(fx.statedir, sizeof(fx.statedir), "%s/state", fx.swtpm.dir);
	write_file(fx.boot_id, BOOT_ID "\n", strlen(BOOT_ID) + 1);
	fx.config = (struct sequencer_config){
		.rundir = fx.rundir,
		.tcti = fx.proxy.tcti,
		.pcr = TEST_PCR,
		.template = template_find("ima-ng", 6),
		.hash = algo_by_id(ALGO_SHA256),
		.securityfs = fx.securityfs,
		.boot_id = fx.boot_id,
		.statedir = fx.statedir,
	};
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	sequencer_free(take_ptr(fx.s));
	proxy_stop(&fx.proxy);
	swtpm_stop(&fx.swtpm);
	return 0;
}

static inline void seq_start(void)
{
	assert_ok(sequencer_new(&fx.config, &fx.s));
}

static inline void seq_stop(void)
{
	sequencer_free(take_ptr(fx.s));
}

static inline struct sequencer_status seq_status(void)
{
	struct sequencer_status st;

	sequencer_status(fx.s, &st);
	return st;
}

/* A measurement and who waits for it. */
struct request {
	struct measurement m;
	char name[32];
	sem_t done;
	int r;
};

static inline void request_done(struct measurement *m, int r)
{
	struct request *q = m->owner;

	q->r = r;
	sem_post(&q->done);
}

static inline void request_make(struct request *q, unsigned int i)
{
	*q = (struct request){ .m = { .pcr = -1, .digest = { .algo = ALGO_SHA256, .size = 32 } } };
	memset(q->m.digest.bytes, 0x5a, 32);
	memcpy(q->m.digest.bytes, &i, sizeof(i));
	snprintf(q->name, sizeof(q->name), "/file %u", i);
	q->m.name = q->name;
	q->m.kind = MEASURE_GATE;
	q->m.func = IMAD_BPRM_CHECK;
	q->m.pid = 42;
	q->m.uid = 1000;
	q->m.done = request_done;
	q->m.owner = q;
	sem_init(&q->done, 0, 0);
}

static inline int request_run(struct request *q)
{
	sequencer_submit(fx.s, &q->m);
	sem_wait(&q->done);
	sem_destroy(&q->done);
	return q->r;
}

/* Measure file @i and wait. */
static inline int measure(unsigned int i)
{
	struct request q;

	request_make(&q, i);
	return request_run(&q);
}

static inline int measure_violation(unsigned int i, const char *cause)
{
	struct request q;

	request_make(&q, i);
	q.m.violation = true;
	q.m.kind = MEASURE_VIOLATION;
	q.m.cause = cause;
	return request_run(&q);
}

static inline void free_request(struct measurement *m, int r)
{
	assert_ok(r);
	free(m->owner);
}

static inline void post(void *arg)
{
	sem_post(arg);
}

/* Measure files @first to @last - 1 without waiting for each. */
static inline void measure_many(unsigned int first, unsigned int last)
{
	sem_t done;

	sem_init(&done, 0, 0);
	for (unsigned int i = first; i < last; i++) {
		struct request *q = malloc(sizeof(*q));

		assert_non_null(q);
		request_make(q, i);
		q->m.done = free_request;
		sequencer_submit(fx.s, &q->m);
		if (i % 1000 == 999 || i + 1 == last) {
			assert_ok(sequencer_barrier(fx.s, post, &done));
			sem_wait(&done);
		}
	}
	sem_destroy(&done);
}

/* What is owed is told behind the answer to whoever was there: wait for that, too. */
static inline void settle(void)
{
	sem_t done;

	for (int i = 0; i < 2; i++) {
		sem_init(&done, 0, 0);
		assert_ok(sequencer_barrier(fx.s, post, &done));
		sem_wait(&done);
		sem_destroy(&done);
	}
}

/* --- The other side: the TPM asked directly, the list replayed by libcrypto alone. */
static inline struct pcr_value tpm_value(unsigned int pcr)
{
	struct tpm *t = NULL;
	struct pcr_value v;

	assert_ok(tpm_open(fx.swtpm.tcti, &t));
	assert_ok(tpm_pcr_read(t, pcr, &v));
	tpm_free(t);
	return v;
}

/* Somebody else extends: bytes of @value in all banks. */
static inline void tpm_extend_foreign(unsigned int pcr, uint8_t value)
{
	const struct algo *banks[PCR_BANKS_MAX];
	struct digest d[PCR_BANKS_MAX];
	struct tpm *t = NULL;
	unsigned int n;

	assert_ok(tpm_open(fx.swtpm.tcti, &t));
	n = tpm_banks(t, banks);
	for (unsigned int i = 0; i < n; i++) {
		d[i] = (struct digest){ .algo = banks[i]->id, .size = banks[i]->size };
		memset(d[i].bytes, value, d[i].size);
	}
	assert_ok(tpm_extend(t, pcr, d, n));
	tpm_free(t);
}

/* Five records, and somebody else extended before the next start. */
static inline void seq_start_behind_foreign(void)
{
	seq_start();
	measure_many(0, 5);
	seq_stop();
	tpm_extend_foreign(TEST_PCR, 0x66);
	seq_start();
	assert_false(seq_status().in_step);
}

static inline uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void hash2(const EVP_MD *md, const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b,
			 uint8_t *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestInit_ex(c, md, NULL), 1);
	assert_int_equal(EVP_DigestUpdate(c, a, n_a), 1);
	assert_int_equal(EVP_DigestUpdate(c, b, n_b), 1);
	assert_int_equal(EVP_DigestFinal_ex(c, out, NULL), 1);
	EVP_MD_CTX_free(c);
}

/* Replay the binary list for one PCR and bank; gives the number of records of all PCRs. */
static inline unsigned int replay_list(unsigned int pcr, struct digest *value)
{
	static const uint8_t zeros[20];
	const EVP_MD *md = EVP_get_digestbyname(algo_by_id(value->algo)->openssl);
	unsigned int n = 0;
	size_t len;
	uint8_t *list = read_file(list_path("binary_runtime_measurements"), &len), *p = list, d[DIGEST_MAX];

	memset(value->bytes, 0, value->size);
	for (; p < list + len; n++) {
		const uint8_t *head = p;
		size_t n_name = u32_at(p + 24), n_data = u32_at(p + 28 + n_name);
		const uint8_t *data = p + 32 + n_name;

		p += 32 + n_name + n_data;
		assert_true(p <= list + len);
		if (u32_at(head) != pcr)
			continue;
		if (memcmp(head + 4, zeros, 20))
			hash2(md, data, n_data, NULL, 0, d);
		else
			memset(d, 0xff, value->size);
		hash2(md, value->bytes, value->size, d, value->size, value->bytes);
	}
	free(list);
	return n;
}

/* The list holds @n records and each bank of the PCR equals its replay. */
static inline void assert_anchored(unsigned int pcr, unsigned int n)
{
	struct pcr_value v = tpm_value(pcr);

	assert_true(v.n >= 2);
	for (unsigned int i = 0; i < v.n; i++) {
		struct digest d = v.bank[i];

		assert_int_equal(replay_list(pcr, &d), n);
		assert_memory_equal(d.bytes, v.bank[i].bytes, d.size);
	}
}

/* How many records of the list have exactly this name. */
static inline unsigned int named(const char *name)
{
	size_t len, n = strlen(name) + 1;
	uint8_t *list = read_file(list_path("binary_runtime_measurements"), &len);
	unsigned int found = 0;

	for (size_t i = 0; i + n + 4 <= len; i++)
		found += u32_at(list + i) == n && !memcmp(list + i + 4, name, n);
	free(list);
	return found;
}

/* What evmctl says of the list and one bank; 77 when it is not installed. */
static inline int evmctl_check(const char *bank)
{
	char pcrs[2 * PATH_MAX_TEST], cmd[8 * PATH_MAX_TEST], line[256];
	bool matched = false;
	FILE *f;
	int status;

	snprintf(pcrs, sizeof(pcrs), "%s/pcrs.%s", fx.swtpm.dir, bank);
	f = fopen(pcrs, "we");
	assert_non_null(f);
	for (unsigned int pcr = 0; pcr <= TEST_PCR; pcr++) {
		struct pcr_value v = tpm_value(pcr);

		for (unsigned int i = 0; i < v.n; i++) {
			if (strcmp(algo_by_id(v.bank[i].algo)->name, bank))
				continue;
			fprintf(f, "PCR-%02u: ", pcr);
			for (unsigned int b = 0; b < v.bank[i].size; b++)
				fprintf(f, "%02x", v.bank[i].bytes[b]);
			fprintf(f, "\n");
		}
	}
	assert_ok(fclose(f));
	snprintf(cmd, sizeof(cmd),
		 "command -v evmctl >/dev/null || exit 77; evmctl ima_measurement --ignore-violations "
		 "--verify-bank=%s --pcrs %s,%s %s 2>&1",
		 bank, bank, pcrs, list_path("binary_runtime_measurements"));
	f = popen(cmd, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		matched |= !strcmp(line, "Matched per TPM bank calculated digest(s).\n");
	status = pclose(f);
	assert_true(WIFEXITED(status));
	/* It must say so and mean it: either alone can be had without a check. */
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : matched ? 0 : 1;
}

/* @r: what another program says of the list. Without that program nothing was checked: where nothing may be skipped it has failed. */
static inline void assert_agrees(int r)
{
	if (r == 77 && !getenv("MUST_RUN"))
		skip();
	assert_ok(r);
}

#endif
