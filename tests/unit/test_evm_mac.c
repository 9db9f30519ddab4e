/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evm_mac.c: imad's own HMACs, whose values Python computes (hmac); what each vouches for; which of two values decides; damage everywhere. */
#include <imad/evm.h>
#include <imad/util.h>

#include "test.h"

#define VALUE(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const char ima[] = "\x04\x04\x98\xea\x6e\x4f\x21\x6f\x2f\xb4\xb6\x9f\xff\x9b\x3a\x44\x84\x2c"
			  "\x38\x68\x6c\xa6\x85\xf3\xf5\x5d\xc4\x8c\x5d\x3f\xb1\x10\x7b\xe4";
static const struct evm_input sample = {
	.xattr = {
		[EVM_SELINUX] = VALUE("system_u:object_r:bin_t:s0\0"), [EVM_SMACK] = VALUE("_"), [EVM_APPARMOR] = VALUE("aa"),
		[EVM_IMA] = { (const uint8_t *)ima, sizeof(ima) - 1 }, [EVM_CAPS] = VALUE("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	},
	.enabled = EVM_ENABLED_USUAL, .ino = 123456789, .generation = 4274334537, .uid = 1000, .gid = 100, .mode = 0100755,
	.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
	.has_generation = true, .has_uuid = true,
};
static const uint8_t bytes[2][32] = { "0123456789abcdef0123456789abcde", "another key of thirty-two bytes" };
static const uint8_t ids[2][EVM_MAC_ID] = { { 1, 2, 3, 4 }, { 1, 2, 3, 5 } };
static struct evm_key own[2];

static struct evm_keys both(void)
{
	return (struct evm_keys){ .own = own, .n_own = 2 };
}

static size_t make(unsigned int key, const struct evm_input *in, uint8_t value[EVM_MAC_MAX])
{
	struct digest d;

	assert_ok(evm_mac_make(&own[key], in, algo_by_id(ALGO_SHA256), &d));
	return evm_mac_encode(&own[key], &d, 1, value);
}

static void assert_verdict(const struct evm_keys *k, const struct evm_input *in, const void *p, size_t n, enum evm_status status)
{
	struct evm_result r;

	assert_ok(evm_verify_mac(k, in, p, n, &r));
	if (r.status != status)
		fail_msg("%s, not %s: %s", evm_status_text(r.status), evm_status_text(status), r.why ? r.why : "");
	assert_true(r.by_mac);
	assert_true(status != EVM_FAIL || r.why);
	assert_int_equal(r.own >= 0, status == EVM_PASS);
}

/* hmac.new(key.ljust(128, b"\0"), data, "sha256") */
static void as_python(void **state)
{
	static const struct evm_value exec = VALUE("_X");
	struct evm_input in = sample;
	uint8_t value[EVM_MAC_MAX], want[32];

	(void)state;
	assert_int_equal(make(0, &in, value), EVM_MAC_HEADER + 32);
	assert_memory_equal(value, "\1\4\1\0\1\2\3\4", EVM_MAC_HEADER);
	assert_ok(hex_decode("0349f7179c6bfa8c68f84ba3033992f7cb9450829d3678bb3ca0d7b096173275", 64, want, 32));
	assert_memory_equal(value + EVM_MAC_HEADER, want, 32);
	in.xattr[EVM_SMACK_EXEC] = exec; /* whatever a kernel has enabled */
	make(0, &in, value);
	assert_ok(hex_decode("c443781e78070fe22e7a06135d605126ba6c16c10d0aa11b84b5d50bdf21bd45", 64, want, 32));
	assert_memory_equal(value + EVM_MAC_HEADER, want, 32);
	in.enabled = 0;
	make(0, &in, value);
	assert_memory_equal(value + EVM_MAC_HEADER, want, 32);
}

static void each_change(void **state)
{
	static const struct evm_value other = VALUE("b");
	struct evm_keys k = both();
	uint8_t value[EVM_MAC_MAX];
	size_t n = make(0, &sample, value);

	(void)state;
	assert_verdict(&k, &sample, value, n, EVM_PASS);
	for (int i = 0; i < (int)EVM_XATTR_COUNT + 7; i++) {
		struct evm_input in = sample;

		if (i < (int)EVM_XATTR_COUNT)
			in.xattr[i] = other;
		in.ino ^= i == EVM_XATTR_COUNT ? 1ull << 40 : 0;
		in.generation ^= i == EVM_XATTR_COUNT + 1;
		in.uid ^= i == EVM_XATTR_COUNT + 2;
		in.gid ^= i == EVM_XATTR_COUNT + 3;
		in.mode ^= i == EVM_XATTR_COUNT + 4 ? 04000 : 0;
		in.uuid[15] ^= i == EVM_XATTR_COUNT + 5;
		if (i == EVM_XATTR_COUNT + 6)
			in.xattr[EVM_CAPS] = (struct evm_value){ 0 };
		assert_verdict(&k, &in, value, n, EVM_FAIL);
	}
}

/* Of two MACs either will do; of two keys the one that is named, and no other. */
static void two(void **state)
{
	struct evm_input after = sample, third = sample;
	uint8_t value[EVM_MAC_MAX];
	struct evm_keys k = both();
	struct digest d[2];
	struct evm_result r;
	size_t n;

	(void)state;
	after.mode = 0100700;
	third.mode = 0104755;
	assert_ok(evm_mac_make(&own[1], &sample, algo_by_id(ALGO_SHA256), &d[0]));
	assert_ok(evm_mac_make(&own[1], &after, algo_by_id(ALGO_SHA256), &d[1]));
	n = evm_mac_encode(&own[1], d, 2, value);
	assert_verdict(&k, &sample, value, n, EVM_PASS);
	assert_verdict(&k, &after, value, n, EVM_PASS);
	assert_verdict(&k, &third, value, n, EVM_FAIL);
	assert_ok(evm_verify_mac(&k, &after, value, n, &r));
	assert_int_equal(r.own, 1);
	memcpy(value + 4, ids[0], EVM_MAC_ID); /* by another key than it says */
	assert_verdict(&k, &after, value, n, EVM_FAIL);
	memcpy(value + 4, "none", EVM_MAC_ID);
	assert_verdict(&k, &after, value, n, EVM_FAIL);
}

static void damage(void **state)
{
	struct evm_keys k = both();
	uint8_t value[EVM_MAC_MAX + 1];
	size_t n = make(0, &sample, value);
	struct evm_mac m;
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i <= n + 1; i++)
		assert_verdict(&k, &sample, value, i, i == n ? EVM_PASS : EVM_FAIL);
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			value[i] ^= (uint8_t)(1 << bit);
			assert_verdict(&k, &sample, value, n, EVM_FAIL);
			value[i] ^= (uint8_t)(1 << bit);
		}
	value[1] = ALGO_SHA1; /* weaker ones are none */
	assert_int_equal(evm_mac_decode(value, EVM_MAC_HEADER + 20, &m, &why), -EBADMSG);
	assert_non_null(why);
}

