/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signature.c: evmctl's golden signatures, every key with every version, damage everywhere, many threads. */
#include <pthread.h>

#include <imad/digest.h>
#include <imad/signature.h>

#include "certs.h"

#define cleanup_keyring cleanup(keyring_freep)
#define cleanup_signer	cleanup(signer_freep)

static const char *const kinds[] = { "RSA:2048", "P-256", "P-384", "P-521" };
static const char *const hashes[] = { "sha1", "sha256", "sha384", "sha512", "sha3-256" };
static EVP_PKEY *keys[ARRAY_SIZE(kinds)];

static const struct {
	enum label_type type;
	unsigned int version;
} forms[] = { { LABEL_SIGNATURE, 2 }, { LABEL_SIGNATURE, 3 }, { LABEL_VERITY, 3 } };

static struct keyring *golden_keyring(bool rsa, bool p256)
{
	cleanup_buf struct buf r = { 0 }, p = { 0 };
	struct keyring *k = NULL;

	golden_read(&r, "evmctl-sig/rsa2048.der");
	golden_read(&p, "evmctl-sig/p256.der");
	assert_ok(keyring_new(&k));
	if (rsa)
		assert_ok(keyring_add_cert(k, r.data, r.len, "rsa2048.der", NULL));
	if (p256)
		assert_ok(keyring_add_cert(k, p.data, p.len, "p256.der", NULL));
	return k;
}

static struct keyring *keyring_of(size_t i, const char *skid)
{
	cleanup_buf struct buf der = { 0 };
	struct keyring *k = NULL;

	make_cert(&(struct cert_wish){ .cn = kinds[i], .key = keys[i], .skid = skid }, false, &der);
	assert_ok(keyring_new(&k));
	assert_ok(keyring_add_cert(k, der.data, der.len, kinds[i], NULL));
	return k;
}

static struct signer *signer_of(size_t i, const struct keyring *certs)
{
	cleanup_buf struct buf pem = { 0 };
	struct signer *s = NULL;

	key_pem(keys[i], NULL, &pem);
	assert_ok(signer_new(pem.data, pem.len, NULL, certs, &s, NULL));
	return s;
}

static struct digest hash(const char *algo, const char *text)
{
	struct digest d;

	assert_ok(digest_buf(algo_by_name(algo, strlen(algo)), text, strlen(text), &d));
	return d;
}

static int verify(const struct keyring *k, const struct buf *value, const struct digest *d)
{
	struct label l;

	return label_decode(value->data, value->len, &l, NULL) ? -EBADMSG : signature_verify(k, &l, d);
}

