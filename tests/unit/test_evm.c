/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evm.c: digests that evmctl calculated and HMACs of openssl; every status; what each type covers; damage everywhere. */
#include <imad/digest.h>
#include <imad/evm.h>

#include "certs.h"

#define VALUE(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const char ima[] = "\x04\x04\x98\xea\x6e\x4f\x21\x6f\x2f\xb4\xb6\x9f\xff\x9b\x3a\x44\x84\x2c"
			  "\x38\x68\x6c\xa6\x85\xf3\xf5\x5d\xc4\x8c\x5d\x3f\xb1\x10\x7b\xe4";

/* What `evmctl -vv sign -n [--portable] [--smack] --uuid=.. --ino=.. --generation=.. --uid=.. --gid=.. --mode=..` was given. */
static const struct evm_input sample = {
	.xattr = {
		[EVM_SELINUX] = VALUE("system_u:object_r:bin_t:s0\0"),
		[EVM_SMACK] = VALUE("_"),
		[EVM_APPARMOR] = VALUE("aa"),
		[EVM_IMA] = { (const uint8_t *)ima, sizeof(ima) - 1 },
		[EVM_CAPS] = VALUE("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	},
	.enabled = EVM_ENABLED_USUAL,
	.ino = 123456789, .generation = 4274334537, .uid = 1000, .gid = 100, .mode = 0100755,
	.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
	.has_generation = true, .has_uuid = true,
};
static const struct evm_value smack_exec = VALUE("_X");
static const char key[] = "0123456789abcdef0123456789abcdef";

static struct keyring *ring, *other_ring;
static struct signer *signer, *other;

static const struct algo *sha256(void)
{
	return algo_by_id(ALGO_SHA256);
}

static void assert_evm_digest(const struct evm_input *in, enum evm_type type, const char *algo, const char *hex)
{
	struct digest d;

	assert_ok(evm_digest(in, type, algo_by_name(algo, strlen(algo)), &d));
	assert_digest(&d, hex);
}

static void as_evmctl(void **state)
{
	struct evm_input in = sample;

	(void)state;
	assert_evm_digest(&in, EVM_SIGNATURE, "sha256", "8d4a4c4259f2c2456e5e4f0e859418edf41f0887bc9aa6f282d7a72f7d18b395");
	assert_evm_digest(&in, EVM_SIGNATURE, "sha1", "bff621dc244702824aa42b4195abefe014d97ad3");
	assert_evm_digest(&in, EVM_SIGNATURE, "sha512",
			  "2644f3dcfee68cf7f37801dd6c1eea2e60f70d8179f0818ca5b2a7e01897190e"
			  "aa2c2139aba42928c67a0665e37c6c4e5f3dcd47c274be3c1cbfcc6269c25987");
	assert_evm_digest(&in, EVM_PORTABLE, "sha256", "21dc37ac629699f8775b027b01e0af3c44f1dea711f59275226b3efcc851e81c");

	/* One that is not usual: in a portable digest always (evmctl --smack), in the others where it is enabled. */
	in.xattr[EVM_SMACK_EXEC] = smack_exec;
	assert_evm_digest(&in, EVM_PORTABLE, "sha256", "f0296fe4b9f7ac128742567ff4ea786053645d42b25d63d18b1a9a4c91d7b94f");
	assert_evm_digest(&in, EVM_SIGNATURE, "sha256", "8d4a4c4259f2c2456e5e4f0e859418edf41f0887bc9aa6f282d7a72f7d18b395");
	in.enabled |= 1u << EVM_SMACK_EXEC;
	assert_evm_digest(&in, EVM_SIGNATURE, "sha256", "6ab3ea5b44318709f3113b9148eb6b1596daad67d47dbd19504864ffaf002b57");
}

/* `openssl mac -digest SHA1 -macopt hexkey:KEY HMAC`, the key filled up to 128 bytes. */
static void hmacs(void **state)
{
	uint8_t full[EVM_KEY_MAX + 1] = { 0 };
	struct digest d;

	(void)state;
	assert_ok(evm_hmac(&sample, algo_by_id(ALGO_SHA1), key, 32, &d));
	assert_digest(&d, "bd36bde613b194100d6b4712d11386ad65825fae");
	assert_ok(evm_hmac(&sample, sha256(), key, 32, &d));
	assert_digest(&d, "385adb473906055f8c696f55106d166c470d8f2b0afc050f1cdc7427cf1b014e");
	memcpy(full, key, 32);
	assert_ok(evm_hmac(&sample, sha256(), full, EVM_KEY_MAX, &d));
	assert_digest(&d, "385adb473906055f8c696f55106d166c470d8f2b0afc050f1cdc7427cf1b014e");
	assert_int_equal(evm_hmac(&sample, sha256(), full, sizeof(full), &d), -EINVAL);
	assert_int_equal(evm_hmac(&sample, algo_by_id(8), key, 32, &d), -EOPNOTSUPP);
}

/* Change one thing at a time. Bits of what a type covers. */
enum { XATTRS, INO, GENERATION, UID, GID, MODE, UUID, CHANGES };

static void change(struct evm_input *in, int what)
{
	static const uint8_t b[] = "b";

	switch (what) {
	case XATTRS:
		in->xattr[EVM_APPARMOR] = (struct evm_value){ b, 1 };
		break;
	case INO:
		in->ino ^= 1ull << 40;
		break;
	case GENERATION:
		in->generation ^= 1u << 31;
		break;
	case UID:
		in->uid++;
		break;
	case GID:
		in->gid++;
		break;
	case MODE:
		in->mode |= 04000;
		break;
	case UUID:
		in->uuid[15] ^= 1;
	}
}

static void what_is_covered(void **state)
{
	static const bool portable[CHANGES] = { [XATTRS] = true, [UID] = true, [GID] = true, [MODE] = true };
	struct digest base[3], d;

	(void)state;
	assert_ok(evm_digest(&sample, EVM_SIGNATURE, sha256(), &base[0]));
	assert_ok(evm_digest(&sample, EVM_PORTABLE, sha256(), &base[1]));
	assert_ok(evm_hmac(&sample, sha256(), key, 32, &base[2]));
	for (int i = 0; i < CHANGES; i++) {
		struct evm_input in = sample;

		change(&in, i);
		assert_ok(evm_digest(&in, EVM_SIGNATURE, sha256(), &d));
		assert_memory_not_equal(d.bytes, base[0].bytes, d.size);
		assert_ok(evm_digest(&in, EVM_PORTABLE, sha256(), &d));
		assert_int_equal(memcmp(d.bytes, base[1].bytes, d.size) != 0, portable[i]);
		assert_ok(evm_hmac(&in, sha256(), key, 32, &d));
		assert_memory_not_equal(d.bytes, base[2].bytes, d.size);
	}
	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++) { /* each value, and whether there is one */
		struct evm_input in = sample;

		in.xattr[i] = in.xattr[i].bytes ? (struct evm_value){ 0 } : (struct evm_value){ (const uint8_t *)"x", 1 };
		in.enabled = ~0u;
		if (i == EVM_IMA)
			assert_int_equal(evm_digest(&in, EVM_PORTABLE, sha256(), &d), -EPERM);
		else
			assert_ok(evm_digest(&in, EVM_PORTABLE, sha256(), &d));
		assert_memory_not_equal(d.bytes, base[1].bytes, d.size);
		assert_ok(evm_digest(&in, EVM_SIGNATURE, sha256(), &d));
		assert_memory_not_equal(d.bytes, base[0].bytes, d.size);
	}
}

static void what_cannot_be_taken(void **state)
{
	struct evm_input in = { .enabled = EVM_ENABLED_USUAL, .has_generation = true, .has_uuid = true };
	struct digest d = { .algo = 77 };

	(void)state;
	assert_int_equal(evm_digest(&in, EVM_SIGNATURE, sha256(), &d), -ENODATA);
	assert_int_equal(evm_digest(&in, EVM_PORTABLE, sha256(), &d), -EPERM);
	assert_int_equal(evm_hmac(&in, sha256(), key, 32, &d), -ENODATA);
	in.xattr[EVM_SMACK_MMAP] = smack_exec; /* not enabled */
	assert_int_equal(evm_digest(&in, EVM_SIGNATURE, sha256(), &d), -ENODATA);
	in = sample;
	assert_int_equal(evm_digest(&in, EVM_HMAC, sha256(), &d), -EINVAL);
	assert_int_equal(evm_digest(&in, 4, sha256(), &d), -EINVAL);
	assert_int_equal(evm_digest(&in, EVM_PORTABLE, algo_by_id(8), &d), -EOPNOTSUPP);
	in.has_uuid = false;
	assert_int_equal(evm_digest(&in, EVM_SIGNATURE, sha256(), &d), -ENXIO);
	in.has_uuid = true;
	in.has_generation = false;
	assert_int_equal(evm_digest(&in, EVM_SIGNATURE, sha256(), &d), -ENXIO);
	assert_int_equal(evm_hmac(&in, sha256(), key, 32, &d), -ENXIO);
	assert_int_equal(d.algo, 77); /* untouched */
	assert_ok(evm_digest(&in, EVM_PORTABLE, sha256(), &d));
}

/* Values that are malformed, or of what nobody can verify: the status with xattrs there, and what decoding says. */
static const struct row {
	uint8_t bytes[40];
	size_t n;
	const char *why; /* NULL: it can be decoded */
	enum evm_status status;
} rows[] = {
	{ { 0 }, 0, "empty", EVM_FAIL },
	{ { 0, 2, 4 }, 3, "unknown type", EVM_FAIL },
	{ { 1, 2, 4 }, 21, "unknown type", EVM_FAIL },
	{ { 4, 4 }, 34, "unknown type", EVM_FAIL },
	{ { 6, 3, 4, 0, 0, 0, 0, 0, 1, 9 }, 10, "unknown type", EVM_FAIL },
	{ { 2 }, 1, "HMAC is not of 20 bytes", EVM_FAIL },
	{ { 2 }, 20, "HMAC is not of 20 bytes", EVM_FAIL },
	{ { 2 }, 22, "HMAC is not of 20 bytes", EVM_FAIL },
	{ { 2 }, 21, NULL, EVM_UNKNOWN }, /* only the machine's key can tell */
	{ { 3 }, 1, "no signature version", EVM_FAIL },
	{ { 3, 2, 4, 1, 2, 3, 4, 0, 0 }, 9, "signature is cut", EVM_FAIL },
	{ { 5, 2, 4, 1, 2, 3, 4, 0, 0 }, 9, "signature is cut", EVM_FAIL },
	{ { 5, 2, 4, 1, 2, 3, 4, 0, 2, 9 }, 10, "signature is not as long as its header says", EVM_FAIL_IMMUTABLE },
	{ { 5, 2, 23, 1, 2, 3, 4, 0, 1, 9 }, 10, "unknown hash algorithm", EVM_FAIL_IMMUTABLE },
	{ { 3, 2, 23, 1, 2, 3, 4, 0, 1, 9 }, 10, "unknown hash algorithm", EVM_FAIL },
	{ { 3, 2, 4, 1, 2, 3, 4, 0, 1, 9 }, 10, NULL, EVM_FAIL }, /* no such key */
	{ { 5, 3, 4, 1, 2, 3, 4, 0, 1, 9 }, 10, NULL, EVM_FAIL_IMMUTABLE },
	{ { 5, 2, 8, 1, 2, 3, 4, 0, 1, 9 }, 10, NULL, EVM_FAIL_IMMUTABLE }, /* no such hash here */
	{ { 5, 1, 4, 1, 2, 3, 4, 0, 1, 9 }, 10, NULL, EVM_FAIL_IMMUTABLE }, /* no such version */
	{ { 3, 9, 4, 1, 2, 3, 4, 0, 1, 9 }, 10, NULL, EVM_FAIL },
};

static enum evm_status status_of(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n)
{
	struct evm_result r;

	assert_ok(evm_verify(keys, in, p, n, &r));
	assert_true(r.status == EVM_PASS || r.status == EVM_PASS_IMMUTABLE || r.why || !p);
	assert_true(r.status < EVM_STATUS_COUNT);
	return r.status;
}

static void malformed(void **state)
{
	const struct evm_keys keys = { .ring = ring };

	(void)state;
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		cleanup_free uint8_t *exact = malloc(row->n + !row->n);
		struct label l = { .type = 77 };
		const char *why = NULL;
		int r;

		assert_non_null(exact);
		memcpy(exact, row->bytes, row->n);
		r = evm_decode(exact, row->n, &l, &why);
		if (r != (row->why ? -EBADMSG : 0))
			fail_msg("row %td: %d", row - rows, r);
		if (row->why) {
			assert_string_equal(why, row->why);
			assert_int_equal(l.type, 77);
			assert_int_equal(evm_decode(exact, row->n, &l, NULL), -EBADMSG);
		}
		if (status_of(&keys, &sample, exact, row->n) != row->status)
			fail_msg("row %td: %s", row - rows, evm_status_text(status_of(&keys, &sample, exact, row->n)));
	}
}

