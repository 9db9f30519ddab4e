/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects below a parent, from the TPM into their two parts and back. */
#include <tss2/tss2_mu.h>

#include <imad/esapi.h>
#include <imad/util.h>

#define NONE ESYS_TR_NONE

int esapi_put_public(const TPM2B_PUBLIC *p, struct buf *ret)
{
	uint8_t bytes[sizeof(*p)];
	size_t n = 0;

	if (Tss2_MU_TPM2B_PUBLIC_Marshal(p, bytes, sizeof(bytes), &n) != TSS2_RC_SUCCESS)
		return -EIO;
	buf_add(ret, bytes, n);
	return buf_error(ret);
}

static TSS2_RC put_parts(const TPM2B_PRIVATE *private, const TPM2B_PUBLIC *public, struct tpmblob *ret)
{
	uint8_t bytes[sizeof(*private)];
	size_t n = 0;
	TSS2_RC rc = Tss2_MU_TPM2B_PRIVATE_Marshal(private, bytes, sizeof(bytes), &n);

	buf_reset(&ret->private);
	buf_reset(&ret->public);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	buf_add(&ret->private, bytes, n);
	return esapi_put_public(public, &ret->public) < 0 || buf_error(&ret->private) < 0 ? TSS2_ESYS_RC_MEMORY : TSS2_RC_SUCCESS;
}

TSS2_RC esapi_create(struct esapi *e, ESYS_TR parent, ESYS_TR session, const TPM2B_SENSITIVE_CREATE *sensitive,
		     const TPM2B_PUBLIC *template, struct tpmblob *ret)
{
	const TPML_PCR_SELECTION no_pcrs = { .count = 0 };
	const TPM2B_DATA no_data = { .size = 0 };
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	TSS2_RC rc = Esys_Create(e->esys, parent, session, NONE, NONE, sensitive, template, &no_data, &no_pcrs, &private, &public,
				 NULL, NULL, NULL);

	if (rc == TSS2_RC_SUCCESS)
		rc = put_parts(private, public, ret);
	Esys_Free(private);
	Esys_Free(public);
	return rc;
}

TSS2_RC esapi_load(struct esapi *e, ESYS_TR parent, const struct tpmblob *b, ESYS_TR *ret)
{
	TPM2B_PRIVATE private = { .size = 0 };
	TPM2B_PUBLIC public = { .size = 0 };
	size_t n = 0, m = 0;
	TSS2_RC rc = Tss2_MU_TPM2B_PRIVATE_Unmarshal(b->private.data, b->private.len, &n, &private);

	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(b->public.data, b->public.len, &m, &public);
	if (rc == TSS2_RC_SUCCESS && (n != b->private.len || m != b->public.len))
		rc = TSS2_MU_RC_BAD_SIZE;
	return rc == TSS2_RC_SUCCESS ? Esys_Load(e->esys, parent, ESYS_TR_PASSWORD, NONE, NONE, &private, &public, ret) : rc;
}
