/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses certificates and keeps their keys, ready to verify. libcrypto's error queue ends here. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <imad/digest.h>
#include <imad/keyring.h>
#include <imad/util.h>

#define RSA_BITS_MIN 1024
#define DER_SEQUENCE 0x30 /* the first byte of a certificate in DER, and of no PEM text */

struct keyring {
	struct key *keys;
	size_t n;
	X509_STORE *ca; /* NULL: all certificates are trusted */
};

/* Certificates of one file. */
struct certs {
	X509 *of[KEYRING_MAX];
	size_t n;
};

static const struct curve {
	const char *openssl, *name;
} curves[] = {
	{ "prime256v1", "ecdsa-nist-p256" },
	{ "secp384r1", "ecdsa-nist-p384" },
	{ "secp521r1", "ecdsa-nist-p521" },
};

static int fail(int r, const char **why, const char *text)
{
	ERR_clear_error();
	if (why)
		*why = text;
	return r;
}

static void certs_freep(struct certs **c)
{
	for (size_t i = 0; *c && i < (*c)->n; i++)
		X509_free((*c)->of[i]);
	free(*c);
}

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

static void store_ctx_freep(X509_STORE_CTX **ctx)
{
	X509_STORE_CTX_free(*ctx);
}

static void store_freep(X509_STORE **s)
{
	X509_STORE_free(*s);
}

/* Without it libcrypto asks the terminal for the password of an encrypted block. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

static int parse_der(const uint8_t *p, size_t n, struct certs *c, const char **why)
{
	const uint8_t *end = p + n;
	X509 *x = d2i_X509(NULL, &p, (long)n);

	if (!x)
		return fail(-EBADMSG, why, "not an X.509 certificate");
	c->of[c->n++] = x;
	return p == end ? 0 : fail(-EBADMSG, why, "something follows the certificate");
}

static int parse_pem(const void *p, size_t n, struct certs *c, const char **why)
{
	cleanup(bio_freep) BIO *bio = BIO_new_mem_buf(p, (int)n);
	unsigned long e;
	X509 *x;

	if (!bio)
		return fail(-ENOMEM, why, "out of memory");
	while ((x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		if (c->n == ARRAY_SIZE(c->of)) {
			X509_free(x);
			return fail(-E2BIG, why, "too many certificates");
		}
		c->of[c->n++] = x;
	}
	e = ERR_peek_last_error();
	if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return fail(-EBADMSG, why, "a certificate in the PEM text is malformed");
	ERR_clear_error();
	return c->n ? 0 : fail(-EBADMSG, why, "no certificate, neither DER nor PEM");
}

static int parse(const void *p, size_t n, struct certs **ret, const char **why)
{
	cleanup(certs_freep) struct certs *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fail(-ENOMEM, why, "out of memory");
	if (n > KEYRING_BYTES_MAX)
		return fail(-E2BIG, why, "too long");
	r = n && *(const uint8_t *)p == DER_SEQUENCE ? parse_der(p, n, c, why) : parse_pem(p, n, c, why);
	if (!r)
		*ret = take_ptr(c);
	return r;
}

const char *key_type(const EVP_PKEY *pkey)
{
	char group[32];

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN ? "rsa" : NULL;
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
		return NULL;
	if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL)) {
		ERR_clear_error();
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
		if (!strcmp(group, curves[i].openssl))
			return curves[i].name;
	return NULL;
}

static uint32_t last_4(const uint8_t *p, size_t n)
{
	return (uint32_t)p[n - 4] << 24 | p[n - 3] << 16 | p[n - 2] << 8 | p[n - 1];
}

static int id_of_bits(const void *p, size_t n, struct digest *ret)
{
	return digest_buf(algo_by_id(ALGO_SHA1), p, n, ret);
}

/* Of the very bytes that a certificate would hold, which a key that lives elsewhere can tell, too. */
int key_id(const EVP_PKEY *pkey, uint32_t *ret)
{
	X509_PUBKEY *public = NULL;
	const uint8_t *bits;
	struct digest d;
	int r, n;

	if (!X509_PUBKEY_set(&public, (EVP_PKEY *)pkey) || !X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, public)) {
		X509_PUBKEY_free(public);
		return fail(-ENOMEM, NULL, NULL);
	}
	r = id_of_bits(bits, (size_t)n, &d);
	X509_PUBKEY_free(public);
	if (r == 0)
		*ret = last_4(d.bytes, d.size);
	return r;
}

static int cert_id(X509 *x, struct key *ret, const char **why)
{
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(x);
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
	struct digest d;
	int r = skid ? 0 : id_of_bits(bits->data, (size_t)bits->length, &d);
	size_t n = skid ? (size_t)ASN1_STRING_length(skid) : d.size;
	uint8_t *id;

	if (r < 0)
		return fail(r, why, "its key cannot be hashed");
	if (n < 4)
		return fail(-EBADMSG, why, "its subject key identifier is shorter than 4 bytes");
	id = malloc(n);
	if (!id)
		return fail(-ENOMEM, why, "out of memory");
	memcpy(id, skid ? ASN1_STRING_get0_data(skid) : d.bytes, n);
	ret->skid = id;
	ret->skid_len = n;
	ret->id = last_4(id, n);
	return 0;
}

