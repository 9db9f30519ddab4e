/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON of the key's file. */
#include <stdio.h>
#include <string.h>

#include <imad/evmkey.h>
#include <imad/jsontext.h>

#define FORMAT	  "imad-evm-key"
#define VERSION	  1
#define DEPTH_MAX 4
#define NAME_MAX_ 66 /* bytes of a TPM's name: hash id and digest */

typedef struct json_object json;

static void json_donep(json **o)
{
	json_object_put(*o);
}

void evmkey_done(struct evmkey *k)
{
	tpmblob_done(&k->blob);
	buf_done(&k->parent);
	*k = (struct evmkey){ 0 };
}

/* --- the policy and its values */

int evmkey_bind(struct evmkey *k, uint8_t bank, uint32_t pcrs, const struct digest values[TPMBLOB_PCRS_MAX])
{
	struct tpmblob_pcrs p = { .bank = bank, .pcrs = pcrs };
	int r = tpmblob_values_digest(pcrs, values, &p.digest);

	if (r == 0)
		r = tpmblob_set_policy(&k->blob, &p);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		k->pcrs[i] = pcrs >> i & 1 ? values[i] : (struct digest){ 0 };
	return 0;
}

int evmkey_changed_pcr(const struct evmkey *k, const struct digest now[TPMBLOB_PCRS_MAX])
{
	for (int i = 0; i < TPMBLOB_PCRS_MAX; i++) {
		const struct digest *was = &k->pcrs[i];

		if (was->size && (now[i].size != was->size || memcmp(now[i].bytes, was->bytes, was->size) != 0))
			return i;
	}
	return -1;
}

/* --- reading */

static int wrong(struct parse_error *e, const char *member, const char *why)
{
	e->line = 0;
	e->why = why;
	snprintf(e->token, sizeof(e->token), "%s", member);
	return -EBADMSG;
}

/* NULL: it is not there, or no text. */
static const char *text_of(json *o, const char *key)
{
	json *member = json_object_object_get(o, key);

	return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : NULL;
}

static bool get_hex(json *o, const char *key, uint8_t *ret, size_t n)
{
	const char *text = text_of(o, key);

	return text && hex_decode(text, strlen(text), ret, n) == 0;
}

static bool get_number(json *o, const char *key, uint64_t *ret)
{
	json *member = json_object_object_get(o, key);

	if (!json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
		return false;
	*ret = (uint64_t)json_object_get_int64(member);
	return true;
}

static int parse_recovery(json *o, struct evmkey *k, struct parse_error *e)
{
	struct evmkey_wrapped *w = &k->recovery;
	const char *kdf = text_of(o, "kdf"), *cipher = text_of(o, "cipher");
	uint64_t r, p;

	if (!kdf || strcmp(kdf, "scrypt") != 0 || !cipher || strcmp(cipher, "aes-256-gcm") != 0)
		return wrong(e, "recovery", "neither scrypt nor aes-256-gcm");
	if (!get_number(o, "n", &w->n) || !get_number(o, "r", &r) || !get_number(o, "p", &p) || r > UINT32_MAX || p > UINT32_MAX)
		return wrong(e, "recovery", "n, r and p must be numbers");
	if (!get_hex(o, "salt", w->salt, sizeof(w->salt)) || !get_hex(o, "iv", w->iv, sizeof(w->iv)) ||
	    !get_hex(o, "ciphertext", w->ciphertext, sizeof(w->ciphertext)) || !get_hex(o, "tag", w->tag, sizeof(w->tag)))
		return wrong(e, "recovery", "salt, iv, ciphertext and tag must be hex of their length");
	w->r = (uint32_t)r;
	w->p = (uint32_t)p;
	k->has_recovery = true;
	return 0;
}

/* The values must be those that the policy has the digest of: they are what a message names. */
static int parse_pcrs(json *tpm, struct evmkey *k, struct parse_error *e)
{
	json *pcrs = json_object_object_get(tpm, "pcrs");
	const char *bank = text_of(tpm, "bank"), *why = NULL;
	const struct algo *algo = bank ? algo_by_name(bank, strlen(bank)) : NULL;
	struct tpmblob_pcrs p;
	struct digest d;

	if (tpmblob_get_policy(&k->blob, &p, &why) < 0)
		return wrong(e, "tpm.object", why);
	if (!json_object_is_type(pcrs, json_type_object) || !algo || algo->id != p.bank)
		return wrong(e, "tpm.pcrs", "not those of the sealed object's policy");
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++) {
		char name[4];

		if (!(p.pcrs >> i & 1))
			continue;
		snprintf(name, sizeof(name), "%u", i);
		k->pcrs[i] = (struct digest){ .algo = algo->id, .size = algo->size };
		if (!get_hex(pcrs, name, k->pcrs[i].bytes, algo->size))
			return wrong(e, "tpm.pcrs", "a value is missing or no digest");
	}
	if (tpmblob_values_digest(p.pcrs, k->pcrs, &d) < 0)
		return -ENOMEM;
	return memcmp(d.bytes, p.digest.bytes, d.size) == 0 ? 0 : wrong(e, "tpm.pcrs", "not those of the sealed object's policy");
}

