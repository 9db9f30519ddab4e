/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings: defaults, each key in each form, each error with its place, the kernel command line. */
#include "test.h"

#include <stdio.h>

#include <imad/conf.h>

/* Parse @text over the defaults into @c. */
static int parse(const char *text, struct conf *c, struct parse_error *e)
{
	conf_defaults(c);
	*e = (struct parse_error){ 0 };
	return conf_parse(c, text, strlen(text), e);
}

static int boot(const char *cmdline, struct conf *c, struct parse_error *e)
{
	conf_defaults(c);
	*e = (struct parse_error){ 0 };
	return conf_parse_cmdline(c, cmdline, e);
}

static void assert_same(const struct conf *a, const struct conf *b)
{
	assert_int_equal(a->off, b->off);
	assert_string_equal(a->policy, b->policy);
	assert_string_equal(a->hash, b->hash);
	assert_string_equal(a->template, b->template);
	assert_string_equal(a->rundir, b->rundir);
	assert_string_equal(a->tpm_tcti, b->tpm_tcti);
	assert_int_equal(a->pcr, b->pcr);
	assert_int_equal(a->appraise, b->appraise);
	assert_int_equal(a->appraise_force, b->appraise_force);
	assert_string_equal(a->appraise_critical, b->appraise_critical);
	assert_int_equal(a->tpm_mode, b->tpm_mode);
	assert_int_equal(a->tpm_batch, b->tpm_batch);
	assert_int_equal(a->tpm_check_s, b->tpm_check_s);
	assert_int_equal(a->appraise_grace_s, b->appraise_grace_s);
	assert_int_equal(a->protect_labels, b->protect_labels);
	assert_int_equal(a->protect, b->protect);
	assert_string_equal(a->protect_keys, b->protect_keys);
	assert_int_equal(a->evm, b->evm);
	assert_string_equal(a->evm_dir, b->evm_dir);
	assert_int_equal(a->gate_hold, b->gate_hold);
	assert_int_equal(a->gate_deadline_ms, b->gate_deadline_ms);
	assert_int_equal(a->gate_watchdog_ms, b->gate_watchdog_ms);
	assert_int_equal(a->gate_on_timeout, b->gate_on_timeout);
	assert_int_equal(a->gate_workers, b->gate_workers);
	assert_int_equal(a->log_level, b->log_level);
}

static void defaults(void **state)
{
	struct conf c;

	(void)state;
	conf_defaults(&c);
	assert_false(c.off);
	assert_string_equal(c.policy, "");
	assert_string_equal(c.hash, "sha256");
	assert_string_equal(c.template, "ima-ng");
	assert_string_equal(c.tpm_tcti, "device:/dev/tpmrm0");
	assert_int_equal(c.pcr, 10);
	assert_int_equal(c.appraise, CONF_APPRAISE_OFF);
	assert_int_equal(c.tpm_mode, CONF_TPM_STRICT);
	assert_int_equal(c.tpm_batch, 0);
	assert_int_equal(c.tpm_check_s, 60);
	assert_int_equal(c.appraise_grace_s, 0);
	assert_false(c.protect_labels);
	assert_int_equal(c.protect, CONF_PROTECT_AUTO);
	assert_string_equal(c.protect_keys, "/etc/keys/ima-unlock");
	assert_int_equal(c.evm, CONF_APPRAISE_OFF);
	assert_string_equal(c.evm_dir, IMAD_STATEDIR);
	assert_int_equal(c.gate_hold, CONF_HOLD_AUTO);
	assert_int_equal(c.gate_deadline_ms, 5000);
	assert_int_equal(c.gate_watchdog_ms, 20000);
	assert_int_equal(c.gate_on_timeout, CONF_TIMEOUT_ALLOW);
	assert_int_equal(c.gate_workers, 0);
	assert_int_equal(c.log_level, 6);
}

