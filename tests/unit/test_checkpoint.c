/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checkpoint: what is written is read again, what is signed is the text, each line that is wrong is named. */
#include <openssl/sha.h>
#include <stdio.h>

#include <imad/checkpoint.h>
#include <imad/util.h>

#include "test.h"

#define SIGNED_PART                                                                                  \
	"imad-checkpoint 1\n"                                                                        \
	"boot_id 0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e\n"                                             \
	"records 12\n"                                                                               \
	"violations 2\n"                                                                             \
	"own gap 1\n"                                                                                \
	"own timeout 1\n"                                                                            \
	"imported 1\n"                                                                               \
	"time 1764329999\n"                                                                          \
	"chain 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"                   \
	"pcr 10 sha1 0011223344556677889900112233445566778899\n"                                     \
	"pcr 10 sha256 ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"           \
	"pcr 12 sha1 1111223344556677889900112233445566778899\n"
#define QUOTE "quoted 14\nak 0102\nattest 030405\nsignature 06\n"

static int parse(const char *text, struct checkpoint *c, struct parse_error *e)
{
	return checkpoint_parse(text, strlen(text), c, e);
}

static void assert_text(const struct checkpoint *c, const char *want)
{
	cleanup(buf_done) struct buf out = { 0 };

	assert_ok(checkpoint_format(c, &out));
	buf_add_u8(&out, '\0');
	assert_string_equal((char *)out.data, want);
}

static void assert_nonce(const struct checkpoint *c)
{
	uint8_t want[32];

	SHA256((const uint8_t *)SIGNED_PART, strlen(SIGNED_PART), want);
	assert_int_equal(c->nonce.size, 32);
	assert_memory_equal(c->nonce.bytes, want, 32);
}

static void round_trip(void **state)
{
	struct checkpoint c;
	struct parse_error e;

	(void)state;
	assert_ok(parse(SIGNED_PART, &c, &e));
	assert_string_equal(c.boot_id, "0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e");
	assert_int_equal(c.records, 12);
	assert_int_equal(c.violations, 2);
	for (int i = 0; i < VIOLATION_KINDS; i++)
		assert_int_equal(c.own[i], i == VIOLATION_GAP || i == VIOLATION_TIMEOUT);
	assert_int_equal(c.time, 1764329999);
	assert_true(c.imported && !c.has_quote);
	assert_int_equal(c.n_pcrs, 2);
	assert_int_equal(checkpoint_value(&c, 10, ALGO_SHA256)->bytes[0], 0xff);
	assert_null(checkpoint_value(&c, 12, ALGO_SHA256));
	assert_true(checkpoint_has_pcr(&c, 12) && !checkpoint_has_pcr(&c, 11));
	assert_nonce(&c);
	assert_text(&c, SIGNED_PART);

	memset(&c.nonce, 0, sizeof(c.nonce));
	assert_ok(checkpoint_seal(&c));
	assert_nonce(&c);
	checkpoint_done(&c);

	/* With a quote the same lines are signed. */
	assert_ok(parse(SIGNED_PART QUOTE, &c, &e));
	assert_true(c.has_quote);
	assert_int_equal(c.quoted, 14);
	assert_int_equal(c.ak.len + 10 * c.attest.len + 100 * c.signature.len, 132);
	assert_nonce(&c);
	assert_text(&c, SIGNED_PART QUOTE);
	checkpoint_done(&c);
}

