/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl verify --evidence: what imactl attest gave, checked on another machine, without a TPM and
 * without a daemon. First the quote, then whether the list leads to it; only then the list is believed and
 * its records are looked at. The state is written anew only if all of it is right.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <string.h>

#include <imad/digest.h>

#include "verify_evidence.h"


static void appraisal_done(struct appraisal *a)
{
	buf_done(&a->nonce);
	reference_free(a->reference);
	keyring_free(a->keys);
	EVP_PKEY_free(a->key);
	evidence_done(&a->e);
	checkpoint_done(&a->checkpoint);
	file_closep(&a->records);
	json_object_put(a->reasons);
	json_object_put(a->notes);
}

static void add_line(struct json_object *to, const char *fmt, va_list ap)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	struct json_object *line;
	char text[640];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	json_add_text(o, "line", text, strlen(text)); /* names need not be UTF-8 */
	if (json_object_object_get_ex(o, "line", &line))
		json_object_array_add(to, json_object_get(line));
}

void refuse(struct appraisal *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(a->reasons, fmt, ap);
	va_end(ap);
	a->code = IMACTL_FAILED;
}

void note(struct appraisal *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(a->notes, fmt, ap);
	va_end(ap);
}

bool refused(const struct appraisal *a)
{
	return a->code != IMACTL_OK;
}

/* --- what is read; each IMACTL_OK, or an exit code and why is told */

static int load_ak(struct appraisal *a)
{
	cleanup(buf_done) struct buf hex = { 0 };
	cleanup_free uint8_t *der = NULL;
	struct digest d;
	struct why why;
	int len;

	if (read_public_key(a->ak, &a->key, &why) < 0)
		return complain(IMACTL_UNCHECKED, "%s", why.text);
	len = i2d_PUBKEY(a->key, &der);
	if (len <= 0 || digest_buf(algo_by_id(ALGO_SHA256), der, (size_t)len, &d) < 0)
		return complain(IMACTL_UNCHECKED, "'%s' is not a public key in PEM", a->ak);
	buf_add_hex(&hex, d.bytes, d.size);
	if (buf_error(&hex) < 0)
		return complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));
	memcpy(a->key_hex, hex.data, VERIFIER_KEY_HEX);
	return IMACTL_OK;
}

static int load_evidence(struct appraisal *a)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { 0 };
	const char *why = NULL;
	int r = verify_load(a->evidence, &text, &a->records, &why);

	if (r < 0 && r != -EBADMSG)
		return complain(IMACTL_UNCHECKED, "cannot read the evidence '%s': %s", a->evidence, strerror(-r));
	if (r == -EBADMSG)
		refuse(a, "%s", why);
	else
		r = evidence_parse((const char *)text.data, text.len, &a->e, &e);
	if (r == -EBADMSG && e.why)
		refuse(a, "%s%s%s", e.token, *e.token ? ": " : "", e.why);
	else if (r < 0 && r != -EBADMSG)
		return complain(IMACTL_UNCHECKED, "%s", strerror(-r));
	else if (r == 0 && !a->e.has_list && ftello(a->records) > 0)
		refuse(a, "list: the records are not in it");
	else if (r < 0)
		return IMACTL_OK; /* told */
	else if (!a->e.has_list && !a->list)
		return complain(IMACTL_UNCHECKED, "the evidence '%s' has no records: give them by --list", a->evidence);
	else if (a->e.has_list && a->list)
		return complain(IMACTL_UNCHECKED, "the evidence '%s' has records, and --list has too", a->evidence);
	return IMACTL_OK;
}

static int load_state(struct appraisal *a)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { 0 };
	int r = a->state_path ? read_whole(a->state_path, VERIFIER_STATE_MAX, &text) : -ENOENT;

	if (r == -ENOENT)
		return IMACTL_OK; /* the first time */
	if (r == 0)
		r = verifier_state_parse((const char *)text.data, text.len, &a->state, &e);
	if (r < 0)
		return complain(IMACTL_UNCHECKED, "the state '%s': %s%s%s", a->state_path, e.token, *e.token ? ": " : "",
				e.why ? e.why : strerror(-r));
	a->have_state = true;
	return IMACTL_OK;
}

static int add_reference(struct appraisal *a, const char *path)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { 0 };
	int r = read_whole(path, REFERENCE_TEXT_MAX, &text);

	if (r == 0 && !a->reference)
		r = reference_new(&a->reference);
	if (r == 0)
		r = reference_add(a->reference, (const char *)text.data, text.len, &e);
	if (r < 0 && e.line > 0)
		return complain(-EIO, "reference '%s', line %u: %s: '%s'", path, e.line, e.why, e.token);
	if (r < 0)
		return complain(-EIO, "reference '%s': %s%s%s", path, e.why ? e.why : strerror(-r), *e.token ? ": " : "", e.token);
	return 0;
}

static int add_key(struct appraisal *a, const char *path)
{
	cleanup(buf_done) struct buf text = { 0 };
	const char *why = NULL;
	int r = read_whole(path, KEYRING_BYTES_MAX, &text);

	if (r == 0 && !a->keys)
		r = keyring_new(&a->keys);
	if (r == 0)
		r = keyring_add_cert(a->keys, text.data, text.len, path, &why);
	return r < 0 ? complain(-EIO, "key '%s': %s", path, why ? why : strerror(-r)) : 0;
}

