/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The matcher, as text and facts with the answer, and against a slow second one
 * that is written from the description of IMA's semantics.
 */
#include <stdio.h>

#include <imad/match.h>

#include "test_policy.h"

#define R IMAD_MAY_READ
#define W IMAD_MAY_WRITE
#define X IMAD_MAY_EXEC
#define FILE_READ .func = IMAD_FILE_CHECK, .mask = R

static const struct {
	const char *rule;
	struct imad_facts facts;
	bool matches;
} cases[] = {
	{ "measure", { FILE_READ }, true },
	{ "measure", { .func = IMAD_MMAP_CHECK, .mask = X }, true },
	{ "measure", { .func = IMAD_CREDS_CHECK, .mask = X }, true },
	{ "measure", { .func = IMAD_POLICY_CHECK, .mask = R }, true },
	{ "measure", { .func = IMAD_KEXEC_CMDLINE }, true },
	{ "measure", { .func = IMAD_KEY_CHECK }, false },
	{ "measure", { .func = IMAD_CRITICAL_DATA }, false },
	{ "measure func=FILE_CHECK", { FILE_READ }, true },
	{ "measure func=FILE_CHECK", { .func = IMAD_BPRM_CHECK, .mask = X }, false },
	{ "measure func=FILE_CHECK", { .func = IMAD_KEY_CHECK }, false },

	/* equal, or contained */
	{ "measure mask=MAY_READ", { FILE_READ }, true },
	{ "measure mask=MAY_READ", { .func = IMAD_FILE_CHECK, .mask = R | W }, false },
	{ "measure mask=MAY_READ", { .func = IMAD_FILE_CHECK, .mask = W }, false },
	{ "measure mask=^MAY_READ", { FILE_READ }, true },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = R | W }, true },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = W }, false },
	{ "measure mask=^MAY_READ", { .func = IMAD_FILE_CHECK, .mask = IMAD_MAY_ACCESS }, false },
	{ "measure mask=MAY_APPEND", { .func = IMAD_FILE_CHECK, .mask = W | IMAD_MAY_APPEND }, false },
	{ "measure mask=^MAY_APPEND", { .func = IMAD_FILE_CHECK, .mask = W | IMAD_MAY_APPEND }, true },
	{ "measure func=FILE_CHECK mask=MAY_EXEC", { .func = IMAD_FILE_CHECK, .mask = X }, true },

	{ "measure fsmagic=0xf97cff8c", { FILE_READ, .fsmagic = 0xf97cff8c }, true },
	{ "measure fsmagic=0xf97cff8c", { FILE_READ, .fsmagic = 0xfffffffff97cff8c }, false },
	{ "measure fsmagic=0", { FILE_READ, .fsmagic = 0 }, true },
	{ "measure fsmagic=0", { FILE_READ, .fsmagic = 1 }, false },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext4" }, true },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext" }, false },
	{ "measure fsname=ext4", { FILE_READ, .fsname = "ext4x" }, false },
	{ "measure fsname=eleven-name", { FILE_READ, .fsname = "eleven-namE" }, false },
	{ "measure fsname=thirty-one-letters-is-the-limit", { FILE_READ,
	  .fsname = "thirty-one-letters-is-the-limit" }, true },
	{ "measure fsname=thirty-one-letters-is-the-limit", { FILE_READ,
	  .fsname = "thirty-one-letters-is-the-limiT" }, false },
	{ "measure fsuuid=" UUID, { FILE_READ,
	  .fsuuid = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
		      0xde, 0xf0 } }, true },
	{ "measure fsuuid=" UUID, { FILE_READ,
	  .fsuuid = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
		      0xde, 0xf1 } }, false },

	/* uid is the real one whatever the task may do */
	{ "measure uid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 5 }, true },
	{ "measure uid=0", { FILE_READ, .uid = 5, .euid = 0, .suid = 0, .cap_setuid = 1 }, false },
	{ "measure uid>999", { FILE_READ, .uid = 1000 }, true },
	{ "measure uid>999", { FILE_READ, .uid = 999 }, false },
	{ "measure uid<1000", { FILE_READ, .uid = 999 }, true },
	{ "measure uid<1000", { FILE_READ, .uid = 1000 }, false },
	{ "measure uid>2147483647", { FILE_READ, .uid = 4294967294u }, true },
	{ "measure uid<1", { FILE_READ, .uid = 4294967295u }, false },

	/* euid is one of three where the task has CAP_SETUID */
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 0, .suid = 5 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 0 }, false },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 5, .cap_setuid = 1 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 5, .suid = 0, .cap_setuid = 1 }, true },
	{ "measure euid=0", { FILE_READ, .uid = 5, .euid = 5, .suid = 5, .cap_setuid = 1 }, false },
	{ "measure euid=0", { FILE_READ, .uid = 0, .euid = 5, .suid = 0, .cap_setgid = 1 }, false },
	{ "measure euid<10", { FILE_READ, .uid = 20, .euid = 20, .suid = 9, .cap_setuid = 1 }, true },
	{ "measure euid>10", { FILE_READ, .uid = 11, .euid = 10, .suid = 9 }, false },

	{ "measure gid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5 }, true },
	{ "measure gid=0", { FILE_READ, .gid = 5, .egid = 0, .sgid = 0, .cap_setgid = 1 }, false },
	{ "measure egid=0", { FILE_READ, .gid = 5, .egid = 0, .sgid = 5 }, true },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 0 }, false },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5, .cap_setgid = 1 }, true },
	{ "measure egid=0", { FILE_READ, .gid = 0, .egid = 5, .sgid = 5, .cap_setuid = 1 }, false },

	{ "measure fowner=7", { FILE_READ, .fowner = 7, .fgroup = 8 }, true },
	{ "measure fowner>7", { FILE_READ, .fowner = 7 }, false },
	{ "measure fgroup<9", { FILE_READ, .fowner = 10, .fgroup = 8 }, true },
	{ "measure fgroup=9", { FILE_READ, .fowner = 9, .fgroup = 8 }, false },

	/* all conditions together */
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 1 }, true },
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 2 }, false },
	{ "measure func=FILE_CHECK mask=^MAY_READ uid=0 fowner=1",
	  { FILE_READ, .fowner = 1, .uid = 1 }, false },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy p = { 0 };

		must_parse(&p, cases[i].rule);
		if (imad_rule_matches(&p.rules[0], &cases[i].facts) != cases[i].matches)
			fail_msg("row %zu: %s", i, cases[i].rule);
	}
}

