/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The matcher against a slow second one that is written from the description of IMA's semantics: rule by rule,
 * and whole policies.
 */
#include <stdio.h>

#include "test_policy.h"

#define R IMAD_MAY_READ

/* The second matcher: one obvious step for each word of the description. */
static bool compare(uint64_t value, char op, uint64_t wanted)
{
	return op == '=' ? value == wanted : op == '<' ? value < wanted : value > wanted;
}

static bool any_id(const uint32_t *ids, size_t n, char op, uint64_t wanted)
{
	for (size_t i = 0; i < n; i++)
		if (compare(ids[i], op, wanted))
			return true;
	return false;
}

static bool reference_word(const char *name, char op, const char *value, const struct imad_facts *f)
{
	static const char *const mask_names[] = { "MAY_EXEC", "MAY_WRITE", "MAY_READ", "MAY_APPEND" };
	const uint32_t uids[] = { f->euid, f->suid, f->uid }, gids[] = { f->egid, f->sgid, f->gid };
	char uuid_text[37];

	if (!strcmp(name, "func"))
		return !strcmp(value, policy_func_name(f->func));
	if (!strcmp(name, "mask")) {
		for (unsigned int i = 0; i < ARRAY_SIZE(mask_names); i++)
			if (!strcmp(value + (*value == '^'), mask_names[i]))
				return *value == '^' ? (f->mask >> i & 1) == 1 : f->mask == 1u << i;
		return false;
	}
	if (!strcmp(name, "fsmagic"))
		return f->fsmagic == strtoull(value, NULL, 16);
	if (!strcmp(name, "fsname"))
		return !strcmp(f->fsname, value);
	if (!strcmp(name, "fs_subtype"))
		return !strcmp(f->fs_subtype, value);
	if (!strcmp(name, "fsuuid")) {
		for (int i = 0, at = 0; i < 16; i++)
			at += snprintf(uuid_text + at, sizeof(uuid_text) - (size_t)at, "%s%02x",
				       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", f->fsuuid[i]);
		return !strcmp(uuid_text, value);
	}
	if (!strcmp(name, "uid"))
		return compare(f->uid, op, strtoull(value, NULL, 10));
	if (!strcmp(name, "gid"))
		return compare(f->gid, op, strtoull(value, NULL, 10));
	if (!strcmp(name, "euid"))
		return any_id(uids, f->cap_setuid ? 3 : 1, op, strtoull(value, NULL, 10));
	if (!strcmp(name, "egid"))
		return any_id(gids, f->cap_setgid ? 3 : 1, op, strtoull(value, NULL, 10));
	if (!strcmp(name, "fowner"))
		return compare(f->fowner, op, strtoull(value, NULL, 10));
	assert_string_equal(name, "fgroup");
	return compare(f->fgroup, op, strtoull(value, NULL, 10));
}

/* Whether the rule text, without its action, holds for the facts. */
static bool reference_matches(const char *conditions, const struct imad_facts *f)
{
	char text[512], *save = NULL;

	if (!strstr(conditions, "func=") && (f->func == IMAD_KEY_CHECK || f->func == IMAD_CRITICAL_DATA))
		return false;
	assert_in_range(strlen(conditions), 0, sizeof(text) - 1);
	strcpy(text, conditions);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *op = strpbrk(word, "=<>"), c = *op;

		*op = '\0';
		if (!reference_word(word, c, op + 1, f))
			return false;
	}
	return true;
}

/* Few different values, so that conditions hold often. xorshift64, seeded: every run is the same. */
static uint64_t seed = 0x696d6164;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static const char *const fsnames[] = { "ext4", "ext4dev", "a-name-that-fills-thirty-one-ch" };
static const uint32_t ids[] = { 0, 1, 1000, 4294967294u };

static uint32_t pick_id(void)
{
	return ids[pick(ARRAY_SIZE(ids))];
}

