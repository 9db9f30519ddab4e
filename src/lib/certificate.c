/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcrypto builds what is to be signed, and the signer signs it: its key need not be where libcrypto could use it.
 * Before anything is given away it is read again and verified. libcrypto's error queue ends here.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <imad/certificate.h>
#include <imad/digest.h>
#include <imad/util.h>

#define X509_V3 2
#define DAY_S	86400

static void x509_freep(X509 **x)
{
	X509_free(*x);
}

static void req_freep(X509_REQ **x)
{
	X509_REQ_free(*x);
}

static void algor_freep(X509_ALGOR **a)
{
	X509_ALGOR_free(*a);
}

static void name_freep(X509_NAME **n)
{
	X509_NAME_free(*n);
}

static void bits_freep(ASN1_BIT_STRING **b)
{
	ASN1_BIT_STRING_free(*b);
}

static void extensions_freep(STACK_OF(X509_EXTENSION) **e)
{
	sk_X509_EXTENSION_pop_free(*e, X509_EXTENSION_free);
}

static X509_NAME *make_name(const char *text)
{
	X509_NAME *name = X509_NAME_new();

	if (name && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0) == 1)
		return name;
	X509_NAME_free(name);
	return NULL;
}

static X509_ALGOR *make_algorithm(const struct signer *s)
{
	bool rsa = EVP_PKEY_is_a(signer_key(s), "RSA");
	X509_ALGOR *a = X509_ALGOR_new();

	if (a && X509_ALGOR_set0(a, OBJ_nid2obj(rsa ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256),
				 rsa ? V_ASN1_NULL : V_ASN1_UNDEF, NULL))
		return a;
	X509_ALGOR_free(a);
	return NULL;
}

