/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust: deny lists, well-formed and not, digests and keys found in them. */
#include <imad/digest.h>
#include <imad/trust.h>

#include "certs.h"

#define ZEROS "0000000000000000000000000000000000000000"
#define SHA256_OF_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define SHA1_OF_A "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"

static struct trust *new_trust(void)
{
	struct keyring *k = NULL;
	struct trust *t = NULL;

	assert_ok(keyring_new(&k));
	assert_ok(trust_new(k, &t));
	return t;
}

static struct digest digest_of(const char *algo, const char *text)
{
	struct digest d;

	memset(&d, 0xa5, sizeof(d)); /* what is behind the digest must not matter */
	assert_ok(digest_buf(algo_by_name(algo, strlen(algo)), text, strlen(text), &d));
	memset(d.bytes + d.size, 0xa5, sizeof(d.bytes) - d.size);
	return d;
}

static bool denies(const char *list, const char *algo, const char *text)
{
	cleanup(trust_unrefp) struct trust *t = new_trust();
	struct parse_error e = { 0 };
	struct digest d = digest_of(algo, text);

	if (trust_deny(t, list, strlen(list), &e) < 0)
		fail_msg("line %u: %s: %s", e.line, e.why, e.token);
	return trust_denies(t, &d);
}

static void digests(void **state)
{
	(void)state;
	assert_true(denies("sha256:" SHA256_OF_A "\n", "sha256", "a"));
	assert_false(denies("sha256:" SHA256_OF_A "\n", "sha256", "b"));
	assert_false(denies("sha256:" SHA256_OF_A "\n", "sha1", "a"));
	assert_true(denies("  bin:" SHA256_OF_A "\t# a", "sha256", "a"));
	assert_true(denies("# nothing\n\nsha1:" ZEROS "\nbin:" SHA1_OF_A "\nsha1:" ZEROS "\n", "sha1", "a"));
	assert_false(denies("", "sha256", "a"));
	assert_false(denies("key:" SHA1_OF_A "\n", "sha1", "a"));
}

