/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keyring.c: ids, what is listed, DER and PEM, what is refused, a CA. */
#include <imad/keyring.h>

#include "certs.h"

#define cleanup_keyring cleanup(keyring_freep)

static EVP_PKEY *rsa, *ec, *other; /* made once: making RSA keys takes time */

static struct keyring *new_keyring(void)
{
	struct keyring *k = NULL;

	assert_ok(keyring_new(&k));
	return k;
}

static void golden(void **state)
{
	static const struct {
		const char *file, *type;
		uint32_t id;
		unsigned int bits;
	} certs[] = {
		{ "rsa2048", "rsa", 0x857d8ee8, 2048 },
		{ "p256", "ecdsa-nist-p256", 0x5e145fa1, 256 },
		{ "wrong", "rsa", 0xd8f103f1, 2048 },
	};
	cleanup_keyring struct keyring *k = new_keyring();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++) {
		cleanup_buf struct buf der = { 0 };

		golden_read(&der, "evmctl-sig/%s.der", certs[i].file);
		assert_ok(keyring_add_cert(k, der.data, der.len, certs[i].file, NULL));
	}
	assert_int_equal(keyring_count(k), ARRAY_SIZE(certs));
	assert_null(keyring_key(k, ARRAY_SIZE(certs)));
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++) {
		const struct key *key = keyring_key(k, i);
		uint32_t id;

		assert_int_equal(key->id, certs[i].id);
		assert_string_equal(key->type, certs[i].type);
		assert_int_equal(key->bits, certs[i].bits);
		assert_string_equal(key->subject, "CN=imad oracle key");
		assert_string_equal(key->origin, certs[i].file);
		assert_int_equal(key->not_after, 4949051219); /* Oct 30 16:26:59 2126 GMT */
		assert_ptr_equal(keyring_find(k, certs[i].id, NULL), key);
		assert_null(keyring_find(k, certs[i].id, key));
		assert_ok(key_id(key->pkey, &id)); /* openssl made the identifier from the same hash */
		assert_int_equal(id, certs[i].id);
	}
	assert_null(keyring_find(k, 0x857d8ee9, NULL));
}

/* The identifier in the certificate counts, else the hash of the key. */
static void ids(void **state)
{
	cleanup_buf struct buf given = { 0 }, none = { 0 }, cut = { 0 };
	cleanup_keyring struct keyring *k = new_keyring();
	const char *why = NULL;
	uint32_t id;

	(void)state;
	make_cert(&(struct cert_wish){ .cn = "given", .key = rsa, .skid = "00:11:22:aa:BB:cc:dd" }, false,
		  &given);
	make_cert(&(struct cert_wish){ .cn = "none", .key = ec }, false, &none);
	make_cert(&(struct cert_wish){ .cn = "cut", .key = ec, .skid = "aa:bb:cc" }, false, &cut);
	assert_ok(keyring_add_cert(k, given.data, given.len, "given", NULL));
	assert_ok(keyring_add_cert(k, none.data, none.len, "none", NULL));
	assert_int_equal(keyring_add_cert(k, cut.data, cut.len, "cut", &why), -EBADMSG);
	assert_non_null(strstr(why, "identifier"));

	assert_int_equal(keyring_count(k), 2);
	assert_int_equal(keyring_key(k, 0)->id, 0xaabbccdd);
	assert_ok(key_id(ec, &id));
	assert_int_equal(keyring_key(k, 1)->id, id);
}

static void several_in_pem(void **state)
{
	cleanup_buf struct buf pem = { 0 };
	cleanup_keyring struct keyring *k = new_keyring();
	const char *why = NULL;
	size_t good;

	(void)state;
	buf_add_str(&pem, "what people write above\n");
	make_cert(&(struct cert_wish){ .cn = "one\nline, two", .key = rsa, .skid = "01:02:03:04" }, true,
		  &pem);
	buf_add_str(&pem, "\nand between\n");
	make_cert(&(struct cert_wish){ .cn = "expired", .key = ec, .skid = "01:02:03:04", .expires = -60 },
		  true, &pem);
	good = pem.len;
	assert_ok(keyring_add_cert(k, pem.data, good, "bundle", NULL));
	assert_int_equal(keyring_count(k), 2);
	assert_string_equal(keyring_key(k, 0)->subject, "CN=one\\0Aline\\, two");
	assert_true(keyring_key(k, 0)->not_after > time(NULL));
	assert_true(keyring_key(k, 1)->not_after < time(NULL));
	assert_ptr_equal(keyring_find(k, 0x01020304, NULL), keyring_key(k, 0));
	assert_ptr_equal(keyring_find(k, 0x01020304, keyring_key(k, 0)), keyring_key(k, 1));
	assert_null(keyring_find(k, 0x01020304, keyring_key(k, 1)));

	/* All or none. */
	buf_add_str(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_int_equal(keyring_add_cert(k, pem.data, pem.len, "bundle", &why), -EBADMSG);
	assert_non_null(why);
	pem.len = good;
	make_cert(&(struct cert_wish){ .cn = "third", .key = ec, .skid = "01" }, true, &pem);
	assert_int_equal(keyring_add_cert(k, pem.data, pem.len, "bundle", &why), -EBADMSG);
	assert_int_equal(keyring_count(k), 2);
}

static void unsupported_keys(void **state)
{
	static const char *const kinds[] = { "RSA:768", "secp256k1", "P-224", "ED25519" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EVP_PKEY *key = i == 3 ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[i]) : make_key(kinds[i]);
		cleanup_keyring struct keyring *k = new_keyring();
		cleanup_buf struct buf der = { 0 };
		const char *why = NULL;

		make_cert(&(struct cert_wish){ .cn = kinds[i], .key = key, .issuer = "x", .issuer_key = ec },
			  false, &der);
		assert_null(key_type(key));
		assert_int_equal(keyring_add_cert(k, der.data, der.len, "f", &why), -EOPNOTSUPP);
		assert_non_null(why);
		assert_int_equal(keyring_count(k), 0);
		EVP_PKEY_free(key);
	}
}

