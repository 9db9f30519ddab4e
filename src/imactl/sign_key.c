/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The private key of imactl sign: where it is, its password, and the id by which verifiers find it. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <imad/file.h>
#include <imad/keyring.h>

#include "sign.h"

#define PASSWORD_ENV "EVMCTL_KEY_PASSWORD" /* evmctl's own */

int sign_password(const char *pass_file, char ret[PASSWORD_MAX])
{
	const char *env = getenv(PASSWORD_ENV);
	ssize_t n;

	ret[0] = '\0';
	if (!pass_file) {
		if (env && strlen(env) < PASSWORD_MAX)
			strcpy(ret, env);
		return IMACTL_OK;
	}
	n = file_read_small(pass_file, ret, PASSWORD_MAX);
	if (n < 0)
		return complain(IMACTL_FAILED, "cannot read the password in '%s': %s", pass_file, strerror((int)-n));
	ret[strcspn(ret, "\r\n")] = '\0';
	return IMACTL_OK;
}

int sign_ask_password(const char *key, char ret[PASSWORD_MAX])
{
	if (EVP_read_pw_string(ret, PASSWORD_MAX - 1, "Password of the key: ", 0) == 0)
		return IMACTL_OK;
	return complain(IMACTL_FAILED, "'%s' is encrypted: give its password by --pass-file or " PASSWORD_ENV, key);
}

static bool is_encrypted(const char *pem)
{
	return strstr(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strstr(pem, "Proc-Type: 4,ENCRYPTED");
}

/* The certificate that names the id: one of its own file, or one beside the key in its file. NULL in *@ret: none. */
static int read_certs(const struct sign_key *k, const struct buf *pem, struct keyring **ret)
{
	cleanup(keyring_freep) struct keyring *certs = NULL;
	cleanup_free uint8_t *bytes = NULL;
	const char *why = NULL;
	ssize_t got;
	int r;

	if (!k->cert && (!pem || !strstr((const char *)pem->data, "-----BEGIN CERTIFICATE-----")))
		return IMACTL_OK;
	r = keyring_new(&certs);
	bytes = malloc(KEYRING_BYTES_MAX);
	if (r < 0 || !bytes)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	got = k->cert ? file_read_small(k->cert, bytes, KEYRING_BYTES_MAX) : 0;
	r = got < 0 ? (int)got :
	    k->cert ? keyring_add_cert(certs, bytes, (size_t)got, k->cert, &why) :
		      keyring_add_cert(certs, pem->data, pem->len, k->file, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "certificate in '%s': %s", k->cert ? k->cert : k->file, why ? why : strerror(-r));
	*ret = take_ptr(certs);
	return IMACTL_OK;
}

static int parse_id(const char *text, uint32_t *ret)
{
	const char *digits = strncmp(text, "0x", 2) ? text : text + 2;
	uint8_t b[4];

	if (strlen(digits) != 8 || hex_decode(digits, 8, b, 4) < 0)
		return complain(IMACTL_USAGE, "sign: --keyid is 8 hex digits, not '%s'", text);
	*ret = (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
	return IMACTL_OK;
}

static int from_pem(const struct sign_key *k, const struct buf *pem, char password[PASSWORD_MAX], const struct keyring *certs,
		    struct signer **ret)
{
	bool encrypted = is_encrypted((const char *)pem->data);
	int r, code = encrypted && !password[0] ? sign_ask_password(k->file, password) : IMACTL_OK;
	const char *why = NULL;

	if (code != IMACTL_OK)
		return code;
	r = signer_new(pem->data, pem->len, encrypted ? password : NULL, certs, ret, &why);
	return r < 0 ? complain(IMACTL_FAILED, "key '%s': %s", k->file, why ? why : strerror(-r)) : IMACTL_OK;
}

/* Where the key is, by its name and what is in its file. */
struct place {
	bool store, tpm;
	uint32_t handle;	 /* in the TPM; 0: in a file */
	struct buf pem;		 /* NUL-terminated behind its end */
};

static int find_file(const struct sign_key *k, const char *path, struct place *p)
{
	uint8_t *pem = malloc(KEYRING_BYTES_MAX + 1);
	ssize_t n = pem ? file_read_small(path, pem, KEYRING_BYTES_MAX) : -ENOMEM;

	if (n < 0) {
		free(pem);
		return complain(IMACTL_FAILED, "cannot read the key '%s': %s", k->file, strerror((int)-n));
	}
	buf_add(&p->pem, pem, (size_t)n);
	buf_add_u8(&p->pem, '\0');
	OPENSSL_cleanse(pem, (size_t)n);
	free(pem);
	if (buf_error(&p->pem) < 0)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	p->pem.len--;
	if (p->tpm && !tpmblob_is((const char *)p->pem.data))
		return complain(IMACTL_FAILED, "key '%s': no TSS2 PRIVATE KEY in PEM, as imactl key create makes it", k->file);
	p->tpm = tpmblob_is((const char *)p->pem.data);
	return IMACTL_OK;
}

static int find(const struct sign_key *k, struct place *p)
{
	const char *name = k->file;

	p->store = strncmp(name, "pkcs11:", 7) == 0;
	p->tpm = strncmp(name, "tpm:", 4) == 0;
	name += p->tpm ? 4 : 0;
	if (p->store || (p->tpm && sign_tpm_handle(name, &p->handle) == 0))
		return IMACTL_OK;
	return find_file(k, name, p);
}

static int make_signer(struct sign_key *k, const struct place *p, char password[PASSWORD_MAX], struct signer **ret)
{
	cleanup(keyring_freep) struct keyring *certs = NULL;
	const struct buf *pem = p->pem.data ? &p->pem : NULL;
	uint32_t id = 0;
	int code = k->id ? parse_id(k->id, &id) : read_certs(k, pem, &certs);

	if (code == IMACTL_OK)
		code = sign_password(k->pass_file, password);
	if (code != IMACTL_OK)
		return code;
	code = p->store ? sign_store(k, password, certs, ret) :
	       p->tpm	? sign_tpm(k, pem, p->handle, password, certs, ret) :
			  from_pem(k, pem, password, certs, ret);
	if (code == IMACTL_OK && k->id)
		signer_set_id(*ret, id);
	return code;
}

int sign_key_read(struct sign_key *k, struct signer **ret)
{
	struct place p = { .store = false };
	char password[PASSWORD_MAX];
	int code = find(k, &p);

	if (code == IMACTL_OK)
		code = make_signer(k, &p, password, ret);
	OPENSSL_cleanse(password, sizeof(password));
	if (p.pem.data)
		OPENSSL_cleanse(p.pem.data, p.pem.len);
	buf_done(&p.pem);
	return code;
}

const char *sign_key_why(const struct sign_key *k, int r, char ret[TPMSIGN_ERROR_MAX])
{
	return r == -EREMOTEIO && k->in_tpm ? tpmsign_error(k->in_tpm, ret) : NULL;
}