static void random_facts(struct imad_facts *f)
{
	*f = (struct imad_facts){
		.func = 1 + pick(IMAD_FUNC_COUNT - 1),
		.mask = pick(32),
		.fsmagic = pick(2) ? 0xef53 : 0x1021994,
		.uid = pick_id(), .euid = pick_id(), .suid = pick_id(),
		.gid = pick_id(), .egid = pick_id(), .sgid = pick_id(),
		.fowner = pick_id(), .fgroup = pick_id(),
		.cap_setuid = (uint8_t)pick(2), .cap_setgid = (uint8_t)pick(2),
	};
	memset(f->fsuuid, 0x11, sizeof(f->fsuuid));
	f->fsuuid[pick(16)] = 0x11 + (uint8_t)pick(2);
	strcpy(f->fsname, fsnames[pick(ARRAY_SIZE(fsnames))]);
	strcpy(f->fs_subtype, fsnames[pick(ARRAY_SIZE(fsnames))]);
}

/* Conditions with what the facts hold, or something else, so that long rules match as well. */
static void random_conditions(struct buf *b, const struct imad_facts *f, bool has_func)
{
	static const char *const funcs[] = { "FILE_CHECK", "MMAP_CHECK", "BPRM_CHECK", "CREDS_CHECK",
					     "MODULE_CHECK", "FIRMWARE_CHECK", "POLICY_CHECK" };
	static const char *const mask_names[] = { "MAY_EXEC", "MAY_WRITE", "MAY_READ", "MAY_APPEND" };
	static const char *const words[][2] = {
		{ "uid", "euid" }, { "gid", "egid" }, { "fowner", "fowner" }, { "fgroup", "fgroup" },
	};

	if (!has_func && !pick(3))
		buf_addf(b, "func=%s ", funcs[pick(ARRAY_SIZE(funcs))]);
	if (!pick(3))
		buf_addf(b, "mask=%s%s ", pick(3) ? "^" : "", mask_names[pick(ARRAY_SIZE(mask_names))]);
	if (!pick(4))
		buf_addf(b, "fsmagic=0x%llx ", (unsigned long long)f->fsmagic + !pick(4));
	if (!pick(4))
		buf_addf(b, "fsname=%s ", pick(2) ? f->fsname : fsnames[pick(ARRAY_SIZE(fsnames))]);
	if (!pick(4))
		buf_addf(b, "fs_subtype=%s ", pick(2) ? f->fs_subtype : fsnames[pick(ARRAY_SIZE(fsnames))]);
	if (!pick(4))
		buf_add_str(b, "fsuuid=11111111-1111-1111-1111-111111111111 ");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!pick(4))
			buf_addf(b, "%s%c%u ", words[i][pick(2)], "=<>"[pick(3)], pick_id());
	buf_add_u8(b, 0);
	assert_ok(buf_error(b));
}

static void test_against_reference(void **state)
{
	unsigned int matched = 0, rounds = 100000;
	struct buf b = { 0 };
	static struct policy p;
	struct imad_facts f;

	(void)state;
	for (unsigned int i = 0; i < rounds; i++) {
		bool wanted;

		random_facts(&f);
		buf_reset(&b);
		buf_add_str(&b, "measure ");
		random_conditions(&b, &f, false);
		memset(&p, 0, sizeof(p));
		must_parse(&p, (const char *)b.data);
		wanted = reference_matches((const char *)b.data + strlen("measure "), &f);
		if (imad_rule_matches(&p.rules[0], &f) != wanted)
			fail_msg("round %u: %s should%s match", i, (const char *)b.data,
				 wanted ? "" : " not");
		matched += wanted;
	}
	/* Were nearly all of one kind, this would compare nothing. */
	assert_in_range(matched, rounds / 10, rounds * 9 / 10);
	buf_done(&b);
}

static const struct {
	const char *word;
	uint32_t does, class;
} actions[] = {
	{ "measure", IMAD_MEASURE, IMAD_MEASURE },    { "dont_measure", 0, IMAD_MEASURE },
	{ "appraise", IMAD_APPRAISE, IMAD_APPRAISE }, { "dont_appraise", 0, IMAD_APPRAISE },
	{ "audit", IMAD_AUDIT, IMAD_AUDIT },	      { "dont_audit", 0, IMAD_AUDIT },
	{ "hash", IMAD_HASH, IMAD_HASH },	      { "dont_hash", 0, IMAD_HASH },
};