/* @from of the text replaced by @to is refused with @token and @why. */
static void refuse(const char *from, const char *to, unsigned int line, const char *token)
{
	static const char text[] = SIGNED_PART QUOTE;
	const char *at = strstr(text, from);
	struct checkpoint c = { .records = 77 };
	struct parse_error e;
	char changed[4096];

	assert_non_null(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_int_equal(parse(changed, &c, &e), -EBADMSG);
	assert_int_equal(c.records, 77);
	assert_non_null(e.why);
	assert_string_equal(e.token, token);
	assert_int_equal(e.line, line);
}

static void refused(void **state)
{
	(void)state;
	refuse("checkpoint 1", "checkpoint 2", 1, "imad-checkpoint");
	refuse("imad-checkpoint", "imad-checkpoin", 1, "imad-checkpoint");
	refuse("boot_id 0f", "boot_id ../f", 2, "boot_id");
	refuse("boot_id 0f6f5bb4-7e5b-4d6a-8d53-6e2d1a8f5f5e\n", "", 2, "boot_id");
	refuse("records 12", "records 012", 3, "records");
	refuse("records 12", "records -1", 3, "records");
	refuse("records 12", "records 9999999999999999999", 3, "records");
	refuse("records 12\nviolations 2\nown gap 1\nown timeout 1", "records 0\nviolations 0", 10, "records");
	refuse("violations 2", "violations 13", 4, "violations");
	refuse("own gap 1", "own gap 0", 5, "own");
	refuse("own gap 1", "own gap 01", 5, "own");
	refuse("own gap 1", "own gap", 5, "own");
	refuse("own gap 1", "own gap ", 5, "own");
	refuse("own gap 1", "own gaps 1", 5, "own");
	refuse("own gap 1", "own ga 1", 5, "own");
	refuse("own gap 1", "own  1", 5, "own");
	refuse("own gap 1", "own gap 2", 6, "own");
	refuse("own gap 1", "own timeout 1", 6, "own");
	refuse("own timeout 1", "own gap 1", 6, "own");
	refuse("own timeout 1", "own lost 2", 6, "own");
	refuse("imported 1", "imported 2", 7, "imported");
	refuse("time 1", "time x", 8, "time");
	refuse("chain 00", "chain 0", 9, "chain");
	refuse("pcr 10 sha1 ", "pcr 64 sha1 ", 10, "pcr");
	refuse("pcr 10 sha1 ", "pcr 10 sha2 ", 10, "pcr");
	refuse("pcr 10 sha1 00", "pcr 10 sha1 0", 10, "pcr");
	refuse("pcr 10 sha1 00", "pcr 10 sha1 0g", 10, "pcr");
	refuse("pcr 12 ", "pcr 9 ", 12, "pcr");
	refuse("pcr 12 ", "pcr 10 ", 12, "pcr");
	refuse("quoted 14", "quoted 11", 13, "quoted");
	refuse("ak 0102\n", "", 14, "ak");
	refuse("ak 0102", "ak 010", 14, "ak");
	refuse("attest 0", "attest", 15, "attest");
	refuse("signature 06\n", "signature 06", 16, "signature");
	refuse("signature 06\n", "signature 06\nmore\n", 16, "");
}

/* Cut anywhere but where the quote begins, it is none. */
static void cut(void **state)
{
	static const char text[] = SIGNED_PART QUOTE;
	struct checkpoint c;
	struct parse_error e;
	unsigned int good = 0;

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		int r = checkpoint_parse(text, n, &c, &e);

		assert_true(r == 0 || r == -EBADMSG);
		good += r == 0;
		if (r == 0)
			checkpoint_done(&c);
	}
	/* Behind each of the three values. */
	assert_int_equal(good, 3);
}

static void chain(void **state)
{
	uint8_t chain[CHECKPOINT_CHAIN] = { 0 }, both[64] = { 0 }, want[32];
	struct digest part = { .algo = ALGO_SHA256, .size = 32 }, short_one = { .algo = ALGO_SHA1, .size = 20 };

	(void)state;
	memset(part.bytes, 7, 32);
	memset(both + 32, 7, 32);
	SHA256(both, 64, want);
	assert_ok(checkpoint_chain(chain, &part));
	assert_memory_equal(chain, want, 32);
	assert_int_equal(checkpoint_chain(chain, &short_one), -EINVAL);
	assert_memory_equal(chain, want, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
		cmocka_unit_test(cut),
		cmocka_unit_test(chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