static void nothing_there(void **state)
{
	struct evm_input in = { .has_generation = true, .has_uuid = true };
	const struct evm_keys keys = { .ring = ring };

	(void)state;
	assert_int_equal(status_of(&keys, &sample, NULL, 0), EVM_NO_LABEL);
	assert_int_equal(status_of(&keys, &in, NULL, 0), EVM_NO_XATTRS);
	in.xattr[EVM_SMACK_EXEC] = smack_exec; /* whether it is enabled or not */
	assert_int_equal(status_of(&keys, &in, NULL, 0), EVM_NO_LABEL);
	assert_string_equal(evm_status_text(EVM_NO_XATTRS), "no_xattrs");
	assert_string_equal(evm_xattr_name(EVM_CAPS), "security.capability");
}

static void signatures(void **state)
{
	static const enum evm_type types[] = { EVM_SIGNATURE, EVM_PORTABLE };
	const struct evm_keys keys = { .ring = ring }, others = { .ring = other_ring };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		enum evm_type type = types[i / 2];
		unsigned int version = 2 + i % 2;
		bool portable = type == EVM_PORTABLE;
		enum evm_status pass = portable ? EVM_PASS_IMMUTABLE : EVM_PASS, fail = portable ? EVM_FAIL_IMMUTABLE : EVM_FAIL;
		struct evm_input in = sample, empty = { .has_generation = true, .has_uuid = true, .enabled = ~0u };
		cleanup_buf struct buf value = { 0 };
		struct evm_result r;
		struct digest d;

		assert_ok(evm_digest(&in, type, sha256(), &d));
		assert_ok(signature_sign(signer, (enum label_type)type, version, &d, &value));
		assert_int_equal(value.data[0], type);
		assert_int_equal(status_of(&keys, &in, value.data, value.len), pass);
		assert_ok(evm_verify(&keys, &in, value.data, value.len, &r));
		assert_int_equal(r.signature, SIGNATURE_OK);
		assert_true(r.key == keyring_key(ring, 0) && r.label.type == type && r.label.version == version);
		assert_int_equal(status_of(&others, &in, value.data, value.len), fail);
		assert_int_equal(status_of(&keys, &empty, value.data, value.len), portable ? EVM_FAIL_IMMUTABLE : EVM_NO_XATTRS);
		in.uid++;
		assert_int_equal(status_of(&keys, &in, value.data, value.len), fail);
		in = sample;
		in.has_uuid = false;
		assert_int_equal(status_of(&keys, &in, value.data, value.len), portable ? EVM_PASS_IMMUTABLE : EVM_UNKNOWN);
		/* A signature of one type is none of the other, though the digests might agree. */
		value.data[0] = portable ? EVM_SIGNATURE : EVM_PORTABLE;
		assert_int_equal(status_of(&keys, &sample, value.data, value.len), portable ? EVM_FAIL : EVM_FAIL_IMMUTABLE);
		value.data[0] = type;
		for (size_t at = 0; at < value.len; at += at < 16 ? 1 : 13) { /* any byte */
			value.data[at] ^= 1;
			assert_int_not_equal(status_of(&keys, &sample, value.data, value.len), pass);
			value.data[at] ^= 1;
		}
		for (size_t n = 0; n < value.len; n += n < 16 ? 1 : 13) /* any cut */
			assert_int_not_equal(status_of(&keys, &sample, value.data, n), pass);
	}
}

