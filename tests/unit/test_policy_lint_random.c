/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lint says of random policies, against the matcher: what is called dead
 * changes no decision about any use, and what is narrower is called dead.
 */
#include <imad/match.h>

#include "test_policy.h"

static uint64_t seed = 0x6c696e74;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

#define PICK(array) ((array)[pick(ARRAY_SIZE(array))])

static const uint32_t ids[] = { 0, 1, 2, 1000, 4294967293u, 4294967294u };
static const char *const names[] = { "a", "b", "c" };

/* Masks as ima_main.c passes them; written down a second time on purpose. */
static const struct {
	uint32_t func;
	uint32_t masks[8];
} uses[] = {
	{ IMAD_FILE_CHECK, { 1, 2, 4, 6, 10, 12, 14, 16 } },
	{ IMAD_MMAP_CHECK, { 1, 1, 1, 1, 1, 1, 1, 1 } },
	{ IMAD_MMAP_CHECK_REQPROT, { 1, 1, 1, 1, 1, 1, 1, 1 } },
	{ IMAD_BPRM_CHECK, { 1, 1, 1, 1, 1, 1, 1, 1 } },
	{ IMAD_CREDS_CHECK, { 1, 1, 1, 1, 1, 1, 1, 1 } },
	{ IMAD_MODULE_CHECK, { 4, 4, 4, 4, 4, 4, 4, 4 } },
	{ IMAD_FIRMWARE_CHECK, { 4, 4, 4, 4, 4, 4, 4, 4 } },
	{ IMAD_KEXEC_KERNEL_CHECK, { 4, 4, 4, 4, 4, 4, 4, 4 } },
	{ IMAD_KEXEC_INITRAMFS_CHECK, { 4, 4, 4, 4, 4, 4, 4, 4 } },
	{ IMAD_POLICY_CHECK, { 4, 4, 4, 4, 4, 4, 4, 4 } },
	{ IMAD_KEXEC_CMDLINE, { 0 } },
	{ IMAD_KEY_CHECK, { 0 } },
	{ IMAD_CRITICAL_DATA, { 0 } },
};

static void test_func_masks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
		for (size_t k = 0; k < 8; k++)
			assert_true(policy_func_masks(uses[i].func) & 1u << uses[i].masks[k]);
	assert_false(policy_func_masks(IMAD_FILE_CHECK) & 1u << IMAD_MAY_APPEND);
	assert_int_equal(policy_func_masks(IMAD_BPRM_CHECK), 1u << IMAD_MAY_EXEC);
	assert_int_equal(policy_func_masks(IMAD_NONE), 0);
	assert_int_equal(policy_func_masks(IMAD_FUNC_COUNT), 0);
}

static void add_word(struct buf *b)
{
	static const char *const words[] = { "uid", "euid", "gid", "egid", "fowner", "fgroup" };
	static const char *const masks[] = { "MAY_EXEC", "MAY_WRITE", "MAY_READ", "MAY_APPEND" };
	static const char *const plain[] = {
		"fsname=ext4", "fsname=tmpfs", "fs_subtype=x", "fs_subtype=y", "fsmagic=0x1021994", "fsmagic=0xef53",
		"fsuuid=" UUID, "obj_type=a", "obj_type=b", "subj_user=a", "permit_directio", "digest_type=verity",
		"appraise_algos=sha256", "keyrings=a", "keyrings=a|b", "keyrings=c|a", "label=a", "label=b|c",
	};

	switch (pick(6)) {
	case 0:
	case 1:
		buf_addf(b, " %s", PICK(plain));
		break;
	case 2:
		buf_addf(b, " mask=%s%s", pick(3) ? "^" : "", PICK(masks));
		break;
	default:
		buf_addf(b, " %s%c%u", PICK(words), "=<>"[pick(3)], PICK(ids));
	}
}

static void add_rule(struct buf *b)
{
	static const char *const actions[] = { "measure", "dont_measure", "measure", "dont_measure", "appraise",
					       "dont_appraise", "audit", "dont_audit", "hash", "dont_hash" };
	static const unsigned int funcs[] = { IMAD_FILE_CHECK, IMAD_FILE_CHECK, IMAD_BPRM_CHECK, IMAD_MMAP_CHECK,
					      IMAD_MODULE_CHECK, IMAD_KEXEC_CMDLINE, IMAD_KEY_CHECK,
					      IMAD_KEY_CHECK, IMAD_CRITICAL_DATA, IMAD_SETXATTR_CHECK };

	buf_add_str(b, PICK(actions));
	if (pick(3))
		buf_addf(b, " func=%s", policy_func_name(PICK(funcs)));
	for (uint32_t n = pick(4); n > 0; n--)
		add_word(b);
}

