/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The private key of imactl sign: PEM file, password, and the id by which verifiers find the key. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <imad/file.h>
#include <imad/keyring.h>

#include "sign.h"

#define PASSWORD_MAX 1024
#define PASSWORD_ENV "EVMCTL_KEY_PASSWORD" /* evmctl's own */

/* The first line of a file, or what the environment says. IMACTL_OK also if there is none: then it is "". */
static int given_password(const struct sign_key *k, char ret[PASSWORD_MAX])
{
	const char *env = getenv(PASSWORD_ENV);
	ssize_t n;

	ret[0] = '\0';
	if (!k->pass_file) {
		if (env && strlen(env) < PASSWORD_MAX)
			strcpy(ret, env);
		return IMACTL_OK;
	}
	n = file_read_small(k->pass_file, ret, PASSWORD_MAX);
	if (n < 0)
		return complain(IMACTL_FAILED, "cannot read the password in '%s': %s", k->pass_file, strerror((int)-n));
	ret[strcspn(ret, "\r\n")] = '\0';
	return IMACTL_OK;
}

static bool is_encrypted(const char *pem)
{
	return strstr(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strstr(pem, "Proc-Type: 4,ENCRYPTED");
}

/* The certificate that names the id: one of its own file, or one beside the key in its file. NULL in *@ret: none. */
static int read_certs(const struct sign_key *k, const uint8_t *pem, size_t n, struct keyring **ret)
{
	cleanup(keyring_freep) struct keyring *certs = NULL;
	cleanup_free uint8_t *bytes = NULL;
	const char *why = NULL;
	ssize_t got;
	int r;

	if (!k->cert && !strstr((const char *)pem, "-----BEGIN CERTIFICATE-----"))
		return IMACTL_OK;
	r = keyring_new(&certs);
	bytes = malloc(KEYRING_BYTES_MAX);
	if (r < 0 || !bytes)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	got = k->cert ? file_read_small(k->cert, bytes, KEYRING_BYTES_MAX) : 0;
	r = got < 0 ? (int)got :
	    k->cert ? keyring_add_cert(certs, bytes, (size_t)got, k->cert, &why) :
		      keyring_add_cert(certs, pem, n, k->file, &why);
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

/* @pem is NUL-terminated. */
static int make_signer(const struct sign_key *k, const uint8_t *pem, size_t n, char password[PASSWORD_MAX], struct signer **ret)
{
	cleanup(keyring_freep) struct keyring *certs = NULL;
	bool encrypted = is_encrypted((const char *)pem);
	const char *why = NULL;
	uint32_t id = 0;
	int r, code = k->id ? parse_id(k->id, &id) : read_certs(k, pem, n, &certs);

	if (code == IMACTL_OK)
		code = given_password(k, password);
	if (code != IMACTL_OK)
		return code;
	if (encrypted && !password[0] && EVP_read_pw_string(password, PASSWORD_MAX - 1, "Password of the key: ", 0) != 0)
		return complain(IMACTL_FAILED, "'%s' is encrypted: give its password by --pass-file or " PASSWORD_ENV, k->file);
	r = signer_new(pem, n, encrypted ? password : NULL, certs, ret, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "key '%s': %s", k->file, why ? why : strerror(-r));
	if (k->id)
		signer_set_id(*ret, id);
	return IMACTL_OK;
}

int sign_key_read(const struct sign_key *k, struct signer **ret)
{
	uint8_t *pem = malloc(KEYRING_BYTES_MAX + 1);
	ssize_t n = pem ? file_read_small(k->file, pem, KEYRING_BYTES_MAX) : -ENOMEM;
	char password[PASSWORD_MAX];
	int code;

	if (n < 0) {
		free(pem);
		return complain(IMACTL_FAILED, "cannot read the key '%s': %s", k->file, strerror((int)-n));
	}
	pem[n] = '\0';
	code = make_signer(k, pem, (size_t)n, password, ret);
	OPENSSL_cleanse(password, sizeof(password));
	OPENSSL_cleanse(pem, (size_t)n);
	free(pem);
	return code;
}
