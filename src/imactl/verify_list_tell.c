/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of imactl verify, for people and as JSON. */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "verify_list.h"

#define cleanup_json cleanup(json_putp)

static const char *const result_names[] = {
	[IMACTL_OK] = "match",
	[IMACTL_FAILED] = "mismatch",
	[IMACTL_UNCHECKED] = "unchecked",
};

static struct json_object *bank_json(const struct verify *v, const struct replay_bank *b)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "pcr", json_object_new_int64(b->pcr));
	json_object_object_add(o, "bank", json_object_new_string(algo_by_id(b->algo)->name));
	json_object_object_add(o, "match", json_object_new_boolean(bank_ok(v, b)));
	if (b->matched)
		json_object_object_add(o, "matched_records", json_object_new_uint64(b->matched_at));
	json_add_hex(o, "value", b->wanted.bytes, b->wanted.size);
	json_add_hex(o, "replayed", b->replayed.bytes, b->replayed.size);
	return o;
}

static void made_at(const struct checkpoint *c, char ret[32])
{
	time_t t = (time_t)c->time;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = '\0';
}

static struct json_object *checkpoint_json(const struct verify *v)
{
	struct json_object *o = json_object_new_object();
	char key[65];

	checkpoint_key(&v->before, key);
	json_object_object_add(o, "records", json_object_new_uint64(v->before.records));
	json_object_object_add(o, "violations", json_object_new_uint64(v->before.violations));
	json_object_object_add(o, "time", json_object_new_uint64(v->before.time));
	json_object_object_add(o, "boot_id", json_object_new_string(v->before.boot_id));
	json_add_hex(o, "chain", v->before.chain, sizeof(v->before.chain));
	if (*key)
		json_object_object_add(o, "ak", json_object_new_string(key));
	json_object_object_add(o, "signature_checked", json_object_new_boolean(v->signed_ok));
	json_object_object_add(o, "archive_checked", json_object_new_boolean(v->archive_ok));
	return o;
}

/* With those that were cut off. */
static void count_own(const struct verify *v, uint64_t ret[VIOLATION_KINDS])
{
	for (int i = 0; i < VIOLATION_KINDS; i++)
		ret[i] = v->result.own[i] + v->before.own[i];
}

static void tell_checkpoint(const struct verify *v)
{
	char when[32], key[65];

	made_at(&v->before, when);
	checkpoint_key(&v->before, key);
	printf("from record %llu on, checkpoint made at %s ", (unsigned long long)v->before.records, when);
	if (*key)
		printf("by AK %.16s (%s)\n", key, v->signed_ok ? "signature good" : v->ak ? "NOT GOOD" : "not checked, see --ak");
	else
		puts("and not signed");
	if (v->archive_ok)
		printf("the %llu records before are in the archive\n", (unsigned long long)v->before.records);
	else if (v->n_archive == 0)
		printf("the %llu records before were not looked at, see --archive\n", (unsigned long long)v->before.records);
}

static void tell_json(struct verify *v)
{
	cleanup_json struct json_object *o = json_object_new_object();
	const struct replay_result *r = &v->result;
	struct json_object *banks = json_object_new_array();
	uint64_t own[VIOLATION_KINDS];

	count_own(v, own);
	json_object_object_add(o, "result", json_object_new_string(result_names[v->code]));
	json_add_text(o, "list", v->path, strlen(v->path));
	json_object_object_add(o, "synced", json_object_new_boolean(v->synced));
	json_object_object_add(o, "records", json_object_new_uint64(r->records));
	json_object_object_add(o, "violations", json_object_new_uint64(r->violations + v->before.violations));
	if (v->before.records)
		json_object_object_add(o, "checkpoint", checkpoint_json(v));
	json_object_object_add(o, "bad_digests", json_object_new_uint64(r->bad_digest));
	if (r->bad_digest > 0)
		json_object_object_add(o, "first_bad_digest", json_object_new_uint64(r->first_bad_digest));
	json_object_object_add(o, "own_violations", own_violations_json(own));
	for (unsigned int i = 0; i < r->n_banks; i++)
		json_object_array_add(banks, bank_json(v, &r->banks[i]));
	json_object_object_add(o, "banks", banks);
	json_object_object_add(o, "reasons", json_object_get(v->reasons));
	put_json(o);
}

static void tell(const struct verify *v)
{
	const struct replay_result *r = &v->result;
	uint64_t own[VIOLATION_KINDS];

	count_own(v, own);
	put_text(stdout, v->path, strlen(v->path));
	printf(": %llu records, %llu violations\n", (unsigned long long)r->records,
	       (unsigned long long)(r->violations + v->before.violations));
	if (v->before.records)
		tell_checkpoint(v);
	own_violations_put(own);
	for (unsigned int i = 0; i < r->n_banks; i++)
		printf("PCR %u %s: %s\n", r->banks[i].pcr, algo_by_id(r->banks[i].algo)->name,
		       bank_ok(v, &r->banks[i]) ? "match" : "MISMATCH");
	puts(result_names[v->code]);
	for (size_t i = 0; i < json_object_array_length(v->reasons); i++)
		(void)complain(v->code, "%s",
			       json_object_get_string(json_object_array_get_idx(v->reasons, i)));
}

void verify_list_tell(struct verify *v)
{
	if (v->json)
		tell_json(v);
	else
		tell(v);
}