static void nothing(void **state)
{
	static const struct evm_input none = { .has_generation = true, .has_uuid = true };
	struct evm_input no_place = sample;
	struct evm_keys k = both();
	uint8_t value[EVM_MAC_MAX];
	size_t n = make(0, &sample, value);

	(void)state;
	assert_verdict(&k, &sample, NULL, 0, EVM_NO_LABEL);
	assert_verdict(&k, &none, NULL, 0, EVM_NO_XATTRS);
	assert_verdict(&k, &none, value, n, EVM_NO_XATTRS);
	no_place.has_uuid = false;
	assert_verdict(&k, &no_place, value, n, EVM_UNKNOWN);
}

/* A signature, and what is no value of security.evm, decides; the kernel's HMAC does not, where there is a key for imad's. */
static void which_decides(void **state)
{
	static const uint8_t signature[] = { 3, 2, 4, 0, 0, 0, 0, 0, 1, 9 }, kernel[21] = { 2 }, unknown[] = { 7 };
	struct evm_keys k = both(), without = { 0 };
	uint8_t value[EVM_MAC_MAX];
	size_t n = make(0, &sample, value);
	cleanup(keyring_freep) struct keyring *ring = NULL;
	struct evm_result r;

	(void)state;
	assert_ok(keyring_new(&ring));
	k.ring = without.ring = ring;
	assert_ok(evm_verify_both(&k, &sample, NULL, 0, value, n, &r));
	assert_true(r.status == EVM_PASS && r.by_mac);
	assert_ok(evm_verify_both(&k, &sample, kernel, sizeof(kernel), value, n, &r));
	assert_true(r.status == EVM_PASS && r.by_mac);
	assert_ok(evm_verify_both(&k, &sample, kernel, sizeof(kernel), NULL, 0, &r));
	assert_true(r.status == EVM_NO_LABEL && r.by_mac);
	assert_ok(evm_verify_both(&k, &sample, signature, sizeof(signature), value, n, &r));
	assert_true(r.status == EVM_FAIL && !r.by_mac);
	assert_ok(evm_verify_both(&k, &sample, unknown, sizeof(unknown), value, n, &r));
	assert_true(r.status == EVM_FAIL && !r.by_mac);
	assert_ok(evm_verify_both(&k, &sample, "", 0, value, n, &r));
	assert_true(r.status == EVM_FAIL && !r.by_mac);
	assert_ok(evm_verify_both(&without, &sample, NULL, 0, value, n, &r));
	assert_true(r.status == EVM_NO_LABEL && !r.by_mac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_python), cmocka_unit_test(each_change), cmocka_unit_test(two),
		cmocka_unit_test(damage),    cmocka_unit_test(nothing),	    cmocka_unit_test(which_decides),
	};

	for (unsigned int i = 0; i < 2; i++)
		own[i] = (struct evm_key){ .id = ids[i], .bytes = bytes[i], .n = sizeof(bytes[i]) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
