/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Appraisal of opens. What is known already is judged in file_open. What is not is
 * held by the gate, the daemon says what it found, and the hook behind the gate judges:
 * file_post_open since 6.9, before that the first use of the open file.
 *
 * Somebody who writes makes content and label disagree until the label is made anew,
 * after the last writer. Meanwhile an open is judged by what was found before, as in
 * the kernel's IMA; executing and mapping are not (judge()).
 */
#ifndef IMAD_BPF_OPEN_H
#define IMAD_BPF_OPEN_H

/* Opens that are not judged yet, by struct file. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct imad_open);
} opens SEC(".maps");

/* ... of them the one that each thread is held in: fanotify tells the daemon no more than the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} held SEC(".maps");

__u32 n_opens; /* in the map: the usual use need not ask it */

/* A writer comes: what counts for opens from now on, and before @g is invalidated. */
static __always_inline void keep_found(struct inode *inode, struct imad_gen *g)
{
	const struct imad_verdict *v = verdict_find(inode);
	bool first = writers_of(inode) <= 1;

	if (v && v->gen == g->gen && (v->done & IMAD_SLOT_APPRAISE) && !(g->flags & IMAD_GEN_UNCACHED) &&
	    !(first && (v->flags & IMAD_VERDICT_PROVISIONAL))) {
		g->kept = v->found | IMAD_FOUND_KNOWN;
		g->kept_epoch = v->found_epoch;
	} else if (first) {
		g->kept = 0;
	}
}

/* What the label of content that is gone said does not depend on keys, and no list denies such content. */
static __always_inline bool is_hash_or_new(__u32 found)
{
	return !(found & IMAD_FOUND_DENIED) && IMAD_FOUND_KIND(found) <= IMAD_LABEL_HASH;
}

/* What opens are judged by while there are @writers; without IMAD_FOUND_KNOWN nothing is known. */
__noinline __u32 found_for_open(const struct imad_gen *g, const struct imad_verdict *v, int writers)
{
	__u32 kept = g && writers > 0 ? g->kept : 0;

	if ((kept & IMAD_FOUND_KNOWN) && (is_hash_or_new(kept) || imad_is_trusted(g->kept_epoch, control.trust_epoch)))
		return kept;
	return v && (done_slots(g, v, writers) & IMAD_SLOT_APPRAISE) ? v->found | IMAD_FOUND_KNOWN : 0;
}

/* What the HMAC is over is about to change, in a way that the kernel lets somebody change it. */
static __always_inline void vouch(struct imad_gen *g)
{
	if (control.evm)
		g->vouched = bpf_ktime_get_ns();
}

/* After this writer the label is made anew; and the HMAC if by what was @found, it was right before. */
__noinline int note_written(struct imad_gen *g, __u32 found)
{
	if (!g)
		return 0;
	g->written = g->gen + 1;
	if (g->vouched || (found & IMAD_FOUND_NEW) || IMAD_EVM(found) == IMAD_EVM_PASS)
		vouch(g);
	return 0;
}

static __always_inline bool is_created(struct file *file)
{
	return (file->f_mode & FMODE_CREATED) || (file->f_flags & O_TMPFILE_FLAG);
}

/* Whoever makes a file may use it before it has a label. */
static __always_inline __u32 note_created(struct inode *inode)
{
	__u32 found = IMAD_FOUND(IMAD_LABEL_NONE, 0, 0) | IMAD_FOUND_KNOWN | IMAD_FOUND_NEW;
	struct imad_gen *g = gen_make(inode);

	if (!g)
		return found;
	g->kept = found;
	note_written(g, found);
	note_change(g, IMAD_CHANGE_CREATED);
	return found;
}

/* By a portable signature in security.evm. */
static __always_inline bool is_immutable(__u32 found)
{
	return IMAD_EVM(found) == IMAD_EVM_IMMUTABLE && control.evm == IMAD_APPRAISE_ENFORCE;
}

/* Of what is known, in a file of @size bytes. */
__noinline __u32 cause_of_open(const struct imad_open *o, __u64 size)
{
	__u32 kind, cause;

	if (!o)
		return IMAD_CAUSE_FAILED;
	kind = IMAD_FOUND_KIND(o->found);
	cause = judge_label(o->opts, o->algos, o->found);
	if (o->found & IMAD_FOUND_NEW)
		return !(o->opts & (IMAD_OPT_SIGNED | IMAD_OPT_VERITY)) || size == 0 ? IMAD_CAUSE_PASS : cause;
	if (lets_pass(cause) && (o->mask & IMAD_MAY_WRITE) &&
	    (kind == IMAD_LABEL_SIGNATURE || kind == IMAD_LABEL_VERITY || is_immutable(o->found)))
		return IMAD_CAUSE_IMMUTABLE;
	return cause;
}