static int parse_tpm(json *tpm, struct evmkey *k, struct parse_error *e)
{
	const char *object = text_of(tpm, "object"), *parent = text_of(tpm, "parent"), *why = NULL;
	uint8_t name[NAME_MAX_];
	size_t n = parent ? strlen(parent) / 2 : 0;
	int r;

	if (!object)
		return wrong(e, "tpm.object", "missing");
	r = tpmblob_parse(object, strlen(object), &k->blob, &why);
	if (r < 0)
		return r == -EBADMSG ? wrong(e, "tpm.object", why) : r;
	if (k->blob.type != TPMBLOB_SEALED || k->blob.parent != TPMBLOB_PARENT_OWNER || !k->blob.empty_auth)
		return wrong(e, "tpm.object", "not sealed by the primary key of the owner hierarchy without a password");
	if (n > sizeof(name) || !get_hex(tpm, "parent", name, n))
		return wrong(e, "tpm.parent", "no name of a key");
	buf_add(&k->parent, name, n);
	if (buf_error(&k->parent) < 0)
		return -ENOMEM;
	return k->blob.policy.len ? parse_pcrs(tpm, k, e) : 0;
}

static int parse_source(json *root, struct evmkey *k, struct parse_error *e)
{
	json *tpm = json_object_object_get(root, "tpm");
	const char *file = text_of(root, "file"), *credential = text_of(root, "credential"), *place = file ? file : credential;

	if (!!tpm + !!file + !!credential != 1)
		return wrong(e, "tpm", "there must be one of tpm, file and credential");
	k->source = tpm ? EVMKEY_TPM : file ? EVMKEY_FILE : EVMKEY_CREDENTIAL;
	if (tpm)
		return json_object_is_type(tpm, json_type_object) ? parse_tpm(tpm, k, e) : wrong(e, "tpm", "not an object");
	if (file && file[0] != '/')
		return wrong(e, "file", "not an absolute path");
	if (credential && (!*credential || strchr(credential, '/') || credential[0] == '.'))
		return wrong(e, "credential", "not the name of a credential");
	if (strlen(place) >= sizeof(k->place))
		return wrong(e, file ? "file" : "credential", "too long");
	strcpy(k->place, place);
	return 0;
}

static int parse_root(json *root, struct evmkey *k, struct parse_error *e)
{
	json *recovery = json_object_object_get(root, "recovery");
	const char *format = text_of(root, "format");
	uint64_t version;
	int r;

	if (!format || strcmp(format, FORMAT) != 0)
		return wrong(e, "format", "not " FORMAT);
	if (!get_number(root, "version", &version) || version != VERSION)
		return wrong(e, "version", "not 1, which is all that this imad knows");
	if (!get_hex(root, "id", k->id, sizeof(k->id)))
		return wrong(e, "id", "not 32 hex digits");
	r = parse_source(root, k, e);
	if (r < 0 || !recovery)
		return r;
	return json_object_is_type(recovery, json_type_object) ? parse_recovery(recovery, k, e) : wrong(e, "recovery", "not an object");
}