static void malformed(void **state)
{
	cleanup_keyring struct keyring *k = new_keyring();
	cleanup_buf struct buf der = { 0 }, large = { 0 }, private = { 0 };

	(void)state;
	golden_read(&der, "evmctl-sig/p256.der");
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(keyring_add_cert(k, der.data, n, "cut", NULL), -EBADMSG);
	buf_add_u8(&der, 0);
	assert_int_equal(keyring_add_cert(k, der.data, der.len, "longer", NULL), -EBADMSG);
	assert_int_equal(keyring_add_cert(k, "hello", 5, "text", NULL), -EBADMSG);
	key_pem(ec, NULL, &private);
	assert_int_equal(keyring_add_cert(k, private.data, private.len, "private key", NULL), -EBADMSG);
	while (large.len <= KEYRING_BYTES_MAX)
		buf_add_hex(&large, der.data, der.len);
	assert_int_equal(keyring_add_cert(k, large.data, large.len, "large", NULL), -E2BIG);
	assert_int_equal(keyring_count(k), 0);
}

static void no_more_than_the_limit(void **state)
{
	cleanup_keyring struct keyring *k = new_keyring();
	cleanup_buf struct buf der = { 0 };

	(void)state;
	golden_read(&der, "evmctl-sig/p256.der");
	for (unsigned int i = 0; i < KEYRING_MAX; i++)
		assert_ok(keyring_add_cert(k, der.data, der.len, "again", NULL));
	assert_int_equal(keyring_add_cert(k, der.data, der.len, "again", NULL), -E2BIG);
	assert_int_equal(keyring_count(k), KEYRING_MAX);
}

/* ca (@rsa) signs middle (@ec), which signs what @other is for. */
static void chain(void **state)
{
	static const struct {
		const char *what;
		struct cert_wish wish;
		int r;
	} certs[] = {
		{ "by the CA", { .cn = "a", .issuer = "ca" }, 0 },
		{ "expired", { .cn = "a", .issuer = "ca", .expires = -60 }, 0 },
		{ "by itself", { .cn = "a" }, -ENOKEY },
		{ "by itself, of the CA's name", { .cn = "ca", .ca = true }, -ENOKEY },
		{ "by another that says it were the CA", { .cn = "a", .issuer = "ca", .ca = true }, -ENOKEY },
		{ "by an intermediate that is not there", { .cn = "a", .issuer = "middle" }, -ENOKEY },
	};
	cleanup_keyring struct keyring *k = new_keyring(), *with_middle = new_keyring(),
				       *middle = new_keyring();
	cleanup_buf struct buf ca = { 0 }, leaf = { 0 };
	size_t added = 0, root;

	(void)state;
	make_cert(&(struct cert_wish){ .cn = "ca", .key = rsa, .skid = "hash", .ca = true }, true, &ca);
	assert_int_equal(keyring_set_ca(k, "hello", 5, NULL), -EBADMSG);
	assert_ok(keyring_set_ca(k, ca.data, ca.len, NULL));
	assert_int_equal(keyring_set_ca(k, ca.data, ca.len, NULL), -EBUSY);
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++) {
		struct cert_wish w = certs[i].wish;
		cleanup_buf struct buf der = { 0 };
		int r;

		w.key = other;
		w.issuer_key = !w.issuer ? NULL : !strcmp(w.issuer, "middle") || w.ca ? ec : rsa;
		make_cert(&w, false, &der);
		r = keyring_add_cert(k, der.data, der.len, certs[i].what, NULL);
		if (r != certs[i].r)
			fail_msg("%s: %d", certs[i].what, r);
		added += r == 0;
		assert_int_equal(keyring_count(k), added);
	}

	/* With the intermediate in the CA file it does, with or without the root. */
	root = ca.len;
	make_cert(
	    &(struct cert_wish){ .cn = "middle", .key = ec, .issuer = "ca", .issuer_key = rsa, .ca = true },
	    true, &ca);
	assert_ok(keyring_set_ca(with_middle, ca.data, ca.len, NULL));
	make_cert(&(struct cert_wish){ .cn = "a", .key = other, .issuer = "middle", .issuer_key = ec }, false,
		  &leaf);
	assert_ok(keyring_add_cert(with_middle, leaf.data, leaf.len, "leaf", NULL));
	assert_ok(keyring_set_ca(middle, ca.data + root, ca.len - root, NULL));
	assert_ok(keyring_add_cert(middle, leaf.data, leaf.len, "leaf", NULL));
	assert_int_equal(keyring_count(with_middle), 1); /* the CA itself signs no files */
}

static void ca_comes_first(void **state)
{
	cleanup_keyring struct keyring *k = new_keyring();
	cleanup_buf struct buf der = { 0 };

	(void)state;
	golden_read(&der, "evmctl-sig/p256.der");
	assert_ok(keyring_add_cert(k, der.data, der.len, "p256", NULL));
	assert_int_equal(keyring_set_ca(k, der.data, der.len, NULL), -EBUSY);
	keyring_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),	  cmocka_unit_test(ids),
		cmocka_unit_test(several_in_pem), cmocka_unit_test(unsupported_keys),
		cmocka_unit_test(malformed),	  cmocka_unit_test(no_more_than_the_limit),
		cmocka_unit_test(chain),	  cmocka_unit_test(ca_comes_first),
	};
	int r;

	rsa = make_key("RSA:2048");
	ec = make_key("P-256");
	other = make_key("P-384");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(other);
	return r;
}
