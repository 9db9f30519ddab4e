/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps and what is known of an inode: its generation (moved here and nowhere
 * else) and the daemon's verdict. Two maps, because an update from user space
 * replaces the whole element: a lost invalidation would be a hole.
 */
#ifndef IMAD_BPF_STATE_H
#define IMAD_BPF_STATE_H

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct imad_gen);
} generations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct imad_verdict);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * IMAD_RULES_MAX);
	__type(key, __u32);
	__type(value, struct imad_rule);
} rules SEC(".maps");

/* How often each rule decided a use, in the order of the rules. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * IMAD_RULES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

/* Superblocks that carry a fanotify mark, by s_dev. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} gated SEC(".maps");

/* Threads that are inside an exec whose file is an ELF object: their next open for exec is ld.so. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} in_elf_exec SEC(".maps");

/*
 * The files of each thread's exec under appraise rules, as they were when they were
 * opened or checked. Nobody can write them until they are mapped; when only their
 * label changes before that, the exec must not be killed half-way.
 */
struct exec_file {
	__u64 inode, gen, content;
};

struct exec_files {
	struct exec_file program, loader;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct exec_files);
} exec_files SEC(".maps");

/* Threads whose open is wanted and will not be held: file_post_open hashes for them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} late_opens SEC(".maps");

__u32 n_late_opens; /* about how many there are: the usual open need not ask the map */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct imad_counters);
} counters SEC(".maps");

/* By thread of the daemon: what it asks of the file that it opens, and the answer. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct imad_probe);
} probes SEC(".maps");

/* Whose state this is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct imad_stamp);
} stamp SEC(".maps");

struct imad_control control = {};

/*
 * A global function, as many here: the verifier goes through those once, and not at each call with all that it
 * knows there. What they take are numbers, and memory of known size; of objects of the kernel the address.
 */
__noinline int counted(__u32 number)
{
	__u32 zero = 0;
	__u64 *all = bpf_map_lookup_elem(&counters, &zero);

	if (all && number < sizeof(struct imad_counters) / sizeof(*all))
		all[number]++;
	return 0;
}

#define count(field) counted(__builtin_offsetof(struct imad_counters, field) / sizeof(__u64))

/* @value. The verifier goes on once for each that it knows of, and more often than it may: from here on it knows of none. */
__noinline __u32 any_value(__u32 value)
{
	asm volatile("" : "+r"(value));
	return value;
}

static __always_inline struct imad_gen *gen_find(struct inode *inode)
{
	return bpf_inode_storage_get(&generations, inode, 0, 0);
}

static __always_inline struct imad_gen *gen_make(struct inode *inode)
{
	return bpf_inode_storage_get(&generations, inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct imad_verdict *verdict_find(struct inode *inode)
{
	return bpf_inode_storage_get(&verdicts, inode, 0, 0);
}

/* 0: there is none. What may be NULL is looked at where the verifier does not go on with both cases: in global functions. */
__noinline __u64 gen_of(const struct imad_gen *g)
{
	return g ? g->gen : 0;
}

static __always_inline int writers_of(struct inode *inode)
{
	return inode->i_writecount.counter;
}

/* What was found of its label was found with other keys, or another deny list. */
static __always_inline bool is_outdated(const struct imad_verdict *v)
{
	return !imad_is_trusted(v->found_epoch, control.trust_epoch);
}

/* imad_pending() of now. */
static __always_inline __u32 pending_slots(__u64 want, const struct imad_verdict *v)
{
	return imad_pending(want, v) | (v && is_outdated(v) ? IMAD_WANT_SLOTS(want) & IMAD_SLOT_APPRAISE : 0);
}

/* What was asked for once and holds from then on. */
static __always_inline __u32 sticky_slots(const struct imad_gen *g)
{
	return (g->flags & IMAD_GEN_UPDATE ? IMAD_SLOT_HASH : 0) | (g->flags & IMAD_GEN_VERITY ? IMAD_SLOT_VERITY : 0);
}

/* Slots of this inode that are done; 0 when anything is unknown. */
__noinline __u32 done_slots(const struct imad_gen *g, const struct imad_verdict *v, int writers)
{
	__u32 done = g && v ? imad_done(g, v, writers) : 0;

	if (!g)
		return 0;
	return (done && is_outdated(v) ? done & ~IMAD_SLOT_APPRAISE : done) | sticky_slots(g);
}

/*
 * Note @slots as wanted at generation @gen, and keep what an older want still waits
 * for. Returns which of them nobody had asked for. Contended for ever: give up, the use hooks catch it.
 * Global, for the verifier: as match().
 */
__noinline int add_want(__u64 *word, __u64 gen, __u32 slots, const struct imad_verdict *v)
{
	if (!word)
		return 0;
	for (int i = 0; i < 8; i++) {
		__u64 old = *word;
		__u64 new = IMAD_WANT(gen, slots | pending_slots(old, v));

		if (IMAD_WANT_GEN(old) == (__u32)gen)
			new |= old;
		if (new == old)
			return 0;
		if (__sync_val_compare_and_swap(word, old, new) == old)
			return IMAD_WANT_GEN(old) == (__u32)gen ? slots & ~IMAD_WANT_SLOTS(old) : slots;
	}
	return 0;
}

/*
 * What BPF saw once need not be looked up again: at the same generation and epoch a
 * verdict never has less done, so this word spares the usual open the second map.
 * The epoch must have been read before what is settled was decided.
 */
static __always_inline __u64 settled_key(__u32 epoch, __u64 gen)
{
	return (__u64)epoch << 32 | (__u32)gen;
}

/* The content may change from now on: every verdict about the old generation is void. */
static __always_inline void move_generation(struct imad_gen *g)
{
	__sync_fetch_and_add(&g->content, 1);
	__sync_fetch_and_add(&g->gen, 1);
	g->quiet = 0;
	count(invalidations);
}

/* The same of the label alone. */
static __always_inline void invalidate_label(struct imad_gen *g)
{
	__sync_fetch_and_add(&g->gen, 1);
	g->quiet = 0;
	count(invalidations);
}

static __always_inline void note_change(struct imad_gen *g, enum imad_change_how how)
{
	g->changed.ns = bpf_ktime_get_boot_ns();
	g->changed.tgid = bpf_get_current_pid_tgid() >> 32;
	g->changed.uid = (__u32)bpf_get_current_uid_gid();
	g->changed.how = how;
	bpf_get_current_comm(g->changed.comm, sizeof(g->changed.comm));
}

/* The same, by this thread. */
static __always_inline void invalidate(struct imad_gen *g, enum imad_change_how how)
{
	move_generation(g);
	note_change(g, how);
}

/*
 * The generation that a new want is about. What was measured while somebody could
 * write is void for good once nobody can: that ends its generation too.
 */
__noinline __u64 gen_for_want(struct imad_gen *g, const struct imad_verdict *v, int writers)
{
	__u64 gen;

	if (!g)
		return 0;
	gen = *(volatile __u64 *)&g->gen;
	if (!v || v->gen != gen || !(v->flags & IMAD_VERDICT_PROVISIONAL) || writers > 0)
		return gen;
	move_generation(g);
	return *(volatile __u64 *)&g->gen;
}

#endif
