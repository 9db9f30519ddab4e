/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection, sessions, what the TPM's answers mean, and signatures. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <tss2/tss2_mu.h>

#include <imad/tpmkey.h>

#include "tpmsign_priv.h"

int tpmsign_fail(struct tpmsign *t, int r, const char *text)
{
	snprintf(t->esapi.error, sizeof(t->esapi.error), "%s", text);
	return r;
}

int tpmsign_result(struct tpmsign *t, TSS2_RC rc, const char *auth)
{
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	switch (esapi_error(rc)) {
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_BAD_AUTH:
		return tpmsign_fail(t, -EACCES, auth);
	case TPM2_RC_LOCKOUT:
		return tpmsign_fail(t, -EBUSY, "the TPM is locked out by wrong passwords (tpm2_getcap properties-variable tells how long)");
	case TPM2_RC_INTEGRITY:
	case TPM2_RC_BINDING:
		return tpmsign_fail(t, -EKEYREJECTED, TPMSIGN_FOREIGN);
	case TPM2_RC_HANDLE:
		return tpmsign_fail(t, -ENOENT, "the TPM has nothing at that handle");
	case TPM2_RC_NV_DEFINED:
		return tpmsign_fail(t, -EEXIST, "there is a key at that handle already");
	case TPM2_RC_NV_SPACE:
		return tpmsign_fail(t, -ENOSPC, "the TPM has no room for another persistent key");
	}
	return esapi_result(&t->esapi, rc);
}

/* --- sessions */

int tpmsign_owner_session(struct tpmsign *t, ESYS_TR *ret)
{
	*ret = ESYS_TR_PASSWORD;
	return t->has_owner ? tpmsign_result(t, esapi_session(&t->esapi, TPM2_SE_HMAC, ESYS_TR_NONE, 0, ret), TPMSIGN_OWNER_AUTH) : 0;
}

int tpmsign_password(struct tpmsign *t, const char *password, TPM2B_AUTH *ret)
{
	size_t n = strlen(password);

	if (n > TPMSIGN_PASSWORD_MAX)
		return tpmsign_fail(t, -E2BIG, "the password has more than 32 bytes");
	ret->size = (UINT16)n;
	memcpy(ret->buffer, password, n);
	return 0;
}

int tpmsign_set_owner(struct tpmsign *t, const char *password)
{
	TPM2B_AUTH auth = { .size = 0 };
	int r = tpmsign_password(t, password, &auth);

	if (r == 0)
		r = tpmsign_result(t, Esys_TR_SetAuth(t->esapi.esys, ESYS_TR_RH_OWNER, &auth), TPMSIGN_OWNER_AUTH);
	t->has_owner = r == 0 && auth.size > 0;
	OPENSSL_cleanse(&auth, sizeof(auth));
	return r;
}

/* --- the connection */

int tpmsign_open(const char *tcti, char error[TPMSIGN_ERROR_MAX], struct tpmsign **ret)
{
	cleanup(tpmsign_freep) struct tpmsign *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		snprintf(error, TPMSIGN_ERROR_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->key = t->session = ESYS_TR_NONE;
	r = esapi_open(&t->esapi, tcti);
	if (r < 0) {
		snprintf(error, TPMSIGN_ERROR_MAX, r == -ENODEV ? "no TPM at '%s': %s" : "the TPM at '%s' does not serve: %s", tcti,
			 t->esapi.error);
		return r;
	}
	*ret = take_ptr(t);
	return 0;
}

void tpmsign_free(struct tpmsign *t)
{
	if (!t)
		return;
	esapi_flush(&t->esapi, &t->session);
	if (t->loaded)
		esapi_flush(&t->esapi, &t->key);
	esapi_close(&t->esapi);
	pthread_mutex_destroy(&t->lock);
	buf_done(&t->public);
	free(t);
}

void tpmsign_freep(struct tpmsign **t)
{
	tpmsign_free(*t);
}

const char *tpmsign_error(struct tpmsign *t, char ret[TPMSIGN_ERROR_MAX])
{
	pthread_mutex_lock(&t->lock);
	snprintf(ret, TPMSIGN_ERROR_MAX, "%s", t->esapi.error);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

const struct buf *tpmsign_public(const struct tpmsign *t)
{
	return &t->public;
}

/* --- signatures */

/* Of a digest: what the TPM says of a hash that it or the key does not have. */
static bool is_about_hash(TSS2_RC rc)
{
	TSS2_RC e = esapi_error(rc);

	return e == TPM2_RC_HASH || e == TPM2_RC_SCHEME || e == TPM2_RC_VALUE || e == TPM2_RC_SIZE;
}

static int put_signature(struct tpmsign *t, const TPMT_SIGNATURE *s, struct buf *out)
{
	const char *type, *why = NULL;
	const struct algo *hash;
	uint8_t bytes[sizeof(*s)];
	size_t n = 0;
	int r;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(s, bytes, sizeof(bytes), &n) != TSS2_RC_SUCCESS)
		return tpmsign_fail(t, -EIO, "the TPM's signature is malformed");
	r = tpmkey_signature(bytes, n, out, &hash, &type, &why);
	return r == -ENOMEM || r == 0 ? r : tpmsign_fail(t, -EIO, why);
}

static int sign(struct tpmsign *t, const TPM2B_DIGEST *digest, uint16_t hash, struct buf *out)
{
	/* No ticket: what was hashed elsewhere. A key that is restricted would want one. */
	const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPMT_SIG_SCHEME scheme = { .scheme = t->rsa ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA, .details.any.hashAlg = hash };
	TPMT_SIGNATURE *s = NULL;
	TSS2_RC rc = Esys_Sign(t->esapi.esys, t->key, t->session, ESYS_TR_NONE, ESYS_TR_NONE, digest, &scheme, &ticket, &s);
	int r;

	if (is_about_hash(rc))
		return tpmsign_fail(t, -EOPNOTSUPP, "the key or the TPM does not sign digests of this algorithm");
	r = tpmsign_result(t, rc, TPMSIGN_KEY_AUTH);
	if (r == 0)
		r = put_signature(t, s, out);
	Esys_Free(s);
	return r;
}

int tpmsign_sign(struct tpmsign *t, const struct digest *d, struct buf *out)
{
	const struct algo *algo = algo_by_id(d->algo);
	TPM2B_DIGEST digest = { .size = d->size };
	int r;

	if (!algo || d->size != algo->size || d->size > sizeof(digest.buffer))
		return -EINVAL;
	memcpy(digest.buffer, d->bytes, d->size);
	pthread_mutex_lock(&t->lock);
	r = algo->tpm ? sign(t, &digest, algo->tpm, out) :
			tpmsign_fail(t, -EOPNOTSUPP, "TPMs do not sign digests of this algorithm");
	pthread_mutex_unlock(&t->lock);
	return r;
}
