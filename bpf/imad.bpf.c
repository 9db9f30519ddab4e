// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hooks. They match the policy, know each inode's state, invalidate it when
 * its content may change, and tell the daemon what the gate could not hold. They
 * never wait, and without appraise rules they never deny.
 *
 *   file_open             every open: generation, wants, ToMToU      before the gate
 *   file_post_open        since 6.9: opens that the gate held (appraisal) or will not hold   after OPEN_PERM
 *   file_permission, path_truncate    before 6.9, for appraisal: the first use of an open file
 *   bprm_check_security   every file of an exec chain                after the gate
 *   bprm_creds_for_exec   ... and what execveat(AT_EXECVE_CHECK) asks about
 *   bprm_creds_from_file  the file that becomes the program, CREDS_CHECK as since 6.19
 *   mmap_file             every mapping of a file                    after the gate
 *   kernel_read_file      modules, firmware, kexec images            before the gate (access), after (open)
 *   kernel_load_data      ... that come from memory                  before they are taken
 *   key_post_create_or_update, ima_kexec_cmdline    what is measured and is no file: data.h
 *   inode_setattr         truncate(2): the content changes without an open; owner and mode: evm.h
 *   inode_setxattr, inode_removexattr, inode_set_acl ...    what an HMAC is over: xattr.h, evm.h
 *   inode_free_security, d_instantiate, sb_delete    an HMAC that is due when the inode goes from memory: due.h
 *   bprm_committed_creds, task_free    the exec is over
 *   sched_process_exit    (no hook but a tracepoint) the daemon dies: death.h
 *
 * Order in every kernel: file_open -> fanotify OPEN_PERM -> ... -> fanotify
 * ACCESS_PERM at the first read -> bprm_check_security -> mmap_file.
 */
#include "use.h"
#include <imad/match.h>
#include "kernel.h"
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#include "state.h"
#include "facts.h"
#include "beneath.h"
#include "event.h"
#include "want.h"
#include "overlay.h"
#include "data.h"
#include "restart.h"
#include "appraise.h"
#include "open.h"
#include "evm.h"
#include "due.h"
#include "xattr.h"
#include "read.h"
#include "death.h"
#include "exec.h"

static __always_inline void writer_opened(struct file *file, struct inode *inode)
{
	struct imad_gen *g = gen_find(inode); /* none: no verdict can be valid, nothing to void */

	changes_beneath(inode);
	if (!g)
		return;
	keep_found(inode, g);
	invalidate(g, IMAD_CHANGE_OPENED);
	if (writers_of(inode) == 1)
		__sync_fetch_and_and(&g->flags, ~IMAD_GEN_REPORTED);
	if (g->flags & IMAD_GEN_UPDATE)
		emit(IMAD_EVENT_WRITER, file, inode, g->gen, IMAD_FILE_CHECK, 0, -1, NULL);
	if (!(g->flags & IMAD_GEN_TOMTOU))
		return;
	/* Armed again by the next measured reader, because that finds another generation. */
	__sync_fetch_and_and(&g->flags, ~IMAD_GEN_TOMTOU);
	if (!bpf_core_field_exists(inode->i_readcount) || inode->i_readcount.counter > 0)
		emit(IMAD_EVENT_TOMTOU, file, inode, g->gen, IMAD_FILE_CHECK, 0, -1, NULL);
}

static __always_inline void fill_names(struct imad_facts *f, struct super_block *sb)
{
	bpf_core_read(f->fsuuid, sizeof(f->fsuuid), &sb->s_uuid);
	bpf_probe_read_kernel_str(f->fsname, sizeof(f->fsname), sb->s_type->name);
	if (sb->s_subtype)
		bpf_probe_read_kernel_str(f->fs_subtype, sizeof(f->fs_subtype), sb->s_subtype);
}

static __always_inline bool is_probing(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&probes, &tid) != NULL;
}

