/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates as field lists, and the table of fields: how each is encoded, read
 * and printed. A field is stored as u32 length and bytes; only the template
 * "ima" is older than that rule and has two exceptions, both in field_read().
 */
#include <string.h>

#include <imad/util.h>

#include "template_priv.h"

/* The bytes of one field of a record. */
struct value {
	const uint8_t *p;
	size_t n;
};

/*
 * @text: a string that ends in NUL, which a value then does not count.
 * @decode is NULL for what readers ask for by template_each() only.
 */
struct field {
	const char *id;
	bool text;
	template_encoder *encode;
	int (*print)(struct value v, struct buf *out);
	int (*decode)(struct value v, struct template_fields *ret);
};

static const struct template templates[] = {
	{ "ima-ng", "d-ng|n-ng" },
	{ "ima-sig", "d-ng|n-ng|sig" },
	{ "ima", "d|n" },
	{ "ima-ngv2", "d-ngv2|n-ng" },
	{ "ima-sigv2", "d-ngv2|n-ng|sig" },
	{ "ima-buf", "d-ng|n-ng|buf" },
	{ "ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig" },
	{ "evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode" },
};

static bool is(const char *text, const char *other, size_t len)
{
	return strlen(text) == len && !memcmp(text, other, len);
}

/* --- Printing */

static int print_hex(struct value v, struct buf *out)
{
	buf_add_hex(out, v.p, v.n);
	return 0;
}

static int print_text(struct value v, struct buf *out)
{
	buf_add(out, v.p, v.n);
	return 0;
}

/* Splits "sha256:\0" from the digest behind it. */
static int split_prefix(struct value v, struct value *prefix, struct value *digest)
{
	const uint8_t *nul = memchr(v.p, 0, v.n);

	if (!nul || nul == v.p || nul[-1] != ':')
		return -EBADMSG;
	*prefix = (struct value){ v.p, (size_t)(nul - v.p) };
	*digest = (struct value){ nul + 1, v.n - prefix->n - 1 };
	return 0;
}

static int print_digest(struct value v, struct buf *out)
{
	struct value prefix, digest;

	if (!v.n)
		return 0; /* d-modsig of a file without one */
	if (split_prefix(v, &prefix, &digest) < 0)
		return -EBADMSG;
	if (prefix.n > 1) /* the kernel leaves out a lone ':' */
		buf_add(out, prefix.p, prefix.n);
	buf_add_hex(out, digest.p, digest.n);
	return 0;
}

static int print_uint(struct value v, struct buf *out)
{
	uint64_t n = 0;

	if (!v.n)
		return 0; /* a record without a file */
	if (v.n != 1 && v.n != 2 && v.n != 4 && v.n != 8)
		return -EBADMSG;
	for (size_t i = v.n; i > 0; i--)
		n = n << 8 | v.p[i - 1];
	buf_addf(out, "%llu", (unsigned long long)n);
	return 0;
}

/* --- Decoding */

static int set_digest(struct value v, const struct algo *algo, struct template_fields *ret)
{
	if (!algo || v.n != algo->size)
		return -EBADMSG;
	ret->digest = (struct digest){ .algo = algo->id, .size = algo->size };
	memcpy(ret->digest.bytes, v.p, v.n);
	return 0;
}

/* Nothing stored says which algorithm: the kernel allows these two, of different size. */
static int decode_legacy_digest(struct value v, struct template_fields *ret)
{
	return set_digest(v, algo_by_id(v.n == TEMPLATE_IMA_DIGEST ? ALGO_SHA1 : ALGO_MD5), ret);
}

static int decode_digest(struct value v, struct template_fields *ret)
{
	struct value prefix, digest;

	if (split_prefix(v, &prefix, &digest) < 0)
		return -EBADMSG;
	return set_digest(digest, algo_by_name((const char *)prefix.p, prefix.n - 1), ret);
}

/* "ima:sha256:\0" or "verity:sha256:\0" */
static int decode_typed_digest(struct value v, struct template_fields *ret)
{
	const uint8_t *colon = memchr(v.p, ':', v.n);
	size_t type = colon ? (size_t)(colon - v.p) : 0;

	if (!(type == 3 && !memcmp(v.p, "ima", 3)) && !(type == 6 && !memcmp(v.p, "verity", 6)))
		return -EBADMSG;
	return decode_digest((struct value){ colon + 1, v.n - type - 1 }, ret);
}

static int decode_name(struct value v, struct template_fields *ret)
{
	ret->name = (const char *)v.p;
	ret->name_len = v.n;
	return 0;
}

static int decode_sig(struct value v, struct template_fields *ret)
{
	ret->sig = v.p;
	ret->sig_len = v.n;
	return 0;
}

static const struct field fields[] = {
	{ "d-ng", false, template_encode_digest, print_digest, decode_digest },
	{ "n-ng", true, template_encode_name, print_text, decode_name },
	{ "sig", false, template_encode_sig, print_hex, decode_sig },
	{ "d", false, template_encode_d, print_hex, decode_legacy_digest },
	{ "n", true, template_encode_n, print_text, decode_name },
	{ "d-ngv2", false, template_encode_typed_digest, print_digest, decode_typed_digest },
	{ "buf", false, template_encode_buf, print_hex, NULL },
	{ "d-modsig", false, template_encode_modsig_digest, print_digest, NULL },
	{ "modsig", false, template_encode_modsig, print_hex, NULL },
	{ "evmsig", false, template_encode_evmsig, print_hex, NULL },
	{ "xattrnames", true, template_encode_xattr_names, print_text, NULL },
	{ "xattrlengths", false, template_encode_xattr_lengths, print_hex, NULL },
	{ "xattrvalues", false, template_encode_xattr_values, print_hex, NULL },
	{ "iuid", false, template_encode_uid, print_uint, NULL },
	{ "igid", false, template_encode_gid, print_uint, NULL },
	{ "imode", false, template_encode_mode, print_uint, NULL },
};

