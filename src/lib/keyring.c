// SPDX-License-Identifier: GPL-2.0-or-later
/* Certificates in, keys out. Signatures are checked in keyring_verify.c. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <imad/util.h>

#include "keyring_priv.h"

int keyring_new(struct keyring **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void drop_keys(struct keyring *k, unsigned int from)
{
	for (unsigned int i = from; i < k->n; i++) {
		X509_free(k->keys[i].cert);
		EVP_PKEY_free(k->keys[i].pkey);
	}
	k->n = from;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	drop_keys(k, 0);
	X509_STORE_free(k->ca);
	free(k->keys);
	free(k);
}

void keyring_freep(struct keyring **k)
{
	keyring_free(*k);
}

/* Hands each certificate of PEM or DER to @take. Returns how many, or negative errno: its, or -EBADMSG. */
static int each_certificate(const void *p, size_t n, int (*take)(struct keyring *k, X509 *cert, const char *origin),
			    struct keyring *k, const char *origin)
{
	const unsigned char *der = p;
	BIO *bio = n <= INT_MAX ? BIO_new_mem_buf(p, (int)n) : NULL;
	X509 *cert;
	int r = 0, found = 0;

	while (r == 0 && bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		found++;
		r = take(k, cert, origin);
		X509_free(cert);
	}
	/* The end of PEM is an error of its own kind; another one is a damaged certificate. */
	if (r == 0 && found && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = -EBADMSG;
	BIO_free(bio);
	if (r == 0 && !found && n <= LONG_MAX && (cert = d2i_X509(NULL, &der, (long)n))) {
		found++;
		r = der == (const unsigned char *)p + n ? take(k, cert, origin) : -EBADMSG;
		X509_free(cert);
	}
	ERR_clear_error();
	if (r < 0)
		return r;
	return found ? found : -EBADMSG;
}

static int trust_ca(struct keyring *k, X509 *cert, const char *origin)
{
	(void)origin;
	return X509_STORE_add_cert(k->ca, cert) ? 0 : -ENOMEM;
}

int keyring_set_ca(struct keyring *k, const void *p, size_t n)
{
	X509_STORE *before = k->ca;
	int r;

	k->ca = X509_STORE_new();
	/* A file may name an intermediate certificate alone; times are not looked at, as in the kernel. */
	if (!k->ca || !X509_STORE_set_flags(k->ca, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME))
		r = -ENOMEM;
	else
		r = each_certificate(p, n, trust_ca, k, NULL);
	X509_STORE_free(r < 0 ? k->ca : before);
	if (r < 0)
		k->ca = before;
	return r < 0 ? r : 0;
}

static bool is_signed_by_ca(const struct keyring *k, X509 *cert)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = ctx && X509_STORE_CTX_init(ctx, k->ca, cert, NULL) && X509_verify_cert(ctx) == 1;

	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static uint32_t last_four(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* 0 or -EBADMSG. */
static int key_id(X509 *cert, uint32_t *ret)
{
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(cert);
	unsigned char sha1[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (skid && ASN1_STRING_length(skid) >= 4) {
		*ret = last_four(ASN1_STRING_get0_data(skid) + ASN1_STRING_length(skid) - 4);
		return 0;
	}
	if (!X509_pubkey_digest(cert, EVP_sha1(), sha1, &n) || n < 4)
		return -EBADMSG;
	*ret = last_four(sha1 + n - 4);
	return 0;
}

static int grow(struct keyring *k)
{
	struct key *keys;

	if (k->n < k->room)
		return 0;
	keys = realloc(k->keys, (k->room + 16) * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	k->keys = keys;
	k->room += 16;
	return 0;
}

static int trust_key(struct keyring *k, X509 *cert, const char *origin)
{
	struct key key = { .pkey = X509_get0_pubkey(cert), .cert = cert };
	int r;

	if (!key.pkey)
		return -EBADMSG;
	if (EVP_PKEY_get_base_id(key.pkey) != EVP_PKEY_RSA && EVP_PKEY_get_base_id(key.pkey) != EVP_PKEY_EC)
		return -EOPNOTSUPP;
	if (k->ca && !is_signed_by_ca(k, cert))
		return -EKEYREJECTED;
	r = key_id(cert, &key.keyid);
	if (r == 0)
		r = grow(k);
	if (r < 0)
		return r;
	snprintf(key.origin, sizeof(key.origin), "%s", origin);
	X509_up_ref(cert);
	EVP_PKEY_up_ref(key.pkey);
	k->keys[k->n++] = key;
	return 0;
}

int keyring_add(struct keyring *k, const void *p, size_t n, const char *origin)
{
	unsigned int before = k->n;
	int r = each_certificate(p, n, trust_key, k, origin);

	if (r < 0)
		drop_keys(k, before);
	return r;
}

unsigned int keyring_count(const struct keyring *k)
{
	return k->n;
}

static void subject_of(X509 *cert, char *ret, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(bio, ret, (int)size - 1);
	ret[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

void keyring_get(const struct keyring *k, unsigned int i, struct keyring_key *ret)
{
	const struct key *key = &k->keys[i];
	struct tm end = { 0 };

	*ret = (struct keyring_key){ .keyid = key->keyid, .bits = (unsigned int)EVP_PKEY_get_bits(key->pkey) };
	subject_of(key->cert, ret->subject, sizeof(ret->subject));
	memcpy(ret->origin, key->origin, sizeof(ret->origin));
	snprintf(ret->type, sizeof(ret->type), "%s", EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA ? "RSA" : "EC");
	if (ASN1_TIME_to_tm(X509_get0_notAfter(key->cert), &end))
		ret->not_after = timegm(&end);
	ERR_clear_error();
}
