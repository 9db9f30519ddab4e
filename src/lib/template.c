/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates as field lists, and the table of fields: how each is encoded, read
 * and printed. A field is stored as u32 length and bytes; only the template
 * "ima" is older than that rule and has two exceptions, both in field_read().
 */
#include <string.h>

#include <imad/template.h>
#include <imad/util.h>

#define FIELDS_MAX 15 /* of one template: IMA_TEMPLATE_NUM_FIELDS_MAX */

/* What field sig stores, by the value's first byte: security.ima if it is a signature over the content */
#define SIG_IMA	   3 /* or over its fs-verity digest, else security.evm if it is portable. */
#define SIG_PORTABLE 5
#define SIG_VERITY 6

/* The bytes of one field of a record. */
struct value {
	const uint8_t *p;
	size_t n;
};

/*
 * @text: a string that ends in NUL, which a value then does not count.
 * @encode is NULL for what imad cannot measure; @decode for what readers do not ask for.
 */
struct field {
	const char *id;
	bool text;
	int (*encode)(const struct template_input *in, struct buf *out);
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

static const uint8_t zeros[DIGEST_MAX];

static bool is(const char *text, const char *other, size_t len)
{
	return strlen(text) == len && !memcmp(text, other, len);
}

/* --- Encoding. Each writes its length too, but for the two of template "ima". */

static int encode_legacy_digest(const struct template_input *in, struct buf *out)
{
	if (in->violation) {
		buf_add(out, zeros, TEMPLATE_IMA_DIGEST);
		return 0;
	}
	if (!in->digest_sha1 || in->digest_sha1->algo != ALGO_SHA1)
		return -EINVAL;
	buf_add(out, in->digest_sha1->bytes, TEMPLATE_IMA_DIGEST);
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

static int encode_digest(const struct template_input *in, struct buf *out)
{
	return add_digest(in->digest, "", in->violation, out);
}

static int encode_typed_digest(const struct template_input *in, struct buf *out)
{
	return add_digest(in->digest, in->verity && !in->violation ? "verity:" : "ima:", in->violation, out);
}

static int encode_modsig_digest(const struct template_input *in, struct buf *out)
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
static int encode_legacy_name(const struct template_input *in, struct buf *out)
{
	const char *name = in->name, *slash;
	size_t n;

	if (!name)
		return -EINVAL;
	slash = strrchr(name, '/');
	if (strlen(name) > TEMPLATE_IMA_NAME_MAX && slash)
		name = slash + 1;
	n = MIN(strlen(name), (size_t)TEMPLATE_IMA_NAME_MAX);
	buf_add_le32(out, (uint32_t)n);
	add_name(out, name, n);
	return 0;
}

static int encode_name(const struct template_input *in, struct buf *out)
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

static int encode_sig(const struct template_input *in, struct buf *out)
{
	const uint8_t *sig = in->sig;
	bool stored = !in->violation && sig && in->sig_len && is_signature(sig[0]);
	size_t n = stored ? in->sig_len : 0;

	if (n > UINT32_MAX)
		return -EINVAL;
	buf_add_le32(out, (uint32_t)n);
	buf_add(out, sig, n);
	return 0;
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

static int encode_buf(const struct template_input *in, struct buf *out)
{
	return add_bytes(in->buf, in->buf_len, out);
}

static int encode_modsig(const struct template_input *in, struct buf *out)
{
	return add_bytes(in->modsig, in->violation ? 0 : in->modsig_len, out);
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
	{ "d-ng", false, encode_digest, print_digest, decode_digest },
	{ "n-ng", true, encode_name, print_text, decode_name },
	{ "sig", false, encode_sig, print_hex, decode_sig },
	{ "d", false, encode_legacy_digest, print_hex, decode_legacy_digest },
	{ "n", true, encode_legacy_name, print_text, decode_name },
	{ "d-ngv2", false, encode_typed_digest, print_digest, decode_typed_digest },
	{ "buf", false, encode_buf, print_hex, NULL },
	{ "d-modsig", false, encode_modsig_digest, print_digest, NULL },
	{ "modsig", false, encode_modsig, print_hex, NULL },
	{ "evmsig", false, NULL, print_hex, NULL },
	{ "xattrnames", true, NULL, print_text, NULL },
	{ "xattrlengths", false, NULL, print_hex, NULL },
	{ "xattrvalues", false, NULL, print_hex, NULL },
	{ "iuid", false, NULL, print_uint, NULL },
	{ "igid", false, NULL, print_uint, NULL },
	{ "imode", false, NULL, print_uint, NULL },
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

static int decode_one(const struct field *f, struct value v, void *arg)
{
	return f->decode ? f->decode(v, arg) : 0;
}

static int encode_fields(const struct template *t, const struct template_input *in, struct buf *out)
{
	size_t left = strlen(t->format);

	for (const char *format = t->format; format;) {
		const struct field *f = field_next(&format, &left);

		if (!f || !f->encode || f->encode(in, out) < 0)
			return -EINVAL;
	}
	return buf_error(out);
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
	return n <= FIELDS_MAX;
}

int template_encode(const struct template *t, const struct template_input *in, struct buf *out)
{
	size_t start = out->len;
	int r = encode_fields(t, in, out);

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
