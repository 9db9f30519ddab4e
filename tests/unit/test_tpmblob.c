/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tpmblob.c: what is written is read again; policies as tpm2-tools compute them; damage everywhere. tests/cli/evmkey.sh has openssl read it. */
#include <openssl/pem.h>

#include <imad/digest.h>
#include <imad/tpmblob.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#include "test.h"

#define cleanup_blob cleanup(tpmblob_done)

/* @n bytes of a part, with their length in front. */
static void put_part(struct buf *b, size_t n, uint8_t value)
{
	buf_add_u8(b, (uint8_t)(n >> 8));
	buf_add_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		buf_add_u8(b, value);
}

static void make(struct tpmblob *b, bool policy)
{
	struct tpmblob_pcrs p = { .bank = ALGO_SHA256, .pcrs = 1u << 0 | 1u << 7 | 1u << 16 };
	static const uint8_t zeros[96];

	b->type = TPMBLOB_SEALED;
	b->empty_auth = true;
	b->parent = TPMBLOB_PARENT_OWNER;
	put_part(&b->public, 78, 1);
	put_part(&b->private, 158, 2);
	assert_ok(digest_buf(algo_by_id(ALGO_SHA256), zeros, sizeof(zeros), &p.digest));
	if (policy)
		assert_ok(tpmblob_set_policy(b, &p));
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static void there_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		cleanup_blob struct tpmblob b = { 0 }, again = { 0 };
		cleanup(buf_done) struct buf pem = { 0 };
		const char *why = NULL;

		make(&b, i & 1);
		b.empty_auth = i & 2;
		assert_ok(tpmblob_format(&b, &pem));
		assert_memory_equal(pem.data, "-----BEGIN TSS2 PRIVATE KEY-----\n", 33);
		assert_ok(tpmblob_parse((char *)pem.data, pem.len, &again, &why));
		assert_true(same(&b.public, &again.public) && same(&b.private, &again.private) && same(&b.policy, &again.policy));
		assert_int_equal(again.empty_auth, b.empty_auth);
		assert_int_equal(again.parent, TPMBLOB_PARENT_OWNER);
		assert_int_equal(again.type, TPMBLOB_SEALED);
	}
}

/* `tpm2_createpolicy --policy-pcr -l sha256:0,7,16` of a TPM after its start, where all are zero. */
static void policy(void **state)
{
	cleanup_blob struct tpmblob b = { 0 };
	uint8_t want[32];
	const char *why = NULL;
	struct tpmblob_pcrs p;
	struct digest d;

	(void)state;
	make(&b, true);
	assert_ok(tpmblob_policy_digest(&b, &d));
	assert_ok(hex_decode("2c7aaa7f9bcfbd78c8e77afa54b30c36a9db0d24520412274ee010f8ce29ae35", 64, want, 32));
	assert_memory_equal(d.bytes, want, 32);
	assert_ok(tpmblob_get_policy(&b, &p, &why));
	assert_int_equal(p.bank, ALGO_SHA256);
	assert_int_equal(p.pcrs, 0x10081);
}

/* The key in @b that may approve, as tpm2_loadexternal makes it of this text. */
static void authorize(struct tpmblob *b)
{
	static const char text[] = "-----BEGIN PUBLIC KEY-----\n"
				   "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5g/0J/PSZjbHJmMJXmhY9IqukSM3\n"
				   "0U303lo2MSwM/aRXAqHU93bsQya/4c7ekR4mceK6Cb6QJncU6O26ZUKFlg==\n"
				   "-----END PUBLIC KEY-----\n";
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	uint8_t name[TPMKEY_NAME_MAX], want[34];
	const char *why = NULL;

	assert_non_null(key);
	assert_ok(tpmkey_from_public(key, &b->authority, &why));
	assert_int_equal(tpmkey_name(b->authority.data, b->authority.len, name), 34);
	assert_ok(hex_decode("000b1f0e39f5eef4b6a2e3731227a91e5c3f74ff9b9b6fd4e49758544f6bf4b5f505", 68, want, 34));
	assert_memory_equal(name, want, 34);
	EVP_PKEY_free(key);
	BIO_free(bio);
}

/* tpm2_policyauthorize -n NAME, and then tpm2_policypcr -l sha256:0,7,16 of zeros. There and back, and by damage refused. */
static void authority(void **state)
{
	static const char *const want[] = { "b3e0d77e670ecdb2ef5a9d3420e491b2834861f5492b19563ee8b0561c73bdac",
					    "e1a19a2062d2ccffaf41f5fdf8f81691c04dd5d617a27ea853aa230f6b70abf0" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		cleanup_blob struct tpmblob b = { 0 }, again = { 0 }, bad = { 0 };
		cleanup(buf_done) struct buf pem = { 0 }, other = { 0 };
		uint8_t bytes[32];
		const char *why = NULL;
		struct digest d;

		make(&b, i);
		authorize(&b);
		assert_true(tpmblob_has_policy(&b));
		assert_ok(tpmblob_policy_digest(&b, &d));
		assert_ok(hex_decode(want[i], 64, bytes, 32));
		assert_memory_equal(d.bytes, bytes, 32);
		assert_ok(tpmblob_format(&b, &pem));
		assert_ok(tpmblob_parse((char *)pem.data, pem.len, &again, &why));
		assert_true(same(&b.authority, &again.authority) && same(&b.policy, &again.policy));
		b.authority.data[3] ^= 1; /* an unknown type of key */
		assert_ok(tpmblob_format(&b, &other));
		assert_int_equal(tpmblob_parse((char *)other.data, other.len, &bad, &why), -EBADMSG);
		assert_non_null(strstr(why, "TPM2_PolicyAuthorize"));
	}
}

