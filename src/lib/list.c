/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the measurement list: parse, encode, print, digest. What is in the data is template.c's. */
#include <string.h>

#include <imad/digest.h>
#include <imad/list.h>
#include <imad/util.h>

#define LEGACY_PADDED 256 /* what the name of template "ima" is padded to when hashed */

/* A record as it lies in the bytes. */
struct raw {
	uint32_t pcr, name_len, data_len;
	const uint8_t *header, *name, *data;
	const struct template *template; /* NULL: the name is a format */
};

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static int parse_header(struct reader *in, struct raw *raw, const char **why)
{
	if (reader_le32(in, &raw->pcr) < 0)
		return -EAGAIN;
	if (raw->pcr > LIST_PCR_MAX)
		return refuse(why, "PCR index out of range");
	return reader_bytes(in, LIST_HEADER_DIGEST, &raw->header) < 0 ? -EAGAIN : 0;
}

/*
 * A format as the name is another thing than the template it equals: "d|n" has
 * the lengths that template "ima" lacks, and it must be written as it was read.
 */
static int parse_template(struct reader *in, struct raw *raw, const char **why)
{
	const char *name;

	if (reader_le32(in, &raw->name_len) < 0)
		return -EAGAIN;
	if (!raw->name_len)
		return refuse(why, "empty template name");
	if (raw->name_len > LIST_NAME_MAX)
		return refuse(why, "template name too long");
	if (reader_bytes(in, raw->name_len, &raw->name) < 0)
		return -EAGAIN;

	name = (const char *)raw->name;
	raw->template = template_find(name, raw->name_len);
	if (raw->template && strncmp(raw->template->name, name, raw->name_len))
		raw->template = NULL; /* found by its format */
	if (!raw->template && !template_format_valid(name, raw->name_len))
		return refuse(why, "unknown template");
	return 0;
}

/* Template "ima" has no data length: its own parts tell it. */
static int parse_legacy_length(struct reader in, uint32_t *ret, const char **why)
{
	const uint8_t *digest;
	uint32_t n;

	if (reader_bytes(&in, TEMPLATE_IMA_DIGEST, &digest) < 0 || reader_le32(&in, &n) < 0)
		return -EAGAIN;
	if (n > TEMPLATE_IMA_NAME_MAX)
		return refuse(why, "name too long for template ima");
	*ret = TEMPLATE_IMA_DIGEST + (uint32_t)sizeof(n) + n;
	return 0;
}

static int parse_data(struct reader *in, struct raw *raw, const char **why)
{
	int r;

	if (raw->template && template_is_legacy(raw->template))
		r = parse_legacy_length(*in, &raw->data_len, why);
	else
		r = reader_le32(in, &raw->data_len) < 0 ? -EAGAIN : 0;
	if (r < 0)
		return r;
	if (raw->data_len > LIST_DATA_MAX)
		return refuse(why, "template data too long");
	return reader_bytes(in, raw->data_len, &raw->data) < 0 ? -EAGAIN : 0;
}

static void fill(struct list_record *r, const struct raw *raw)
{
	static const uint8_t zeros[LIST_HEADER_DIGEST];

	r->pcr = raw->pcr;
	memcpy(r->header_digest, raw->header, LIST_HEADER_DIGEST);
	r->violation = !memcmp(raw->header, zeros, LIST_HEADER_DIGEST);
	r->data = raw->data;
	r->data_len = raw->data_len;
	r->template = raw->template;
	if (raw->template)
		return;
	memcpy(r->format, raw->name, raw->name_len);
	r->format[raw->name_len] = '\0';
	r->custom = (struct template){ .name = r->format, .format = r->format };
	r->template = &r->custom;
}

ssize_t list_parse(const uint8_t *p, size_t n, struct list_record *ret, const char **why)
{
	struct reader in = { p, n };
	struct raw raw = { 0 };
	int r;

	if (!n)
		return -ENODATA;
	r = parse_header(&in, &raw, why);
	if (!r)
		r = parse_template(&in, &raw, why);
	if (!r)
		r = parse_data(&in, &raw, why);
	if (r < 0)
		return r;
	fill(ret, &raw);
	return (ssize_t)(n - in.left);
}

/* The parts of the data of template "ima". */
static int split_legacy(const struct list_record *r, const uint8_t **digest, struct reader *name)
{
	struct reader in = { r->data, r->data_len };
	uint32_t n;

	if (reader_bytes(&in, TEMPLATE_IMA_DIGEST, digest) < 0 || reader_le32(&in, &n) < 0 || n != in.left ||
	    n > TEMPLATE_IMA_NAME_MAX)
		return -EBADMSG;
	*name = in;
	return 0;
}

