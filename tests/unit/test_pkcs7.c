/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pkcs7.c: what the kernel's sign-file and openssl signed, and what the kernel would not take. */
#include <stdio.h>
#include <string.h>

#include <imad/modsig.h>
#include <imad/pkcs7.h>
#include <imad/util.h>

#include "golden.h"

static struct buf content;

static struct keyring *keyring_of(const char *names)
{
	char copy[64], *save = NULL;
	struct keyring *k = NULL;

	assert_ok(keyring_new(&k));
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		cleanup_buf struct buf der = { 0 };

		golden_read(&der, "modsig/%s.der", name);
		assert_ok(keyring_add_cert(k, der.data, der.len, name, NULL));
	}
	return k;
}

/* The PKCS#7 of a file of sign-file's, or the whole of NAME.p7s. */
static void read_message(const char *name, struct buf *ret)
{
	struct modsig m;

	golden_read(ret, "modsig/%s", name);
	if (strstr(name, ".p7s"))
		return;
	assert_ok(modsig_find(ret->data + ret->len - MODSIG_TAIL, MODSIG_TAIL, ret->len, &m, NULL));
	memmove(ret->data, ret->data + m.content, m.der);
	ret->len = m.der;
}

/* The verdict of the message over @n bytes; *@why is part of the reason, NULL if it is good. */
static int verdict(const struct buf *der, const char *keys, const void *p, size_t n, const char **why)
{
	cleanup(keyring_freep) struct keyring *k = keyring_of(keys);
	cleanup(pkcs7_freep) struct pkcs7 *m = NULL;
	struct digest d = { 0 };

	assert_ok(pkcs7_parse(der->data, der->len, &m, why));
	if (pkcs7_algo(m))
		assert_ok(digest_buf(pkcs7_algo(m), p, n, &d));
	return pkcs7_verify(m, k, &d, why);
}

#define ALL "rsa p256 p384"

static const struct {
	const char *name, *keys;
	int verdict;
	const char *why;
} rows[] = {
	{ "content.rsa.sha1", ALL, SIGNATURE_OK, NULL },
	{ "content.rsa.sha256", ALL, SIGNATURE_OK, NULL },
	{ "content.rsa.sha384", ALL, SIGNATURE_OK, NULL },
	{ "content.rsa.sha512", ALL, SIGNATURE_OK, NULL },
	{ "content.rsa.skid", ALL, SIGNATURE_OK, NULL },
	{ "content.p256.sha256", ALL, SIGNATURE_OK, NULL },
	{ "content.p256.sha512", ALL, SIGNATURE_OK, NULL },
	{ "content.p384.sha256", ALL, SIGNATURE_OK, NULL },
	{ "content.p384.sha512", ALL, SIGNATURE_OK, NULL },
	{ "content.p384.skid", ALL, SIGNATURE_OK, NULL },
	{ "content.wrong.sha256", ALL, SIGNATURE_NO_KEY, "not trusted" },
	{ "content.rsa.sha256", "p256", SIGNATURE_NO_KEY, "not trusted" },
	{ "content.rsa.sha256", "", SIGNATURE_NO_KEY, "not trusted" },
	{ "debian.p7s", ALL, SIGNATURE_NO_KEY, "not trusted" },
	{ "with-cert.p7s", "rsa", SIGNATURE_OK, NULL },
	{ "with-cert.p7s", "p256", SIGNATURE_NO_KEY, "not trusted" }, /* its own certificate vouches for nothing */
	{ "chain.p7s", "ca", SIGNATURE_OK, NULL },
	{ "chain.p7s", "rsa", SIGNATURE_NO_KEY, "not trusted" },
	{ "chain.p7s", "leaf", SIGNATURE_OK, NULL },
	{ "leaf.p7s", "leaf", SIGNATURE_OK, NULL },
	{ "leaf.p7s", "ca", SIGNATURE_NO_KEY, "not trusted" },
	{ "attrs.p7s", "rsa", SIGNATURE_BAD, "attributes" },
	{ "attached.p7s", "rsa", SIGNATURE_BAD, "content of its own" },
	{ "two.p7s", ALL, SIGNATURE_BAD, "more than one" },
	{ "other-type.p7s", "rsa", SIGNATURE_BAD, "something else" },
	{ "pss.p7s", "rsa", SIGNATURE_UNSUPPORTED, "another kind" },
	{ "truncated-sha512.p7s", "rsa", SIGNATURE_UNSUPPORTED, "unknown algorithm" },
};

