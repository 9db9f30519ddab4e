/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a key comes into the TPM: made, loaded, found at a persistent handle; and kept there. */
#include <string.h>

#include <openssl/crypto.h>

#include <imad/tpmkey.h>

#include "tpmsign_priv.h"

#define KEY_ATTRIBUTES                                                                                          \
	(TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
	 TPMA_OBJECT_USERWITHAUTH)
#define PARENT_AUTH "the key's parent in the TPM has a password"
#define NONE	    ESYS_TR_NONE

/* Scheme and hash are said with each signature. */
static const TPM2B_PUBLIC templates[] = {
	[TPMSIGN_P256] = { .publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = KEY_ATTRIBUTES,
		.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL, .scheme.scheme = TPM2_ALG_NULL,
					  .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL },
	} },
	[TPMSIGN_RSA2048] = { .publicArea = {
		.type = TPM2_ALG_RSA,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = KEY_ATTRIBUTES,
		.parameters.rsaDetail = { .symmetric.algorithm = TPM2_ALG_NULL, .scheme.scheme = TPM2_ALG_NULL, .keyBits = 2048 },
	} },
};

static bool is_persistent(uint32_t handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT;
}

static ESYS_TR hierarchy_of(uint32_t handle)
{
	switch (handle) {
	case TPM2_RH_OWNER:
		return ESYS_TR_RH_OWNER;
	case TPM2_RH_ENDORSEMENT:
		return ESYS_TR_RH_ENDORSEMENT;
	case TPM2_RH_NULL:
		return ESYS_TR_RH_NULL;
	}
	return NONE;
}

static int primary(struct tpmsign *t, ESYS_TR hierarchy, ESYS_TR *ret)
{
	ESYS_TR session = ESYS_TR_PASSWORD;
	int r = hierarchy == ESYS_TR_RH_OWNER ? tpmsign_owner_session(t, &session) : 0;

	if (r == 0)
		r = tpmsign_result(t, ESAPI_PATIENT(esapi_primary(&t->esapi, hierarchy, session, NULL, ret, NULL)), TPMSIGN_OWNER_AUTH);
	esapi_flush(&t->esapi, &session);
	return r;
}

int tpmsign_parent(struct tpmsign *t, uint32_t handle, ESYS_TR *ret)
{
	ESYS_TR hierarchy = hierarchy_of(handle);

	*ret = NONE;
	if (is_persistent(handle))
		return tpmsign_result(t, Esys_TR_FromTPMPublic(t->esapi.esys, handle, NONE, NONE, NONE, ret), PARENT_AUTH);
	if (hierarchy == NONE)
		return tpmsign_fail(t, -EKEYREJECTED, "the key's parent is neither a hierarchy nor a persistent handle");
	return primary(t, hierarchy, ret);
}

void tpmsign_drop(struct tpmsign *t, uint32_t handle, ESYS_TR *parent)
{
	if (*parent != NONE && is_persistent(handle))
		(void)Esys_TR_Close(t->esapi.esys, parent);
	else
		esapi_flush(&t->esapi, parent);
	*parent = NONE;
}

static int keep_public(struct tpmsign *t, const struct buf *p)
{
	const char *why = NULL;
	int r = tpmkey_check_signing(p->data, p->len, &why);

	if (r < 0)
		return tpmsign_fail(t, r, why ? why : strerror(-r));
	buf_reset(&t->public);
	buf_add(&t->public, p->data, p->len);
	t->rsa = (p->data[2] << 8 | p->data[3]) == TPM2_ALG_RSA; /* the type, behind the size */
	return buf_error(&t->public);
}

/* The session for all signatures, by the password of the key. */
static int begin(struct tpmsign *t, ESYS_TR salt, TPM2B_AUTH *auth)
{
	int r = 0;

	t->session = ESYS_TR_PASSWORD;
	if (auth->size > 0)
		r = tpmsign_result(t, Esys_TR_SetAuth(t->esapi.esys, t->key, auth), TPMSIGN_KEY_AUTH);
	if (r == 0 && auth->size > 0)
		r = tpmsign_result(t, esapi_session(&t->esapi, TPM2_SE_HMAC, salt, 0, &t->session), TPMSIGN_OWNER_AUTH);
	return r;
}

static int load_below(struct tpmsign *t, ESYS_TR parent, const struct tpmblob *b, TPM2B_AUTH *auth)
{
	int r = keep_public(t, &b->public);
	TSS2_RC rc;

	if (r < 0)
		return r;
	rc = ESAPI_PATIENT(esapi_load(&t->esapi, parent, b, &t->key));
	r = esapi_refused(rc) ? tpmsign_fail(t, -EKEYREJECTED, TPMSIGN_FOREIGN) : tpmsign_result(t, rc, PARENT_AUTH);
	t->loaded = r == 0;
	return r == 0 ? begin(t, parent, auth) : r;
}

