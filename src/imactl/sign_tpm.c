/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of imactl sign and key that are in the TPM. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <imad/digest.h>
#include <imad/file.h>
#include <imad/tpmkey.h>

#include "sign.h"

#define TPM_TCTI "device:/dev/tpmrm0"

/* The words are the TPM room's: see sign_key_why(). */
static int sign_there(void *arg, const struct digest *d, struct buf *out)
{
	int r = tpmsign_sign(arg, d, out);

	return r == 0 || r == -ENOMEM ? r : -EREMOTEIO;
}

static void close_there(void *arg)
{
	tpmsign_free(arg);
}

static const struct signer_ops in_tpm = { .sign = sign_there, .free = close_there };

int sign_tpm_handle(const char *text, uint32_t *ret)
{
	uint8_t b[4];

	if (strncmp(text, "0x", 2) != 0 || strlen(text) != 10 || hex_decode(text + 2, 8, b, 4) < 0 || b[0] != 0x81)
		return -EINVAL;
	*ret = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return 0;
}

int sign_tpm_open(const struct tpm_access *a, struct tpmsign **ret)
{
	cleanup(tpmsign_freep) struct tpmsign *t = NULL;
	char error[TPMSIGN_ERROR_MAX], password[PASSWORD_MAX] = "";
	int code = IMACTL_OK;

	if (tpmsign_open(a->tcti ? a->tcti : TPM_TCTI, error, &t) < 0)
		return complain(IMACTL_FAILED, "%s", error);
	if (a->owner_pass_file)
		code = sign_password(a->owner_pass_file, password);
	if (code == IMACTL_OK && tpmsign_set_owner(t, password) < 0)
		code = complain(IMACTL_FAILED, "'%s': %s", a->owner_pass_file, tpmsign_error(t, error));
	OPENSSL_cleanse(password, sizeof(password));
	if (code == IMACTL_OK)
		*ret = take_ptr(t);
	return code;
}

/* One signature, verified by libcrypto. */
static int try_once(struct tpmsign *t, struct evp_pkey_st *key, const char *name)
{
	const struct algo *sha256 = algo_by_id(ALGO_SHA256);
	cleanup(buf_done) struct buf made = { 0 };
	char error[TPMSIGN_ERROR_MAX];
	struct digest d;
	int r = digest_buf(sha256, name, strlen(name), &d);

	if (r == 0)
		r = tpmsign_sign(t, &d, &made);
	if (r == -EOPNOTSUPP) /* a key of another hash; the password was right, which is looked at first */
		return IMACTL_OK;
	if (r < 0)
		return complain(IMACTL_FAILED, "key '%s': %s", name, r == -ENOMEM ? strerror(-r) : tpmsign_error(t, error));
	if (signature_verify_by(key, sha256, made.data, made.len, &d) != SIGNATURE_OK)
		return complain(IMACTL_FAILED, "key '%s': the TPM's signature is not that of its key", name);
	return IMACTL_OK;
}

int sign_tpm_signer(struct tpmsign *t, const char *name, const struct keyring *certs, struct signer **ret)
{
	const struct buf *public = tpmsign_public(t);
	struct evp_pkey_st *key = NULL;
	const char *why = NULL;
	int r = tpmkey_parse(public->data, public->len, &key, &why), code;

	if (r < 0)
		return complain(IMACTL_FAILED, "key '%s': %s", name, why ? why : strerror(-r));
	code = try_once(t, key, name);
	if (code == IMACTL_OK) {
		r = signer_new_key(key, &in_tpm, t, certs, ret, &why);
		code = r < 0 ? complain(IMACTL_FAILED, "key '%s': %s", name, why ? why : strerror(-r)) : IMACTL_OK;
	}
	EVP_PKEY_free(key);
	return code;
}

static int load(const struct sign_key *k, const struct buf *pem, char password[PASSWORD_MAX], struct tpmsign *t)
{
	cleanup(tpmblob_done) struct tpmblob f = { 0 };
	char error[TPMSIGN_ERROR_MAX];
	const char *why = NULL;
	int r = tpmblob_parse((const char *)pem->data, pem->len, &f, &why), code = IMACTL_OK;

	if (r < 0)
		return complain(IMACTL_FAILED, "key '%s': %s", k->file, why ? why : strerror(-r));
	if (!f.empty_auth && !password[0])
		code = sign_ask_password(k->file, password);
	if (code == IMACTL_OK && tpmsign_load(t, &f, f.empty_auth ? "" : password) < 0)
		code = complain(IMACTL_FAILED, "key '%s': %s", k->file, tpmsign_error(t, error));
	return code;
}

int sign_tpm(struct sign_key *k, const struct buf *pem, uint32_t handle, char password[PASSWORD_MAX], const struct keyring *certs,
	     struct signer **ret)
{
	cleanup(tpmsign_freep) struct tpmsign *t = NULL;
	char error[TPMSIGN_ERROR_MAX];
	int code = sign_tpm_open(&k->tpm, &t);

	if (code == IMACTL_OK && pem)
		code = load(k, pem, password, t);
	else if (code == IMACTL_OK && tpmsign_use(t, handle, password) < 0)
		code = complain(IMACTL_FAILED, "key '%s': %s", k->file, tpmsign_error(t, error));
	if (code == IMACTL_OK)
		code = sign_tpm_signer(t, k->file, certs, ret);
	if (code == IMACTL_OK)
		k->in_tpm = take_ptr(t);
	return code;
}
