/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole lists to begin with, what they look like, and what a crash makes of a file. */
#ifndef IMAD_STORE_LISTS_H
#define IMAD_STORE_LISTS_H

#include "store_fixture.h"

static const char *const growing[] = { "binary_runtime_measurements", "ascii_runtime_measurements",
				       "record_info" };

/* A list of @n records, every fifth a violation, closed again. */
static inline void make_list(unsigned int n)
{
	cleanup(store_freep) struct store *s = NULL;
	uint64_t had = 99;

	assert_ok(store_open(dir, BOOT_A, &s, &had));
	assert_int_equal(had, 0);
	for (unsigned int i = 0; i < n; i++)
		assert_ok(append(s, i, i % 5 == 4));
	assert_int_equal(store_records(s), n);
	assert_int_equal(store_violations(s), n / 5);
}

/* The five files as they are, to compare with what mending makes of them. */
struct picture {
	char *text[ARRAY_SIZE(growing)];
	size_t n[ARRAY_SIZE(growing)];
};

static inline void picture_done(struct picture *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(growing); i++)
		free(p->text[i]);
}

static inline struct picture picture_take(void)
{
	struct picture p;

	for (size_t i = 0; i < ARRAY_SIZE(growing); i++)
		p.text[i] = slurp(growing[i], &p.n[i]);
	return p;
}

static inline void assert_picture(const struct picture *want, size_t n_files)
{
	for (size_t i = 0; i < n_files; i++) {
		size_t n;
		cleanup_free char *text = slurp(growing[i], &n);

		assert_int_equal(n, want->n[i]);
		assert_memory_equal(text, want->text[i], n);
	}
}

static inline void cut(const char *name, size_t size)
{
	assert_ok(chmod(in_dir(name), 0600));
	assert_ok(truncate(in_dir(name), (off_t)size));
}

static inline void put(const char *name, const void *p, size_t n)
{
	cleanup_close int fd = -1;

	assert_ok(chmod(in_dir(name), 0600));
	fd = open(in_dir(name), O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
}

#endif
