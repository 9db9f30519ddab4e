/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON envelope of evidence. */
#include <string.h>

#include <json-c/json.h>
#include <openssl/evp.h>

#include <imad/evidence.h>
#include <imad/jsontext.h>

#define DEPTH_MAX  4
#define VERSION	   1
#define FORMAT	   "imad-evidence"
#define ENCODING   "ima-binary-le"
#define BLOB_MAX   4096 /* bytes of a quote, a signature, a key */
#define CHUNK	   (48u << 10) /* of base64, a multiple of 3 */

static void json_donep(struct json_object **o)
{
	json_object_put(*o);
}

void evidence_done(struct evidence *e)
{
	buf_done(&e->nonce);
	buf_done(&e->attest);
	buf_done(&e->signature);
	buf_done(&e->ak);
	buf_done(&e->list);
	buf_done(&e->checkpoint);
}

/* --- base64 */

int base64_encode(const void *p, size_t n, struct buf *out)
{
	unsigned char text[CHUNK / 3 * 4 + 1];
	const uint8_t *from = p;

	while (n > 0) {
		size_t step = MIN(n, (size_t)CHUNK);
		int len = EVP_EncodeBlock(text, from, (int)step);

		buf_add(out, text, (size_t)len);
		from += step;
		n -= step;
	}
	return buf_error(out);
}

/* Characters of the alphabet only, '=' only at the end: EVP_DecodeBlock() would skip blanks. */
static bool is_base64(const char *text, size_t n)
{
	size_t end = n;

	if (n % 4)
		return false;
	while (end > 0 && n - end < 2 && text[end - 1] == '=')
		end--;
	for (size_t i = 0; i < end; i++) {
		char c = text[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/')
			return false;
	}
	return true;
}

int base64_decode(const char *text, size_t n, struct buf *out)
{
	size_t padding = 0, start = out->len;
	uint8_t bytes[CHUNK];

	if (!is_base64(text, n))
		return -EBADMSG;
	while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
		padding++;
	for (size_t at = 0; at < n;) {
		size_t step = MIN(n - at, (size_t)CHUNK / 3 * 4);
		int len = EVP_DecodeBlock(bytes, (const unsigned char *)text + at, (int)step);

		if (len < 0) {
			out->len = start;
			return -EBADMSG;
		}
		at += step;
		buf_add(out, bytes, (size_t)len - (at == n ? padding : 0));
	}
	return buf_error(out);
}

/* --- reading: each names the member that is wrong */


static int wrong(struct parse_error *e, const char *member, const char *why)
{
	*e = (struct parse_error){ .why = why };
	(void)strncpy(e->token, member, sizeof(e->token) - 1);
	return -EBADMSG;
}

/* @path "list.from" below @root; NULL and the reason when it is not there or of another type. */
static struct json_object *get(struct json_object *root, const char *path, enum json_type type, struct parse_error *e)
{
	const char *dot = strchr(path, '.');
	char part[32];
	struct json_object *o = root;

	if (dot) {
		memcpy(part, path, (size_t)(dot - path));
		part[dot - path] = '\0';
		if (!json_object_object_get_ex(root, part, &o) || !json_object_is_type(o, json_type_object)) {
			wrong(e, part, "missing or not an object");
			return NULL;
		}
	}
	if (!json_object_object_get_ex(o, dot ? dot + 1 : path, &o)) {
		wrong(e, path, "missing");
		return NULL;
	}
	if (json_object_is_type(o, type))
		return o;
	wrong(e, path, "of a wrong type");
	return NULL;
}

static int get_text(struct json_object *root, const char *path, size_t max, const char **ret, size_t *len,
		    struct parse_error *e)
{
	struct json_object *o = get(root, path, json_type_string, e);
	size_t n;

	if (!o)
		return -EBADMSG;
	n = (size_t)json_object_get_string_len(o);
	if (n > max)
		return wrong(e, path, "too long");
	*ret = json_object_get_string(o);
	if (memchr(*ret, 0, n))
		return wrong(e, path, "holds a NUL");
	*len = n;
	return 0;
}

static int get_base64(struct json_object *root, const char *path, size_t max, struct buf *ret, struct parse_error *e)
{
	const char *text;
	size_t n;
	int r = get_text(root, path, max / 3 * 4 + 4, &text, &n, e);

	if (r == 0)
		r = base64_decode(text, n, ret);
	return r == -EBADMSG && !e->why ? wrong(e, path, "not base64") : r;
}

static int get_hex(struct json_object *root, const char *path, size_t max, struct buf *ret, struct parse_error *e)
{
	uint8_t bytes[BLOB_MAX];
	const char *text;
	size_t n;
	int r = get_text(root, path, 2 * max, &text, &n, e);

	if (r < 0)
		return r;
	if (n % 2 || hex_decode(text, n, bytes, n / 2) < 0)
		return wrong(e, path, "not hex");
	buf_add(ret, bytes, n / 2);
	return buf_error(ret);
}

static int get_count(struct json_object *root, const char *path, uint64_t *ret, struct parse_error *e)
{
	struct json_object *o = get(root, path, json_type_int, e);

	if (!o)
		return -EBADMSG;
	if (json_object_get_int64(o) < 0)
		return wrong(e, path, "negative");
	*ret = (uint64_t)json_object_get_int64(o);
	return 0;
}

static int take_banks(struct json_object *banks, struct pcr_value *v, struct parse_error *e)
{
	if (!json_object_is_type(banks, json_type_object))
		return wrong(e, "pcrs", "values of a PCR are not an object");
	json_object_object_foreach(banks, name, value)
	{
		const struct algo *algo = algo_by_name(name, strlen(name));
		struct digest d = { 0 };

		if (!algo || v->n == PCR_BANKS_MAX)
			return wrong(e, "pcrs", "unknown bank, or too many");
		d = (struct digest){ .algo = algo->id, .size = algo->size };
		if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) != 2 * algo->size ||
		    hex_decode(json_object_get_string(value), 2u * algo->size, d.bytes, algo->size) < 0)
			return wrong(e, "pcrs", "a value is not hex of the bank's size");
		v->bank[v->n++] = d;
	}
	return v->n > 0 ? 0 : wrong(e, "pcrs", "a PCR without values");
}

