/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deny on mismatch: what the daemon found of a label, judged by the rules of the use at hand. */
#ifndef IMAD_BPF_APPRAISE_H
#define IMAD_BPF_APPRAISE_H

#include <imad/appraise.h>

/* A global function: as match(). */
__noinline __u32 judge_label(__u32 opts, __u32 algos, __u32 found)
{
	return imad_judge(control.evm == IMAD_APPRAISE_ENFORCE ? opts : opts | IMAD_OPT_EVM_TOLD, algos, found);
}

/* What a use goes on with, if it is told of or not. */
__noinline __u32 lets_pass(__u32 cause)
{
	if (cause == IMAD_CAUSE_PASS)
		return 1;
	return imad_is_evm(cause) && control.evm != IMAD_APPRAISE_ENFORCE;
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
__noinline __u32 may_tell(void)
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

__noinline int fill_change(struct imad_event *e, const struct imad_gen *g)
{
	if (e && g)
		e->changed = g->changed;
	return 0;
}

static __always_inline void fill_failing(struct imad_event *e, struct inode *inode, struct failing f, bool denied)
{
	e->gen = f.gen;
	e->slots = f.cause;
	e->rule = f.rule;
	e->found = f.found;
	e->denied = denied;
	fill_change(e, gen_find(inode));
	bpf_probe_read_kernel_str(e->fs_id, sizeof(e->fs_id), inode->i_sb->s_id);
}

/* Whether a failure denies; and counts both. */
static __always_inline __u32 count_failure(__u32 cause)
{
	count(failures);
	if (control.appraise != IMAD_APPRAISE_ENFORCE || lets_pass(cause))
		return 0;
	count(denials);
	return 1;
}

/* @path: as of emit_with(). */
static __always_inline int fail(struct file *file, struct inode *inode, struct failing f, int r, bool path)
{
	__u32 denied = count_failure(f.cause);
	struct imad_event *e = may_tell() ? begin_event(IMAD_EVENT_FAILED, f.func, inode) : NULL;

	if (e) {
		fill_failing(e, inode, f, denied);
		e->flags = use_flags(file, inode);
		fill_path(e, file, path);
		end_event(e);
	}
	return denied ? r : 0;
}

/* The same where nobody has the file open. */
static __always_inline int fail_at(struct dentry *dentry, struct inode *inode, struct failing f, int r)
{
	__u32 denied = count_failure(f.cause);
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
__noinline bool is_never_known(const struct imad_gen *g)
{
	return g && (g->flags & IMAD_GEN_UNCACHED);
}

__noinline __u64 gen_of_verdict(const struct imad_verdict *v)
{
	return v ? v->gen : 0;
}

__noinline __u32 found_for_use(const struct imad_verdict *v, __u32 done)
{
	return v && (done & IMAD_SLOT_APPRAISE) ? v->found | IMAD_FOUND_KNOWN : 0;
}

/* What a use fails by, by what @w decided, other than an open; @found without IMAD_FOUND_KNOWN: nothing is known. */
__noinline __u32 cause_of_use(const struct walk *w, __u32 found, int writers, __u32 unverifiable)
{
	__u32 cause = unverifiable ? IMAD_CAUSE_UNVERIFIABLE : IMAD_CAUSE_NOT_APPRAISED;

	if (!w)
		return IMAD_CAUSE_FAILED;
	if (w->loose)
		return IMAD_CAUSE_UNSEALED;
	if (found & IMAD_FOUND_KNOWN)
		cause = judge_label(w->decision.opts, w->decision.algos, found);
	if ((lets_pass(cause) || cause == IMAD_CAUSE_NOT_APPRAISED) && (writers > 0 || w->written))
		return IMAD_CAUSE_WRITERS;
	return cause;
}

/*
 * 0 or -EACCES, by what @w decided. @done and @v as of before: the gate has let the
 * use through, so what is not known now could not be held, or has changed since: the
 * call begins anew (-ERESTARTNOINTR) where it can.
 */
static __always_inline int judge(struct walk *w, struct file *file, struct inode *inode,
				 const struct imad_verdict *v, __u32 done, __u32 func, bool path)
{
	struct failing f = { .gen = gen_of_verdict(v), .func = func, .rule = w->rule };

	if (!(w->decision.action & IMAD_APPRAISE))
		return 0;
	f.found = found_for_use(v, done);
	f.cause = cause_of_use(w, f.found, writers_of(inode), is_unverifiable(inode));
	if (f.cause == IMAD_CAUSE_PASS)
		return 0;
	if (f.cause == IMAD_CAUSE_NOT_APPRAISED && !is_never_known(gen_find(inode))) {
		w->told = any_value(goes_round(inode));
		if (restart(inode, func == IMAD_MMAP_CHECK || func == IMAD_MMAP_CHECK_REQPROT) < 0)
			return -ERESTARTNOINTR;
	}
	return fail(file, inode, f, -EACCES, path);
}

/* What a hook returns must be seen to be an errno: @r, after any_value(). */
static __always_inline int known_errno(int r)
{
	return r == -ERESTARTNOINTR ? -ERESTARTNOINTR : r < 0 ? -EACCES : 0;
}

/* The daemon need not hear of each round of a use. */
static __always_inline bool is_news(const struct walk *w, int r)
{
	return r != -ERESTARTNOINTR || !w->told;
}

/* Nothing is left to do for this inode, and no rule can say no to it. */
__noinline bool is_settled_for(const struct imad_verdict *v, __u32 done, int writers)
{
	if (!all_done(done))
		return false;
	if (!(control.classes & IMAD_APPRAISE))
		return true;
	return v && control.strict && writers <= 0 &&
	       judge_label(control.strict_opts, control.strict_algos, v->found) == IMAD_CAUSE_PASS;
}

static __always_inline bool is_settled(struct inode *inode, const struct imad_verdict *v, __u32 done)
{
	return is_settled_for(v, done, writers_of(inode));
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

static __always_inline bool same_content(const struct exec_file *f, __u64 inode, const struct imad_gen *g, const struct imad_verdict *v)
{
	return f->inode == inode && v->gen >= f->gen && g->content == f->content;
}

__noinline __u32 done_for_content(const __u64 *inode, const struct imad_gen *g, const struct imad_verdict *v)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct exec_files *files;

	if (!inode || !g || !v || (g->flags & IMAD_GEN_UNCACHED) || is_outdated(v))
		return 0;
	files = bpf_map_lookup_elem(&exec_files, &tid);
	if (!files || !(same_content(&files->program, *inode, g, v) || same_content(&files->loader, *inode, g, v)))
		return 0;
	return v->done & IMAD_SLOT_APPRAISE;
}

/* What an exec maps, when all that has changed since the verdict is the label: IMAD_SLOT_APPRAISE, or 0. */
static __always_inline __u32 done_for_exec(struct file *file, struct inode *inode, const struct imad_gen *g,
					   const struct imad_verdict *v)
{
	__u64 address = (__u64)inode;

	if (!(file->f_flags & FMODE_EXEC_FLAG) || writers_of(inode) > 0)
		return 0;
	return done_for_content(&address, g, v);
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

#endif
