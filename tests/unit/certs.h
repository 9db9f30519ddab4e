/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and certificates made on the spot, by libcrypto. */
#ifndef IMAD_TEST_CERTS_H
#define IMAD_TEST_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "golden.h"

/* "RSA:2048", or a curve. For EVP_PKEY_free(). */
static inline EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *key = !strncmp(kind, "RSA:", 4) ? EVP_RSA_gen((unsigned int)atoi(kind + 4)) : EVP_EC_gen(kind);

	assert_non_null(key);
	return key;
}

struct cert_wish {
	const char *cn;
	EVP_PKEY *key;
	EVP_PKEY *issuer_key; /* NULL: signs itself */
	const char *issuer;   /* its CN, with @issuer_key */
	const char *skid;     /* "hash", or hex with colons, or NULL for none */
	bool ca;
	int expires;	      /* seconds from now, may be negative */
};

static inline void cert_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, NULL, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline void cert_name(X509_NAME *name, const char *cn)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const void *)cn, -1, -1, 0), 1);
}

/* Append the certificate as DER, or as PEM. */
static inline void make_cert(const struct cert_wish *w, bool pem, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();
	char *bytes;
	long n;

	assert_true(bio && x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400 * 30);
	X509_gmtime_adj(X509_getm_notAfter(x), w->expires ? w->expires : 86400);
	cert_name(X509_get_subject_name(x), w->cn);
	cert_name(X509_get_issuer_name(x), w->issuer_key ? w->issuer : w->cn);
	X509_set_pubkey(x, w->key);
	cert_extension(x, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (w->skid)
		cert_extension(x, NID_subject_key_identifier, w->skid);
	assert_true(X509_sign(x, w->issuer_key ? w->issuer_key : w->key, EVP_sha256()) > 0);
	assert_int_equal(pem ? PEM_write_bio_X509(bio, x) : i2d_X509_bio(bio, x), 1);
	n = BIO_get_mem_data(bio, &bytes);
	buf_add(out, bytes, (size_t)n);
	X509_free(x);
	BIO_free(bio);
}

/* Append the private key as PEM, encrypted if there is a password. */
static inline void key_pem(EVP_PKEY *key, const char *password, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
						       (void *)password),
			 1);
	n = BIO_get_mem_data(bio, &bytes);
	buf_add(out, bytes, (size_t)n);
	BIO_free(bio);
}

#endif
