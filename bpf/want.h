/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wanted of an inode and who will see to it: the gate, if it will hold the
 * use; else the kernel hashes here and the daemon is told.
 */
#ifndef IMAD_BPF_WANT_H
#define IMAD_BPF_WANT_H

static __always_inline bool is_regular(struct inode *inode)
{
	return (inode->i_mode & S_IFMT) == S_IFREG;
}

static __always_inline bool is_process(__u32 tgid, __u64 born)
{
	return tgid && (bpf_get_current_pid_tgid() >> 32) == tgid &&
	       bpf_get_current_task_btf()->group_leader->start_boottime == born;
}

static __always_inline bool is_daemon(void)
{
	return is_process(control.tgid, control.born);
}

/* The daemon, or what will be the next one: it opens files that nobody could tell it anything of. */
__noinline bool is_exempt(void)
{
	return is_daemon() || (control.unattended && is_process(control.heir, control.heir_born));
}

/*
 * A file that overlayfs opens beneath an overlay file: the use is that of the
 * overlay file, as in the kernel's IMA. Before 6.5 such a file shows the overlay's
 * path with the real inode; since (62d53c4a1dfe) it sits on a private mount.
 */
static __always_inline bool is_overlay_backing(struct file *file, struct inode *inode)
{
	if (file->f_path.dentry->d_inode != inode)
		return true;
	return (long)namespace_of(file) == -EINVAL && !(inode->i_sb->s_flags & SB_KERNMOUNT);
}

/* Nothing that any rule can ask for is left. */
static __always_inline bool all_done(__u32 done)
{
	return done && !(control.all_slots & ~done);
}

/* Whether fanotify will still hold this file before its content is seen. */
__noinline bool gate_holds(const struct imad_verdict *v, __u32 mode, __u32 dev)
{
	if (control.unattended)
		return false;
	if (v && (v->flags & IMAD_VERDICT_IGNORED) && v->epoch == control.epoch)
		return false;
	if (control.hold == IMAD_HOLD_ACCESS && !(mode & FMODE_READ))
		return false;
	return bpf_map_lookup_elem(&gated, &dev) != NULL;
}

static __always_inline bool gate_will_hold(struct file *file, struct inode *inode, const struct imad_verdict *v)
{
	return gate_holds(v, file->f_mode, inode->i_sb->s_dev);
}

/* What can hold no verdict for long: content that changes without the VFS seeing a writer. */
static __noinline bool is_unverifiable(struct inode *inode)
{
	return (inode->i_sb->s_iflags & SB_I_IMA_UNVERIFIABLE) || asks_fuse(inode);
}

/* Superblock magics on which no rule can measure anything: proc, sysfs, tmpfs under tcb. Global, for the verifier: as match(). */
__noinline __u32 is_skipped_magic(__u64 magic)
{
	for (__u32 i = 0; i < IMAD_SKIP_MAX && i < control.n_skip; i++)
		if (control.skip[i] == magic)
			return true;
	return false;
}

static __always_inline bool is_skipped(struct inode *inode)
{
	return is_skipped_magic(inode->i_sb->s_magic);
}

/*
 * IMAD_GEN_VIOLATION: this is a reader whose content somebody can change, and nobody was told yet while that writer is
 * there; else 0. @maybe: nobody is told unless the file is what they are for.
 */
__noinline __u32 reader_under_writer(struct imad_gen *g, int writers, __u32 mode, __u32 slots, __u32 maybe)
{
	__u32 before;

	if (!g || !((slots | maybe) & IMAD_SLOTS_MEASURE)) /* nobody's measurement is spoilt */
		return 0;
	if (writers <= 0 || (mode & FMODE_WRITE))
		return 0;
	before = g->flags;
	if (slots & IMAD_SLOTS_MEASURE)
		before = __sync_fetch_and_or(&g->flags, IMAD_GEN_REPORTED);
	return before & IMAD_GEN_REPORTED ? 0 : IMAD_GEN_VIOLATION;
}

