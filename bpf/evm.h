/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of what an HMAC is over: owner, mode, the security attributes. The daemon has to make the HMAC anew after
 * each that the kernel permits, and of no file whose HMAC was not right before.
 *
 * So nothing is changed before it is known what EVM says of the file: the call begins anew until the daemon has looked.
 * If the HMAC is right, the change is noted in the inode (imad_gen.vouched) and the daemon told. What was found stays
 * true, for all that has happened since was seen; the note is kept over the daemon's death as all here. If it was not
 * right, no new one is made.
 */
#ifndef IMAD_BPF_EVM_H
#define IMAD_BPF_EVM_H

/* Said before the load: where EVM is off for good, the verifier need not go through any of this. */
const volatile bool with_evm = true;

/* Where nobody has it open there is no path: the names up to the root of its filesystem will do. */
__noinline int fill_parts(struct imad_event *e, const __u64 *dentry)
{
	const struct dentry *at, *parent = NULL;
	__u32 n;

	if (!e || !dentry)
		return 0;
	at = (const void *)*dentry;
	for (n = 0; n < IMAD_PARTS_MAX; n++) {
		const unsigned char *name = NULL;

		parent = NULL;
		bpf_core_read(&parent, sizeof(parent), &at->d_parent);
		if (!parent || parent == at)
			break;
		bpf_core_read(&name, sizeof(name), &at->d_name.name);
		bpf_probe_read_kernel_str(e->path + n * IMAD_NAME_MAX, IMAD_NAME_MAX, name);
		at = parent;
	}
	e->parts = n;
	return 0;
}

static __always_inline void emit_parts(__u32 type, struct dentry *dentry, struct inode *inode, __u64 gen, __u32 slots)
{
	struct imad_event *e = begin_event(type, IMAD_FILE_CHECK, inode);
	struct super_block *sb = inode->i_sb;
	__u64 address = (__u64)dentry;

	if (!e)
		return;
	e->gen = gen;
	e->slots = slots;
	e->flags = place_flags(sb->s_dev, asks_fuse(inode));
	fill_parts(e, &address);
	end_event(e);
}

enum evm_change {
	EVM_CHANGE_SEEN,    /* nothing is to be done */
	EVM_CHANGE_VOUCHED, /* the daemon makes the HMAC anew */
	EVM_CHANGE_VOID,    /* what was found may not be so any more */
	EVM_CHANGE_REFUSED,
	EVM_CHANGE_UNKNOWN,
};

/* By what is @found of the file that is about to change. */
__noinline __u32 judge_change(struct imad_gen *g, __u32 found)
{
	if (g && g->vouched) {
		vouch(g);
		return EVM_CHANGE_VOUCHED;
	}
	if (!(found & IMAD_FOUND_KNOWN))
		return EVM_CHANGE_UNKNOWN;
	switch (IMAD_EVM(found)) {
	case IMAD_EVM_NONE:
	case IMAD_EVM_MISSING:
		return EVM_CHANGE_SEEN;
	case IMAD_EVM_PASS:
		if (!g)
			return EVM_CHANGE_UNKNOWN;
		vouch(g);
		return EVM_CHANGE_VOUCHED;
	case IMAD_EVM_IMMUTABLE:
		return control.evm == IMAD_APPRAISE_ENFORCE ? EVM_CHANGE_REFUSED : EVM_CHANGE_VOID;
	default:
		return EVM_CHANGE_VOID;
	}
}

/* ... whose signature is about to be replaced or removed: a portable one stays. */
static __always_inline __u32 judge_resigning(__u32 found)
{
	if (!(found & IMAD_FOUND_KNOWN))
		return EVM_CHANGE_UNKNOWN;
	return IMAD_EVM(found) == IMAD_EVM_IMMUTABLE && control.evm == IMAD_APPRAISE_ENFORCE ? EVM_CHANGE_REFUSED : EVM_CHANGE_SEEN;
}

/* While failures of EVM's deny. */
static __always_inline bool evm_enforces(void)
{
	return control.evm == IMAD_APPRAISE_ENFORCE && control.appraise == IMAD_APPRAISE_ENFORCE;
}

