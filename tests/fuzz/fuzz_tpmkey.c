/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the file of an object of a TPM, and as what is inside the PEM of one. What is decoded can be encoded and decoded again to the same object, and
 * what is said of its public area and of what else comes from a TPM does not depend on more than the bytes.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <imad/tpmblob.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#include "fuzz.h"

static void check_public(const struct buf *public)
{
	EVP_PKEY *key = NULL;
	const char *why = NULL;
	int r = tpmkey_check_signing(public->data, public->len, &why);

	must(r == 0 || r == -ENOMEM || why != NULL);
	if (r == 0)
		must(tpmkey_parse(public->data, public->len, &key, &why) == 0 && key);
	EVP_PKEY_free(key);
}

static void check_file(const char *text, size_t size)
{
	cleanup(tpmblob_done) struct tpmblob b = { 0 }, again = { 0 };
	cleanup(buf_done) struct buf pem = { 0 }, twice = { 0 };
	const char *why = NULL;
	struct digest d;

	if (tpmblob_parse(text, size, &b, &why) < 0) {
		must(why != NULL && !b.public.data && !b.private.data && !b.policy.data);
		return;
	}
	must(b.public.len > 2 && b.private.len > 2 && b.parent);
	must(!tpmblob_has_policy(&b) || tpmblob_policy_digest(&b, &d) == 0);
	check_public(&b.public);
	must(tpmblob_format(&b, &pem) == 0);
	must(tpmblob_parse((char *)pem.data, pem.len, &again, &why) == 0);
	must(same(&b.public, &again.public) && same(&b.private, &again.private) && same(&b.policy, &again.policy));
	must(same(&b.authority, &again.authority));
	must(b.parent == again.parent && b.empty_auth == again.empty_auth && b.type == again.type);
	must(tpmblob_format(&again, &twice) == 0 && same(&pem, &twice));
	buf_add_u8(&pem, 0);
	must(tpmblob_is((const char *)pem.data));
}

static void check_der(const uint8_t *data, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	must(bio && PEM_write_bio(bio, "TSS2 PRIVATE KEY", "", data, (long)size) >= 0);
	n = BIO_get_mem_data(bio, &pem);
	check_file(pem, (size_t)n);
	BIO_free(bio);
}

static void check_signature(const uint8_t *data, size_t size)
{
	cleanup(buf_done) struct buf out = { 0 };
	const char *why = NULL, *type = NULL;
	const struct algo *hash;
	int r = tpmkey_signature(data, size, &out, &hash, &type, &why);

	must(r == 0 ? type != NULL : r == -ENOMEM || why != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *exact = malloc(size + !size);

	must(exact != NULL);
	memcpy(exact, data, size);
	check_file((const char *)exact, size);
	check_der(exact, size);
	check_signature(exact, size);
	return 0;
}