/* The daemon's own open: tell it what this file is, and have a generation to publish a verdict for. */
static __noinline void answer_probe(struct file *file, struct inode *inode)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct imad_probe *p = bpf_map_lookup_elem(&probes, &tid);
	struct walk w = {};
	struct imad_gen *g;
	__u64 written, vouched;

	if (!p)
		return;
	find_blobs();
	control.born = bpf_get_current_task_btf()->group_leader->start_boottime;
	written = p->written;
	vouched = p->vouched;
	__builtin_memset(p, 0, sizeof(*p));
	fill_facts(&w, &file->f_path, inode, ~IMAD_COND_LABELS);
	__builtin_memcpy(&p->facts, &w.facts, __builtin_offsetof(struct imad_facts, labels));
	fill_names(&p->facts, inode->i_sb);
	p->object = label_of_file(inode);
	p->subject = label_of_cred(bpf_get_current_task_btf()->cred);
	p->facts.labels = labels_of(p->object, control.probe_labels == 2 ? p->subject : 0, control.probe_labels);
	/* Nothing is lost if a writer has come since: that write has a number of its own. */
	g = is_regular(inode) ? gen_make(inode) : NULL;
	if (g && written)
		__sync_val_compare_and_swap(&g->written, written, 0);
	if (g && vouched)
		__sync_val_compare_and_swap(&g->vouched, vouched, 0);
	p->ino = inode->i_ino;
	p->dev = inode->i_sb->s_dev;
	p->writers = writers_of(inode) > 0;
	bpf_probe_read_kernel_str(p->name, sizeof(p->name), file->f_path.dentry->d_name.name);
}

/* A reader whose rule says measure, of content that is measured already. */
__noinline __u32 reader_comes_again(struct imad_gen *g, int writers, __u32 mode)
{
	if (!g)
		return 0;
	__sync_fetch_and_or(&g->flags, IMAD_GEN_TOMTOU);
	return reader_under_writer(g, writers, mode, IMAD_SLOTS_MEASURE, 0);
}

static __noinline void reader_again(struct imad_gen *g, struct file *file, struct inode *inode)
{
	if (reader_comes_again(g, writers_of(inode), file->f_mode))
		emit(IMAD_EVENT_OPEN_WRITERS, file, inode, gen_of(g), IMAD_FILE_CHECK, 0, -1, NULL);
}

static __always_inline __u32 open_mask(fmode_t mode, __u32 flags)
{
	__u32 mask = 0;

	if (flags & FMODE_EXEC_FLAG)
		return IMAD_MAY_EXEC;
	if (mode & FMODE_READ)
		mask |= IMAD_MAY_READ;
	if ((mode & FMODE_WRITE) || (flags & O_TRUNC))
		mask |= IMAD_MAY_WRITE;
	if (flags & O_APPEND)
		mask |= IMAD_MAY_APPEND;
	return mask;
}

/*
 * For whom "no FILE_CHECK rule matches this inode" can be remembered: a user whose
 * three ids are one and who only reads, while no rule asks for groups, for labels or for who owns the file.
 */
__noinline __u64 quiet_key(__u32 mask)
{
	const struct cred *cred = bpf_get_current_task_btf()->cred;
	__u32 uid = cred->uid.val;

	if (mask != IMAD_MAY_READ || control.conds & (IMAD_COND_GID | IMAD_COND_EGID | IMAD_COND_LABELS | IMAD_CONDS_OWNER))
		return 0;
	if (cred->euid.val != uid || cred->suid.val != uid)
		return 0;
	return (__u64)control.epoch << 32 | uid;
}

__noinline bool is_quiet(const struct imad_gen *g, const struct imad_verdict *v, __u32 mask, __u32 done)
{
	return g && g->quiet && g->quiet == quiet_key(mask) && (all_done(done) || v);
}

/* @quiet: the key of before the rules were asked, which may be others by now. */
__noinline int note_quiet(struct imad_gen *g, __u64 quiet)
{
	if (g && quiet)
		g->quiet = quiet;
	return 0;
}

/*
 * What CREDS_CHECK will want if the exec changes no ids: exec makes the saved ones
 * the effective ones. Where only the program itself is asked, that is an ELF object.
 * The label that it will have only the security module knows: what appraisal would need under
 * any is found out, and what is measured under some only is recorded late.
 */
