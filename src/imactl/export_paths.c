/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forms of imactl export that say which content each path had. */
#include <json-c/json.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include <imad/util.h>

#include "export.h"

#define KEYLIME_POLICY_VERSION 1 /* RUNTIME_POLICY_CURRENT_VERSION */
#define KEYLIME_GENERATOR      0 /* RUNTIME_POLICY_GENERATOR.Unknown */

/* Field buf is the last of ima-buf; keylime tells keys from other buffers by whether they parse. */
static bool holds_key(const struct list_record *r)
{
	struct reader in = { r->data, r->data_len };
	const uint8_t *field = NULL;
	uint32_t n = 0;
	X509 *cert;

	for (int i = 0; i < 3; i++)
		if (reader_le32(&in, &n) < 0 || reader_bytes(&in, n, &field) < 0)
			return false;
	cert = d2i_X509(NULL, &field, (long)n);
	ERR_clear_error();
	X509_free(cert);
	return cert != NULL;
}

/* Latest last: a digest that comes again moves to the end. */
static void note(struct json_object *map, const struct template_fields *f, const char *hex)
{
	cleanup_free char *name = strndup(f->name, f->name_len);
	struct json_object *digests;

	if (!name)
		return;
	if (!json_object_object_get_ex(map, name, &digests)) {
		digests = json_object_new_array();
		json_object_object_add(map, name, digests);
	}
	for (size_t i = 0; i < json_object_array_length(digests); i++) {
		if (strcmp(json_object_get_string(json_object_array_get_idx(digests, i)), hex) != 0)
			continue;
		(void)json_object_array_del_idx(digests, i, 1);
		break;
	}
	json_object_array_add(digests, json_object_new_string(hex));
}

/* A digest of fs-verity is not one of the content; field d-ngv2 says which it is. */
static bool is_verity(const struct list_record *r)
{
	return template_has_field(r->template, "d-ngv2") && memmem(r->data, r->data_len, "verity:", 7);
}

int export_paths_take(struct export *e, const struct list_record *r, const struct template_fields *f)
{
	bool sums = e->format->end == export_sha256sum_end;
	cleanup(buf_done) struct buf hex = { 0 };
	struct json_object *map = e->paths;

	if (r->violation)
		return 0;
	if (template_has_field(r->template, "buf"))
		map = holds_key(r) ? e->keyrings : e->buffers;
	if (sums && (map != e->paths || f->name_len == 0 || f->name[0] != '/'))
		return 0; /* no file under a path */
	if (f->digest.size == 0 || !f->name || is_verity(r) || (sums && f->digest.algo != ALGO_SHA256)) {
		e->skipped++;
		return 0;
	}
	buf_add_hex(&hex, f->digest.bytes, f->digest.size);
	buf_add_u8(&hex, 0);
	if (buf_error(&hex) < 0)
		return -ENOMEM;
	note(map, f, (const char *)hex.data);
	return 0;
}

/* As sha256sum writes it: a name with a backslash, newline or return is escaped, and the line begins with one. */
static void put_sum(const char *hex, const char *name)
{
	printf("%s%s  ", strpbrk(name, "\\\n\r") ? "\\" : "", hex);
	for (; *name; name++) {
		if (*name == '\\' || *name == '\n' || *name == '\r')
			printf("\\%c", *name == '\n' ? 'n' : *name == '\r' ? 'r' : '\\');
		else
			putchar(*name);
	}
	putchar('\n');
}

int export_sha256sum_end(struct export *e)
{
	json_object_object_foreach(e->paths, name, digests)
	{
		const char *last = json_object_get_string(
			json_object_array_get_idx(digests, json_object_array_length(digests) - 1));

		put_sum(last, name);
	}
	return 0;
}

static struct json_object *keylime_ima(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ignored_keyrings", json_object_new_array());
	json_object_object_add(o, "log_hash_alg", json_object_new_string("sha1")); /* of the list's headers */
	json_object_object_add(o, "dm_policy", NULL);
	return o;
}

/* JSON text must be UTF-8; keylime cannot read a list with another name either. */
static void drop_not_utf8(struct export *e, struct json_object *map)
{
	json_object_object_foreach(map, name, digests)
	{
		cleanup(json_putp) struct json_object *probe = json_object_new_object();

		(void)digests;
		json_add_text(probe, "n", name, strlen(name));
		if (!json_object_object_get_ex(probe, "n_hex", NULL))
			continue;
		e->skipped++;
		json_object_object_del(map, name); /* the loop has moved on already */
	}
}

int export_keylime_end(struct export *e)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	struct json_object *meta = json_object_new_object();
	char when[40];
	time_t now = time(NULL);
	struct tm tm;

	drop_not_utf8(e, e->paths);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_object_object_add(meta, "version", json_object_new_int(KEYLIME_POLICY_VERSION));
	json_object_object_add(meta, "generator", json_object_new_int(KEYLIME_GENERATOR));
	json_object_object_add(meta, "timestamp", json_object_new_string(when));
	json_object_object_add(o, "meta", meta);
	json_object_object_add(o, "release", json_object_new_int(0));
	json_object_object_add(o, "digests", take_ptr(e->paths));
	json_object_object_add(o, "excludes", json_object_new_array());
	json_object_object_add(o, "keyrings", take_ptr(e->keyrings));
	json_object_object_add(o, "ima", keylime_ima());
	json_object_object_add(o, "ima-buf", take_ptr(e->buffers));
	json_object_object_add(o, "verification-keys", json_object_new_string(""));
	put_json(o);
	return 0;
}