/* Values that evmctl itself has written (tests/data/evmctl-evm), as they are and as the other type. */
static void golden(void **state)
{
	cleanup_buf struct buf der = { 0 }, plain = { 0 }, portable = { 0 };
	cleanup(keyring_freep) struct keyring *k = NULL;
	struct evm_keys keys;
	struct evm_input in = sample;

	(void)state;
	golden_read(&der, "evmctl-evm/rsa2048.der");
	golden_read(&plain, "evmctl-evm/plain");
	golden_read(&portable, "evmctl-evm/portable");
	assert_ok(keyring_new(&k));
	assert_ok(keyring_add_cert(k, der.data, der.len, "evmctl", NULL));
	keys = (struct evm_keys){ .ring = k };
	assert_int_equal(status_of(&keys, &in, plain.data, plain.len), EVM_PASS);
	assert_int_equal(status_of(&keys, &in, portable.data, portable.len), EVM_PASS_IMMUTABLE);
	in.ino++;
	assert_int_equal(status_of(&keys, &in, plain.data, plain.len), EVM_FAIL);
	assert_int_equal(status_of(&keys, &in, portable.data, portable.len), EVM_PASS_IMMUTABLE);
	in.gid++;
	assert_int_equal(status_of(&keys, &in, portable.data, portable.len), EVM_FAIL_IMMUTABLE);
}

