/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one matcher: BPF programs and the host's unit tests compile this text.
 * Plain values in, a decision out; no pointer is followed but the arguments'.
 * Semantics: ima_match_rules() and ima_match_policy() in ima_policy.c.
 */
#ifndef IMAD_MATCH_H
#define IMAD_MATCH_H

#include <imad/abi.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

/*
 * What the facts are held in. Hooks have no room for what filesystems are called: theirs is shorter,
 * has the same fields else, and imad_match_fs_called() looks that up when a rule asks for it.
 */
#ifndef IMAD_MATCH_FACTS
#define IMAD_MATCH_FACTS struct imad_facts
#endif

/* What the rules say of one event. Start from zeros with the open classes in @open. */
struct imad_decision {
	__u32 open;	 /* positive action bits whose class is still undecided */
	__u32 action;	 /* positive action bits chosen so far */
	__u32 slot_bit;	 /* of the measure rule that won */
	__u32 pcr_slots; /* of the same rule */
	__u32 variants;	 /* of the same rule */
	__u32 opts;	 /* IMAD_OPT_*, of every rule that matched, dont_ rules among them */
	__u32 algos;	 /* of the appraise rule that won */
};

/* Conditions by what they are about; a group that no rule uses costs one test. */
#define IMAD_CONDS_FS_CALLED (IMAD_COND_FSNAME | IMAD_COND_FS_SUBTYPE | IMAD_COND_FSUUID)
#define IMAD_CONDS_FS (IMAD_COND_FSMAGIC | IMAD_CONDS_FS_CALLED)
#define IMAD_CONDS_TASK (IMAD_COND_UID | IMAD_COND_EUID | IMAD_COND_GID | IMAD_COND_EGID)
#define IMAD_CONDS_OWNER (IMAD_COND_FOWNER | IMAD_COND_FGROUP)

/* Names and UUIDs are compared in whole words. */
_Static_assert(sizeof(struct imad_rule) == 160 && sizeof(struct imad_facts) == 144, "matcher layout");
_Static_assert(__builtin_offsetof(struct imad_rule, fsuuid) % 8 == 0, "fsuuid of a rule in words");
_Static_assert(__builtin_offsetof(struct imad_rule, fsname) % 8 == 0, "fsname of a rule in words");
_Static_assert(__builtin_offsetof(struct imad_facts, fsuuid) % 8 == 0, "fsuuid of a use in words");
_Static_assert(__builtin_offsetof(struct imad_facts, fsname) % 8 == 0, "fsname of a use in words");
_Static_assert(__builtin_offsetof(struct imad_rule, fs_subtype) % 8 == 0, "fs_subtype of a rule in words");
_Static_assert(__builtin_offsetof(struct imad_facts, fs_subtype) % 8 == 0, "fs_subtype of a use in words");
_Static_assert(IMAD_FSNAME_MAX == 32, "fsname is four words");

static __always_inline int imad_match_id(__u32 value, __u32 op, __u32 wanted)
{
	if (op == IMAD_OP_GT)
		return value > wanted;
	if (op == IMAD_OP_LT)
		return value < wanted;
	return value == wanted;
}

/* An effective id: who may change ids is asked for all three that it could go back to. */
static __always_inline int imad_match_eid(__u32 real, __u32 effective, __u32 saved, __u32 may_change,
					  __u32 op, __u32 wanted)
{
	return imad_match_id(effective, op, wanted) ||
	       (may_change && (imad_match_id(saved, op, wanted) || imad_match_id(real, op, wanted)));
}