static void every_key(void **state)
{
	static const char text[] = "\xef\xbb\xbf# all\r\n"
				   "policy = tcb | /etc/imad/extra policy ; why\r\n"
				   "hash=sha512\n"
				   "template: d-ng|n-ng\n"
				   "  pcr = 11\n"
				   "appraise=enforce\n"
				   "rundir=/run/other dir\n"
				   "log_level=debug\n"
				   "gate.hold=open\n"
				   "protect = no\n"
				   "[protect]\n"
				   "keys = /media/keys\n"
				   "\n"
				   "[gate] # the holder\n"
				   "deadline = 500ms\n"
				   "on_timeout = deny\n"
				   "workers = 64\n"
				   "[appraise]\n"
				   "grace = 90m\n"
				   "protect_labels = yes\n"
				   "[tpm]\n"
				   "tcti = swtpm:path=/tmp/x,y=z\n"
				   "mode = pipelined\n"
				   "batch = 4\ncheck = 5m";
	struct parse_error e;
	struct conf c;

	(void)state;
	assert_ok(parse(text, &c, &e));
	assert_string_equal(c.policy, "tcb | /etc/imad/extra policy");
	assert_string_equal(c.hash, "sha512");
	assert_string_equal(c.template, "d-ng|n-ng");
	assert_false(c.template_is_format);
	assert_int_equal(c.pcr, 11);
	assert_int_equal(c.appraise, CONF_APPRAISE_ENFORCE);
	assert_string_equal(c.rundir, "/run/other dir");
	assert_int_equal(c.log_level, 7);
	assert_int_equal(c.protect, CONF_PROTECT_NO);
	assert_string_equal(c.protect_keys, "/media/keys");
	assert_int_equal(c.gate_hold, CONF_HOLD_OPEN);
	assert_int_equal(c.gate_deadline_ms, 500);
	assert_int_equal(c.gate_on_timeout, CONF_TIMEOUT_DENY);
	assert_int_equal(c.gate_workers, 64);
	assert_string_equal(c.tpm_tcti, "swtpm:path=/tmp/x,y=z");
	assert_int_equal(c.tpm_mode, CONF_TPM_PIPELINED);
	assert_int_equal(c.tpm_batch, 4);
	assert_int_equal(c.tpm_check_s, 300);
	assert_int_equal(c.appraise_grace_s, 5400);
	assert_true(c.protect_labels);
}

