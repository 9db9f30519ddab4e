/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a rule does not match a use. The matcher is asked about one condition after
 * the other; here is only what to say of it.
 */
#include <string.h>

#include <imad/match.h>

#include "imactl.h"

void policy_add_mask(uint32_t mask, struct buf *out)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} masks[] = {
		{ IMAD_MAY_EXEC, "MAY_EXEC" },	   { IMAD_MAY_WRITE, "MAY_WRITE" },
		{ IMAD_MAY_READ, "MAY_READ" },	   { IMAD_MAY_APPEND, "MAY_APPEND" },
		{ IMAD_MAY_ACCESS, "MAY_ACCESS" },
	};
	const char *before = "";

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		if (!(mask & masks[i].bit))
			continue;
		buf_addf(out, "%s%s", before, masks[i].name);
		before = "|";
	}
	if (!mask)
		buf_add_str(out, "none");
}

static void say_func(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "func is %s", policy_func_name(u->facts.func));
}

static void say_mask(const struct policy_use *u, struct buf *out)
{
	buf_add_str(out, "mask is ");
	policy_add_mask(u->facts.mask, out);
}

static void say_fsmagic(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "fsmagic is 0x%llx", (unsigned long long)u->facts.fsmagic);
}

static void say_fsname(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "fsname is %s", u->facts.fsname);
}

static void say_fs_subtype(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "fs_subtype is %s", *u->facts.fs_subtype ? u->facts.fs_subtype : "none");
}

static void say_fsuuid(const struct policy_use *u, struct buf *out)
{
	buf_add_str(out, "fsuuid is ");
	for (size_t i = 0; i < sizeof(u->facts.fsuuid); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_add_str(out, "-");
		buf_add_hex(out, &u->facts.fsuuid[i], 1);
	}
}

static void say_uid(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "uid is %u", u->facts.uid);
}

static void say_gid(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "gid is %u", u->facts.gid);
}

/* With the capability, the other two are compared as well. */
static void say_effective(const char *name, uint32_t effective, bool cap, uint32_t real, uint32_t saved,
			  struct buf *out)
{
	buf_addf(out, "e%s is %u", name, effective);
	if (cap)
		buf_addf(out, ", s%s %u, %s %u", name, saved, name, real);
}

static void say_euid(const struct policy_use *u, struct buf *out)
{
	const struct imad_facts *f = &u->facts;

	say_effective("uid", f->euid, f->cap_setuid, f->uid, f->suid, out);
}

static void say_egid(const struct policy_use *u, struct buf *out)
{
	const struct imad_facts *f = &u->facts;

	say_effective("gid", f->egid, f->cap_setgid, f->gid, f->sgid, out);
}

static void say_fowner(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "fowner is %u", u->facts.fowner);
}

static void say_fgroup(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "fgroup is %u", u->facts.fgroup);
}

static void say_name(const struct policy_use *u, struct buf *out)
{
	buf_addf(out, "%s is %s", u->facts.func == IMAD_KEY_CHECK ? "keyring" : "label",
		 u->name ? u->name : "not given");
}

/* In the order in which a rule is printed. Labels are not here: each is a condition of its own. */
static const struct {
	uint32_t cond;
	void (*say)(const struct policy_use *u, struct buf *out);
	const char *unknown; /* of what a use need not tell */
} conds[] = {
	{ IMAD_COND_FUNC, say_func, NULL },
	{ IMAD_COND_MASK, say_mask, NULL },
	{ IMAD_COND_INMASK, say_mask, NULL },
	{ IMAD_COND_FSMAGIC, say_fsmagic, "fsmagic is not given" },
	{ IMAD_COND_FSNAME, say_fsname, "fsname is not given" },
	{ IMAD_COND_FS_SUBTYPE, say_fs_subtype, "fs_subtype is not given" },
	{ IMAD_COND_NAMES, say_name, NULL },
	{ IMAD_COND_FSUUID, say_fsuuid, "fsuuid is not given" },
	{ IMAD_COND_UID, say_uid, NULL },
	{ IMAD_COND_EUID, say_euid, NULL },
	{ IMAD_COND_GID, say_gid, NULL },
	{ IMAD_COND_EGID, say_egid, NULL },
	{ IMAD_COND_FOWNER, say_fowner, NULL },
	{ IMAD_COND_FGROUP, say_fgroup, NULL },
};

/* Whether the rule would match, had it only @cond beside its func=. */
static bool holds(const struct policy_use *u, const struct imad_rule *r, uint32_t cond)
{
	struct imad_rule cut = *r;

	cut.conds &= IMAD_COND_FUNC | cond;
	return imad_rule_matches(&cut, &u->facts);
}

static void say_label(const struct policy_use *u, const struct policy *p, const struct imad_rule *r,
		      struct buf *out)
{
	const struct policy_label *l = &p->labels[__builtin_ctz(r->labels & ~u->facts.labels)];

	if (u->labels[l->kind])
		buf_addf(out, "%s is %s", policy_label_name(l->kind), u->labels[l->kind]);
	else if (policy_label_of_object(l->kind) && *u->context)
		buf_addf(out, "%s is not that of %s", policy_label_name(l->kind), u->context);
	else
		buf_addf(out, "%s is not given", policy_label_name(l->kind));
}

void policy_use_failed(const struct policy_use *u, const struct policy *p, const struct imad_rule *r,
		       struct buf *out)
{
	if (!holds(u, r, 0)) {
		say_func(u, out); /* also where a rule without func= is not meant */
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(conds); i++) {
		if (holds(u, r, conds[i].cond))
			continue;
		if (conds[i].unknown && !(u->known & conds[i].cond))
			buf_add_str(out, conds[i].unknown);
		else
			conds[i].say(u, out);
		return;
	}
	if (!holds(u, r, IMAD_COND_LABELS))
		say_label(u, p, r, out);
}
