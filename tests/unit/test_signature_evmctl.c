/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature.c against evmctl (version 2) and openssl (version 3, which Debian's evmctl
 * does not know), both ways, with keys made now. Needs no xattr: signatures are files.
 */
#include <sys/stat.h>

#include <imad/digest.h>
#include <imad/signature.h>

#include "certs.h"
#include "tmpdir.h"

#define SKIP 77

static const char *const kinds[] = { "RSA:2048", "P-256", "P-384", "P-521" };
static const char *const hashes[] = { "sha1", "sha256", "sha384", "sha512" };
static char tmp[TMPDIR_PATH];

/* One key: its files and what is made from them. */
struct fixture {
	struct keyring *k;
	struct signer *s;
};

static void file_write(const char *name, const void *p, size_t n)
{
	char path[TMPDIR_PATH + 32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_ok(fclose(f));
}

static void file_read(const char *name, struct buf *ret)
{
	char path[TMPDIR_PATH + 32];
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

/* The exit status of a shell command that is run in the folder. */
static __attribute__((format(printf, 1, 2))) int run(const char *fmt, ...)
{
	char command[512];
	size_t n = (size_t)snprintf(command, sizeof(command), "cd %s && exec >log 2>&1 && ", tmp);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof(command) - n, fmt, ap);
	va_end(ap);
	return WEXITSTATUS(system(command));
}

static struct fixture fixture_new(const char *kind)
{
	cleanup_buf struct buf der = { 0 }, secret = { 0 };
	struct fixture f = { 0 };
	EVP_PKEY *key = make_key(kind);

	make_cert(&(struct cert_wish){ .cn = kind, .key = key, .skid = "hash" }, false, &der);
	key_pem(key, NULL, &secret);
	EVP_PKEY_free(key);
	file_write("cert.der", der.data, der.len);
	file_write("key.pem", secret.data, secret.len);
	file_write("f", kind, strlen(kind));
	assert_ok(run("openssl pkey -in key.pem -pubout -out pub.pem"));
	assert_ok(keyring_new(&f.k));
	assert_ok(keyring_add_cert(f.k, der.data, der.len, "cert.der", NULL));
	assert_ok(signer_new(secret.data, secret.len, NULL, f.k, &f.s, NULL));
	return f;
}

static void fixture_done(struct fixture *f)
{
	keyring_free(f->k);
	signer_free(f->s);
}

static void with_evmctl(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(kinds) * ARRAY_SIZE(hashes); n++) {
		const char *kind = kinds[n / ARRAY_SIZE(hashes)], *hash = hashes[n % ARRAY_SIZE(hashes)];
		cleanup(fixture_done) struct fixture f = fixture_new(kind);
		cleanup_buf struct buf theirs = { 0 }, ours = { 0 };
		struct digest d;

		assert_ok(digest_buf(algo_by_name(hash, strlen(hash)), kind, strlen(kind), &d));
		assert_ok(run("evmctl ima_sign --sigfile -a %s --key key.pem f", hash));
		file_read("f.sig", &theirs);
		if (signature_verify_detached(f.k, theirs.data, theirs.len, &d) != SIGNATURE_OK)
			fail_msg("%s %s of evmctl is refused", kind, hash);

		assert_ok(signature_sign(f.s, LABEL_SIGNATURE, 2, &d, &ours));
		assert_memory_equal(ours.data, theirs.data, 7); /* up to the key id */
		if (kind == kinds[0]) {				/* PKCS#1 v1.5 has no chance in it */
			assert_int_equal(ours.len, theirs.len);
			assert_memory_equal(ours.data, theirs.data, ours.len);
		}
		file_write("f.sig", ours.data, ours.len);
		if (run("evmctl ima_verify --sigfile --key cert.der f") != 0)
			fail_msg("evmctl refuses our %s %s", kind, hash);
		ours.data[ours.len - 1] ^= 1;
		file_write("f.sig", ours.data, ours.len);
		assert_int_not_equal(run("evmctl ima_verify --sigfile --key cert.der f"), 0);
	}
}

/* Version 3: openssl signs and verifies the bytes of struct ima_file_id. */
static void with_openssl(void **state)
{
	static const enum label_type types[] = { LABEL_SIGNATURE, LABEL_VERITY };

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(kinds) * ARRAY_SIZE(types); n++) {
		const char *kind = kinds[n / ARRAY_SIZE(types)];
		enum label_type type = types[n % ARRAY_SIZE(types)];
		cleanup(fixture_done) struct fixture f = fixture_new(kind);
		cleanup_buf struct buf theirs = { 0 }, ours = { 0 };
		const char *hash = hashes[1 + n % (ARRAY_SIZE(hashes) - 1)];
		const struct algo *algo = algo_by_name(hash, strlen(hash));
		uint8_t id[2 + DIGEST_MAX] = { (uint8_t)type, algo->id };
		struct digest d;
		struct label l;

		assert_ok(digest_buf(algo, kind, strlen(kind), &d));
		memcpy(id + 2, d.bytes, d.size);
		file_write("id", id, 2u + d.size);
		assert_ok(signature_sign(f.s, type, 3, &d, &ours));
		assert_ok(label_decode(ours.data, ours.len, &l, NULL));
		file_write("raw", l.bytes, l.len);
		if (run("openssl dgst -%s -verify pub.pem -signature raw id", hash) != 0)
			fail_msg("openssl refuses our %s of type %d", kind, type);

		assert_ok(run("openssl dgst -%s -sign key.pem -out raw id", hash));
		file_read("raw", &theirs);
		l.bytes = theirs.data;
		l.len = theirs.len;
		assert_int_equal(signature_verify(f.k, &l, &d), SIGNATURE_OK);
		d.bytes[31] ^= 1;
		assert_int_equal(signature_verify(f.k, &l, &d), SIGNATURE_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_evmctl),
		cmocka_unit_test(with_openssl),
	};
	int r = SKIP;

	if (tmpdir_make(tmp) < 0)
		return 1;
	if (run("command -v evmctl && command -v openssl") != 0)
		fprintf(stderr, "evmctl or openssl is not installed\n");
	else
		r = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(tmp);
	return r;
}
