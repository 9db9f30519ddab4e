/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ESAPI leaves what it sends and receives in its memory, and on the stack. So this is called on a
 * stack that is secret (secret_call()), and what ESAPI frees is overwritten by malloc itself.
 */
#include <malloc.h>
#include <string.h>

#include <openssl/crypto.h>
#include <tss2/tss2_mu.h>

#include <imad/digest.h>
#include <imad/esapi.h>
#include <imad/seal.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#define OVERWRITE 0x5a /* with its complement */
#define NONE	  ESYS_TR_NONE

struct seal {
	struct esapi esapi;
	ESYS_TR primary;
};

static char open_error[ESAPI_ERROR_MAX];

int seal_open(const char *tcti, struct seal **ret)
{
	cleanup(seal_freep) struct seal *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->primary = NONE;
	r = esapi_open(&s->esapi, tcti);
	if (r == 0)
		r = esapi_result(&s->esapi, ESAPI_PATIENT(esapi_primary(&s->esapi, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, NULL, &s->primary, NULL)));
	if (r < 0) {
		memcpy(open_error, s->esapi.error, sizeof(open_error));
		return r;
	}
	*ret = take_ptr(s);
	return 0;
}

void seal_free(struct seal *s)
{
	if (!s)
		return;
	esapi_flush(&s->esapi, &s->primary);
	(void)mallopt(M_PERTURB, OVERWRITE);
	esapi_close(&s->esapi);
	(void)mallopt(M_PERTURB, 0);
	free(s);
}

void seal_freep(struct seal **s)
{
	seal_free(*s);
}

const char *seal_error(const struct seal *s)
{
	return s->esapi.error;
}

const char *seal_open_error(void)
{
	return open_error;
}

/* --- sealing */

/* Without a policy its empty password opens it; with one, nothing but the policy. */
static int fill_template(const struct tpmblob *b, TPM2B_PUBLIC *ret)
{
	TPMT_PUBLIC *p = &ret->publicArea;
	struct digest policy;
	int r;

	*ret = (TPM2B_PUBLIC){ 0 };
	p->type = TPM2_ALG_KEYEDHASH;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA;
	p->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	if (!tpmblob_has_policy(b)) {
		p->objectAttributes |= TPMA_OBJECT_USERWITHAUTH;
		return 0;
	}
	r = tpmblob_policy_digest(b, &policy);
	if (r < 0)
		return r;
	p->authPolicy.size = policy.size;
	memcpy(p->authPolicy.buffer, policy.bytes, policy.size);
	return 0;
}

/* The key is encrypted on its way. */
static TSS2_RC create(struct seal *s, const struct secret *key, const TPM2B_PUBLIC *template, struct tpmblob *ret)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = (UINT16)key->n };
	ESYS_TR session;
	TSS2_RC rc = esapi_session(&s->esapi, TPM2_SE_HMAC, s->primary, TPMA_SESSION_DECRYPT, &session);

	memcpy(sensitive.sensitive.data.buffer, key->bytes, key->n);
	if (rc == TSS2_RC_SUCCESS)
		rc = esapi_create(&s->esapi, s->primary, session, &sensitive, template, ret);
	OPENSSL_cleanse(&sensitive, sizeof(sensitive));
	esapi_flush(&s->esapi, &session);
	return rc;
}

int seal_key(struct seal *s, const struct secret *key, struct evmkey *k)
{
	TPM2B_PUBLIC template;
	int r = key->n == EVMKEY_SIZE ? fill_template(&k->blob, &template) : -EINVAL;

	if (r < 0)
		return r;
	r = esapi_result(&s->esapi, ESAPI_PATIENT(create(s, key, &template, &k->blob)));
	buf_reset(&k->parent);
	if (r == 0)
		r = esapi_name(&s->esapi, s->primary, &k->parent);
	k->source = EVMKEY_TPM;
	k->blob.type = TPMBLOB_SEALED;
	k->blob.empty_auth = true;
	k->blob.parent = TPMBLOB_PARENT_OWNER;
	return r;
}

/* --- unsealing */

static TSS2_RC meet_pcrs(struct seal *s, const struct tpmblob *b, ESYS_TR session)
{
	TPML_PCR_SELECTION pcrs = { .count = 0 };
	TPM2B_DIGEST digest = { .size = 0 };
	size_t at = 0;
	TSS2_RC rc = Tss2_MU_TPM2B_DIGEST_Unmarshal(b->policy.data, b->policy.len, &at, &digest);

	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPML_PCR_SELECTION_Unmarshal(b->policy.data, b->policy.len, &at, &pcrs);
	return rc == TSS2_RC_SUCCESS ? Esys_PolicyPCR(s->esapi.esys, session, NONE, NONE, NONE, &digest, &pcrs) : rc;
}

/* What the TPM says of the signature, which it believes later. */
static TSS2_RC verify(struct seal *s, ESYS_TR key, const struct pcrsig *a, bool ecdsa, TPMT_TK_VERIFIED **ret)
{
	cleanup(buf_done) struct buf bytes = { 0 };
	TPM2B_DIGEST digest = { .size = sizeof(a->policy) };
	TPMT_SIGNATURE signature = { 0 };
	struct digest d;
	size_t at = 0;

	if (digest_buf(algo_by_id(ALGO_SHA256), a->policy, sizeof(a->policy), &d) < 0 ||
	    tpmkey_from_signature(ecdsa, algo_by_id(ALGO_SHA256), a->sig, a->len, &bytes) < 0 ||
	    Tss2_MU_TPMT_SIGNATURE_Unmarshal(bytes.data, bytes.len, &at, &signature) != TSS2_RC_SUCCESS)
		return TPM2_RC_SIGNATURE;
	memcpy(digest.buffer, d.bytes, d.size);
	return Esys_VerifySignature(s->esapi.esys, key, NONE, NONE, NONE, &digest, &signature, ret);
}

