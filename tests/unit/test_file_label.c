// SPDX-License-Identifier: GPL-2.0-or-later
/* File: what security.ima and security.evm say. Needs CAP_SYS_ADMIN to set them; else skipped. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/file.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#define SKIP 77

static char tmp[TMPDIR_PATH];
static int fd = -1;

/* Type, version or algorithm, then bytes: security/integrity/integrity.h, struct signature_v2_hdr. */
static const struct row {
	uint8_t ima[40], evm[8];
	size_t n_ima, n_evm; /* 0: has no such label */
	int names;	     /* the algorithm it names, -1: none */
	char signature;	     /* i: security.ima, e: security.evm, 0: none */
} rows[] = {
	{ .names = -1 },
	{ { 1, [20] = 1 }, .n_ima = 21, .names = ALGO_SHA1 },
	{ { 1, 1 }, .n_ima = 21, .names = ALGO_MD5 }, /* padded with zeros */
	{ { 1 }, .n_ima = 33, .names = -1 },
	{ { 1 }, .n_ima = 17, .names = ALGO_MD5 },
	{ { 4, ALGO_SHA256 }, .n_ima = 34, .names = ALGO_SHA256 },
	{ { 4, ALGO_SHA512 }, .n_ima = 34, .names = ALGO_SHA512 },
	{ { 4, 200 }, .n_ima = 34, .names = -1 },
	{ { 4 }, .n_ima = 1, .names = -1 },
	{ { 3, 2, ALGO_SHA384 }, .n_ima = 30, .names = ALGO_SHA384, .signature = 'i' },
	{ { 3, 1, ALGO_SHA384 }, .n_ima = 30, .names = -1, .signature = 'i' },
	{ { 3, 2 }, .n_ima = 2, .names = -1, .signature = 'i' },
	{ { 6, 3, ALGO_SHA256 }, .n_ima = 30, .names = ALGO_SHA256, .signature = 'i' },
	{ { 9, 2, ALGO_SHA256 }, .n_ima = 30, .names = -1 },
	{ { 4, ALGO_SHA256 }, { 5, 2, 1 }, .n_ima = 34, .n_evm = 8, .names = ALGO_SHA256, .signature = 'e' },
	{ { 3, 2, ALGO_SHA1 }, { 5, 2, 1 }, .n_ima = 30, .n_evm = 8, .names = ALGO_SHA1, .signature = 'i' },
	{ { 0 }, { 5, 2, 1 }, .n_evm = 8, .names = -1, .signature = 'e' },
	{ { 0 }, { 2, 2, 1 }, .n_evm = 8, .names = -1 },
	{ { 0 }, { 3, 2, ALGO_SHA1 }, .n_evm = 8, .names = -1 },
};

static void set(const char *name, const void *p, size_t n)
{
	if (n)
		assert_ok(fsetxattr(fd, name, p, n, 0));
	else
		assert_true(fremovexattr(fd, name) == 0 || errno == ENODATA);
}

static void labels(void **state)
{
	static const struct algo before = { .id = 77 };
	static uint8_t buffer[FILE_LABEL_MAX];

	(void)state;
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		const struct algo *algo = &before;
		size_t n;

		set("security.ima", r->ima, r->n_ima);
		set("security.evm", r->evm, r->n_evm);
		n = file_label(fd, buffer, &algo);
		if (algo->id != (r->names < 0 ? before.id : r->names))
			fail_msg("row %td names algorithm %d", r - rows, algo->id);
		if (n != (r->signature == 'i' ? r->n_ima : r->signature == 'e' ? r->n_evm : 0))
			fail_msg("row %td has a signature of %zu bytes", r - rows, n);
		assert_memory_equal(buffer, r->signature == 'e' ? r->evm : r->ima, n);
	}
}

/* An algorithm that cannot be computed here is not asked for. */
static void labels_of_unknown_algorithms(void **state)
{
	uint8_t label[34] = { 4 }, buffer[64];
	struct digest unused;

	(void)state;
	set("security.evm", NULL, 0);
	for (unsigned int id = 0; id < ALGO_COUNT; id++) {
		const struct algo *algo = NULL;

		label[1] = (uint8_t)id;
		set("security.ima", label, sizeof(label));
		assert_int_equal(file_label(fd, buffer, &algo), 0);
		assert_ptr_equal(algo, digest_buf(algo_by_id(id), "", 0, &unused) == 0 ? algo_by_id(id) : NULL);
	}
}

