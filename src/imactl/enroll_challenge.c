/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verifier's side of enrolling: is that an EK of a maker that is trusted, is that an AK, and a secret for both. */
#include <json-c/json.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/tpmkey.h>

#include "enroll.h"

#define TEXT_MAX 65536
#define BLOB_MAX 8192

struct enrollment {
	struct buf ek, certificate, ak;
};

static void enrollment_done(struct enrollment *e)
{
	buf_done(&e->ek);
	buf_done(&e->certificate);
	buf_done(&e->ak);
}

static int take_blob(struct json_object *o, const char *key, bool needed, struct buf *ret)
{
	struct json_object *text;

	if (!json_object_object_get_ex(o, key, &text))
		return needed ? -EBADMSG : 0;
	if (!json_object_is_type(text, json_type_string) || json_object_get_string_len(text) > BLOB_MAX)
		return -EBADMSG;
	return base64_decode(json_object_get_string(text), (size_t)json_object_get_string_len(text), ret);
}

static int load(const char *path, struct enrollment *e)
{
	cleanup(buf_done) struct buf text = { 0 };
	cleanup(json_putp) struct json_object *o = NULL;
	struct json_object *version;
	const char *format;
	int r = read_whole(path, TEXT_MAX, &text);

	if (r < 0)
		return complain(IMACTL_UNCHECKED, "cannot read '%s': %s", path, strerror(-r));
	buf_add_u8(&text, 0);
	o = buf_error(&text) == 0 ? json_tokener_parse((const char *)text.data) : NULL;
	format = json_object_is_type(o, json_type_object) ? info_text(o, "format") : NULL;
	if (!format || strcmp(format, ENROLL_FORMAT) != 0 || !json_object_object_get_ex(o, "version", &version) ||
	    json_object_get_int64(version) != ENROLL_VERSION)
		return complain(IMACTL_FAILED, "'%s' is not what imactl enroll gives, version %d", path, ENROLL_VERSION);
	if (take_blob(o, "ek", true, &e->ek) < 0 || take_blob(o, "ak", true, &e->ak) < 0 ||
	    take_blob(o, "ek_certificate", false, &e->certificate) < 0)
		return complain(IMACTL_FAILED, "'%s': ek, ak or ek_certificate is missing or not base64", path);
	return IMACTL_OK;
}

/* All certificates of a PEM file, or the one of a DER file, are trusted: roots and those between. */
static int add_ca(X509_STORE *store, const char *path)
{
	cleanup(buf_done) struct buf file = { 0 };
	int n = 0, r = read_whole(path, 1 << 20, &file);
	const uint8_t *p = file.data;
	X509 *cert = NULL;
	BIO *bio;

	if (r < 0)
		return complain(IMACTL_UNCHECKED, "cannot read '%s': %s", path, strerror(-r));
	bio = BIO_new_mem_buf(file.data, (int)file.len);
	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	cert = n == 0 ? d2i_X509(NULL, &p, (long)file.len) : NULL;
	n += cert && X509_STORE_add_cert(store, cert);
	X509_free(cert);
	ERR_clear_error();
	return n > 0 ? IMACTL_OK : complain(IMACTL_UNCHECKED, "'%s' holds no certificate", path);
}