static int take_pcrs(struct json_object *root, struct evidence *ev, struct parse_error *e)
{
	struct json_object *pcrs = get(root, "pcrs", json_type_object, e);

	if (!pcrs)
		return -EBADMSG;
	json_object_object_foreach(pcrs, name, banks)
	{
		struct pcr_value *v = &ev->pcrs[ev->n_pcrs];
		char *end;
		unsigned long pcr = strtoul(name, &end, 10);
		int r;

		if (name[0] < '0' || name[0] > '9' || *end || pcr >= PCR_COUNT)
			return wrong(e, "pcrs", "no such PCR");
		if (ev->n_pcrs == EVIDENCE_PCRS_MAX)
			return wrong(e, "pcrs", "too many PCRs");
		if (ev->n_pcrs > 0 && ev->pcrs[ev->n_pcrs - 1].pcr >= pcr)
			return wrong(e, "pcrs", "not in ascending order");
		v->pcr = (unsigned int)pcr;
		r = take_banks(banks, v, e);
		if (r < 0)
			return r;
		ev->n_pcrs++;
	}
	return ev->n_pcrs > 0 ? 0 : wrong(e, "pcrs", "empty");
}

static int take_list(struct json_object *root, struct evidence *ev, struct parse_error *e)
{
	struct json_object *imported, *data;
	const char *encoding;
	size_t n;
	int r = get_text(root, "list.encoding", sizeof(ENCODING) - 1, &encoding, &n, e);

	if (r == 0 && strcmp(encoding, ENCODING) != 0)
		r = wrong(e, "list.encoding", "unknown");
	if (r == 0)
		r = get_count(root, "list.from", &ev->from, e);
	if (r == 0)
		r = get_count(root, "list.quoted", &ev->quoted, e);
	if (r == 0)
		r = get_count(root, "list.total", &ev->total, e);
	if (r < 0)
		return r;
	if (ev->from > ev->quoted || ev->quoted > ev->total)
		return wrong(e, "list.quoted", "not between from and total");
	imported = get(root, "list.imported", json_type_boolean, e);
	if (!imported)
		return -EBADMSG;
	ev->imported = json_object_get_boolean(imported);
	ev->has_list = json_object_object_get_ex(json_object_object_get(root, "list"), "data", &data);
	return ev->has_list ? get_base64(root, "list.data", EVIDENCE_TEXT_MAX, &ev->list, e) : 0;
}

static int take_head(struct json_object *root, struct parse_error *e)
{
	const char *format;
	uint64_t version = 0;
	size_t n;
	int r = get_text(root, "format", 64, &format, &n, e);

	if (r == 0 && strcmp(format, FORMAT) != 0)
		r = wrong(e, "format", "not " FORMAT);
	if (r == 0)
		r = get_count(root, "version", &version, e);
	return r == 0 && version != VERSION ? wrong(e, "version", "unknown") : r;
}