/* In memory of its own; NULL if there is none. */
static char *subject_line(X509 *x)
{
	cleanup(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (!bio || X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) < 0)
		return NULL;
	n = BIO_get_mem_data(bio, &text);
	return n > 0 ? strndup(text, (size_t)n) : strdup("");
}

static void key_done(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	X509_free(key->cert);
	free((char *)key->subject);
	free((char *)key->origin);
	free((uint8_t *)key->skid);
}

/* Fills *@ret, which the caller gives to key_done() whatever is returned. */
static int key_init(X509 *x, const char *name, struct key *ret, const char **why)
{
	struct tm tm;
	int r;

	ret->cert = X509_up_ref(x) ? x : NULL;
	ret->pkey = X509_get_pubkey(x);
	ret->type = ret->pkey ? key_type(ret->pkey) : NULL;
	if (!ret->type)
		return fail(
		    -EOPNOTSUPP, why,
		    "its key is neither RSA of 1024 bits or more nor ECDSA over P-256, P-384 or P-521");
	if (!ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm))
		return fail(-EBADMSG, why, "its time of expiry is malformed");
	r = cert_id(x, ret, why);
	if (r < 0)
		return r;
	ret->not_after = timegm(&tm);
	ret->bits = (unsigned int)EVP_PKEY_get_bits(ret->pkey);
	ret->subject = subject_line(x);
	ret->origin = strdup(name);
	return ret->subject && ret->origin ? 0 : fail(-ENOMEM, why, "out of memory");
}

/* The kernel asks for a signature by a trusted key and for nothing more, so no times and no purposes here. */
static int check_chain(X509_STORE *ca, X509 *x, const char **why)
{
	cleanup(store_ctx_freep) X509_STORE_CTX *ctx = ca ? X509_STORE_CTX_new() : NULL;

	if (!ca)
		return 0;
	if (!ctx || !X509_STORE_CTX_init(ctx, ca, x, NULL))
		return fail(-ENOMEM, why, "out of memory");
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	if (X509_verify_cert(ctx) == 1)
		return 0;
	if (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_OUT_OF_MEM)
		return fail(-ENOMEM, why, "out of memory");
	return fail(-ENOKEY, why, "it does not chain to the CA");
}

int keyring_new(struct keyring **ret)
{
	struct keyring *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	*ret = k;
	return 0;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		key_done(&k->keys[i]);
	X509_STORE_free(k->ca);
	free(k->keys);
	free(k);
}

void keyring_freep(struct keyring **k)
{
	keyring_free(*k);
}

int keyring_set_ca(struct keyring *k, const void *p, size_t n, const char **why)
{
	cleanup(certs_freep) struct certs *c = NULL;
	cleanup(store_freep) X509_STORE *ca = NULL;
	int r;

	if (k->ca || k->n)
		return fail(-EBUSY, why, "there is a CA or a key already");
	r = parse(p, n, &c, why);
	if (r < 0)
		return r;
	ca = X509_STORE_new();
	for (size_t i = 0; ca && i < c->n; i++)
		if (!X509_STORE_add_cert(ca, c->of[i]))
			return fail(-ENOMEM, why, "out of memory");
	if (!ca)
		return fail(-ENOMEM, why, "out of memory");
	k->ca = take_ptr(ca);
	return 0;
}

int keyring_add_cert(struct keyring *k, const void *p, size_t n, const char *name, const char **why)
{
	cleanup(certs_freep) struct certs *c = NULL;
	struct key *keys;
	size_t done = 0;
	int r = parse(p, n, &c, why);

	if (r < 0)
		return r;
	if (c->n > KEYRING_MAX - k->n)
		return fail(-E2BIG, why, "too many certificates");
	keys = realloc(k->keys, (k->n + c->n) * sizeof(*keys));
	if (!keys)
		return fail(-ENOMEM, why, "out of memory");
	k->keys = keys;
	keys += k->n;
	memset(keys, 0, c->n * sizeof(*keys));
	while (r == 0 && done < c->n) {
		r = check_chain(k->ca, c->of[done], why);
		if (r == 0)
			r = key_init(c->of[done], name, &keys[done], why);
		done++;
	}
	if (r == 0)
		k->n += done;
	while (r < 0 && done > 0)
		key_done(&keys[--done]);
	ERR_clear_error(); /* libcrypto complains of what did no harm, too */
	return r;
}

size_t keyring_count(const struct keyring *k)
{
	return k->n;
}

const struct key *keyring_key(const struct keyring *k, size_t i)
{
	return i < k->n ? &k->keys[i] : NULL;
}

size_t keyring_deny(struct keyring *k, const uint8_t *id, size_t n)
{
	size_t denied = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct key *key = &k->keys[i];

		if (key->skid_len < n || memcmp(key->skid + key->skid_len - n, id, n) != 0)
			continue;
		key->denied = true;
		denied++;
	}
	return denied;
}

const struct key *keyring_find(const struct keyring *k, uint32_t id, const struct key *after)
{
	for (size_t i = after ? (size_t)(after - k->keys) + 1 : 0; i < k->n; i++)
		if (k->keys[i].id == id)
			return &k->keys[i];
	return NULL;
}
