/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcrsig.c: what systemd-measure wrote, as it says; there and back; each way of being wrong. tests/cli/evmapprove.sh has TPMs read it. */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <imad/pcrsig.h>

#include "test.h"

#define cleanup_sigs cleanup(pcrsigs_done)

/* systemd 252: systemd-measure sign --linux=... --bank=sha256 --phase=enter-initrd, and the public key. */
static const char systemd[] =
	"{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"ca7abb8cb85f165342260b9b680e6a606b735007db5fe3f42acc4b8053666"
	"3da\",\"pol\":\"96f8b5b61f0bd9cc1f77d7d492e2237f3116a35d6eb2351ae6bd4e3c7b3c5757\",\"sig\":\"cZuA7tK"
	"YXmTldnmIS4A101hTyX6nfUhTXT7mAK10sIRMfSsca449ItnyoRhb+JR7x70xwoZ/OpZSzmmifDW2/ryG4ZqS/jqzaMnpIiikfIM"
	"SC19SjyR6E8jhZc4K6ERl+kEMwyXo7uXV2UBUUOVbSAf52/NaBWE7gzB5XexCzsoH9S/CfCeNFL+s1XS2IQGXYSpr7rhwmojO0FU"
	"zA+BfeclqfcBCHIV1jHkFWkZwTS3KdVDrd2YxcCVt49bvwTwcclyQooCRAImoT3lUvQdACPJtzTle3OIMo/kCvU717QccYoSpcic"
	"XvsOOo/EDJKzz6qoXxgO4qrIoOl6Z87Mj9w==\"}]}";
static const char public_key[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyUxlIfeLtGsjW+U+SDmQ\n"
	"VYR98eLG7w4qYhOij3NIefwSGp79Zo5CC7O2FJgz4kBYCjIf/XQkBp+0NXk3iHJP\n"
	"J2u5ggviKrg5rEP3oX8fjFhi7IBKr/fFzTm/Lho1Ejk/n5SnwM5c7R7u+XmCMGZr\n"
	"7S0aCpJHCf97i3G5AsEm0NbEBlD+OTCvMKAV+XaWsSDJ4MuPS9dP4HzvWXtde7Xc\n"
	"2Wajr2AcGzRgcN4RmkdIR2jkA/kfKbbGB+ml/OZ77Uz8iB11jaQzsSdA+nLqwbTE\n"
	"xvu5vhEDJXsF5dvHQPyefZ7AUYjIbhS8wXiOf9fFF0C/ossnpG/UlRO4bMJ9CuZX\n"
	"IwIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static EVP_PKEY *read_key(void)
{
	BIO *bio = BIO_new_mem_buf(public_key, -1);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(key);
	return key;
}

static void of_systemd(void **state)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	cleanup_sigs struct pcrsigs s = { 0 };
	EVP_PKEY *key = read_key();
	struct parse_error e = { 0 };
	uint8_t id[PCRSIG_ID_SIZE];

	(void)state;
	assert_ok(pcrsig_parse(systemd, strlen(systemd), &s, &e));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].bank, ALGO_SHA256);
	assert_int_equal(s.v[0].pcrs, 1u << 11);
	assert_ok(pcrsig_key_id(key, id));
	assert_memory_equal(id, s.v[0].key, sizeof(id));
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(ctx, s.v[0].sig, s.v[0].len, s.v[0].policy, sizeof(s.v[0].policy)), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static void there_and_back(void **state)
{
	cleanup_sigs struct pcrsigs s = { 0 }, again = { 0 };
	cleanup(buf_done) struct buf text = { 0 }, twice = { 0 };
	struct parse_error e = { 0 };
	struct pcrsig other;

	(void)state;
	assert_ok(pcrsig_parse(systemd, strlen(systemd), &s, &e));
	other = s.v[0];
	assert_int_equal(pcrsig_add(&s, &other), 0);
	other.bank = ALGO_SHA1;
	other.pcrs = 0x800081;
	assert_int_equal(pcrsig_add(&s, &other), 1);
	other.policy[31]++;
	assert_int_equal(pcrsig_add(&s, &other), 1);
	assert_ok(pcrsig_format(&s, &text));
	assert_ok(pcrsig_parse((char *)text.data, text.len, &again, &e));
	assert_int_equal(again.n, 3);
	assert_memory_equal(again.v, s.v, 3 * sizeof(*s.v));
	assert_ok(pcrsig_parse((char *)text.data, text.len, &again, &e)); /* nothing twice */
	assert_int_equal(again.n, 3);
	assert_ok(pcrsig_format(&again, &twice));
	assert_int_equal(twice.len, text.len);
	assert_memory_equal(twice.data, text.data, text.len);
}

static void wrong(void **state)
{
	static const char *const bad[][2] = {
		{ "", "cut" },
		{ "[]", "not a JSON object" },
		{ "{} x", "bytes behind" },
		{ "{\"sha256\":{}}", "not a list" },
		{ "{\"sha256\":[1]}", "no object" },
		{ "{\"sha256\":[{}]}", "pcrs" },
		{ "{\"sha256\":[{\"pcrs\":[]}]}", "pcrs" },
		{ "{\"sha256\":[{\"pcrs\":[24]}]}", "pcrs" },
		{ "{\"sha256\":[{\"pcrs\":[-1]}]}", "pcrs" },
		{ "{\"sha256\":[{\"pcrs\":[\"7\"]}]}", "pcrs" },
		{ "{\"sha256\":[{\"pcrs\":[7],\"pkfp\":\"ab\",\"pol\":\"cd\"}]}", "64 hex digits" },
		{ "{\"sha256\":[{\"pcrs\":[7],\"pkfp\":7,\"pol\":8}]}", "64 hex digits" },
	};
	cleanup_sigs struct pcrsigs s = { 0 };
	struct parse_error e = { 0 };
	char text[sizeof(systemd)];
	char *sig;

	(void)state;
	assert_ok(pcrsig_parse(systemd, strlen(systemd), &s, &e));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(pcrsig_parse(bad[i][0], strlen(bad[i][0]), &s, &e), -EBADMSG);
		if (!strstr(e.why, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], e.why);
		assert_int_equal(s.n, 1);
	}
	memcpy(text, systemd, sizeof(text));
	sig = strstr(text, "\"sig\":\"") + 7;
	*sig = '!';
	assert_int_equal(pcrsig_parse(text, strlen(text), &s, &e), -EBADMSG);
	assert_non_null(strstr(e.why, "base64"));
	assert_string_equal(e.token, "sha256");
	for (size_t n = 0; n < strlen(systemd); n++)
		assert_int_equal(pcrsig_parse(systemd, n, &s, &e), -EBADMSG);
	assert_ok(pcrsig_parse("{\"sha9\":[{}]}", 13, &s, &e)); /* a bank of which we know nothing */
	assert_int_equal(s.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_systemd),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
