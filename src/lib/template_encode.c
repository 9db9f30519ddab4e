/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of each field, with its length before it; and template "ima", which is older than that rule. */
#include <string.h>

#include <imad/util.h>

#include "template_priv.h"

/* What field sig stores, by the value's first byte: security.ima if it is a signature over the content */
#define SIG_IMA	   3 /* or over its fs-verity digest, else security.evm if it is portable. */
#define SIG_PORTABLE 5
#define SIG_VERITY 6

static const uint8_t zeros[DIGEST_MAX];

/* What field d holds, whatever the list's hash: SHA-1. NULL: it is not there. */
static const uint8_t *legacy_digest(const struct template_input *in)
{
	if (in->violation)
		return zeros;
	return in->digest_sha1 && in->digest_sha1->algo == ALGO_SHA1 ? in->digest_sha1->bytes : NULL;
}

int template_encode_d(const struct template_input *in, struct buf *out)
{
	const uint8_t *digest = legacy_digest(in);

	if (!digest)
		return -EINVAL;
	buf_add_le32(out, TEMPLATE_IMA_DIGEST);
	buf_add(out, digest, TEMPLATE_IMA_DIGEST);
	return 0;
}

/* @type: what stands before the algorithm's name. */
static int add_digest(const struct digest *d, const char *type, bool violation, struct buf *out)
{
	const struct algo *algo = d ? algo_by_id(d->algo) : NULL;

	if (!algo || (!violation && d->size != algo->size))
		return -EINVAL;
	buf_add_le32(out, (uint32_t)(strlen(type) + strlen(algo->name) + 2 + algo->size));
	buf_add_str(out, type);
	buf_add_str(out, algo->name);
	buf_add(out, ":", 2); /* with NUL */
	buf_add(out, violation ? zeros : d->bytes, algo->size);
	return 0;
}

int template_encode_digest(const struct template_input *in, struct buf *out)
{
	return add_digest(in->digest, "", in->violation, out);
}

int template_encode_typed_digest(const struct template_input *in, struct buf *out)
{
	return add_digest(in->digest, in->verity && !in->violation ? "verity:" : "ima:", in->violation, out);
}

int template_encode_modsig_digest(const struct template_input *in, struct buf *out)
{
	if (in->digest_modsig && !in->violation)
		return add_digest(in->digest_modsig, "", false, out);
	buf_add_le32(out, 0);
	return 0;
}

/* A blank would make the ASCII list ambiguous: the kernel stores and hashes '_' instead. */
static void add_name(struct buf *out, const char *name, size_t n)
{
	for (;;) {
		const char *blank = memchr(name, ' ', n);
		size_t word = blank ? (size_t)(blank - name) : n;

		buf_add(out, name, word);
		if (!blank)
			return;
		buf_add_u8(out, '_');
		name += word + 1;
		n -= word + 1;
	}
}

/* Too long a path leaves its last component, as in ima_eventname_init_common(). */
static const char *legacy_name(const char *name, size_t *n)
{
	const char *slash = strrchr(name, '/');

	if (strlen(name) > TEMPLATE_IMA_NAME_MAX && slash)
		name = slash + 1;
	*n = MIN(strlen(name), (size_t)TEMPLATE_IMA_NAME_MAX);
	return name;
}

int template_encode_n(const struct template_input *in, struct buf *out)
{
	const char *name;
	size_t n;

	if (!in->name)
		return -EINVAL;
	name = legacy_name(in->name, &n);
	buf_add_le32(out, (uint32_t)n + 1);
	add_name(out, name, n);
	buf_add_u8(out, 0);
	return 0;
}

int template_encode_legacy(const struct template_input *in, struct buf *out)
{
	const uint8_t *digest = legacy_digest(in);
	const char *name;
	size_t n;

	if (!in->name || !digest)
		return -EINVAL;
	name = legacy_name(in->name, &n);
	buf_add(out, digest, TEMPLATE_IMA_DIGEST);
	buf_add_le32(out, (uint32_t)n);
	add_name(out, name, n);
	return 0;
}

int template_encode_name(const struct template_input *in, struct buf *out)
{
	size_t n = in->name ? strlen(in->name) : 0;

	if (!in->name || n >= UINT32_MAX)
		return -EINVAL;
	buf_add_le32(out, (uint32_t)n + 1);
	add_name(out, in->name, n);
	buf_add_u8(out, 0);
	return 0;
}

static bool is_signature(uint8_t type)
{
	return type == SIG_IMA || type == SIG_PORTABLE || type == SIG_VERITY;
}

static int add_bytes(const void *p, size_t n, struct buf *out)
{
	if (n > UINT32_MAX)
		return -EINVAL;
	buf_add_le32(out, (uint32_t)n);
	if (n > 0)
		buf_add(out, p, n);
	return 0;
}

int template_encode_buf(const struct template_input *in, struct buf *out)
{
	return add_bytes(in->buf, in->buf_len, out);
}

int template_encode_modsig(const struct template_input *in, struct buf *out)
{
	return add_bytes(in->modsig, in->violation ? 0 : in->modsig_len, out);
}

/* --- Of the inode. A record without a file has these fields all the same, empty. */

static int add_meta(const struct buf *b, struct buf *out)
{
	return add_bytes(b ? b->data : NULL, b ? b->len : 0, out);
}

int template_encode_evmsig(const struct template_input *in, struct buf *out)
{
	bool portable = in->meta && in->meta->evmsig.len && in->meta->evmsig.data[0] == SIG_PORTABLE;

	return add_meta(portable ? &in->meta->evmsig : NULL, out);
}

/* A violation has what the inode has, but not what was read of the content's label. */
int template_encode_sig(const struct template_input *in, struct buf *out)
{
	const uint8_t *sig = in->sig;
	bool any = sig && in->sig_len > 0;

	if (any && (in->violation ? sig[0] == SIG_PORTABLE : is_signature(sig[0])))
		return add_bytes(sig, in->sig_len, out);
	return template_encode_evmsig(in, out);
}

int template_encode_xattr_names(const struct template_input *in, struct buf *out)
{
	return add_meta(in->meta ? &in->meta->xattr_names : NULL, out);
}

int template_encode_xattr_lengths(const struct template_input *in, struct buf *out)
{
	return add_meta(in->meta ? &in->meta->xattr_lengths : NULL, out);
}

int template_encode_xattr_values(const struct template_input *in, struct buf *out)
{
	return add_meta(in->meta ? &in->meta->xattr_values : NULL, out);
}

static int add_id(const struct template_meta *m, uint32_t id, struct buf *out)
{
	buf_add_le32(out, m ? (uint32_t)sizeof(id) : 0);
	if (m)
		buf_add_le32(out, id);
	return 0;
}

int template_encode_uid(const struct template_input *in, struct buf *out)
{
	return add_id(in->meta, in->meta ? in->meta->uid : 0, out);
}

int template_encode_gid(const struct template_input *in, struct buf *out)
{
	return add_id(in->meta, in->meta ? in->meta->gid : 0, out);
}

int template_encode_mode(const struct template_input *in, struct buf *out)
{
	const struct template_meta *m = in->meta;

	buf_add_le32(out, m ? 2 : 0);
	if (m) {
		buf_add_u8(out, (uint8_t)m->mode);
		buf_add_u8(out, (uint8_t)(m->mode >> 8));
	}
	return 0;
}
