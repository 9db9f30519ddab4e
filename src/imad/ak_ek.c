/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The endorsement key: its certificate, its public area, and the proof that the AK is in the same TPM. Templates
 * and indices: TCG EK Credential Profile for TPM 2.0, 2.1 (L-1 and L-2), whose policy wants the
 * authorization of the endorsement hierarchy.
 */
#include <string.h>

#include "ak_priv.h"

#define NV_STEP	     512 /* bytes a read that every TPM gives */
#define NV_SIZE_MAX  8192
#define EK_ATTRIBUTES                                                                                          \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                    \
	 TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
/* SHA-256 policy of TPM2_PolicySecret(TPM_RH_ENDORSEMENT) */
#define EK_POLICY                                                                                              \
	{ .size = 32,                                                                                          \
	  .buffer = { 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, \
		      0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa } }
#define EK_SYMMETRIC                                                                                           \
	{ .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB }

static const struct {
	TPM2_HANDLE certificate;
	TPM2B_PUBLIC template;
} eks[AK_EK_KINDS] = {
	[AK_EK_RSA2048] = {
		.certificate = 0x01c00002,
		.template.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = EK_ATTRIBUTES,
			.authPolicy = EK_POLICY,
			.parameters.rsaDetail = { .symmetric = EK_SYMMETRIC, .scheme.scheme = TPM2_ALG_NULL, .keyBits = 2048 },
			.unique.rsa.size = 256,
		},
	},
	[AK_EK_P256] = {
		.certificate = 0x01c0000a,
		.template.publicArea = {
			.type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = EK_ATTRIBUTES,
			.authPolicy = EK_POLICY,
			.parameters.eccDetail = { .symmetric = EK_SYMMETRIC, .scheme.scheme = TPM2_ALG_NULL,
						  .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL },
			.unique.ecc = { .x.size = 32, .y.size = 32 },
		},
	},
};

static int read_index(struct ak *a, ESYS_TR index, struct buf *ret)
{
	TPM2B_NV_PUBLIC *public = NULL;
	int r = esapi_result(&a->esapi, Esys_NV_ReadPublic(a->esapi.esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL));
	UINT16 size = r == 0 ? public->nvPublic.dataSize : 0;

	Esys_Free(public);
	if (size > NV_SIZE_MAX)
		return -E2BIG;
	for (UINT16 at = 0; r == 0 && at < size;) {
		TPM2B_MAX_NV_BUFFER *data = NULL;

		r = esapi_result(&a->esapi, Esys_NV_Read(a->esapi.esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					      MIN(size - at, NV_STEP), at, &data));
		if (r < 0)
			break;
		buf_add(ret, data->buffer, data->size);
		at = (UINT16)(at + data->size);
		Esys_Free(data);
	}
	return r == 0 ? buf_error(ret) : r;
}

int ak_ek_certificate(struct ak *a, enum ak_ek kind, struct buf *ret)
{
	ESYS_TR index = ESYS_TR_NONE;
	TSS2_RC rc = Esys_TR_FromTPMPublic(a->esapi.esys, eks[kind].certificate, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index);
	int r;

	if (esapi_error(rc) == TPM2_RC_HANDLE)
		return -ENOENT;
	r = esapi_result(&a->esapi, rc);
	if (r < 0)
		return r;
	r = read_index(a, index, ret);
	(void)Esys_TR_Close(a->esapi.esys, &index);
	return r;
}

int ak_ek_public(struct ak *a, enum ak_ek kind, struct buf *ret)
{
	TPM2B_PUBLIC *public = NULL;
	ESYS_TR ek;
	int r = ak_primary(a, &eks[kind].template, &ek, &public);

	if (r < 0)
		return r;
	r = esapi_put_public(public, ret);
	esapi_flush(&a->esapi, &ek);
	Esys_Free(public);
	return r;
}

/* A session that satisfies the EK's policy; the caller flushes it. */
static int policy_session(struct ak *a, ESYS_TR *session)
{
	const TPM2B_NONCE no_nonce = { .size = 0 };
	const TPM2B_DIGEST no_digest = { .size = 0 };
	int r = esapi_result(&a->esapi, esapi_session(&a->esapi, TPM2_SE_POLICY, ESYS_TR_NONE, 0, session));

	if (r == 0)
		r = esapi_result(&a->esapi, Esys_PolicySecret(a->esapi.esys, ESYS_TR_RH_ENDORSEMENT, *session, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						   ESYS_TR_NONE, &no_nonce, &no_digest, &no_nonce, 0, NULL, NULL));
	return r;
}

static int activate(struct ak *a, ESYS_TR ek, const TPM2B_ID_OBJECT *id_object, const TPM2B_ENCRYPTED_SECRET *secret,
		    struct buf *ret)
{
	TPM2B_DIGEST *credential = NULL;
	ESYS_TR session;
	int r = policy_session(a, &session);
	TSS2_RC rc;

	if (r < 0) {
		esapi_flush(&a->esapi, &session);
		return r;
	}
	rc = Esys_ActivateCredential(a->esapi.esys, a->key, ek, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, id_object, secret, &credential);
	r = esapi_result(&a->esapi, rc);
	esapi_flush(&a->esapi, &session);
	if (r < 0) /* the TPM's own no: integrity, value, size or point of what it was given */
		return (rc & 0xff0000) == 0 ? -EKEYREJECTED : r;
	buf_add(ret, credential->buffer, credential->size);
	Esys_Free(credential);
	return buf_error(ret);
}

int ak_activate(struct ak *a, enum ak_ek kind, const void *id_object, size_t id_len, const void *secret,
		size_t secret_len, struct buf *ret)
{
	TPM2B_ENCRYPTED_SECRET s = { .size = 0 };
	TPM2B_PUBLIC *public = NULL;
	TPM2B_ID_OBJECT o = { .size = 0 };
	size_t at_o = 0, at_s = 0;
	ESYS_TR ek;
	int r;

	if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(id_object, id_len, &at_o, &o) != TSS2_RC_SUCCESS || at_o != id_len ||
	    Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(secret, secret_len, &at_s, &s) != TSS2_RC_SUCCESS || at_s != secret_len)
		return -EKEYREJECTED;
	r = ak_primary(a, &eks[kind].template, &ek, &public);
	if (r < 0)
		return r;
	Esys_Free(public);
	r = activate(a, ek, &o, &s, ret);
	esapi_flush(&a->esapi, &ek);
	return r;
}
