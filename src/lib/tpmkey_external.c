/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and signatures from elsewhere, in the TPM's form: what it is to verify by. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <tss2/tss2_mu.h>

#include <imad/tpmkey.h>
#include <imad/util.h>

#include "tpmkey_priv.h"

#define RSA_EXPONENT 65537

static int refuse(const char **why, const char *text)
{
	*why = text;
	ERR_clear_error();
	return -EBADMSG;
}

/* A number of @key, of @size bytes at most, with leading zeros up to @n. Bytes, or 0. */
static UINT16 number(const EVP_PKEY *key, const char *name, uint8_t *ret, size_t n, size_t size)
{
	BIGNUM *b = NULL;
	int got = 0;

	if (EVP_PKEY_get_bn_param(key, name, &b) == 1 && (size_t)BN_num_bytes(b) <= size)
		got = BN_bn2binpad(b, ret, (int)(n ? n : (size_t)BN_num_bytes(b)));
	BN_free(b);
	return (UINT16)MAX(got, 0);
}

static int put_rsa(const EVP_PKEY *key, TPMT_PUBLIC *p, const char **why)
{
	TPMS_RSA_PARMS *detail = &p->parameters.rsaDetail;
	uint8_t e[4];

	p->type = TPM2_ALG_RSA;
	detail->symmetric.algorithm = TPM2_ALG_NULL;
	detail->scheme.scheme = TPM2_ALG_NULL;
	p->unique.rsa.size = number(key, OSSL_PKEY_PARAM_RSA_N, p->unique.rsa.buffer, 0, sizeof(p->unique.rsa.buffer));
	detail->keyBits = (UINT16)(8 * p->unique.rsa.size);
	if (!p->unique.rsa.size || number(key, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e), sizeof(e)) != sizeof(e))
		return refuse(why, "an RSA key that no TPM takes: too long, or its exponent is");
	detail->exponent = (UINT32)e[0] << 24 | (UINT32)e[1] << 16 | (UINT32)e[2] << 8 | e[3];
	if (detail->exponent == RSA_EXPONENT)
		detail->exponent = 0; /* the same, and another name */
	return 0;
}

static int put_ecc(const EVP_PKEY *key, TPMT_PUBLIC *p, const char **why)
{
	static const UINT16 curves[] = { TPM2_ECC_NIST_P256, TPM2_ECC_NIST_P384, TPM2_ECC_NIST_P521 };
	TPMS_ECC_PARMS *detail = &p->parameters.eccDetail;
	TPMS_ECC_POINT *q = &p->unique.ecc;
	char group[32];
	size_t n = 0;

	p->type = TPM2_ALG_ECC;
	detail->symmetric.algorithm = TPM2_ALG_NULL;
	detail->scheme.scheme = TPM2_ALG_NULL;
	detail->kdf.scheme = TPM2_ALG_NULL;
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return refuse(why, "a key on a curve without a name");
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
		if (EC_curve_nist2nid(tpmkey_group(curves[i], &n)) == OBJ_txt2nid(group)) {
			detail->curveID = curves[i];
			break;
		}
	if (!detail->curveID)
		return refuse(why, "a key on none of P-256, P-384 and P-521");
	q->x.size = number(key, OSSL_PKEY_PARAM_EC_PUB_X, q->x.buffer, n, n);
	q->y.size = number(key, OSSL_PKEY_PARAM_EC_PUB_Y, q->y.buffer, n, n);
	return q->x.size == n && q->y.size == n ? 0 : refuse(why, "a key without a public point");
}

int tpmkey_from_public(const struct evp_pkey_st *key, struct buf *out, const char **why)
{
	TPM2B_PUBLIC public = { 0 };
	TPMT_PUBLIC *p = &public.publicArea;
	uint8_t bytes[sizeof(public)];
	size_t n = 0;
	int r;

	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;
	if (EVP_PKEY_is_a(key, "RSA"))
		r = put_rsa(key, p, why);
	else if (EVP_PKEY_is_a(key, "EC"))
		r = put_ecc(key, p, why);
	else
		r = refuse(why, "neither an RSA key nor one on P-256, P-384 or P-521");
	if (r < 0)
		return r;
	if (Tss2_MU_TPM2B_PUBLIC_Marshal(&public, bytes, sizeof(bytes), &n) != TSS2_RC_SUCCESS)
		return refuse(why, "a key that no TPM takes");
	buf_add(out, bytes, n);
	return buf_error(out);
}

/* Both numbers, each as long as a coordinate. */
static int put_ecdsa(const uint8_t *sig, size_t n, TPMS_SIGNATURE_ECC *ret)
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &sig, (long)n);
	const BIGNUM *r = s ? ECDSA_SIG_get0_r(s) : NULL, *t = s ? ECDSA_SIG_get0_s(s) : NULL;
	int ok = r && t && (size_t)BN_num_bytes(r) <= sizeof(ret->signatureR.buffer) &&
		 (size_t)BN_num_bytes(t) <= sizeof(ret->signatureS.buffer);

	if (ok) {
		ret->signatureR.size = (UINT16)BN_bn2bin(r, ret->signatureR.buffer);
		ret->signatureS.size = (UINT16)BN_bn2bin(t, ret->signatureS.buffer);
	}
	ECDSA_SIG_free(s);
	ERR_clear_error();
	return ok ? 0 : -EBADMSG;
}

int tpmkey_from_signature(bool ecdsa, const struct algo *hash, const uint8_t *sig, size_t n, struct buf *out)
{
	TPMT_SIGNATURE s = { .sigAlg = ecdsa ? TPM2_ALG_ECDSA : TPM2_ALG_RSASSA };
	uint8_t bytes[sizeof(s)];
	size_t len = 0;

	s.signature.any.hashAlg = hash->tpm;
	if (ecdsa && put_ecdsa(sig, n, &s.signature.ecdsa) < 0)
		return -EBADMSG;
	if (!ecdsa) {
		if (n > sizeof(s.signature.rsassa.sig.buffer))
			return -EBADMSG;
		s.signature.rsassa.sig.size = (UINT16)n;
		memcpy(s.signature.rsassa.sig.buffer, sig, n);
	}
	if (Tss2_MU_TPMT_SIGNATURE_Marshal(&s, bytes, sizeof(bytes), &len) != TSS2_RC_SUCCESS)
		return -EBADMSG;
	buf_add(out, bytes, len);
	return buf_error(out);
}
