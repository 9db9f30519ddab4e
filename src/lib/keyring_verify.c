// SPDX-License-Identifier: GPL-2.0-or-later
/* Signatures: what was signed, with which padding, by which of the keys with that id. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <imad/digest.h>
#include <imad/util.h>

#include "keyring_priv.h"

#define VERSION_DIGEST 2  /* the digest is what was signed */
#define VERSION_FILE_ID 3 /* the hash of struct ima_file_id is */

/* Two keys can share an id: the signature is good if any of them made it. */
static enum keyring_verdict verify_with(const struct key *key, const struct label *l, const struct digest *signed_digest)
{
	const EVP_MD *md = EVP_get_digestbyname(algo_by_id(l->algo)->openssl);
	EVP_PKEY_CTX *ctx = md ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
	bool ready = ctx && EVP_PKEY_verify_init(ctx) > 0 && EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
	int r = -1;

	if (ready && EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA)
		ready = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	if (ready)
		r = EVP_PKEY_verify(ctx, l->bytes, l->n, signed_digest->bytes, signed_digest->size);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	if (!ready)
		return KEYRING_FAILED;
	return r == 1 ? KEYRING_GOOD : KEYRING_BAD;
}

/* struct ima_file_id, only the used part of its digest. 0 or negative errno. */
static int hash_file_id(const struct label *l, const struct digest *digest, struct digest *ret)
{
	uint8_t id[2 + DIGEST_MAX] = { l->type, digest->algo };

	memcpy(id + 2, digest->bytes, digest->size);
	return digest_buf(algo_by_id(l->algo), id, 2 + digest->size, ret);
}

enum keyring_verdict keyring_verify(const struct keyring *k, const struct label *l, const struct digest *digest)
{
	enum keyring_verdict v = KEYRING_NO_KEY;
	struct digest signed_digest = *digest;

	if (l->kind != LABEL_SIGNATURE && l->kind != LABEL_VERITY)
		return KEYRING_BAD;
	if (l->version != VERSION_FILE_ID && (l->version != VERSION_DIGEST || l->kind == LABEL_VERITY))
		return KEYRING_VERSION;
	if (digest->algo != l->algo)
		return KEYRING_BAD;
	if (!algo_by_id(l->algo)->openssl)
		return KEYRING_FAILED;
	if (l->version == VERSION_FILE_ID && hash_file_id(l, digest, &signed_digest) < 0)
		return KEYRING_FAILED;
	for (unsigned int i = 0; i < k->n && v != KEYRING_GOOD; i++)
		if (k->keys[i].keyid == l->keyid)
			v = verify_with(&k->keys[i], l, &signed_digest);
	return v;
}

const char *keyring_verdict_text(enum keyring_verdict v)
{
	static const char *const texts[] = {
		[KEYRING_GOOD] = "good",
		[KEYRING_BAD] = "the signature is not by that key over this content",
		[KEYRING_NO_KEY] = "signed by a key that is not trusted",
		[KEYRING_VERSION] = "a signature of another version",
		[KEYRING_FAILED] = "the signature cannot be checked",
	};

	return texts[v];
}
