/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy text: what is taken and how it reads back, what is refused, where and why. */
#include <stdio.h>

#include "test_policy.h"

/* Good text and how it reads back. */
static const struct {
	const char *text, *printed;
} good[] = {
	{ "", "" },
	{ "\n\n  \t\n", "" },
	{ "# only a comment\n\t # another \xc3\xa9\r\n", "" },
	{ "measure", "measure \n" },
	{ "  \tmeasure \t \n", "measure \n" },
	{ "dont_measure\nmeasure\n", "dont_measure \nmeasure \n" },
	{ "measure # why\n", "measure \n" },
	{ "measure #why func=NONSENSE\n", "measure \n" },
	{ "func=FILE_CHECK measure", "measure func=FILE_CHECK \n" },
	{ "measure func=PATH_CHECK", "measure func=FILE_CHECK \n" },
	{ "measure func=FILE_MMAP", "measure func=MMAP_CHECK \n" },
	{ "measure func=MMAP_CHECK", "measure func=MMAP_CHECK \n" },
	{ "measure func=BPRM_CHECK", "measure func=BPRM_CHECK \n" },
	{ "measure func=CREDS_CHECK", "measure func=CREDS_CHECK \n" },
	{ "measure func=MODULE_CHECK", "measure func=MODULE_CHECK \n" },
	{ "measure func=FIRMWARE_CHECK", "measure func=FIRMWARE_CHECK \n" },
	{ "measure func=KEXEC_KERNEL_CHECK", "measure func=KEXEC_KERNEL_CHECK \n" },
	{ "measure func=KEXEC_INITRAMFS_CHECK", "measure func=KEXEC_INITRAMFS_CHECK \n" },
	{ "measure func=POLICY_CHECK", "measure func=POLICY_CHECK \n" },
	{ "measure mask=MAY_EXEC", "measure mask=MAY_EXEC \n" },
	{ "measure mask=MAY_WRITE", "measure mask=MAY_WRITE \n" },
	{ "measure mask=^MAY_READ", "measure mask=^MAY_READ \n" },
	{ "measure mask=^MAY_APPEND", "measure mask=^MAY_APPEND \n" },
	{ "measure fsmagic=EF53", "measure fsmagic=0xef53 \n" },
	{ "measure fsmagic=0Xef53", "measure fsmagic=0xef53 \n" },
	{ "measure fsmagic=+0x0ef53", "measure fsmagic=0xef53 \n" },
	{ "measure fsmagic=ffffffffffffffff", "measure fsmagic=0xffffffffffffffff \n" },
	{ "measure fsmagic=0", "measure fsmagic=0x0 \n" },
	{ "measure fsmagic=0 fsmagic=1", "measure fsmagic=0x1 \n" },
	{ "measure fsname=ext4", "measure fsname=ext4 \n" },
	{ "measure fsname=longer fsname=ext4", "measure fsname=ext4 \n" },
	{ "measure fsname=a=b#c", "measure fsname=a=b#c \n" },
	{ "measure fsname=1234567890123456789012345678901",
	  "measure fsname=1234567890123456789012345678901 \n" },
	{ "measure fsuuid=12345678-9ABC-def0-1234-56789abcdef0", "measure fsuuid=" UUID " \n" },
	{ "measure fsuuid=" UUID "tail", "measure fsuuid=" UUID " \n" },
	{ "measure fsuuid=00000000-0000-0000-0000-000000000000 fsuuid=" UUID, "measure fsuuid=" UUID " \n" },
	{ "measure uid=0", "measure uid=0 \n" },
	{ "measure uid=+0010", "measure uid=10 \n" },
	{ "measure uid>4294967294", "measure uid>4294967294 \n" },
	{ "measure euid<1000", "measure euid<1000 \n" },
	{ "measure gid=5 fgroup>6 fowner<7", "measure gid=5 fowner<7 fgroup>6 \n" },
	{ "measure egid=5 uid=6", "measure uid=6 egid=5 \n" },
	{ "measure pcr=0", "measure pcr=0 \n" },
	{ "measure pcr=63", "measure pcr=63 \n" },
	{ "measure pcr=-0", "measure pcr=0 \n" },
	{ "measure pcr=+11", "measure pcr=11 \n" },
	{ "measure pcr=11 pcr=12", "measure pcr=12 \n" },
	{ "pcr=11 measure", "measure pcr=11 \n" },
	{ "measure template=ima-sig", "measure template=ima-sig \n" },
	{ "measure template=d-ng|n-ng", "measure template=ima-ng \n" },
	{ "measure template=ima-ng fgroup=4 egid=3 uid=2 fsuuid=" UUID
	  " pcr=11 fsname=ext4 fsmagic=0xef53 fowner=1 mask=^MAY_READ func=FILE_CHECK",
	  "measure func=FILE_CHECK mask=^MAY_READ fsmagic=0xef53 fsname=ext4 pcr=11 fsuuid=" UUID
	  " uid=2 egid=3 fowner=1 fgroup=4 template=ima-ng \n" },
	{ "dont_measure func=FILE_CHECK mask=MAY_READ fsmagic=0xef53 fsname=ext4 fsuuid=" UUID
	  " euid>2 gid<3 fowner=1 fgroup=4",
	  "dont_measure func=FILE_CHECK mask=MAY_READ fsmagic=0xef53 fsname=ext4 fsuuid=" UUID
	  " euid>2 gid<3 fowner=1 fgroup=4 \n" },
};

