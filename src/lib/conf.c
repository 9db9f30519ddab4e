/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings: one table of keys for imad.conf, for the kernel command line and for
 * conf_set(). libinih splits the INI text; what it would pass over in silence
 * (long lines, NUL bytes, text after a section) is refused before it sees it.
 */
#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "conf_priv.h"

#define LOG_LEVEL_INFO 6 /* as syslog(3) numbers it */
#define GRACE_MAX_S (30u * 86400)

/* A value parser: stores into @field and returns NULL, or says what is wrong and stores nothing. */
typedef const char *(*conf_parser)(void *field, const char *value);

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

static const char *parse_text(void *field, const char *value)
{
	size_t n = strlen(value);

	if (n == 0)
		return "value missing";
	if (n > CONF_VALUE_MAX)
		return "value longer than 255 bytes";
	if (!is_printable(value))
		return "control character in value";
	memcpy(field, value, n + 1);
	return NULL;
}

static const char *parse_optional_text(void *field, const char *value)
{
	if (*value)
		return parse_text(field, value);
	*(char *)field = '\0';
	return NULL;
}

static const char *parse_word(void *field, const char *value)
{
	return strpbrk(value, " \t") ? "must be one word" : parse_text(field, value);
}

static const char *parse_directory(void *field, const char *value)
{
	return *value && *value != '/' ? "must be an absolute path" : parse_text(field, value);
}

static const char *parse_optional_path(void *field, const char *value)
{
	*(char *)field = '\0';
	return *value ? parse_directory(field, value) : NULL;
}

/* Which built-in names exist is the policy room's business; here only: no relative file names. */
static const char *parse_policy(void *field, const char *value)
{
	for (const char *w = value + strspn(value, " \t|"); *w; w += strspn(w, " \t|")) {
		size_t n = strcspn(w, " \t|");

		if (*w != '/' && memchr(w, '/', n))
			return "policy file names must be absolute";
		w += n;
	}
	if (!*value) {
		*(char *)field = '\0';
		return NULL;
	}
	return parse_text(field, value);
}

/* Decimal digits only: no sign, blank, base prefix or rest. */
static bool parse_number(const char *s, size_t n, unsigned int max, unsigned int *ret)
{
	unsigned int v = 0;

	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (unsigned int)(s[i] - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

static const char *parse_pcr(void *field, const char *value)
{
	return parse_number(value, strlen(value), 23, field) ? NULL : "must be a number from 0 to 23";
}

static const char *parse_workers(void *field, const char *value)
{
	return parse_number(value, strlen(value), 64, field) ? NULL : "must be a number from 0 to 64";
}

static const char *parse_batch(void *field, const char *value)
{
	unsigned int v = 0;

	if (strcmp(value, "off") == 0)
		v = 1;
	else if (strcmp(value, "auto") != 0 && (!parse_number(value, strlen(value), 16, &v) || !v))
		return "must be auto, off or a number from 1 to 16";
	*(unsigned int *)field = v;
	return NULL;
}

static const char *parse_template(void *field, const char *value)
{
	struct conf *c = (struct conf *)((char *)field - offsetof(struct conf, template));
	const char *why = parse_word(field, value);

	if (!why)
		c->template_is_format = false;
	return why;
}

/* Whichever of the two was set last counts. */
static const char *parse_template_fmt(void *field, const char *value)
{
	const char *why = parse_template(field, value);

	if (!why)
		((struct conf *)((char *)field - offsetof(struct conf, template)))->template_is_format = true;
	return why;
}

static const char *parse_deadline(void *field, const char *value)
{
	static const struct {
		const char *unit;
		unsigned int ms;
	} units[] = { { "s", 1000 }, { "ms", 1 } };
	size_t digits = strspn(value, "0123456789");
	unsigned int v;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(value + digits, units[i].unit) != 0 || !parse_number(value, digits, 60000, &v))
			continue;
		v *= units[i].ms;
		if (v < 100 || v > 60000)
			break;
		*(unsigned int *)field = v;
		return NULL;
	}
	return "must be a time from 100ms to 60s, with its unit";
}

