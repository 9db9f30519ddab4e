/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deny on mismatch: what the daemon found of a label, judged by the rules of the use at hand. */
#ifndef IMAD_BPF_APPRAISE_H
#define IMAD_BPF_APPRAISE_H

#include <imad/appraise.h>

/* A global function: as match(). */
__noinline __u32 judge_label(__u32 opts, __u32 algos, __u32 found)
{
	return imad_judge(opts, algos, found);
}

/*
 * On a mount of the kernel's own: memfd, System V shared memory. Who made such a file
 * writes it without being counted as a writer.
 */
static __always_inline bool is_memory(struct inode *inode)
{
	return inode->i_sb->s_flags & SB_KERNMOUNT;
}

static __always_inline bool is_sealed(struct inode *inode)
{
	const void *info = (void *)inode - bpf_core_field_offset(struct shmem_inode_info, vfs_inode);
	__u32 seals = 0;

	if (inode->i_sb->s_magic != TMPFS_MAGIC)
		return false;
	bpf_probe_read_kernel(&seals, sizeof(seals), info + bpf_core_field_offset(struct shmem_inode_info, seals));
	return (seals & F_SEALS_ALL) == F_SEALS_ALL;
}

/*
 * Before anything is known of what is to be executed: in memory, what was found before
 * the last seal is void. False: it can still change.
 */
static __always_inline bool settle_memory(struct inode *inode)
{
	struct imad_gen *g;

	if (!is_memory(inode) || !(control.classes & IMAD_APPRAISE))
		return true;
	if (!is_sealed(inode))
		return false;
	g = gen_make(inode);
	if (g && !(__sync_fetch_and_or(&g->flags, IMAD_GEN_SEALED) & IMAD_GEN_SEALED))
		move_generation(g);
	return g != NULL;
}

__u64 tell_second; /* in which the failures are counted that the daemon is told of */
__u32 told;
__u64 untold; /* of them all, since the start */

/* What it would not pass on need not wake it: a denial that is repeated costs no more than that. */
static __always_inline bool may_tell(void)
{
	__u64 second = bpf_ktime_get_ns() / 1000000000;

	if (tell_second != second) {
		tell_second = second;
		told = 0;
	}
	if (__sync_fetch_and_add(&told, 1) < IMAD_TOLD_A_SECOND)
		return true;
	__sync_fetch_and_add(&untold, 1);
	return false;
}

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
	struct imad_event *e = may_tell() ? begin_event(IMAD_EVENT_FAILED, f.func, inode) : NULL;

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
	struct imad_event *e = may_tell() ? begin_event(IMAD_EVENT_FAILED, f.func, inode) : NULL;

	if (e) {
		fill_failing(e, inode, f, denied);
		e->flags = IMAD_GEN_BARE;
		bpf_probe_read_kernel_str(e->path, IMAD_NAME_MAX, dentry->d_name.name);
		end_event(e);
	}
	return denied ? r : 0;
}

/* Content changes unseen: there will be nothing to judge by. */
static __always_inline bool is_never_known(struct inode *inode)
{
	struct imad_gen *g = gen_find(inode);

	return g && (g->flags & IMAD_GEN_UNCACHED);
}

/*
 * 0 or -EACCES, by what @w decided. @done and @v as of before: the gate has let the
 * use through, so what is not known now could not be held, or has changed since: the
 * call begins anew (-ERESTARTNOINTR) where it can.
 */
static __always_inline int judge(struct walk *w, struct file *file, struct inode *inode,
				 const struct imad_verdict *v, __u32 done, __u32 func, bool path)
{
	struct failing f = { .gen = v ? v->gen : 0, .func = func, .cause = IMAD_CAUSE_NOT_APPRAISED, .rule = w->rule };

	if (!(w->decision.action & IMAD_APPRAISE))
		return 0;
	if (w->loose) {
		f.cause = IMAD_CAUSE_UNSEALED;
		return fail(file, inode, f, -EACCES, path);
	}
	if (v && (done & IMAD_SLOT_APPRAISE)) {
		f.found = v->found | IMAD_FOUND_KNOWN;
		f.cause = judge_label(w->decision.opts, w->decision.algos, v->found);
	} else if (is_unverifiable(inode)) {
		f.cause = IMAD_CAUSE_UNVERIFIABLE;
	}
	if ((f.cause == IMAD_CAUSE_PASS || f.cause == IMAD_CAUSE_NOT_APPRAISED) && (writers_of(inode) > 0 || w->written))
		f.cause = IMAD_CAUSE_WRITERS;
	if (f.cause == IMAD_CAUSE_PASS)
		return 0;
	if (f.cause == IMAD_CAUSE_NOT_APPRAISED && !is_never_known(inode)) {
		w->told = goes_round(inode);
		if (restart(inode, func == IMAD_MMAP_CHECK || func == IMAD_MMAP_CHECK_REQPROT) < 0)
			return -ERESTARTNOINTR;
	}
	return fail(file, inode, f, -EACCES, path);
}

/* The daemon need not hear of each round of a use. */
static __always_inline bool is_news(const struct walk *w, int r)
{
	return r != -ERESTARTNOINTR || !w->told;
}

/* Nothing is left to do for this inode, and no rule can say no to it. */
static __always_inline bool is_settled(struct inode *inode, const struct imad_verdict *v, __u32 done)
{
	if (!all_done(done))
		return false;
	if (!(control.classes & IMAD_APPRAISE))
		return true;
	return v && control.strict && writers_of(inode) <= 0 &&
	       judge_label(control.strict_opts, control.strict_algos, v->found) == IMAD_CAUSE_PASS;
}

