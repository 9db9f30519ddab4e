/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMACs and labels that are due outlive the inode. While imad lives it makes them within moments; when it has died, the
 * kernel may drop the inode from its memory, and all that BPF knew of it. So at that moment it is noted here, and the inode
 * has it again before anybody can get at it. In between nobody changes the file but who writes to the disk beneath a mounted
 * filesystem: with the filesystem the notes go, and of one inode if it does not come back as it went.
 */
#ifndef IMAD_BPF_DUE_H
#define IMAD_BPF_DUE_H

#define DUE_MAX 65536
#define SB_ACTIVE (1 << 30) /* not while it is unmounted */
#define BTRFS_SUPER_MAGIC 0x9123683E

/* On Btrfs a snapshot's file has the same, so there nothing is noted. */
struct due_key {
	__u64 ino;
	__u32 dev, generation;
};

struct due {
	__u64 vouched, size;
	__u32 uid, gid, mode;
	__u32 written; /* 1: the label, too */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DUE_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct due_key);
	__type(value, struct due);
} dues SEC(".maps");

__u32 n_dues; /* in the map: the usual inode need not ask it */

static __always_inline struct due_key due_key_of(const struct inode *inode)
{
	return (struct due_key){ .ino = BPF_CORE_READ(inode, i_ino),
				 .dev = BPF_CORE_READ(inode, i_sb, s_dev),
				 .generation = BPF_CORE_READ(inode, i_generation) };
}

static __always_inline struct due due_of(const struct inode *inode)
{
	return (struct due){ .size = BPF_CORE_READ(inode, i_size),
			     .uid = BPF_CORE_READ(inode, i_uid.val),
			     .gid = BPF_CORE_READ(inode, i_gid.val),
			     .mode = BPF_CORE_READ(inode, i_mode) };
}

__noinline int note_due(const __u64 *inode, const struct imad_gen *g)
{
	struct due_key key;
	struct due due;

	if (!inode || !g || !g->vouched)
		return 0;
	key = due_key_of((const void *)*inode);
	due = due_of((const void *)*inode);
	due.vouched = g->vouched;
	due.written = g->written != 0;
	if (bpf_map_update_elem(&dues, &key, &due, BPF_NOEXIST) == 0)
		__sync_fetch_and_add(&n_dues, 1);
	else
		bpf_map_update_elem(&dues, &key, &due, BPF_EXIST);
	return 0;
}

/* It goes from memory, with its storage. */
SEC("?lsm/inode_free_security")
int BPF_PROG(imad_inode_gone, struct inode *inode)
{
	__u64 address = (__u64)inode;
	struct imad_gen *g = gen_find(inode);

	if (!g || !inode->i_nlink || !(inode->i_sb->s_flags & SB_ACTIVE) || inode->i_sb->s_magic == BTRFS_SUPER_MAGIC)
		return 0;
	note_due(&address, g);
	return 0;
}

/* Whoever takes the note away has it: by another name it may come back at the same moment. */
__noinline int take_due(const __u64 *inode, struct imad_gen *g)
{
	struct due_key key;
	struct due now, was, *at;

	if (!inode || !g)
		return 0;
	key = due_key_of((const void *)*inode);
	at = bpf_map_lookup_elem(&dues, &key);
	if (!at)
		return 0;
	was = *at;
	if (bpf_map_delete_elem(&dues, &key) < 0)
		return 0;
	__sync_fetch_and_sub(&n_dues, 1);
	now = due_of((const void *)*inode);
	if (now.size != was.size || now.uid != was.uid || now.gid != was.gid || now.mode != was.mode)
		return 0;
	g->vouched = was.vouched;
	if (was.written)
		g->written = g->gen + 1;
	return 0;
}

/* It comes back: nobody finds it before this. (dentry, inode), which may be NULL whatever the verifier thinks */
SEC("?lsm/d_instantiate")
int BPF_PROG(imad_inode_back, void *dentry, struct inode *inode)
{
	struct due_key key;
	__u64 address = 0;

	if (!n_dues)
		return 0;
	bpf_get_func_arg(ctx, 1, &address);
	if (!address)
		return 0;
	key = due_key_of((const void *)address);
	if (bpf_map_lookup_elem(&dues, &key))
		take_due(&address, gen_make(inode));
	return 0;
}

static long drop_due(void *map, const struct due_key *key, struct due *due, __u32 *dev)
{
	if (key->dev == *dev && bpf_map_delete_elem(&dues, key) == 0)
		__sync_fetch_and_sub(&n_dues, 1);
	return 0;
}

/* Nobody has it mounted any more: what is there later may be anything. */
SEC("?lsm/sb_delete")
int BPF_PROG(imad_sb_gone, struct super_block *sb)
{
	__u32 dev = sb->s_dev;

	if (n_dues)
		bpf_for_each_map_elem(&dues, drop_due, &dev, 0);
	return 0;
}

#endif
