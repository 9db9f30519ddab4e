/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as security.evm, or as imad's own HMAC, of the inode that tests/data/evmctl-evm describes. What is
 * decoded can be encoded again, and nothing passes but the very values that evmctl made.
 */
#include <stdio.h>

#include <imad/evm.h>
#include <imad/util.h>

#include "fuzz.h"

#define DATA "tests/data/evmctl-evm/"
#define VALUE(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct evm_input sample = {
	.xattr = {
		[EVM_SELINUX] = VALUE("system_u:object_r:bin_t:s0\0"),
		[EVM_SMACK] = VALUE("_"),
		[EVM_APPARMOR] = VALUE("aa"),
		[EVM_IMA] = VALUE("\x04\x04\x98\xea\x6e\x4f\x21\x6f\x2f\xb4\xb6\x9f\xff\x9b\x3a\x44\x84\x2c"
				  "\x38\x68\x6c\xa6\x85\xf3\xf5\x5d\xc4\x8c\x5d\x3f\xb1\x10\x7b\xe4"),
		[EVM_CAPS] = VALUE("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	},
	.enabled = EVM_ENABLED_USUAL,
	.ino = 123456789, .generation = 4274334537, .uid = 1000, .gid = 100, .mode = 0100755,
	.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
	.has_generation = true, .has_uuid = true,
};

static void read_data(const char *name, struct buf *ret)
{
	FILE *f = fopen(name, "rb");
	uint8_t bytes[2048];

	if (!f)
		perror(name);
	must(f != NULL);
	buf_add(ret, bytes, fread(bytes, 1, sizeof(bytes), f));
	fclose(f);
}

static struct keyring *fixed_ring(void)
{
	static struct keyring *k;
	struct buf der = { 0 };

	if (k)
		return k;
	read_data(DATA "rsa2048.der", &der);
	must(keyring_new(&k) == 0 && keyring_add_cert(k, der.data, der.len, "evm", NULL) == 0);
	buf_done(&der);
	return k;
}

static bool is_golden(const uint8_t *data, size_t size, const char *name, struct buf *cache)
{
	if (!cache->len)
		read_data(name, cache);
	return cache->len == size && memcmp(cache->data, data, size) == 0;
}

static void check_decoded(const uint8_t *data, size_t size)
{
	cleanup(buf_done) struct buf text = { 0 }, again = { 0 };
	const char *why = NULL;
	struct label l;

	if (evm_decode(data, size, &l, &why) < 0) {
		must(why != NULL);
		return;
	}
	must(l.type == data[0] && l.bytes >= data && l.bytes + l.len <= data + size);
	must(label_print(&l, &text) == 0 && text.len > 0);
	if (l.type != EVM_HMAC && l.algo)
		must(label_encode_signature(&l, &again) == 0 && again.len == size && memcmp(again.data, data, size) == 0);
}

/* As security.imad.evm: nothing is right but what is made of this inode, by this key. */
static void check_mac(const uint8_t *data, size_t size)
{
	static const uint8_t key[32] = "a key of thirty-two bytes, fixed", id[EVM_MAC_ID] = { 1, 2, 3, 4 };
	const struct evm_key own = { .id = id, .bytes = key, .n = sizeof(key) };
	const struct evm_keys keys = { .ring = fixed_ring(), .own = &own, .n_own = 1 };
	struct digest macs[2] = { 0 };
	const char *why = NULL;
	uint8_t again[EVM_MAC_MAX];
	struct evm_result r;
	struct evm_mac m;
	bool right = false;

	if (evm_mac_decode(data, size, &m, &why) < 0) {
		must(why != NULL);
		must(evm_verify_mac(&keys, &sample, data, size, &r) == 0 && r.status == EVM_FAIL);
		return;
	}
	must(evm_mac_make(&own, &sample, m.algo, &macs[0]) == 0 || !m.algo->openssl);
	for (unsigned int i = 0; i < m.n; i++)
		right |= macs[0].size && memcmp(m.mac[i], macs[0].bytes, m.algo->size) == 0;
	right &= memcmp(m.id, id, sizeof(id)) == 0;
	must(evm_verify_mac(&keys, &sample, data, size, &r) == 0 && (r.status == EVM_PASS) == right);
	for (unsigned int i = 0; i < m.n; i++) {
		macs[i] = (struct digest){ .algo = m.algo->id, .size = m.algo->size };
		memcpy(macs[i].bytes, m.mac[i], m.algo->size);
	}
	must(evm_mac_encode(&(struct evm_key){ .id = m.id }, macs, m.n, again) == size && memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf plain, portable;
	const struct evm_keys keys = { .ring = fixed_ring(), .hmac = "k", .n_hmac = 1 };
	cleanup_free uint8_t *exact = malloc(size + !size);
	struct evm_input in = sample, none = { .has_generation = true, .has_uuid = true };
	struct evm_result r;

	must(exact != NULL);
	memcpy(exact, data, size);
	check_decoded(exact, size);
	check_mac(exact, size);
	must(evm_verify(&keys, &in, exact, size, &r) == 0);
	must((r.status == EVM_PASS) == is_golden(data, size, DATA "plain", &plain));
	must((r.status == EVM_PASS_IMMUTABLE) == is_golden(data, size, DATA "portable", &portable));
	must(r.status == EVM_PASS || r.status == EVM_PASS_IMMUTABLE || r.why);
	must(evm_verify(&keys, &none, exact, size, &r) == 0 && r.status != EVM_PASS && r.status != EVM_PASS_IMMUTABLE);
	in.has_uuid = false;
	must(evm_verify(&keys, &in, exact, size, &r) == 0 && r.status != EVM_PASS);
	return 0;
}