static void values(void **state)
{
	static const struct {
		const char *key, *value;
		bool good;
	} rows[] = {
		{ "policy", "", true },
		{ "policy", "tcb|secure_boot", true },
		{ "policy", "etc/policy", false },
		{ "policy", "tcb\x1b[2J", false },
		{ "hash", "", false },
		{ "hash", "sha256 sha1", false },
		{ "pcr", "0", true },
		{ "pcr", "23", true },
		{ "pcr", "24", false },
		{ "pcr", "-1", false },
		{ "pcr", "+1", false },
		{ "pcr", "0x1", false },
		{ "pcr", "1 ", false },
		{ "pcr", "", false },
		{ "pcr", "4294967297", false },
		{ "tpm.mode", "strict", true },
		{ "tpm.mode", "async", false },
		{ "tpm.check", "off", true },
		{ "tpm.check", "500ms", false },
		{ "tpm.batch", "auto", true },
		{ "tpm.batch", "off", true },
		{ "tpm.batch", "16", true },
		{ "tpm.batch", "0", false },
		{ "tpm.batch", "17", false },
		{ "tpm.batch", "on", false },
		{ "appraise", "fix", true },
		{ "appraise", "log", true },
		{ "appraise", "on", false },
		{ "appraise.force", "yes", true },
		{ "appraise.force", "1", false },
		{ "appraise.critical", "/sbin/a /sbin/b", true },
		{ "appraise.critical", "", true },
		{ "appraise.grace", "off", true },
		{ "appraise.grace", "1s", true },
		{ "appraise.grace", "30d", true },
		{ "appraise.grace", "720h", true },
		{ "appraise.grace", "31d", false },
		{ "appraise.grace", "721h", false },
		{ "appraise.grace", "2592001s", false },
		{ "appraise.grace", "0s", false },
		{ "appraise.grace", "10", false },
		{ "appraise.grace", "1 h", false },
		{ "appraise.grace", "h", false },
		{ "appraise.grace", "-1s", false },
		{ "appraise.grace", "", false },
		{ "appraise.protect_labels", "yes", true },
		{ "evm", "off", true },
		{ "evm", "log", true },
		{ "evm", "fix", true },
		{ "evm", "enforce", true },
		{ "evm", "on", false },
		{ "evm.dir", "/var/lib/other", true },
		{ "evm.dir", "lib", false },
		{ "appraise.protect_labels", "true", false },
		{ "policy.signed", "yes", true },
		{ "policy.signed", "no", true },
		{ "policy.signed", "1", false },
		{ "keys.dir", "keys", false },
		{ "keys.dir", "", false },
		{ "keys.ca", "", true },
		{ "keys.ca", "ca.pem", false },
		{ "keys.deny", "", true },
		{ "keys.deny", "/etc/imad/deny", true },
		{ "keys.deny", "deny", false },
		{ "rundir", "run", false },
		{ "rundir", "", false },
		{ "log_level", "0", true },
		{ "log_level", "7", true },
		{ "log_level", "8", false },
		{ "log_level", "err", true },
		{ "log_level", "loud", false },
		{ "gate.hold", "access", true },
		{ "gate.hold", "auto", true },
		{ "gate.hold", "Open", false },
		{ "gate.watchdog", "10s", true },
		{ "gate.watchdog", "60s", true },
		{ "gate.watchdog", "off", true },
		{ "gate.watchdog", "9999ms", false },
		{ "gate.watchdog", "61s", false },
		{ "gate.watchdog", "0", false },
		{ "gate.watchdog", "on", false },
		{ "gate.deadline", "100ms", true },
		{ "gate.deadline", "99ms", false },
		{ "gate.deadline", "60s", true },
		{ "gate.deadline", "60000ms", true },
		{ "gate.deadline", "61s", false },
		{ "gate.deadline", "60001ms", false },
		{ "gate.deadline", "5", false },
		{ "gate.deadline", "5m", false },
		{ "gate.deadline", "s", false },
		{ "gate.deadline", "4294968s", false },
		{ "gate.on_timeout", "allow", true },
		{ "gate.on_timeout", "maybe", false },
		{ "gate.workers", "0", true },
		{ "gate.workers", "65", false },
		{ "tpm.tcti", "none", true },
		{ "tpm.tcti", "", false },
		{ "gate", "x", false },
		{ "", "x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parse_error e = { 0 };
		struct conf c, before;
		int r;

		conf_defaults(&c);
		before = c;
		r = conf_set(&c, rows[i].key, rows[i].value, &e);
		if (r != (rows[i].good ? 0 : -EBADMSG))
			fail_msg("%s = '%s' gave %d", rows[i].key, rows[i].value, r);
		if (r < 0) {
			assert_string_equal(e.token, rows[i].key);
			assert_non_null(e.why);
			assert_same(&c, &before);
		}
	}
}

static void errors_name_line_and_key(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *why, *token;
	} rows[] = {
		{ "policy = tcb\nfoo = 1\n", 2, "unknown key", "foo" },
		{ "[gate]\npolicy = tcb\n", 2, "unknown key", "gate.policy" },
		{ "[gate]\ngate.hold = open\n", 2, "unknown key", "gate.gate.hold" },
		{ "pcr = 1\n\npcr = 1\n", 3, "key given twice", "pcr" },
		{ "gate.hold=open\n[gate]\nhold=open\n", 3, "key given twice", "gate.hold" },
		{ "pcr = 1\n 2\n", 2, "neither key = value nor [section]", "" },
		{ "pcr = 99\nbad line\n", 1, "must be a number from 0 to 23", "pcr" },
		{ "bad line\npcr = 99\n", 1, "neither key = value nor [section]", "" },
		{ "= 5\n", 1, "unknown key", "" },
		{ "[gate\nhold=open\n", 1, "section without ]", "[gate" },
		{ "[gate] hold=open\n", 1, "text after [section]", "[gate] hold=open" },
		{ "#\n[GATE]\nhold=open\n", 3, "unknown key", "GATE.hold" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conf c, before;
		struct parse_error e;

		conf_defaults(&before);
		assert_int_equal(parse(rows[i].text, &c, &e), -EBADMSG);
		assert_int_equal(e.line, rows[i].line);
		assert_string_equal(e.why, rows[i].why);
		assert_string_equal(e.token, rows[i].token);
		assert_same(&c, &before); /* all or nothing */
	}
}

static void long_lines(void **state)
{
	char text[2048];
	struct parse_error e;
	struct conf c;

	(void)state;
	/* A comment may be longer than inih's buffer, and does not spill into the next line. */
	(void)snprintf(text, sizeof(text), "# %0700d pcr = 3\npcr = 4\n", 0);
	assert_ok(parse(text, &c, &e));
	assert_int_equal(c.pcr, 4);

	(void)snprintf(text, sizeof(text), "pcr = 4\npolicy = /%0700d\n", 0);
	assert_int_equal(parse(text, &c, &e), -EBADMSG);
	assert_int_equal(e.line, 2);
	assert_string_equal(e.why, "line too long");

	/* Right at each length: either the whole value or an error, never a part of it. */
	for (int n = 1; n < 300; n++) {
		int r;

		(void)snprintf(text, sizeof(text), "hash = %0*d\n", n, 0);
		r = parse(text, &c, &e);
		if (r == 0)
			assert_int_equal(strlen(c.hash), n);
		else
			assert_true(n > 150);
	}
}

static void raw_bytes(void **state)
{
	static const char nul[] = "pcr = 4\nhash = sha\0"
				  "256\n";
	static char big[CONF_TEXT_MAX + 1];
	struct parse_error e = { 0 };
	struct conf c;

	(void)state;
	conf_defaults(&c);
	assert_int_equal(conf_parse(&c, nul, sizeof(nul) - 1, &e), -EBADMSG);
	assert_int_equal(e.line, 2);
	assert_string_equal(e.why, "NUL byte");

	memset(big, '\n', sizeof(big));
	assert_ok(conf_parse(&c, big, CONF_TEXT_MAX, &e));
	assert_int_equal(conf_parse(&c, big, sizeof(big), &e), -EBADMSG);
	assert_ok(conf_parse(&c, "", 0, &e));
}

static void cmdline(void **state)
{
	struct parse_error e;
	struct conf c;

	(void)state;
	assert_ok(
	    boot("BOOT_IMAGE=/vmlinuz root=UUID=x ro quiet imad.policy=tcb imad.hash=sha1 "
		 "imad.template=ima-sig imad.appraise=log imad.pcr=11 ima_policy=tcb imads.pcr=99 imadx\n",
		 &c, &e));
	assert_string_equal(c.policy, "tcb");
	assert_string_equal(c.hash, "sha1");
	assert_string_equal(c.template, "ima-sig");
	assert_false(c.template_is_format);
	assert_ok(boot("imad.template=ima-sig \"imad.template_fmt=d-ng|n-ng\"", &c, &e));
	assert_string_equal(c.template, "d-ng|n-ng");
	assert_true(c.template_is_format);
	assert_ok(boot("imad.template_fmt=d-ng|n-ng imad.template=ima-ng", &c, &e));
	assert_string_equal(c.template, "ima-ng");
	assert_false(c.template_is_format);
	assert_ok(boot("imad.template=ima-sig imad.appraise=log imad.pcr=11", &c, &e));
	assert_int_equal(c.appraise, CONF_APPRAISE_LOG);
	assert_int_equal(c.pcr, 11);
	assert_false(c.off);

	/* The kernel's quotes: round the value, or round the whole parameter. */
	assert_ok(boot("imad.policy=\"tcb secure_boot\" x=\"imad.pcr=3\" y", &c, &e));
	assert_string_equal(c.policy, "tcb secure_boot");
	assert_int_equal(c.pcr, 10);
	assert_ok(boot("\"imad.policy=tcb secure_boot\" imad.pcr=5", &c, &e));
	assert_string_equal(c.policy, "tcb secure_boot");
	assert_int_equal(c.pcr, 5);
	assert_ok(boot("imad.policy=\"tcb secure_boot", &c, &e)); /* unclosed: up to the end */
	assert_string_equal(c.policy, "tcb secure_boot");

	/* As for the kernel's own parameters, the last one wins and "--" ends them. */
	assert_ok(boot("imad.pcr=3 imad.pcr=4 -- imad.pcr=99 imad=off", &c, &e));
	assert_int_equal(c.pcr, 4);
	assert_false(c.off);
	assert_ok(boot("imad=off", &c, &e));
	assert_true(c.off);
	assert_ok(boot("imad=off imad=on", &c, &e));
	assert_false(c.off);
	assert_ok(boot("", &c, &e));
	assert_ok(boot(" \"", &c, &e));
}

static void cmdline_errors(void **state)
{
	static const struct {
		const char *cmdline, *why, *token;
	} rows[] = {
		{ "imad.pcr=3 imad.pcr=24", "must be a number from 0 to 23", "imad.pcr" },
		{ "imad.pcr", "value missing", "imad.pcr" },
		{ "imad", "value missing", "imad" },
		{ "imad=no", "must be on or off", "imad" },
		{ "imad.polcy=tcb", "unknown key", "imad.polcy" },
		{ "imad.=tcb", "unknown key", "imad." },
		{ "imad.hash=\"\"", "value missing", "imad.hash" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conf c, before;
		struct parse_error e;

		conf_defaults(&before);
		assert_int_equal(boot(rows[i].cmdline, &c, &e), -EBADMSG);
		assert_string_equal(e.why, rows[i].why);
		assert_string_equal(e.token, rows[i].token);
		assert_same(&c, &before);
	}
	for (int n = 254; n < 258; n++) {
		struct parse_error e;
		struct conf c;

		(void)snprintf(text, sizeof(text), "imad.hash=%0*d x", n, 0);
		assert_int_equal(boot(text, &c, &e), n <= CONF_VALUE_MAX ? 0 : -EBADMSG);
	}
	(void)snprintf(text, sizeof(text), "imad.%0200d=1", 0);
	{
		struct parse_error e;
		struct conf c;

		assert_int_equal(boot(text, &c, &e), -EBADMSG);
		assert_string_equal(e.why, "unknown key");
		assert_int_equal(strlen(e.token), sizeof(e.token) - 1);
	}
}

/* Turn the "#key = value" lines of imad.conf into settings, or leave them as they are. */
static void read_default_file(char *text, size_t size, bool uncomment)
{
	FILE *f = fopen("imad.conf", "re");
	char line[512];
	size_t n = 0;

	if (!f)
		skip(); /* not run from the top of the tree */
	while (fgets(line, sizeof(line), f)) {
		bool key = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' && strstr(line, " =");

		n += (size_t)snprintf(text + n, size - n, "%s", line + (uncomment && key));
		assert_true(n < size);
	}
	(void)fclose(f);
}

static void shipped_file_is_the_defaults(void **state)
{
	static char text[CONF_TEXT_MAX];
	struct conf c, want;
	struct parse_error e;
	const char *key, *help;

	(void)state;
	conf_defaults(&want);
	read_default_file(text, sizeof(text), false);
	assert_ok(parse(text, &c, &e));
	assert_same(&c, &want);

	/* Every key is shown in it, with its default. */
	read_default_file(text, sizeof(text), true);
	assert_ok(parse(text, &c, &e));
	assert_same(&c, &want);
	for (unsigned int i = 0; (key = conf_key(i, &help)); i++) {
		const char *dot = strchr(key, '.');
		char line[64];

		(void)snprintf(line, sizeof(line), "\n%s =", dot ? dot + 1 : key);
		if (!strstr(text, line))
			fail_msg("imad.conf does not show %s", key);
		assert_true(strlen(help) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(values),
		cmocka_unit_test(errors_name_line_and_key),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(raw_bytes),
		cmocka_unit_test(cmdline),
		cmocka_unit_test(cmdline_errors),
		cmocka_unit_test(shipped_file_is_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
