/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON of approvals. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <imad/digest.h>
#include <imad/evidence.h>
#include <imad/jsontext.h>
#include <imad/pcrsig.h>

#define DEPTH_MAX 6

typedef struct json_object json;

static void json_donep(json **o)
{
	json_object_put(*o);
}

void pcrsigs_done(struct pcrsigs *s)
{
	free(s->v);
	*s = (struct pcrsigs){ 0 };
}

static int wrong(struct parse_error *e, const char *bank, const char *why)
{
	e->line = 0;
	e->why = why;
	snprintf(e->token, sizeof(e->token), "%s", bank);
	return -EBADMSG;
}

static bool get_hex(json *o, const char *key, uint8_t *ret, size_t n)
{
	json *text = json_object_object_get(o, key);

	return json_object_is_type(text, json_type_string) &&
	       hex_decode(json_object_get_string(text), (size_t)json_object_get_string_len(text), ret, n) == 0;
}

static bool get_pcrs(json *o, uint32_t *ret)
{
	json *list = json_object_object_get(o, "pcrs");

	*ret = 0;
	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json *one = json_object_array_get_idx(list, i);
		int64_t pcr = json_object_is_type(one, json_type_int) ? json_object_get_int64(one) : -1;

		if (pcr < 0 || pcr >= TPMBLOB_PCRS_MAX)
			return false;
		*ret |= 1u << pcr;
	}
	return *ret != 0;
}

static bool get_signature(json *o, struct pcrsig *p)
{
	json *text = json_object_object_get(o, "sig");
	cleanup(buf_done) struct buf sig = { 0 };

	if (!json_object_is_type(text, json_type_string) ||
	    base64_decode(json_object_get_string(text), (size_t)json_object_get_string_len(text), &sig) < 0 || !sig.len ||
	    sig.len > sizeof(p->sig))
		return false;
	p->len = (uint16_t)sig.len;
	memcpy(p->sig, sig.data, sig.len);
	return true;
}

static int parse_one(json *o, const char *bank, const struct algo *algo, struct pcrsigs *s, struct parse_error *e)
{
	struct pcrsig p = { .bank = algo->id };
	int r;

	if (!json_object_is_type(o, json_type_object))
		return wrong(e, bank, "an entry is no object");
	if (!get_pcrs(o, &p.pcrs))
		return wrong(e, bank, "pcrs must be a list of numbers below 24");
	if (!get_hex(o, "pkfp", p.key, sizeof(p.key)) || !get_hex(o, "pol", p.policy, sizeof(p.policy)))
		return wrong(e, bank, "pkfp and pol must be 64 hex digits");
	if (!get_signature(o, &p))
		return wrong(e, bank, "sig must be base64 of a signature");
	r = pcrsig_add(s, &p);
	return MIN(r, 0);
}

static int parse_bank(json *list, const char *bank, struct pcrsigs *s, struct parse_error *e)
{
	const struct algo *algo = algo_by_name(bank, strlen(bank));
	int r = 0;

	if (!json_object_is_type(list, json_type_array))
		return wrong(e, bank, "not a list");
	for (size_t i = 0; algo && algo->tpm && r == 0 && i < json_object_array_length(list); i++)
		r = parse_one(json_object_array_get_idx(list, i), bank, algo, s, e);
	return r;
}

static int copy(const struct pcrsigs *from, struct pcrsigs *to)
{
	for (size_t i = 0; i < from->n; i++)
		if (pcrsig_add(to, &from->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

int pcrsig_parse(const char *text, size_t n, struct pcrsigs *ret, struct parse_error *e)
{
	cleanup(pcrsigs_done) struct pcrsigs s = { 0 };
	cleanup(json_donep) json *root = NULL;
	const char *why = NULL;
	int r = n > PCRSIG_TEXT_MAX ? wrong(e, "", "too long") : jsontext_read(text, n, DEPTH_MAX, &root, &why);

	if (why)
		return wrong(e, "", why);
	if (r == 0)
		r = copy(ret, &s);
	if (r < 0)
		return r;
	json_object_object_foreach(root, bank, list) {
		r = parse_bank(list, bank, &s, e);
		if (r < 0)
			return r;
	}
	pcrsigs_done(ret);
	*ret = s;
	s = (struct pcrsigs){ 0 };
	return 0;
}

int pcrsig_add(struct pcrsigs *s, const struct pcrsig *one)
{
	struct pcrsig *v;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].bank == one->bank && memcmp(s->v[i].key, one->key, sizeof(one->key)) == 0 &&
		    memcmp(s->v[i].policy, one->policy, sizeof(one->policy)) == 0)
			return 0;
	v = reallocarray(s->v, s->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	v[s->n++] = *one;
	return 1;
}

/* --- writing */

static bool put_text(json *o, const char *key, const struct buf *text)
{
	return buf_error(text) == 0 &&
	       json_object_object_add(o, key, json_object_new_string_len((const char *)text->data, (int)text->len)) == 0;
}

static bool put_one(json *list, const struct pcrsig *p)
{
	cleanup(buf_done) struct buf key = { 0 }, policy = { 0 }, sig = { 0 };
	json *o = json_object_new_object(), *pcrs = json_object_new_array();
	bool ok = json_object_array_add(list, o) == 0 && json_object_object_add(o, "pcrs", pcrs) == 0;

	for (int i = 0; ok && i < TPMBLOB_PCRS_MAX; i++)
		if (p->pcrs >> i & 1)
			ok = json_object_array_add(pcrs, json_object_new_int(i)) == 0;
	buf_add_hex(&key, p->key, sizeof(p->key));
	buf_add_hex(&policy, p->policy, sizeof(p->policy));
	return ok && base64_encode(p->sig, p->len, &sig) == 0 && put_text(o, "pkfp", &key) && put_text(o, "pol", &policy) &&
	       put_text(o, "sig", &sig);
}

static json *bank_of(json *root, uint8_t id)
{
	const char *name = algo_by_id(id)->name;
	json *list = json_object_object_get(root, name);

	if (list)
		return list;
	list = json_object_new_array();
	return json_object_object_add(root, name, list) == 0 ? list : NULL;
}

int pcrsig_format(const struct pcrsigs *s, struct buf *out)
{
	cleanup(json_donep) json *root = json_object_new_object();

	for (size_t i = 0; i < s->n; i++) {
		json *list = root ? bank_of(root, s->v[i].bank) : NULL;

		if (!list || !put_one(list, &s->v[i]))
			return -ENOMEM;
	}
	buf_add_str(out, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_add_u8(out, '\n');
	return buf_error(out);
}

/* --- the key */

int pcrsig_key_id(const struct evp_pkey_st *key, uint8_t ret[PCRSIG_ID_SIZE])
{
	unsigned char *der = NULL;
	int n = i2d_PublicKey(key, &der), r = -EIO;
	struct digest d;

	if (n > 0)
		r = digest_buf(algo_by_id(ALGO_SHA256), der, (size_t)n, &d);
	OPENSSL_free(der);
	ERR_clear_error();
	if (r < 0)
		return -EIO;
	memcpy(ret, d.bytes, PCRSIG_ID_SIZE);
	return 0;
}