/* hello.NAME.sig and what evmctl's exit code said about it with rsa2048 and p256. */
static void golden(void **state)
{
	cleanup_keyring struct keyring *k = golden_keyring(true, true), *p256 = golden_keyring(false, true);
	cleanup_buf struct buf codes = { 0 };
	unsigned int seen = 0;
	char *line, *rest;

	(void)state;
	golden_read(&codes, "evmctl-sig/expected-evmctl-rc.txt");
	buf_add_u8(&codes, 0);
	for (line = strtok_r((char *)codes.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cleanup_buf struct buf value = { 0 };
		char name[64], key[32], algo[32];
		struct digest d;
		int rc, verdict;

		assert_int_equal(sscanf(line, "%63s %d", name, &rc), 2);
		golden_read(&value, "evmctl-sig/%s", name);
		if (sscanf(name, "hello.%31[^.].%31[^.].sig", key, algo) != 2 || !strcmp(algo, "sig"))
			strcpy(algo, "sha256"); /* badsig, trunc */
		d = hash(algo, "hello\n");
		verdict = signature_verify_detached(k, value.data, value.len, &d);
		assert_int_equal(verdict == SIGNATURE_OK, rc == 0);
		assert_int_equal(verdict == SIGNATURE_NO_KEY, !strncmp(name, "hello.wrong", 11));
		assert_int_equal(signature_verify_detached(p256, value.data, value.len, &d),
				 !strncmp(name, "hello.p256", 10)    ? SIGNATURE_OK
				 : !strncmp(name, "hello.trunc", 11) ? SIGNATURE_BAD
								     : SIGNATURE_NO_KEY);
		d = hash(algo, "hullo\n");
		assert_int_not_equal(signature_verify_detached(k, value.data, value.len, &d), SIGNATURE_OK);
		seen++;
	}
	assert_int_equal(seen, 14);
}

/* A bit flipped anywhere in a value is never SIGNATURE_OK, nor is a value cut anywhere. */
static void damage(const struct keyring *k, const struct buf *value, const struct digest *d)
{
	cleanup_free uint8_t *bytes = malloc(value->len);
	struct buf view = { .data = bytes, .len = value->len };

	assert_non_null(bytes);
	memcpy(bytes, value->data, value->len);
	for (size_t bit = 0; bit < 8 * value->len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (verify(k, &view, d) == SIGNATURE_OK)
			fail_msg("verifies with bit %zu flipped", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (view.len = 0; view.len < value->len; view.len++)
		assert_int_equal(verify(k, &view, d), -EBADMSG);
	assert_int_equal(verify(k, &view, d), SIGNATURE_OK);
}

/* A signature whose header was cut down with it, so that only libcrypto can tell. */
static void shortened(const struct keyring *k, const struct label *whole, const struct digest *d)
{
	for (size_t n = 1; n < whole->len; n++) {
		struct label l = *whole;

		l.len = n;
		assert_int_equal(signature_verify(k, &l, d), SIGNATURE_BAD);
	}
}

static void every_key_and_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_keyring struct keyring *k = keyring_of(i, NULL);
		cleanup_keyring struct keyring *wrong = keyring_of((i + 1) % ARRAY_SIZE(kinds), NULL);
		cleanup_signer struct signer *s = signer_of(i, NULL);

		for (size_t n = 0; n < ARRAY_SIZE(hashes) * ARRAY_SIZE(forms); n++) {
			struct digest d = hash(hashes[n / ARRAY_SIZE(forms)], "hello\n"), other = d;
			size_t form = n % ARRAY_SIZE(forms);
			cleanup_buf struct buf value = { 0 };
			struct label l;

			assert_ok(signature_sign(s, forms[form].type, forms[form].version, &d, &value));
			assert_ok(label_decode(value.data, value.len, &l, NULL));
			assert_int_equal(l.type, forms[form].type);
			assert_int_equal(l.version, forms[form].version);
			assert_int_equal(signature_verify(k, &l, &d), SIGNATURE_OK);
			assert_int_equal(signature_verify(wrong, &l, &d), SIGNATURE_NO_KEY);
			other.bytes[0] ^= 1;
			assert_int_equal(signature_verify(k, &l, &other), SIGNATURE_BAD);
			other = d;
			other.bytes[MIN(d.size, 32) - 1] ^= 0x80; /* P-256 takes no more of a longer digest */
			assert_int_equal(signature_verify(k, &l, &other), SIGNATURE_BAD);
			if (n == i % ARRAY_SIZE(forms)) { /* costs thousands of verifications */
				damage(k, &value, &d);
				shortened(k, &l, &d);
			}
			/* The same bytes as another form are another statement. */
			for (size_t as = 0; as < ARRAY_SIZE(forms); as++) {
				l.type = forms[as].type;
				l.version = (uint8_t)forms[as].version;
				assert_int_equal(signature_verify(k, &l, &d),
						 as == form ? SIGNATURE_OK : SIGNATURE_BAD);
			}
			assert_int_equal(signature_verify_detached(k, value.data, value.len, &d),
					 forms[form].type == LABEL_VERITY ? SIGNATURE_UNSUPPORTED
									  : SIGNATURE_OK);
		}
	}
}

/* RSA signatures of a smaller digest must not pass for those of another algorithm. */
static void algorithms_are_not_mixed(void **state)
{
	cleanup_keyring struct keyring *k = keyring_of(0, NULL), *ec = keyring_of(1, NULL);
	cleanup_signer struct signer *s = signer_of(0, NULL), *s_ec = signer_of(1, NULL);
	struct digest d = hash("sha256", "hello\n"), sm3 = d, cut = d, sha3 = d;
	cleanup_buf struct buf value = { 0 }, by_ec = { 0 }, long_digest = { 0 };
	struct label l;

	(void)state;
	assert_ok(signature_sign(s, LABEL_SIGNATURE, 2, &d, &value));
	assert_ok(label_decode(value.data, value.len, &l, NULL));
	sha3.algo = 20; /* the same bytes called SHA3-256 */
	sm3.algo = 17;
	cut.size = 20;
	assert_int_equal(signature_verify(k, &l, &sha3), SIGNATURE_BAD);
	assert_int_equal(signature_verify(k, &l, &sm3), SIGNATURE_BAD);
	assert_int_equal(signature_verify(k, &l, &cut), SIGNATURE_BAD);
	l.algo = algo_by_id(20); /* and the header altered with it: DigestInfo says SHA-256 */
	assert_int_equal(signature_verify(k, &l, &sha3), SIGNATURE_BAD);
	l.algo = algo_by_id(9); /* rmd256: nobody here can compute it */
	assert_int_equal(signature_verify(k, &l, &d), SIGNATURE_UNSUPPORTED);

	/* P-256 signs the first 32 bytes of a longer digest, which are not that digest. */
	cut = hash("sha512", "hello\n");
	assert_ok(signature_sign(s_ec, LABEL_SIGNATURE, 2, &cut, &long_digest));
	assert_int_equal(verify(ec, &long_digest, &cut), SIGNATURE_OK);
	cut.size = 32;
	assert_int_equal(verify(ec, &long_digest, &cut), SIGNATURE_BAD);

	/* ECDSA of version 2 signs bare bytes and cannot tell; version 3 signs the id with them. */
	assert_ok(signature_sign(s_ec, LABEL_SIGNATURE, 3, &d, &by_ec));
	assert_ok(label_decode(by_ec.data, by_ec.len, &l, NULL));
	l.algo = algo_by_id(20);
	assert_int_equal(signature_verify(ec, &l, &sha3), SIGNATURE_BAD);
}

static void unsupported(void **state)
{
	cleanup_keyring struct keyring *k = golden_keyring(true, true);
	struct digest d = hash("sha256", "hello\n");
	struct {
		uint8_t type, version;
	} others[] = { { 3, 0 }, { 3, 1 }, { 3, 4 }, { 6, 2 }, { 6, 4 } };
	uint8_t digest[LABEL_DIGEST_MAX];
	struct label l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		uint8_t value[] = { others[i].type, others[i].version, 4, 0x85, 0x7d, 0x8e, 0xe8, 0, 1, 1 };

		assert_ok(label_decode(value, sizeof(value), &l, NULL));
		assert_int_equal(signature_verify(k, &l, &d), SIGNATURE_UNSUPPORTED);
	}
	assert_ok(label_decode(digest, label_encode_digest(&d, digest), &l, NULL));
	assert_int_equal(signature_verify(k, &l, &d), SIGNATURE_UNSUPPORTED);
}