/* Adds a rule if it is one. */
static bool try_rule(struct policy *p, struct buf *b)
{
	struct parse_error e = { 0 };

	buf_add_u8(b, 0);
	assert_ok(buf_error(b));
	return parse(p, (const char *)b->data, &e) == 0;
}

/* Rules that do not go together are passed over. */
static void random_policy(struct policy *p, unsigned int n)
{
	struct buf b = { 0 };

	memset(p, 0, sizeof(*p));
	while (p->n_rules < n) {
		buf_reset(&b);
		add_rule(&b);
		(void)try_rule(p, &b);
	}
	buf_done(&b);
}

static void random_facts(struct imad_facts *f)
{
	static const char *const types[] = { "ext4", "tmpfs", "xfs" }, *const subtypes[] = { "", "x", "y" };
	size_t use = pick(ARRAY_SIZE(uses));

	*f = (struct imad_facts){
		.func = uses[use].func, .mask = PICK(uses[use].masks),
		.fsmagic = pick(2) ? 0xef53 : 0x1021994,
		.uid = PICK(ids), .euid = PICK(ids), .suid = PICK(ids),
		.gid = PICK(ids), .egid = PICK(ids), .sgid = PICK(ids),
		.fowner = pick(8) ? PICK(ids) : UINT32_MAX, .fgroup = pick(8) ? PICK(ids) : UINT32_MAX,
		.cap_setuid = (uint8_t)pick(2), .cap_setgid = (uint8_t)pick(2),
		.labels = pick(8), .names = pick(4) ? 1u << pick(ARRAY_SIZE(names)) : 0,
	};
	strcpy(f->fsname, PICK(types));
	strcpy(f->fs_subtype, PICK(subtypes));
}

/* Of the conditions of @r those that can be fulfilled by setting a fact. */
static void aim(struct imad_facts *f, const struct imad_rule *r)
{
	static const struct {
		uint32_t cond;
		size_t wanted, op, fact;
	} rows[] = {
#define AIM(cond, field, fact) { cond, offsetof(struct imad_rule, field), offsetof(struct imad_rule, field##_op), \
				 offsetof(struct imad_facts, fact) }
		AIM(IMAD_COND_UID, uid, uid), AIM(IMAD_COND_EUID, uid, euid), AIM(IMAD_COND_GID, gid, gid),
		AIM(IMAD_COND_EGID, gid, egid), AIM(IMAD_COND_FOWNER, fowner, fowner),
		AIM(IMAD_COND_FGROUP, fgroup, fgroup),
	};

	for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
		if ((r->conds & IMAD_COND_FUNC) && uses[i].func == r->func)
			f->func = r->func, f->mask = PICK(uses[i].masks);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t op = ((const uint8_t *)r)[rows[i].op];
		uint32_t id;

		if (!(r->conds & rows[i].cond) || !pick(4))
			continue;
		memcpy(&id, (const uint8_t *)r + rows[i].wanted, sizeof(id));
		id += op == IMAD_OP_GT ? 1u : op == IMAD_OP_LT ? (uint32_t)-1 : 0;
		if (id != UINT32_MAX)
			memcpy((uint8_t *)f + rows[i].fact, &id, sizeof(id));
	}
	if (r->conds & IMAD_COND_FSMAGIC)
		f->fsmagic = r->fsmagic;
	if (r->conds & IMAD_COND_FSNAME)
		memcpy(f->fsname, r->fsname, sizeof(f->fsname));
	if (r->conds & IMAD_COND_FS_SUBTYPE)
		memcpy(f->fs_subtype, r->fs_subtype, sizeof(f->fs_subtype));
	if (r->conds & IMAD_COND_FSUUID)
		memcpy(f->fsuuid, r->fsuuid, sizeof(f->fsuuid));
	if ((r->conds & IMAD_COND_NAMES) && !(r->names & f->names))
		f->names = r->names & (0 - r->names);
	f->labels |= r->labels;
}

