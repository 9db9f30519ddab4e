/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record as a JSON object, with what record_info says of it. */
#include <json-c/json.h>
#include <string.h>

#include <imad/util.h>

#include "imactl.h"

/* What no member of another name shows: the fields that the plain templates do not have. */
static void add_field(void *arg, const char *id, const char *text, size_t n)
{
	static const char *const shown[] = { "d", "d-ng", "d-ngv2", "n", "n-ng", "sig" };

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (!strcmp(shown[i], id))
			return;
	if (n > 0)
		json_object_object_add(arg, id, json_object_new_string_len(text, (int)n));
}

struct json_object *record_json(const struct list_record *r, const struct template_fields *f, uint64_t index,
				struct json_object *info)
{
	const struct algo *algo = f->digest.size > 0 ? algo_by_id(f->digest.algo) : NULL;
	struct json_object *o = json_object_new_object();
	int own;

	json_object_object_add(o, "record", json_object_new_uint64(index));
	json_object_object_add(o, "pcr", json_object_new_int64(r->pcr));
	json_object_object_add(o, "template", json_object_new_string(r->template->name));
	json_add_hex(o, "template_digest", r->header_digest, sizeof(r->header_digest));
	if (algo) {
		json_object_object_add(o, "algo", json_object_new_string(algo->name));
		json_add_hex(o, "digest", f->digest.bytes, f->digest.size);
	}
	json_add_text(o, "name", f->name ? f->name : "", f->name_len);
	if (f->sig_len > 0)
		json_add_hex(o, "sig", f->sig, f->sig_len);
	(void)template_each(r->template, r->data, r->data_len, add_field, o); /* who asks has decoded it before */
	json_object_object_add(o, "violation", json_object_new_boolean(r->violation));
	own = r->violation && f->name ? violation_of(f->name, f->name_len) : -ENOENT;
	if (own >= 0) {
		json_object_object_add(o, "own_violation", json_object_new_string(violation_word(own)));
		json_object_object_add(o, "meaning", json_object_new_string(violation_meaning(own)));
	}
	if (!info)
		return o;
	json_object_object_foreach(info, key, value)
	{
		if (!json_object_object_get_ex(o, key, NULL)) /* the record's own word counts */
			json_object_object_add(o, key, json_object_get(value));
	}
	return o;
}