static __always_inline int refuse_change(struct dentry *dentry, struct inode *inode, __u32 cause, __u32 rule, __u32 found)
{
	return fail_at(dentry, inode, (struct failing){ .func = IMAD_SETXATTR_CHECK, .cause = cause, .rule = rule, .found = found },
		       -EPERM);
}

/* Nobody knows the file yet: the call goes round until somebody does. */
static __noinline int ask_for_change(struct dentry *dentry, struct inode *inode)
{
	struct imad_gen *g = gen_make(inode);
	bool first = !goes_round(inode);
	struct walk w = {};

	fill_facts_of_inode(&w, inode, control.conds);
	if (!g || !is_appraised(&w))
		return 0;
	if (restart(inode, false) == 0)
		return evm_enforces() ? refuse_change(dentry, inode, IMAD_CAUSE_NOT_APPRAISED, w.rule, 0) : 0;
	if (first)
		emit_parts(IMAD_EVENT_ASKED, dentry, inode, g->gen, IMAD_SLOT_APPRAISE);
	return -ERESTARTNOINTR;
}

/* Another label or HMAC is another state. @how: enum imad_change_how. */
static __always_inline void label_changes(struct inode *inode, struct imad_gen *g, __u32 how);

static __always_inline bool evm_vouches(struct inode *inode)
{
	return with_evm && control.active && control.evm && (control.classes & IMAD_APPRAISE) && is_regular(inode) &&
	       !is_skipped(inode) && !is_daemon();
}

/* Before it is done; @resigned: it is security.evm. 0, -EPERM or -ERESTARTNOINTR. */
static __noinline int metadata_changes(struct dentry *dentry, struct inode *inode, bool resigned)
{
	struct imad_gen *g;
	__u32 found, change;

	if (!evm_vouches(inode))
		return 0;
	g = gen_find(inode);
	found = any_value(found_for_open(g, verdict_find(inode), writers_of(inode)));
	change = any_value(resigned ? judge_resigning(found) : judge_change(g, found));
	if (change != EVM_CHANGE_UNKNOWN)
		end_round();
	if (change == EVM_CHANGE_UNKNOWN && writers_of(inode) <= 0)
		return ask_for_change(dentry, inode);
	if (change == EVM_CHANGE_REFUSED)
		return refuse_change(dentry, inode, IMAD_CAUSE_IMMUTABLE, 0, found);
	if (g && change == EVM_CHANGE_VOID)
		label_changes(inode, g, IMAD_CHANGE_METADATA);
	/* Of what is written the HMAC comes with the label. */
	if (g && change == EVM_CHANGE_VOUCHED && !(g->written && writers_of(inode) > 0))
		emit_parts(IMAD_EVENT_WRITER, dentry, inode, g->gen, 0);
	return 0;
}

/*
 * Somebody is about to write or to truncate, and @writers have it open for that already. A portable signature keeps the
 * content, too; but for that nobody who writes is made to wait until the file is known, because what is written is denied
 * afterwards anyway. 0 or -EPERM.
 */
static __noinline int content_changes(struct dentry *dentry, struct inode *inode, int writers)
{
	__u32 found;

	if (!evm_vouches(inode))
		return 0;
	found = any_value(found_for_open(gen_find(inode), verdict_find(inode), writers));
	return judge_resigning(found) == EVM_CHANGE_REFUSED ? refuse_change(dentry, inode, IMAD_CAUSE_IMMUTABLE, 0, found) : 0;
}

/* What a hook returns must be seen to be an errno. */
static __always_inline int known_refusal(int r)
{
	return r == -ERESTARTNOINTR ? -ERESTARTNOINTR : r < 0 ? -EPERM : 0;
}

/* An ACL changes the mode. (idmap, dentry, name, acl), since 6.2; before that it is an attribute that is set. */
SEC("?lsm/inode_set_acl")
int BPF_PROG(imad_set_acl, void *idmap, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	return inode ? known_refusal(any_value(metadata_changes(dentry, inode, false))) : 0;
}

SEC("?lsm/inode_remove_acl")
int BPF_PROG(imad_remove_acl, void *idmap, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	return inode ? known_refusal(any_value(metadata_changes(dentry, inode, false))) : 0;
}

#endif
