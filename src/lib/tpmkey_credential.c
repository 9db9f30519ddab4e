/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TPM2_MakeCredential in software (TPM 2.0 part 1, 24 and 11.4.10; annexes B.10.3, C.6.4): a seed that only the holder of
 * the EK learns; from it a key that encrypts the credential, and one that binds it to the name.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <imad/digest.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#include "tpmkey_priv.h"

#define FILE_MAGIC   0xbadcc0deu /* of tpm2-tools */
#define FILE_VERSION 1
#define LABEL_SEED   "IDENTITY" /* each with its NUL */
#define COORDINATE_MAX 66

struct credential {
	const TPMT_PUBLIC *ek;
	const struct algo *hash; /* nameAlg of the EK */
	EVP_PKEY *key;
	uint8_t seed[DIGEST_MAX]; /* of the hash's size */
	struct buf secret;	  /* what carries the seed to the TPM */
};

static void be16(struct buf *b, size_t v)
{
	buf_add_u8(b, (uint8_t)(v >> 8));
	buf_add_u8(b, (uint8_t)v);
}

static void be32(struct buf *b, uint32_t v)
{
	be16(b, v >> 16);
	be16(b, v & 0xffff);
}

static int check(int ok)
{
	ERR_clear_error();
	return ok == 1 ? 0 : -EIO;
}

/* --- the two ways of a seed */

static int seed_rsa(struct credential *c)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	const EVP_MD *md = EVP_get_digestbyname(c->hash->openssl);
	unsigned char *label = OPENSSL_memdup(LABEL_SEED, sizeof(LABEL_SEED));
	uint8_t out[1024];
	size_t n = sizeof(out);
	int ok = ctx && md && label && RAND_bytes(c->seed, c->hash->size) == 1 && EVP_PKEY_encrypt_init(ctx) == 1 &&
		 EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		 EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;

	if (ok && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(LABEL_SEED)) == 1)
		label = NULL; /* is the context's now */
	else
		ok = 0;
	ok = ok && EVP_PKEY_encrypt(ctx, out, &n, c->seed, c->hash->size) == 1;
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		buf_add(&c->secret, out, n);
	return check(ok);
}

/* x and y of a public key, each as long as the field. */
static int coordinates(EVP_PKEY *key, size_t n, uint8_t *x, uint8_t *y)
{
	uint8_t point[1 + 2 * COORDINATE_MAX];
	size_t len = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) != 1 || len != 1 + 2 * n)
		return check(0);
	memcpy(x, point + 1, n);
	memcpy(y, point + 1 + n, n);
	return 0;
}

static int derive(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t *z, size_t n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	int ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
		 EVP_PKEY_derive(ctx, z, &n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return check(ok);
}

/* KDFe of one block: H(1 || Z || label || ephemeral x || EK's x). */
static int seed_ecc(struct credential *c)
{
	uint8_t z[COORDINATE_MAX], x[COORDINATE_MAX], y[COORDINATE_MAX], ek_x[COORDINATE_MAX], ek_y[COORDINATE_MAX];
	cleanup(buf_done) struct buf kdf = { 0 };
	struct digest d = { .size = 0 };
	size_t n = 0;
	const char *group = tpmkey_group(c->ek->parameters.eccDetail.curveID, &n);
	EVP_PKEY *ours = group ? EVP_EC_gen(group) : NULL;
	int r = ours ? derive(ours, c->key, z, n) : -EIO;

	if (r == 0)
		r = coordinates(ours, n, x, y);
	if (r == 0)
		r = coordinates(c->key, n, ek_x, ek_y);
	EVP_PKEY_free(ours);
	if (r < 0)
		return r;
	be32(&kdf, 1);
	buf_add(&kdf, z, n);
	buf_add(&kdf, LABEL_SEED, sizeof(LABEL_SEED));
	buf_add(&kdf, x, n);
	buf_add(&kdf, ek_x, n);
	r = buf_error(&kdf) < 0 ? -ENOMEM : digest_buf(c->hash, kdf.data, kdf.len, &d);
	memcpy(c->seed, d.bytes, d.size);
	be16(&c->secret, n);
	buf_add(&c->secret, x, n);
	be16(&c->secret, n);
	buf_add(&c->secret, y, n);
	return r;
}

/* --- what the seed protects */

static int hmac(const struct algo *hash, const void *key, size_t key_len, const struct buf *over, uint8_t ret[DIGEST_MAX])
{
	size_t n = 0;

	if (buf_error(over) < 0)
		return -ENOMEM;
	return check(EVP_Q_mac(NULL, "HMAC", NULL, hash->openssl, NULL, key, key_len, over->data, over->len, ret, DIGEST_MAX, &n) !=
		     NULL);
}

/* KDFa of one block: HMAC(seed, 1 || label || context || bits); no key here is longer than the hash. */
static int kdfa(const struct credential *c, const char *label, const uint8_t *context, size_t n, unsigned int bits,
		uint8_t ret[DIGEST_MAX])
{
	cleanup(buf_done) struct buf b = { 0 };

	be32(&b, 1);
	buf_add(&b, label, strlen(label) + 1);
	buf_add(&b, context, n);
	be32(&b, bits);
	return hmac(c->hash, c->seed, c->hash->size, &b, ret);
}

static int encrypt(const uint8_t *key, unsigned int bits, const struct buf *plain, struct buf *out)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = bits == 256 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
	uint8_t bytes[2 + TPMKEY_CREDENTIAL_MAX];
	int n = 0, ok = ctx && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
			EVP_EncryptUpdate(ctx, bytes, &n, plain->data, (int)plain->len) == 1;

	EVP_CIPHER_CTX_free(ctx);
	if (ok)
		buf_add(out, bytes, (size_t)n);
	return check(ok);
}