/* Two keys under one id: both are tried, whatever their type. */
static void ids_that_collide(void **state)
{
	static const char *const id = "de:ad:be:ef";
	cleanup_buf struct buf certs = { 0 };
	cleanup_keyring struct keyring *k = NULL;
	struct digest d = hash("sha512", "hello\n");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) - 1; i++)
		make_cert(&(struct cert_wish){ .cn = kinds[i], .key = keys[i], .skid = id }, true, &certs);
	assert_ok(keyring_new(&k));
	assert_ok(keyring_add_cert(k, certs.data, certs.len, "all", NULL));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_keyring struct keyring *own = keyring_of(i, id);
		cleanup_signer struct signer *s = signer_of(i, own);
		cleanup_buf struct buf value = { 0 };

		assert_ok(signature_sign(s, LABEL_SIGNATURE, 2, &d, &value));
		assert_memory_equal(value.data + 3, "\xde\xad\xbe\xef", 4);
		assert_int_equal(verify(k, &value, &d),
				 i < ARRAY_SIZE(kinds) - 1 ? SIGNATURE_OK : SIGNATURE_BAD);
	}
}

/* One of two keys that share an id is denied: the other one's signatures count as before. */
static void denied_keys(void **state)
{
	cleanup_buf struct buf certs = { 0 }, first = { 0 }, second = { 0 };
	struct buf *values[] = { &first, &second };
	cleanup_keyring struct keyring *k = NULL;
	struct digest d = hash("sha256", "hello\n");

	(void)state;
	make_cert(&(struct cert_wish){ .cn = "a", .key = keys[0], .skid = "aa:de:ad:be:ef" }, true, &certs);
	make_cert(&(struct cert_wish){ .cn = "b", .key = keys[1], .skid = "bb:de:ad:be:ef" }, true, &certs);
	assert_ok(keyring_new(&k));
	assert_ok(keyring_add_cert(k, certs.data, certs.len, "all", NULL));
	for (size_t i = 0; i < 2; i++) {
		cleanup_signer struct signer *s = signer_of(i, NULL);

		signer_set_id(s, 0xdeadbeef);
		assert_ok(signature_sign(s, LABEL_SIGNATURE, 2, &d, values[i]));
		assert_int_equal(verify(k, values[i], &d), SIGNATURE_OK);
	}
	assert_int_equal(keyring_deny(k, (const uint8_t *)"\xcc\xde\xad\xbe\xef", 5), 0);
	assert_int_equal(keyring_deny(k, (const uint8_t *)"\xaa\xde\xad\xbe\xef", 5), 1);
	assert_int_not_equal(verify(k, &first, &d), SIGNATURE_OK);
	assert_int_equal(verify(k, &second, &d), SIGNATURE_OK);
	assert_int_equal(keyring_deny(k, (const uint8_t *)"\xde\xad\xbe\xef", 4), 2);
	assert_int_equal(verify(k, &first, &d), SIGNATURE_KEY_DENIED);
	assert_int_equal(verify(k, &second, &d), SIGNATURE_KEY_DENIED);
}