/* The file's own signature is none of its metadata: the type is part of what version 3 signs, and the digests differ. */
static void not_a_file_signature(void **state)
{
	const struct evm_keys keys = { .ring = ring };
	cleanup_buf struct buf value = { 0 };
	struct digest content;

	(void)state;
	assert_ok(digest_buf(sha256(), "hi\n", 3, &content));
	assert_ok(signature_sign(signer, LABEL_SIGNATURE, 2, &content, &value));
	assert_int_equal(status_of(&keys, &sample, value.data, value.len), EVM_FAIL);
}

static void hmac_with_the_key(void **state)
{
	struct evm_keys keys = { .ring = ring, .hmac = key, .n_hmac = 32 };
	struct evm_input in = sample;
	uint8_t value[21] = { EVM_HMAC };
	struct digest d;

	(void)state;
	assert_ok(evm_hmac(&in, algo_by_id(ALGO_SHA1), key, 32, &d));
	memcpy(value + 1, d.bytes, 20);
	assert_int_equal(status_of(&keys, &in, value, sizeof(value)), EVM_PASS);
	value[20] ^= 1;
	assert_int_equal(status_of(&keys, &in, value, sizeof(value)), EVM_FAIL);
	value[20] ^= 1;
	in.mode ^= 1;
	assert_int_equal(status_of(&keys, &in, value, sizeof(value)), EVM_FAIL);
	in.mode ^= 1;
	keys.n_hmac = 31;
	assert_int_equal(status_of(&keys, &in, value, sizeof(value)), EVM_FAIL);
}

