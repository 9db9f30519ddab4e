/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of imactl verify --evidence, for people and as JSON. */
#include <json-c/json.h>
#include <string.h>

#include "verify_evidence.h"

static const char *const result_names[] = {
	[IMACTL_OK] = "match",
	[IMACTL_FAILED] = "mismatch",
	[IMACTL_UNCHECKED] = "unchecked",
};

static void add_count(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *counts(const struct appraisal *a)
{
	const struct findings *f = &a->found;
	struct json_object *o = json_object_new_object();

	add_count(o, "violations", f->violations);
	json_object_object_add(o, "own_violations", own_violations_json(f->own));
	if (a->reference) {
		add_count(o, "as_reference", f->judged);
		add_count(o, "excluded", f->excluded);
		add_count(o, "not_in_reference", f->unknown);
		add_count(o, "other_than_reference", f->wrong);
		add_count(o, "not_judged", f->not_judged);
	}
	if (a->keys) {
		add_count(o, "signed", f->signed_ok);
		add_count(o, "bad_signatures", f->signed_bad);
		add_count(o, "unknown_keys", f->signed_no_key);
		add_count(o, "unsigned", f->unsigned_records);
	}
	return o;
}

static void tell_json(const struct appraisal *a)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();

	json_object_object_add(o, "result", json_object_new_string(result_names[a->code]));
	json_add_text(o, "evidence", a->evidence, strlen(a->evidence));
	json_object_object_add(o, "ak", json_object_new_string(a->key_hex));
	json_object_object_add(o, "boot_id", json_object_new_string(a->e.boot_id));
	add_count(o, "reset_count", a->q.reset_count);
	add_count(o, "restart_count", a->q.restart_count);
	add_count(o, "clock", a->q.clock);
	json_object_object_add(o, "clock_safe", json_object_new_boolean(a->q.safe));
	add_count(o, "firmware", a->q.firmware);
	add_count(o, "from", a->e.from);
	add_count(o, "records", a->verified);
	json_object_object_add(o, "found", counts(a));
	json_object_object_add(o, "reasons", json_object_get(a->reasons));
	json_object_object_add(o, "notes", json_object_get(a->notes));
	put_json(o);
}

static void tell_lines(struct json_object *lines, const char *before)
{
	for (size_t i = 0; i < json_object_array_length(lines); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(lines, i));

		fputs(before, stdout);
		put_text(stdout, text, strlen(text));
		putchar('\n');
	}
}

static void tell_counts(const struct appraisal *a)
{
	const struct findings *f = &a->found;

	printf("%llu records, %llu of them new, %llu violations\n", (unsigned long long)a->verified,
	       (unsigned long long)(a->verified - a->e.from), (unsigned long long)f->violations);
	own_violations_put(f->own);
	printf("TPM: reset %u, restart %u, clock %llu ms%s\n", a->q.reset_count, a->q.restart_count,
	       (unsigned long long)a->q.clock, a->q.safe ? "" : ", not safe");
	if (a->keys)
		printf("signatures: %llu good, %llu bad, %llu by unknown keys, %llu records without\n",
		       (unsigned long long)f->signed_ok, (unsigned long long)f->signed_bad,
		       (unsigned long long)f->signed_no_key, (unsigned long long)f->unsigned_records);
	if (a->reference)
		printf("reference: %llu as expected, %llu excluded, %llu other, %llu unknown, %llu not judged\n",
		       (unsigned long long)f->judged, (unsigned long long)f->excluded, (unsigned long long)f->wrong,
		       (unsigned long long)f->unknown, (unsigned long long)f->not_judged);
}

void verify_tell(const struct appraisal *a)
{
	if (a->json) {
		tell_json(a);
		return;
	}
	if (a->verified > 0)
		tell_counts(a);
	tell_lines(a->notes, "note: ");
	puts(result_names[a->code]);
	for (size_t i = 0; i < json_object_array_length(a->reasons); i++)
		(void)complain(a->code, "%s", json_object_get_string(json_object_array_get_idx(a->reasons, i)));
	if (a->found.told > FINDINGS_TOLD)
		(void)complain(a->code, "%llu more records", (unsigned long long)(a->found.told - FINDINGS_TOLD));
}
