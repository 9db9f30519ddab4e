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
#define POLICY_NAMES_MAX IMAD_NAMES_MAX	   /* different names in keyrings= and label= */
#define POLICY_NAME_MAX 64	   /* bytes of one, with NUL */
#define POLICY_LABELS_MAX IMAD_LABELS_MAX   /* different obj_*= and subj_*= conditions */
#define POLICY_LABEL_MAX IMAD_LABEL_TEXT_MAX /* bytes of one label, with NUL */
#define POLICY_LISTS_MAX 8192	   /* bytes of all keyrings= and label= lists */

/* A distinct record that measure rules ask for: PCR, template, and what it is of. */
struct policy_slot {
	int pcr;	     /* 0..63 or POLICY_PCR_DEFAULT */
	const char *template; /* canonical template name; NULL: the configured one. Owned by nobody (static). */
	unsigned int variant; /* IMAD_VARIANT_*, in union */
};

/* What of a label an obj_*= or subj_*= compares (AUDIT_OBJ_USER ... in include/uapi/linux/audit.h). */
enum policy_label_kind {
	POLICY_OBJ_USER, POLICY_OBJ_ROLE, POLICY_OBJ_TYPE,
	POLICY_SUBJ_USER, POLICY_SUBJ_ROLE, POLICY_SUBJ_TYPE,
};
#define POLICY_LABEL_KIND_BIT(kind) (1u << (kind))
#define POLICY_LABEL_KINDS ((POLICY_LABEL_KIND_BIT(POLICY_SUBJ_TYPE) << 1) - 1)
struct policy_label {
	uint8_t kind; /* enum policy_label_kind */
	char value[POLICY_LABEL_MAX];
	char known_as[POLICY_LABEL_MAX]; /* the name that @value is an alias of, set by who can tell; empty: of none */
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
	uint32_t lines[IMAD_RULES_MAX]; /* of the text that each rule came from */
};

/* What the parser must be told of the machine for which it reads. */
struct policy_env {
	/* Whether template= names a known template: its canonical static name, or NULL. */
	const char *(*template_ok)(const char *name, size_t len);
	/* Whether this template (NULL: the configured one) has a field for an appended signature; NULL: none has. */
	bool (*has_modsig)(void *arg, const char *template);
	void *arg;
	/*
	 * POLICY_LABEL_KIND_BIT()s of what the active security module has in its labels, see
	 * policy_label_kinds(). Rules that ask for another one are checked and then left out, as the
	 * kernel does.
	 */
	uint32_t labels;
};

/* policy_labels.c. What a module's labels have: Smack's are one word, and that is its user. */
uint32_t policy_label_kinds(enum imad_lsm lsm);
bool policy_label_of_object(enum policy_label_kind kind); /* obj_*=; if not, subj_*= */
enum imad_label_field policy_label_field(enum policy_label_kind kind);
/* "obj_user" ... */
const char *policy_label_name(enum policy_label_kind kind);

/*
 * Bits of @p->labels: the obj_*= (with @object) or subj_*= conditions that hold for a label, as
 * the module writes it: SELinux's "user:role:type" with a range behind it or not, Smack's word. @n: without a
 * NUL or line end. What is no label fulfils nothing.
 */
uint32_t policy_match_label(const struct policy *p, enum imad_lsm lsm, bool object, const char *text, size_t n);

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

/*
 * The number in the comment "# version: N", which must stand before the first rule.
 * 0; -ENOENT: there is none; -EBADMSG: it is no number of 64 bits.
 */
int policy_version(const char *text, size_t n, uint64_t *ret);

/* Print rule @i as the kernel reads it back (every token followed by one blank), newline at the end. */
void policy_print_rule(const struct policy *p, unsigned int i, struct buf *out);

#define POLICY_FUNC_BIT(name) (1u << IMAD_##name)

/* What BPF needs beside the rules: slots and conditions in use, funcs that a positive rule can match. */
struct policy_summary {
	uint32_t all_slots; /* but what only takes the place of another one, or comes beside it: see @modsig_slots */
	uint32_t modsig_slots; /* of records with an appended signature */
	uint32_t classes; /* IMAD_MEASURE, IMAD_APPRAISE, ... of the rules that do something at an event */
	uint32_t funcs;	  /* POLICY_FUNC_BIT()s */
	uint32_t conds;
	bool appraises_opens; /* FILE_CHECK */
	bool appraises_programs; /* what is executed or mapped to be */
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

/*
 * The access masks that uses of @func have, as a set: bit m stands for the mask m
 * (IMAD_MAY_* in union). 0 for a number that is no func. SETXATTR_CHECK, KEY_CHECK
 * and other uses without access have the mask 0.
 */
uint32_t policy_func_masks(unsigned int func);

/*
 * Advice on a policy that is well-formed: rules that cannot do what they seem to
 * say, and what a policy that measures files leaves out. "Never" is said only of
 * what holds for every possible use; that several earlier rules together take all
 * uses of a later one is not noticed.
 */
enum policy_finding_kind {
	POLICY_NEVER_MASK,    /* no use of its func has such a mask */
	POLICY_NEVER_ID,      /* no id is below 0 or above the last one */
	POLICY_CONTRADICTS,   /* @other has the same conditions and the opposite action, and is first */
	POLICY_NEVER_REACHED, /* @other is first and matches whenever this one does */
	POLICY_NO_EFFECT,     /* a dont_ rule that no rule follows which it could stop */
	POLICY_READ_ONLY,     /* mask=MAY_READ: not what is opened for reading and writing */
	POLICY_GID_IGNORED,   /* gid= beside a func for which IMA does not compare it */
	POLICY_OPTION_SPREADS, /* digest_type= or permit_directio also holds where the same use is appraised */
	POLICY_UNTYPED_DIGEST, /* its records do not tell an fs-verity digest from one of the content */
	POLICY_DOES_NOTHING,  /* the policy: only dont_ rules, or none */
	POLICY_GAP_TMPFS,     /* the policy: measures files, and none on tmpfs */
	POLICY_GAP_LIBRARIES, /* the policy: measures programs, and not what they map */
	POLICY_GAP_PROGRAMS,  /* the policy: measures what is mapped, and not what is executed */
	POLICY_GAP_MODULES,   /* the policy: measures files, and no kernel modules */
	POLICY_FINDING_KINDS,
};

struct policy_finding {
	enum policy_finding_kind kind;
	int rule;  /* its index; -1: said of the whole policy */
	int other; /* index of the rule that decides first; -1: none */
};
#define POLICY_FINDINGS_MAX (3 * IMAD_RULES_MAX + 8)

/* Fills @ret in the order of the rules, the whole policy last. Returns the number of findings. */
unsigned int policy_lint(const struct policy *p, struct policy_finding ret[POLICY_FINDINGS_MAX]);

/*
 * A kind for machines ("never_reached") and for people. The place of the rule
 * @other, if there is one, goes between @before and @after.
 */
struct policy_finding_text {
	const char *name, *before, *after;
};
extern const struct policy_finding_text policy_finding_texts[POLICY_FINDING_KINDS];

#endif
