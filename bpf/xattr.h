/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hooks of extended attributes: labels, and what EVM vouches for. */
#ifndef IMAD_BPF_XATTR_H
#define IMAD_BPF_XATTR_H

/* The algorithm of a security.ima value, as the first bytes tell it; < 0: none is named. */
static __always_inline int algo_of(const __u8 head[3], __u64 size)
{
	if (head[0] == 4 && size >= 2)
		return head[1];
	if ((head[0] == 3 || head[0] == 6) && size >= 3)
		return head[2];
	if (head[0] == 1)
		return size == 17 ? 1 /* md5 */ : 2 /* sha1 */;
	return -1;
}

enum label_name {
	LABEL_NO,
	LABEL_IMA,
	LABEL_EVM,
	LABEL_MAC,     /* imad's own HMAC */
	LABEL_COVERED, /* what else an HMAC is over, or changes what it is over */
};

/* Argument @n of the hook: the name of an extended attribute. A global function would not know ctx. */
static __always_inline enum label_name label_name(void *ctx, __u32 n)
{
	static const char ima[] = "security.ima", evm[] = "security.evm", mac[] = "security.imad.evm";
	static const char security[] = "security.", acl[] = "system.posix_acl_access";
	char name[sizeof(acl) + 1] = {}; /* so that a longer name is not cut to one of these */
	__u64 at = 0;

	bpf_get_func_arg(ctx, n, &at);
	bpf_probe_read_kernel_str(name, sizeof(name), (const void *)at);
	if (bpf_strncmp(name, sizeof(name), acl) == 0)
		return LABEL_COVERED;
	if (bpf_strncmp(name, sizeof(security) - 1, security) != 0)
		return LABEL_NO;
	if (bpf_strncmp(name, sizeof(name), ima) == 0)
		return LABEL_IMA;
	if (bpf_strncmp(name, sizeof(name), evm) == 0)
		return LABEL_EVM;
	return bpf_strncmp(name, sizeof(name), mac) == 0 ? LABEL_MAC : LABEL_COVERED;
}

/* Who changes it is the daemon, or nobody. */
static __always_inline bool is_protected(enum label_name name)
{
	if (control.appraise != IMAD_APPRAISE_ENFORCE || name == LABEL_NO || name == LABEL_COVERED)
		return false;
	return name == LABEL_MAC ? control.evm == IMAD_APPRAISE_ENFORCE : control.protect_labels;
}

/* appraise.protect_labels: 0, or -EPERM for whoever is not the daemon and the file appraised. */
static __noinline int protect_label(struct dentry *dentry, enum label_name name)
{
	struct inode *inode = dentry->d_inode;
	struct walk w = {};

	if (!is_protected(name) || !control.active || !inode || !is_regular(inode) || is_daemon())
		return 0;
	fill_facts_of_inode(&w, inode, control.conds);
	if (!is_appraised(&w))
		return 0;
	return fail_at(dentry, inode, (struct failing){ .func = IMAD_SETXATTR_CHECK, .cause = IMAD_CAUSE_PROTECTED, .rule = w.rule },
		       -EPERM);
}

/* ... that of a security module. */
static __always_inline bool is_context(void *ctx, __u32 n)
{
	static const char selinux[] = "security.selinux", smack[] = "security.SMACK64";
	char name[sizeof(selinux) + 1] = {};
	__u64 at = 0;

	bpf_get_func_arg(ctx, n, &at);
	bpf_probe_read_kernel_str(name, sizeof(name), (const void *)at);
	return bpf_strncmp(name, sizeof(name), selinux) == 0 || bpf_strncmp(name, sizeof(name), smack) == 0;
}

/* The gate lets pass what is marked, and now other rules may hold for it: an event has all marks taken back. */
static __always_inline int unmark(struct inode *inode)
{
	struct imad_verdict *v = verdict_find(inode);
	struct imad_event *e;

	if (!v || !(v->flags & IMAD_VERDICT_IGNORED) || v->epoch != control.epoch)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count(lost);
		return 0;
	}
	e->type = IMAD_EVENT_LABEL;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* SETXATTR_CHECK says which hash algorithms a label may have. 0 or -EACCES. */
static __always_inline int algo_denied(void *ctx, struct dentry *dentry, struct inode *inode)
{
	__u64 value = 0, size = 0;
	__u8 head[3] = {};
	int algo;

	bpf_get_func_arg(ctx, 3, &value);
	bpf_get_func_arg(ctx, 4, &size);
	if (size < 2 || bpf_probe_read_kernel(head, size < 3 ? 2 : 3, (const void *)value) < 0)
		return 0; /* no label of any kind */
	algo = algo_of(head, size);
	if (algo < 0 || algo > 31 || (control.setxattr_algos >> algo & 1))
		return 0;
	return fail_at(dentry, inode,
		       (struct failing){ .func = IMAD_SETXATTR_CHECK, .cause = IMAD_CAUSE_DENIED_ALGORITHM, .rule = control.setxattr_rule },
		       -EACCES);
}

