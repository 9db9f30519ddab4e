/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said against a policy without an event. Everything here is about
 * sets: the uses (func and mask) that a rule can meet, and whether all that satisfies
 * one rule satisfies another. Where the matcher can answer, it is asked.
 */
#include <string.h>

#include <imad/match.h>
#include <imad/policy.h>

#define ID_MAX (UINT32_MAX - 1) /* no task has the invalid id; an inode can, where its own is not mapped */
#define TMPFS_MAGIC 0x01021994

#define MASK(m) (1u << (m))
#define MASKS 17 /* 0 .. IMAD_MAY_ACCESS */

/*
 * As ima_main.c passes them. An open (or the server of a network filesystem) can have
 * nearly any union; but to append is to write or to read, too.
 */
static const uint32_t func_masks[IMAD_FUNC_COUNT] = {
	[IMAD_FILE_CHECK] = (MASK(MASKS) - 1) & ~MASK(IMAD_MAY_APPEND),
	[IMAD_MMAP_CHECK] = MASK(IMAD_MAY_EXEC),
	[IMAD_MMAP_CHECK_REQPROT] = MASK(IMAD_MAY_EXEC),
	[IMAD_BPRM_CHECK] = MASK(IMAD_MAY_EXEC),
	[IMAD_CREDS_CHECK] = MASK(IMAD_MAY_EXEC),
	[IMAD_MODULE_CHECK] = MASK(IMAD_MAY_READ),
	[IMAD_FIRMWARE_CHECK] = MASK(IMAD_MAY_READ),
	[IMAD_KEXEC_KERNEL_CHECK] = MASK(IMAD_MAY_READ),
	[IMAD_KEXEC_INITRAMFS_CHECK] = MASK(IMAD_MAY_READ),
	[IMAD_POLICY_CHECK] = MASK(IMAD_MAY_READ),
	[IMAD_KEXEC_CMDLINE] = MASK(0),
	[IMAD_KEY_CHECK] = MASK(0),
	[IMAD_CRITICAL_DATA] = MASK(0),
	[IMAD_SETXATTR_CHECK] = MASK(0),
};

uint32_t policy_func_masks(unsigned int func)
{
	return func < IMAD_FUNC_COUNT ? func_masks[func] : 0;
}

const struct policy_finding_text policy_finding_texts[POLICY_FINDING_KINDS] = {
	[POLICY_NEVER_MASK] = { "never_mask", "can never match: no use of its func has this mask", NULL },
	[POLICY_NEVER_ID] = { "never_id", "can never match: there is no such id", NULL },
	[POLICY_CONTRADICTS] = { "contradicts", "contradicts ", ", which decides first" },
	[POLICY_NEVER_REACHED] = { "never_reached", "never reached: ", " decides first" },
	[POLICY_NO_EFFECT] = { "no_effect", "has no effect: no rule that it could stop comes after it", NULL },
	[POLICY_READ_ONLY] = { "read_only", "misses files opened for reading and writing: mask=^MAY_READ has both",
			       NULL },
	[POLICY_GID_IGNORED] = { "gid_ignored", "gid= is not compared for this func", NULL },
	[POLICY_OPTION_SPREADS] = { "option_spreads", "its option holds for the appraisal of the same use, too", NULL },
	[POLICY_UNTYPED_DIGEST] = { "untyped_digest",
				    "its template does not tell the digest of fs-verity from others; "
				    "template=ima-ngv2 and ima-sigv2 do", NULL },
	[POLICY_DOES_NOTHING] = { "does_nothing", "nothing is measured, appraised, audited or hashed", NULL },
	[POLICY_GAP_TMPFS] = { "gap_tmpfs",
			       "tmpfs is left out: programs in memory (memfd) and files in /run, /dev/shm and "
			       "often /tmp are not measured; tcb+tmpfs measures them", NULL },
	[POLICY_GAP_LIBRARIES] = { "gap_libraries",
				   "programs are measured as they start, libraries are not as they are mapped "
				   "(no MMAP_CHECK rule)", NULL },
	[POLICY_GAP_PROGRAMS] = { "gap_programs",
				  "libraries are measured as they are mapped, scripts are not as they start "
				  "(no BPRM_CHECK rule)", NULL },
	[POLICY_GAP_MODULES] = { "gap_modules",
				 "kernel modules are not measured as they are loaded (no MODULE_CHECK rule)", NULL },
};

#define CONDS_USE (IMAD_COND_FUNC | IMAD_COND_MASK | IMAD_COND_INMASK)