int evmkey_parse(const char *text, size_t n, struct evmkey *ret, struct parse_error *e)
{
	cleanup(evmkey_done) struct evmkey k = { 0 };
	cleanup(json_donep) json *root = NULL;
	const char *why = NULL;
	int r = n > EVMKEY_TEXT_MAX ? wrong(e, "", "too long") : jsontext_read(text, n, DEPTH_MAX, &root, &why);

	if (why)
		return wrong(e, "", why);
	if (r == 0)
		r = parse_root(root, &k, e);
	if (r < 0)
		return r;
	*ret = k;
	k = (struct evmkey){ 0 };
	return 0;
}

/* --- writing */

static bool put_hex(json *o, const char *key, const void *p, size_t n)
{
	cleanup(buf_done) struct buf hex = { 0 };

	buf_add_hex(&hex, p, n);
	return buf_error(&hex) == 0 &&
	       json_object_object_add(o, key, json_object_new_string_len((const char *)hex.data, (int)hex.len)) == 0;
}

static bool put_text(json *o, const char *key, const char *text)
{
	return json_object_object_add(o, key, json_object_new_string(text)) == 0;
}

static bool put_number(json *o, const char *key, uint64_t n)
{
	return json_object_object_add(o, key, json_object_new_int64((int64_t)n)) == 0;
}

static bool put_recovery(json *root, const struct evmkey_wrapped *w)
{
	json *o = json_object_new_object();

	return json_object_object_add(root, "recovery", o) == 0 && put_text(o, "kdf", "scrypt") && put_number(o, "n", w->n) &&
	       put_number(o, "r", w->r) && put_number(o, "p", w->p) && put_hex(o, "salt", w->salt, sizeof(w->salt)) &&
	       put_text(o, "cipher", "aes-256-gcm") && put_hex(o, "iv", w->iv, sizeof(w->iv)) &&
	       put_hex(o, "ciphertext", w->ciphertext, sizeof(w->ciphertext)) && put_hex(o, "tag", w->tag, sizeof(w->tag));
}

static bool put_pcrs(json *tpm, const struct evmkey *k)
{
	json *pcrs = json_object_new_object();
	const char *why = NULL;
	struct tpmblob_pcrs p;
	char name[4];
	bool ok;

	ok = json_object_object_add(tpm, "pcrs", pcrs) == 0 && tpmblob_get_policy(&k->blob, &p, &why) == 0 &&
	     put_text(tpm, "bank", algo_by_id(p.bank)->name);
	for (unsigned int i = 0; ok && i < TPMBLOB_PCRS_MAX; i++) {
		if (!k->pcrs[i].size)
			continue;
		snprintf(name, sizeof(name), "%u", i);
		ok = put_hex(pcrs, name, k->pcrs[i].bytes, k->pcrs[i].size);
	}
	return ok;
}

static bool put_tpm(json *root, const struct evmkey *k)
{
	cleanup(buf_done) struct buf pem = { 0 };
	json *tpm = json_object_new_object();

	if (json_object_object_add(root, "tpm", tpm) < 0 || tpmblob_format(&k->blob, &pem) < 0)
		return false;
	return json_object_object_add(tpm, "object", json_object_new_string_len((const char *)pem.data, (int)pem.len)) == 0 &&
	       put_hex(tpm, "parent", k->parent.data, k->parent.len) && (!k->blob.policy.len || put_pcrs(tpm, k));
}

int evmkey_format(const struct evmkey *k, struct buf *out)
{
	cleanup(json_donep) json *root = json_object_new_object();
	bool ok = root && put_text(root, "format", FORMAT) && put_number(root, "version", VERSION) &&
		  put_hex(root, "id", k->id, sizeof(k->id)) &&
		  (k->source == EVMKEY_TPM ? put_tpm(root, k) : put_text(root, k->source == EVMKEY_FILE ? "file" : "credential", k->place)) &&
		  (!k->has_recovery || put_recovery(root, &k->recovery));

	if (!ok)
		return -ENOMEM;
	buf_add_str(out, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_add_u8(out, '\n');
	return buf_error(out);
}