/* 0 or -EACCES. A function of its own, for its part of the stack. */
static __noinline int end_open(struct file *file, struct inode *inode, const struct imad_open *o, __u32 cause, bool path)
{
	struct failing f = { .func = IMAD_FILE_CHECK, .cause = cause, .rule = o->rule, .found = o->found };
	struct imad_gen *g = gen_find(inode);
	int r = 0;

	f.gen = gen_of(g);
	if (cause != IMAD_CAUSE_PASS)
		r = fail(file, inode, f, -EACCES, path);
	if (!lets_pass(cause))
		return r;
	if (o->mask & IMAD_MAY_WRITE)
		note_written(g, o->found);
	return 0;
}

/* This thread opens another file: what it is held in from now on is not that open. */
static __always_inline void leave_held(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (n_opens)
		bpf_map_delete_elem(&held, &tid);
}

static __always_inline void forget_open(struct file *file)
{
	__u64 key = (__u64)file;

	if (n_opens && bpf_map_delete_elem(&opens, &key) == 0)
		__sync_fetch_and_sub(&n_opens, 1);
}

/* The gate will hold it. False: there is no room to note that. */
static __always_inline bool note_open(struct file *file, const struct imad_open *o)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 key = (__u64)file;

	if (bpf_map_update_elem(&opens, &key, o, BPF_ANY) < 0)
		return false;
	__sync_fetch_and_add(&n_opens, 1);
	bpf_map_update_elem(&held, &tid, &key, BPF_ANY);
	return true;
}

/* What an appraise rule says of an open; @o without what was found. *@late: the daemon is to be told at once. */
static __always_inline int appraise_open(struct file *file, struct inode *inode, const struct imad_gen *g,
					 const struct imad_verdict *v, struct imad_open *o, bool *late)
{
	__u32 cause = IMAD_CAUSE_NOT_APPRAISED;

	o->found = found_for_open(g, v, writers_of(inode));
	if (is_created(file)) {
		o->found = note_created(inode);
		return 0;
	}
	if (is_unverifiable(inode)) {
		cause = IMAD_CAUSE_UNVERIFIABLE;
	} else if (o->found & IMAD_FOUND_KNOWN) {
		end_round();
		cause = cause_of_open(o, inode->i_size);
	} else if (control.post_open || gate_will_hold(file, inode, v)) {
		/* Where there is a hook behind it, only what came by a path gets there: no pidfd, nothing that the kernel opens. */
		if (note_open(file, o))
			return 0;
	} else {
		*late = !goes_round(inode);
		if (restart(inode, false) < 0)
			return -ERESTARTNOINTR;
	}
	return end_open(file, inode, o, any_value(cause), true);
}

/* Nobody holds this writer: it goes round until something is known. -ERESTARTNOINTR or 0. */
static __always_inline int ask_for_writer(struct file *file, struct inode *inode)
{
	bool first = !goes_round(inode);
	struct imad_gen *g = gen_make(inode);

	if (!g || restart(inode, false) == 0)
		return 0;
	if (first)
		emit(IMAD_EVENT_ASKED, file, inode, g->gen, IMAD_FILE_CHECK, IMAD_SLOT_APPRAISE, -1, NULL);
	return -ERESTARTNOINTR;
}

/* ld.so is mapped when its exec can only be killed any more: if nobody will hold it, the exec goes round until it is known. */
static __always_inline int ask_for_loader(struct file *file, struct inode *inode, const struct imad_verdict *v, __u32 *slots,
					  bool *late)
{
	bool first = !goes_round(inode);

	if (gate_will_hold(file, inode, v) || restart(inode, false) == 0)
		return 0;
	*slots |= IMAD_SLOT_APPRAISE;
	*late = first;
	return -ERESTARTNOINTR;
}

/*
 * Before a writer counts as one, because one that is refused changes nothing: what was
 * found stays true, and what is found now is of content that it has not touched.
 */
