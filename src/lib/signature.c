/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A context is made for each operation: beside the arithmetic it costs little, and
 * so threads share nothing but the key. libcrypto's error queue ends here.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <imad/digest.h>
#include <imad/signature.h>
#include <imad/util.h>

struct signer {
	EVP_PKEY *pkey;
	uint32_t id;
	const struct signer_ops *ops; /* NULL: libcrypto has the private key */
	void *arg;
};

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

static void ctx_freep(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

/* Empties the error queue; -ENOMEM if it says so, else @r. */
static int drain(int r)
{
	unsigned long e;

	while ((e = ERR_get_error()))
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			r = -ENOMEM;
	return r;
}

static bool version_known(unsigned int type, unsigned int version)
{
	return ((type == LABEL_SIGNATURE || type == LABEL_PORTABLE) && (version == 2 || version == 3)) ||
	       (type == LABEL_VERITY && version == 3);
}

/* What is signed: the digest itself, or from version 3 on the digest of struct ima_file_id. */
static int signed_digest(unsigned int type, unsigned int version, const struct digest *d, struct digest *ret)
{
	uint8_t id[2 + DIGEST_MAX] = { (uint8_t)type, d->algo };

	if (version == 2) {
		*ret = *d;
		return 0;
	}
	memcpy(id + 2, d->bytes, d->size);
	return digest_buf(algo_by_id(d->algo), id, 2u + d->size, ret);
}

typedef int init_fn(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

/* A context for one signature. RSA's padding is PKCS#1 v1.5 unless one asks for another. */
static int prepare(EVP_PKEY *pkey, const struct algo *algo, init_fn *init, EVP_PKEY_CTX **ret)
{
	cleanup(ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)algo->openssl, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!ctx)
		return drain(-ENOMEM);
	if (init(ctx, params) <= 0)
		return drain(-EOPNOTSUPP);
	*ret = take_ptr(ctx);
	return 0;
}

int signature_verify_by(EVP_PKEY *pkey, const struct algo *algo, const void *bytes, size_t n, const struct digest *d)
{
	cleanup(ctx_freep) EVP_PKEY_CTX *ctx = NULL;
	int r = prepare(pkey, algo, EVP_PKEY_verify_init_ex, &ctx);

	if (r == -EOPNOTSUPP)
		return SIGNATURE_UNSUPPORTED;
	if (r < 0)
		return r;
	if (EVP_PKEY_verify(ctx, bytes, n, d->bytes, d->size) == 1)
		return SIGNATURE_OK;
	return drain(SIGNATURE_BAD);
}

int signature_verify(const struct keyring *k, const struct label *l, const struct digest *d)
{
	const struct key *key = NULL;
	struct digest over;
	int r;

	if (!version_known(l->type, l->version) || !l->algo->openssl)
		return SIGNATURE_UNSUPPORTED;
	if (d->algo != l->algo->id || d->size != l->algo->size)
		return SIGNATURE_BAD;
	r = signed_digest(l->type, l->version, d, &over);
	if (r < 0)
		return r == -EOPNOTSUPP ? SIGNATURE_UNSUPPORTED : r;
	r = SIGNATURE_NO_KEY;
	do { /* more than one key only if ids collide */
		key = keyring_find(k, l->key_id, key);
		if (key)
			r = key->denied ? SIGNATURE_KEY_DENIED :
					  signature_verify_by(key->pkey, l->algo, l->bytes, l->len, &over);
	} while (key && r > SIGNATURE_OK);
	return r;
}

int signature_verify_detached(const struct keyring *k, const void *p, size_t n, const struct digest *d)
{
	struct label l;

	if (label_decode(p, n, &l, NULL) < 0)
		return SIGNATURE_BAD;
	return l.type == LABEL_SIGNATURE ? signature_verify(k, &l, d) : SIGNATURE_UNSUPPORTED;
}

/* Without it libcrypto asks the terminal. */
static int give_password(char *buf, int size, int rwflag, void *password)
{
	size_t n = password ? strlen(password) : 0;

	(void)rwflag;
	if (!password || n > (size_t)size)
		return -1;
	memcpy(buf, password, n);
	return (int)n;
}

static int fail(int r, const char **why, const char *text)
{
	if (why)
		*why = text;
	return drain(r);
}

/* The id by which verifiers will find the key. */
static int find_id(const EVP_PKEY *pkey, const struct keyring *certs, uint32_t *ret, const char **why)
{
	int r;

	for (size_t i = 0; certs && i < keyring_count(certs); i++) {
		const struct key *key = keyring_key(certs, i);

		if (EVP_PKEY_eq(key->pkey, pkey) == 1) {
			*ret = key->id;
			return 0;
		}
	}
	if (certs)
		return fail(-ENOKEY, why, "no certificate is for this private key");
	r = key_id(pkey, ret);
	return r ? fail(r, why, "its public key cannot be hashed") : 0;
}

int signer_new_key(EVP_PKEY *key, const struct signer_ops *ops, void *arg, const struct keyring *certs,
		   struct signer **ret, const char **why)
{
	cleanup(signer_freep) struct signer *s = calloc(1, sizeof(*s));
	int r;

	if (!s || !EVP_PKEY_up_ref(key))
		return fail(-ENOMEM, why, "out of memory");
	s->pkey = key;
	if (!key_type(key))
		return fail(-EOPNOTSUPP, why,
			    "neither RSA of 1024 bits or more nor ECDSA over P-256, P-384 or P-521");
	r = find_id(key, certs, &s->id, why);
	if (r < 0)
		return r;
	s->ops = ops;
	s->arg = arg;
	*ret = take_ptr(s);
	return drain(0);
}

int signer_new(const void *pem, size_t n, const char *password, const struct keyring *certs,
	       struct signer **ret, const char **why)
{
	cleanup(bio_freep) BIO *bio = BIO_new_mem_buf(pem, (int)MIN(n, KEYRING_BYTES_MAX));
	EVP_PKEY *key;
	int r;

	if (!bio)
		return fail(-ENOMEM, why, "out of memory");
	key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)password);
	if (!key)
		return fail(-EBADMSG, why, "no private key in PEM, or it is encrypted by another password");
	r = signer_new_key(key, NULL, NULL, certs, ret, why);
	EVP_PKEY_free(key);
	return r;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->pkey);
	if (s->ops)
		s->ops->free(s->arg);
	free(s);
}

