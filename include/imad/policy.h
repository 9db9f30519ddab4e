/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy text to rule table and back. Language: Documentation/ABI/testing/ima_policy,
 * security/integrity/ima/ima_policy.c. Bytes in, rules out; no file is opened here.
 */
#ifndef IMAD_POLICY_H
#define IMAD_POLICY_H

#include <stdbool.h>

#include <imad/abi.h>
#include <imad/buf.h>
#include <imad/util.h>

#define POLICY_TEXT_MAX (1u << 20) /* bytes of one policy text */
#define POLICY_LINE_MAX 4095	   /* bytes of one rule, as the kernel's PAGE_SIZE - 1 */
#define POLICY_PCR_DEFAULT -1	   /* a slot without pcr=: the configured PCR */

/* A distinct pair of PCR and template that measure rules ask for. */
struct policy_slot {
	int pcr;	     /* 0..63 or POLICY_PCR_DEFAULT */
	const char *template; /* canonical template name; NULL: the configured one. Owned by nobody (static). */
};

struct policy {
	unsigned int n_rules;
	unsigned int n_slots;
	struct policy_slot slots[IMAD_SLOTS_MAX];
	struct imad_rule rules[IMAD_RULES_MAX];
};

/*
 * Parse @n bytes of policy text, one rule a line, and append the rules to *@p
 * (zero-initialised is empty). All or nothing: on error *@p is as before.
 * @template_ok says whether template= names a known template and gives its
 * canonical static name, NULL if unknown (this room knows no templates itself).
 * Returns 0, -EBADMSG with line, reason and token in *@reterr, or -E2BIG when
 * there is too much text or are too many rules or slots (also told in *@reterr).
 */
int policy_parse(struct policy *p, const char *text, size_t n,
		 const char *(*template_ok)(const char *name, size_t len), struct parse_error *reterr);

/*
 * A parsed policy takes slots without pcr= for a PCR of their own. Tell it the
 * configured PCR, so that they share pcr_slots with rules that name that PCR: to
 * be called after the last policy_parse().
 */
void policy_bind_pcr(struct policy *p, int pcr);

/* The text of a built-in policy ("tcb", "ima_tcb"), NULL if there is none of that name. */
const char *policy_builtin(const char *name);
/* All built-in names, NULL-terminated. */
const char *const *policy_builtin_names(void);

/* Print rule @i as the kernel reads it back (every token followed by one blank), newline at the end. */
void policy_print_rule(const struct policy *p, unsigned int i, struct buf *out);

#define POLICY_FUNC_BIT(name) (1u << IMAD_##name)

/* What BPF needs beside the rules: slots and conditions in use, funcs that a positive rule can match. */
struct policy_summary {
	uint32_t all_slots;
	uint32_t funcs; /* POLICY_FUNC_BIT()s */
	uint32_t conds;
	bool may_match_magic_all; /* no rule restricts by filesystem: every superblock must be gated */
};
void policy_summarize(const struct policy *p, struct policy_summary *ret);

/*
 * Whether any use on a superblock with this magic, type name and UUID can be
 * measured: false means that the filesystem need not be gated at all. @fsname and
 * @fsuuid may be NULL when unknown; then the answer holds for all of them.
 */
bool policy_can_match_fs(const struct policy *p, uint64_t fsmagic, const char *fsname,
			 const uint8_t fsuuid[16]);

/* Canonical name of a func, "FILE_CHECK"; NULL for a number that is none. */
const char *policy_func_name(unsigned int func);

#endif
