/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attestation key: made, shown, and asked for quotes. */
#include <stdio.h>
#include <string.h>

#include "ak_priv.h"

#define AK_LABEL "imad attestation key 1" /* another label would be another key */

static char open_error[ESAPI_ERROR_MAX];

static const TPM2B_PUBLIC ak_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		/* noDA: the dictionary-attack lockout of other keys must not stop quotes */
		.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_FIXEDTPM |
				    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
				    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
		.parameters.eccDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 },
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
		.unique.ecc.x = { .size = sizeof(AK_LABEL) - 1, .buffer = AK_LABEL },
	},
};

int ak_primary(struct ak *a, const TPM2B_PUBLIC *template, ESYS_TR *handle, TPM2B_PUBLIC **public)
{
	return esapi_result(&a->esapi, esapi_primary(&a->esapi, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, template, handle, public));
}

int ak_open(const char *tcti, struct ak **ret)
{
	cleanup(ak_freep) struct ak *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->key = ESYS_TR_NONE;
	r = esapi_open(&a->esapi, tcti);
	if (r == 0)
		r = ak_primary(a, &ak_template, &a->key, &a->public);
	if (r < 0) {
		memcpy(open_error, a->esapi.error, sizeof(open_error));
		return r;
	}
	*ret = take_ptr(a);
	return 0;
}

void ak_free(struct ak *a)
{
	if (!a)
		return;
	esapi_flush(&a->esapi, &a->key);
	Esys_Free(a->public);
	esapi_close(&a->esapi);
	free(a);
}

void ak_freep(struct ak **a)
{
	ak_free(*a);
}

const char *ak_error(const struct ak *a)
{
	return a->esapi.error;
}

const char *ak_open_error(void)
{
	return open_error;
}

int ak_public(const struct ak *a, struct buf *ret)
{
	return esapi_put_public(a->public, ret);
}

int ak_name(const struct ak *a, struct buf *ret)
{
	return esapi_name(&a->esapi, a->key, ret);
}

static int selection_fill(uint32_t pcrs, const struct algo *const *banks, unsigned int n, TPML_PCR_SELECTION *ret)
{
	*ret = (TPML_PCR_SELECTION){ .count = n };
	if (!n || n > ARRAY_SIZE(ret->pcrSelections) || pcrs >> PCR_COUNT)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		TPMS_PCR_SELECTION *s = &ret->pcrSelections[i];

		s->hash = banks[i]->tpm;
		s->sizeofSelect = PCR_COUNT / 8;
		for (unsigned int k = 0; k < PCR_COUNT / 8; k++)
			s->pcrSelect[k] = (BYTE)(pcrs >> 8 * k);
	}
	return 0;
}

static int put_signature(const TPMT_SIGNATURE *s, struct buf *ret)
{
	uint8_t bytes[sizeof(*s)];
	size_t n = 0;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(s, bytes, sizeof(bytes), &n) != TSS2_RC_SUCCESS)
		return -EIO;
	buf_add(ret, bytes, n);
	return buf_error(ret);
}

int ak_quote(struct ak *a, const void *nonce, size_t nonce_len, uint32_t pcrs, const struct algo *const *banks,
	     unsigned int n, struct buf *attest, struct buf *signature)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL }; /* the key's own */
	TPM2B_DATA data = { .size = (UINT16)nonce_len };
	TPMT_SIGNATURE *s = NULL;
	TPM2B_ATTEST *q = NULL;
	TPML_PCR_SELECTION selection;
	int r = selection_fill(pcrs, banks, n, &selection);

	if (r < 0 || nonce_len > sizeof(data.buffer))
		return -EINVAL;
	memcpy(data.buffer, nonce, nonce_len);
	r = esapi_result(&a->esapi, Esys_Quote(a->esapi.esys, a->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme,
				    &selection, &q, &s));
	if (r < 0)
		return r;
	buf_add(attest, q->attestationData, q->size);
	r = put_signature(s, signature);
	Esys_Free(q);
	Esys_Free(s);
	return r == 0 ? buf_error(attest) : r;
}
