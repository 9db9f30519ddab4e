/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deny on mismatch: what the daemon found of a label, judged by the rules of the use at hand. */
#ifndef IMAD_BPF_APPRAISE_H
#define IMAD_BPF_APPRAISE_H

#include <imad/appraise.h>

/* A use that fails; all that explains it is told. */
struct failing {
	__u64 gen;
	__u32 func, cause;
	__u32 rule, found; /* as in struct imad_event */
};

static __always_inline void fill_failing(struct imad_event *e, struct inode *inode, struct failing f, bool denied)
{
	struct imad_gen *g = gen_find(inode);

	e->gen = f.gen;
	e->slots = f.cause;
	e->rule = f.rule;
	e->found = f.found;
	e->denied = denied;
	if (g)
		e->changed = g->changed;
	bpf_probe_read_kernel_str(e->fs_id, sizeof(e->fs_id), inode->i_sb->s_id);
}

/* Whether a failure denies; and counts both. */
static __always_inline bool count_failure(void)
{
	bool denied = control.appraise == IMAD_APPRAISE_ENFORCE;

	count(failures);
	if (denied)
		count(denials);
	return denied;
}

/* @path: as of emit_with(). */
static __always_inline int fail(struct file *file, struct inode *inode, struct failing f, int r, bool path)
{
	bool denied = count_failure();
	struct imad_event *e = begin_event(IMAD_EVENT_FAILED, f.func, inode);

	if (e) {
		fill_failing(e, inode, f, denied);
		e->flags = write_flags(file, inode) | name_flags(file);
		fill_path(e, file, path);
		end_event(e);
	}
	return denied ? r : 0;
}

/* The same where nobody has the file open. */
static __always_inline int fail_at(struct dentry *dentry, struct inode *inode, struct failing f, int r)
{
	bool denied = count_failure();
	struct imad_event *e = begin_event(IMAD_EVENT_FAILED, f.func, inode);

	if (e) {
		fill_failing(e, inode, f, denied);
		e->flags = IMAD_GEN_BARE;
		bpf_probe_read_kernel_str(e->path, IMAD_NAME_MAX, dentry->d_name.name);
		end_event(e);
	}
	return denied ? r : 0;
}

/*
 * 0 or -EACCES, by what @w decided. @done and @v as of before: the gate has let the
 * use through, so what is not known now could not be held.
 */
static __always_inline int judge(struct walk *w, struct file *file, struct inode *inode,
				 const struct imad_verdict *v, __u32 done, __u32 func, bool path)
{
	struct failing f = { .gen = v ? v->gen : 0, .func = func, .cause = IMAD_CAUSE_NOT_APPRAISED, .rule = w->rule };

	if (!(w->decision.action & IMAD_APPRAISE))
		return 0;
	if (v && (done & IMAD_SLOT_APPRAISE)) {
		f.found = v->found | IMAD_FOUND_KNOWN;
		f.cause = imad_judge(w->decision.opts, w->decision.algos, v->found);
	} else if (is_unverifiable(inode)) {
		f.cause = IMAD_CAUSE_UNVERIFIABLE;
	}
	if ((f.cause == IMAD_CAUSE_PASS || f.cause == IMAD_CAUSE_NOT_APPRAISED) && writers_of(inode) > 0)
		f.cause = IMAD_CAUSE_WRITERS;
	return f.cause == IMAD_CAUSE_PASS ? 0 : fail(file, inode, f, -EACCES, path);
}

/* Nothing is left to do for this inode, and no rule can say no to it. */
static __always_inline bool is_settled(struct inode *inode, const struct imad_verdict *v, __u32 done)
{
	if (!all_done(done))
		return false;
	if (!(control.classes & IMAD_APPRAISE))
		return true;
	return v && control.strict && writers_of(inode) <= 0 &&
	       imad_judge(control.strict_opts, control.strict_algos, v->found) == IMAD_CAUSE_PASS;
}