__noinline int note_want(struct imad_gen *g, __u32 func, __u32 set, __u32 unverifiable, __u32 i_flags)
{
	__u32 clear = IMAD_GEN_WRITERS | IMAD_GEN_VIOLATION | IMAD_GEN_BARE;

	if (!g)
		return 0;
	if (set & IMAD_GEN_WRITERS) /* the reader before this one may still wait for its violation */
		clear &= ~IMAD_GEN_VIOLATION;
	if (unverifiable)
		set |= IMAD_GEN_UNCACHED;
	if (i_flags & S_VERITY)
		set |= IMAD_GEN_HAS_VERITY;
	g->func = func;
	g->tgid = bpf_get_current_pid_tgid() >> 32;
	g->uid = (__u32)bpf_get_current_uid_gid();
	note_place(&g->place);
	__sync_fetch_and_and(&g->flags, ~(clear & ~set));
	__sync_fetch_and_or(&g->flags, set);
	return 0;
}

/* Who wants the inode measured, and whether somebody can change it meanwhile. @violation: of reader_under_writer(). */
static __always_inline void note_user(struct imad_gen *g, struct file *file, struct inode *inode, __u32 func, __u32 violation)
{
	note_want(g, func, use_flags(file, inode) | violation, is_unverifiable(inode), inode->i_flags);
}

/* No held use tells of it: nobody is held, or what is asked for was asked before, by a round that may not see this reader. */
static __noinline void tell_violation(struct imad_gen *g, struct file *file, struct inode *inode, __u64 gen)
{
	__sync_fetch_and_and(&g->flags, ~IMAD_GEN_VIOLATION);
	emit(IMAD_EVENT_OPEN_WRITERS, file, inode, gen, IMAD_FILE_CHECK, 0, -1, NULL);
}

/*
 * A hash rule matched: remember it, and tell of whoever can write from now on. A rule
 * with digest_type=verity: remember it. Takes their slots off @slots, because nobody has
 * to wait for that.
 */
static __always_inline __u32 take_sticky(struct file *file, struct inode *inode, struct imad_gen *g, __u32 slots)
{
	if (slots & IMAD_SLOT_VERITY)
		__sync_fetch_and_or(&g->flags, IMAD_GEN_VERITY);
	slots &= ~IMAD_SLOT_VERITY;
	if (!(slots & IMAD_SLOT_HASH))
		return slots;
	__sync_fetch_and_or(&g->flags, IMAD_GEN_UPDATE);
	if (writers_of(inode) > 0)
		emit(IMAD_EVENT_WRITER, file, inode, g->gen, IMAD_FILE_CHECK, 0, -1, NULL);
	return slots & ~IMAD_SLOT_HASH;
}

/* A use that nobody will hold. A function of its own, for its part of the stack. */
static __noinline bool emit_late(struct file *file, __u64 gen, __u32 func, __u32 slots)
{
	return emit(IMAD_EVENT_LATE, file, file->f_inode, gen, func, slots, -1, NULL);
}

static __always_inline bool goes_round(struct inode *inode); /* restart.h */

/* While nobody reads them, one event stands for all uses of a content; one with a digest is worth more. */
__noinline bool is_told(const struct imad_gen *g, __u64 gen, __u32 slots)
{
	return g && control.unattended && g->told_era == control.era && g->told_gen == (__u32)gen && !(slots & ~g->told_slots);
}

__noinline int note_told(struct imad_gen *g, __u64 gen, __u32 slots)
{
	if (!g || !control.unattended)
		return 0;
	if (g->told_era != control.era || g->told_gen != (__u32)gen)
		g->told_slots = 0;
	g->told_era = control.era;
	g->told_gen = (__u32)gen;
	g->told_slots |= slots;
	return 0;
}