/* What a signature is over, as the BIT STRING that certificates have. libcrypto itself drops zero bits at the end of one that is only set. */
static int sign(const struct signer *s, const uint8_t *tbs, size_t n, ASN1_BIT_STRING **ret)
{
	cleanup(buf_done) struct buf bare = { 0 }, der = { 0 };
	const uint8_t *at;
	struct digest d;
	int r = digest_buf(algo_by_id(ALGO_SHA256), tbs, n, &d);
	uint8_t head[8], *end = head;

	if (r == 0)
		r = signature_bare(s, &d, &bare);
	if (r < 0)
		return r;
	ASN1_put_object(&end, 0, (int)bare.len + 1, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
	buf_add(&der, head, (size_t)(end - head));
	buf_add_u8(&der, 0); /* unused bits */
	buf_add(&der, bare.data, bare.len);
	if (buf_error(&der) < 0)
		return -ENOMEM;
	at = der.data;
	*ret = d2i_ASN1_BIT_STRING(NULL, &at, (long)der.len);
	return *ret ? 0 : -ENOMEM;
}

static bool add_extension(STACK_OF(X509_EXTENSION) * to, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

	if (e && sk_X509_EXTENSION_push(to, e) > 0)
		return true;
	X509_EXTENSION_free(e);
	return false;
}

static bool add_extensions(STACK_OF(X509_EXTENSION) * to, X509V3_CTX *ctx)
{
	return add_extension(to, ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(to, ctx, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(to, ctx, NID_subject_key_identifier, "hash");
}

/* --- certificates */

static bool set_serial(X509 *x, const uint8_t bytes[16])
{
	uint8_t positive[16];
	BIGNUM *n;
	bool ok;

	memcpy(positive, bytes, sizeof(positive));
	positive[0] = (positive[0] & 0x7f) | 1;
	n = BN_bin2bn(positive, sizeof(positive), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool set_extensions(X509 *x)
{
	cleanup(extensions_freep) STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	if (!list || !add_extensions(list, &ctx))
		return false;
	for (int i = 0; i < sk_X509_EXTENSION_num(list); i++)
		if (!X509_add_ext(x, sk_X509_EXTENSION_value(list, i), -1))
			return false;
	/* It takes the identifier from what is there by now. */
	return add_extension(list, &ctx, NID_authority_key_identifier, "keyid:always") &&
	       X509_add_ext(x, sk_X509_EXTENSION_value(list, sk_X509_EXTENSION_num(list) - 1), -1);
}

static bool fill(X509 *x, const struct signer *s, const struct certificate *c, X509_NAME *name)
{
	time_t until = c->from + (time_t)c->days * DAY_S;

	return X509_set_version(x, X509_V3) && set_serial(x, c->serial) && X509_set_subject_name(x, name) &&
	       X509_set_issuer_name(x, name) && X509_set_pubkey(x, signer_key(s)) &&
	       ASN1_TIME_adj(X509_getm_notBefore(x), c->from, 0, 0) && ASN1_TIME_adj(X509_getm_notAfter(x), until, 0, 0) &&
	       set_extensions(x);
}

/*
 * libcrypto has no way to set the signature of a certificate but by signing with a key that it can use; what its
 * accessors show is nevertheless part of @x, which is ours.
 */
static int sign_certificate(const struct signer *s, X509 *x, const X509_ALGOR *algorithm)
{
	cleanup(bits_freep) ASN1_BIT_STRING *made = NULL;
	const ASN1_BIT_STRING *bits;
	const X509_ALGOR *outer;
	uint8_t *tbs = NULL;
	int n, r;

	X509_get0_signature(&bits, &outer, x);
	if (!X509_ALGOR_copy((X509_ALGOR *)X509_get0_tbs_sigalg(x), algorithm) || !X509_ALGOR_copy((X509_ALGOR *)outer, algorithm))
		return -ENOMEM;
	n = i2d_re_X509_tbs(x, &tbs);
	r = n > 0 ? sign(s, tbs, (size_t)n, &made) : -ENOMEM;
	OPENSSL_free(tbs);
	if (r == 0 && !ASN1_STRING_copy((ASN1_STRING *)bits, made))
		r = -ENOMEM;
	return r;
}

static int put(uint8_t *bytes, int n, struct buf *der)
{
	if (n > 0)
		buf_add(der, bytes, (size_t)n);
	OPENSSL_free(bytes);
	return n > 0 ? buf_error(der) : -ENOMEM;
}

static int make_certificate(const struct signer *s, const struct certificate *c, X509_NAME *name, const X509_ALGOR *algorithm,
			    struct buf *der)
{
	cleanup(x509_freep) X509 *x = X509_new(), *again = NULL;
	uint8_t *bytes = NULL;
	const uint8_t *at;
	int r, n;

	if (!x || !fill(x, s, c, name))
		return -EIO;
	r = sign_certificate(s, x, algorithm);
	if (r < 0)
		return r;
	n = i2d_X509(x, &bytes);
	at = bytes;
	again = n > 0 ? d2i_X509(NULL, &at, n) : NULL;
	if (!again || X509_verify(again, signer_key(s)) != 1) {
		OPENSSL_free(bytes);
		return -EKEYREJECTED;
	}
	return put(bytes, n, der);
}

/* --- requests */

static bool fill_request(X509_REQ *x, const struct signer *s, X509_NAME *name)
{
	cleanup(extensions_freep) STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	X509V3_CTX ctx;

	if (!list || !X509_REQ_set_version(x, 0) || !X509_REQ_set_subject_name(x, name) || !X509_REQ_set_pubkey(x, signer_key(s)))
		return false;
	X509V3_set_ctx(&ctx, NULL, NULL, x, NULL, 0);
	return add_extensions(list, &ctx) && X509_REQ_add_extensions(x, list);
}

static int make_request(const struct signer *s, X509_NAME *name, X509_ALGOR *algorithm, struct buf *der)
{
	cleanup(req_freep) X509_REQ *x = X509_REQ_new();
	ASN1_BIT_STRING *bits = NULL;
	uint8_t *bytes = NULL;
	int n, r;

	if (!x || !fill_request(x, s, name) || !X509_REQ_set1_signature_algo(x, algorithm))
		return -EIO;
	n = i2d_re_X509_REQ_tbs(x, &bytes);
	r = n > 0 ? sign(s, bytes, (size_t)n, &bits) : -ENOMEM;
	OPENSSL_free(bytes);
	if (r < 0)
		return r;
	X509_REQ_set0_signature(x, bits);
	if (X509_REQ_verify(x, signer_key(s)) != 1)
		return -EKEYREJECTED;
	bytes = NULL;
	n = i2d_X509_REQ(x, &bytes);
	return put(bytes, n, der);
}

int certificate_make(const struct signer *s, const struct certificate *c, struct buf *der)
{
	cleanup(algor_freep) X509_ALGOR *algorithm = make_algorithm(s);
	cleanup(name_freep) X509_NAME *name = make_name(c->name);
	int r = !algorithm ? -ENOMEM : !name ? -EINVAL : 0;

	if (r == 0)
		r = c->request ? make_request(s, name, algorithm, der) : make_certificate(s, c, name, algorithm, der);
	ERR_clear_error();
	return r;
}

int certificate_pem(const struct certificate *c, const struct buf *der, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n = bio && PEM_write_bio(bio, c->request ? PEM_STRING_X509_REQ : PEM_STRING_X509, "", der->data, (long)der->len) > 0 ?
			 BIO_get_mem_data(bio, &text) : 0;

	if (n > 0)
		buf_add(out, text, (size_t)n);
	BIO_free(bio);
	ERR_clear_error();
	return n > 0 ? buf_error(out) : -EIO;
}
