/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a use to facts, and from facts to what the rules want. */
#ifndef IMAD_BPF_FACTS_H
#define IMAD_BPF_FACTS_H

#include "idmap.h"
#include "labels.h"

/* What a filesystem is called, and what is read on the way to that: the stack has room for one at a time. */
union fs_name {
	const struct file_system_type *type;
	const char *text;
	char name[IMAD_FSNAME_MAX];
	__u8 uuid[16];
};

/* Whether the text at @at->text is @name, which is zero to the end of its field. */
static __always_inline int is_called(union fs_name *at, const char *name)
{
	const char *text = at->text;

	__builtin_memset(at, 0, sizeof(*at));
	return bpf_probe_read_kernel_str(at->name, sizeof(at->name), text) > 0 && imad_match_words(name, at->name, 4);
}

/* at->text: the name of @sb's type, NULL: it cannot be read. */
static __always_inline void find_type(union fs_name *at, const struct super_block *sb)
{
	const struct file_system_type *type;

	bpf_core_read(&at->type, sizeof(at->type), &sb->s_type);
	type = at->type;
	bpf_core_read(&at->text, sizeof(at->text), &type->name);
}

static __noinline int imad_match_fs_called(const struct imad_rule *r, __u32 conds, const struct use_facts *f)
{
	const struct super_block *sb = (const void *)f->superblock;
	union fs_name at;

	if (conds & IMAD_COND_FSNAME) {
		find_type(&at, sb);
		if (!is_called(&at, r->fsname))
			return 0;
	}
	if (conds & IMAD_COND_FS_SUBTYPE) {
		bpf_core_read(&at.text, sizeof(at.text), &sb->s_subtype); /* NULL for most */
		if (!is_called(&at, r->fs_subtype))
			return 0;
	}
	return !(conds & IMAD_COND_FSUUID) ||
	       (bpf_core_read(at.uuid, sizeof(at.uuid), &sb->s_uuid) == 0 && imad_match_words(r->fsuuid, at.uuid, 2));
}

/* What of the facts takes too much of the stack to be made under the largest functions: all that call each other have 512 bytes. */
struct made_before {
	__u32 active; /* control.rules: @labels are bits for that half of the table */
	__u32 labels;
	__u32 fowner, fgroup;
};

struct walk {
	struct use_facts facts;
	struct imad_decision decision;
	__u32 active; /* control.rules when it began */
	__u32 rule; /* that decided about appraisal: 1 + index in the map, 0: none */
	bool silent; /* only asking: the rules do not count it as a hit */
	bool written; /* somebody can write beneath an overlay */
	bool loose;  /* it lies in memory, and somebody can change it unseen */
	bool told;   /* of a use that goes round: not for the first time */
};

static __always_inline int has_cap(const struct cred *cred, int cap)
{
	__u64 caps = 0;

	/* A capability counts against the initial user namespace only, as in has_capability_noaudit(). */
	if (cred->user_ns->level != 0)
		return 0;
	bpf_probe_read_kernel(&caps, sizeof(caps),
			      (const void *)cred + bpf_core_field_offset(struct cred, cap_effective));
	return (caps >> cap) & 1;
}

/* @conds: what some rule asks for; facts that cost a call are fetched only then. */
static __always_inline void fill_ids(struct walk *w, const struct cred *cred, __u32 conds)
{
	struct use_facts *f = &w->facts;

	w->active = control.rules;
	f->uid = cred->uid.val;
	f->euid = cred->euid.val;
	f->suid = cred->suid.val;
	f->gid = cred->gid.val;
	f->egid = cred->egid.val;
	f->sgid = cred->sgid.val;
	f->cap_setuid = any_value(conds & IMAD_COND_EUID ? has_cap(cred, CAP_SETUID) : 0);
	f->cap_setgid = any_value(conds & IMAD_COND_EGID ? has_cap(cred, CAP_SETGID) : 0);
}

/* Whose the use of @inode is. */
static __always_inline void fill_user(struct walk *w, struct inode *inode, const struct cred *cred, __u32 conds)
{
	fill_ids(w, cred, conds);
	if (conds & IMAD_COND_LABELS)
		w->facts.labels = labels_of(label_of_file(inode), label_of_cred(cred), w->active >> 16);
}