/* Equal lists, however they are written, are equal bytes; others are not. */
static void bytes(void **state)
{
	static const char *const lists[] = { "key:01020304\nkey:05060708\n", "# the same\n  key:05060708\nkey:01020304\n",
					     "key:01020304\n" };
	const void *denied[3];
	size_t n[3];
	struct trust *t[3];
	struct parse_error e;

	(void)state;
	for (int i = 0; i < 3; i++) {
		t[i] = new_trust();
		assert_int_equal(trust_deny(t[i], lists[i], strlen(lists[i]), &e), 0);
		denied[i] = trust_denied_bytes(t[i], &n[i]);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(denied[0], denied[1], n[0]);
	assert_true(n[0] > n[2] && n[2] > 0);
	for (int i = 0; i < 3; i++)
		trust_unref(t[i]);
}

static void algorithms(void **state)
{
	static const struct {
		const char *list;
		uint32_t algos;
		size_t n;
	} rows[] = {
		{ "", 0, 0 },
		{ "# only words\n", 0, 0 },
		{ "key:01234567\n", 0, 1 },
		{ "sha256:" SHA256_OF_A "\nsha256:" SHA256_OF_A "\n", 1u << ALGO_SHA256, 1 },
		{ "bin:" SHA256_OF_A "\nsha1:" SHA1_OF_A "\n", 1u << ALGO_SHA256 | 1u << ALGO_SHA1, 2 },
		{ "bin:" SHA256_OF_A SHA256_OF_A, 1u << ALGO_SHA512, 1 },
		{ "bin:" SHA1_OF_A, 1u << ALGO_SHA1, 1 },
		{ "bin:00112233445566778899aabbccddeeff", 1u << ALGO_MD5, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(trust_unrefp) struct trust *t = new_trust();
		struct parse_error e;

		assert_ok(trust_deny(t, rows[i].list, strlen(rows[i].list), &e));
		assert_int_equal(trust_denied_algos(t), rows[i].algos);
		assert_int_equal(trust_denied_count(t), rows[i].n);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *list, *why;
		unsigned int line;
	} rows[] = {
		{ "sha256:" SHA256_OF_A "\nrubbish\n", "neither", 2 },
		{ "sha256:" SHA256_OF_A "00", "not as long", 1 },
		{ "sha256:" SHA1_OF_A, "not as long", 1 },
		{ "sha256:", "hex", 1 },
		{ "sha256:x" SHA1_OF_A, "hex", 1 },
		{ "sha1:0" SHA1_OF_A, "hex", 1 },
		{ "\n\nrot13:" SHA1_OF_A, "unknown hash", 3 },
		{ ":" SHA1_OF_A, "unknown hash", 1 },
		{ "bin:0011", "no digest", 1 },
		{ "key:001122", "8 hex digits", 1 },
		{ "key:", "hex", 1 },
		{ "key:00112233 44556677", "hex", 1 },
		{ "bin:" SHA256_OF_A SHA256_OF_A SHA1_OF_A, "hex", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(trust_unrefp) struct trust *t = new_trust();
		struct digest d = digest_of("sha256", "a");
		struct parse_error e = { 0 };

		assert_int_equal(trust_deny(t, rows[i].list, strlen(rows[i].list), &e), -EBADMSG);
		assert_int_equal(e.line, rows[i].line);
		if (!strstr(e.why, rows[i].why))
			fail_msg("'%s': %s", rows[i].list, e.why);
		assert_false(trust_denies(t, &d)); /* all or nothing */
	}
}

static void too_long(void **state)
{
	cleanup(trust_unrefp) struct trust *t = new_trust();
	cleanup_free char *text = calloc(1, DENY_BYTES_MAX + 1);
	struct parse_error e;

	(void)state;
	memset(text, '\n', DENY_BYTES_MAX + 1);
	assert_int_equal(trust_deny(t, text, DENY_BYTES_MAX + 1, &e), -EBADMSG);
	assert_ok(trust_deny(t, text, DENY_BYTES_MAX, &e));
}

/* By the end of the identifier, as the kernel looks for keys; two keys may share it. */
static void keys(void **state)
{
	static const struct {
		const char *list;
		unsigned int denied; /* a bit a key */
	} rows[] = {
		{ "key:aabbccdd", 3 },
		{ "key:11aabbccdd", 2 },
		{ "key:000102030405060708090a0b0c0d0e0faabbccdd", 1 },
		{ "key:ff000102030405060708090a0b0c0d0e0faabbccdd", 0 },
		{ "key:aabbccde", 0 },
		{ "key:aabbccdd00", 0 },
	};
	cleanup_buf struct buf a = { 0 }, b = { 0 };
	EVP_PKEY *ec = make_key("P-256");

	(void)state;
	make_cert(&(struct cert_wish){ .cn = "a", .key = ec, .skid = "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:aa:bb:cc:dd" },
		  false, &a);
	make_cert(&(struct cert_wish){ .cn = "b", .key = ec, .skid = "11:aa:bb:cc:dd" }, false, &b);
	EVP_PKEY_free(ec);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(trust_unrefp) struct trust *t = NULL;
		struct keyring *k = NULL;
		struct parse_error e;

		assert_ok(keyring_new(&k));
		assert_ok(keyring_add_cert(k, a.data, a.len, "a", NULL));
		assert_ok(keyring_add_cert(k, b.data, b.len, "b", NULL));
		assert_ok(trust_new(k, &t));
		assert_ok(trust_deny(t, rows[i].list, strlen(rows[i].list), &e));
		for (unsigned int n = 0; n < 2; n++)
			assert_int_equal(keyring_key(trust_keys(t), n)->denied, rows[i].denied >> n & 1);
	}
}

static void references(void **state)
{
	struct trust *t = new_trust(), *other = trust_ref(t);
	struct parse_error e;

	(void)state;
	assert_ok(trust_deny(t, "sha1:" SHA1_OF_A, strlen("sha1:" SHA1_OF_A), &e));
	trust_unref(t);
	assert_int_equal(trust_denied_count(other), 1);
	trust_unref(other);
	trust_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests),
		cmocka_unit_test(bytes), cmocka_unit_test(algorithms), cmocka_unit_test(refused),
		cmocka_unit_test(too_long), cmocka_unit_test(keys),	  cmocka_unit_test(references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
