/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the sequencer beside the kernel's IMA: PCR 10 with the kernel's list in
 * a made-up securityfs. The record is a real one (tests/data/kernel-6.1).
 */
#ifndef IMAD_SEQUENCER_KERNEL_H
#define IMAD_SEQUENCER_KERNEL_H

#include "sequencer_fixture.h"

#define KERNEL_LIST "tests/data/kernel-6.1/ima-sig.bin"

/* Put the first @n records into securityfs; gives the bytes of the first. */
static inline size_t kernel_has(unsigned int n, const char *count)
{
	char path[2 * PATH_MAX_TEST];
	uint8_t *list = read_file(KERNEL_LIST, NULL);
	size_t len = 0, first = 0;

	for (unsigned int i = 0; i < n; i++) {
		len += 28 + u32_at(list + len + 24);
		len += 4 + u32_at(list + len);
		first = first ? first : len;
	}
	mkdir(fx.securityfs, 0700);
	snprintf(path, sizeof(path), "%s/ima", fx.securityfs);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/ima/binary_runtime_measurements", fx.securityfs);
	write_file(path, list, len);
	snprintf(path, sizeof(path), "%s/ima/runtime_measurements_count", fx.securityfs);
	write_file(path, count, strlen(count));
	free(list);
	fx.config.pcr = 10;
	return first;
}

/* Extend PCR 10 as that kernel did: padded SHA-1 in the banks whose hash it did not have. */
static inline void kernel_extend(void)
{
	uint8_t *list = read_file(KERNEL_LIST, NULL), *data = list + 28 + u32_at(list + 24);
	const struct algo *banks[PCR_BANKS_MAX];
	struct digest d[PCR_BANKS_MAX] = { 0 };
	struct tpm *t = NULL;
	unsigned int n;

	assert_ok(tpm_open(fx.swtpm.tcti, &t));
	n = tpm_banks(t, banks);
	for (unsigned int i = 0; i < n; i++) {
		bool padded = banks[i]->id != ALGO_SHA1 && banks[i]->id != ALGO_SHA256;
		const EVP_MD *md = EVP_get_digestbyname(padded ? "sha1" : banks[i]->openssl);

		d[i].algo = banks[i]->id;
		d[i].size = banks[i]->size;
		hash2(md, data + 4, u32_at(data), NULL, 0, d[i].bytes);
	}
	assert_ok(tpm_extend(t, 10, d, n));
	tpm_free(t);
	free(list);
}

/* sha1 and sha256 of PCR 10 equal the replay; the padded banks are compared by restarts. */
static inline void assert_kernel_anchored(unsigned int n)
{
	struct pcr_value v = tpm_value(10);

	for (unsigned int i = 0; i < v.n; i++) {
		struct digest d = v.bank[i];

		if (d.algo != ALGO_SHA1 && d.algo != ALGO_SHA256)
			continue;
		assert_int_equal(replay_list(10, &d), n);
		assert_memory_equal(d.bytes, v.bank[i].bytes, d.size);
	}
}

static inline void test_import(void **state)
{
	size_t first = kernel_has(1, "1\n"), n;
	uint8_t *kernel, *ours, *info;

	(void)state;
	kernel_extend();
	seq_start();
	assert_int_equal(seq_status().extends, 0);
	kernel = read_file(KERNEL_LIST, NULL);
	ours = read_file(list_path("binary_runtime_measurements"), &n);
	assert_int_equal(n, first);
	assert_memory_equal(ours, kernel, n);
	info = read_file(list_path("record_info"), NULL);
	assert_memory_equal(info, "{\"record\":0,\"kind\":\"import\"", 27);
	free(kernel);
	free(ours);
	free(info);

	measure_many(0, 5);
	assert_kernel_anchored(6);
	for (int i = 0; i < 2; i++) { /* all four banks must agree, or the tail is extended again */
		seq_stop();
		seq_start();
		assert_true(seq_status().in_step);
		assert_int_equal(seq_status().extends, 0);
	}
	proxy_refuse(&fx.proxy, true);
	assert_ok(measure(5));
	seq_stop();
	proxy_refuse(&fx.proxy, false);
	seq_start();
	assert_true(seq_status().in_step);
	assert_int_equal(seq_status().extends, 1);
	assert_kernel_anchored(7);
}

static inline void test_kernel_active(void **state)
{
	(void)state;
	kernel_has(2, "2\n");
	kernel_extend();
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
	fx.config.pcr = TEST_PCR; /* another PCR is nobody's */
	seq_start();
	measure_many(0, 3);
	assert_anchored(TEST_PCR, 4);
}

/* The count says one, the PCR says more. */
static inline void test_kernel_unfit(void **state)
{
	(void)state;
	kernel_has(1, "1\n");
	kernel_extend();
	tpm_extend_foreign(10, 1);
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* The kernel became active between two starts of ours. */
static inline void test_kernel_later(void **state)
{
	(void)state;
	kernel_has(1, "1\n");
	kernel_extend();
	seq_start();
	assert_ok(measure(0));
	seq_stop();
	kernel_has(2, "2\n");
	assert_int_equal(sequencer_new(&fx.config, &fx.s), -EADDRINUSE);
}

/* The kernel saw no TPM at boot: it has a record and will never extend. */
static inline void test_kernel_bypass(void **state)
{
	(void)state;
	kernel_has(1, "1\n");
	seq_start();
	assert_ok(measure(0));
	assert_anchored(10, 2);
}

static inline void test_no_kernel_list(void **state)
{
	(void)state;
	fx.config.pcr = 10;
	seq_start();
	assert_ok(measure(0));
	assert_anchored(10, 2);
}

#endif