/* The order is EVM's, whatever order they were set in; what it does not protect is not told. */
static void meta(void **state)
{
	static const uint8_t capability[20] = { 1, 0, 0, 2, 4 };
	struct template_meta m = { 0 };

	(void)state;
	set("security.capability", capability, sizeof(capability));
	set("security.ima", "\4\4hash", 6);
	set("security.evm", "\2hmac", 5);
	set("user.ima", "no", 2);
	assert_ok(fchown(fd, 12345, 70000));
	assert_ok(fchmod(fd, 0640));
	set("security.capability", capability, sizeof(capability)); /* a change of the owner takes it away */
	assert_ok(file_meta(fd, &m));
	assert_int_equal(m.xattr_names.len, 33);
	assert_memory_equal(m.xattr_names.data, "security.ima|security.capability", 33);
	assert_int_equal(m.xattr_lengths.len, 8);
	assert_memory_equal(m.xattr_lengths.data, "\6\0\0\0\x14\0\0\0", 8);
	assert_int_equal(m.xattr_values.len, 26);
	assert_memory_equal(m.xattr_values.data, "\4\4hash\1\0\0\2\4\0", 12);
	assert_int_equal(m.evmsig.len, 5);
	assert_memory_equal(m.evmsig.data, "\2hmac", 5);
	assert_int_equal(m.uid, 12345);
	assert_int_equal(m.gid, 70000);
	assert_int_equal(m.mode, S_IFREG | 0640);
	template_meta_done(&m);

	set("security.capability", NULL, 0);
	set("security.ima", NULL, 0);
	set("security.evm", NULL, 0);
	assert_ok(file_meta(fd, &m));
	assert_int_equal(m.xattr_names.len + m.xattr_lengths.len + m.xattr_values.len + m.evmsig.len, 0);
	template_meta_done(&m);
	m.uid = 77;
	assert_int_equal(file_meta(-1, &m), -EBADF);
	assert_int_equal(m.uid, 77);
}

static void longest_label(void **state)
{
	const size_t n = 3000; /* what ext4 takes; the kernel's own limit is FILE_LABEL_MAX */
	cleanup_free uint8_t *label = malloc(n), *buffer = malloc(FILE_LABEL_MAX);
	const struct algo *algo = NULL;

	(void)state;
	assert_true(label && buffer);
	memset(label, 2, n);
	label[0] = 3;
	set("security.ima", label, n);
	assert_int_equal(file_label(fd, buffer, &algo), n);
	assert_memory_equal(buffer, label, n);
	assert_int_equal(algo->id, ALGO_SHA1);
}

static void assert_label(const void *want, size_t n)
{
	uint8_t label[64];

	assert_int_equal(fgetxattr(fd, "security.ima", label, sizeof(label)), n);
	assert_memory_equal(label, want, n);
}

/* What the kernel's IMA writes: type 1 up to SHA-1, type 4 with the algorithm behind it; never over a signature. */
static void hash_labels(void **state)
{
	struct digest sha1 = { .algo = ALGO_SHA1, .size = 20, .bytes = { 7 } };
	struct digest sha256 = { .algo = ALGO_SHA256, .size = 32, .bytes = { 8 } };
	static const uint8_t signature[] = { 3, 2, 4, 0 }, verity[] = { 6, 3, 4, 0 };
	uint8_t as_sha1[21] = { 1, 7 }, as_sha256[34] = { 4, ALGO_SHA256, 8 }, huge[3000] = { 3 };

	(void)state;
	set("security.ima", NULL, 0);
	assert_int_equal(file_set_hash_label(fd, &sha1), 1);
	assert_label(as_sha1, sizeof(as_sha1));
	assert_int_equal(file_set_hash_label(fd, &sha256), 1);
	assert_label(as_sha256, sizeof(as_sha256));
	assert_int_equal(file_set_hash_label(fd, &sha256), 0);
	sha256.bytes[31] = 1;
	assert_int_equal(file_set_hash_label(fd, &sha256), 1);
	set("security.ima", signature, sizeof(signature));
	assert_int_equal(file_set_hash_label(fd, &sha256), 0);
	assert_label(signature, sizeof(signature));
	set("security.ima", verity, sizeof(verity));
	assert_int_equal(file_set_hash_label(fd, &sha256), 0);
	assert_label(verity, sizeof(verity));
	set("security.ima", huge, sizeof(huge));
	assert_int_equal(file_set_hash_label(fd, &sha256), 0);
	huge[0] = 4; /* a hash with something behind it is none the less a hash */
	as_sha256[33] = 1;
	set("security.ima", huge, sizeof(huge));
	assert_int_equal(file_set_hash_label(fd, &sha256), 1);
	assert_label(as_sha256, sizeof(as_sha256));
	assert_int_equal(file_set_hash_label(-1, &sha256), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels),
		cmocka_unit_test(labels_of_unknown_algorithms),
		cmocka_unit_test(meta),
		cmocka_unit_test(longest_label),
		cmocka_unit_test(hash_labels),
	};
	int r = SKIP;

	if (tmpdir_make(tmp) < 0)
		return 1;
	fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || fsetxattr(fd, "security.ima", "\1", 1, 0) < 0 ||
	    fsetxattr(fd, "security.evm", "\2", 1, 0) < 0)
		fprintf(stderr, "cannot set security.ima and security.evm in %s: %m\n", tmp);
	else
		r = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(tmp);
	return r;
}