static __always_inline void expect_creds(struct walk *w, __u32 *slots, __u32 *maybe, __u32 done)
{
	__u32 suid = w->facts.suid, sgid = w->facts.sgid, labels = w->facts.labels, any, all, wanted;

	if (!(control.funcs & (1u << IMAD_CREDS_CHECK)))
		return;
	w->facts.suid = w->facts.euid;
	w->facts.sgid = w->facts.egid;
	any = control.creds_final ? 0 : control.subject_labels[w->active >> 16 & 1];
	w->silent = true;
	w->facts.labels &= ~any;
	wanted = match(w, IMAD_CREDS_CHECK, IMAD_MAY_EXEC, done | *slots);
	if (any) {
		w->facts.labels |= any;
		all = match(w, IMAD_CREDS_CHECK, IMAD_MAY_EXEC, done | *slots);
		wanted = (wanted & all) | ((wanted | all) & IMAD_SLOT_APPRAISE);
		w->facts.labels = labels;
	}
	w->silent = false;
	w->facts.suid = suid;
	w->facts.sgid = sgid;
	if (control.creds_final)
		*maybe |= wanted;
	else
		*slots |= wanted;
}

/*
 * Who may hand an open file to the kernel, which reads it when the gate may no longer
 * hold it: what appraisal would need to know then is found out before. No walk of the
 * rules for that: it would be one for each func, at each first open.
 */
static __always_inline __u32 expect_kernel(const struct use_facts *f, __u32 done)
{
	return control.kernel_appraised && f->euid == 0 ? IMAD_SLOT_APPRAISE & ~done : 0;
}

/* Since it was looked at it has come to have fs-verity: what was not to be had then may be now. */
static __always_inline void look_for_verity(struct inode *inode, struct imad_gen *g)
{
	if (!(inode->i_flags & S_VERITY) || !g || (g->flags & IMAD_GEN_HAS_VERITY))
		return;
	__sync_fetch_and_or(&g->flags, IMAD_GEN_HAS_VERITY);
	move_generation(g);
}

/* An open that state alone does not settle. A function of its own, so that the usual open pays nothing for it. */
static __noinline int match_open(struct file *file, __u32 mask, __u32 done, const struct made_before *m)
{
	__u32 func = IMAD_FILE_CHECK, slots, maybe = 0, tid = (__u32)bpf_get_current_pid_tgid();
	bool exec = file->f_flags & FMODE_EXEC_FLAG, late = false, loader;
	struct inode *inode = file->f_inode;
	struct imad_verdict *v = verdict_find(inode);
	struct imad_gen *g = gen_find(inode);
	__u64 quiet = quiet_key(mask);
	struct imad_open o = {};
	struct walk w = {};
	int r = 0;

	if (is_exempt() || is_skipped(inode) || is_overlay_backing(file, inode))
		return 0;
	count(opens);

	fill_facts_made(&w, m, inode, control.conds);
	slots = match(&w, func, mask, done);
	if (quiet && !w.decision.action) /* no FILE_CHECK rule matched */
		note_quiet(g ? g : gen_make(inode), quiet);
	if (w.decision.pcr_slots & done)
		reader_again(g, file, inode);
	if (w.decision.action & IMAD_APPRAISE) {
		o.opts = w.decision.opts;
		o.algos = w.decision.algos;
		o.rule = w.rule;
		o.mask = mask;
		r = appraise_open(file, inode, g, v, &o, &late);
		if (o.found & IMAD_FOUND_KNOWN)
			slots &= ~IMAD_SLOT_APPRAISE; /* by what counts for an open, if not by a verdict */
	}
	r = any_value(r);
	late = any_value(late);
	slots = any_value(slots);
	loader = any_value(exec && bpf_map_lookup_elem(&in_elf_exec, &tid));
	if (exec && !loader) {
		func = slots & ~IMAD_SLOT_VERITY ? func : IMAD_BPRM_CHECK;
		slots |= match(&w, IMAD_BPRM_CHECK, IMAD_MAY_EXEC, done | slots);
		expect_creds(&w, &slots, &maybe, done);
	}
	func = any_value(func);
	slots = any_value(slots);
	maybe = any_value(maybe);
	if (file->f_mode & FMODE_READ) {
		w.silent = true;
		maybe |= match(&w, IMAD_MMAP_CHECK_REQPROT, IMAD_MAY_EXEC, done | slots | maybe);
		maybe |= match(&w, IMAD_MMAP_CHECK, IMAD_MAY_EXEC, done | slots | maybe);
		if (loader && r == 0 && (maybe & IMAD_SLOT_APPRAISE))
			r = ask_for_loader(file, inode, v, &slots, &late);
		maybe |= expect_kernel(&w.facts, done);
	}
	if ((slots || maybe) && (r != -ERESTARTNOINTR || late))
		want(file, inode, v, func, slots, maybe, r < 0 || late);
	return r;
}