/* Walk the table as the hooks do. */
static struct imad_decision decide(const struct policy *p, const struct imad_facts *f, uint32_t open)
{
	struct imad_decision d = { .open = open };

	for (unsigned int i = 0; i < p->n_rules; i++)
		if (imad_decide(&d, &p->rules[i], i, f))
			break;
	return d;
}

static void test_first_match_wins(void **state)
{
	const struct imad_facts root = { FILE_READ, .uid = 0 }, user = { FILE_READ, .uid = 7 };
	const struct imad_facts other = { FILE_READ, .uid = 8 }, key = { .func = IMAD_KEY_CHECK };
	struct policy p = { 0 };
	struct imad_decision d;

	(void)state;
	must_parse(&p, "dont_measure uid=7\n"
		       "measure uid=0 pcr=11\n"
		       "measure uid<8\n"
		       "dont_measure\n"
		       "measure pcr=12\n");
	d = decide(&p, &root, IMAD_MEASURE);
	assert_int_equal(d.action, IMAD_MEASURE);
	assert_int_equal(d.rule, 2);
	assert_int_equal(d.slot_bit, p.rules[1].slot_bit);
	assert_int_equal(d.pcr_slots, p.rules[1].pcr_slots);
	assert_int_equal(d.open, 0);

	d = decide(&p, &user, IMAD_MEASURE);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.rule, 1);
	assert_int_equal(d.slot_bit, 0);
	assert_int_equal(d.open, 0);

	d = decide(&p, &other, IMAD_MEASURE);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.rule, 4);

	d = decide(&p, &key, IMAD_MEASURE);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.rule, 0);
	assert_int_equal(d.open, IMAD_MEASURE);

	/* A closed class stays closed. */
	d = decide(&p, &root, 0);
	assert_int_equal(d.action, 0);
	assert_int_equal(d.rule, 0);
}