/* What imactl sign leaves as it is: its own, of this content, by this id. */
static void made_by_the_signer(void **state)
{
	static const struct {
		enum label_type type;
		unsigned int version;
	} rows[] = { { LABEL_SIGNATURE, 2 }, { LABEL_SIGNATURE, 3 }, { LABEL_VERITY, 3 } };
	struct digest d = hash("sha256", "hello\n"), other = hash("sha256", "hullo\n"), longer = hash("sha512", "hello\n");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(rows); i++) {
		cleanup_signer struct signer *s = signer_of(i / ARRAY_SIZE(rows), NULL), *next = NULL;
		cleanup_buf struct buf value = { 0 };
		struct label l;

		next = signer_of((i / ARRAY_SIZE(rows) + 1) % ARRAY_SIZE(kinds), NULL);
		assert_ok(signature_sign(s, rows[i % ARRAY_SIZE(rows)].type, rows[i % ARRAY_SIZE(rows)].version, &d, &value));
		assert_ok(label_decode(value.data, value.len, &l, NULL));
		assert_true(signer_made(s, &l, &d));
		assert_false(signer_made(s, &l, &other));
		assert_false(signer_made(s, &l, &longer));
		assert_false(signer_made(next, &l, &d));
		signer_set_id(s, 1);
		assert_false(signer_made(s, &l, &d)); /* nobody would find its key */
	}
}