static __always_inline void fill_made_before(struct made_before *m, const struct path *path, struct inode *inode, __u32 conds)
{
	m->active = control.rules;
	m->labels = any_value(conds & IMAD_COND_LABELS ? labels_of(label_of_file(inode), label_of_cred(bpf_get_current_task_btf()->cred),
								   m->active >> 16) : 0);
	fill_owner(&m->fowner, &m->fgroup, path, inode, conds);
}

static __always_inline void fill_filesystem(struct use_facts *f, struct inode *inode)
{
	f->fsmagic = inode->i_sb->s_magic;
	f->superblock = (__u64)inode->i_sb;
}

/* What is different for the overlay's file above, in facts that are filled: @inode is an address, no more. */
static __always_inline void fill_facts_above(struct use_facts *f, const struct inode *inode)
{
	const struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	f->fsmagic = BPF_CORE_READ(sb, s_magic);
	f->superblock = (__u64)sb;
	f->fowner = BPF_CORE_READ(inode, i_uid.val);
	f->fgroup = BPF_CORE_READ(inode, i_gid.val);
}

/* What is used, by which path, and by whom. */
static __always_inline void fill_facts(struct walk *w, const struct path *path, struct inode *inode, __u32 conds)
{
	fill_user(w, inode, bpf_get_current_task_btf()->cred, conds);
	fill_owner(&w->facts.fowner, &w->facts.fgroup, path, inode, conds);
	fill_filesystem(&w->facts, inode);
}

/* ... by no path that is known: its owner is as it is stored. */
static __always_inline void fill_facts_of_inode(struct walk *w, struct inode *inode, __u32 conds)
{
	fill_user(w, inode, bpf_get_current_task_btf()->cred, conds);
	w->facts.fowner = inode->i_uid.val;
	w->facts.fgroup = inode->i_gid.val;
	fill_filesystem(&w->facts, inode);
}

static __always_inline void fill_facts_made(struct walk *w, const struct made_before *m, struct inode *inode, __u32 conds)
{
	fill_ids(w, bpf_get_current_task_btf()->cred, conds);
	fill_filesystem(&w->facts, inode);
	w->active = m->active;
	w->facts.labels = m->labels;
	w->facts.fowner = m->fowner;
	w->facts.fgroup = m->fgroup;
}

static long walk_rule(__u32 i, struct walk **at)
{
	struct walk *w = *at;
	__u32 key = (w->active >> 16) * IMAD_RULES_MAX + i, open = w->decision.open;
	struct imad_rule *r = bpf_map_lookup_elem(&rules, &key);
	long end = !r || imad_decide(&w->decision, r, &w->facts);
	__u64 *n;

	if ((open & ~w->decision.open) & IMAD_APPRAISE)
		w->rule = key + 1;
	if (w->decision.open == open || w->silent)
		return end;
	n = bpf_map_lookup_elem(&hits, &key);
	if (n)
		(*n)++;
	return end;
}

/*
 * The slots that @func with @mask asks for beyond what is @done; w->facts is filled.
 * What the rules decided is in w->decision. A global function: the verifier goes through it
 * once, and not at each of its many calls; @w is never NULL.
 */
__noinline __u32 match(struct walk *w, __u32 func, __u32 mask, __u32 done)
{
	if (!w)
		return 0;
	w->decision = (struct imad_decision){ .open = control.classes };
	w->rule = 0;
	if (!(control.funcs & (1u << func)))
		return 0;
	w->facts.func = func;
	w->facts.mask = mask;
	count(matches);
	bpf_loop(w->active & 0xffff, walk_rule, &w, 0); /* of all memory only the stack can be handed on */
	return imad_wanted(&w->decision, done);
}

static long walk_file_rule(__u32 i, struct walk **at)
{
	struct walk *w = *at;
	__u32 key = (w->active >> 16) * IMAD_RULES_MAX + i;
	struct imad_rule *r = bpf_map_lookup_elem(&rules, &key);
	int says = r ? imad_appraises_file(r, &w->facts) : -1;

	if (says > 0)
		w->rule = key + 1;
	return says != 0;
}

/* Whether some use of the file that w->facts are about is appraised: then w->rule says so. A global function, as match(). */
__noinline __u32 is_appraised(struct walk *w)
{
	if (!w)
		return 0;
	w->rule = 0;
	bpf_loop(w->active & 0xffff, walk_file_rule, &w, 0);
	return w->rule;
}

#endif
