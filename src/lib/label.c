/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Views and makes values of security.ima. */
#include <string.h>

#include <imad/label.h>
#include <imad/util.h>

/* Lengths of type 1, type byte included, that say which algorithm it is. */
enum { DIGEST_LEN_MD5 = 17, DIGEST_LEN_SHA1 = 21 };

static int bad(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EBADMSG;
}

/* Type 1: an MD5 was once stored in the room of a SHA-1, with zeros behind it. */
static const struct algo *digest_algo(const uint8_t *p, size_t n)
{
	static const uint8_t zeros[DIGEST_LEN_SHA1 - DIGEST_LEN_MD5];

	if (n == DIGEST_LEN_SHA1)
		return algo_by_id(memcmp(p + DIGEST_LEN_MD5, zeros, sizeof(zeros)) ? ALGO_SHA1 : ALGO_MD5);
	return n == DIGEST_LEN_MD5 ? algo_by_id(ALGO_MD5) : NULL;
}

static int decode_digest(const uint8_t *p, size_t n, struct label *ret, const char **why)
{
	const struct algo *algo = digest_algo(p, n);

	if (n < 2)
		return bad(why, "no digest");
	*ret = (struct label){ .type = p[0], .algo = algo, .bytes = p + 1, .len = algo ? algo->size : n - 1 };
	return 0;
}

static int decode_digest_ng(const uint8_t *p, size_t n, struct label *ret, const char **why)
{
	const struct algo *algo = n >= 2 ? algo_by_id(p[1]) : NULL;

	if (n < 2)
		return bad(why, "no hash algorithm");
	if (!algo)
		return bad(why, "unknown hash algorithm");
	if (n - 2 < algo->size)
		return bad(why, "digest is cut");
	*ret = (struct label){ .type = p[0], .algo = algo, .bytes = p + 2, .len = algo->size };
	return 0;
}

int label_decode_signature(const uint8_t *p, size_t n, struct label *ret, const char **why)
{
	struct label l = { .type = n ? p[0] : 0 };

	if (n < 2)
		return bad(why, "no signature version");
	l.version = p[1];
	l.bytes = p + 2;
	l.len = n - 2;
	if (l.version != 2 && l.version != 3) {
		*ret = l;
		return 0;
	}
	if (n <= LABEL_SIGNATURE_HEADER)
		return bad(why, "signature is cut");
	l.algo = algo_by_id(p[2]);
	if (!l.algo)
		return bad(why, "unknown hash algorithm");
	l.key_id = (uint32_t)p[3] << 24 | p[4] << 16 | p[5] << 8 | p[6];
	l.bytes = p + LABEL_SIGNATURE_HEADER;
	l.len = n - LABEL_SIGNATURE_HEADER;
	if (l.len != (size_t)(p[7] << 8 | p[8]))
		return bad(why, "signature is not as long as its header says");
	*ret = l;
	return 0;
}

int label_decode(const void *p, size_t n, struct label *ret, const char **why)
{
	const uint8_t *bytes = p;

	if (!n)
		return bad(why, "empty");
	switch (bytes[0]) {
	case LABEL_DIGEST:
		return decode_digest(bytes, n, ret, why);
	case LABEL_DIGEST_NG:
		return decode_digest_ng(bytes, n, ret, why);
	case LABEL_SIGNATURE:
	case LABEL_VERITY:
		return label_decode_signature(bytes, n, ret, why);
	}
	return bad(why, "unknown type");
}

const struct algo *label_algo(const void *p, size_t n)
{
	const uint8_t *bytes = p;

	if (n < 2)
		return NULL;
	switch (bytes[0]) {
	case LABEL_DIGEST:
		return digest_algo(bytes, n);
	case LABEL_DIGEST_NG:
		return algo_by_id(bytes[1]);
	case LABEL_SIGNATURE:
	case LABEL_VERITY:
		if (n <= LABEL_SIGNATURE_HEADER)
			return NULL;
		return bytes[1] == 3 || (bytes[1] == 2 && bytes[0] == LABEL_SIGNATURE) ? algo_by_id(bytes[2])
										       : NULL;
	}
	return NULL;
}

bool label_is_signature(const struct label *l)
{
	return l->type == LABEL_SIGNATURE || l->type == LABEL_VERITY || l->type == LABEL_PORTABLE;
}

bool label_holds(const struct label *l, const struct digest *d)
{
	return !label_is_signature(l) && (!l->algo || l->algo->id == d->algo) && l->len >= d->size &&
	       memcmp(l->bytes, d->bytes, d->size) == 0;
}

size_t label_encode_digest(const struct digest *d, uint8_t out[LABEL_DIGEST_MAX])
{
	size_t n = 0;

	out[n++] = d->algo <= ALGO_SHA1 ? LABEL_DIGEST : LABEL_DIGEST_NG;
	if (d->algo > ALGO_SHA1)
		out[n++] = d->algo;
	memcpy(out + n, d->bytes, d->size);
	return n + d->size;
}

int label_encode_signature(const struct label *l, struct buf *out)
{
	if (!label_is_signature(l) || (l->version != 2 && l->version != 3) || !l->algo || !l->len ||
	    l->len > LABEL_SIGNATURE_MAX)
		return -EINVAL;

	const uint8_t header[LABEL_SIGNATURE_HEADER] = {
		l->type,	l->version, l->algo->id, l->key_id >> 24, l->key_id >> 16,
		l->key_id >> 8, l->key_id,  l->len >> 8, l->len,
	};

	buf_add(out, header, sizeof(header));
	buf_add(out, l->bytes, l->len);
	return buf_error(out);
}

int label_print(const struct label *l, struct buf *out)
{
	const char *what = l->type == LABEL_VERITY ? "verity signature" : l->type == LABEL_PORTABLE ? "portable signature" : "signature";

	if (!label_is_signature(l)) {
		buf_addf(out, "digest %s ", l->algo ? l->algo->name : "of the default hash");
		buf_add_hex(out, l->bytes, l->len);
	} else if (l->algo) {
		buf_addf(out, "%s v%u %s key %08x, %zu bytes", what, l->version, l->algo->name, l->key_id,
			 l->len);
	} else {
		buf_addf(out, "%s of unknown version %u", what, l->version);
	}
	return buf_error(out);
}