static __noinline int writer_comes(struct file *file, __u32 mask, const struct made_before *m)
{
	struct inode *inode = file->f_inode;
	struct imad_open o = { .mask = mask };
	struct imad_verdict *v;
	struct walk w = {};
	__u32 slots;
	int r;

	if (is_created(file) || is_unverifiable(inode) || (inode->i_sb->s_flags & SB_KERNMOUNT))
		return 0;
	v = verdict_find(inode);
	o.found = found_for_open(gen_find(inode), v, writers_of(inode) - 1);
	o.opts = control.strict_opts;
	o.algos = control.strict_algos;
	if (o.found & IMAD_FOUND_KNOWN ? control.strict && cause_of_open(&o, inode->i_size) == IMAD_CAUSE_PASS :
					 gate_will_hold(file, inode, v))
		return 0;
	if (is_exempt() || is_skipped(inode) || is_overlay_backing(file, inode))
		return 0;
	fill_facts_made(&w, m, inode, control.conds);
	slots = match(&w, IMAD_FILE_CHECK, mask, done_slots(gen_find(inode), v, 0)) & IMAD_SLOTS_MEASURE;
	if (!(w.decision.action & IMAD_APPRAISE))
		return 0;
	if (!(o.found & IMAD_FOUND_KNOWN))
		return ask_for_writer(file, inode);
	o.opts = w.decision.opts;
	o.algos = w.decision.algos;
	o.rule = w.rule;
	end_round();
	r = end_open(file, inode, &o, cause_of_open(&o, inode->i_size), true);
	if (r < 0 && slots)
		want(file, inode, v, IMAD_FILE_CHECK, slots, 0, true);
	return r < 0 ? -EACCES : 0;
}

/* After the gate. @path: as of emit_with(). */
static __always_inline int judge_after_gate(struct file *file, bool path)
{
	struct inode *inode = file->f_inode;
	struct imad_verdict *v;
	__u64 key = (__u64)file;
	__u32 cause = IMAD_CAUSE_NOT_APPRAISED;
	struct imad_open *at, o;
	int r;

	if (!n_opens)
		return 0;
	at = bpf_map_lookup_elem(&opens, &key);
	if (!at)
		return 0;
	o = *at;
	v = verdict_find(inode);
	if (!(o.found & IMAD_FOUND_KNOWN))
		o.found = found_for_open(gen_find(inode), v, writers_of(inode));
	if (o.found & IMAD_FOUND_KNOWN) {
		cause = cause_of_open(&o, inode->i_size);
	} else if (is_unverifiable(inode)) {
		cause = IMAD_CAUSE_UNVERIFIABLE; /* what an overlay lies on was not known before it was opened */
	} else {
		/* A mark went the moment it was opened, or the gate's deadline had come. */
		if (!goes_round(inode))
			want_late(file, inode, v, IMAD_FILE_CHECK, IMAD_SLOT_APPRAISE, path);
		if (restart(inode, false) < 0)
			return -ERESTARTNOINTR;
	}
	r = end_open(file, inode, &o, any_value(cause), path);
	if (r == 0 && (o.found & IMAD_FOUND_KNOWN))
		forget_open(file);
	return r;
}

/* Before 6.9 nothing is asked between the gate and the first use. */
SEC("?lsm/file_permission")
int BPF_PROG(imad_file_permission, struct file *file, int mask)
{
	return control.active ? known_errno(any_value(judge_after_gate(file, false))) : 0;
}

/* What is known before an open truncates counts for that open afterwards, too: the truncation voids it. */
static __always_inline void keep_for_held(struct inode *inode, __u32 found)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 *file = bpf_map_lookup_elem(&held, &tid);
	struct imad_open *at = file ? bpf_map_lookup_elem(&opens, file) : NULL;

	if (at && !(at->found & IMAD_FOUND_KNOWN) && BPF_CORE_READ((struct file *)*file, f_inode) == inode)
		at->found = found;
}

/* ... and an open may truncate: by now the daemon has said what it found. */
SEC("?lsm/path_truncate")
int BPF_PROG(imad_path_truncate, struct path *path)
{
	struct inode *inode = path->dentry->d_inode;
	struct imad_open o = { .mask = IMAD_MAY_WRITE };
	struct walk w = { .silent = true };
	struct imad_gen *g;
	struct failing f = { .func = IMAD_FILE_CHECK };

	if (!control.active || !inode || !is_regular(inode) || is_exempt() || is_skipped(inode))
		return 0;
	g = gen_find(inode);
	o.found = found_for_open(g, verdict_find(inode), writers_of(inode));
	if (!g || !(o.found & IMAD_FOUND_KNOWN))
		return 0;
	keep_for_held(inode, o.found);
	fill_facts(&w, path, inode, control.conds);
	match(&w, IMAD_FILE_CHECK, IMAD_MAY_WRITE, 0);
	if (!(w.decision.action & IMAD_APPRAISE))
		return 0;
	o.opts = w.decision.opts;
	o.algos = w.decision.algos;
	f.cause = cause_of_open(&o, inode->i_size);
	if (lets_pass(f.cause)) {
		note_written(g, o.found); /* by whom has it open; not by truncate(2), see attributes_change() */
		return 0;
	}
	f.gen = g->gen;
	f.rule = w.rule;
	f.found = o.found;
	return fail_at(path->dentry, inode, f, -EACCES);
}

SEC("?lsm/file_free_security")
int BPF_PROG(imad_file_free, struct file *file)
{
	forget_open(file);
	return 0;
}

#endif
