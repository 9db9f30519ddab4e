// SPDX-License-Identifier: GPL-2.0-or-later
/* File: content against published digests, names that lie about themselves, ELF headers. */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <imad/file.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#define MILLION 1000000

static char tmp[TMPDIR_PATH], path[2 * TMPDIR_PATH];

static int make_dir(void **state)
{
	char made[TMPDIR_PATH];
	cleanup_free char *real = NULL;

	(void)state;
	if (tmpdir_make(made) < 0)
		return -1;
	real = realpath(made, NULL); /* names are compared with what the kernel says: no symlink on the way */
	return real && snprintf(tmp, sizeof(tmp), "%s", real) < (int)sizeof(tmp) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(tmp);
	return 0;
}

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	return path;
}

static int make_file(const char *name, const void *p, size_t n)
{
	int fd = open(in_dir(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	return fd;
}

/* --- Content: vectors of FIPS 180 (NIST CSRC, SHA examples), and sha512sum's of nothing */

static void assert_hex(const struct digest *d, const char *want)
{
	char hex[2 * DIGEST_MAX + 1] = "";

	for (unsigned int i = 0; i < d->size; i++)
		snprintf(hex + 2 * i, 3, "%02x", d->bytes[i]);
	assert_string_equal(hex, want);
}

static void check_hash(const void *p, size_t n, const char *sha256, const char *sha1)
{
	const struct algo *both[] = { algo_by_id(ALGO_SHA256), algo_by_id(ALGO_SHA1) };
	cleanup_close int fd = make_file("content", p, n);
	struct file_hasher *h;
	struct digest d[2];

	assert_ok(file_hasher_new(&h));
	for (unsigned int round = 0; round < 2; round++) { /* a thread's hasher serves file after file */
		assert_ok(file_hash(h, fd, both, 2, d));
		assert_int_equal(d[0].algo, ALGO_SHA256);
		assert_hex(&d[0], sha256);
		assert_hex(&d[1], sha1);
		assert_ok(file_hash(h, fd, both + 1, 1, d));
		assert_int_equal(d[0].algo, ALGO_SHA1);
		assert_hex(&d[0], sha1);
		assert_ok(file_hash_first(h, fd, n + round, both[0], d)); /* no more than there is */
		assert_hex(&d[0], sha256);
		assert_ok(file_hash_first(h, fd, 0, both[0], d));
		assert_hex(&d[0], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	}
	assert_int_equal(lseek(fd, 0, SEEK_CUR), n); /* neither used nor moved */
	file_hasher_free(h);
}

static void hash_of_nothing(void **state)
{
	(void)state;
	check_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		   "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void hash_of_abc(void **state)
{
	(void)state;
	check_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		   "a9993e364706816aba3e25717850c26c9cd0d89d");
}

/* More than one read. */
static void hash_of_a_million(void **state)
{
	cleanup_free char *million = malloc(MILLION);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', MILLION);
	check_hash(million, MILLION, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		   "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* The beginning of it alone, whose end is in the middle of a read. */
static void hash_of_a_part(void **state)
{
	cleanup_free char *bytes = malloc(MILLION + 5);
	const struct algo *algo = algo_by_id(ALGO_SHA256);
	cleanup_close int fd = -1;
	struct file_hasher *h;
	struct digest d;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', MILLION);
	memset(bytes + MILLION, 'b', 5);
	fd = make_file("content", bytes, MILLION + 5);
	assert_ok(file_hasher_new(&h));
	assert_ok(file_hash_first(h, fd, MILLION, algo, &d));
	assert_hex(&d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	file_hasher_free(h);
}

static void hash_of_what_cannot_be_read(void **state)
{
	const struct algo *algo = algo_by_id(ALGO_SHA256);
	struct digest d = { .algo = 99 };
	struct file_hasher *h;
	cleanup_close int dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	(void)state;
	assert_ok(file_hasher_new(&h));
	assert_int_equal(file_hash(h, dir, &algo, 1, &d), -EISDIR);
	assert_int_equal(file_hash(h, -1, &algo, 1, &d), -EBADF);
	assert_int_equal(d.algo, 99);
	fd = make_file("after", "abc", 3);
	assert_ok(file_hash(h, fd, &algo, 1, &d)); /* a failure leaves nothing behind */
	assert_int_equal(d.bytes[0], 0xba);
	file_hasher_free(h);
}

static void hash_that_nobody_can_compute(void **state)
{
	cleanup_close int fd = make_file("content", "abc", 3);
	struct file_hasher *h;
	struct digest d;

	(void)state;
	assert_ok(file_hasher_new(&h));
	for (unsigned int id = 0; id < ALGO_COUNT; id++) {
		const struct algo *algo = algo_by_id(id);

		if (!algo->openssl)
			assert_int_equal(file_hash(h, fd, &algo, 1, &d), -EOPNOTSUPP);
	}
	file_hasher_free(h);
}

/* --- Names */

static void assert_name(int fd, const char *want)
{
	char name[FILE_NAME_MAX];

	assert_ok(file_name(fd, name));
	assert_string_equal(name, want);
	close(fd);
}

static void name_is_the_path(void **state)
{
	static const char *const names[] = {
		"plain", "two  blanks ", "new\nline", "\\040", "(deleted)", "\xff\xfe",
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = make_file(names[i], "", 0);

		assert_name(fd, in_dir(names[i]));
	}
}

static void name_after_rename(void **state)
{
	char old[sizeof(path)];
	int fd = make_file("before", "", 0);

	(void)state;
	memcpy(old, path, sizeof(old));
	assert_ok(rename(old, in_dir("behind")));
	assert_name(fd, path);
}

static void name_of_a_deleted_file(void **state)
{
	int fd = make_file("gone", "", 0);

	(void)state;
	assert_ok(unlink(path));
	assert_name(fd, path);
}

static void name_that_looks_deleted(void **state)
{
	int fd = make_file("kept (deleted)", "", 0);

	(void)state;
	assert_name(dup(fd), in_dir("kept (deleted)"));
	assert_ok(unlink(path));
	assert_name(fd, path);
}

/* Another file has the name that the kernel gives the deleted one. */
static void deleted_with_a_double(void **state)
{
	int fd = make_file("twin", "", 0), other;

	(void)state;
	assert_ok(unlink(path));
	other = make_file("twin (deleted)", "", 0);
	assert_name(fd, in_dir("twin"));
	assert_name(other, in_dir("twin (deleted)"));
}

static void deleted_with_a_link_left(void **state)
{
	char first[sizeof(path)];
	int fd = make_file("first", "", 0);

	(void)state;
	memcpy(first, path, sizeof(first));
	assert_ok(link(first, in_dir("second")));
	assert_ok(unlink(first));
	assert_name(fd, first);
}

static void name_of_a_memfd(void **state)
{
	(void)state;
	assert_name(memfd_create("code", MFD_CLOEXEC), "memfd:code");
	assert_name(memfd_create("a b (deleted)", MFD_CLOEXEC), "memfd:a b (deleted)");
	assert_name(memfd_create("", MFD_CLOEXEC), "memfd:");
}

static void name_of_nothing(void **state)
{
	char name[FILE_NAME_MAX] = "as before";

	(void)state;
	assert_int_equal(file_name(-1, name), -ENOENT);
	assert_string_equal(name, "as before");
}

static void name_longer_than_any_path(void **state)
{
	enum { LEVELS = 20 };
	char part[241], name[FILE_NAME_MAX] = "as before";
	int dirs[LEVELS + 1] = { open(tmp, O_PATH | O_CLOEXEC) }, fd;

	(void)state;
	memset(part, 'd', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	for (unsigned int i = 0; i < LEVELS; i++) {
		assert_ok(mkdirat(dirs[i], part, 0700));
		dirs[i + 1] = openat(dirs[i], part, O_PATH | O_CLOEXEC);
	}
	fd = openat(dirs[LEVELS], "deep", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_name(fd, name), -ENAMETOOLONG);
	assert_string_equal(name, "as before");
	close(fd);
	assert_ok(unlinkat(dirs[LEVELS], "deep", 0));
	for (unsigned int i = LEVELS; i-- > 0; close(dirs[i + 1]))
		assert_ok(unlinkat(dirs[i], part, AT_REMOVEDIR));
	close(dirs[0]);
}

/* --- ELF */

static int elf(unsigned char data, unsigned int type, size_t n)
{
	unsigned char header[64] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, data, EV_CURRENT };

	header[data == ELFDATA2MSB ? 17 : 16] = (unsigned char)type;
	return make_file("elf", header, n);
}

static void check_elf(int fd, int want)
{
	assert_int_equal(file_is_elf_object(fd, true), want);
	assert_int_equal(file_is_elf_object(fd, false), want); /* just written: in memory */
	close(fd);
}

static void elf_objects(void **state)
{
	(void)state;
	check_elf(elf(ELFDATA2LSB, ET_EXEC, 64), 1);
	check_elf(elf(ELFDATA2LSB, ET_DYN, 64), 1);
	check_elf(elf(ELFDATA2MSB, ET_DYN, 64), 1);
	check_elf(elf(ELFDATA2MSB, ET_EXEC, 18), 1);
	check_elf(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 1);
}

static void not_elf_objects(void **state)
{
	(void)state;
	check_elf(elf(ELFDATA2LSB, ET_REL, 64), 0);
	check_elf(elf(ELFDATA2LSB, ET_CORE, 64), 0);
	check_elf(elf(ELFDATA2LSB, ET_NONE, 64), 0);
	check_elf(elf(ELFDATA2MSB, ET_REL, 64), 0);
	check_elf(elf(ELFDATA2LSB, ET_DYN, 17), 0);
	check_elf(make_file("text", "#!/bin/sh\nexit 0 # long enough\n", 31), 0);
	check_elf(make_file("text", "", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_of_nothing),
		cmocka_unit_test(hash_of_abc),
		cmocka_unit_test(hash_of_a_million),
		cmocka_unit_test(hash_of_a_part),
		cmocka_unit_test(hash_of_what_cannot_be_read),
		cmocka_unit_test(hash_that_nobody_can_compute),
		cmocka_unit_test(name_is_the_path),
		cmocka_unit_test(name_after_rename),
		cmocka_unit_test(name_of_a_deleted_file),
		cmocka_unit_test(name_that_looks_deleted),
		cmocka_unit_test(deleted_with_a_double),
		cmocka_unit_test(deleted_with_a_link_left),
		cmocka_unit_test(name_of_a_memfd),
		cmocka_unit_test(name_of_nothing),
		cmocka_unit_test(name_longer_than_any_path),
		cmocka_unit_test(elf_objects),
		cmocka_unit_test(not_elf_objects),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