static int check_kind(struct tpmsign *t, const struct tpmblob *b)
{
	if (b->type != TPMBLOB_LOADABLE)
		return tpmsign_fail(t, -EKEYREJECTED, "no key, but sealed data");
	return b->policy.len ? tpmsign_fail(t, -EKEYREJECTED, "the key wants a policy, not a password") : 0;
}

int tpmsign_load(struct tpmsign *t, const struct tpmblob *b, const char *password)
{
	TPM2B_AUTH auth = { .size = 0 };
	ESYS_TR parent = NONE;
	int r = check_kind(t, b);

	if (r == 0)
		r = tpmsign_password(t, password, &auth);
	if (r == 0)
		r = tpmsign_parent(t, b->parent, &parent);
	if (r == 0)
		r = load_below(t, parent, b, &auth);
	tpmsign_drop(t, b->parent, &parent);
	OPENSSL_cleanse(&auth, sizeof(auth));
	return r;
}

/* A primary key is made for the salt alone. */
static int begin_salted(struct tpmsign *t, TPM2B_AUTH *auth)
{
	ESYS_TR salt = NONE;
	int r = auth->size > 0 ? tpmsign_parent(t, TPMBLOB_PARENT_OWNER, &salt) : 0;

	if (r == 0)
		r = begin(t, salt, auth);
	tpmsign_drop(t, TPMBLOB_PARENT_OWNER, &salt);
	return r;
}

int tpmsign_use(struct tpmsign *t, uint32_t handle, const char *password)
{
	cleanup(buf_done) struct buf bytes = { 0 };
	TPM2B_AUTH auth = { .size = 0 };
	TPM2B_PUBLIC *public = NULL;
	int r = tpmsign_password(t, password, &auth);

	if (r == 0)
		r = tpmsign_result(t, Esys_TR_FromTPMPublic(t->esapi.esys, handle, NONE, NONE, NONE, &t->key), TPMSIGN_KEY_AUTH);
	if (r == 0)
		r = tpmsign_result(t, Esys_ReadPublic(t->esapi.esys, t->key, NONE, NONE, NONE, &public, NULL, NULL), TPMSIGN_KEY_AUTH);
	if (r == 0 && esapi_put_public(public, &bytes) < 0)
		r = tpmsign_fail(t, -EIO, "the TPM's public area is malformed");
	if (r == 0)
		r = keep_public(t, &bytes);
	if (r == 0)
		r = begin_salted(t, &auth);
	Esys_Free(public);
	OPENSSL_cleanse(&auth, sizeof(auth));
	return r;
}

/* --- making one */

/* A password on its way to the TPM is encrypted. */
static int create_below(struct tpmsign *t, ESYS_TR parent, enum tpmsign_kind kind, TPM2B_AUTH *auth, struct tpmblob *ret)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth = *auth };
	TPM2B_PUBLIC template = templates[kind];
	ESYS_TR session = ESYS_TR_PASSWORD;
	int r = 0;

	if (auth->size > 0)
		r = tpmsign_result(t, esapi_session(&t->esapi, TPM2_SE_HMAC, parent, TPMA_SESSION_DECRYPT, &session), PARENT_AUTH);
	else /* nothing to be guessed: the lockout of other keys need not stop this one */
		template.publicArea.objectAttributes |= TPMA_OBJECT_NODA;
	if (r == 0)
		r = tpmsign_result(t, ESAPI_PATIENT(esapi_create(&t->esapi, parent, session, &sensitive, &template, ret)), PARENT_AUTH);
	esapi_flush(&t->esapi, &session);
	if (r == 0)
		r = load_below(t, parent, ret, auth);
	OPENSSL_cleanse(&sensitive, sizeof(sensitive));
	return r;
}

int tpmsign_create(struct tpmsign *t, enum tpmsign_kind kind, uint32_t parent, const char *password, struct tpmblob *ret)
{
	struct tpmblob f = { .type = TPMBLOB_LOADABLE, .parent = parent, .empty_auth = !*password };
	TPM2B_AUTH auth = { .size = 0 };
	ESYS_TR handle = NONE;
	int r = tpmsign_password(t, password, &auth);

	if (r == 0)
		r = tpmsign_parent(t, parent, &handle);
	if (r == 0)
		r = create_below(t, handle, kind, &auth, &f);
	tpmsign_drop(t, parent, &handle);
	OPENSSL_cleanse(&auth, sizeof(auth));
	if (r < 0)
		tpmblob_done(&f);
	else
		*ret = f;
	return r;
}

int tpmsign_persist(struct tpmsign *t, uint32_t handle)
{
	ESYS_TR session = NONE, kept = NONE;
	int r = tpmsign_owner_session(t, &session);

	if (r == 0)
		r = tpmsign_result(t, Esys_EvictControl(t->esapi.esys, ESYS_TR_RH_OWNER, t->key, session, NONE, NONE, handle, &kept),
				   TPMSIGN_OWNER_AUTH);
	esapi_flush(&t->esapi, &session);
	if (r == 0)
		(void)Esys_TR_Close(t->esapi.esys, &kept);
	return r;
}