/* Less than systemd's own would end what is only slow. */
static const char *parse_watchdog(void *field, const char *value)
{
	unsigned int *ms = field, was = *ms;

	*ms = 0;
	if (strcmp(value, "off") == 0 || (!parse_deadline(field, value) && *ms >= 10000))
		return NULL;
	*ms = was;
	return "must be a time from 10s to 60s, with its unit, or off";
}

static const char *parse_grace(void *field, const char *value)
{
	static const struct {
		const char *unit;
		unsigned int s;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	size_t digits = strspn(value, "0123456789");
	unsigned int v;

	if (strcmp(value, "off") == 0) {
		*(unsigned int *)field = 0;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(value + digits, units[i].unit) != 0 || !parse_number(value, digits, GRACE_MAX_S / units[i].s, &v) || !v)
			continue;
		*(unsigned int *)field = v * units[i].s;
		return NULL;
	}
	return "must be off or a time from 1s to 30d, with its unit (s, m, h, d)";
}

/* Position of @value in @names, -1 if it is none of them. */
static int find_name(const char *const *names, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], value) == 0)
			return (int)i;
	return -1;
}

static const char *parse_hold(void *field, const char *value)
{
	static const char *const names[] = {
		[CONF_HOLD_AUTO] = "auto",
		[CONF_HOLD_ACCESS] = "access",
		[CONF_HOLD_OPEN] = "open",
	};
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be auto, access or open";
	*(enum conf_hold *)field = (enum conf_hold)i;
	return NULL;
}

static const char *parse_on_timeout(void *field, const char *value)
{
	static const char *const names[] = { [CONF_TIMEOUT_ALLOW] = "allow", [CONF_TIMEOUT_DENY] = "deny" };
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be allow or deny";
	*(enum conf_on_timeout *)field = (enum conf_on_timeout)i;
	return NULL;
}

static const char *parse_tpm_mode(void *field, const char *value)
{
	static const char *const names[] = { [CONF_TPM_STRICT] = "strict", [CONF_TPM_PIPELINED] = "pipelined" };
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be strict or pipelined";
	*(enum conf_tpm_mode *)field = (enum conf_tpm_mode)i;
	return NULL;
}

static const char *parse_appraise(void *field, const char *value)
{
	static const char *const names[] = {
		[CONF_APPRAISE_OFF] = "off",
		[CONF_APPRAISE_LOG] = "log",
		[CONF_APPRAISE_FIX] = "fix",
		[CONF_APPRAISE_ENFORCE] = "enforce",
	};
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be off, log, fix or enforce";
	*(enum conf_appraise *)field = (enum conf_appraise)i;
	return NULL;
}

static const char *parse_yes_no(void *field, const char *value)
{
	static const char *const names[] = { "no", "yes" };
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be yes or no";
	*(bool *)field = i;
	return NULL;
}

static const char *parse_protect(void *field, const char *value)
{
	static const char *const names[] = {
		[CONF_PROTECT_AUTO] = "auto", [CONF_PROTECT_NO] = "no", [CONF_PROTECT_YES] = "yes",
	};
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0)
		return "must be auto, yes or no";
	*(enum conf_protect *)field = (enum conf_protect)i;
	return NULL;
}

static const char *parse_log_level(void *field, const char *value)
{
	/* Numbered as syslog(3) does. */
	static const char *const names[] = { "emerg",	"alert",  "crit", "err",
					     "warning", "notice", "info", "debug" };
	unsigned int number;
	int i = find_name(names, ARRAY_SIZE(names), value);

	if (i < 0 && parse_number(value, strlen(value), ARRAY_SIZE(names) - 1, &number))
		i = (int)number;
	if (i < 0)
		return "must be err, warning, notice, info, debug or a number from 0 to 7";
	*(int *)field = i;
	return NULL;
}

