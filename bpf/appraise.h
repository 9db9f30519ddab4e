/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deny on mismatch: what the daemon found of a label, judged by the rules of the use at hand. */
#ifndef IMAD_BPF_APPRAISE_H
#define IMAD_BPF_APPRAISE_H

#include <imad/appraise.h>

/* @path: as of emit_with(). */
static __always_inline int fail(struct file *file, struct inode *inode, __u64 gen, __u32 func, __u32 cause, int r, bool path)
{
	count(failures);
	emit_with(IMAD_EVENT_FAILED, file, inode, gen, func, cause, -1, NULL, path);
	if (control.appraise != IMAD_APPRAISE_ENFORCE)
		return 0;
	count(denials);
	return r;
}

/*
 * 0 or -EACCES, by what @w decided. @done and @v as of before: the gate has let the
 * use through, so what is not known now could not be held.
 */
static __always_inline int judge(struct walk *w, struct file *file, struct inode *inode,
				 const struct imad_verdict *v, __u32 done, __u32 func, bool path)
{
	__u32 cause = IMAD_CAUSE_NOT_APPRAISED;

	if (!(w->decision.action & IMAD_APPRAISE))
		return 0;
	if (v && (done & IMAD_SLOT_APPRAISE))
		cause = imad_judge(w->decision.opts, w->decision.algos, v->found);
	else if (is_unverifiable(inode))
		cause = IMAD_CAUSE_UNVERIFIABLE;
	if ((cause == IMAD_CAUSE_PASS || cause == IMAD_CAUSE_NOT_APPRAISED) && writers_of(inode) > 0)
		cause = IMAD_CAUSE_WRITERS;
	return cause == IMAD_CAUSE_PASS ? 0 : fail(file, inode, v ? v->gen : 0, func, cause, -EACCES, path);
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
	return fail(file, inode, 0, IMAD_MMAP_CHECK, IMAD_CAUSE_MPROTECT, -EPERM, false);
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

/* Argument @n of the hook: the name of an extended attribute. */
static __always_inline bool is_label(void *ctx, __u32 n)
{
	static const char label[] = "security.ima";
	char name[sizeof(label) + 1] = {}; /* so that a longer name is not cut to this one */
	__u64 at = 0;

	bpf_get_func_arg(ctx, n, &at);
	bpf_probe_read_kernel_str(name, sizeof(name), (const void *)at);
	return bpf_strncmp(name, sizeof(name), label) == 0;
}

/* setxattr(idmap, dentry, name, value, size, flags): SETXATTR_CHECK says which hash algorithms a label may have. */
SEC("?lsm/inode_setxattr")
int BPF_PROG(imad_setxattr, void *idmap, struct dentry *dentry)
{
	__u64 value = 0, size = 0;
	__u8 head[3] = {};
	int algo;

	if (!control.setxattr_algos || !is_label(ctx, 2))
		return 0;
	bpf_get_func_arg(ctx, 3, &value);
	bpf_get_func_arg(ctx, 4, &size);
	if (size < 2 || bpf_probe_read_kernel(head, size < 3 ? 2 : 3, (const void *)value) < 0)
		return 0; /* no label of any kind */
	algo = algo_of(head, size);
	if (algo < 0 || algo > 31 || (control.setxattr_algos >> algo & 1))
		return 0;
	emit_refused(IMAD_SETXATTR_CHECK, (const char *)dentry->d_name.name, IMAD_CAUSE_DENIED_ALGORITHM);
	return control.appraise == IMAD_APPRAISE_ENFORCE ? -EACCES : 0;
}

/*
 * A label vouches for content: another label is another state. No mark goes by itself
 * as it does with a write, and there is no path by which the daemon could find the inode.
 */
static __always_inline int label_changes(struct dentry *dentry, bool label)
{
	struct inode *inode = dentry->d_inode;
	struct imad_verdict *v;
	struct imad_gen *g;
	struct imad_event *e;

	if (!label || !inode)
		return 0;
	g = gen_find(inode);
	/* The daemon's own label is that of a content that it publishes itself, if the generation is still the same. */
	if (!g || is_daemon(bpf_get_current_pid_tgid()))
		return 0;
	g->kept = 0;
	invalidate(g);
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
	return label_changes(dentry, is_label(ctx, 1));
}

/* Before it goes: the content is still what the old label vouched for. (idmap, dentry, name) */
SEC("?lsm/inode_removexattr")
int BPF_PROG(imad_label_removed, void *idmap, struct dentry *dentry)
{
	return label_changes(dentry, is_label(ctx, 2));
}

#endif
