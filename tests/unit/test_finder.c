// SPDX-License-Identifier: GPL-2.0-or-later
/* Finder: from the label of an open file to what is found of it. Needs CAP_SYS_ADMIN to set labels; else skipped. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/finder.h>
#include <imad/util.h>

#include "golden.h"
#include "tmpdir.h"

#define SKIP 77

static char tmp[TMPDIR_PATH];
static int fd = -1;

/* The found of the label @p, when the content is that of evmctl-sig/hello; *@asked: the digest that was needed. */
static uint32_t found(const struct keyring *keys, const void *p, size_t n, unsigned int *asked)
{
	cleanup_buf struct buf content = { 0 };
	cleanup(finder_done) struct finder f = { 0 };
	const struct algo *algo;
	struct digest digest;

	assert_true(n ? fsetxattr(fd, "security.ima", p, n, 0) == 0 : fremovexattr(fd, "security.ima") == 0 || errno == ENODATA);
	assert_ok(finder_read(fd, &f));
	algo = finder_needs_digest(&f);
	*asked = algo ? algo->id : 0;
	if (!algo)
		return finder_found(keys, fd, &f, NULL);
	golden_read(&content, "evmctl-sig/hello");
	assert_ok(digest_buf(algo, content.data, content.len, &digest));
	return finder_found(keys, fd, &f, &digest);
}

static void hashes(void **state)
{
	struct digest digest;
	uint8_t label[LABEL_DIGEST_MAX + 4] = { 0 };
	unsigned int asked;
	size_t n;

	(void)state;
	assert_int_equal(found(NULL, NULL, 0, &asked), IMAD_LABEL_NONE);
	assert_int_equal(asked, 0);
	assert_ok(digest_buf(algo_by_id(ALGO_SHA512), "hello\n", 6, &digest));
	n = label_encode_digest(&digest, label);
	assert_int_equal(found(NULL, label, n, &asked), IMAD_FOUND(IMAD_LABEL_HASH, 0, ALGO_SHA512) | IMAD_FOUND_GOOD);
	assert_int_equal(asked, ALGO_SHA512);
	label[n - 1] ^= 1;
	assert_int_equal(found(NULL, label, n, &asked), IMAD_FOUND(IMAD_LABEL_HASH, 0, ALGO_SHA512));
	label[n - 1] ^= 1;
	assert_int_equal(found(NULL, label, n - 1, &asked), IMAD_FOUND(IMAD_LABEL_HASH, 0, ALGO_SHA512));
	assert_int_equal(asked, 0); /* too short: nothing that a digest could be compared with */
	label[0] = 2;
	assert_int_equal(found(NULL, label, n, &asked), IMAD_LABEL_UNKNOWN);
}

static void signatures(void **state)
{
	cleanup(keyring_freep) struct keyring *k = NULL;
	cleanup_buf struct buf der = { 0 }, sig = { 0 };
	const uint32_t v2 = IMAD_FOUND(IMAD_LABEL_SIGNATURE, 2, ALGO_SHA256);
	unsigned int asked;

	(void)state;
	golden_read(&der, "evmctl-sig/rsa2048.der");
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	assert_ok(keyring_new(&k));
	assert_int_equal(found(k, sig.data, sig.len, &asked), v2);
	assert_ok(keyring_add_cert(k, der.data, der.len, "x", NULL));
	assert_int_equal(found(k, sig.data, sig.len, &asked), v2 | IMAD_FOUND_GOOD);
	assert_int_equal(asked, ALGO_SHA256);
	assert_int_equal(found(k, sig.data, sig.len - 1, &asked), v2);
	sig.data[sig.len - 1] ^= 1;
	assert_int_equal(found(k, sig.data, sig.len, &asked), v2);
	sig.data[1] = 9;
	assert_true(found(k, sig.data, sig.len, &asked) & IMAD_FOUND_VERSION_BAD);
	sig.data[1] = 3;
	sig.data[0] = 6; /* a file without fs-verity has no such digest */
	assert_int_equal(found(k, sig.data, sig.len, &asked), IMAD_FOUND(IMAD_LABEL_VERITY, 3, ALGO_SHA256));
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hashes), cmocka_unit_test(signatures) };
	int r = SKIP;

	if (tmpdir_make(tmp) < 0)
		return 1;
	fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || fsetxattr(fd, "security.ima", "\1", 1, 0) < 0)
		fprintf(stderr, "cannot set security.ima in %s: %m\n", tmp);
	else
		r = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(tmp);
	return r;
}