/* Equal bytes of two aligned fields; @words is constant, so no loop is left. */
static __always_inline int imad_match_words(const void *a, const void *b, int words)
{
	const __u64 __attribute__((__may_alias__)) *x = a, *y = b;
	__u64 differ = 0;

	for (int i = 0; i < words; i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

#ifndef IMAD_MATCH_FS_CALLED
/* Names must be zero to the end of the field. */
static __always_inline int imad_match_fs_called(const struct imad_rule *r, __u32 conds, const IMAD_MATCH_FACTS *f)
{
	if ((conds & IMAD_COND_FSNAME) && !imad_match_words(r->fsname, f->fsname, 4))
		return 0;
	if ((conds & IMAD_COND_FS_SUBTYPE) && !imad_match_words(r->fs_subtype, f->fs_subtype, 4))
		return 0;
	return !(conds & IMAD_COND_FSUUID) || imad_match_words(r->fsuuid, f->fsuuid, 2);
}
#endif

/* Those of @conds that are about the filesystem. */
static __always_inline int imad_match_fs(const struct imad_rule *r, __u32 conds, const IMAD_MATCH_FACTS *f)
{
	if ((conds & IMAD_COND_FSMAGIC) && r->fsmagic != f->fsmagic)
		return 0;
	return !(conds & IMAD_CONDS_FS_CALLED) || imad_match_fs_called(r, conds, f);
}

static __always_inline int imad_match_task(const struct imad_rule *r, __u32 conds, const IMAD_MATCH_FACTS *f)
{
	if ((conds & IMAD_COND_UID) && !imad_match_id(f->uid, r->uid_op, r->uid))
		return 0;
	if ((conds & IMAD_COND_EUID) &&
	    !imad_match_eid(f->uid, f->euid, f->suid, f->cap_setuid, r->uid_op, r->uid))
		return 0;
	if ((conds & IMAD_COND_GID) && !imad_match_id(f->gid, r->gid_op, r->gid))
		return 0;
	if ((conds & IMAD_COND_EGID) &&
	    !imad_match_eid(f->gid, f->egid, f->sgid, f->cap_setgid, r->gid_op, r->gid))
		return 0;
	return 1;
}

static __always_inline int imad_match_owner(const struct imad_rule *r, __u32 conds,
					    const IMAD_MATCH_FACTS *f)
{
	if ((conds & IMAD_COND_FOWNER) && !imad_match_id(f->fowner, r->fowner_op, r->fowner))
		return 0;
	if ((conds & IMAD_COND_FGROUP) && !imad_match_id(f->fgroup, r->fgroup_op, r->fgroup))
		return 0;
	return 1;
}

/*
 * Keys and critical data are no files: only a rule that names them is meant, and of
 * its conditions only who did it and the name count (gid= is taken and not looked at).
 */
static __always_inline int imad_match_data(const struct imad_rule *r, __u32 conds, const IMAD_MATCH_FACTS *f)
{
	if (!(conds & IMAD_COND_FUNC) || r->func != f->func)
		return 0;
	if ((conds & IMAD_COND_UID) && !imad_match_id(f->uid, r->uid_op, r->uid))
		return 0;
	return !(conds & IMAD_COND_NAMES) || (r->names & f->names);
}

/* Whether all conditions of the rule hold for this use. */
static __always_inline int imad_rule_matches(const struct imad_rule *r, const IMAD_MATCH_FACTS *f)
{
	__u32 conds = r->conds;

	if (f->func == IMAD_KEY_CHECK || f->func == IMAD_CRITICAL_DATA)
		return imad_match_data(r, conds, f);
	if ((conds & IMAD_COND_FUNC) && r->func != f->func)
		return 0;
	if ((conds & IMAD_COND_MASK) && r->mask != f->mask)
		return 0;
	if ((conds & IMAD_COND_INMASK) && !(r->mask & f->mask))
		return 0;
	if ((conds & IMAD_CONDS_FS) && !imad_match_fs(r, conds, f))
		return 0;
	if ((conds & IMAD_CONDS_TASK) && !imad_match_task(r, conds, f))
		return 0;
	if ((conds & IMAD_CONDS_OWNER) && !imad_match_owner(r, conds, f))
		return 0;
	if ((conds & IMAD_COND_LABELS) && (r->labels & ~f->labels))
		return 0;
	return 1;
}

/*
 * Take rule @r into account: the first rule of a class that matches decides it, a
 * dont_ rule by closing it without an action. To be called in the order of the
 * policy. What is appraised need not be hashed as well, unless a later rule says so.
 * Returns 1 when every class is decided and the walk may end, else 0.
 */
static __always_inline int imad_decide(struct imad_decision *d, const struct imad_rule *r,
				       const IMAD_MATCH_FACTS *f)
{
	__u32 does = r->action & IMAD_ACTION_DO;
	__u32 class = does | (r->action & IMAD_ACTION_DONT) >> 1;

	if ((class & d->open) && imad_rule_matches(r, f)) {
		d->open &= ~class;
		if (does & IMAD_APPRAISE) {
			d->action &= ~IMAD_HASH;
			d->algos = r->algos;
		}
		d->action |= does;
		d->opts |= r->opts;
		if (does & IMAD_MEASURE) {
			d->slot_bit = r->slot_bit;
			d->pcr_slots = r->pcr_slots;
			d->variants = r->variants;
		}
	}
	return !d->open;
}

/* Funcs of what people do with files; what the kernel reads for itself could be any file. */
#define IMAD_FUNCS_OF_FILES                                                                                \
	((1u << IMAD_FILE_CHECK) | (1u << IMAD_MMAP_CHECK) | (1u << IMAD_MMAP_CHECK_REQPROT) |             \
	 (1u << IMAD_BPRM_CHECK) | (1u << IMAD_CREDS_CHECK))

/*
 * Whether the rule, once it is reached, says that a file is appraised whoever uses it and
 * how: 1 it may be, -1 it never is, 0 a later rule says. Of @f only what is about the file counts.
 */
static __always_inline int imad_appraises_file(const struct imad_rule *r, const IMAD_MATCH_FACTS *f)
{
	__u32 conds = r->conds;

	if (!(r->action & (IMAD_APPRAISE | IMAD_DONT_APPRAISE)))
		return 0;
	if ((conds & IMAD_COND_FUNC) && !((1u << r->func) & IMAD_FUNCS_OF_FILES))
		return 0;
	if ((conds & IMAD_CONDS_FS) && !imad_match_fs(r, conds, f))
		return 0;
	if ((conds & IMAD_CONDS_OWNER) && !imad_match_owner(r, conds, f))
		return 0;
	if (r->action & IMAD_APPRAISE)
		return 1;
	return conds & ~(IMAD_CONDS_FS | IMAD_CONDS_OWNER) ? 0 : -1;
}

/*
 * The slots of the record that is asked for: IMA measures an inode once for each PCR
 * whatever the template, and once more for the signature appended to it.
 */
static __always_inline __u32 imad_wanted_record(const struct imad_decision *d, __u32 done)
{
	__u32 variant = (d->opts & IMAD_OPT_VERITY) || (done & IMAD_SLOT_VERITY) ? IMAD_VARIANT_VERITY : IMAD_VARIANT_PLAIN;
	__u32 slot = IMAD_VARIANT_SLOT(d->variants, variant), with = slot;

	if (!d->slot_bit)
		return 0;
	if (d->opts & IMAD_OPT_MODSIG)
		with = IMAD_VARIANT_SLOT(d->variants, variant | IMAD_VARIANT_MODSIG);
	return with != slot ? with & ~done : d->pcr_slots & done ? 0 : slot;
}

/*
 * What the decision asks for of an inode of which @done is done: a record, an audit
 * record once, and what once told holds from then on: a label that is kept right, and
 * the fs-verity digest in place of the content's.
 */
static __always_inline __u32 imad_wanted(const struct imad_decision *d, __u32 done)
{
	__u32 slots = imad_wanted_record(d, done);

	if (d->opts & IMAD_OPT_VERITY)
		slots |= IMAD_SLOT_VERITY & ~done;
	if (d->action & IMAD_AUDIT)
		slots |= IMAD_SLOT_AUDIT & ~done;
	if (d->action & IMAD_HASH)
		slots |= IMAD_SLOT_HASH & ~done;
	if (d->action & IMAD_APPRAISE)
		slots |= IMAD_SLOT_APPRAISE & ~done;
	return slots;
}

#endif