/* -ERESTARTNOINTR, -EPERM, another errno to deny it, or 0. A function of its own, for its part of the stack. */
static __noinline int opened_for_write(struct file *file, struct inode *inode, __u32 mask)
{
	struct made_before m = {};
	int r = 0;

	if (with_evm && !is_overlay_backing(file, inode))
		r = content_changes(file->f_path.dentry, inode, writers_of(inode) - 1);
	if (r == 0 && control.opens_appraised) {
		fill_made_before(&m, &file->f_path, inode, control.conds);
		r = writer_comes(file, mask, &m);
	}
	if (r == 0)
		writer_opened(file, inode);
	return r;
}

SEC("lsm/file_open")
int BPF_PROG(imad_file_open, struct file *file)
{
	struct inode *inode = file->f_inode;
	struct imad_verdict *v;
	__u32 flags, mask, done, epoch;
	struct made_before m = {};
	struct imad_gen *g;
	int writers, r;

	if (is_regular(inode))
		note_beneath(file, inode);
	if (is_fuse(inode) && is_daemon() && (is_probing() || is_overlay_backing(file, inode)))
		return -EACCES; /* before its server is asked */
	if (control.tgid && control.tgid == (__u32)(bpf_get_current_pid_tgid() >> 32) && is_probing()) {
		if (!is_overlay_backing(file, inode))
			answer_probe(file, inode);
		return 0;
	}
	if (!control.active || !is_regular(inode))
		return 0;
	leave_held();
	flags = file->f_flags;
	mask = any_value(open_mask(file->f_mode, flags));
	if (flags & FMODE_EXEC_FLAG)
		note_loader(inode);
	if (file->f_mode & FMODE_WRITE) {
		r = opened_for_write(file, inode, mask);
		if (r == -ERESTARTNOINTR || r == -EPERM)
			return known_refusal(r);
		if (r < 0)
			return -EACCES;
	}
	if (!(mask & (control.masks | IMAD_MAY_READ | IMAD_MAY_EXEC)))
		return 0; /* only written, and no rule asks for that */

	settle_beneath(inode);
	epoch = *(volatile __u32 *)&control.epoch; /* before anything that the policy decides */
	g = gen_find(inode);
	look_for_verity(inode, g);
	writers = writers_of(inode);
	if (g && writers <= 0 && g->settled == settled_key(epoch, g->gen))
		return 0;
	v = g ? verdict_find(inode) : NULL;
	done = done_slots(g, v, writers);
	if (!control.opens_appraised || is_settled(inode, v, done)) {
		if (v && all_done(done) && writers <= 0 &&
		    ((g->flags & IMAD_GEN_TOMTOU) || !(control.classes & IMAD_MEASURE))) {
			g->settled = settled_key(epoch, v->gen); /* void if the generation has moved meanwhile */
			return 0;
		}
		if (all_done(done) && (flags & FMODE_EXEC_FLAG))
			return 0;
	}
	if (is_quiet(g, v, mask, done))
		return 0;
	fill_made_before(&m, &file->f_path, inode, control.conds);
	r = match_open(file, mask, done, &m);
	if (r == -ERESTARTNOINTR)
		return -ERESTARTNOINTR;
	return r < 0 ? -EACCES : 0;
}

/*
 * The file can be read now, and nobody has its descriptor yet: an open that policy
 * wants, and that an ignore mark hides from the gate, is hashed by the kernel here.
 */
SEC("?lsm.s/file_post_open")
int BPF_PROG(imad_file_post_open, struct file *file, int mask)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slots;
	struct inode *inode = file->f_inode;
	struct imad_verdict *v;
	struct imad_gen *g;
	int r = any_value(judge_after_gate(file, true));

	if (n_late_opens && bpf_map_delete_elem(&late_opens, &tid) == 0)
		__sync_fetch_and_sub(&n_late_opens, 1);
	else if (!control.active || !control.unattended || is_exempt())
		return known_errno(r); /* not so if the gate that held it has gone meanwhile */
	if (r == -ERESTARTNOINTR)
		return -ERESTARTNOINTR;
	g = gen_find(inode);
	v = verdict_find(inode);
	slots = g ? pending_slots(g->want, v) : 0;
	if (slots) /* an open that failed before it came here leaves its mark to the thread's next one */
		use(file, inode, v, IMAD_FILE_CHECK, slots);
	return known_errno(r);
}

