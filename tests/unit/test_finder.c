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
static struct digest denied; /* by the last finder_found() */

/* Of the label @p, when the content is that of evmctl-sig/hello; *@asked: the first digest that was needed. */
static uint32_t found_by(const struct trust *t, const void *p, size_t n, unsigned int *asked)
{
	cleanup_buf struct buf content = { 0 };
	cleanup(finder_done) struct finder f = { 0 };
	const struct algo *algos[ALGO_COUNT];
	struct digest digests[ALGO_COUNT];
	unsigned int needs;

	assert_true(n ? fsetxattr(fd, "security.ima", p, n, 0) == 0 : fremovexattr(fd, "security.ima") == 0 || errno == ENODATA);
	assert_ok(finder_read(fd, &f));
	needs = finder_needs(t, &f, algos);
	*asked = needs ? algos[0]->id : 0;
	golden_read(&content, "evmctl-sig/hello");
	for (unsigned int i = 0; i < needs; i++)
		assert_ok(digest_buf(algos[i], content.data, content.len, &digests[i]));
	return finder_found(t, fd, &f, digests, needs, &denied);
}

/* ... with those keys (taken over) and nothing denied. */
static uint32_t found(struct keyring *keys, const void *p, size_t n, unsigned int *asked)
{
	cleanup(trust_unrefp) struct trust *t = NULL;

	if (keys)
		assert_ok(trust_new(keys, &t));
	return found_by(t, p, n, asked);
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

static struct keyring *new_keys(bool with_key)
{
	cleanup_buf struct buf der = { 0 };
	struct keyring *k = NULL;

	golden_read(&der, "evmctl-sig/rsa2048.der");
	assert_ok(keyring_new(&k));
	if (with_key)
		assert_ok(keyring_add_cert(k, der.data, der.len, "x", NULL));
	return k;
}

static void signatures(void **state)
{
	cleanup_buf struct buf sig = { 0 };
	const uint32_t v2 = IMAD_FOUND(IMAD_LABEL_SIGNATURE, 2, ALGO_SHA256);
	unsigned int asked;

	(void)state;
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	assert_int_equal(found(new_keys(false), sig.data, sig.len, &asked), v2);
	assert_int_equal(found(new_keys(true), sig.data, sig.len, &asked), v2 | IMAD_FOUND_GOOD);
	assert_int_equal(asked, ALGO_SHA256);
	assert_int_equal(found(new_keys(true), sig.data, sig.len - 1, &asked), v2);
	sig.data[sig.len - 1] ^= 1;
	assert_int_equal(found(new_keys(true), sig.data, sig.len, &asked), v2);
	sig.data[1] = 9;
	assert_true(found(new_keys(true), sig.data, sig.len, &asked) & IMAD_FOUND_VERSION_BAD);
	sig.data[1] = 3;
	sig.data[0] = 6; /* a file without fs-verity has no such digest */
	assert_int_equal(found(new_keys(true), sig.data, sig.len, &asked), IMAD_FOUND(IMAD_LABEL_VERITY, 3, ALGO_SHA256));
	assert_int_equal(asked, 0);
}

/* "hello\n", and what denies it: whatever the label is, by whatever algorithm. */
static void deny_list(void **state)
{
	static const struct {
		const char *list;
		uint32_t denied, good; /* bits of IMAD_FOUND_* */
		unsigned int algo;     /* of the digest that is on the list */
	} rows[] = {
		{ "", 0, IMAD_FOUND_GOOD, 0 },
		{ "sha1:f572d396fae9206628714fb2ce00f72e94f2258f", IMAD_FOUND_DENIED, IMAD_FOUND_GOOD, ALGO_SHA1 },
		{ "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", IMAD_FOUND_DENIED, IMAD_FOUND_GOOD,
		  ALGO_SHA256 },
		{ "bin:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", IMAD_FOUND_DENIED, IMAD_FOUND_GOOD,
		  ALGO_SHA256 },
		{ "sha1:f572d396fae9206628714fb2ce00f72e94f22580", 0, IMAD_FOUND_GOOD, 0 },
		{ "key:857d8ee8", 0, 0, 0 },
		{ "key:857d8ee9", 0, IMAD_FOUND_GOOD, 0 },
	};
	cleanup_buf struct buf sig = { 0 };
	unsigned int asked;

	(void)state;
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(trust_unrefp) struct trust *t = NULL;
		struct parse_error e;

		assert_ok(trust_new(new_keys(true), &t));
		assert_ok(trust_deny(t, rows[i].list, strlen(rows[i].list), &e));
		assert_int_equal(found_by(t, sig.data, sig.len, &asked),
				 IMAD_FOUND(IMAD_LABEL_SIGNATURE, 2, ALGO_SHA256) | rows[i].denied | rows[i].good);
		assert_int_equal(denied.size ? denied.algo : 0, rows[i].algo);
		assert_int_equal(found_by(t, NULL, 0, &asked), IMAD_LABEL_NONE | rows[i].denied);
		assert_int_equal(found_by(t, sig.data, 4, &asked) & IMAD_FOUND_DENIED, rows[i].denied); /* a damaged label */
	}
}

/* Whether a signature appended to the content counts in the label's stead, by the label. */
static bool yields(bool with_key, const void *p, size_t n)
{
	cleanup(finder_done) struct finder f = { 0 };
	cleanup(trust_unrefp) struct trust *t = NULL;

	assert_ok(trust_new(new_keys(with_key), &t));
	assert_true(n ? fsetxattr(fd, "security.ima", p, n, 0) == 0 : fremovexattr(fd, "security.ima") == 0 || errno == ENODATA);
	assert_ok(finder_read(fd, &f));
	return finder_yields(t, &f);
}

static void appended(void **state)
{
	cleanup_buf struct buf sig = { 0 };
	uint8_t sha1[21] = { 1 }, sha256[34] = { 4, 4 };

	(void)state;
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	assert_true(yields(true, NULL, 0));
	assert_true(yields(true, sha256, sizeof(sha256)));
	assert_true(yields(true, sha256, 3)); /* by its type: the kernel looks no further */
	assert_false(yields(true, sha1, sizeof(sha1)));
	assert_true(yields(false, sig.data, sig.len)); /* by a key that nobody knows */
	assert_false(yields(true, sig.data, sig.len));
	assert_false(yields(true, sig.data, sig.len - 1));
	sig.data[6] ^= 1;
	assert_true(yields(true, sig.data, sig.len));
	sig.data[0] = 6;
	sig.data[1] = 3;
	assert_false(yields(true, sig.data, sig.len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes), cmocka_unit_test(signatures), cmocka_unit_test(deny_list), cmocka_unit_test(appended),
	};
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