/* First match per class; every class by itself, but that appraising drops a hash collected before. */
static bool reference_decides(uint32_t *decided, uint32_t *chosen, size_t action, const char *conditions,
			      const struct imad_facts *f)
{
	if ((*decided & actions[action].class) || !reference_matches(conditions, f))
		return false;
	*decided |= actions[action].class;
	if (actions[action].does == IMAD_APPRAISE)
		*chosen &= ~(uint32_t)IMAD_HASH;
	*chosen |= actions[action].does;
	return true;
}

/* Whole policies: what is done, into which PCR, with which options. */
static void test_policies_against_reference(void **state)
{
	unsigned int acted = 0, rounds = 20000;
	static struct policy p;
	struct buf b = { 0 };
	struct imad_facts f;

	(void)state;
	for (unsigned int i = 0; i < rounds; i++) {
		uint32_t decided = 0, chosen = 0, opts = 0;
		int pcr = POLICY_PCR_DEFAULT;
		struct imad_decision d;

		memset(&p, 0, sizeof(p));
		random_facts(&f);
		for (uint32_t n = 1 + pick(7); n > 0; n--) {
			size_t action = pick(ARRAY_SIZE(actions)), at;
			bool directio = f.func == IMAD_FILE_CHECK && !pick(3);
			int rule_pcr = actions[action].does == IMAD_MEASURE ? (int)pick(3) : POLICY_PCR_DEFAULT;

			buf_reset(&b);
			buf_addf(&b, "%s ", actions[action].word);
			if (rule_pcr >= 0)
				buf_addf(&b, "pcr=%d ", rule_pcr);
			if (directio)
				buf_add_str(&b, "func=FILE_CHECK permit_directio ");
			at = b.len;
			random_conditions(&b, &f, directio);
			must_parse(&p, (const char *)b.data);
			if (!reference_decides(&decided, &chosen, action, (const char *)b.data + at, &f))
				continue;
			opts |= directio ? IMAD_OPT_DIRECTIO : 0;
			if (actions[action].does == IMAD_MEASURE)
				pcr = rule_pcr;
		}
		d = decide(&p, &f, ~0u);
		assert_int_equal(d.action, chosen);
		assert_int_equal(d.opts, opts);
		assert_int_equal(d.slot_bit ? p.slots[__builtin_ctz(d.slot_bit)].pcr : POLICY_PCR_DEFAULT, pcr);
		acted += chosen != 0;
	}
	assert_in_range(acted, rounds / 10, rounds * 9 / 10);
	buf_done(&b);
}

/* A filesystem that needs no gate has no use that is measured, known or not what it is called. */
static void test_no_use_is_missed(void **state)
{
	unsigned int measured = 0, spared = 0, rounds = 20000;
	struct buf b = { 0 };
	static struct policy p;
	struct imad_facts f;

	(void)state;
	for (unsigned int i = 0; i < rounds; i++) {
		bool wanted, can;

		memset(&p, 0, sizeof(p));
		for (uint32_t n = 1 + pick(6); n > 0; n--) {
			random_facts(&f);
			buf_reset(&b);
			buf_add_str(&b, pick(2) ? "measure " : "dont_measure ");
			if (pick(3)) /* else the action alone: the whole class */
				random_conditions(&b, &f, false);
			buf_add_u8(&b, 0);
			must_parse(&p, (const char *)b.data);
		}
		wanted = decide(&p, &f, IMAD_MEASURE).action == IMAD_MEASURE;
		can = policy_can_match_fs(&p, f.fsmagic, pick(2) ? f.fsname : NULL,
					  pick(2) ? f.fsuuid : NULL);
		if (wanted && !can)
			fail_msg("round %u: measured on a filesystem that is not gated", i);
		measured += wanted;
		spared += !can;
	}
	assert_in_range(measured, rounds / 10, rounds);
	assert_in_range(spared, rounds / 10, rounds);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_reference),
		cmocka_unit_test(test_policies_against_reference),
		cmocka_unit_test(test_no_use_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