/* A mapping that was not executable becomes it: nobody has looked at it as one. As in the kernel always EPERM. */
SEC("?lsm/file_mprotect")
int BPF_PROG(imad_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot)
{
	struct walk w = { .silent = true };
	struct inode *inode;
	struct file *file;

	if (!control.active || !(prot & PROT_EXEC) || (vma->vm_flags & VM_EXEC))
		return 0;
	file = vma->vm_file;
	if (!file)
		return 0;
	inode = file->f_inode;
	if (!is_regular(inode) || is_skipped(inode))
		return 0;
	fill_facts(&w.facts, inode, control.conds);
	match(&w, IMAD_MMAP_CHECK, IMAD_MAY_EXEC, 0);
	if (!(w.decision.action & IMAD_APPRAISE))
		return 0;
	return fail(file, inode, (struct failing){ .func = IMAD_MMAP_CHECK, .cause = IMAD_CAUSE_MPROTECT, .rule = w.rule }, -EPERM,
		    false);
}

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

enum label_name { LABEL_NO, LABEL_IMA, LABEL_EVM };

/* Argument @n of the hook: the name of an extended attribute. */
static __always_inline enum label_name label_name(void *ctx, __u32 n)
{
	static const char ima[] = "security.ima", evm[] = "security.evm";
	char name[sizeof(ima) + 1] = {}; /* so that a longer name is not cut to this one */
	__u64 at = 0;

	bpf_get_func_arg(ctx, n, &at);
	bpf_probe_read_kernel_str(name, sizeof(name), (const void *)at);
	if (bpf_strncmp(name, sizeof(name), ima) == 0)
		return LABEL_IMA;
	return bpf_strncmp(name, sizeof(name), evm) == 0 ? LABEL_EVM : LABEL_NO;
}

/* appraise.protect_labels: 0, or -EPERM for whoever is not the daemon and the file appraised. */
static __always_inline int protect_label(struct dentry *dentry, enum label_name name)
{
	struct inode *inode = dentry->d_inode;
	struct walk w = {};

	if (name == LABEL_NO || !control.active || !control.protect_labels || control.appraise != IMAD_APPRAISE_ENFORCE || !inode ||
	    !is_regular(inode) || is_daemon())
		return 0;
	fill_facts(&w.facts, inode, control.conds);
	if (!is_appraised(&w))
		return 0;
	return fail_at(dentry, inode, (struct failing){ .func = IMAD_SETXATTR_CHECK, .cause = IMAD_CAUSE_PROTECTED, .rule = w.rule },
		       -EPERM);
}

/* setxattr(idmap, dentry, name, value, size, flags): SETXATTR_CHECK says which hash algorithms a label may have. */
SEC("?lsm/inode_setxattr")
int BPF_PROG(imad_setxattr, void *idmap, struct dentry *dentry)
{
	enum label_name name = label_name(ctx, 2);
	int algo, r = protect_label(dentry, name);
	struct inode *inode = dentry->d_inode;
	__u64 value = 0, size = 0;
	__u8 head[3] = {};

	if (r < 0 || !control.setxattr_algos || name != LABEL_IMA || !inode)
		return r;
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

/*
 * A label vouches for content: another label is another state. No mark goes by itself
 * as it does with a write, and there is no path by which the daemon could find the inode.
 */
static __always_inline int label_changes(struct dentry *dentry, bool label)
{
	struct inode *inode = dentry->d_inode;
	__u64 id = bpf_get_current_pid_tgid();
	struct imad_verdict *v;
	struct imad_gen *g;
	struct imad_event *e;

	if (!label || !inode)
		return 0;
	g = gen_find(inode);
	/* The daemon's own label is that of a content that it publishes itself, if the generation is still the same. */
	if (!g || (is_daemon() && (__u32)id != control.label_tid))
		return 0;
	g->kept = 0;
	invalidate(g, IMAD_CHANGE_LABELLED);
	v = verdict_find(inode);
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

/* After it was set: what is found from now on is the new one. (dentry, name, value, size, flags) */
SEC("?lsm/inode_post_setxattr")
int BPF_PROG(imad_label_set, struct dentry *dentry)
{
	return label_changes(dentry, label_name(ctx, 1) == LABEL_IMA);
}

/* Before it goes: the content is still what the old label vouched for. (idmap, dentry, name) */
SEC("?lsm/inode_removexattr")
int BPF_PROG(imad_label_removed, void *idmap, struct dentry *dentry)
{
	enum label_name name = label_name(ctx, 2);
	int r = protect_label(dentry, name);

	return r < 0 ? r : label_changes(dentry, name == LABEL_IMA);
}

#endif
