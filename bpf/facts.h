/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a use to facts, and from facts to what the rules want. */
#ifndef IMAD_BPF_FACTS_H
#define IMAD_BPF_FACTS_H

struct walk {
	struct imad_facts facts;
	struct imad_decision decision;
	__u32 base;
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
static __always_inline void fill_ids(struct imad_facts *f, const struct cred *cred, __u32 conds)
{
	f->uid = cred->uid.val;
	f->euid = cred->euid.val;
	f->suid = cred->suid.val;
	f->gid = cred->gid.val;
	f->egid = cred->egid.val;
	f->sgid = cred->sgid.val;
	f->cap_setuid = conds & IMAD_COND_EUID ? has_cap(cred, CAP_SETUID) : 0;
	f->cap_setgid = conds & IMAD_COND_EGID ? has_cap(cred, CAP_SETGID) : 0;
}

static __always_inline void fill_facts(struct imad_facts *f, struct inode *inode, __u32 conds)
{
	struct super_block *sb = inode->i_sb;

	fill_ids(f, bpf_get_current_task_btf()->cred, conds);
	f->fsmagic = sb->s_magic;
	f->fowner = inode->i_uid.val;
	f->fgroup = inode->i_gid.val;
	if (conds & IMAD_COND_FSUUID)
		bpf_core_read(f->fsuuid, sizeof(f->fsuuid), &sb->s_uuid);
	if (conds & IMAD_COND_FSNAME)
		bpf_probe_read_kernel_str(f->fsname, sizeof(f->fsname), sb->s_type->name);
	if ((conds & IMAD_COND_FS_SUBTYPE) && sb->s_subtype)
		bpf_probe_read_kernel_str(f->fs_subtype, sizeof(f->fs_subtype), sb->s_subtype);
}

/* What is different for the overlay's file above, in facts that are filled: @inode is an address, no more. */
static __always_inline void fill_facts_above(struct imad_facts *f, const struct inode *inode, __u32 conds)
{
	const struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	f->fsmagic = BPF_CORE_READ(sb, s_magic);
	f->fowner = BPF_CORE_READ(inode, i_uid.val);
	f->fgroup = BPF_CORE_READ(inode, i_gid.val);
	if (conds & IMAD_COND_FSUUID)
		bpf_core_read(f->fsuuid, sizeof(f->fsuuid), &sb->s_uuid);
	if (conds & IMAD_COND_FSNAME)
		bpf_probe_read_kernel_str(f->fsname, sizeof(f->fsname), BPF_CORE_READ(sb, s_type, name));
}

static long walk_rule(__u32 i, struct walk **at)
{
	struct walk *w = *at;
	__u32 key = w->base + i, open = w->decision.open;
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
	__u32 active = control.rules;

	if (!w)
		return 0;
	w->decision = (struct imad_decision){ .open = control.classes };
	w->rule = 0;
	if (!(control.funcs & (1u << func)))
		return 0;
	w->facts.func = func;
	w->facts.mask = mask;
	w->base = (active >> 16) * IMAD_RULES_MAX;
	count(matches);
	bpf_loop(active & 0xffff, walk_rule, &w, 0); /* of all memory only the stack can be handed on */
	return imad_wanted(&w->decision, done);
}

static long walk_file_rule(__u32 i, struct walk **at)
{
	struct walk *w = *at;
	__u32 key = w->base + i;
	struct imad_rule *r = bpf_map_lookup_elem(&rules, &key);
	int says = r ? imad_appraises_file(r, &w->facts) : -1;

	if (says > 0)
		w->rule = key + 1;
	return says != 0;
}

/* Whether some use of the file that w->facts are about is appraised: then w->rule says so. A global function, as match(). */
__noinline __u32 is_appraised(struct walk *w)
{
	__u32 active = control.rules;

	if (!w)
		return 0;
	w->rule = 0;
	w->base = (active >> 16) * IMAD_RULES_MAX;
	bpf_loop(active & 0xffff, walk_file_rule, &w, 0);
	return w->rule;
}

#endif
