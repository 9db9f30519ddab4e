/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which inode an overlay's was opened on last, as overlay.h notes it, and whether that is of FUSE: then the overlay's
 * file is as little to be believed as the one beneath, and who opens it asks the same server.
 */
#ifndef IMAD_BPF_BENEATH_H
#define IMAD_BPF_BENEATH_H

#define OVERLAY_DEPTH 2 /* FILESYSTEM_MAX_STACK_DEPTH */

/* What an overlay's inode was opened on last, and the sum of the numbers beneath when it was looked at. */
struct beneath {
	__u64 inode, seen;
	__u64 fuse; /* as is_fuse() says of it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct beneath);
} beneath SEC(".maps");

__u32 has_overlays; /* some file of one was opened */

static __always_inline bool is_overlay(struct inode *inode)
{
	return inode->i_sb->s_magic == OVERLAYFS_SUPER_MAGIC;
}

/* Of an overlay's inode, by its address. */
__noinline __u32 rests_on_fuse(const __u64 *inode)
{
	struct beneath *b;
	__u64 key;

	if (!inode)
		return false;
	key = *inode;
	for (int i = 0; i < OVERLAY_DEPTH; i++) {
		b = bpf_map_lookup_elem(&beneath, &key);
		if (!b)
			return false;
		if (b->fuse)
			return true;
		key = b->inode;
	}
	return false;
}

/*
 * Its server may be anybody's, and may never answer. virtiofs has the same magic and the machine may stand on it, but
 * it has no subtypes.
 */
static __always_inline bool is_fuse(struct inode *inode)
{
	return inode->i_sb->s_magic == FUSE_SUPER_MAGIC && (inode->i_sb->s_type->fs_flags & FS_HAS_SUBTYPE);
}

/* Who opens or reads it asks such a server. */
static __noinline bool asks_fuse(struct inode *inode)
{
	__u64 address = (__u64)inode;

	if (!is_overlay(inode))
		return is_fuse(inode);
	return any_value(rests_on_fuse(&address));
}

#endif