static const struct conf_key {
	const char *name;
	conf_parser parse;
	size_t offset;
	const char *help;
} conf_keys[] = {
#define KEY(name, parse, field, help)                                                                        \
	{                                                                                                    \
		name, parse, offsetof(struct conf, field), help                                              \
	}
	KEY("policy", parse_policy, policy, "built-in policy names and absolute file names"),
	KEY("hash", parse_word, hash, "hash algorithm of measurements"),
	KEY("template", parse_template, template, "template of the measurement list"),
	KEY("template_fmt", parse_template_fmt, template, "fields of a template of its own, | between"),
	KEY("bank_lists", parse_yes_no, bank_lists, "keep the list once more for each bank: yes or no"),
	KEY("pcr", parse_pcr, pcr, "PCR that is extended, 0 to 23"),
	KEY("appraise", parse_appraise, appraise, "off, log, fix or enforce"),
	KEY("appraise.force", parse_yes_no, appraise_force, "enforce even if the host could not be repaired then: yes or no"),
	KEY("appraise.critical", parse_optional_text, appraise_critical, "more files that must not be denied, blank between"),
	KEY("appraise.grace", parse_grace, appraise_grace_s, "only tell of failures until there were none for so long, 1s to 30d; off"),
	KEY("appraise.protect_labels", parse_yes_no, protect_labels,
	    "while enforcing, only imad and imactl change labels of appraised files: yes or no"),
	KEY("protect", parse_protect, protect, "whether imad is kept from being switched off: yes, no or auto (with appraise = enforce)"),
	KEY("protect.keys", parse_directory, protect_keys, "directory of the certificates that may unlock it"),
	KEY("evm", parse_appraise, evm, "off, log, fix or enforce: whether an HMAC or signature must vouch for labels and metadata"),
	KEY("evm.dir", parse_directory, evm_dir, "directory of the EVM key"),
	KEY("rundir", parse_directory, rundir, "directory of the measurement list and the control socket"),
	KEY("log_level", parse_log_level, log_level, "err, warning, notice, info or debug"),
	KEY("gate.hold", parse_hold, gate_hold, "what is held until measured: auto, access or open"),
	KEY("gate.deadline", parse_deadline, gate_deadline_ms, "longest time that a use is held, 100ms to 60s"),
	KEY("gate.watchdog", parse_watchdog, gate_watchdog_ms, "imad is killed when it hangs for so long, 10s to 60s; off"),
	KEY("gate.on_timeout", parse_on_timeout, gate_on_timeout, "answer after the deadline: allow or deny"),
	KEY("gate.workers", parse_workers, gate_workers, "hashing threads; 0: one a CPU"),
	KEY("policy.signed", parse_yes_no, policy_signed, "whether only signed policy files are taken: yes or no"),
	KEY("keys.dir", parse_directory, keys_dir, "directory of the certificates whose signatures are trusted"),
	KEY("keys.ca", parse_optional_path, keys_ca, "file of the certificates that must have signed those"),
	KEY("keys.deny", parse_optional_path, keys_deny, "file of the digests and keys that never pass"),
	KEY("tpm.tcti", parse_text, tpm_tcti, "TCTI of the TPM; none: no TPM"),
	KEY("tpm.mode", parse_tpm_mode, tpm_mode, "strict: nothing is used before its record is extended; pipelined: plain users need not wait"),
	KEY("tpm.batch", parse_batch, tpm_batch, "records that one command extends, where the TPM can: auto, off or the most, 1 to 16"),
	KEY("tpm.check", parse_grace, tpm_check_s, "the TPM is compared with the list that often, 1s to 30d; off: only after a suspend"),
#undef KEY
};

static const struct conf_key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(conf_keys); i++)
		if (strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	return NULL;
}

const char *conf_key(unsigned int i, const char **ret_help)
{
	if (i >= ARRAY_SIZE(conf_keys))
		return NULL;
	*ret_help = conf_keys[i].help;
	return conf_keys[i].name;
}

int conf_bad(struct parse_error *reterr, unsigned int line, const char *why, const char *token, size_t n)
{
	*reterr = (struct parse_error){ .line = line, .why = why };
	memcpy(reterr->token, token, MIN(n, sizeof(reterr->token) - 1));
	return -EBADMSG;
}

