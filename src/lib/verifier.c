/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a verifier: as text, and what may follow it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include <imad/jsontext.h>
#include <imad/verifier.h>

#define FORMAT	  "imad-verifier-state"
#define VERSION	  1
#define DEPTH_MAX 4

static void json_donep(struct json_object **o)
{
	json_object_put(*o);
}

static int wrong(struct parse_error *e, const char *member, const char *why)
{
	*e = (struct parse_error){ .why = why };
	(void)strncpy(e->token, member, sizeof(e->token) - 1);
	return -EBADMSG;
}

/* --- reading */

static int get_count(struct json_object *root, const char *member, uint64_t max, uint64_t *ret, struct parse_error *e)
{
	struct json_object *o;

	if (!json_object_object_get_ex(root, member, &o) || !json_object_is_type(o, json_type_int))
		return wrong(e, member, "missing or not a number");
	if (json_object_get_int64(o) < 0 || (uint64_t)json_object_get_int64(o) > max)
		return wrong(e, member, "out of range");
	*ret = (uint64_t)json_object_get_int64(o);
	return 0;
}

static int get_text(struct json_object *root, const char *member, char *ret, size_t size, struct parse_error *e)
{
	struct json_object *o;

	if (!json_object_object_get_ex(root, member, &o) || !json_object_is_type(o, json_type_string))
		return wrong(e, member, "missing or not a text");
	if ((size_t)json_object_get_string_len(o) >= size)
		return wrong(e, member, "too long");
	(void)snprintf(ret, size, "%s", json_object_get_string(o));
	return 0;
}

/* [{"pcr": 10, "bank": "sha256", "value": hex}, ...]; values of one PCR lie together. */
static int take_value(struct json_object *o, struct verifier_state *s, struct parse_error *e)
{
	char bank[16] = "", hex[2 * DIGEST_MAX + 1] = "";
	const struct algo *algo;
	struct pcr_value *v;
	struct digest d;
	uint64_t pcr = 0;
	int r = get_count(o, "pcr", PCR_COUNT - 1, &pcr, e);

	if (r == 0)
		r = get_text(o, "bank", bank, sizeof(bank), e);
	if (r == 0)
		r = get_text(o, "value", hex, sizeof(hex), e);
	if (r < 0)
		return r;
	algo = algo_by_name(bank, strlen(bank));
	if (!algo || strlen(hex) != 2u * algo->size)
		return wrong(e, "pcrs", "unknown bank, or a value of another size");
	d = (struct digest){ .algo = algo->id, .size = algo->size };
	if (hex_decode(hex, strlen(hex), d.bytes, d.size) < 0)
		return wrong(e, "pcrs", "a value is not hex");
	if (s->n_pcrs == 0 || s->pcrs[s->n_pcrs - 1].pcr != pcr) {
		if (s->n_pcrs == EVIDENCE_PCRS_MAX)
			return wrong(e, "pcrs", "too many PCRs");
		s->pcrs[s->n_pcrs++] = (struct pcr_value){ .pcr = (unsigned int)pcr };
	}
	v = &s->pcrs[s->n_pcrs - 1];
	if (v->n == PCR_BANKS_MAX)
		return wrong(e, "pcrs", "too many banks");
	v->bank[v->n++] = d;
	return 0;
}

static int take_values(struct json_object *root, struct verifier_state *s, struct parse_error *e)
{
	struct json_object *list;
	int r = 0;

	if (!json_object_object_get_ex(root, "pcrs", &list) || !json_object_is_type(list, json_type_array))
		return wrong(e, "pcrs", "missing or not an array");
	for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++)
		r = take_value(json_object_array_get_idx(list, i), s, e);
	return r == 0 && s->n_pcrs == 0 ? wrong(e, "pcrs", "empty") : r;
}

static int take_all(struct json_object *root, struct verifier_state *s, struct parse_error *e)
{
	struct json_object *imported;
	uint64_t reset = 0, restart = 0, version = 0;
	char format[32] = "";
	int r = get_text(root, "format", format, sizeof(format), e);

	if (r == 0 && strcmp(format, FORMAT) != 0)
		r = wrong(e, "format", "not " FORMAT);
	if (r == 0)
		r = get_count(root, "version", UINT32_MAX, &version, e);
	if (r == 0 && version != VERSION)
		r = wrong(e, "version", "unknown");
	if (r == 0)
		r = get_text(root, "ak", s->ak, sizeof(s->ak), e);
	if (r == 0)
		r = get_text(root, "boot_id", s->boot_id, sizeof(s->boot_id), e);
	if (r == 0)
		r = get_count(root, "reset_count", UINT32_MAX, &reset, e);
	if (r == 0)
		r = get_count(root, "restart_count", UINT32_MAX, &restart, e);
	if (r == 0)
		r = get_count(root, "clock", INT64_MAX, &s->clock, e);
	if (r == 0)
		r = get_count(root, "records", INT64_MAX, &s->records, e);
	if (r == 0)
		r = get_count(root, "total", INT64_MAX, &s->total, e);
	if (r == 0)
		r = get_count(root, "total_clock", INT64_MAX, &s->total_clock, e);
	if (r == 0 && !json_object_object_get_ex(root, "imported", &imported))
		r = wrong(e, "imported", "missing");
	if (r < 0)
		return r;
	s->imported = json_object_get_boolean(imported);
	s->reset_count = (uint32_t)reset;
	s->restart_count = (uint32_t)restart;
	return take_values(root, s, e);
}

