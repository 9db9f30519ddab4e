/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies beneath an overlay's file: another inode has the content, and who changes
 * that one directly, or through a mapping, is no writer of the overlay's. Inodes are
 * told by their addresses: what is kept of one that is gone is another number, no more.
 */
#ifndef IMAD_BPF_OVERLAY_H
#define IMAD_BPF_OVERLAY_H

/* A number for each inode beneath, which moves as its generation does. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} beneath_gens SEC(".maps");

/*
 * The overlay's inode above the file that overlayfs opened for it, 0 if it is no such
 * file. Up to 6.6 that one shows the overlay's path, later it has it behind itself.
 */
static __always_inline __u64 inode_above(struct file *file, struct inode *inode)
{
	struct inode *above = file->f_path.dentry->d_inode;

	if (above == inode) {
		if (!bpf_core_field_exists(struct backing_file, user_path) || (long)namespace_of(file) != -EINVAL)
			return 0;
		above = BPF_CORE_READ((struct backing_file *)file, user_path.dentry, d_inode);
	}
	return BPF_CORE_READ(above, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC ? (__u64)above : 0;
}

/* Content or label of an inode changes, or may from now on. */
static __always_inline void changes_beneath(struct inode *inode)
{
	__u64 key = (__u64)inode, *gen;

	if (!has_overlays)
		return;
	gen = bpf_map_lookup_elem(&beneath_gens, &key);
	if (gen)
		__sync_fetch_and_add(gen, 1);
}

/* Each open of an overlay's file opens another one beneath it, in the same thread. */
static __noinline void note_beneath(struct file *file, struct inode *inode)
{
	__u64 key = (__u64)inode, above, first = bpf_ktime_get_ns(), *gen;
	struct beneath now = { .inode = key, .fuse = is_fuse(inode) }, *old;

	if (is_overlay(inode))
		has_overlays = 1;
	if (!has_overlays)
		return;
	above = inode_above(file, inode);
	if (!above)
		return;
	bpf_map_update_elem(&beneath_gens, &key, &first, BPF_NOEXIST);
	old = bpf_map_lookup_elem(&beneath, &above);
	if (old && old->inode == now.inode)
		return;
	/* The first one: nothing can be known of it yet. Another one, after a copy up: what is known is not of it. */
	gen = bpf_map_lookup_elem(&beneath_gens, &key);
	if (!old && gen && writers_of(inode) <= 0)
		now.seen = *gen;
	bpf_map_update_elem(&beneath, &above, &now, BPF_ANY);
}

/* The sum of the numbers beneath @inode, 0: not known. *@writers: of all of them. */
static __always_inline __u64 sum_beneath(struct inode *inode, int *writers)
{
	__u64 key = (__u64)inode, sum = 0, *gen;
	struct beneath *b;
	int count;

	for (int i = 0; i < OVERLAY_DEPTH; i++) {
		b = bpf_map_lookup_elem(&beneath, &key);
		if (!b)
			break;
		key = b->inode;
		gen = bpf_map_lookup_elem(&beneath_gens, &key);
		if (!gen)
			return 0;
		sum += *gen;
		count = BPF_CORE_READ((struct inode *)key, i_writecount.counter);
		*writers += count > 0 ? count : 0;
	}
	return sum;
}

/* Before the state of @inode is believed: how many can write beneath. A change there is one of this inode. */
static __noinline int settle_beneath(struct inode *inode)
{
	__u64 key = (__u64)inode, sum;
	struct imad_gen *g;
	struct beneath *b;
	int writers = 0;

	if (!is_overlay(inode))
		return 0;
	sum = sum_beneath(inode, &writers);
	b = bpf_map_lookup_elem(&beneath, &key);
	if (b && sum && b->seen == sum && !writers)
		return 0;
	g = gen_find(inode);
	if (g)
		move_generation(g);
	if (b)
		b->seen = writers ? 0 : sum; /* who can write now can until the next look */
	return writers;
}

#endif
