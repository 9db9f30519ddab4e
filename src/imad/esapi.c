/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection, what the TPM's answers mean, sessions and primary keys. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <imad/esapi.h>
#include <imad/util.h>

#define RC_LAYER    0xff0000u
#define RC_FORMAT_1 0xbfu /* which error, whatever handle, session or parameter it is about */
#define NONE	    ESYS_TR_NONE

/* Anything else here would be another key. */
static const TPM2B_PUBLIC storage_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
		.parameters.eccDetail = {
			.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
	},
};

/* --- the connection */

int esapi_open(struct esapi *e, const char *tcti)
{
	TSS2_RC rc;

	/* tpm2-tss writes to stderr by itself; whoever wants that sets TSS2_LOG. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	e->esys = NULL;
	rc = Tss2_TctiLdr_Initialize(tcti, &e->tcti);
	if (rc != TSS2_RC_SUCCESS) {
		(void)esapi_result(e, rc);
		e->tcti = NULL;
		return -ENODEV;
	}
	return esapi_result(e, Esys_Initialize(&e->esys, e->tcti, NULL));
}

void esapi_close(struct esapi *e)
{
	Esys_Finalize(&e->esys); /* forgets the passwords, too */
	Tss2_TctiLdr_Finalize(&e->tcti);
	e->esys = NULL;
	e->tcti = NULL;
}

/* --- answers */

int esapi_result(struct esapi *e, TSS2_RC rc)
{
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	snprintf(e->error, sizeof(e->error), "%s", Tss2_RC_Decode(rc));
	return -EIO;
}

TSS2_RC esapi_error(TSS2_RC rc)
{
	TSS2_RC layer = rc & RC_LAYER;

	if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
		return TPM2_RC_FAILURE;
	rc &= ~RC_LAYER;
	return rc & TPM2_RC_FMT1 ? rc & RC_FORMAT_1 : rc;
}

bool esapi_refused(TSS2_RC rc)
{
	if ((rc & RC_LAYER) == TSS2_MU_RC_LAYER)
		return true;
	return esapi_error(rc) != TPM2_RC_FAILURE && rc & TPM2_RC_FMT1 && rc & TPM2_RC_P;
}

void esapi_pause(unsigned int n)
{
	struct timespec ts = { .tv_nsec = n ? MIN(1000000l << (n - 1), 100000000l) : 0 };

	while (n && nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Answers that promise that nothing was executed. */
bool esapi_is_busy(TSS2_RC rc)
{
	static const TSS2_RC busy[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING, TPM2_RC_NV_RATE, TPM2_RC_NV_UNAVAILABLE,
					TPM2_RC_PCR_CHANGED };

	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		if (rc == busy[i])
			return true;
	return false;
}

/* --- handles */

void esapi_flush(struct esapi *e, ESYS_TR *handle)
{
	if (*handle != NONE && *handle != ESYS_TR_PASSWORD)
		(void)Esys_FlushContext(e->esys, *handle);
	*handle = NONE;
}

TSS2_RC esapi_session(struct esapi *e, TPM2_SE type, ESYS_TR salt, TPMA_SESSION extra, ESYS_TR *ret)
{
	const TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	TSS2_RC rc;

	*ret = NONE;
	rc = Esys_StartAuthSession(e->esys, salt, NONE, NONE, NONE, NONE, NULL, type, &aes, TPM2_ALG_SHA256, ret);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	rc = Esys_TRSess_SetAttributes(e->esys, *ret, TPMA_SESSION_CONTINUESESSION | extra, 0xff);
	if (rc != TSS2_RC_SUCCESS)
		esapi_flush(e, ret);
	return rc;
}

TSS2_RC esapi_primary(struct esapi *e, ESYS_TR hierarchy, ESYS_TR auth, const TPM2B_PUBLIC *template, ESYS_TR *ret,
		      TPM2B_PUBLIC **public)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	const TPML_PCR_SELECTION no_pcrs = { .count = 0 };
	const TPM2B_DATA no_data = { .size = 0 };

	*ret = NONE;
	return Esys_CreatePrimary(e->esys, hierarchy, auth, NONE, NONE, &sensitive, template ? template : &storage_template, &no_data,
				  &no_pcrs, ret, public, NULL, NULL, NULL);
}

int esapi_name(const struct esapi *e, ESYS_TR object, struct buf *ret)
{
	TPM2B_NAME *name = NULL;

	if (Esys_TR_GetName(e->esys, object, &name) != TSS2_RC_SUCCESS)
		return -ENOMEM;
	buf_add(ret, name->name, name->size);
	Esys_Free(name);
	return buf_error(ret);
}