struct lint {
	const struct policy *p;
	struct policy_summary sum;
	uint32_t uses[IMAD_RULES_MAX][IMAD_FUNC_COUNT]; /* what func= and mask= of each rule leave of func_masks[] */
	bool dead[IMAD_RULES_MAX];			 /* decides nothing, ever */
	struct policy_finding *ret;
	unsigned int n;
};

static void found(struct lint *l, enum policy_finding_kind kind, int rule, int other)
{
	l->ret[l->n++] = (struct policy_finding){ kind, rule, other };
}

/* The positive action of a rule's class. */
static uint32_t class_of(const struct imad_rule *r)
{
	return (r->action & IMAD_ACTION_DO) | (r->action & IMAD_ACTION_DONT) >> 1;
}

static bool is_data(const struct imad_rule *r)
{
	return r->func == IMAD_KEY_CHECK || r->func == IMAD_CRITICAL_DATA;
}

/* The conditions that are compared where the rule is asked at all. */
static uint32_t conds_of(const struct imad_rule *r)
{
	return r->conds & (is_data(r) ? IMAD_COND_UID | IMAD_COND_NAMES : ~(uint32_t)CONDS_USE);
}

/* --- what can satisfy a rule */

static uint32_t uses_of(const struct imad_rule *r, unsigned int func)
{
	struct imad_rule cut = *r;
	uint32_t uses = 0;

	/* Not asked at an event: no other rule stands for it. */
	if (func == IMAD_SETXATTR_CHECK && r->func != func)
		return 0;
	cut.conds &= CONDS_USE;
	for (uint32_t mask = 0; mask < MASKS; mask++)
		if ((func_masks[func] & MASK(mask)) &&
		    imad_rule_matches(&cut, &(struct imad_facts){ .func = func, .mask = mask }))
			uses |= MASK(mask);
	return uses;
}

static const struct id_cond {
	uint32_t cond;
	bool task;
	size_t value, op; /* in struct imad_rule */
} id_conds[] = {
#define ID_COND(cond, task, field) \
	{ cond, task, offsetof(struct imad_rule, field), offsetof(struct imad_rule, field##_op) }
	ID_COND(IMAD_COND_UID, true, uid),
	ID_COND(IMAD_COND_EUID, true, uid),
	ID_COND(IMAD_COND_GID, true, gid),
	ID_COND(IMAD_COND_EGID, true, gid),
	ID_COND(IMAD_COND_FOWNER, false, fowner),
	ID_COND(IMAD_COND_FGROUP, false, fgroup),
};

/* The ids that satisfy a condition; none if @low is above @high. */
struct span {
	uint64_t low, high;
};

static struct span span_of(const struct imad_rule *r, const struct id_cond *c)
{
	uint64_t max = c->task ? ID_MAX : UINT32_MAX;
	uint32_t id;

	memcpy(&id, (const uint8_t *)r + c->value, sizeof(id));
	switch (((const uint8_t *)r)[c->op]) {
	case IMAD_OP_GT:
		return (struct span){ id + 1ull, max };
	case IMAD_OP_LT:
		return id > 0 ? (struct span){ 0, id - 1ull } : (struct span){ 1, 0 };
	default:
		return (struct span){ id, id };
	}
}

static bool no_such_id(const struct imad_rule *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_conds); i++) {
		struct span s = span_of(r, &id_conds[i]);

		if ((conds_of(r) & id_conds[i].cond) && s.low > s.high)
			return true;
	}
	return false;
}

/* Every id that satisfies a condition of @r satisfies the same condition of @wider. Both have @conds. */
static bool ids_imply(const struct imad_rule *r, const struct imad_rule *wider, uint32_t conds)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_conds); i++) {
		struct span s = span_of(r, &id_conds[i]), w = span_of(wider, &id_conds[i]);

		if ((conds & id_conds[i].cond) && (s.low < w.low || s.high > w.high))
			return false;
	}
	return true;
}

/* All that satisfies the conditions of @r beside func= and mask= satisfies those of @wider. */
static bool conds_imply(const struct imad_rule *r, const struct imad_rule *wider)
{
	uint32_t conds = conds_of(wider);
	struct imad_facts fs = { .fsmagic = r->fsmagic };

	if (conds & ~conds_of(r))
		return false;
	memcpy(fs.fsname, r->fsname, sizeof(fs.fsname));
	memcpy(fs.fs_subtype, r->fs_subtype, sizeof(fs.fs_subtype));
	memcpy(fs.fsuuid, r->fsuuid, sizeof(fs.fsuuid));
	if (!imad_match_fs(wider, conds, &fs) || !ids_imply(r, wider, conds))
		return false;
	if ((conds & IMAD_COND_NAMES) && (r->names & ~wider->names))
		return false;
	return !(conds & IMAD_COND_LABELS) || !(wider->labels & ~r->labels);
}