static void denied_key(void **state)
{
	const struct evm_keys keys = { .ring = other_ring };
	const struct key *k = keyring_key(other_ring, 0);
	cleanup_buf struct buf value = { 0 };
	struct evm_result r;
	struct digest d;

	(void)state;
	assert_ok(evm_digest(&sample, EVM_PORTABLE, sha256(), &d));
	assert_ok(signature_sign(other, LABEL_PORTABLE, 2, &d, &value));
	assert_int_equal(status_of(&keys, &sample, value.data, value.len), EVM_PASS_IMMUTABLE);
	assert_int_equal(keyring_deny(other_ring, k->skid, k->skid_len), 1);
	assert_ok(evm_verify(&keys, &sample, value.data, value.len, &r));
	assert_int_equal(r.status, EVM_FAIL_IMMUTABLE);
	assert_string_equal(r.why, "the key is on the deny list");
}

static void make(const char *kind, struct keyring **k, struct signer **s)
{
	cleanup_buf struct buf der = { 0 }, pem = { 0 };
	EVP_PKEY *pkey = make_key(kind);

	make_cert(&(struct cert_wish){ .cn = kind, .key = pkey, .skid = "hash" }, false, &der);
	key_pem(pkey, NULL, &pem);
	EVP_PKEY_free(pkey);
	assert_ok(keyring_new(k));
	assert_ok(keyring_add_cert(*k, der.data, der.len, kind, NULL));
	assert_ok(signer_new(pem.data, pem.len, NULL, *k, s, NULL));
}

static int keys_make(void **state)
{
	(void)state;
	make("RSA:2048", &ring, &signer);
	make("P-256", &other_ring, &other);
	return 0;
}

static int keys_free(void **state)
{
	(void)state;
	keyring_free(ring);
	keyring_free(other_ring);
	signer_free(signer);
	signer_free(other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_evmctl),	     cmocka_unit_test(hmacs),
		cmocka_unit_test(what_is_covered),   cmocka_unit_test(what_cannot_be_taken),
		cmocka_unit_test(malformed),	     cmocka_unit_test(nothing_there),
		cmocka_unit_test(signatures),	     cmocka_unit_test(not_a_file_signature),
		cmocka_unit_test(hmac_with_the_key), cmocka_unit_test(denied_key),
		cmocka_unit_test(golden),
	};

	return cmocka_run_group_tests(tests, keys_make, keys_free);
}