/* What the HMAC is over, itself not; and a signature in its place. */
static __always_inline int vouched_changes(struct dentry *dentry, struct inode *inode, enum label_name name)
{
	return name == LABEL_NO || name == LABEL_MAC ? 0 : metadata_changes(dentry, inode, name == LABEL_EVM);
}

/* setxattr(idmap, dentry, name, value, size, flags) */
SEC("?lsm/inode_setxattr")
int BPF_PROG(imad_setxattr, void *idmap, struct dentry *dentry)
{
	enum label_name name = label_name(ctx, 2);
	int r = protect_label(dentry, name);
	struct inode *inode = dentry->d_inode;

	if (r < 0)
		return -EPERM;
	if (!inode)
		return 0;
	if (control.setxattr_algos && name == LABEL_IMA && algo_denied(ctx, dentry, inode) < 0)
		return -EACCES;
	return known_refusal(any_value(vouched_changes(dentry, inode, name)));
}
/*
 * A label vouches for content: another label is another state. No mark goes by itself
 * as it does with a write, and there is no path by which the daemon could find the inode.
 */
static __always_inline void label_changes(struct inode *inode, struct imad_gen *g, __u32 how)
{
	g->kept = 0;
	invalidate_label(g);
	note_change(g, how);
	(void)unmark(inode);
}

/* With another value of it, or without one, what was found is void. */
static __always_inline bool voids_found(enum label_name name)
{
	return name == LABEL_IMA || (control.evm && (name == LABEL_EVM || name == LABEL_MAC));
}

/* After it was set: what is found from now on is the new one. (dentry, name, value, size, flags) */
SEC("?lsm/inode_post_setxattr")
int BPF_PROG(imad_label_set, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	enum label_name name;
	struct imad_gen *g;

	if (!inode)
		return 0;
	if ((control.conds & IMAD_COND_LABELS) && is_context(ctx, 1))
		return unmark(inode);
	if (!(control.classes & IMAD_APPRAISE))
		return 0;
	name = label_name(ctx, 1);
	if (!voids_found(name))
		return 0;
	changes_beneath(inode);
	g = gen_find(inode);
	if (!g)
		return 0;
	if (name == LABEL_IMA)
		__sync_fetch_and_and(&g->flags, ~IMAD_GEN_UNLABELLED);
	/* The daemon's own label is that of a content that it publishes itself, if the generation is still the same. */
	if (is_daemon() && (__u32)bpf_get_current_pid_tgid() != control.label_tid)
		return 0;
	if (name == LABEL_MAC)
		g->vouched = 0; /* it is not what it was */
	else if (name == LABEL_IMA && writers_of(inode) <= 0)
		g->written = 0; /* whoever sets it after the last write means it */
	label_changes(inode, g, IMAD_CHANGE_LABELLED);
	return 0;
}

/* After it was removed, since 6.9. (dentry, name) */
SEC("?lsm/inode_post_removexattr")
int BPF_PROG(imad_label_gone, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	enum label_name name;
	struct imad_gen *g;

	if (!inode)
		return 0;
	name = label_name(ctx, 1);
	if (!voids_found(name))
		return 0;
	changes_beneath(inode);
	g = gen_find(inode);
	if (g && name == LABEL_MAC)
		g->vouched = 0;
	if (g)
		label_changes(inode, g, IMAD_CHANGE_LABELLED);
	return 0;
}

/* Before it is removed, since 6.9. (idmap, dentry, name) */
SEC("?lsm/inode_removexattr")
int BPF_PROG(imad_label_kept, void *idmap, struct dentry *dentry)
{
	enum label_name name = label_name(ctx, 2);
	struct inode *inode = dentry->d_inode;

	if (protect_label(dentry, name) < 0)
		return -EPERM;
	return inode ? known_refusal(any_value(vouched_changes(dentry, inode, name))) : 0;
}

/*
 * Before 6.9 one can only see that it will go. From then on it counts as gone, for
 * who looks too soon would find it. Who may not remove it gets here too. (idmap, dentry, name)
 */
SEC("?lsm/inode_removexattr")
int BPF_PROG(imad_label_removed, void *idmap, struct dentry *dentry)
{
	enum label_name name = label_name(ctx, 2);
	struct inode *inode = dentry->d_inode;
	int r = protect_label(dentry, name);
	struct imad_gen *g;

	if (r < 0)
		return -EPERM;
	if (!inode || is_daemon())
		return 0;
	r = vouched_changes(dentry, inode, name);
	if (r < 0)
		return known_refusal(any_value(r));
	if (!voids_found(name) || !has_cap(bpf_get_current_task_btf()->cred, CAP_SYS_ADMIN))
		return 0;
	changes_beneath(inode);
	g = gen_make(inode);
	if (!g)
		return 0;
	if (name == LABEL_MAC)
		g->vouched = 0;
	if (name == LABEL_IMA)
		__sync_fetch_and_or(&g->flags, IMAD_GEN_UNLABELLED);
	label_changes(inode, g, IMAD_CHANGE_LABELLED);
	return 0;
}

#endif
