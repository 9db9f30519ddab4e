/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which words go together: every func with every word, under measure and under appraise, against a table
 * written from ima_validate_rule(); and each refusal with its message.
 */
#include <stdio.h>

#include "test_policy.h"

/* One word each, in the order of the columns below. */
static const char *const words[] = {
	"mask=MAY_READ", "fsmagic=1", "fsname=x", "fs_subtype=x", "fsuuid=" UUID, "uid=1", "euid=1", "gid=1", "egid=1",
	"fowner=1", "fgroup=1", "obj_type=x", "subj_user=x", "keyrings=x", "label=x", "pcr=1", "template=ima-ng",
	"appraise_type=imasig", "appraise_type=imasig|modsig", "appraise_type=sigv3", "appraise_algos=sha256",
	"appraise_flag=x", "digest_type=verity", "permit_directio",
};

/*
 * b: measure and appraise take it, m: measure only, a: appraise only, -: neither. In the columns' order:
 *           mask fs.... ids. own lsm kr lb pcr tpl | imasig modsig sigv3 algos flag verity directio
 */
#define FILES "b" "bbbb" "bbbb" "bb" "bb" "-" "-" "m" "m" "a" "-" "a" "a" "b" "m" "b"
#define READS "b" "bbbb" "bbbb" "bb" "bb" "-" "-" "m" "m" "a" "a" "a" "a" "b" "-" "b"
static const struct {
	const char *func, *takes;
} funcs[] = {
	{ "", FILES },
	{ "FILE_CHECK", FILES },
	{ "MMAP_CHECK", FILES },
	{ "MMAP_CHECK_REQPROT", FILES },
	{ "BPRM_CHECK", FILES },
	{ "CREDS_CHECK", FILES },
	{ "FIRMWARE_CHECK", FILES },
	{ "POLICY_CHECK", FILES },
	{ "MODULE_CHECK", READS },
	{ "KEXEC_KERNEL_CHECK", READS },
	{ "KEXEC_INITRAMFS_CHECK", READS },
	{ "KEXEC_CMDLINE", "-" "mmmm" "mmmm" "mm" "mm" "-" "-" "m" "m" "-" "-" "-" "-" "m" "-" "-" },
	{ "KEY_CHECK", "-" "----" "m-m-" "--" "--" "m" "-" "m" "m" "-" "-" "-" "-" "m" "-" "-" },
	{ "CRITICAL_DATA", "-" "----" "m-m-" "--" "--" "-" "m" "m" "m" "-" "-" "-" "-" "m" "-" "-" },
};

static bool takes(const char *action, const char *func, const char *word)
{
	static struct policy p;
	struct parse_error e = { 0 };
	char line[256];

	snprintf(line, sizeof(line), "%s %s%s %s", action, *func ? "func=" : "", func, word);
	memset(&p, 0, sizeof(p));
	return parse(&p, line, &e) == 0;
}

static void test_words_of_each_func(void **state)
{
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(funcs); f++) {
		assert_int_equal(strlen(funcs[f].takes), ARRAY_SIZE(words));
		for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
			char wanted = funcs[f].takes[w];

			if (takes("measure", funcs[f].func, words[w]) != (wanted == 'b' || wanted == 'm'))
				fail_msg("measure func=%s %s", funcs[f].func, words[w]);
			if (takes("appraise", funcs[f].func, words[w]) != (wanted == 'b' || wanted == 'a'))
				fail_msg("appraise func=%s %s", funcs[f].func, words[w]);
		}
	}
}

/* Which actions a func takes at all. */
static void test_actions_of_each_func(void **state)
{
	static const char *const actions[] = { "measure", "dont_measure", "appraise", "dont_appraise",
					       "audit",	  "dont_audit",	  "hash",     "dont_hash" };

	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(actions); a++) {
		bool measures = strstr(actions[a], "measure");

		for (size_t f = 0; f < ARRAY_SIZE(funcs); f++) {
			bool data = strstr("KEXEC_CMDLINE KEY_CHECK CRITICAL_DATA", funcs[f].func) && *funcs[f].func;

			if (takes(actions[a], funcs[f].func, "") != (measures || !data))
				fail_msg("%s func=%s", actions[a], funcs[f].func);
		}
		if (takes(actions[a], "SETXATTR_CHECK", "appraise_algos=sha256") != (a == 2))
			fail_msg("%s func=SETXATTR_CHECK", actions[a]);
	}
}

static const struct {
	const char *text, *why, *token;
} refused[] = {
	{ "dont_measure pcr=10", "needs measure", "pcr=10" },
	{ "appraise pcr=10", "needs measure", "pcr=10" },
	{ "measure appraise_type=imasig", "needs appraise", "appraise_type=imasig" },
	{ "dont_appraise appraise_type=imasig", "needs appraise", "appraise_type=imasig" },
	{ "audit appraise_algos=sha256", "needs appraise", "appraise_algos=sha256" },
	{ "audit func=KEY_CHECK", "func does not go with the action", "func=KEY_CHECK" },
	{ "measure func=SETXATTR_CHECK", "func does not go with the action", "func=SETXATTR_CHECK" },
	{ "appraise func=SETXATTR_CHECK", "needs appraise_algos=", "func=SETXATTR_CHECK" },
	{ "appraise func=SETXATTR_CHECK appraise_algos=sha256 uid=0", "does not go with the func", "uid=0" },
	{ "measure func=KEY_CHECK mask=MAY_READ", "does not go with the func", "mask=MAY_READ" },
	{ "measure func=KEY_CHECK label=a", "does not go with the func", "label=a" },
	{ "measure keyrings=a", "needs a func=", "keyrings=a" },
	{ "measure label=a", "needs a func=", "label=a" },
	{ "appraise appraise_type=imasig|modsig", "modsig is for modules and kexec images", "appraise_type=imasig|modsig" },
	{ "appraise func=MODULE_CHECK appraise_type=imasig|modsig appraise_type=sigv3",
	  "modsig and sigv3 exclude each other", "appraise_type=sigv3" },
	{ "appraise digest_type=verity", "needs appraise_type=sigv3", "digest_type=verity" },
	{ "appraise digest_type=verity appraise_type=imasig", "needs appraise_type=sigv3", "digest_type=verity" },
	{ "measure func=MODULE_CHECK digest_type=verity", "does not go with the func", "digest_type=verity" },
	{ "measure func=KEXEC_CMDLINE permit_directio", "does not go with the func", "permit_directio" },
};

static void test_refusals(void **state)
{
	static struct policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct parse_error e = { 0 };

		assert_int_equal(parse(&p, refused[i].text, &e), -EBADMSG);
		if (strcmp(e.why, refused[i].why) || strcmp(e.token, refused[i].token))
			fail_msg("%s\ngives %s: '%s'", refused[i].text, e.why, e.token);
		assert_int_equal(p.n_rules, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_each_func),
		cmocka_unit_test(test_actions_of_each_func),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
