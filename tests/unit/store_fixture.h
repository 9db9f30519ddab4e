/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the store stand on: a folder for the list, a record for it, and its files read back. */
#ifndef IMAD_STORE_FIXTURE_H
#define IMAD_STORE_FIXTURE_H

#include <fcntl.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/store.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#define BOOT_A "0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e"
#define BOOT_B "1a6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e"

static char tmp[TMPDIR_PATH], dir[TMPDIR_PATH + 8];

static inline int make_dir(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	if (tmpdir_make(tmp) < 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s/list", tmp);
	return 0;
}

static inline int remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(tmp);
	return 0;
}

static inline const char *in_dir(const char *name)
{
	static char path[2 * TMPDIR_PATH];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* A whole file, and its bytes unless @ret_n is NULL; the caller frees it. */
static inline char *slurp(const char *name, size_t *ret_n)
{
	cleanup_close int fd = open(in_dir(name), O_RDONLY);
	struct stat st;
	char *text;

	assert_true(fd >= 0);
	assert_ok(fstat(fd, &st));
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	if (ret_n)
		*ret_n = (size_t)st.st_size;
	return text;
}

static inline void assert_file(const char *name, const char *want)
{
	cleanup_free char *text = slurp(name, NULL);

	assert_string_equal(text, want);
}

static inline int append(struct store *s, unsigned int i, bool violation)
{
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };
	char name[32], info[64];
	struct template_input in = { .digest = &d, .name = name, .violation = violation };
	cleanup(buf_done) struct buf data = { 0 };
	struct list_record rec;

	memset(d.bytes, (int)i, d.size);
	snprintf(name, sizeof(name), "/file/%u", i);
	snprintf(info, sizeof(info), "{\"record\":%u}", i);
	assert_ok(list_make(10, template_find("ima-ng", 6), &in, &data, &rec));
	return store_append(s, &rec, info);
}

#endif