/* Times do not count: a TPM outlives its certificate. */
static int check_chain(X509_STORE *store, X509 *cert)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int code = IMACTL_OK;

	if (!ctx || X509_STORE_CTX_init(ctx, store, cert, NULL) != 1) {
		code = complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));
	} else {
		X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
		if (X509_verify_cert(ctx) != 1)
			code = complain(IMACTL_FAILED, "the EK's certificate does not chain to a CA that was given: %s",
					X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return code;
}

static int check_is_of(X509 *cert, const struct buf *ek)
{
	EVP_PKEY *key = NULL;
	const char *why = "";
	int code = IMACTL_OK;

	if (tpmkey_parse(ek->data, ek->len, &key, &why) < 0)
		return complain(IMACTL_FAILED, "ek: %s", why);
	if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		code = complain(IMACTL_FAILED, "the EK's certificate is of another key");
	EVP_PKEY_free(key);
	ERR_clear_error();
	return code;
}

static int check_ek(const struct enrollment *e, const struct enroll_cas *cas)
{
	const uint8_t *p = e->certificate.data;
	X509_STORE *store;
	X509 *cert;
	int code = IMACTL_OK;

	if (!cas)
		return IMACTL_OK;
	if (e->certificate.len == 0)
		return complain(IMACTL_FAILED, "the host gave no certificate of its EK");
	cert = d2i_X509(NULL, &p, (long)e->certificate.len);
	if (!cert) {
		ERR_clear_error();
		return complain(IMACTL_FAILED, "ek_certificate: not a certificate");
	}
	store = X509_STORE_new();
	for (unsigned int i = 0; code == IMACTL_OK && i < cas->n; i++)
		code = store ? add_ca(store, cas->path[i]) : IMACTL_UNCHECKED;
	if (code == IMACTL_OK)
		code = check_chain(store, cert);
	if (code == IMACTL_OK)
		code = check_is_of(cert, &e->ek);
	X509_STORE_free(store);
	X509_free(cert);
	return code;
}

/* --- what is written */

static int put(const char *dir, const char *name, const struct buf *b, unsigned int mode)
{
	cleanup_free char *path = join_path(dir, name);
	int r = path && buf_error(b) == 0 ? write_whole(path, b->data, b->len, mode) : -ENOMEM;

	return r < 0 ? complain(IMACTL_FAILED, "cannot write '%s/%s': %s", dir, name, strerror(-r)) : IMACTL_OK;
}

static int put_ak(const char *dir, const struct buf *ak)
{
	cleanup(buf_done) struct buf pem = { 0 };
	EVP_PKEY *key = NULL;
	const char *why = "";
	int r = tpmkey_parse(ak->data, ak->len, &key, &why);

	if (r == 0)
		r = tpmkey_pem(key, &pem);
	EVP_PKEY_free(key);
	return r < 0 ? complain(IMACTL_FAILED, "ak: %s", why) : put(dir, "ak.candidate.pem", &pem, 0644);
}

int enroll_challenge(const char *path, const struct enroll_cas *cas, const char *dir)
{
	cleanup(enrollment_done) struct enrollment e = { .ek = { 0 } };
	cleanup(buf_done) struct buf blob = { 0 }, hex = { 0 };
	uint8_t secret[TPMKEY_CREDENTIAL_MAX], name[TPMKEY_NAME_MAX];
	const char *why = NULL;
	int code = load(path, &e), n, r;

	if (code == IMACTL_OK)
		code = check_ek(&e, cas);
	if (code != IMACTL_OK)
		return code;
	if (tpmkey_check_ak(e.ak.data, e.ak.len, &why) < 0)
		return complain(IMACTL_FAILED, "ak: %s", why);
	n = tpmkey_name(e.ak.data, e.ak.len, name);
	if (n < 0 || RAND_bytes(secret, sizeof(secret)) != 1)
		return complain(IMACTL_FAILED, "ak: it has no name, or there is no randomness");
	r = tpmkey_make_credential(e.ek.data, e.ek.len, name, (size_t)n, secret, sizeof(secret), &blob, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "ek: %s", why ? why : strerror(-r));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return complain(IMACTL_FAILED, "cannot make '%s': %s", dir, strerror(errno));
	buf_add_hex(&hex, secret, sizeof(secret));
	buf_add_u8(&hex, '\n');
	code = put_ak(dir, &e.ak);
	if (code == IMACTL_OK)
		code = put(dir, "secret", &hex, 0600);
	return code == IMACTL_OK ? put(dir, "credential.blob", &blob, 0644) : code;
}