/* --- Walking */

static const struct field *field_find(const char *id, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (is(fields[i].id, id, len))
			return &fields[i];
	return NULL;
}

/* The first field of *@format, NULL if unknown; *@format moves behind it, to NULL after the last. */
static const struct field *field_next(const char **format, size_t *len)
{
	const char *id = *format, *bar = memchr(id, '|', *len);
	size_t n = bar ? (size_t)(bar - id) : *len;

	*format = bar ? bar + 1 : NULL;
	*len -= bar ? n + 1 : n;
	return field_find(id, n);
}

static int field_read(const struct field *f, bool legacy, struct reader *in, struct value *ret)
{
	struct value v = { .n = TEMPLATE_IMA_DIGEST };
	uint32_t n;

	if (!legacy || f->text) {
		if (reader_le32(in, &n) < 0)
			return -EBADMSG;
		v.n = n;
	}
	if (reader_bytes(in, v.n, &v.p) < 0)
		return -EBADMSG;
	if (f->text && !legacy && v.n && v.p[--v.n] != 0)
		return -EBADMSG;
	/* The kernel would print up to the first NUL: two records that differ must not look the same. */
	if (f->text && memchr(v.p, 0, v.n))
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* Calls @each for every field of @n bytes of data, which must be exactly the fields of @t. */
static int fields_walk(const struct template *t, const uint8_t *data, size_t n,
		       int (*each)(const struct field *f, struct value v, void *arg), void *arg)
{
	struct reader in = { data, n };
	bool legacy = template_is_legacy(t);
	size_t left = strlen(t->format);

	for (const char *format = t->format; format;) {
		const struct field *f = field_next(&format, &left);
		struct value v;

		if (!f || field_read(f, legacy, &in, &v) < 0 || each(f, v, arg) < 0)
			return -EBADMSG;
	}
	return in.left ? -EBADMSG : 0;
}

static int print_one(const struct field *f, struct value v, void *arg)
{
	struct buf *out = arg;

	buf_add_u8(out, ' ');
	return f->print(v, out);
}

/* template_each() at work. */
struct telling {
	template_field_fn *fn;
	void *arg;
	struct buf text;
};

static int tell_one(const struct field *f, struct value v, void *arg)
{
	struct telling *t = arg;
	int r;

	buf_reset(&t->text);
	r = f->print(v, &t->text);
	if (!r)
		r = buf_error(&t->text);
	if (!r)
		t->fn(t->arg, f->id, (const char *)t->text.data, t->text.len);
	return r;
}

static int decode_one(const struct field *f, struct value v, void *arg)
{
	return f->decode ? f->decode(v, arg) : 0;
}

static int encode_fields(const struct template *t, const struct template_input *in, struct buf *out)
{
	size_t left = strlen(t->format);

	for (const char *format = t->format; format;) {
		const struct field *f = field_next(&format, &left);

		if (!f || f->encode(in, out) < 0)
			return -EINVAL;
	}
	return 0;
}

const struct template *template_find(const char *name_or_format, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
		const struct template *t = &templates[i];

		if (is(t->name, name_or_format, len) || is(t->format, name_or_format, len))
			return t;
	}
	return NULL;
}

bool template_is_legacy(const struct template *t)
{
	return !strcmp(t->name, "ima");
}

bool template_has_field(const struct template *t, const char *id)
{
	const struct field *wanted = field_find(id, strlen(id));
	size_t left = strlen(t->format);

	for (const char *format = t->format; format;)
		if (field_next(&format, &left) == wanted)
			return wanted != NULL;
	return false;
}

bool template_format_valid(const char *format, size_t len)
{
	unsigned int n = 0;

	for (; format; n++)
		if (!field_next(&format, &len))
			return false;
	return n <= TEMPLATE_FIELDS_MAX;
}

int template_encode(const struct template *t, const struct template_input *in, struct buf *out)
{
	size_t start = out->len;
	int r = template_is_legacy(t) ? template_encode_legacy(in, out) : encode_fields(t, in, out);

	if (!r)
		r = buf_error(out);

	if (r < 0)
		out->len = start;
	return r;
}

int template_print(const struct template *t, const uint8_t *data, size_t n, struct buf *out)
{
	size_t start = out->len;
	int r = fields_walk(t, data, n, print_one, out);

	if (!r)
		r = buf_error(out);
	if (r < 0)
		out->len = start;
	return r;
}

int template_decode(const struct template *t, const uint8_t *data, size_t n, struct template_fields *ret)
{
	struct template_fields d = { 0 };
	int r = fields_walk(t, data, n, decode_one, &d);

	if (!r)
		*ret = d;
	return r;
}

int template_each(const struct template *t, const uint8_t *data, size_t n, template_field_fn *fn, void *arg)
{
	struct telling telling = { .fn = fn, .arg = arg };
	int r = fields_walk(t, data, n, tell_one, &telling);

	buf_done(&telling.text);
	return r;
}

void template_meta_done(struct template_meta *m)
{
	buf_done(&m->evmsig);
	buf_done(&m->xattr_names);
	buf_done(&m->xattr_lengths);
	buf_done(&m->xattr_values);
	*m = (struct template_meta){ 0 };
}

bool template_needs_meta(const struct template *t)
{
	static const char *const ids[] = { "evmsig", "xattrnames", "xattrlengths", "xattrvalues", "iuid", "igid", "imode" };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (template_has_field(t, ids[i]))
			return true;
	return false;
}