/* What the policy decides, without rule @but. */
static struct imad_decision decide_but(const struct policy *p, const struct imad_facts *f, int but)
{
	struct policy_summary sum;
	struct imad_decision d = { 0 };

	policy_summarize(p, &sum);
	d.open = sum.classes;
	for (unsigned int i = 0; i < p->n_rules; i++)
		if ((int)i != but)
			(void)imad_decide(&d, &p->rules[i], f);
	d.open = 0; /* a class that a dont_ rule closed to no end */
	return d;
}

/* A rule that is called dead can be taken away, and the rule that is said to be first is. */
static void must_be_dead(const struct policy *p, const struct policy_finding *finding, unsigned int *matched)
{
	const struct imad_rule *r = &p->rules[finding->rule];

	for (int i = 0; i < 40; i++) {
		struct imad_decision with, without;
		struct imad_facts f;

		random_facts(&f);
		aim(&f, r);
		with = decide_but(p, &f, -1);
		without = decide_but(p, &f, finding->rule);
		if (memcmp(&with, &without, sizeof(with)) != 0)
			fail_msg("rule %d is not %s", finding->rule + 1, policy_finding_texts[finding->kind].name);
		if (!imad_rule_matches(r, &f))
			continue;
		(*matched)++;
		if (finding->kind == POLICY_NEVER_MASK || finding->kind == POLICY_NEVER_ID)
			fail_msg("rule %d matches", finding->rule + 1);
		if (finding->other >= 0 && !imad_rule_matches(&p->rules[finding->other], &f))
			fail_msg("rule %d is not reached by what rule %d matches", finding->other + 1,
				 finding->rule + 1);
	}
}

static void must_be_equal(const struct policy *p, const struct policy_finding *finding)
{
	for (int i = 0; i < 40; i++) {
		struct imad_facts f;

		random_facts(&f);
		aim(&f, &p->rules[finding->other]);
		if (imad_rule_matches(&p->rules[finding->other], &f) != imad_rule_matches(&p->rules[finding->rule], &f))
			fail_msg("rules %d and %d do not contradict", finding->rule + 1, finding->other + 1);
	}
}

static void test_dead_rules_decide_nothing(void **state)
{
	static struct policy_finding findings[POLICY_FINDINGS_MAX];
	static struct policy p;
	unsigned int kinds[POLICY_FINDING_KINDS] = { 0 }, matched = 0;

	(void)state;
	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int n;

		random_policy(&p, 2 + pick(30));
		n = policy_lint(&p, findings);
		for (unsigned int i = 0; i < n; i++) {
			kinds[findings[i].kind]++;
			if (findings[i].kind <= POLICY_NO_EFFECT)
				must_be_dead(&p, &findings[i], &matched);
			if (findings[i].kind == POLICY_CONTRADICTS)
				must_be_equal(&p, &findings[i]);
		}
	}
	/* Without many of each this would show nothing. */
	for (int i = 0; i <= POLICY_OPTION_SPREADS; i++)
		assert_in_range(kinds[i], 50, 1000000);
	assert_in_range(matched, 10000, 10000000);
}

/* A rule with one condition more than an earlier one is always seen to be dead. */
static void test_narrower_rules_are_seen(void **state)
{
	static struct policy_finding findings[POLICY_FINDINGS_MAX];
	static struct policy p;
	unsigned int seen = 0;
	struct buf b = { 0 };

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int n;
		bool dead = false;

		memset(&p, 0, sizeof(p));
		buf_reset(&b);
		add_rule(&b);
		if (!try_rule(&p, &b))
			continue;
		b.len--; /* the NUL */
		add_word(&b);
		if (!try_rule(&p, &b))
			continue;
		if ((p.rules[0].conds & IMAD_COND_FSNAME) && strcmp(p.rules[0].fsname, p.rules[1].fsname) != 0)
			continue; /* of two fsname= the last counts */
		n = policy_lint(&p, findings);
		for (unsigned int i = 0; i < n; i++)
			dead |= findings[i].rule == 1 && findings[i].kind <= POLICY_NEVER_REACHED;
		if (!dead)
			fail_msg("'%s' behind a wider rule", (const char *)b.data);
		seen++;
	}
	assert_in_range(seen, 1000, 20000);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_func_masks),
		cmocka_unit_test(test_dead_rules_decide_nothing),
		cmocka_unit_test(test_narrower_rules_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
