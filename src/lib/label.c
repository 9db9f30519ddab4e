// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include <imad/buf.h>
#include <imad/label.h>
#include <imad/util.h>

/* enum evm_ima_xattr_type */
#define TYPE_DIGEST 0x01
#define TYPE_SIGNATURE 0x03
#define TYPE_DIGEST_NG 0x04
#define TYPE_VERITY 0x06
#define MD5_SIZE 16

static int decode_hash(struct reader *r, struct label *l)
{
	const struct algo *algo;

	if (l->type == TYPE_DIGEST)
		l->algo = r->left == MD5_SIZE ? ALGO_MD5 : ALGO_SHA1;
	else if (reader_u8(r, &l->algo) < 0)
		return -EBADMSG;
	algo = algo_by_id(l->algo);
	l->kind = LABEL_HASH;
	l->n = r->left;
	if (!algo || r->left < algo->size)
		return -EBADMSG;
	return reader_bytes(r, r->left, &l->bytes);
}

static int decode_signature(struct reader *r, struct label *l)
{
	const uint8_t *head;

	if (reader_u8(r, &l->version) < 0 || reader_u8(r, &l->algo) < 0 || reader_bytes(r, 6, &head) < 0)
		return -EBADMSG;
	l->kind = l->type == TYPE_VERITY ? LABEL_VERITY : LABEL_SIGNATURE;
	l->keyid = (uint32_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
	l->n = (size_t)head[4] << 8 | head[5];
	if (l->n != r->left || !algo_by_id(l->algo))
		return -EBADMSG;
	return reader_bytes(r, l->n, &l->bytes);
}

void label_decode(const void *p, size_t n, struct label *ret)
{
	struct reader r = { .p = p, .left = n };
	int e = -EBADMSG;

	memset(ret, 0, sizeof(*ret));
	if (reader_u8(&r, &ret->type) < 0)
		return;
	if (ret->type == TYPE_DIGEST || ret->type == TYPE_DIGEST_NG)
		e = decode_hash(&r, ret);
	else if (ret->type == TYPE_SIGNATURE || ret->type == TYPE_VERITY)
		e = decode_signature(&r, ret);
	if (e < 0)
		*ret = (struct label){ .kind = LABEL_UNKNOWN, .type = ret->type };
}

bool label_has_digest(const struct label *l, const struct digest *digest)
{
	return l->kind == LABEL_HASH && l->algo == digest->algo && l->n >= digest->size &&
	       memcmp(l->bytes, digest->bytes, digest->size) == 0;
}

size_t label_encode_hash(const struct digest *digest, uint8_t ret[LABEL_HASH_MAX])
{
	size_t n = 0;

	ret[n++] = digest->algo > ALGO_SHA1 ? TYPE_DIGEST_NG : TYPE_DIGEST;
	if (digest->algo > ALGO_SHA1)
		ret[n++] = digest->algo;
	memcpy(ret + n, digest->bytes, digest->size);
	return n + digest->size;
}