SEC("lsm.s/mmap_file")
int BPF_PROG(imad_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags)
{
	struct imad_verdict *v;
	struct walk w = {};
	struct inode *inode;
	__u32 slots = 0, done, func;
	struct imad_gen *g;
	int r = 0;

	if (!file || !control.active || is_daemon())
		return 0;
	inode = file->f_inode;
	if (!is_regular(inode))
		return 0;
	if (!control.post_open)
		r = known_errno(any_value(judge_after_gate(file, true)));
	if (r < 0)
		return r;
	g = gen_find(inode);
	w.written = any_value(settle_beneath(inode) > 0);
	w.loose = any_value((prot & PROT_EXEC) && !settle_memory(inode));
	v = verdict_find(inode);
	done = done_slots(g, v, writers_of(inode));
	if ((!w.loose && is_settled(inode, v, done)) || is_skipped(inode))
		return 0;
	if (prot & PROT_EXEC) {
		done = any_value(done | done_for_exec(file, inode, g, v));
		fill_facts(&w, &file->f_path, inode, control.conds);
		if (reqprot & PROT_EXEC) {
			slots = match(&w, IMAD_MMAP_CHECK_REQPROT, IMAD_MAY_EXEC, done);
			r = judge(&w, file, inode, v, done, IMAD_MMAP_CHECK_REQPROT, true);
		}
		r = any_value(r);
		func = any_value(slots ? IMAD_MMAP_CHECK_REQPROT : IMAD_MMAP_CHECK);
		slots = any_value(slots | match(&w, IMAD_MMAP_CHECK, IMAD_MAY_EXEC, done | slots));
		if (r == 0)
			r = judge(&w, file, inode, v, done, IMAD_MMAP_CHECK, true);
		r = any_value(r);
		if (slots && is_news(&w, r))
			use(file, inode, v, func, slots);
		return known_errno(r);
	}
	/* Content mapped before it was ever read: what the open wanted was not held yet. */
	if (g && control.hold == IMAD_HOLD_ACCESS && pending_slots(g->want, v))
		use(file, inode, v, IMAD_FILE_CHECK, IMAD_WANT_SLOTS(g->want));
	return 0;
}

/* 0 or a negative errno. */
static __always_inline int attributes_change(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = dentry->d_inode;
	struct imad_gen *g;
	int r;

	if (!inode)
		return 0;
	r = attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? metadata_changes(dentry, inode, false) : 0;
	if (r == 0 && (attr->ia_valid & ATTR_SIZE) && !(attr->ia_valid & ATTR_FILE)) /* truncate(2) has counted itself */
		r = content_changes(dentry, inode, writers_of(inode) - 1);
	if (r < 0)
		return r;
	if (attr->ia_valid & ATTR_SIZE)
		changes_beneath(inode);
	g = gen_find(inode);
	if (!g)
		return 0;
	if (control.classes & IMAD_APPRAISE) /* as in the kernel, whatever the attribute */
		__sync_fetch_and_and(&g->flags, ~IMAD_GEN_VERITY);
	if (!(attr->ia_valid & ATTR_SIZE))
		return 0;
	if (!(attr->ia_valid & ATTR_FILE) && writers_of(inode) <= 1) {
		g->kept = 0; /* truncate(2), and nobody writes: as in the kernel no new label follows */
		g->written = 0;
	}
	invalidate(g, IMAD_CHANGE_TRUNCATED);
	return 0;
}

/* inode_setattr(dentry, attr) up to 6.8. */
SEC("lsm/inode_setattr")
int BPF_PROG(imad_setattr2, struct dentry *dentry, struct iattr *attr)
{
	return known_refusal(any_value(attributes_change(dentry, attr)));
}

/* inode_setattr(idmap, dentry, attr) since 6.9 (314a8dc728d0); the daemon loads the one that fits. */
SEC("lsm/inode_setattr")
int BPF_PROG(imad_setattr3, void *idmap, struct dentry *dentry, struct iattr *attr)
{
	return known_refusal(any_value(attributes_change(dentry, attr)));
}