/* Note what an open wants. @refused: it goes no further, so whatever the gate does the daemon is told now. */
static __always_inline void want(struct file *file, struct inode *inode, struct imad_verdict *v, __u32 func,
				 __u32 slots, __u32 maybe, bool refused)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), violation = 0, news = 0;
	struct imad_gen *g = gen_make(inode);
	__u8 one = 1;
	__u64 gen;
	bool held;

	if (!g) { /* no memory: only the event is left */
		if (slots)
			emit_late(file, 0, func, slots);
		return;
	}
	slots = take_sticky(file, inode, g, slots);
	maybe &= ~(IMAD_SLOT_HASH | IMAD_SLOT_VERITY);
	if (!slots && !maybe)
		return;
	held = !refused && gate_will_hold(file, inode, v);
	/* The generation first, then the writers: a writer that enters between them is seen. */
	gen = gen_for_want(g, v, writers_of(inode));
	if (imad_is_reading(func))
		violation = reader_under_writer(g, writers_of(inode), file->f_mode, slots, held ? maybe : 0);
	note_user(g, file, inode, func, held ? violation : 0);
	if (maybe)
		news = add_want(&g->maybe, gen, maybe, v);
	if (slots)
		news |= add_want(&g->want, gen, slots, v);
	if (violation && !(held && (news & IMAD_SLOTS_MEASURE)))
		tell_violation(g, file, inode, gen);
	if (!slots)
		return;
	count(wants);
	if (func == IMAD_FILE_CHECK && (slots & IMAD_SLOTS_MEASURE))
		__sync_fetch_and_or(&g->flags, IMAD_GEN_TOMTOU);
	if (held)
		return;
	if (!refused && control.post_open && func == IMAD_FILE_CHECK && (file->f_mode & FMODE_READ)) {
		bpf_map_update_elem(&late_opens, &tid, &one, BPF_ANY);
		__sync_fetch_and_add(&n_late_opens, 1);
		return;
	}
	/* What is executed is seen again, with a digest: nobody has to open it then. */
	if (is_told(g, gen, slots) || (func == IMAD_BPRM_CHECK && !refused && (control.unattended || asks_fuse(inode))))
		return;
	count(late);
	if ((refused || !goes_round(inode)) && emit_late(file, gen, func, slots))
		note_told(g, gen, slots);
}

/* A use that was not held and is not hashed here. @path: as of emit_with(). */
static __always_inline void want_late(struct file *file, struct inode *inode, const struct imad_verdict *v, __u32 func,
				      __u32 slots, bool path)
{
	struct imad_gen *g = gen_make(inode);
	__u64 gen = 0;

	if (g) {
		gen = gen_for_want(g, v, writers_of(inode));
		note_user(g, file, inode, func, 0); /* before the want: by that the daemon knows whose flags these are */
		add_want(&g->want, gen, slots, v);
		if (is_told(g, gen, slots))
			return;
	}
	count(late);
	if (emit_with(IMAD_EVENT_LATE, file, inode, gen, func, slots, -1, NULL, path) && g)
		note_told(g, gen, slots);
}

/*
 * A use after the gate: what is wanted and not done by now was not held. The kernel
 * hashes the file here and now where it can and hashes as the list does; the record
 * follows.
 */
static __always_inline void use(struct file *file, struct inode *inode, const struct imad_verdict *v, __u32 func,
				__u32 slots)
{
	__u8 digest[IMAD_EVENT_DIGEST_MAX] = {};
	struct imad_gen *g = gen_make(inode);
	__u64 gen = 0;
	long algo;

	if (g) {
		slots = take_sticky(file, inode, g, slots);
		if (!slots)
			return;
		gen = gen_for_want(g, v, writers_of(inode));
		note_user(g, file, inode, func, 0); /* before the want: by that the daemon knows whose flags these are */
		add_want(&g->want, gen, slots, v);
		if (imad_is_reading(func) && reader_under_writer(g, writers_of(inode), file->f_mode, slots, 0))
			tell_violation(g, file, inode, gen);
		if (is_told(g, gen, slots | IMAD_TOLD_DIGEST))
			return;
	}
	count(late);
	algo = bpf_ima_file_hash(file, digest, sizeof(digest));
	if (algo >= 0)
		count(kernel_hashes);
	if (algo != control.hash)
		algo = -1;
	/* Where the kernel cannot hash the next use would not know more. */
	if (emit(IMAD_EVENT_LATE, file, inode, gen, func, slots, algo, digest) && g)
		note_told(g, gen, slots | IMAD_TOLD_DIGEST);
}

#endif