static bool is_uuid(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	return n == EVIDENCE_BOOT_ID;
}

static int take_all(struct json_object *root, struct evidence *ev, struct parse_error *e)
{
	const char *text;
	size_t n;
	int r = take_head(root, e);

	if (r == 0)
		r = get_hex(root, "nonce", 64, &ev->nonce, e);
	if (r == 0)
		r = get_text(root, "boot_id", EVIDENCE_BOOT_ID, &text, &n, e);
	if (r == 0 && !is_uuid(text, n))
		r = wrong(e, "boot_id", "not a UUID");
	if (r == 0)
		memcpy(ev->boot_id, text, n);
	if (r == 0)
		r = get_base64(root, "quote.attest", BLOB_MAX, &ev->attest, e);
	if (r == 0)
		r = get_base64(root, "quote.signature", BLOB_MAX, &ev->signature, e);
	if (r == 0)
		r = get_base64(root, "ak", BLOB_MAX, &ev->ak, e);
	if (r == 0)
		r = take_pcrs(root, ev, e);
	if (r == 0)
		r = take_list(root, ev, e);
	if (r == 0 && json_object_object_get_ex(root, "checkpoint", NULL))
		r = get_base64(root, "checkpoint", EVIDENCE_CHECKPOINT_MAX, &ev->checkpoint, e);
	return r;
}

int evidence_parse(const char *text, size_t n, struct evidence *ret, struct parse_error *e)
{
	cleanup(json_donep) struct json_object *root = NULL;
	struct evidence ev = { .from = 0 };
	const char *why = NULL;
	int r;

	*e = (struct parse_error){ .why = NULL };
	if (n > EVIDENCE_TEXT_MAX)
		return wrong(e, "", "too long");
	r = jsontext_read(text, n, DEPTH_MAX, &root, &why);
	if (r < 0)
		return why ? wrong(e, "", why) : r;
	r = take_all(root, &ev, e);
	if (r < 0)
		evidence_done(&ev);
	else
		*ret = ev;
	return r;
}

/* --- writing: all values are of our making, nothing in them needs escaping */

static void put_pcrs(const struct evidence *e, struct buf *out)
{
	buf_add_str(out, " \"pcrs\": {");
	for (unsigned int i = 0; i < e->n_pcrs; i++) {
		buf_addf(out, "%s\"%u\": {", i ? ", " : "", e->pcrs[i].pcr);
		for (unsigned int b = 0; b < e->pcrs[i].n; b++) {
			const struct digest *d = &e->pcrs[i].bank[b];

			buf_addf(out, "%s\"%s\": \"", b ? ", " : "", algo_by_id(d->algo)->name);
			buf_add_hex(out, d->bytes, d->size);
			buf_add_str(out, "\"");
		}
		buf_add_str(out, "}");
	}
	buf_add_str(out, "},\n");
}

int evidence_format(const struct evidence *e, struct buf *out)
{
	buf_addf(out, "{\"format\": \"%s\", \"version\": %d,\n \"nonce\": \"", FORMAT, VERSION);
	buf_add_hex(out, e->nonce.data, e->nonce.len);
	buf_addf(out, "\",\n \"boot_id\": \"%s\",\n \"quote\": {\"attest\": \"", e->boot_id);
	(void)base64_encode(e->attest.data, e->attest.len, out);
	buf_add_str(out, "\",\n           \"signature\": \"");
	(void)base64_encode(e->signature.data, e->signature.len, out);
	buf_add_str(out, "\"},\n \"ak\": \"");
	(void)base64_encode(e->ak.data, e->ak.len, out);
	buf_add_str(out, "\",\n");
	put_pcrs(e, out);
	if (e->checkpoint.len > 0) {
		buf_add_str(out, " \"checkpoint\": \"");
		(void)base64_encode(e->checkpoint.data, e->checkpoint.len, out);
		buf_add_str(out, "\",\n");
	}
	buf_addf(out, " \"list\": {\"encoding\": \"%s\", \"from\": %llu, \"quoted\": %llu, \"total\": %llu, \"imported\": %s",
		 ENCODING, (unsigned long long)e->from, (unsigned long long)e->quoted, (unsigned long long)e->total,
		 e->imported ? "true" : "false");
	if (e->has_list) {
		buf_add_str(out, ",\n          \"data\": \"");
		(void)base64_encode(e->list.data, e->list.len, out);
		buf_add_str(out, "\"");
	}
	buf_add_str(out, "}}\n");
	return buf_error(out);
}