void signer_freep(struct signer **s)
{
	signer_free(*s);
}

void signer_set_id(struct signer *s, uint32_t id)
{
	s->id = id;
}

EVP_PKEY *signer_key(const struct signer *s)
{
	return s->pkey;
}

uint32_t signer_id(const struct signer *s)
{
	return s->id;
}

bool signer_made(const struct signer *s, const struct label *l, const struct digest *d)
{
	struct digest over;

	return version_known(l->type, l->version) && l->algo->openssl && l->key_id == s->id && d->algo == l->algo->id &&
	       d->size == l->algo->size && signed_digest(l->type, l->version, d, &over) == 0 &&
	       signature_verify_by(s->pkey, l->algo, l->bytes, l->len, &over) == SIGNATURE_OK;
}

int signature_bare(const struct signer *s, const struct digest *d, struct buf *out)
{
	const struct algo *algo = algo_by_id(d->algo);
	cleanup(ctx_freep) EVP_PKEY_CTX *ctx = NULL;
	cleanup_free uint8_t *bytes = NULL;
	size_t n;
	int r;

	if (!algo || d->size != algo->size)
		return -EINVAL;
	if (!algo->openssl)
		return -EOPNOTSUPP;
	if (s->ops && s->ops->sign)
		return s->ops->sign(s->arg, d, out);
	r = prepare(s->pkey, algo, EVP_PKEY_sign_init_ex, &ctx);
	if (r < 0)
		return r;
	n = (size_t)EVP_PKEY_get_size(s->pkey);
	bytes = malloc(n);
	if (!bytes)
		return -ENOMEM;
	if (EVP_PKEY_sign(ctx, bytes, &n, d->bytes, d->size) != 1)
		return drain(-EIO);
	buf_add(out, bytes, n);
	return buf_error(out);
}

int signature_sign(const struct signer *s, enum label_type type, unsigned int version, const struct digest *d,
		   struct buf *out)
{
	struct label l = { .type = type, .version = version, .algo = algo_by_id(d->algo), .key_id = s->id };
	cleanup(buf_done) struct buf bytes = { 0 };
	struct digest over;
	int r;

	if (!version_known(type, version) || !l.algo || d->size != l.algo->size)
		return -EINVAL;
	if (!l.algo->openssl)
		return -EOPNOTSUPP;
	r = signed_digest(type, version, d, &over);
	if (r == 0)
		r = signature_bare(s, &over, &bytes);
	if (r < 0)
		return r;
	l.bytes = bytes.data;
	l.len = bytes.len;
	return label_encode_signature(&l, out);
}