static void no_policy(void **state)
{
	static const struct tpmblob_pcrs bad[] = {
		{ .bank = ALGO_SHA256, .pcrs = 0, .digest = { .algo = ALGO_SHA256, .size = 32 } },
		{ .bank = ALGO_SHA256, .pcrs = 1u << 24, .digest = { .algo = ALGO_SHA256, .size = 32 } },
		{ .bank = ALGO_MD5, .pcrs = 1, .digest = { .algo = ALGO_SHA256, .size = 32 } },
		{ .bank = ALGO_SHA256, .pcrs = 1, .digest = { .algo = ALGO_SHA1, .size = 20 } },
	};
	cleanup_blob struct tpmblob b = { 0 };
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tpmblob_set_policy(&b, &bad[i]), -EBADMSG);
	assert_false(tpmblob_has_policy(&b));
	assert_int_equal(tpmblob_policy_digest(&b, &d), -EBADMSG);
}

/* Cut anywhere, or one character another: refused, with the reason, and nothing given; or it is still a whole object. */
static void damage(void **state)
{
	cleanup_blob struct tpmblob b = { 0 };
	cleanup(buf_done) struct buf pem = { 0 };
	unsigned int refused = 0;

	(void)state;
	make(&b, true);
	assert_ok(tpmblob_format(&b, &pem));
	for (size_t i = 0; i < pem.len; i++) {
		cleanup_blob struct tpmblob cut = { 0 }, other = { 0 };
		const char *why = NULL;
		uint8_t was = pem.data[i];

		if (i < pem.len - 1) { /* the last newline is not missed */
			assert_int_equal(tpmblob_parse((char *)pem.data, i, &cut, &why), -EBADMSG);
			assert_non_null(why);
			assert_null(cut.public.data);
		}
		pem.data[i] ^= 1;
		if (tpmblob_parse((char *)pem.data, pem.len, &other, &why) < 0) {
			assert_non_null(why);
			refused++;
		} else {
			assert_int_equal(other.public.len, b.public.len);
		}
		pem.data[i] = was;
	}
	assert_true(refused > 100);
}

static void kinds(void **state)
{
	cleanup_blob struct tpmblob b = { 0 }, got = { 0 };
	cleanup(buf_done) struct buf pem = { 0 }, other = { 0 };
	const char *why = NULL;

	(void)state;
	make(&b, false);
	b.parent = 0x80000001; /* a transient handle */
	assert_ok(tpmblob_format(&b, &pem));
	assert_int_equal(tpmblob_parse((char *)pem.data, pem.len, &got, &why), -EBADMSG);
	assert_non_null(strstr(why, "parent"));
	b.parent = 0x81000001;
	b.private.data[1]++; /* not as long as it says */
	assert_ok(tpmblob_format(&b, &other));
	assert_int_equal(tpmblob_parse((char *)other.data, other.len, &got, &why), -EBADMSG);
	assert_non_null(strstr(why, "long"));
	assert_int_equal(tpmblob_parse("", 0, &got, &why), -EBADMSG);
	assert_int_equal(tpmblob_parse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 58, &got, &why), -EBADMSG);
	assert_non_null(strstr(why, "no TSS2 PRIVATE KEY in PEM"));
}

/* Behind another block, as a certificate may stand beside a key; below the parent of the first makers of such files. */
static void by_others(void **state)
{
	cleanup_blob struct tpmblob b = { 0 }, got = { 0 };
	cleanup(buf_done) struct buf pem = { 0 };
	const char *why = NULL;

	(void)state;
	make(&b, false);
	b.type = TPMBLOB_LOADABLE;
	b.parent = 0;
	buf_add_str(&pem, "words\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_ok(tpmblob_format(&b, &pem));
	assert_ok(tpmblob_parse((char *)pem.data, pem.len, &got, &why));
	assert_int_equal(got.type, TPMBLOB_LOADABLE);
	assert_int_equal(got.parent, TPMBLOB_PARENT_OWNER);
	assert_true(same(&b.public, &got.public));
	buf_add_u8(&pem, '\0');
	assert_true(tpmblob_is((char *)pem.data));
	assert_false(tpmblob_is("-----BEGIN CERTIFICATE-----"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(policy), cmocka_unit_test(authority), cmocka_unit_test(no_policy),
		cmocka_unit_test(damage),	  cmocka_unit_test(kinds),  cmocka_unit_test(by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
