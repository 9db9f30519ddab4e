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
#define POLICY_NAMES_MAX 64	   /* different names in keyrings= and label= */
#define POLICY_NAME_MAX 64	   /* bytes of one, with NUL */
#define POLICY_LABELS_MAX 32	   /* different obj_*= and subj_*= conditions */
#define POLICY_LABEL_MAX 256	   /* bytes of one label, with NUL */
#define POLICY_LISTS_MAX 8192	   /* bytes of all keyrings= and label= lists */

/* A distinct pair of PCR and template that measure rules ask for. */
struct policy_slot {
	int pcr;	     /* 0..63 or POLICY_PCR_DEFAULT */
	const char *template; /* canonical template name; NULL: the configured one. Owned by nobody (static). */
};

/* What of a label an obj_*= or subj_*= compares (AUDIT_OBJ_USER ... in include/uapi/linux/audit.h). */
enum policy_label_kind {
	POLICY_OBJ_USER, POLICY_OBJ_ROLE, POLICY_OBJ_TYPE,
	POLICY_SUBJ_USER, POLICY_SUBJ_ROLE, POLICY_SUBJ_TYPE,
};
struct policy_label {
	uint8_t kind; /* enum policy_label_kind */
	char value[POLICY_LABEL_MAX];
};

struct policy {
	unsigned int n_rules, n_slots, n_names, n_labels;
	unsigned int n_lists;	 /* used of @lists */
	unsigned int n_inactive; /* rules left out because no security module has labels */
	struct policy_slot slots[IMAD_SLOTS_MAX];
	char names[POLICY_NAMES_MAX][POLICY_NAME_MAX]; /* of keyrings and critical data */
	struct policy_label labels[POLICY_LABELS_MAX];
	char lists[POLICY_LISTS_MAX]; /* keyrings= and label= as they were written, NUL-terminated each */
	struct imad_rule rules[IMAD_RULES_MAX];
};

/* What the parser must be told of the machine for which it reads. */
struct policy_env {
	/* Whether template= names a known template: its canonical static name, or NULL. */
	const char *(*template_ok)(const char *name, size_t len);
	/*
	 * A security module with labels (SELinux, Smack) is active. If not, rules with
	 * obj_*= or subj_*= are checked and then left out, as the kernel does.
	 */
	bool labels;
};

/*
 * Parse @n bytes of policy text, one rule a line, and append the rules to *@p
 * (zero-initialised is empty). All or nothing: on error *@p is as before.
 * Returns 0, -EBADMSG with line, reason and token in *@reterr, or -E2BIG when
 * there is too much text or are too many rules, slots, names or labels (also told
 * in *@reterr).
 */
int policy_parse(struct policy *p, const char *text, size_t n, const struct policy_env *env,
		 struct parse_error *reterr);

/*
 * A parsed policy takes slots without pcr= for a PCR of their own. Tell it the
 * configured PCR, so that they share pcr_slots with rules that name that PCR: to
 * be called after the last policy_parse().
 */
void policy_bind_pcr(struct policy *p, int pcr);

/*
 * Built-in policies, in the order in which they are installed whatever the order in
 * which they are asked for.
 */
struct policy_builtin {
	const char *name, *text;
	const char *unless; /* not installed beside this one; NULL: always */
};
extern const struct policy_builtin policy_builtins[]; /* ends with a row without a name */
const struct policy_builtin *policy_builtin(const char *name, size_t len); /* NULL: none of that name */

/* Print rule @i as the kernel reads it back (every token followed by one blank), newline at the end. */
void policy_print_rule(const struct policy *p, unsigned int i, struct buf *out);

#define POLICY_FUNC_BIT(name) (1u << IMAD_##name)

/* What BPF needs beside the rules: slots and conditions in use, funcs that a positive rule can match. */
struct policy_summary {
	uint32_t all_slots;
	uint32_t classes; /* IMAD_MEASURE, IMAD_APPRAISE, ... of the rules that do something at an event */
	uint32_t funcs;	  /* POLICY_FUNC_BIT()s */
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