static void signers(void **state)
{
	cleanup_keyring struct keyring *others = golden_keyring(true, true);
	cleanup_buf struct buf secret = { 0 }, small = { 0 }, out = { 0 };
	cleanup_signer struct signer *s = NULL;
	EVP_PKEY *weak = make_key("RSA:768");
	struct digest d = hash("sha256", "hello\n"), rmd256 = { .algo = 9, .size = 32 };
	const char *why = NULL;

	(void)state;
	key_pem(keys[1], "let me in", &secret);
	key_pem(weak, NULL, &small);
	EVP_PKEY_free(weak);
	assert_int_equal(signer_new(secret.data, secret.len, NULL, NULL, &s, &why), -EBADMSG);
	assert_int_equal(signer_new(secret.data, secret.len, "let me out", NULL, &s, &why), -EBADMSG);
	assert_int_equal(signer_new(secret.data, secret.len / 2, "let me in", NULL, &s, &why), -EBADMSG);
	assert_int_equal(signer_new("", 0, NULL, NULL, &s, &why), -EBADMSG);
	assert_int_equal(signer_new(small.data, small.len, NULL, NULL, &s, &why), -EOPNOTSUPP);
	assert_int_equal(signer_new(secret.data, secret.len, "let me in", others, &s, &why), -ENOKEY);
	assert_non_null(why);
	assert_null(s);
	assert_ok(signer_new(secret.data, secret.len, "let me in", NULL, &s, &why));

	assert_int_equal(signature_sign(s, LABEL_SIGNATURE, 1, &d, &out), -EINVAL);
	assert_int_equal(signature_sign(s, LABEL_VERITY, 2, &d, &out), -EINVAL);
	assert_int_equal(signature_sign(s, LABEL_DIGEST_NG, 2, &d, &out), -EINVAL);
	assert_int_equal(signature_sign(s, LABEL_SIGNATURE, 2, &rmd256, &out), -EOPNOTSUPP);
	d.size--;
	assert_int_equal(signature_sign(s, LABEL_SIGNATURE, 2, &d, &out), -EINVAL);
	assert_int_equal(out.len, 0);
	signer_free(NULL);
}

static struct keyring *shared;

/* Good and bad ones by turns; counts wrong verdicts. */
static void *verify_often(void *arg)
{
	const struct buf *values = arg;
	struct digest good = hash("sha256", "hello\n"), bad = hash("sha256", "hullo\n");
	uintptr_t wrong = 0;

	for (unsigned int i = 0; i < 400; i++)
		wrong += verify(shared, &values[i % ARRAY_SIZE(kinds)], i % 3 ? &good : &bad) !=
			 (i % 3 ? SIGNATURE_OK : SIGNATURE_BAD);
	return (void *)wrong;
}

static void threads(void **state)
{
	struct digest d = hash("sha256", "hello\n");
	struct buf values[ARRAY_SIZE(kinds)] = { 0 };
	cleanup_buf struct buf certs = { 0 };
	pthread_t t[4];
	void *wrong;

	(void)state;
	assert_ok(keyring_new(&shared));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_signer struct signer *s = signer_of(i, NULL);

		make_cert(&(struct cert_wish){ .cn = kinds[i], .key = keys[i] }, true, &certs);
		assert_ok(signature_sign(s, LABEL_SIGNATURE, 2 + i % 2, &d, &values[i]));
	}
	assert_ok(keyring_add_cert(shared, certs.data, certs.len, "all", NULL));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_ok(pthread_create(&t[i], NULL, verify_often, values));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_ok(pthread_join(t[i], &wrong));
		assert_null(wrong);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		buf_done(&values[i]);
	keyring_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    threads), /* first, so that they race for what libcrypto makes at first need */
		cmocka_unit_test(golden),
		cmocka_unit_test(every_key_and_version),
		cmocka_unit_test(algorithms_are_not_mixed),
		cmocka_unit_test(unsupported),
		cmocka_unit_test(ids_that_collide),
		cmocka_unit_test(denied_keys),
		cmocka_unit_test(made_by_the_signer),
		cmocka_unit_test(signers),
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		keys[i] = make_key(kinds[i]);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		EVP_PKEY_free(keys[i]);
	return r;
}