static void test_good(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct policy p = { 0 }, again = { 0 };

		must_parse(&p, good[i].text);
		assert_string_equal(print(&p, &b), good[i].printed);
		must_parse(&again, good[i].printed);
		assert_memory_equal(&p, &again, sizeof(p));
	}
	buf_done(&b);
}

/* Bad text, where, why and about what. */
static const struct {
	const char *text;
	unsigned int line;
	const char *why, *token;
} bad[] = {
	{ "mesure", 1, "unknown word", "mesure" },
	{ "Measure", 1, "unknown word", "Measure" },
	{ "measure=1", 1, "unknown word", "measure=1" },
	{ "measure\n\n# x\nmeasure foo=1 bar", 4, "unknown word", "foo=1" },
	{ "measure =", 1, "unknown word", "=" },
	{ "func=FILE_CHECK uid=0", 1, "rule has no action", "func=FILE_CHECK" },
	{ "uid=0 # measure", 1, "rule has no action", "uid=0" },
	{ "measure measure", 1, "second action", "measure" },
	{ "measure dont_measure", 1, "second action", "dont_measure" },
	{ "appraise fowner=0", 1, "action needs a newer imad", "appraise" },
	{ "dont_appraise", 1, "action needs a newer imad", "dont_appraise" },
	{ "audit", 1, "action needs a newer imad", "audit" },
	{ "dont_audit", 1, "action needs a newer imad", "dont_audit" },
	{ "hash", 1, "action needs a newer imad", "hash" },
	{ "dont_hash", 1, "action needs a newer imad", "dont_hash" },
	{ "measure obj_type=etc_t", 1, "word needs a newer imad", "obj_type=etc_t" },
	{ "measure permit_directio", 1, "word needs a newer imad", "permit_directio" },
	{ "measure digest_type=verity", 1, "word needs a newer imad", "digest_type=verity" },
	{ "measure appraise_type=imasig", 1, "word needs a newer imad", "appraise_type=imasig" },
	{ "measure fs_subtype=sshfs", 1, "word needs a newer imad", "fs_subtype=sshfs" },
	{ "measure func=KEY_CHECK", 1, "func needs a newer imad", "func=KEY_CHECK" },
	{ "measure func=CRITICAL_DATA", 1, "func needs a newer imad", "func=CRITICAL_DATA" },
	{ "measure func=KEXEC_CMDLINE", 1, "func needs a newer imad", "func=KEXEC_CMDLINE" },
	{ "measure func=MMAP_CHECK_REQPROT", 1, "func needs a newer imad", "func=MMAP_CHECK_REQPROT" },
	{ "measure func=SETXATTR_CHECK", 1, "func needs a newer imad", "func=SETXATTR_CHECK" },
	{ "measure func=NONE", 1, "unknown func", "func=NONE" },
	{ "measure func=POST_SETATTR", 1, "unknown func", "func=POST_SETATTR" },
	{ "measure func=file_check", 1, "unknown func", "func=file_check" },
	{ "measure func=FILE_CHEC", 1, "unknown func", "func=FILE_CHEC" },
	{ "measure func=FILE_CHECK func=FILE_CHECK", 1, "given twice", "func=FILE_CHECK" },
	{ "measure func", 1, "operator does not fit", "func" },
	{ "measure func=", 1, "value is missing", "func=" },
	{ "measure func<FILE_CHECK", 1, "operator does not fit", "func<FILE_CHECK" },
	{ "measure pcr>1", 1, "operator does not fit", "pcr>1" },
	{ "measure permit_directio=1", 1, "operator does not fit", "permit_directio=1" },
	{ "measure mask=READ", 1, "unknown mask", "mask=READ" },
	{ "measure mask=MAY_ACCESS", 1, "unknown mask", "mask=MAY_ACCESS" },
	{ "measure mask=^", 1, "unknown mask", "mask=^" },
	{ "measure mask=^^MAY_READ", 1, "unknown mask", "mask=^^MAY_READ" },
	{ "measure mask=MAY_READ|MAY_EXEC", 1, "unknown mask", "mask=MAY_READ|MAY_EXEC" },
	{ "measure mask=MAY_READ mask=^MAY_EXEC", 1, "given twice", "mask=^MAY_EXEC" },
	{ "measure mask=^MAY_READ mask=MAY_EXEC", 1, "given twice", "mask=MAY_EXEC" },
	{ "measure fsmagic=0x", 1, "not a number", "fsmagic=0x" },
	{ "measure fsmagic=0xg", 1, "not a number", "fsmagic=0xg" },
	{ "measure fsmagic=0x0x1", 1, "not a number", "fsmagic=0x0x1" },
	{ "measure fsmagic=-1", 1, "not a number", "fsmagic=-1" },
	{ "measure fsmagic=10000000000000000", 1, "number out of range", "fsmagic=10000000000000000" },
	{ "measure fsmagic=1 fsmagic=1", 1, "given twice", "fsmagic=1" },
	{ "measure fsname=", 1, "value is missing", "fsname=" },
	{ "measure fsname=12345678901234567890123456789012", 1, "file system name too long",
	  "fsname=12345678901234567890123456789012" },
	{ "measure fsuuid=" UUID " fsuuid=" UUID, 1, "given twice", "fsuuid=" UUID },
	{ "measure fsuuid=12345678-9abc-def0-1234-56789abcdef", 1, "not a UUID",
	  "fsuuid=12345678-9abc-def0-1234-56789abcdef" },
	{ "measure fsuuid=12345678x9abc-def0-1234-56789abcdef0", 1, "not a UUID",
	  "fsuuid=12345678x9abc-def0-1234-56789abcdef0" },
	{ "measure fsuuid=1234567g-9abc-def0-1234-56789abcdef0", 1, "not a UUID",
	  "fsuuid=1234567g-9abc-def0-1234-56789abcdef0" },
	{ "measure uid=4294967295", 1, "number out of range", "uid=4294967295" },
	{ "measure uid=18446744073709551616", 1, "number out of range", "uid=18446744073709551616" },
	{ "measure uid=-1", 1, "not a number", "uid=-1" },
	{ "measure uid=0x10", 1, "not a number", "uid=0x10" },
	{ "measure uid==0", 1, "not a number", "uid==0" },
	{ "measure uid>=0", 1, "not a number", "uid>=0" },
	{ "measure uid=root", 1, "not a number", "uid=root" },
	{ "measure uid=++1", 1, "not a number", "uid=++1" },
	{ "measure uid=+", 1, "not a number", "uid=+" },
	{ "measure uid=1 uid<5", 1, "given twice", "uid<5" },
	{ "measure uid=1 euid=1", 1, "excluded by an earlier word", "euid=1" },
	{ "measure egid=1 gid=1", 1, "excluded by an earlier word", "gid=1" },
	{ "measure fowner>1 fowner<5", 1, "given twice", "fowner<5" },
	{ "measure fgroup=1 fgroup=1", 1, "given twice", "fgroup=1" },
	{ "measure pcr=64", 1, "number out of range", "pcr=64" },
	{ "measure pcr=-1", 1, "number out of range", "pcr=-1" },
	{ "measure pcr=-+0", 1, "not a number", "pcr=-+0" },
	{ "measure pcr=-", 1, "not a number", "pcr=-" },
	{ "measure pcr=0xa", 1, "not a number", "pcr=0xa" },
	{ "dont_measure pcr=10 uid=0", 1, "pcr= needs measure", "pcr=10" },
	{ "pcr=10 dont_measure", 1, "pcr= needs measure", "pcr=10" },
	{ "dont_measure template=ima-ng", 1, "template= must stand after measure", "template=ima-ng" },
	{ "template=ima-ng measure", 1, "template= must stand after measure", "template=ima-ng" },
	{ "measure template=ima-xx", 1, "unknown template", "template=ima-xx" },
	{ "measure template=ima-ng template=ima-ng", 1, "given twice", "template=ima-ng" },
	{ "measure\r\n", 1, "carriage return", "measure?" },
	{ "measure\n\r\n", 2, "carriage return", "?" },
	{ "measure fsname=ext4\r\n", 1, "carriage return", "fsname=ext4?" },
	{ "measure\vuid=0", 1, "not printable ASCII", "measure?uid=0" },
	{ "measure fsname=\xc3\xa9", 1, "not printable ASCII", "fsname=??" },
	{ "\x7f" "ELF\x02\x01\x01", 1, "not printable ASCII", "?ELF???" },
	{ "measure zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 1, "unknown word",
	  "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct policy p = { 0 }, before;
		struct parse_error e = { 0 };

		must_parse(&p, "measure func=BPRM_CHECK pcr=11\n");
		before = p;
		if (parse(&p, bad[i].text, &e) != -EBADMSG)
			fail_msg("taken: %s", bad[i].text);
		if (strcmp(e.why, bad[i].why) || strcmp(e.token, bad[i].token) || e.line != bad[i].line)
			fail_msg("%s\ngives line %u: %s: '%s'", bad[i].text, e.line, e.why, e.token);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

/* A rule behind a NUL would be seen by the kernel's line reader, in a comment too. */
static void test_nul(void **state)
{
	static const char text[] = "measure\n# harmless\0measure uid=0\n";
	struct policy p = { 0 };
	struct parse_error e = { 0 };

	(void)state;
	assert_int_equal(policy_parse(&p, text, sizeof(text) - 1, template_ok, &e), -EBADMSG);
	assert_string_equal(e.why, "NUL byte");
	assert_string_equal(e.token, "#");
	assert_int_equal(e.line, 2);
	assert_int_equal(p.n_rules, 0);
}

static void test_no_templates(void **state)
{
	static const char text[] = "measure template=ima-ng";
	struct policy p = { 0 };
	struct parse_error e = { 0 };

	(void)state;
	assert_int_equal(policy_parse(&p, text, strlen(text), NULL, &e), -EBADMSG);
	assert_string_equal(e.why, "unknown template");
}

static void test_line_limit(void **state)
{
	static char text[POLICY_LINE_MAX + 3];
	struct policy p = { 0 };
	struct parse_error e = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "measure", 7);
	text[POLICY_LINE_MAX] = '\n';
	assert_ok(parse(&p, text, &e));
	assert_int_equal(p.n_rules, 1);

	text[POLICY_LINE_MAX] = ' ';
	text[POLICY_LINE_MAX + 1] = '\n';
	assert_int_equal(parse(&p, text, &e), -EBADMSG);
	assert_string_equal(e.why, "line too long");
	assert_string_equal(e.token, "measure");
	assert_int_equal(p.n_rules, 1);
}

static void test_text_limit(void **state)
{
	char *text = calloc(1, POLICY_TEXT_MAX + 1);
	struct policy p = { 0 };
	struct parse_error e = { .line = 7 };

	(void)state;
	assert_non_null(text);
	memset(text, '\n', POLICY_TEXT_MAX + 1);
	assert_ok(policy_parse(&p, text, POLICY_TEXT_MAX, template_ok, &e));
	assert_int_equal(policy_parse(&p, text, POLICY_TEXT_MAX + 1, template_ok, &e), -E2BIG);
	assert_string_equal(e.why, "text too long");
	assert_int_equal(e.line, 0);
	free(text);
}

static void test_rule_limit(void **state)
{
	struct policy p = { 0 }, before;
	struct parse_error e = { 0 };

	(void)state;
	for (unsigned int i = 0; i < IMAD_RULES_MAX - 1; i++)
		must_parse(&p, "dont_measure\n");
	before = p;
	assert_int_equal(parse(&p, "measure\n\nmeasure uid=0\n", &e), -E2BIG);
	assert_string_equal(e.why, "too many rules");
	assert_int_equal(e.line, 3);
	assert_memory_equal(&p, &before, sizeof(p));
	must_parse(&p, "measure\n");
	assert_int_equal(p.n_rules, IMAD_RULES_MAX);
}

static void test_slot_limit(void **state)
{
	struct policy p = { 0 }, before;
	struct parse_error e = { 0 };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < IMAD_SLOTS_MAX; i++) {
		snprintf(line, sizeof(line), "measure pcr=%u\n", i);
		must_parse(&p, line);
	}
	assert_int_equal(p.rules[IMAD_SLOTS_MAX - 1].slot_bit, 1u << (IMAD_SLOTS_MAX - 1));
	before = p;
	assert_int_equal(parse(&p, "measure pcr=3\nmeasure\n", &e), -E2BIG);
	assert_string_equal(e.why, "too many pairs of pcr= and template=");
	assert_int_equal(e.line, 2);
	assert_memory_equal(&p, &before, sizeof(p));
}

/* Whatever is cut off, only the last line can be wrong. */
static void test_truncated(void **state)
{
	const char *text = policy_builtin("tcb");
	unsigned int lines = 0;

	(void)state;
	for (size_t n = 0; n <= strlen(text); n++) {
		struct policy p = { 0 };
		struct parse_error e = { 0 };

		lines += n > 0 && text[n - 1] == '\n';
		if (policy_parse(&p, text, n, template_ok, &e) == 0)
			assert_in_range(p.n_rules, lines, lines + 1);
		else
			assert_int_equal(e.line, lines + 1);
	}
	assert_int_equal(lines, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_no_templates),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_text_limit),
		cmocka_unit_test(test_rule_limit),
		cmocka_unit_test(test_slot_limit),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