static TSS2_RC authorize(struct seal *s, ESYS_TR key, const struct pcrsig *a, const TPMT_TK_VERIFIED *ticket, ESYS_TR session)
{
	TPML_PCR_SELECTION pcrs = { .count = 1, .pcrSelections[0] = { .hash = algo_by_id(a->bank)->tpm, .sizeofSelect = 3 } };
	TPM2B_DIGEST policy = { .size = sizeof(a->policy) }, current = { .size = 0 };
	const TPM2B_NONCE reference = { .size = 0 };
	TPM2B_NAME *name = NULL;
	TSS2_RC rc;

	for (unsigned int i = 0; i < pcrs.pcrSelections[0].sizeofSelect; i++)
		pcrs.pcrSelections[0].pcrSelect[i] = (BYTE)(a->pcrs >> 8 * i);
	memcpy(policy.buffer, a->policy, sizeof(a->policy));
	rc = Esys_PolicyPCR(s->esapi.esys, session, NONE, NONE, NONE, &current, &pcrs);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_TR_GetName(s->esapi.esys, key, &name);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_PolicyAuthorize(s->esapi.esys, session, NONE, NONE, NONE, &policy, &reference, name, ticket);
	Esys_Free(name);
	return rc;
}

static TSS2_RC meet_authority(struct seal *s, const struct buf *authority, const struct pcrsig *a, ESYS_TR session)
{
	TPMT_TK_VERIFIED *ticket = NULL;
	TPM2B_PUBLIC public = { 0 };
	ESYS_TR key = NONE;
	size_t at = 0;
	TSS2_RC rc = a ? Tss2_MU_TPM2B_PUBLIC_Unmarshal(authority->data, authority->len, &at, &public) : TPM2_RC_POLICY_FAIL;

	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_LoadExternal(s->esapi.esys, NONE, NONE, NONE, NULL, &public, ESYS_TR_RH_OWNER, &key);
	if (rc == TSS2_RC_SUCCESS)
		rc = verify(s, key, a, public.publicArea.type == TPM2_ALG_ECC, &ticket);
	if (rc == TSS2_RC_SUCCESS)
		rc = authorize(s, key, a, ticket, session);
	Esys_Free(ticket);
	esapi_flush(&s->esapi, &key);
	return rc;
}

static TSS2_RC unseal(struct seal *s, const struct tpmblob *b, const struct pcrsig *approval, ESYS_TR object, TPM2B_SENSITIVE_DATA **data)
{
	bool policy = tpmblob_has_policy(b);
	ESYS_TR session;
	TSS2_RC rc = esapi_session(&s->esapi, policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, s->primary, TPMA_SESSION_ENCRYPT, &session);

	if (rc == TSS2_RC_SUCCESS && b->authority.len)
		rc = meet_authority(s, &b->authority, approval, session);
	if (rc == TSS2_RC_SUCCESS && b->policy.len)
		rc = meet_pcrs(s, b, session);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_Unseal(s->esapi.esys, object, session, NONE, NONE, data);
	esapi_flush(&s->esapi, &session);
	return rc;
}

/* Of the policy: its value is another one, or the object does not want this policy at all. */
static bool is_refusal(TSS2_RC rc)
{
	TSS2_RC e = esapi_error(rc);

	return e == TPM2_RC_VALUE || e == TPM2_RC_SIGNATURE || e == TPM2_RC_POLICY_FAIL || e == TPM2_RC_AUTH_UNAVAILABLE || e == TPM2_RC_AUTH_FAIL;
}

static int take_data(TPM2B_SENSITIVE_DATA *data, struct secret *ret)
{
	int r = data->size == EVMKEY_SIZE ? secret_init(ret, EVMKEY_SIZE) : -EBADMSG;

	if (r == 0)
		memcpy(ret->bytes, data->buffer, EVMKEY_SIZE);
	OPENSSL_cleanse(data, sizeof(*data));
	Esys_Free(data);
	return r;
}

int seal_unseal(struct seal *s, const struct evmkey *k, const struct pcrsig *approval, struct secret *ret)
{
	cleanup(buf_done) struct buf parent = { 0 };
	TPM2B_SENSITIVE_DATA *data = NULL;
	ESYS_TR object = NONE;
	TSS2_RC rc;
	int r = esapi_name(&s->esapi, s->primary, &parent);

	if (r < 0)
		return r;
	if (k->parent.len != parent.len || memcmp(k->parent.data, parent.data, parent.len) != 0)
		return -ESTALE;
	rc = ESAPI_PATIENT(esapi_load(&s->esapi, s->primary, &k->blob, &object));
	r = esapi_result(&s->esapi, rc);
	if (r < 0)
		return esapi_refused(rc) ? -EBADMSG : r;
	rc = ESAPI_PATIENT(unseal(s, &k->blob, approval, object, &data));
	esapi_flush(&s->esapi, &object);
	r = esapi_result(&s->esapi, rc);
	return r < 0 ? is_refusal(rc) ? -EKEYREJECTED : r : take_data(data, ret);
}
