/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels of a security module as text, and the conditions about them. Semantics: the kernel's
 * selinux_audit_rule_match() and smack_audit_rule_match().
 */
#include <string.h>

#include "policy_words.h"

_Static_assert(POLICY_OBJ_ROLE == POLICY_OBJ_USER + 1 && POLICY_SUBJ_USER == POLICY_OBJ_USER + IMAD_LABEL_FIELDS,
	       "the kinds are the fields, twice");

uint32_t policy_label_kinds(enum imad_lsm lsm)
{
	switch (lsm) {
	case IMAD_LSM_SELINUX:
		return POLICY_LABEL_KINDS;
	case IMAD_LSM_SMACK:
		return POLICY_LABEL_KIND_BIT(POLICY_OBJ_USER) | POLICY_LABEL_KIND_BIT(POLICY_SUBJ_USER);
	default:
		return 0;
	}
}

bool policy_label_of_object(enum policy_label_kind kind)
{
	return kind < POLICY_SUBJ_USER;
}

enum imad_label_field policy_label_field(enum policy_label_kind kind)
{
	return (enum imad_label_field)(kind % IMAD_LABEL_FIELDS);
}

const char *policy_label_name(enum policy_label_kind kind)
{
	static const char *const names[] = {
		[POLICY_OBJ_USER] = "obj_user",	  [POLICY_OBJ_ROLE] = "obj_role",
		[POLICY_OBJ_TYPE] = "obj_type",	  [POLICY_SUBJ_USER] = "subj_user",
		[POLICY_SUBJ_ROLE] = "subj_role", [POLICY_SUBJ_TYPE] = "subj_type",
	};

	return names[kind];
}

/* Cut @text into its fields. False: it is no label. */
static bool split(enum imad_lsm lsm, const char *text, size_t n, struct slice field[IMAD_LABEL_FIELDS])
{
	const char *end = text + n;

	memset(field, 0, IMAD_LABEL_FIELDS * sizeof(*field));
	if (lsm == IMAD_LSM_SMACK) {
		field[IMAD_LABEL_USER] = (struct slice){ text, n };
		return n > 0;
	}
	for (unsigned int i = 0; i < IMAD_LABEL_FIELDS; i++) {
		const char *colon = memchr(text, ':', (size_t)(end - text));

		if (!colon && i < IMAD_LABEL_TYPE)
			return false;
		field[i] = (struct slice){ text, (size_t)((colon ? colon : end) - text) };
		if (!field[i].n)
			return false;
		text = colon ? colon + 1 : end;
	}
	return true;
}

uint32_t policy_match_label(const struct policy *p, enum imad_lsm lsm, bool object, const char *text, size_t n)
{
	struct slice field[IMAD_LABEL_FIELDS];
	uint32_t bits = 0;

	if (!split(lsm, text, n, field))
		return 0;
	for (unsigned int i = 0; i < p->n_labels; i++) {
		const struct policy_label *l = &p->labels[i];
		const struct slice *f = &field[policy_label_field(l->kind)];

		if (policy_label_of_object(l->kind) == object &&
		    (slice_is(*f, l->value) || (*l->known_as && slice_is(*f, l->known_as))))
			bits |= 1u << i;
	}
	return bits;
}