/* Classes do not see each other: rules of the kinds that text cannot say yet. */
static void test_classes(void **state)
{
	const struct imad_rule rules[] = {
		{ .action = IMAD_DONT_APPRAISE },
		{ .action = IMAD_AUDIT },
		{ .action = IMAD_MEASURE, .slot_bit = 4, .pcr_slots = 6 },
		{ .action = IMAD_APPRAISE },
		{ .action = IMAD_DONT_AUDIT },
		{ .action = IMAD_HASH },
	};
	const struct imad_facts f = { FILE_READ };
	struct imad_decision d = { .open = IMAD_MEASURE | IMAD_APPRAISE | IMAD_AUDIT };

	(void)state;
	assert_int_equal(imad_decide(&d, &rules[0], 0, &f), 0);
	assert_int_equal(d.open, IMAD_MEASURE | IMAD_AUDIT);
	assert_int_equal(imad_decide(&d, &rules[1], 1, &f), 0);
	assert_int_equal(d.rule, 0);
	assert_int_equal(imad_decide(&d, &rules[2], 2, &f), 1);
	assert_int_equal(d.action, IMAD_MEASURE | IMAD_AUDIT);
	assert_int_equal(d.rule, 3);
	assert_int_equal(d.slot_bit, 4);
	assert_int_equal(d.pcr_slots, 6);
	for (uint32_t i = 3; i < ARRAY_SIZE(rules); i++)
		assert_int_equal(imad_decide(&d, &rules[i], i, &f), 1);
	assert_int_equal(d.action, IMAD_MEASURE | IMAD_AUDIT);
}

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
}

/* Conditions with what the facts hold, or something else, so that long rules match as well. */
static void random_conditions(struct buf *b, const struct imad_facts *f)
{
	static const char *const funcs[] = { "FILE_CHECK", "MMAP_CHECK", "BPRM_CHECK", "CREDS_CHECK",
					     "MODULE_CHECK", "FIRMWARE_CHECK", "POLICY_CHECK" };
	static const char *const mask_names[] = { "MAY_EXEC", "MAY_WRITE", "MAY_READ", "MAY_APPEND" };
	static const char *const words[][2] = {
		{ "uid", "euid" }, { "gid", "egid" }, { "fowner", "fowner" }, { "fgroup", "fgroup" },
	};

	if (!pick(3))
		buf_addf(b, "func=%s ", funcs[pick(ARRAY_SIZE(funcs))]);
	if (!pick(3))
		buf_addf(b, "mask=%s%s ", pick(3) ? "^" : "", mask_names[pick(ARRAY_SIZE(mask_names))]);
	if (!pick(4))
		buf_addf(b, "fsmagic=0x%llx ", (unsigned long long)f->fsmagic + !pick(4));
	if (!pick(4))
		buf_addf(b, "fsname=%s ", pick(2) ? f->fsname : fsnames[pick(ARRAY_SIZE(fsnames))]);
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
		random_conditions(&b, &f);
		p.n_rules = 0;
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

		p.n_rules = 0;
		for (uint32_t n = 1 + pick(6); n > 0; n--) {
			random_facts(&f);
			buf_reset(&b);
			buf_add_str(&b, pick(2) ? "measure " : "dont_measure ");
			if (pick(3)) /* else the action alone: the whole class */
				random_conditions(&b, &f);
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
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_against_reference),
		cmocka_unit_test(test_no_use_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
