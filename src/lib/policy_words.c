/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of policy words and their values. Which numbers are taken and what
 * may stand twice is the kernel's (ima_parse_rule() in ima_policy.c, and the
 * kstrto*() functions), odd as it is in places.
 */
#include <inttypes.h>
#include <string.h>

#include "policy_words.h"

#define PCR_MAX 63 /* the kernel keeps one bit of an unsigned long for each */
#define ID_MAX (UINT32_MAX - 1) /* the last one is the invalid id */
#define UUID_TEXT 36

static const struct {
	const char *name;
	unsigned int func;
} old_func_names[] = {
	{ "PATH_CHECK", IMAD_FILE_CHECK },
	{ "FILE_MMAP", IMAD_MMAP_CHECK },
};

static const struct {
	const char *name;
	uint32_t mask;
} masks[] = {
	{ "MAY_EXEC", IMAD_MAY_EXEC },
	{ "MAY_WRITE", IMAD_MAY_WRITE },
	{ "MAY_READ", IMAD_MAY_READ },
	{ "MAY_APPEND", IMAD_MAY_APPEND },
};

/* Byte counts of the groups of a UUID, which a '-' separates. */
static const uint8_t uuid_groups[] = { 4, 2, 2, 2, 6 };

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static bool drop_prefix(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || memcmp(s->p, prefix, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

/* As kstrtoull(): one '+' may lead, then "0x" in base 16, then digits to the end. */
static const char *parse_number(struct slice s, unsigned int base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	(void)drop_prefix(&s, "+"); /* either way is right */
	if (base == 16 && !drop_prefix(&s, "0x"))
		(void)drop_prefix(&s, "0X");
	if (s.n == 0)
		return "not a number";
	for (size_t i = 0; i < s.n; i++)
		if (digit_value(s.p[i]) >= (int)base)
			return "not a number";
	for (size_t i = 0; i < s.n; i++) {
		unsigned int digit = (unsigned int)digit_value(s.p[i]);

		if (digit > max || v > (max - digit) / base)
			return "number out of range";
		v = v * base + digit;
	}
	*ret = v;
	return NULL;
}

static const char *parse_func(const struct policy_word *w, struct slice value, struct draft *d)
{
	unsigned int func = IMAD_NONE;

	for (unsigned int i = IMAD_NONE + 1; i < IMAD_FUNC_COUNT; i++)
		if (slice_is(value, policy_func_name(i)))
			func = i;
	for (size_t i = 0; i < ARRAY_SIZE(old_func_names); i++)
		if (slice_is(value, old_func_names[i].name))
			func = old_func_names[i].func;
	if (func == IMAD_NONE)
		return "unknown func";
	d->rule.func = func;
	d->rule.conds |= w->conds;
	return NULL;
}

static void print_func(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	buf_addf(out, "%s=%s ", w->name, policy_func_name(d->rule.func));
}

static const char *parse_mask(const struct policy_word *w, struct slice value, struct draft *d)
{
	uint32_t cond = drop_prefix(&value, "^") ? IMAD_COND_INMASK : IMAD_COND_MASK;

	(void)w;
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		if (!slice_is(value, masks[i].name))
			continue;
		d->rule.mask = masks[i].mask;
		d->rule.conds |= cond;
		return NULL;
	}
	return "unknown mask";
}

static void print_mask(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	const char *contained = d->rule.conds & IMAD_COND_INMASK ? "^" : "";

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		if (d->rule.mask == masks[i].mask)
			buf_addf(out, "%s=%s%s ", w->name, contained, masks[i].name);
}

/* The kernel knows "given" by "not zero" here and in fsuuid: 0 may be followed by another. */
static const char *parse_fsmagic(const struct policy_word *w, struct slice value, struct draft *d)
{
	const char *why;
	uint64_t v = 0;

	if (d->rule.fsmagic != 0)
		return "given twice";
	why = parse_number(value, 16, UINT64_MAX, &v);
	if (why)
		return why;
	d->rule.fsmagic = v;
	d->rule.conds |= w->conds;
	return NULL;
}

static void print_fsmagic(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	buf_addf(out, "%s=0x%" PRIx64 " ", w->name, (uint64_t)d->rule.fsmagic);
}

static const char *take_fsname(const struct policy_word *w, struct slice value, struct draft *d, char *to)
{
	if (value.n >= IMAD_FSNAME_MAX)
		return "file system name too long";
	memset(to, 0, IMAD_FSNAME_MAX); /* the matcher compares the whole field */
	memcpy(to, value.p, value.n);
	d->rule.conds |= w->conds;
	return NULL;
}

/* Of several fsname= the kernel takes the last. */
static const char *parse_fsname(const struct policy_word *w, struct slice value, struct draft *d)
{
	return take_fsname(w, value, d, d->rule.fsname);
}

static void print_fsname(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	buf_addf(out, "%s=%s ", w->name, d->rule.fsname);
}

static const char *parse_fs_subtype(const struct policy_word *w, struct slice value, struct draft *d)
{
	return take_fsname(w, value, d, d->rule.fs_subtype);
}

static void print_fs_subtype(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	buf_addf(out, "%s=%s ", w->name, d->rule.fs_subtype);
}

/* The kernel reads the first 36 characters and does not look at the rest. */
static const char *parse_fsuuid(const struct policy_word *w, struct slice value, struct draft *d)
{
	static const uint8_t null[sizeof(d->rule.fsuuid)];
	uint8_t uuid[sizeof(d->rule.fsuuid)], *to = uuid;

	if (memcmp(d->rule.fsuuid, null, sizeof(null)) != 0)
		return "given twice";
	if (value.n < UUID_TEXT)
		return "not a UUID";
	for (size_t i = 0; i < ARRAY_SIZE(uuid_groups); i++) {
		size_t n = uuid_groups[i];

		if (i > 0 && !drop_prefix(&value, "-"))
			return "not a UUID";
		if (hex_decode(value.p, 2 * n, to, n) < 0)
			return "not a UUID";
		value.p += 2 * n;
		value.n -= 2 * n;
		to += n;
	}
	memcpy(d->rule.fsuuid, uuid, sizeof(uuid));
	d->rule.conds |= w->conds;
	return NULL;
}

static void print_fsuuid(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	const uint8_t *from = d->rule.fsuuid;

	buf_addf(out, "%s=", w->name);
	for (size_t i = 0; i < ARRAY_SIZE(uuid_groups); i++) {
		if (i > 0)
			buf_add_str(out, "-");
		buf_add_hex(out, from, uuid_groups[i]);
		from += uuid_groups[i];
	}
	buf_add_str(out, " ");
}

static const char *parse_id(const struct policy_word *w, struct slice value, struct draft *d)
{
	uint8_t *rule = (uint8_t *)&d->rule;
	uint8_t op = d->op == '>' ? IMAD_OP_GT : d->op == '<' ? IMAD_OP_LT : IMAD_OP_EQ;
	const char *why;
	uint32_t id;
	uint64_t v = 0;

	why = parse_number(value, 10, ID_MAX, &v);
	if (why)
		return why;
	id = (uint32_t)v;
	memcpy(rule + w->id_offset, &id, sizeof(id));
	rule[w->op_offset] = op;
	d->rule.conds |= w->conds;
	return NULL;
}

/* Unsigned, where the kernel's %d gives ids above INT_MAX as negative ones that it would not read again. */
static void print_id(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	static const char operators[] = { [IMAD_OP_EQ] = '=', [IMAD_OP_GT] = '>', [IMAD_OP_LT] = '<' };
	const uint8_t *rule = (const uint8_t *)&d->rule;
	uint32_t id;

	memcpy(&id, rule + w->id_offset, sizeof(id));
	buf_addf(out, "%s%c%u ", w->name, operators[rule[w->op_offset]], id);
}

/* Signed in the kernel, so that "-0" is a PCR. Of several pcr= it takes the last. */
static const char *parse_pcr(const struct policy_word *w, struct slice value, struct draft *d)
{
	bool negative = value.p[0] == '-' && value.n > 1 && value.p[1] != '+';
	const char *why;
	uint64_t v = 0;

	(void)w;
	if (negative)
		(void)drop_prefix(&value, "-"); /* it is there */
	why = parse_number(value, 10, negative ? 0 : PCR_MAX, &v);
	if (why)
		return why;
	d->slot.pcr = (int)v;
	return NULL;
}

static void print_pcr(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	if (d->slot.pcr != POLICY_PCR_DEFAULT)
		buf_addf(out, "%s=%d ", w->name, d->slot.pcr);
}

static const char *parse_template(const struct policy_word *w, struct slice value, struct draft *d)
{
	const char *name;

	(void)w;
	if (d->rule.action != IMAD_MEASURE)
		return "template= must stand after measure";
	name = d->env->template_ok ? d->env->template_ok(value.p, value.n) : NULL;
	if (!name)
		return "unknown template";
	d->slot.template = name;
	return NULL;
}

static void print_template(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	if (d->slot.template)
		buf_addf(out, "%s=%s ", w->name, d->slot.template);
}

static const char *parse_appraise_type(const struct policy_word *w, struct slice value, struct draft *d)
{
	(void)w;
	if (slice_is(value, "imasig"))
		d->rule.opts |= IMAD_OPT_SIGNED;
	else if (slice_is(value, "imasig|modsig"))
		d->rule.opts |= IMAD_OPT_SIGNED | IMAD_OPT_MODSIG;
	else if (slice_is(value, "sigv3"))
		d->rule.opts |= IMAD_OPT_SIGNED | IMAD_OPT_SIGV3;
	else
		return "unknown appraise_type";
	return NULL;
}

static void print_appraise_type(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	uint32_t opts = d->rule.opts;

	if (opts & IMAD_OPT_SIGNED)
		buf_addf(out, "%s=%s ", w->name,
			 opts & IMAD_OPT_MODSIG ? "imasig|modsig" : opts & IMAD_OPT_SIGV3 ? "sigv3" : "imasig");
}

/* What once was appraise_flag=check_blacklist: taken and without effect, whatever it says. */
static const char *parse_appraise_flag(const struct policy_word *w, struct slice value, struct draft *d)
{
	(void)w, (void)value, (void)d;
	return NULL;
}

static const char *parse_digest_type(const struct policy_word *w, struct slice value, struct draft *d)
{
	(void)w;
	if (!slice_is(value, "verity"))
		return "unknown digest_type";
	d->rule.opts |= IMAD_OPT_VERITY;
	return NULL;
}

static void print_digest_type(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	if (d->rule.opts & IMAD_OPT_VERITY)
		buf_addf(out, "%s=verity ", w->name);
}

static const char *parse_permit_directio(const struct policy_word *w, struct slice value, struct draft *d)
{
	(void)w, (void)value;
	d->rule.opts |= IMAD_OPT_DIRECTIO;
	return NULL;
}

static void print_permit_directio(const struct policy_word *w, const struct draft *d, struct buf *out)
{
	if (d->rule.opts & IMAD_OPT_DIRECTIO)
		buf_addf(out, "%s ", w->name);
}

#define ONCE(ID) .rivals = 1u << WORD_##ID
#define EITHER(A, B) .rivals = 1u << WORD_##A | 1u << WORD_##B

#define WORD(ID, word, ...)                                                                 \
	[WORD_##ID] = { .name = #word, .operators = "=", .parse = parse_##word, .print = print_##word, __VA_ARGS__ }
#define ID_WORD(ID, word, field, ...)                                                       \
	[WORD_##ID] = { .name = #word, .operators = "=<>", .parse = parse_id, .print = print_id, \
			.id_offset = offsetof(struct imad_rule, field),                     \
			.op_offset = offsetof(struct imad_rule, field##_op), __VA_ARGS__ }
#define LIST_WORD(ID, word, what, condition)                                                \
	[WORD_##ID] = { .name = #word, .operators = "=", .parse = policy_parse_##what,      \
			.print = policy_print_##what, .conds = condition, ONCE(ID) }

#define MASK_CONDS (IMAD_COND_MASK | IMAD_COND_INMASK)

const struct policy_word policy_words[WORD_COUNT] = {
	WORD(FUNC, func, .conds = IMAD_COND_FUNC, ONCE(FUNC)),
	WORD(MASK, mask, .conds = MASK_CONDS, ONCE(MASK)),
	WORD(FSMAGIC, fsmagic, .conds = IMAD_COND_FSMAGIC),
	WORD(FSNAME, fsname, .conds = IMAD_COND_FSNAME),
	WORD(FS_SUBTYPE, fs_subtype, .conds = IMAD_COND_FS_SUBTYPE, ONCE(FS_SUBTYPE)),
	LIST_WORD(KEYRINGS, keyrings, names, IMAD_COND_NAMES),
	LIST_WORD(LABEL, label, names, IMAD_COND_NAMES),
	WORD(PCR, pcr, .conds = 0),
	WORD(FSUUID, fsuuid, .conds = IMAD_COND_FSUUID),
	ID_WORD(UID, uid, uid, .conds = IMAD_COND_UID, EITHER(UID, EUID)),
	ID_WORD(EUID, euid, uid, .conds = IMAD_COND_EUID, EITHER(UID, EUID)),
	ID_WORD(GID, gid, gid, .conds = IMAD_COND_GID, EITHER(GID, EGID)),
	ID_WORD(EGID, egid, gid, .conds = IMAD_COND_EGID, EITHER(GID, EGID)),
	ID_WORD(FOWNER, fowner, fowner, .conds = IMAD_COND_FOWNER, ONCE(FOWNER)),
	ID_WORD(FGROUP, fgroup, fgroup, .conds = IMAD_COND_FGROUP, ONCE(FGROUP)),
	LIST_WORD(APPRAISE_ALGOS, appraise_algos, algos, 0),
	LIST_WORD(OBJ_USER, obj_user, label, IMAD_COND_LABELS),
	LIST_WORD(OBJ_ROLE, obj_role, label, IMAD_COND_LABELS),
	LIST_WORD(OBJ_TYPE, obj_type, label, IMAD_COND_LABELS),
	LIST_WORD(SUBJ_USER, subj_user, label, IMAD_COND_LABELS),
	LIST_WORD(SUBJ_ROLE, subj_role, label, IMAD_COND_LABELS),
	LIST_WORD(SUBJ_TYPE, subj_type, label, IMAD_COND_LABELS),
	WORD(TEMPLATE, template, .conds = 0, ONCE(TEMPLATE)),
	WORD(APPRAISE_TYPE, appraise_type, .conds = 0),
	[WORD_APPRAISE_FLAG] = { .name = "appraise_flag", .operators = "=", .parse = parse_appraise_flag },
	WORD(DIGEST_TYPE, digest_type, .conds = 0),
	[WORD_PERMIT_DIRECTIO] = { .name = "permit_directio", .operators = "", .parse = parse_permit_directio,
				   .print = print_permit_directio },
};

const struct policy_action policy_actions[] = {
	{ "measure", IMAD_MEASURE },
	{ "dont_measure", IMAD_DONT_MEASURE },
	{ "appraise", IMAD_APPRAISE },
	{ "dont_appraise", IMAD_DONT_APPRAISE },
	{ "audit", IMAD_AUDIT },
	{ "dont_audit", IMAD_DONT_AUDIT },
	{ "hash", IMAD_HASH },
	{ "dont_hash", IMAD_DONT_HASH },
	{ NULL, 0 },
};
