// SPDX-License-Identifier: GPL-2.0-or-later
/* Keyring: certificates and signatures that evmctl and openssl made. */
#include <stdlib.h>
#include <time.h>

#include <imad/digest.h>
#include <imad/keyring.h>

#include "golden.h"
#include "tmpdir.h"

#define cleanup_keyring cleanup(keyring_freep)

static char tmp[TMPDIR_PATH];

static struct keyring *keyring_of(const char *names)
{
	char copy[256], *save = NULL;
	struct keyring *k;

	assert_ok(keyring_new(&k));
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		cleanup_buf struct buf der = { 0 };

		golden_read(&der, "evmctl-sig/%s.der", name);
		assert_int_equal(keyring_add(k, der.data, der.len, name), 1);
	}
	return k;
}

static enum keyring_verdict verify(const struct keyring *k, const struct buf *sig, const struct buf *content)
{
	struct digest digest;
	struct label l;

	label_decode(sig->data, sig->len, &l);
	if (l.kind != LABEL_SIGNATURE && l.kind != LABEL_VERITY)
		return KEYRING_BAD;
	assert_ok(digest_buf(algo_by_id(l.algo), content->data, content->len, &digest));
	return keyring_verify(k, &l, &digest);
}

/* The very verdicts of evmctl ima_verify with the same two keys. */
static void as_evmctl_says(void **state)
{
	cleanup_keyring struct keyring *k = keyring_of("rsa2048 p256");
	cleanup_buf struct buf content = { 0 };
	FILE *f = fopen("tests/data/evmctl-sig/expected-evmctl-rc.txt", "re");
	char name[64];
	unsigned int n = 0;
	int rc;

	(void)state;
	assert_non_null(f);
	golden_read(&content, "evmctl-sig/hello");
	for (; fscanf(f, "%63s %d", name, &rc) == 2; n++) {
		cleanup_buf struct buf sig = { 0 };

		golden_read(&sig, "evmctl-sig/%s", name);
		if ((verify(k, &sig, &content) == KEYRING_GOOD) != (rc == 0))
			fail_msg("%s: evmctl says %d", name, rc);
	}
	fclose(f);
	assert_int_equal(n, 14);
}

static void why_not(void **state)
{
	cleanup_keyring struct keyring *k = keyring_of("rsa2048");
	cleanup_buf struct buf content = { 0 }, sig = { 0 }, other = { 0 };

	(void)state;
	golden_read(&content, "evmctl-sig/hello");
	golden_read(&sig, "evmctl-sig/hello.rsa2048.sha256.sig");
	golden_read(&other, "evmctl-sig/hello.wrong.sha256.sig");
	assert_int_equal(verify(k, &sig, &content), KEYRING_GOOD);
	assert_int_equal(verify(k, &other, &content), KEYRING_NO_KEY);
	for (size_t i = 9; i < sig.len; i += 17) {
		sig.data[i] ^= 1;
		assert_int_equal(verify(k, &sig, &content), KEYRING_BAD);
		sig.data[i] ^= 1;
	}
	memcpy(other.data + 3, sig.data + 3, 4); /* the id of a trusted key over another's signature */
	assert_int_equal(verify(k, &other, &content), KEYRING_BAD);
	sig.data[1] = 1;
	assert_int_equal(verify(k, &sig, &content), KEYRING_VERSION);
	sig.data[1] = 3;
	assert_int_equal(verify(k, &sig, &content), KEYRING_BAD);
	sig.data[1] = 2;
	sig.data[0] = 6;
	assert_int_equal(verify(k, &sig, &content), KEYRING_VERSION);
	sig.data[0] = 3;
	/* rmd256, which libcrypto does not have */
	assert_int_equal(keyring_verify(k, &(struct label){ .kind = LABEL_SIGNATURE, .version = 2, .algo = 9 },
					&(struct digest){ .algo = 9 }), KEYRING_FAILED);
	content.data[0] ^= 1;
	assert_int_equal(verify(k, &sig, &content), KEYRING_BAD);
}

