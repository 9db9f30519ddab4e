/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken together is a flat run of bytes, made once and then hashed by whichever function asks. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <imad/digest.h>
#include <imad/evm.h>
#include <imad/util.h>

#define HMAC_SIZE 20	/* type 2: SHA-1 */
#define MISC_SIZE 24	/* struct h_misc of a 64-bit kernel */

#define XATTR_NAME(name, text) [EVM_##name] = text,
static const char *const names[EVM_XATTR_COUNT] = { EVM_XATTRS(XATTR_NAME) };

#define STATUS_TEXT(name, text) [EVM_##name] = text,
static const char *const statuses[EVM_STATUS_COUNT] = { EVM_STATUSES(STATUS_TEXT) };

const char *evm_xattr_name(enum evm_xattr x)
{
	return names[x];
}

const char *evm_status_text(enum evm_status s)
{
	return s < EVM_STATUS_COUNT ? statuses[s] : "unknown";
}

static int bad(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EBADMSG;
}

int evm_decode(const void *p, size_t n, struct label *ret, const char **why)
{
	const uint8_t *bytes = p;

	if (!n)
		return bad(why, "empty");
	switch (bytes[0]) {
	case EVM_HMAC:
		if (n != 1 + HMAC_SIZE)
			return bad(why, "HMAC is not of 20 bytes");
		*ret = (struct label){ .type = EVM_HMAC, .algo = algo_by_id(ALGO_SHA1), .bytes = bytes + 1, .len = HMAC_SIZE };
		return 0;
	case EVM_SIGNATURE:
	case EVM_PORTABLE:
		return label_decode_signature(p, n, ret, why);
	}
	return bad(why, "unknown type");
}

/* The values of the xattrs. 0, or what evm_digest() says of those that are missing. */
static int add_xattrs(const struct evm_input *in, enum evm_type type, struct buf *out)
{
	bool any = false;

	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++) {
		if (!in->xattr[i].bytes || (type != EVM_PORTABLE && !(in->enabled >> i & 1)))
			continue;
		buf_add(out, in->xattr[i].bytes, in->xattr[i].n);
		any = true;
	}
	if (type == EVM_PORTABLE)
		return in->xattr[EVM_IMA].bytes ? 0 : -EPERM;
	return any ? 0 : -ENODATA;
}

/* struct h_misc, in the byte order of the machine whose kernel it is; imad runs on little endian ones. */
static void add_misc(const struct evm_input *in, enum evm_type type, struct buf *out)
{
	static const uint8_t zeros[MISC_SIZE];
	size_t at = out->len;

	buf_add_le64(out, type == EVM_PORTABLE ? 0 : in->ino);
	buf_add_le32(out, type == EVM_PORTABLE ? 0 : in->generation);
	buf_add_le32(out, in->uid);
	buf_add_le32(out, in->gid);
	buf_add_le16(out, in->mode);
	if (!out->failed)
		buf_add(out, zeros, MISC_SIZE - (out->len - at));
	if (type != EVM_PORTABLE)
		buf_add(out, in->uuid, sizeof(in->uuid));
}

static int gather(const struct evm_input *in, enum evm_type type, struct buf *out)
{
	int r = add_xattrs(in, type, out);

	if (r < 0)
		return r;
	if (type != EVM_PORTABLE && (!in->has_generation || !in->has_uuid))
		return -ENXIO;
	add_misc(in, type, out);
	return buf_error(out);
}

int evm_digest(const struct evm_input *in, enum evm_type type, const struct algo *algo, struct digest *ret)
{
	cleanup(buf_done) struct buf all = { 0 };
	int r;

	if (type != EVM_SIGNATURE && type != EVM_PORTABLE)
		return -EINVAL;
	r = gather(in, type, &all);
	return r < 0 ? r : digest_buf(algo, all.data, all.len, ret);
}

int evm_hmac(const struct evm_input *in, const struct algo *algo, const void *key, size_t n, struct digest *ret)
{
	cleanup(buf_done) struct buf all = { 0 };
	uint8_t padded[EVM_KEY_MAX] = { 0 }, bytes[EVP_MAX_MD_SIZE];
	bool done;
	int r;

	if (n > sizeof(padded))
		return -EINVAL;
	if (!digest_can(algo))
		return -EOPNOTSUPP;
	r = gather(in, EVM_HMAC, &all);
	if (r < 0)
		return r;
	memcpy(padded, key, n);
	done = EVP_Q_mac(NULL, "HMAC", NULL, algo->openssl, NULL, padded, sizeof(padded), all.data, all.len, bytes,
			 sizeof(bytes), NULL) != NULL;
	OPENSSL_cleanse(padded, sizeof(padded));
	ERR_clear_error();
	if (!done)
		return -EIO;
	*ret = (struct digest){ .algo = algo->id, .size = algo->size };
	memcpy(ret->bytes, bytes, algo->size);
	return 0;
}