void conf_defaults(struct conf *c)
{
	*c = (struct conf){
		.hash = "sha256",
		.template = "ima-ng",
		.keys_dir = "/etc/keys/ima",
		.keys_deny = IMAD_SYSCONFDIR "/deny",
		.protect_keys = "/etc/keys/ima-unlock",
		.rundir = IMAD_RUNSTATEDIR,
		.evm_dir = IMAD_STATEDIR,
		.tpm_tcti = "device:/dev/tpmrm0",
		.tpm_check_s = 60,
		.pcr = 10,
		.gate_deadline_ms = 5000,
		.gate_watchdog_ms = 20000,
		.log_level = LOG_LEVEL_INFO,
	};
}

int conf_set(struct conf *c, const char *key, const char *value, struct parse_error *reterr)
{
	const struct conf_key *k = find_key(key);
	const char *why = k ? k->parse((char *)c + k->offset, value) : "unknown key";

	return why ? conf_bad(reterr, 0, why, key, strlen(key)) : 0;
}

/* --- imad.conf */

struct ini_text {
	const char *p; /* what is left */
	size_t left;
	unsigned int line; /* the one that inih has */
	struct conf conf;
	bool seen[ARRAY_SIZE(conf_keys)];
	struct parse_error error; /* the first; @why NULL: none */
};

/* What is wrong with a line that inih would cut or pass over; NULL: nothing. */
static const char *refuse_line(const char *s, size_t n, size_t max)
{
	const char *end;

	if (memchr(s, '\0', n))
		return "NUL byte";
	if (n > max)
		return "line too long";
	if (n == 0 || *s != '[')
		return NULL;
	end = memchr(s, ']', n);
	if (!end)
		return "section without ]";
	for (end++; end < s + n && isspace((unsigned char)*end); end++)
		;
	return end == s + n || *end == ';' || *end == '#' ? NULL : "text after [section]";
}

/* inih's reader: one line without its indent, which inih takes for a continuation of the value above. */
static char *read_line(char *out, int size, void *stream)
{
	struct ini_text *t = stream;
	const char *s = t->p, *why;
	size_t n;

	if (t->left == 0 || t->error.why)
		return NULL;
	s = memchr(t->p, '\n', t->left);
	n = s ? (size_t)(s - t->p) : t->left;
	s = t->p;
	t->p += MIN(n + 1, t->left);
	t->left -= MIN(n + 1, t->left);
	t->line++;

	while (n > 0 && isspace((unsigned char)*s))
		s++, n--;
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	if (n > 0 && (*s == '#' || *s == ';'))
		n = 0;				   /* a comment may be of any length */
	why = refuse_line(s, n, (size_t)size - 3); /* as ini.h says of its limit */
	if (why) {
		(void)conf_bad(&t->error, t->line, why, s, strnlen(s, n));
		return NULL;
	}
	memcpy(out, s, n);
	out[n] = '\0';
	return out;
}

/* inih's handler: nonzero is success. */
static int take_line(void *user, const char *section, const char *name, const char *value)
{
	struct ini_text *t = user;
	const struct conf_key *k;
	char key[128];

	if (t->error.why)
		return 0;
	(void)snprintf(key, sizeof(key), "%s%s%s", section, *section ? "." : "",
		       name); /* cut: unknown anyway */
	k = find_key(key);
	if (k && t->seen[k - conf_keys]) {
		(void)conf_bad(&t->error, t->line, "key given twice", key, strlen(key));
		return 0;
	}
	if (conf_set(&t->conf, key, value, &t->error) < 0) {
		t->error.line = t->line;
		return 0;
	}
	t->seen[k - conf_keys] = true;
	return 1;
}

int conf_parse(struct conf *c, const char *text, size_t n, struct parse_error *reterr)
{
	struct ini_text t = { .p = text, .left = n, .conf = *c };
	int r;

	if (n > CONF_TEXT_MAX)
		return conf_bad(reterr, 0, "longer than 64 KiB", "", 0);
	r = ini_parse_stream(read_line, &t, take_line, &t);
	if (r == -2)
		return -ENOMEM;
	/* inih goes on after a line without '=' and reports the first one here. */
	if (r > 0 && (!t.error.why || (unsigned int)r < t.error.line))
		return conf_bad(reterr, (unsigned int)r, "neither key = value nor [section]", "", 0);
	if (t.error.why) {
		*reterr = t.error;
		return -EBADMSG;
	}
	*c = t.conf;
	return 0;
}