/* The contents of TPM2B_ID_OBJECT. */
static int seal(const struct credential *c, const uint8_t *name, size_t name_len, const uint8_t *credential, size_t n,
		unsigned int bits, struct buf *out)
{
	cleanup(buf_done) struct buf plain = { 0 }, bound = { 0 };
	uint8_t key[DIGEST_MAX], mac[DIGEST_MAX];
	int r = kdfa(c, "STORAGE", name, name_len, bits, key);

	be16(&plain, n);
	buf_add(&plain, credential, n);
	if (r == 0)
		r = buf_error(&plain) < 0 ? -ENOMEM : encrypt(key, bits, &plain, &bound);
	if (r < 0)
		return r;
	n = bound.len;
	buf_add(&bound, name, name_len);
	r = kdfa(c, "INTEGRITY", NULL, 0, 8u * c->hash->size, key);
	if (r == 0)
		r = hmac(c->hash, key, c->hash->size, &bound, mac);
	if (r < 0)
		return r;
	be16(out, c->hash->size);
	buf_add(out, mac, c->hash->size);
	buf_add(out, bound.data, n);
	return buf_error(out);
}

static unsigned int symmetric_bits(const TPMT_PUBLIC *ek)
{
	const TPMT_SYM_DEF_OBJECT *s = ek->type == TPM2_ALG_RSA ? &ek->parameters.rsaDetail.symmetric :
								  &ek->parameters.eccDetail.symmetric;

	if (s->algorithm != TPM2_ALG_AES || s->mode.aes != TPM2_ALG_CFB)
		return 0;
	return s->keyBits.aes == 128 || s->keyBits.aes == 256 ? s->keyBits.aes : 0;
}

int tpmkey_make_credential(const uint8_t *ek, size_t ek_len, const uint8_t *name, size_t name_len,
			   const uint8_t *credential, size_t n, struct buf *out, const char **why)
{
	cleanup(buf_done) struct buf object = { 0 };
	struct credential c = { .key = NULL };
	TPM2B_PUBLIC public;
	unsigned int bits = 0;
	int r = n > TPMKEY_CREDENTIAL_MAX ? -EINVAL : tpmkey_parse(ek, ek_len, &c.key, why);

	if (r < 0)
		return r;
	r = tpmkey_unmarshal(ek, ek_len, &public, why);
	c.ek = &public.publicArea;
	c.hash = algo_by_tpm(public.publicArea.nameAlg);
	bits = symmetric_bits(c.ek);
	if (r == 0 && (!digest_can(c.hash) || c.hash->size < 32 || !bits)) {
		*why = "no endorsement key: it lacks AES in CFB mode, or SHA-256 or better";
		r = -EBADMSG;
	}
	if (r == 0)
		r = c.ek->type == TPM2_ALG_RSA ? seed_rsa(&c) : seed_ecc(&c);
	if (r == 0)
		r = seal(&c, name, name_len, credential, n, bits, &object);
	if (r == 0) {
		be32(out, FILE_MAGIC);
		be32(out, FILE_VERSION);
		be16(out, object.len);
		buf_add(out, object.data, object.len);
		be16(out, c.secret.len);
		buf_add(out, c.secret.data, c.secret.len);
		r = buf_error(out);
	}
	OPENSSL_cleanse(c.seed, sizeof(c.seed));
	EVP_PKEY_free(c.key);
	buf_done(&c.secret);
	return r;
}

/* A TPM2B with its size in front. */
static int take_sized(struct reader *in, struct reader *ret)
{
	struct reader all = *in;
	const uint8_t *size, *body;

	if (reader_bytes(in, 2, &size) < 0 || reader_bytes(in, (size_t)size[0] << 8 | size[1], &body) < 0)
		return -EBADMSG;
	*ret = (struct reader){ all.p, all.left - in->left };
	return 0;
}

int tpmkey_split_credential(const uint8_t *p, size_t n, struct reader *id_object, struct reader *secret, const char **why)
{
	static const uint8_t head[] = { 0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, FILE_VERSION };
	struct reader in = { p, n };
	const uint8_t *got;

	*why = "not a credential as tpm2_makecredential writes it";
	if (reader_bytes(&in, sizeof(head), &got) < 0 || memcmp(got, head, sizeof(head)) != 0)
		return -EBADMSG;
	return take_sized(&in, id_object) < 0 || take_sized(&in, secret) < 0 || in.left > 0 ? -EBADMSG : 0;
}