int verifier_state_parse(const char *text, size_t n, struct verifier_state *ret, struct parse_error *e)
{
	cleanup(json_donep) struct json_object *root = NULL;
	struct verifier_state s = { .records = 0 };
	const char *why = NULL;
	int r;

	*e = (struct parse_error){ .why = NULL };
	if (n > VERIFIER_STATE_MAX)
		return wrong(e, "", "too long");
	r = jsontext_read(text, n, DEPTH_MAX, &root, &why);
	if (r < 0)
		return why ? wrong(e, "", why) : r;
	r = take_all(root, &s, e);
	if (r == 0)
		*ret = s;
	return r;
}

/* --- writing */

int verifier_state_format(const struct verifier_state *s, struct buf *out)
{
	const char *comma = "\n  ";

	buf_addf(out, "{\"format\": \"%s\", \"version\": %d,\n \"ak\": \"%s\",\n \"boot_id\": \"%s\",\n", FORMAT, VERSION, s->ak,
		 s->boot_id);
	buf_addf(out, " \"reset_count\": %u, \"restart_count\": %u, \"clock\": %llu,\n", s->reset_count, s->restart_count,
		 (unsigned long long)s->clock);
	buf_addf(out, " \"records\": %llu, \"total\": %llu, \"total_clock\": %llu, \"imported\": %s,\n \"pcrs\": [", (unsigned long long)s->records,
		 (unsigned long long)s->total, (unsigned long long)s->total_clock, s->imported ? "true" : "false");
	for (unsigned int i = 0; i < s->n_pcrs; i++) {
		for (unsigned int b = 0; b < s->pcrs[i].n; b++, comma = ",\n  ") {
			const struct digest *d = &s->pcrs[i].bank[b];

			buf_addf(out, "%s{\"pcr\": %u, \"bank\": \"%s\", \"value\": \"", comma, s->pcrs[i].pcr,
				 algo_by_id(d->algo)->name);
			buf_add_hex(out, d->bytes, d->size);
			buf_add_str(out, "\"}");
		}
	}
	buf_add_str(out, "]}\n");
	return buf_error(out);
}

/* --- rules */

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static bool has(const struct pcr_value *values, unsigned int n, unsigned int pcr, uint8_t algo)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int b = 0; values[i].pcr == pcr && b < values[i].n; b++)
			if (values[i].bank[b].algo == algo)
				return true;
	return false;
}

/* Every value of @a is there in @b too. */
static bool covers(const struct pcr_value *a, unsigned int n_a, const struct pcr_value *b, unsigned int n_b)
{
	for (unsigned int i = 0; i < n_a; i++)
		for (unsigned int k = 0; k < a[i].n; k++)
			if (!has(b, n_b, a[i].pcr, a[i].bank[k].algo))
				return false;
	return true;
}

static int same_boot(const struct verifier_state *s, const struct evidence *e, const struct quote *q,
		     enum verifier_order *ret, char *why, size_t size)
{
	if (q->restart_count < s->restart_count)
		return refuse(why, size, "the TPM's restart count went back from %u to %u: a quote of before", s->restart_count,
			      q->restart_count);
	if (q->clock < s->clock)
		return refuse(why, size, "the TPM's clock went back from %llu to %llu ms: a quote of before",
			      (unsigned long long)s->clock, (unsigned long long)q->clock);
	if (!covers(s->pcrs, s->n_pcrs, e->pcrs, e->n_pcrs) || !covers(e->pcrs, e->n_pcrs, s->pcrs, s->n_pcrs))
		if (e->from != 0)
			return refuse(why, size, "the quote is of other PCRs or banks than the state");
	if (strcmp(s->boot_id, e->boot_id) != 0 && e->from != 0)
		return refuse(why, size, "another boot id, but the TPM was not reset: the list must come from its beginning");
	if (e->checkpoint.len > 0 && e->from > s->records) {
		*ret = VERIFIER_CUT;
		return 0;
	}
	if (e->from != 0 && e->from != s->records)
		return refuse(why, size, "the list begins at record %llu, %llu are verified", (unsigned long long)e->from,
			      (unsigned long long)s->records);
	*ret = e->from == 0 && s->records > 0 ? VERIFIER_WHOLE : VERIFIER_GOES_ON;
	return 0;
}

int verifier_order(const struct verifier_state *s, const struct evidence *e, const struct quote *q,
		   enum verifier_order *ret, char *why, size_t size)
{
	if (s && q->reset_count < s->reset_count)
		return refuse(why, size, "the TPM's reset count went back from %u to %u: a quote of an earlier boot, or a cleared TPM",
			      s->reset_count, q->reset_count);
	if (s && q->reset_count == s->reset_count)
		return same_boot(s, e, q, ret, why, size);
	if (e->from != 0 && e->checkpoint.len > 0) {
		*ret = VERIFIER_CUT;
		return 0;
	}
	if (e->from != 0)
		return refuse(why, size, s ? "the TPM was reset since, so the list must come from its beginning, not from record %llu" :
					     "the list begins at record %llu, and nothing is known of those before",
			      (unsigned long long)e->from);
	*ret = VERIFIER_NEW;
	return 0;
}