static __always_inline struct exec_file exec_file_of(struct inode *inode)
{
	const struct imad_gen *g = gen_find(inode);

	return (struct exec_file){ .inode = (__u64)inode, .gen = g ? g->gen : 0, .content = g ? g->content : 0 };
}

/* In bprm_check_security: nobody can write it from now on. */
static __always_inline void note_program(struct inode *inode)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct exec_files files = { .program = exec_file_of(inode) };

	if ((control.classes & IMAD_APPRAISE) && (control.funcs & (1u << IMAD_MMAP_CHECK)))
		bpf_map_update_elem(&exec_files, &tid, &files, BPF_ANY);
}

/* Opened by an exec: ld.so, if there is a program already. */
static __always_inline void note_loader(struct inode *inode)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct exec_files *files;

	if (!(control.classes & IMAD_APPRAISE) || !(control.funcs & (1u << IMAD_MMAP_CHECK)) ||
	    !bpf_map_lookup_elem(&in_elf_exec, &tid))
		return;
	files = bpf_map_lookup_elem(&exec_files, &tid);
	if (files)
		files->loader = exec_file_of(inode);
}

static __always_inline bool same_content(const struct exec_file *f, struct inode *inode, const struct imad_gen *g,
					 const struct imad_verdict *v)
{
	return f->inode == (__u64)inode && v->gen >= f->gen && g->content == f->content;
}

/* What an exec maps, when all that has changed since the verdict is the label: IMAD_SLOT_APPRAISE, or 0. */
static __always_inline __u32 done_for_exec(struct file *file, struct inode *inode, const struct imad_gen *g,
					   const struct imad_verdict *v)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct exec_files *files;

	if (!(file->f_flags & FMODE_EXEC_FLAG) || !g || !v || (g->flags & IMAD_GEN_UNCACHED) || is_outdated(v) || writers_of(inode) > 0)
		return 0;
	files = bpf_map_lookup_elem(&exec_files, &tid);
	if (!files || !(same_content(&files->program, inode, g, v) || same_content(&files->loader, inode, g, v)))
		return 0;
	return v->done & IMAD_SLOT_APPRAISE;
}

/* A mapping that was not executable becomes it: nobody has looked at it as one. As in the kernel always EPERM. */
SEC("?lsm/file_mprotect")
int BPF_PROG(imad_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot)
{
	struct walk w = { .silent = true };
	struct inode *inode;
	struct file *file;
	__u64 above;

	if (!control.active || !(prot & PROT_EXEC) || (vma->vm_flags & VM_EXEC))
		return 0;
	file = vma->vm_file;
	if (!file)
		return 0;
	inode = file->f_inode;
	if (!is_regular(inode) || is_skipped(inode))
		return 0;
	fill_facts(&w, &file->f_path, inode, control.conds);
	match(&w, IMAD_MMAP_CHECK, IMAD_MAY_EXEC, 0);
	above = has_overlays ? inode_above(file, inode) : 0; /* the mapping is of the file beneath */
	if (!(w.decision.action & IMAD_APPRAISE) && above) {
		fill_facts_above(&w.facts, (const struct inode *)above);
		match(&w, IMAD_MMAP_CHECK, IMAD_MAY_EXEC, 0);
	}
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
static __always_inline void label_changes(struct inode *inode, struct imad_gen *g)
{

	g->kept = 0;
	invalidate_label(g);
	note_change(g, IMAD_CHANGE_LABELLED);
	(void)unmark(inode);
}

/* After it was set: what is found from now on is the new one. (dentry, name, value, size, flags) */
SEC("?lsm/inode_post_setxattr")
int BPF_PROG(imad_label_set, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	struct imad_gen *g;

	if (!inode)
		return 0;
	if ((control.conds & IMAD_COND_LABELS) && is_context(ctx, 1))
		return unmark(inode);
	if (!(control.classes & IMAD_APPRAISE) || label_name(ctx, 1) != LABEL_IMA)
		return 0;
	changes_beneath(inode);
	g = gen_find(inode);
	if (!g)
		return 0;
	__sync_fetch_and_and(&g->flags, ~IMAD_GEN_UNLABELLED);
	/* The daemon's own label is that of a content that it publishes itself, if the generation is still the same. */
	if (is_daemon() && (__u32)bpf_get_current_pid_tgid() != control.label_tid)
		return 0;
	if (writers_of(inode) <= 0)
		g->written = 0; /* whoever sets it after the last write means it */
	label_changes(inode, g);
	return 0;
}

/* After it was removed, since 6.9. (dentry, name) */
SEC("?lsm/inode_post_removexattr")
int BPF_PROG(imad_label_gone, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	struct imad_gen *g;

	if (!inode || label_name(ctx, 1) != LABEL_IMA)
		return 0;
	changes_beneath(inode);
	g = gen_find(inode);
	if (g)
		label_changes(inode, g);
	return 0;
}

/* Before it is removed, since 6.9. (idmap, dentry, name) */
SEC("?lsm/inode_removexattr")
int BPF_PROG(imad_label_kept, void *idmap, struct dentry *dentry)
{
	return protect_label(dentry, label_name(ctx, 2)) < 0 ? -EPERM : 0;
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
	if (!inode || name != LABEL_IMA || !has_cap(bpf_get_current_task_btf()->cred, CAP_SYS_ADMIN))
		return 0;
	changes_beneath(inode);
	g = gen_make(inode);
	if (!g)
		return 0;
	__sync_fetch_and_or(&g->flags, IMAD_GEN_UNLABELLED);
	label_changes(inode, g);
	return 0;
}

#endif