/* Whether list_parse() would take the record again as it is. */
static bool can_encode(const struct list_record *r)
{
	const uint8_t *digest;
	struct reader name;

	if (r->pcr > LIST_PCR_MAX || strlen(r->template->name) > LIST_NAME_MAX || r->data_len > LIST_DATA_MAX)
		return false;
	return !template_is_legacy(r->template) || !split_legacy(r, &digest, &name);
}

static int encode_with(const struct list_record *r, const uint8_t *digest, size_t size, struct buf *out)
{
	size_t start = out->len;

	if (!can_encode(r))
		return -EBADMSG;
	buf_add_le32(out, r->pcr);
	buf_add(out, digest, size);
	buf_add_le32(out, (uint32_t)strlen(r->template->name));
	buf_add_str(out, r->template->name);
	if (!template_is_legacy(r->template))
		buf_add_le32(out, (uint32_t)r->data_len);
	buf_add(out, r->data, r->data_len);
	if (buf_error(out) < 0)
		out->len = start;
	return buf_error(out);
}

int list_encode(const struct list_record *r, struct buf *out)
{
	return encode_with(r, r->header_digest, LIST_HEADER_DIGEST, out);
}

static int print_with(const struct list_record *r, const uint8_t *digest, size_t size, struct buf *out)
{
	size_t start = out->len;
	int err;

	buf_addf(out, "%2u ", r->pcr);
	buf_add_hex(out, digest, size);
	buf_add_u8(out, ' ');
	buf_add_str(out, r->template->name);
	err = template_print(r->template, r->data, r->data_len, out);
	buf_add_u8(out, '\n');
	if (!err)
		err = buf_error(out);
	if (err < 0)
		out->len = start;
	return err;
}

int list_print(const struct list_record *r, struct buf *out)
{
	return print_with(r, r->header_digest, LIST_HEADER_DIGEST, out);
}

static int legacy_digest(const struct list_record *r, const struct algo *algo, struct digest *ret)
{
	uint8_t hashed[TEMPLATE_IMA_DIGEST + LEGACY_PADDED] = { 0 };
	const uint8_t *digest;
	struct reader name;

	if (split_legacy(r, &digest, &name) < 0)
		return -EBADMSG;
	memcpy(hashed, digest, TEMPLATE_IMA_DIGEST);
	memcpy(hashed + TEMPLATE_IMA_DIGEST, name.p, name.left);
	return digest_buf(algo, hashed, sizeof(hashed), ret);
}

int list_template_digest(const struct list_record *r, const struct algo *algo, struct digest *ret)
{
	if (r->violation) {
		*ret = (struct digest){ .algo = algo->id, .size = algo->size };
		memset(ret->bytes, 0xff, algo->size);
		return 0;
	}
	if (template_is_legacy(r->template))
		return legacy_digest(r, algo, ret);
	return digest_buf(algo, r->data, r->data_len, ret);
}

int list_make(uint32_t pcr, const struct template *t, const struct template_input *in, struct buf *data,
	      struct list_record *ret)
{
	struct list_record rec = { .pcr = pcr, .template = t, .violation = in->violation };
	size_t start = data->len;
	struct digest d;
	int r;

	r = template_encode(t, in, data);
	if (r < 0)
		return r;
	rec.data = data->data + start;
	rec.data_len = data->len - start;
	r = can_encode(&rec) ? list_template_digest(&rec, algo_by_id(ALGO_SHA1), &d) : -EINVAL;
	if (r < 0) {
		data->len = start;
		return r;
	}
	if (!rec.violation)
		memcpy(rec.header_digest, d.bytes, LIST_HEADER_DIGEST);
	*ret = rec;
	return 0;
}

/* What stands in the list of a bank: of a violation zeros, though 0xff is extended. */
static int bank_digest(const struct list_record *r, const struct algo *algo, struct digest *ret)
{
	if (!r->violation)
		return list_template_digest(r, algo, ret);
	*ret = (struct digest){ .algo = algo->id, .size = algo->size };
	return 0;
}

int list_encode_bank(const struct list_record *r, const struct algo *algo, struct buf *out)
{
	struct digest d;
	int err = bank_digest(r, algo, &d);

	return err < 0 ? err : encode_with(r, d.bytes, d.size, out);
}

int list_print_bank(const struct list_record *r, const struct algo *algo, struct buf *out)
{
	struct digest d;
	int err = bank_digest(r, algo, &d);

	return err < 0 ? err : print_with(r, d.bytes, d.size, out);
}