static void what_is_told_of_a_key(void **state)
{
	cleanup_keyring struct keyring *k = keyring_of("rsa2048 p256 wrong");
	struct keyring_key key;

	(void)state;
	assert_int_equal(keyring_count(k), 3);
	keyring_get(k, 0, &key);
	assert_int_equal(key.keyid, 0x857d8ee8);
	assert_string_equal(key.type, "RSA");
	assert_int_equal(key.bits, 2048);
	assert_string_equal(key.origin, "rsa2048");
	assert_true(key.subject[0] != '\0');
	assert_true(key.not_after > 1600000000);
	keyring_get(k, 1, &key);
	assert_int_equal(key.keyid, 0x5e145fa1);
	assert_string_equal(key.type, "EC");
	assert_int_equal(key.bits, 256);
	keyring_get(k, 2, &key);
	assert_int_equal(key.keyid, 0xd8f103f1);
}

static void bad_certificates(void **state)
{
	cleanup_keyring struct keyring *k = keyring_of("rsa2048");
	cleanup_buf struct buf der = { 0 };

	(void)state;
	golden_read(&der, "evmctl-sig/p256.der");
	assert_int_equal(keyring_add(k, "", 0, "x"), -EBADMSG);
	assert_int_equal(keyring_add(k, "junk", 4, "x"), -EBADMSG);
	assert_int_equal(keyring_add(k, der.data, der.len - 1, "x"), -EBADMSG);
	buf_add_u8(&der, 0);
	assert_int_equal(keyring_add(k, der.data, der.len, "x"), -EBADMSG);
	assert_int_equal(keyring_count(k), 1);
}

/* --- with keys made now */

static void sh(const char *command)
{
	char line[4096];

	snprintf(line, sizeof(line), "cd '%s' && { %s; } >log 2>&1 || { cat log; exit 1; }", tmp, command);
	assert_ok(system(line));
}

