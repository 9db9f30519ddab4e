/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evmkey.c, evmkey_wrap.c: the file there and back; a wrapped key that Python made (hashlib.scrypt, cryptography's AESGCM); damage. */
#include <imad/digest.h>
#include <imad/evmkey.h>

#include "test.h"

#define cleanup_key cleanup(evmkey_done)

static uint8_t key[EVMKEY_SIZE];
static const char pass[] = "a long passphrase";

static void hex(const char *text, uint8_t *ret, size_t n)
{
	assert_ok(hex_decode(text, 2 * n, ret, n));
}

/* By Python: key 00..1f, salt 40..5f, iv 80..8b, n=1024 r=8 p=2. */
static void golden(uint8_t id[EVMKEY_ID_SIZE], struct evmkey_wrapped *w)
{
	*w = (struct evmkey_wrapped){ .n = 1024, .r = 8, .p = 2 };
	for (unsigned int i = 0; i < 32; i++)
		w->salt[i] = (uint8_t)(0x40 + i);
	for (unsigned int i = 0; i < 12; i++)
		w->iv[i] = (uint8_t)(0x80 + i);
	hex("06d017f98e77d6f75c2561e90db94f65", id, EVMKEY_ID_SIZE);
	hex("81ece366e784380364bf0f248d9cf8efaf411d223a7da3c7ece033f682161eff", w->ciphertext, 32);
	hex("495d2e2c93585212c41bfcf200a31121", w->tag, 16);
}

static void as_python(void **state)
{
	uint8_t id[EVMKEY_ID_SIZE], mine[EVMKEY_ID_SIZE], got[EVMKEY_SIZE];
	struct evmkey_wrapped w;

	(void)state;
	golden(id, &w);
	assert_ok(evmkey_id(key, mine));
	assert_memory_equal(id, mine, sizeof(id));
	assert_ok(evmkey_unwrap(&w, id, pass, strlen(pass), got));
	assert_memory_equal(got, key, sizeof(key));
}

static void wrap_and_back(void **state)
{
	uint8_t id[EVMKEY_ID_SIZE], got[EVMKEY_SIZE] = { 0 };
	struct evmkey_wrapped w, again;

	(void)state;
	assert_ok(evmkey_id(key, id));
	assert_ok(evmkey_wrap(key, id, pass, strlen(pass), &w));
	assert_ok(evmkey_wrap(key, id, pass, strlen(pass), &again));
	assert_true(w.n * w.r * 128 >= 100u << 20); /* what a guess costs */
	assert_memory_not_equal(w.salt, again.salt, sizeof(w.salt));
	assert_memory_not_equal(w.iv, again.iv, sizeof(w.iv));
	assert_memory_not_equal(w.ciphertext, again.ciphertext, sizeof(w.ciphertext));
	assert_int_equal(evmkey_unwrap(&w, id, "a long passphrasf", strlen(pass), got), -EKEYREJECTED);
	assert_int_equal(got[31], 0); /* untouched */
	assert_ok(evmkey_unwrap(&w, id, pass, strlen(pass), got));
	assert_memory_equal(got, key, sizeof(key));
}

/* Each thing that was changed is found, and what is asked for has a limit. */
static void forged_wrap(void **state)
{
	uint8_t id[EVMKEY_ID_SIZE], got[EVMKEY_SIZE];
	struct evmkey_wrapped w, bad;

	(void)state;
	golden(id, &w);
	for (int i = 0; i < 6; i++) {
		bad = w;
		bad.n = i == 0 ? 2048 : w.n;
		bad.r = i == 1 ? 7 : w.r;
		bad.p = i == 2 ? 1 : w.p;
		bad.salt[31] ^= i == 3;
		bad.ciphertext[31] ^= i == 4;
		bad.tag[15] ^= i == 5;
		assert_int_equal(evmkey_unwrap(&bad, id, pass, strlen(pass), got), -EKEYREJECTED);
	}
	id[0] ^= 1;
	assert_int_equal(evmkey_unwrap(&w, id, pass, strlen(pass), got), -EKEYREJECTED);
	for (int i = 0; i < 5; i++) {
		bad = w;
		bad.n = i == 0 ? 1ull << 40 : i == 1 ? 3 : i == 2 ? 0 : w.n;
		bad.r = i == 3 ? 0 : w.r;
		bad.p = i == 4 ? 1000 : w.p;
		assert_int_equal(evmkey_unwrap(&bad, id, pass, strlen(pass), got), -EFBIG);
	}
}

static void make(struct evmkey *k, bool pcrs)
{
	struct digest values[TPMBLOB_PCRS_MAX] = { 0 };
	static const uint8_t part[] = { 0, 3, 'a', 'b', 'c' };

	assert_ok(evmkey_id(key, k->id));
	k->source = EVMKEY_TPM;
	k->blob.type = TPMBLOB_SEALED;
	k->blob.empty_auth = true;
	k->blob.parent = TPMBLOB_PARENT_OWNER;
	buf_add(&k->blob.public, part, sizeof(part));
	buf_add(&k->blob.private, part, sizeof(part));
	buf_add(&k->parent, part, sizeof(part));
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		values[i] = (struct digest){ .algo = ALGO_SHA256, .size = 32, .bytes[0] = (uint8_t)i };
	if (pcrs)
		assert_ok(evmkey_bind(k, ALGO_SHA256, 0x800081, values));
}

static void parse(const struct buf *text, struct evmkey *ret)
{
	struct parse_error e = { 0 };

	if (evmkey_parse((char *)text->data, text->len, ret, &e) < 0)
		fail_msg("%s: %s", e.token, e.why);
}

static void file_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		cleanup(buf_done) struct buf text = { 0 }, again = { 0 };
		cleanup_key struct evmkey k = { 0 }, got = { 0 };

		make(&k, i & 1);
		k.has_recovery = i & 2;
		k.recovery = (struct evmkey_wrapped){ .n = 1u << 17, .r = 8, .p = 1, .tag = { 1 } };
		if (i & 4) {
			k.source = i & 1 ? EVMKEY_FILE : EVMKEY_CREDENTIAL;
			strcpy(k.place, i & 1 ? "/etc/k" : "imad.evm");
		}
		assert_ok(evmkey_format(&k, &text));
		parse(&text, &got);
		assert_memory_equal(got.id, k.id, sizeof(k.id));
		assert_int_equal(got.source, k.source);
		assert_int_equal(got.has_recovery, k.has_recovery);
		assert_string_equal(got.place, k.place);
		assert_ok(evmkey_format(&got, &again));
		assert_int_equal(again.len, text.len);
		assert_memory_equal(again.data, text.data, text.len);
	}
}