static bool uses_imply(const uint32_t *uses, const uint32_t *wider)
{
	for (unsigned int func = 0; func < IMAD_FUNC_COUNT; func++)
		if (uses[func] & ~wider[func])
			return false;
	return true;
}

static bool uses_meet(const uint32_t *uses, const uint32_t *other)
{
	for (unsigned int func = 0; func < IMAD_FUNC_COUNT; func++)
		if (uses[func] & other[func])
			return true;
	return false;
}

static bool implies(const struct lint *l, unsigned int i, unsigned int wider)
{
	return uses_imply(l->uses[i], l->uses[wider]) && conds_imply(&l->p->rules[i], &l->p->rules[wider]);
}

/* --- one rule */

static bool never_matches(struct lint *l, unsigned int i)
{
	static const uint32_t none[IMAD_FUNC_COUNT];

	if (uses_imply(l->uses[i], none))
		found(l, POLICY_NEVER_MASK, (int)i, -1);
	else if (no_such_id(&l->p->rules[i]))
		found(l, POLICY_NEVER_ID, (int)i, -1);
	else
		return false;
	return true;
}

static bool never_reached(struct lint *l, unsigned int i)
{
	const struct imad_rule *r = &l->p->rules[i], *first = l->p->rules;
	unsigned int j = 0;
	bool opposite;

	while (j < i && !(class_of(&first[j]) == class_of(r) && implies(l, i, j)))
		j++;
	if (j == i)
		return false;
	opposite = first[j].action != r->action && implies(l, j, i);
	found(l, opposite ? POLICY_CONTRADICTS : POLICY_NEVER_REACHED, (int)i, (int)j);
	return true;
}

/*
 * What a dont_ rule does is to stop later rules of its class: their actions, and the
 * options of dont_ rules. Its own options count where its class does anything at all.
 */
static bool has_no_effect(struct lint *l, unsigned int i)
{
	const struct imad_rule *first = l->p->rules, *r = &first[i];
	uint32_t class = class_of(r);

	if (!(r->action & IMAD_ACTION_DONT) || (r->opts && (l->sum.classes & class)))
		return false;
	for (unsigned int j = i + 1; j < l->p->n_rules && (l->sum.classes & class); j++)
		if (class_of(&first[j]) == class && ((first[j].action & class) || first[j].opts) &&
		    uses_meet(l->uses[i], l->uses[j]))
			return false;
	found(l, POLICY_NO_EFFECT, (int)i, -1);
	return true;
}

/* Whether a use that rule @i meets can be appraised. */
static bool is_appraised(const struct lint *l, unsigned int i)
{
	for (unsigned int j = 0; j < l->p->n_rules; j++)
		if (l->p->rules[j].action == IMAD_APPRAISE && uses_meet(l->uses[i], l->uses[j]))
			return true;
	return false;
}

/* Without template= the configured one counts, which is not known here, and seldom one of these. */
static bool tells_digests(const char *template)
{
	return template && (!strcmp(template, "ima-ngv2") || !strcmp(template, "ima-sigv2"));
}

static void lint_oddities(struct lint *l, unsigned int i)
{
	const struct imad_rule *r = &l->p->rules[i];
	uint32_t opens = l->uses[i][IMAD_FILE_CHECK];

	if ((r->action & IMAD_ACTION_DO) && (opens & MASK(IMAD_MAY_READ)) &&
	    !(opens & MASK(IMAD_MAY_READ | IMAD_MAY_WRITE)))
		found(l, POLICY_READ_ONLY, (int)i, -1);
	if (is_data(r) && (r->conds & IMAD_COND_GID))
		found(l, POLICY_GID_IGNORED, (int)i, -1);
	if (r->opts && class_of(r) != IMAD_APPRAISE && is_appraised(l, i))
		found(l, POLICY_OPTION_SPREADS, (int)i, -1);
	if (r->action == IMAD_MEASURE && (r->opts & IMAD_OPT_VERITY) &&
	    !tells_digests(l->p->slots[__builtin_ctz(r->slot_bit)].template))
		found(l, POLICY_UNTYPED_DIGEST, (int)i, -1);
}

