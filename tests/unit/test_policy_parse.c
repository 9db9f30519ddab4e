/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy text: what is taken and how it reads back, what is refused, where and why. */
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
	{ "appraise", "appraise \n" },
	{ "dont_appraise fsmagic=0x9fa0", "dont_appraise fsmagic=0x9fa0 \n" },
	{ "audit func=BPRM_CHECK", "audit func=BPRM_CHECK \n" },
	{ "dont_audit", "dont_audit \n" },
	{ "hash func=FILE_CHECK", "hash func=FILE_CHECK \n" },
	{ "dont_hash uid=0", "dont_hash uid=0 \n" },
	{ "measure func=MMAP_CHECK_REQPROT", "measure func=MMAP_CHECK_REQPROT \n" },
	{ "measure func=KEXEC_CMDLINE", "measure func=KEXEC_CMDLINE \n" },
	{ "measure func=KEY_CHECK keyrings=.ima|.evm|.ima", "measure func=KEY_CHECK keyrings=.ima|.evm|.ima \n" },
	{ "measure func=KEY_CHECK keyrings=b\nmeasure func=KEY_CHECK keyrings=a|b",
	  "measure func=KEY_CHECK keyrings=b \nmeasure func=KEY_CHECK keyrings=a|b \n" },
	{ "measure label=selinux func=CRITICAL_DATA", "measure func=CRITICAL_DATA label=selinux \n" },
	{ "measure func=CRITICAL_DATA", "measure func=CRITICAL_DATA \n" },
	{ "measure fs_subtype=sshfs fsname=fuse", "measure fsname=fuse fs_subtype=sshfs \n" },
	{ "appraise appraise_type=imasig", "appraise appraise_type=imasig \n" },
	{ "appraise appraise_type=imasig appraise_type=imasig", "appraise appraise_type=imasig \n" },
	{ "appraise func=MODULE_CHECK appraise_type=imasig|modsig",
	  "appraise func=MODULE_CHECK appraise_type=imasig|modsig \n" },
	{ "appraise appraise_type=sigv3", "appraise appraise_type=sigv3 \n" },
	{ "appraise digest_type=verity appraise_type=sigv3", "appraise appraise_type=sigv3 digest_type=verity \n" },
	{ "appraise appraise_type=sigv3 digest_type=verity", "appraise appraise_type=sigv3 digest_type=verity \n" },
	{ "measure digest_type=verity", "measure digest_type=verity \n" },
	{ "appraise appraise_flag=check_blacklist", "appraise \n" },
	{ "measure appraise_flag=whatever", "measure \n" },
	{ "appraise appraise_algos=sha512,sha256", "appraise appraise_algos=sha256,sha512 \n" },
	{ "dont_measure permit_directio", "dont_measure permit_directio \n" },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha3-256", "appraise func=SETXATTR_CHECK appraise_algos=sha3-256 \n" },
	{ "measure obj_user=u subj_type=b_t fsname=ext4", "measure fsname=ext4 obj_user=u subj_type=b_t \n" },
	{ "appraise permit_directio digest_type=verity appraise_type=sigv3 obj_role=r appraise_algos=sha256 fgroup=1"
	  " uid=2 fs_subtype=s mask=MAY_READ func=FILE_CHECK",
	  "appraise func=FILE_CHECK mask=MAY_READ fs_subtype=s uid=2 fgroup=1 appraise_algos=sha256 obj_role=r "
	  "appraise_type=sigv3 digest_type=verity permit_directio \n" },
};

static void test_good(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		static struct policy p, again;

		memset(&p, 0, sizeof(p));
		memset(&again, 0, sizeof(again));
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
	{ "measure fs_subtype=a fs_subtype=b", 1, "given twice", "fs_subtype=b" },
	{ "measure func=KEY_CHECK keyrings=", 1, "value is missing", "keyrings=" },
	{ "measure func=KEY_CHECK keyrings=|a", 1, "empty name in the list", "keyrings=|a" },
	{ "measure func=KEY_CHECK keyrings=a||b", 1, "empty name in the list", "keyrings=a||b" },
	{ "measure func=KEY_CHECK keyrings=a|", 1, "empty name in the list", "keyrings=a|" },
	{ "measure func=KEY_CHECK keyrings=a keyrings=b", 1, "given twice", "keyrings=b" },
	{ "measure func=CRITICAL_DATA label=1234567890123456789012345678901234567890123456789012345678901234", 1,
	  "name too long", "label=123456789012345678901234567890123456789012345678901234567" },
	{ "measure obj_type=a obj_type=a", 1, "given twice", "obj_type=a" },
	{ "appraise appraise_type=modsig", 1, "unknown appraise_type", "appraise_type=modsig" },
	{ "appraise appraise_type=imasig|", 1, "unknown appraise_type", "appraise_type=imasig|" },
	{ "measure digest_type=sha256", 1, "unknown digest_type", "digest_type=sha256" },
	{ "appraise appraise_algos=sha256,", 1, "unknown hash algorithm", "appraise_algos=sha256," },
	{ "appraise appraise_algos=sha257", 1, "unknown hash algorithm", "appraise_algos=sha257" },
	{ "appraise appraise_algos=wp256", 1, "hash algorithm is not available", "appraise_algos=wp256" },
	{ "appraise appraise_algos=sha256 appraise_algos=sha256", 1, "given twice", "appraise_algos=sha256" },
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
	{ "dont_measure pcr=10 uid=0", 1, "needs measure", "pcr=10" },
	{ "pcr=10 dont_measure", 1, "needs measure", "pcr=10" },
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
		static struct policy p, before;
		struct parse_error e = { 0 };

		memset(&p, 0, sizeof(p));
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
	assert_int_equal(policy_parse(&p, text, sizeof(text) - 1, &policy_test_env, &e), -EBADMSG);
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
	assert_int_equal(policy_parse(&p, text, strlen(text), &(struct policy_env){ 0 }, &e), -EBADMSG);
	assert_string_equal(e.why, "unknown template");
}

/* Whatever is cut off, only the last line can be wrong. */
static void test_truncated(void **state)
{
	const char *text = policy_builtin("tcb", 3)->text;
	unsigned int lines = 0;

	(void)state;
	for (size_t n = 0; n <= strlen(text); n++) {
		struct policy p = { 0 };
		struct parse_error e = { 0 };

		lines += n > 0 && text[n - 1] == '\n';
		if (policy_parse(&p, text, n, &policy_test_env, &e) == 0)
			assert_in_range(p.n_rules, lines, lines + 1);
		else
			assert_int_equal(e.line, lines + 1);
	}
	assert_int_equal(lines, 20);
}

/* Of its own text; what is refused leaves none. */
static void test_lines(void **state)
{
	static struct policy p;
	struct parse_error e = { 0 };

	(void)state;
	memset(&p, 0, sizeof(p));
	must_parse(&p, "# one\n\nmeasure func=BPRM_CHECK\n  \naudit\n");
	must_parse(&p, "appraise");
	assert_int_equal(p.n_rules, 3);
	assert_int_equal(p.lines[0], 3);
	assert_int_equal(p.lines[1], 5);
	assert_int_equal(p.lines[2], 1);
	assert_int_equal(parse(&p, "audit\nbad", &e), -EBADMSG);
	assert_int_equal(p.lines[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_no_templates),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