static void changed_pcr(void **state)
{
	struct digest now[TPMBLOB_PCRS_MAX];
	cleanup_key struct evmkey k = { 0 };

	(void)state;
	make(&k, true);
	memcpy(now, k.pcrs, sizeof(now));
	now[3] = (struct digest){ .size = 32 }; /* not bound */
	assert_int_equal(evmkey_changed_pcr(&k, now), -1);
	now[23].bytes[31] = 1;
	assert_int_equal(evmkey_changed_pcr(&k, now), 23);
	now[7].size = 0; /* the bank is gone */
	assert_int_equal(evmkey_changed_pcr(&k, now), 7);
}

/* What was wrong, in the words that the user reads. */
static void wrong(void **state)
{
	static const struct {
		const char *from, *to, *member;
	} changes[] = {
		{ "imad-evm-key", "imad-evm-kex", "format" },	   { "\"version\":1", "\"version\":2", "version" },
		{ "\"id\":\"06", "\"id\":\"0", "id" },		   { "\"id\":\"06", "\"id\":\"zz", "id" },
		{ "PRIVATE KEY-----\\nM", "PRIVATE KEY-----\\nA", "tpm.object" },
		{ "\"parent\":\"00", "\"parent\":\"0", "tpm.parent" }, { "\"bank\":\"sha256", "\"bank\":\"sha1", "tpm.pcrs" },
		{ "\"7\":\"07", "\"7\":\"08", "tpm.pcrs" },	   { "\"7\":", "\"8\":", "tpm.pcrs" },
		{ "scrypt", "argon2", "recovery" },		   { "\"salt\":\"00", "\"salt\":\"0", "recovery" },
		{ "\"n\":1024", "\"n\":-1", "recovery" },	   { "\"tpm\":", "\"tpn\":", "tpm" },
		{ "\"version\":1", "\"version\":1,\"file\":\"/x\"", "tpm" },
		{ "\"tpm\":{", "\"file\":\"x\",\"x\":{", "file" }, { "\"tpm\":{", "\"credential\":\"../x\",\"x\":{", "credential" },
	};
	cleanup(buf_done) struct buf text = { 0 };
	cleanup_key struct evmkey k = { 0 };

	(void)state;
	make(&k, true);
	k.has_recovery = true;
	k.recovery = (struct evmkey_wrapped){ .n = 1024, .r = 8, .p = 1 };
	assert_ok(evmkey_format(&k, &text));
	buf_add_u8(&text, '\0');
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const char *at = strstr((char *)text.data, changes[i].from);
		cleanup(buf_done) struct buf bad = { 0 };
		cleanup_key struct evmkey got = { 0 };
		struct parse_error e = { 0 };

		assert_non_null(at);
		buf_add(&bad, text.data, (size_t)(at - (char *)text.data));
		buf_add_str(&bad, changes[i].to);
		buf_add_str(&bad, at + strlen(changes[i].from));
		assert_int_equal(evmkey_parse((char *)bad.data, bad.len, &got, &e), -EBADMSG);
		assert_string_equal(e.token, changes[i].member);
		assert_non_null(e.why);
		assert_null(got.blob.public.data);
	}
	for (size_t n = 0; n < text.len - 2; n++) { /* without the last newline it is whole */
		cleanup_key struct evmkey got = { 0 };
		struct parse_error e = { 0 };

		assert_int_equal(evmkey_parse((char *)text.data, n, &got, &e), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_python),	 cmocka_unit_test(wrap_and_back), cmocka_unit_test(forged_wrap),
		cmocka_unit_test(file_and_back), cmocka_unit_test(changed_pcr),	  cmocka_unit_test(wrong),
	};

	for (unsigned int i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