static void read_made(struct buf *ret, const char *name)
{
	char path[TMPDIR_PATH + 64];
	uint8_t part[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(ret, part, n);
	fclose(f);
}

static int add_made(struct keyring *k, const char *name)
{
	cleanup_buf struct buf cert = { 0 };

	read_made(&cert, name);
	return keyring_add(k, cert.data, cert.len, name);
}

/* Signature @name by the key in @cert over what @type, version 3, signs: the hash of type, algorithm, digest. */
static void assert_v3(const struct keyring *k, uint8_t type, const char *name)
{
	cleanup_buf struct buf sig = { 0 };
	struct digest digest;
	struct keyring_key key;
	struct label l = { .kind = type == 6 ? LABEL_VERITY : LABEL_SIGNATURE, .type = type, .algo = ALGO_SHA256, .version = 3 };

	keyring_get(k, keyring_count(k) - 1, &key);
	read_made(&sig, name);
	l.keyid = key.keyid;
	l.bytes = sig.data;
	l.n = sig.len;
	assert_ok(digest_buf(algo_by_id(ALGO_SHA256), "content", 7, &digest));
	assert_int_equal(keyring_verify(k, &l, &digest), KEYRING_GOOD);
	digest.bytes[0] ^= 1;
	assert_int_equal(keyring_verify(k, &l, &digest), KEYRING_BAD);
	digest.bytes[0] ^= 1;
	l.type = type == 6 ? 3 : 6; /* a signature of one kind is none of the other */
	l.kind = type == 6 ? LABEL_SIGNATURE : LABEL_VERITY;
	assert_int_equal(keyring_verify(k, &l, &digest), KEYRING_BAD);
}

static void version_3(void **state)
{
	static const char *const kinds[] = { "rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-384",
					     "ec -pkeyopt ec_paramgen_curve:P-521" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_keyring struct keyring *k = NULL;
		char command[1024];

		snprintf(command, sizeof(command),
			 "openssl req -x509 -newkey %s -nodes -keyout key -subj /CN=test -out cert.pem && "
			 "for t in 3 6; do { printf \"\\\\00$t\\\\004\"; printf content | openssl dgst -sha256 -binary; } >id && "
			 "openssl dgst -sha256 -sign key -out sig.$t id || exit 1; done", kinds[i]);
		sh(command);
		assert_ok(keyring_new(&k));
		assert_int_equal(add_made(k, "cert.pem"), 1);
		assert_v3(k, 3, "sig.3");
		assert_v3(k, 6, "sig.6");
	}
}

static void only_what_the_ca_signed(void **state)
{
	cleanup_keyring struct keyring *k = NULL;
	cleanup_buf struct buf ca = { 0 };
	struct keyring_key key;

	(void)state;
	sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=ca -out ca.pem && "
	   "openssl req -newkey rsa:2048 -nodes -keyout good.key -subj /CN=good -out good.csr && "
	   "openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -set_serial 1 -days 1 -out good.pem && "
	   "openssl x509 -in good.pem -outform DER -out good.der && "
	   "openssl req -x509 -newkey rsa:2048 -nodes -keyout bad.key -subj /CN=bad -out bad.pem && cat good.pem bad.pem >both.pem && "
	   "cat good.pem ca.pem >chain.pem && { cat good.pem; head -n 3 bad.pem; } >broken.pem && "
	   "openssl genpkey -algorithm ed25519 -out ed.key && openssl req -x509 -key ed.key -subj /CN=ed -out ed.pem");
	assert_ok(keyring_new(&k));
	assert_int_equal(add_made(k, "both.pem"), 2);
	assert_int_equal(add_made(k, "ed.pem"), -EOPNOTSUPP);
	assert_int_equal(add_made(k, "broken.pem"), -EBADMSG);
	assert_int_equal(keyring_count(k), 2);
	keyring_free(take_ptr(k));

	assert_ok(keyring_new(&k));
	read_made(&ca, "ca.pem");
	assert_int_equal(keyring_set_ca(k, "junk", 4), -EBADMSG);
	assert_ok(keyring_set_ca(k, ca.data, ca.len));
	assert_int_equal(add_made(k, "both.pem"), -EKEYREJECTED);
	assert_int_equal(keyring_count(k), 0);
	assert_int_equal(add_made(k, "chain.pem"), 2);
	assert_int_equal(add_made(k, "good.der"), 1);
	keyring_get(k, 2, &key);
	assert_string_equal(key.subject, "CN=good");
}

/* A certificate without subjectKeyIdentifier: the id is of the key itself, as evmctl has it. */
static void key_id_without_skid(void **state)
{
	cleanup_keyring struct keyring *k = NULL;
	cleanup_buf struct buf sig = { 0 }, content = { 0 };

	(void)state;
	sh("printf '[req]\\ndistinguished_name=dn\\nx509_extensions=v3\\n[dn]\\n[v3]\\nbasicConstraints=CA:false\\n"
	   "subjectKeyIdentifier=none\\n' >cnf; "
	   "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -subj /CN=bare -config cnf -outform DER -out bare.der && "
	   "echo hello >file && evmctl ima_sign --sigfile --hashalgo sha256 --key key file && test -s file.sig");
	assert_ok(keyring_new(&k));
	assert_int_equal(add_made(k, "bare.der"), 1);
	read_made(&sig, "file.sig");
	read_made(&content, "file");
	assert_int_equal(verify(k, &sig, &content), KEYRING_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_evmctl_says),	  cmocka_unit_test(why_not),
		cmocka_unit_test(what_is_told_of_a_key),  cmocka_unit_test(bad_certificates),
		cmocka_unit_test(version_3),		  cmocka_unit_test(only_what_the_ca_signed),
		cmocka_unit_test(key_id_without_skid),
	};
	int r;

	if (tmpdir_make(tmp) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(tmp);
	return r;
}