static void lint_rule(struct lint *l, unsigned int i)
{
	l->dead[i] = never_matches(l, i) || never_reached(l, i);
	if (!l->dead[i] && !has_no_effect(l, i))
		lint_oddities(l, i);
}

/* --- the whole policy */

#define PROGRAMS (POLICY_FUNC_BIT(BPRM_CHECK) | POLICY_FUNC_BIT(CREDS_CHECK))
#define MAPPINGS (POLICY_FUNC_BIT(MMAP_CHECK) | POLICY_FUNC_BIT(MMAP_CHECK_REQPROT))
#define FILES (PROGRAMS | MAPPINGS | POLICY_FUNC_BIT(FILE_CHECK))
#define CONDS_FS_KNOWN (IMAD_COND_FSMAGIC | IMAD_COND_FSNAME | IMAD_COND_FS_SUBTYPE)

/* The funcs of which some use can be measured, on the filesystem @fs or (NULL) on any. */
static uint32_t measured_funcs(const struct lint *l, const struct imad_facts *fs)
{
	uint32_t known = fs ? CONDS_FS_KNOWN : 0, funcs = 0, closed[IMAD_FUNC_COUNT] = { 0 };

	for (unsigned int i = 0; i < l->p->n_rules; i++) {
		const struct imad_rule *r = &l->p->rules[i];
		bool closes = r->action == IMAD_DONT_MEASURE && !(r->conds & ~(known | CONDS_USE));

		if (class_of(r) != IMAD_MEASURE || l->dead[i] || (fs && !imad_match_fs(r, r->conds & known, fs)))
			continue;
		for (unsigned int func = 0; func < IMAD_FUNC_COUNT; func++) {
			if (r->action == IMAD_MEASURE && (l->uses[i][func] & ~closed[func]))
				funcs |= 1u << func;
			if (closes)
				closed[func] |= l->uses[i][func];
		}
	}
	return funcs;
}

/* Some rule measures whatever is read by whom @reader, a rule, describes. */
static bool reads_measured(const struct lint *l, const struct imad_rule *reader)
{
	const uint32_t uses[IMAD_FUNC_COUNT] = { [IMAD_FILE_CHECK] = MASK(IMAD_MAY_READ) };

	for (unsigned int i = 0; i < l->p->n_rules; i++)
		if (l->p->rules[i].action == IMAD_MEASURE && !l->dead[i] && uses_imply(uses, l->uses[i]) &&
		    conds_imply(reader, &l->p->rules[i]))
			return true;
	return false;
}

static void lint_gaps(struct lint *l)
{
	const struct imad_facts tmpfs = { .fsmagic = TMPFS_MAGIC, .fsname = "tmpfs" };
	const struct imad_rule everyone = { 0 };
	const struct imad_rule root = { .conds = IMAD_CONDS_TASK }; /* all ids 0 */
	uint32_t actions = 0, measured = measured_funcs(l, NULL);
	bool programs = measured & PROGRAMS, mappings = measured & MAPPINGS;

	for (unsigned int i = 0; i < l->p->n_rules; i++)
		actions |= l->p->rules[i].action;
	if (!(actions & IMAD_ACTION_DO))
		found(l, POLICY_DOES_NOTHING, -1, -1);
	if (!(measured & FILES))
		return;
	if (!(measured_funcs(l, &tmpfs) & FILES))
		found(l, POLICY_GAP_TMPFS, -1, -1);
	/* Libraries and scripts are also read. */
	if (programs != mappings && !reads_measured(l, &everyone))
		found(l, programs ? POLICY_GAP_LIBRARIES : POLICY_GAP_PROGRAMS, -1, -1);
	if (!(measured & POLICY_FUNC_BIT(MODULE_CHECK)) && !reads_measured(l, &root))
		found(l, POLICY_GAP_MODULES, -1, -1);
}

unsigned int policy_lint(const struct policy *p, struct policy_finding ret[POLICY_FINDINGS_MAX])
{
	struct lint l = { .p = p, .ret = ret };

	policy_summarize(p, &l.sum);
	for (unsigned int i = 0; i < p->n_rules; i++)
		for (unsigned int func = 0; func < IMAD_FUNC_COUNT; func++)
			l.uses[i][func] = uses_of(&p->rules[i], func);
	for (unsigned int i = 0; i < p->n_rules; i++)
		lint_rule(&l, i);
	lint_gaps(&l);
	return l.n;
}
