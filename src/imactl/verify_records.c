/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the records say, once it is known that they are the host's: violations, signatures, reference values. */
#include <stdarg.h>
#include <string.h>

#include <imad/label.h>
#include <imad/signature.h>

#include "verify_evidence.h"

/* Tell of a record, by its name; only so many are told. */
__attribute__((format(printf, 5, 6))) static void find(struct appraisal *a, uint64_t index, const struct template_fields *f,
						      bool bad, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (bad)
		a->code = IMACTL_FAILED;
	if (a->found.told++ >= FINDINGS_TOLD)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (bad)
		refuse(a, "record %llu, '%.*s': %s", (unsigned long long)index, (int)MIN(f->name_len, 256u), f->name ? f->name : "",
		       text);
	else
		note(a, "record %llu, '%.*s': %s", (unsigned long long)index, (int)MIN(f->name_len, 256u), f->name ? f->name : "",
		     text);
}

static void judge_violation(struct appraisal *a, uint64_t index, const struct template_fields *f)
{
	const size_t n = strlen(VIOLATION_PREFIX);
	bool own = f->name_len >= n && memcmp(f->name, VIOLATION_PREFIX, n) == 0;
	int kind = own ? violation_of(f->name, f->name_len) : -ENOENT;

	a->found.violations++;
	if (kind >= 0)
		a->found.own[kind]++;
	if (a->no_violations)
		find(a, index, f, true, "a violation");
	else if (own)
		find(a, index, f, false, "%s", kind >= 0 ? violation_meaning(kind) : "imad says that its list is not whole here");
}

/* Whether a good signature vouches for it. */
static bool judge_signature(struct appraisal *a, uint64_t index, const struct template_fields *f)
{
	struct label label;
	const char *why;
	int r;

	if (!a->keys)
		return false;
	if (f->sig_len == 0) {
		a->found.unsigned_records++;
		return false;
	}
	if (label_decode(f->sig, f->sig_len, &label, &why) < 0 || !label_is_signature(&label)) {
		a->found.signed_no_key++; /* a portable one of EVM: its data are not in the list */
		return false;
	}
	r = signature_verify(a->keys, &label, &f->digest);
	if (r == SIGNATURE_OK) {
		a->found.signed_ok++;
		return true;
	}
	if (r == SIGNATURE_BAD) {
		a->found.signed_bad++;
		find(a, index, f, true, "the signature is not of this content");
		return false;
	}
	a->found.signed_no_key++;
	if (!a->reference)
		find(a, index, f, true, "signed by an unknown key, %08x", label.key_id);
	return false;
}

static void judge_content(struct appraisal *a, const struct list_record *r, uint64_t index, const struct template_fields *f)
{
	bool buffer = template_has_field(r->template, "buf");
	enum reference_verdict v;

	if (f->digest.size == 0 || f->name_len == 0 || (buffer && !reference_knows_buffers(a->reference))) {
		a->found.not_judged++;
		return;
	}
	v = reference_find(a->reference, buffer ? REFERENCE_BUFFER : REFERENCE_FILE, f->name, f->name_len, &f->digest);
	/* It is no file, and who has no value for it relies on the quote of PCR 0-9. */
	if (v == REFERENCE_UNKNOWN && index == 0 && f->name_len == 14 && memcmp(f->name, "boot_aggregate", 14) == 0) {
		a->found.not_judged++;
		return;
	}
	a->found.judged += v == REFERENCE_OK;
	a->found.excluded += v == REFERENCE_EXCLUDED;
	a->found.unknown += v == REFERENCE_UNKNOWN;
	a->found.wrong += v == REFERENCE_WRONG;
	if (v == REFERENCE_UNKNOWN)
		find(a, index, f, true, "no reference value has this name");
	else if (v == REFERENCE_WRONG)
		find(a, index, f, true, "its content is none of the reference values for this name");
}

void verify_record(struct appraisal *a, const struct list_record *r, uint64_t index)
{
	struct template_fields f = { 0 };

	if (template_decode(r->template, r->data, r->data_len, &f) < 0) {
		find(a, index, &f, true, "its data do not fit its template");
		return;
	}
	if (r->violation) {
		judge_violation(a, index, &f);
		return;
	}
	if (!judge_signature(a, index, &f) && a->reference)
		judge_content(a, r, index, &f);
}