static void verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf der = { 0 };
		const char *why = "unset";
		int r;

		read_message(rows[i].name, &der);
		r = verdict(&der, rows[i].keys, content.data, content.len, &why);
		if (r != rows[i].verdict || (rows[i].why ? !why || !strstr(why, rows[i].why) : why != NULL))
			fail_msg("%s by '%s': %d, %s", rows[i].name, rows[i].keys, r, why ? why : "-");
	}
}

/* Any byte of content, and of the signature proper, counts. */
static void tampered(void **state)
{
	static const char *const names[] = { "content.rsa.sha256", "content.p256.sha512", "content.rsa.skid", "chain.p7s" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_buf struct buf der = { 0 };
		const char *why;

		read_message(names[i], &der);
		assert_int_equal(verdict(&der, ALL " ca", content.data, content.len - 1, &why), SIGNATURE_BAD);
		assert_non_null(strstr(why, "not that of this content"));
		der.data[der.len - 1] ^= 1;
		assert_int_equal(verdict(&der, ALL " ca", content.data, content.len, &why), SIGNATURE_BAD);
	}
}

/* What it says it is signed by must be what its digest is of. */
static void another_algorithm(void **state)
{
	static const uint8_t ecdsa_with_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
	cleanup_buf struct buf der = { 0 };
	const char *why;
	uint8_t *at;

	(void)state;
	read_message("content.p256.sha256", &der);
	at = memmem(der.data, der.len, ecdsa_with_sha256, sizeof(ecdsa_with_sha256));
	assert_non_null(at);
	at[sizeof(ecdsa_with_sha256) - 1] = 4; /* with SHA-512 */
	assert_int_equal(verdict(&der, "p256", content.data, content.len, &why), SIGNATURE_UNSUPPORTED);
	assert_non_null(strstr(why, "another kind"));
}

/* A key on the deny list signs nothing, and no certificate for others. */
static void denied_keys(void **state)
{
	static const struct {
		const char *name, *key;
		int verdict;
	} cases[] = {
		{ "content.rsa.sha256", "rsa", SIGNATURE_KEY_DENIED },
		{ "with-cert.p7s", "rsa", SIGNATURE_KEY_DENIED },
		{ "chain.p7s", "ca", SIGNATURE_NO_KEY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup(keyring_freep) struct keyring *k = keyring_of(cases[i].key);
		uint32_t id = keyring_key(k, 0)->id;
		const uint8_t bytes[] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
		cleanup(pkcs7_freep) struct pkcs7 *m = NULL;
		cleanup_buf struct buf der = { 0 };
		struct digest d;

		read_message(cases[i].name, &der);
		assert_ok(pkcs7_parse(der.data, der.len, &m, NULL));
		assert_ok(digest_buf(pkcs7_algo(m), content.data, content.len, &d));
		assert_int_equal(pkcs7_verify(m, k, &d, NULL), SIGNATURE_OK);
		assert_int_equal(keyring_deny(k, bytes, sizeof(bytes)), 1);
		assert_int_equal(pkcs7_verify(m, k, &d, NULL), cases[i].verdict);
	}
}

static void malformed(void **state)
{
	cleanup_buf struct buf der = { 0 }, digested = { 0 };
	struct pkcs7 *m = NULL;
	const char *why = NULL;

	(void)state;
	read_message("content.rsa.sha256", &der);
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(pkcs7_parse(der.data, n, &m, &why), -EBADMSG);
	assert_non_null(strstr(why, "DER"));
	buf_add_u8(&der, 0);
	assert_int_equal(pkcs7_parse(der.data, der.len, &m, &why), -EBADMSG);
	assert_non_null(strstr(why, "follows"));
	read_message("digested.p7s", &digested);
	assert_int_equal(pkcs7_parse(digested.data, digested.len, &m, &why), -EBADMSG);
	assert_non_null(strstr(why, "not a signed one"));
	assert_null(m);
}

static void another_digest(void **state)
{
	cleanup(keyring_freep) struct keyring *k = keyring_of("rsa");
	cleanup(pkcs7_freep) struct pkcs7 *m = NULL;
	cleanup_buf struct buf der = { 0 };
	struct digest d;

	(void)state;
	read_message("content.rsa.sha256", &der);
	assert_ok(pkcs7_parse(der.data, der.len, &m, NULL));
	assert_int_equal(pkcs7_algo(m)->id, ALGO_SHA256);
	assert_ok(digest_buf(algo_by_id(ALGO_SHA512), content.data, content.len, &d));
	assert_int_equal(pkcs7_verify(m, k, &d, NULL), SIGNATURE_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(tampered),
		cmocka_unit_test(another_algorithm),
		cmocka_unit_test(denied_keys),
		cmocka_unit_test(malformed),
		cmocka_unit_test(another_digest),
	};
	int r;

	golden_read(&content, "modsig/content");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	buf_done(&content);
	return r;
}