static void save_state(struct appraisal *a)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct verifier_state s = {
		.reset_count = a->q.reset_count,
		.restart_count = a->q.restart_count,
		.clock = a->q.clock,
		.records = a->verified,
		.total = a->e.total,
		.total_clock = a->q.clock,
		.imported = a->e.imported,
		.n_pcrs = a->e.n_pcrs,
	};
	int r;

	if (a->have_state && (a->order == VERIFIER_GOES_ON || a->order == VERIFIER_WHOLE) && a->verified < a->state.total) { /* they are still awaited */
		s.total = a->state.total;
		s.total_clock = a->state.total_clock;
	}
	memcpy(s.ak, a->key_hex, sizeof(s.ak));
	memcpy(s.boot_id, a->e.boot_id, sizeof(s.boot_id));
	memcpy(s.pcrs, a->e.pcrs, sizeof(s.pcrs));
	r = verifier_state_format(&s, &text);
	if (r == 0)
		r = write_whole(a->state_path, text.data, text.len, 0600);
	if (r == 0)
		return;
	refuse(a, "cannot write the state '%s': %s", a->state_path, strerror(-r));
	a->code = IMACTL_UNCHECKED;
}

/* --- the command */

static int verify(struct appraisal *a)
{
	struct why why;
	int code = load_ak(a), r = 0;

	if (code == IMACTL_OK)
		code = load_state(a);
	if (code == IMACTL_OK)
		code = load_evidence(a);
	if (code != IMACTL_OK)
		return code;
	if (!refused(a))
		verify_quote(a);
	if (!refused(a))
		r = verify_cut(a, &why);
	if (r == 0 && !refused(a))
		r = verify_replay(a, &why);
	if (r == 0 && !refused(a))
		r = verify_each(a, verify_record, &why);
	if (r < 0)
		return complain(IMACTL_UNCHECKED, "%s", why.text);
	if (!refused(a) && a->state_path)
		save_state(a);
	verify_tell(a);
	return a->code;
}

static int add_pcr(struct appraisal *a, const char *text)
{
	char *end;
	unsigned long pcr = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || pcr >= PCR_COUNT)
		return complain(-EINVAL, "verify: no such PCR: '%s'", text);
	a->pcrs |= 1u << pcr;
	return 0;
}

static int add_bank(struct appraisal *a, const char *name)
{
	const struct algo *algo = algo_by_name(name, strlen(name));

	if (!digest_can(algo))
		return complain(-EINVAL, "verify: no such bank: '%s'", name);
	a->banks |= 1u << algo->id;
	return 0;
}

static int take_option(struct appraisal *a, int c, const char *arg)
{
	const char **to;

	switch (c) {
	case 'j':
		a->json = true;
		return 0;
	case 'V':
		a->no_violations = true;
		return 0;
	case 'c':
		a->from_checkpoint = true;
		return 0;
	case 'n':
		buf_reset(&a->nonce);
		return nonce_parse("verify", arg, &a->nonce);
	case 'r':
		return add_reference(a, arg);
	case 'k':
		return add_key(a, arg);
	case 'p':
		return add_pcr(a, arg);
	case 'b':
		return add_bank(a, arg);
	case 'e':
	case 'a':
	case 's':
	case 'l':
		to = c == 'e' ? &a->evidence : c == 'a' ? &a->ak : c == 's' ? &a->state_path : &a->list;
		*to = arg;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct appraisal *a)
{
	static const struct option options[] = {
		{ "evidence", required_argument, NULL, 'e' },  { "ak", required_argument, NULL, 'a' },
		{ "nonce", required_argument, NULL, 'n' },     { "state", required_argument, NULL, 's' },
		{ "reference", required_argument, NULL, 'r' }, { "key", required_argument, NULL, 'k' },
		{ "pcr", required_argument, NULL, 'p' },       { "bank", required_argument, NULL, 'b' },
		{ "list", required_argument, NULL, 'l' },      { "no-violations", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, 'j' },	       { "from-checkpoint", no_argument, NULL, 'c' },
		{ 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "j", options, NULL)) != -1)
		r = take_option(a, c, optarg);
	if (r == 0 && optind < argc)
		r = complain(-EINVAL, "verify: unexpected argument '%s'", argv[optind]);
	if (r == 0 && (!a->evidence || !a->ak || a->nonce.len == 0))
		r = complain(-EINVAL, "verify: --evidence goes with --ak and --nonce");
	if (a->pcrs == 0)
		a->pcrs = 1u << 10;
	return r;
}

int cmd_verify_evidence(const struct imactl *ctl, int argc, char **argv)
{
	cleanup(appraisal_done) struct appraisal a = {
		.reasons = json_object_new_array(),
		.notes = json_object_new_array(),
	};
	int r;

	(void)ctl;
	(void)setenv("TSS2_LOG", "all+none", 0); /* what is wrong with a quote is told here */
	r = parse_options(argc, argv, &a);
	if (r < 0) /* told already */
		return r == -EIO ? IMACTL_UNCHECKED : IMACTL_USAGE;
	return verify(&a);
}
