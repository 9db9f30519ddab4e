/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A provider for libcrypto that stands in for pkcs11-provider, which not every distribution has: the object NAME of
 * pkcs11:object=NAME is the key in $TOKEN/NAME.der (PKCS#8), and it is given for the PIN 1234 only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#define URI "pkcs11:object="

struct object {
	char path[512];
	int over;
};

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx);

static void *open_object(void *provider, const char *uri)
{
	size_t n = strcspn(uri + strlen(URI), "?;");
	struct object *o = calloc(1, sizeof(*o));

	(void)provider;
	if (o && strncmp(uri, URI, strlen(URI)) == 0) {
		snprintf(o->path, sizeof(o->path), "%s/%.*s.der", getenv("TOKEN"), (int)n, uri + strlen(URI));
		return o;
	}
	free(o);
	return NULL;
}

static int set_params(void *object, const OSSL_PARAM params[])
{
	(void)object, (void)params;
	return 1;
}

static int load(void *object, OSSL_CALLBACK *give, void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	int type = OSSL_OBJECT_PKEY;
	struct object *o = object;
	unsigned char der[4096];
	size_t n_pin = 0, n;
	char pin[16];
	OSSL_PARAM params[3];
	FILE *f;

	o->over = 1;
	if (!ask(pin, sizeof(pin), &n_pin, NULL, ask_arg) || n_pin != 4 || memcmp(pin, "1234", 4) != 0)
		return 0;
	f = fopen(o->path, "rb");
	if (!f)
		return 0;
	n = fread(der, 1, sizeof(der), f);
	fclose(f);
	params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, n);
	params[2] = OSSL_PARAM_construct_end();
	return give(params, arg);
}

static int is_over(void *object)
{
	return ((struct object *)object)->over;
}

static int close_object(void *object)
{
	free(object);
	return 1;
}

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_DISPATCH store[] = {
		{ OSSL_FUNC_STORE_OPEN, (void (*)(void))open_object },
		{ OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))set_params },
		{ OSSL_FUNC_STORE_LOAD, (void (*)(void))load },
		{ OSSL_FUNC_STORE_EOF, (void (*)(void))is_over },
		{ OSSL_FUNC_STORE_CLOSE, (void (*)(void))close_object },
		{ 0, NULL },
	};
	static const OSSL_ALGORITHM stores[] = { { "pkcs11", "provider=pkcs11", store, NULL }, { NULL, NULL, NULL, NULL } };

	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_STORE ? stores : NULL;
}

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx)
{
	static const OSSL_DISPATCH functions[] = { { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query }, { 0, NULL } };

	(void)in;
	*out = functions;
	*ctx = (void *)core; /* must not be NULL */
	return 1;
}
