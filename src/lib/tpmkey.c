/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Public areas of a TPM's keys: read by tpm2-tss' marshalling, given to libcrypto. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <tss2/tss2_mu.h>

#include <imad/digest.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#include "tpmkey_priv.h"

#define RSA_EXPONENT 65537 /* what an exponent of 0 stands for */

static int refuse(int r, const char **why, const char *text)
{
	*why = text;
	return r;
}

int tpmkey_unmarshal(const uint8_t *p, size_t n, TPM2B_PUBLIC *ret, const char **why)
{
	size_t at = 0;

	memset(ret, 0, sizeof(*ret));
	if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(p, n, &at, ret) != TSS2_RC_SUCCESS || at != n)
		return refuse(-EBADMSG, why, "malformed public area");
	return 0;
}

/* @params is taken over. */
static int from_params(const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;
	int ok = ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
		 EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;

	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	if (!ok)
		return -EBADMSG;
	*ret = key;
	return 0;
}

static int parse_rsa(const TPMT_PUBLIC *p, EVP_PKEY **ret)
{
	uint32_t e = p->parameters.rsaDetail.exponent ? p->parameters.rsaDetail.exponent : RSA_EXPONENT;
	BIGNUM *n = BN_bin2bn(p->unique.rsa.buffer, p->unique.rsa.size, NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;

	if (n && b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_uint(b, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(b);
	OSSL_PARAM_BLD_free(b);
	BN_free(n);
	return from_params("RSA", params, ret);
}

const char *tpmkey_group(uint16_t curve, size_t *bytes)
{
	static const struct {
		uint16_t id, bytes;
		const char *name;
	} curves[] = { { TPM2_ECC_NIST_P256, 32, "P-256" },
		       { TPM2_ECC_NIST_P384, 48, "P-384" },
		       { TPM2_ECC_NIST_P521, 66, "P-521" } };

	for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
		if (curves[i].id != curve)
			continue;
		*bytes = curves[i].bytes;
		return curves[i].name;
	}
	return NULL;
}

static int parse_ecc(const TPMT_PUBLIC *p, EVP_PKEY **ret)
{
	const TPMS_ECC_POINT *q = &p->unique.ecc;
	uint8_t point[1 + 2 * 66] = { POINT_CONVERSION_UNCOMPRESSED };
	OSSL_PARAM_BLD *b;
	OSSL_PARAM *params = NULL;
	size_t n = 0;
	const char *group = tpmkey_group(p->parameters.eccDetail.curveID, &n);

	if (!group || q->x.size > n || q->y.size > n)
		return -EBADMSG;
	memcpy(point + 1 + n - q->x.size, q->x.buffer, q->x.size);
	memcpy(point + 1 + 2 * n - q->y.size, q->y.buffer, q->y.size);
	b = OSSL_PARAM_BLD_new();
	if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n))
		params = OSSL_PARAM_BLD_to_param(b);
	OSSL_PARAM_BLD_free(b);
	return from_params("EC", params, ret);
}

int tpmkey_parse(const uint8_t *p, size_t n, struct evp_pkey_st **ret, const char **why)
{
	TPM2B_PUBLIC public;
	int r = tpmkey_unmarshal(p, n, &public, why);

	if (r < 0)
		return r;
	if (public.publicArea.type == TPM2_ALG_RSA)
		r = parse_rsa(&public.publicArea, ret);
	else if (public.publicArea.type == TPM2_ALG_ECC)
		r = parse_ecc(&public.publicArea, ret);
	else
		r = -EBADMSG;
	return r == -EBADMSG ? refuse(r, why, "neither an RSA key nor one on P-256, P-384 or P-521") : r;
}

int tpmkey_name(const uint8_t *p, size_t n, uint8_t ret[TPMKEY_NAME_MAX])
{
	TPM2B_PUBLIC public;
	const struct algo *algo;
	struct digest d;
	const char *why;
	int r = tpmkey_unmarshal(p, n, &public, &why);

	if (r < 0)
		return r;
	algo = algo_by_tpm(public.publicArea.nameAlg);
	if (!algo)
		return -EBADMSG;
	r = digest_buf(algo, p + 2, n - 2, &d); /* without the size in front */
	if (r < 0)
		return r;
	ret[0] = (uint8_t)(algo->tpm >> 8);
	ret[1] = (uint8_t)algo->tpm;
	memcpy(ret + 2, d.bytes, d.size);
	return 2 + d.size;
}

int tpmkey_check_ak(const uint8_t *p, size_t n, const char **why)
{
	static const struct {
		TPMA_OBJECT bit;
		const char *why;
	} needed[] = {
		{ TPMA_OBJECT_RESTRICTED, "the key is not restricted: it signs whatever it is given" },
		{ TPMA_OBJECT_SIGN_ENCRYPT, "the key does not sign" },
		{ TPMA_OBJECT_FIXEDTPM, "the key is not fixed to its TPM" },
		{ TPMA_OBJECT_FIXEDPARENT, "the key is not fixed to its hierarchy" },
		{ TPMA_OBJECT_SENSITIVEDATAORIGIN, "the key was not made inside the TPM" },
	};
	TPM2B_PUBLIC public;
	int r = tpmkey_unmarshal(p, n, &public, why);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(needed); i++)
		if (!(public.publicArea.objectAttributes & needed[i].bit))
			r = refuse(-EKEYREJECTED, why, needed[i].why);
	if (r == 0 && public.publicArea.objectAttributes & TPMA_OBJECT_DECRYPT)
		r = refuse(-EKEYREJECTED, why, "the key decrypts as well");
	return r;
}

static bool can_sign(const TPMT_PUBLIC *p)
{
	TPMI_ALG_ASYM_SCHEME scheme = p->type == TPM2_ALG_RSA ? p->parameters.rsaDetail.scheme.scheme :
								 p->parameters.eccDetail.scheme.scheme;

	return scheme == TPM2_ALG_NULL || scheme == (p->type == TPM2_ALG_RSA ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA);
}

int tpmkey_check_signing(const uint8_t *p, size_t n, const char **why)
{
	EVP_PKEY *key = NULL;
	TPM2B_PUBLIC public;
	TPMA_OBJECT has;
	int r = tpmkey_parse(p, n, &key, why);

	if (r == 0)
		r = tpmkey_unmarshal(p, n, &public, why);
	EVP_PKEY_free(key);
	if (r < 0)
		return r;
	has = public.publicArea.objectAttributes;
	if (!(has & TPMA_OBJECT_SIGN_ENCRYPT))
		return refuse(-EKEYREJECTED, why, "the key does not sign");
	if (has & TPMA_OBJECT_RESTRICTED)
		return refuse(-EKEYREJECTED, why, "the key signs only what the TPM made: it is one for attestation");
	if (!(has & TPMA_OBJECT_USERWITHAUTH))
		return refuse(-EKEYREJECTED, why, "the key wants a policy, not a password");
	return can_sign(&public.publicArea) ? 0 : refuse(-EKEYREJECTED, why, "the key signs neither by PKCS#1 v1.5 nor by ECDSA");
}

int tpmkey_pem(struct evp_pkey_st *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n = bio && PEM_write_bio_PUBKEY(bio, key) == 1 ? BIO_get_mem_data(bio, &text) : 0;

	if (n > 0)
		buf_add(out, text, (size_t)n);
	BIO_free(bio);
	ERR_clear_error();
	return n > 0 ? buf_error(out) : -EIO;
}
