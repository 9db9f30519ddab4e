/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that a provider of libcrypto has: PKCS#11 URIs (RFC 7512). Which provider that is, openssl.cnf says, or it is
 * the one named pkcs11.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "sign.h"

#define SCHEME "pkcs11"

static void store_closep(OSSL_STORE_CTX **s)
{
	OSSL_STORE_close(*s);
}

static void method_freep(UI_METHOD **m)
{
	UI_destroy_method(*m);
}

static void pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static bool has_loader(void)
{
	OSSL_STORE_LOADER *l = OSSL_STORE_LOADER_fetch(NULL, SCHEME, NULL);

	OSSL_STORE_LOADER_free(l);
	return l != NULL;
}

/* Beside the others, which stay as they are. What was loaded for it is in *@ret. */
static bool load_provider(OSSL_PROVIDER **ret)
{
	if (has_loader())
		return true;
	*ret = OSSL_PROVIDER_try_load(NULL, SCHEME, 1);
	return *ret && has_loader();
}

static void unload(void *provider)
{
	if (provider)
		(void)OSSL_PROVIDER_unload(provider);
}

static void unloadp(OSSL_PROVIDER **provider)
{
	unload(*provider);
}

static const struct signer_ops of_provider = { .free = unload };

static int give_pin(char *buf, int size, int rwflag, void *pin)
{
	size_t n = strlen(pin);

	(void)rwflag;
	if (n == 0 || n > (size_t)size)
		return -1;
	memcpy(buf, pin, n);
	return (int)n;
}

/* The first private key. */
static EVP_PKEY *take_key(OSSL_STORE_CTX *store)
{
	OSSL_STORE_INFO *info;
	EVP_PKEY *key = NULL;

	while (!key && !OSSL_STORE_eof(store) && (info = OSSL_STORE_load(store))) {
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	return key;
}

int sign_store(const struct sign_key *k, char password[PASSWORD_MAX], const struct keyring *certs, struct signer **ret)
{
	cleanup(unloadp) OSSL_PROVIDER *provider = NULL; /* the last to go */
	cleanup(method_freep) UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
	cleanup(store_closep) OSSL_STORE_CTX *store = NULL;
	cleanup(pkey_freep) EVP_PKEY *key = NULL;
	int shown = (int)strcspn(k->file, "?"), r; /* behind it may be a PIN */
	const char *why = NULL;

	if (!method || !load_provider(&provider)) {
		ERR_clear_error();
		return complain(IMACTL_FAILED, "key '%.*s': OpenSSL has no provider for PKCS#11 URIs: install pkcs11-provider, or activate "
					       "one in openssl.cnf", shown, k->file);
	}
	store = OSSL_STORE_open(k->file, method, password, NULL, NULL);
	if (store)
		(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	key = store ? take_key(store) : NULL;
	if (!key) {
		ERR_clear_error();
		return complain(IMACTL_FAILED, "key '%.*s': the provider finds no private key, or the PIN is wrong or missing "
					       "(--pass-file)", shown, k->file);
	}
	r = signer_new_key(key, &of_provider, provider, certs, ret, &why);
	if (r == 0)
		(void)take_ptr(provider);
	return r < 0 ? complain(IMACTL_FAILED, "key '%.*s': %s", shown, k->file, why ? why : strerror(-r)) : IMACTL_OK;
}