static int conclude(struct evm_result *ret, enum evm_status status, const char *why)
{
	ret->status = status;
	ret->why = why;
	return 0;
}

/* Nothing vouches: for what, or is there nothing? */
static int verify_nothing(const struct evm_input *in, struct evm_result *ret)
{
	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++)
		if (in->xattr[i].bytes)
			return conclude(ret, EVM_NO_LABEL, NULL);
	return conclude(ret, EVM_NO_XATTRS, NULL);
}

/* What evm_digest() or evm_hmac() could not take together. */
static int verify_not_taken(int r, enum evm_status fail, struct evm_result *ret)
{
	switch (r) {
	case -ENODATA:
		return conclude(ret, EVM_NO_XATTRS, "nothing is there that it could vouch for");
	case -EPERM:
		return conclude(ret, fail, "there is no security.ima, which a portable signature needs");
	case -ENXIO:
		return conclude(ret, EVM_UNKNOWN, "the filesystem does not tell generation and UUID, which it is over");
	case -EOPNOTSUPP:
		return conclude(ret, fail, "its hash cannot be computed here");
	}
	return r;
}

static int verify_hmac(const struct evm_keys *keys, const struct evm_input *in, struct evm_result *ret)
{
	struct digest d;
	int r;

	if (!keys->hmac)
		return conclude(ret, EVM_UNKNOWN, "only the key of the machine can tell");
	r = evm_hmac(in, ret->label.algo, keys->hmac, keys->n_hmac, &d);
	if (r < 0)
		return verify_not_taken(r, EVM_FAIL, ret);
	if (CRYPTO_memcmp(d.bytes, ret->label.bytes, d.size) != 0)
		return conclude(ret, EVM_FAIL, "it is not over these xattrs and metadata by that key");
	return conclude(ret, EVM_PASS, NULL);
}

static int verify_signature(const struct evm_keys *keys, const struct evm_input *in, enum evm_status fail, struct evm_result *ret)
{
	static const char *const why[] = {
		[SIGNATURE_BAD] = "it is not over these xattrs and metadata by that key",
		[SIGNATURE_NO_KEY] = "no trusted key has this id",
		[SIGNATURE_KEY_DENIED] = "the key is on the deny list",
		[SIGNATURE_UNSUPPORTED] = "it is of no version or hash that is known here",
	};
	enum evm_type type = ret->label.type;
	struct digest d;
	int r;

	if (!ret->label.algo) {
		ret->signature = SIGNATURE_UNSUPPORTED;
		return conclude(ret, fail, why[SIGNATURE_UNSUPPORTED]);
	}
	r = evm_digest(in, type, ret->label.algo, &d);
	if (r < 0)
		return verify_not_taken(r, fail, ret);
	r = signature_verify(keys->ring, &ret->label, &d);
	if (r < 0)
		return r;
	ret->signature = r;
	ret->key = keyring_find(keys->ring, ret->label.key_id, NULL);
	if (r != SIGNATURE_OK)
		return conclude(ret, fail, why[r]);
	return conclude(ret, type == EVM_PORTABLE ? EVM_PASS_IMMUTABLE : EVM_PASS, NULL);
}

/* A portable signature that is nothing but a header is a plain failure to the kernel, too. */
static enum evm_status failure_of(const uint8_t *p, size_t n)
{
	return n > LABEL_SIGNATURE_HEADER && p[0] == EVM_PORTABLE ? EVM_FAIL_IMMUTABLE : EVM_FAIL;
}

int evm_verify(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, struct evm_result *ret)
{
	struct evm_result result = { .signature = -1, .own = -1 };
	enum evm_status fail = failure_of(p, n);
	const char *why = NULL;
	int r;

	if (!p)
		r = verify_nothing(in, &result);
	else if (evm_decode(p, n, &result.label, &why) < 0)
		r = conclude(&result, fail, why);
	else if (result.label.type == EVM_HMAC)
		r = verify_hmac(keys, in, &result);
	else
		r = verify_signature(keys, in, fail, &result);
	if (r == 0)
		*ret = result;
	return r;
}
