/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The results of imactl check: one line a file, for people or as JSON. */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include <imad/signature.h>

#include "check.h"

#define CAUSE_TEXT(name, text) [IMAD_CAUSE_##name] = text,
static const char *const causes[] = { IMAD_CAUSES(CAUSE_TEXT) };

static const char *const verdicts[CHECK_VERDICTS] = {
	[CHECK_PASS] = "pass", [CHECK_FAIL] = "fail", [CHECK_NOT_APPRAISED] = "not appraised",
};

const char *check_cause_text(uint32_t cause)
{
	return cause < ARRAY_SIZE(causes) ? causes[cause] : "unknown";
}

static void add_digest(struct buf *b, const struct digest *d)
{
	buf_addf(b, "%s:", algo_by_id(d->algo)->name);
	buf_add_hex(b, d->bytes, d->size);
}

/* What a signature's own verdict means beside the kernel's word for it. */
static void add_signature(struct buf *b, const struct check_result *r)
{
	switch (r->signature) {
	case SIGNATURE_NO_KEY:
		buf_add_str(b, "; no trusted key has this id");
		break;
	case SIGNATURE_KEY_DENIED:
		buf_add_str(b, "; the key is on the deny list");
		break;
	case SIGNATURE_UNSUPPORTED:
		buf_add_str(b, "; of no version or hash that is known here");
		break;
	case SIGNATURE_BAD:
		buf_add_str(b, r->content ? "; it is none of this content by that key" : "; there is no digest that it could be of");
		break;
	}
	if (!r->key)
		return;
	buf_addf(b, "; key of %s", r->key->subject);
	if (r->key->not_after < time(NULL))
		buf_add_str(b, ", expired");
}

static void add_appended(struct buf *b, const struct check_result *r)
{
	if (r->appended == APPENDED_GOOD)
		buf_add_str(b, "; the signature appended to it is right");
	else if (r->why_not)
		buf_addf(b, "; of the signature appended to it: %s", r->why_not);
}

static void add_label(struct buf *b, const struct check_result *r)
{
	const char *why = NULL;
	struct label unused;

	if (!r->finder->n)
		buf_add_str(b, "no label");
	else if (!r->finder->damaged)
		(void)label_print(&r->finder->label, b);
	else if (label_decode(r->finder->bytes, r->finder->n, &unused, &why) < 0)
		buf_addf(b, "damaged label of %zu bytes: %s", r->finder->n, why);
}

void check_put(const struct check_result *r)
{
	cleanup(buf_done) struct buf b = { 0 };

	put_text(stdout, r->path, strlen(r->path));
	printf(": %s", r->verdict == CHECK_FAIL ? check_cause_text(r->cause) : verdicts[r->verdict]);
	if (r->verdict == CHECK_NOT_APPRAISED) {
		putchar('\n');
		return;
	}
	buf_add_str(&b, ": ");
	add_label(&b, r);
	add_signature(&b, r);
	add_appended(&b, r);
	if (r->verdict == CHECK_FAIL && r->content) {
		buf_add_str(&b, "; the content is ");
		add_digest(&b, r->content);
	}
	if (r->denied.size) {
		buf_add_str(&b, "; on the deny list is ");
		add_digest(&b, &r->denied);
	}
	check_evm_put(r->evm, &b);
	put_text(stdout, (const char *)b.data, b.len);
	putchar('\n');
}

static void json_digest(struct json_object *o, const char *key, const struct digest *d)
{
	cleanup(buf_done) struct buf b = { 0 };

	add_digest(&b, d);
	json_add_text(o, key, (const char *)b.data, b.len);
}

static const char *label_kind(const struct finder *f)
{
	if (!f->n)
		return "none";
	if (f->damaged)
		return "damaged";
	return f->label.type == LABEL_VERITY ? "verity signature" : f->label.type == LABEL_SIGNATURE ? "signature" : "digest";
}

static struct json_object *json_key(const struct check_result *r)
{
	struct json_object *o = json_object_new_object();
	char id[9];

	(void)snprintf(id, sizeof(id), "%08x", r->finder->label.key_id);
	json_object_object_add(o, "id", json_object_new_string(id));
	json_object_object_add(o, "trusted", json_object_new_boolean(r->key && !r->key->denied));
	json_object_object_add(o, "denied", json_object_new_boolean(r->key && r->key->denied));
	if (r->key) {
		json_add_text(o, "subject", r->key->subject, strlen(r->key->subject));
		json_object_object_add(o, "expired", json_object_new_boolean(r->key->not_after < time(NULL)));
	}
	return o;
}

static struct json_object *json_label(const struct check_result *r)
{
	struct json_object *o = json_object_new_object();
	const struct label *l = &r->finder->label;

	json_object_object_add(o, "type", json_object_new_string(label_kind(r->finder)));
	if (!r->finder->n || r->finder->damaged)
		return o;
	if (l->algo)
		json_object_object_add(o, "algo", json_object_new_string(l->algo->name));
	if (!label_is_signature(l)) {
		json_add_hex(o, "digest", l->bytes, l->len);
		return o;
	}
	json_object_object_add(o, "version", json_object_new_int(l->version));
	if (l->algo)
		json_object_object_add(o, "key", json_key(r));
	return o;
}

void check_put_json(const struct check_result *r)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();

	json_add_text(o, "path", r->path, strlen(r->path));
	json_object_object_add(o, "verdict", json_object_new_string(verdicts[r->verdict]));
	if (r->verdict != CHECK_NOT_APPRAISED) {
		json_object_object_add(o, "cause", json_object_new_string(check_cause_text(r->cause)));
		json_object_object_add(o, "label", json_label(r));
	}
	if (r->evm)
		check_evm_put_json(r->evm, o);
	if (r->appended)
		json_object_object_add(o, "appended", json_object_new_string(r->appended == APPENDED_GOOD ? "good" : "bad"));
	if (r->why_not)
		json_object_object_add(o, "appended_why", json_object_new_string(r->why_not));
	if (r->content)
		json_digest(o, "content", r->content);
	if (r->denied.size)
		json_digest(o, "denied", &r->denied);
	put_json(o);
}
