/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who owns a file as seen through the mount that it is used through: make_vfsuid() and
 * make_vfsgid() in fs/mnt_idmapping.c. The usual mount maps nothing, and costs a comparison.
 */
#ifndef IMAD_BPF_IDMAP_H
#define IMAD_BPF_IDMAP_H

#define NO_ID ((__u32)-1)
#define EXTENTS_IN_MAP 5
#define EXTENTS_STEPS 10 /* to find one of UID_GID_MAP_MAX_EXTENTS (340) by halves */

/* @id through one extent; false: it is not of that one. @up: from what the mount shows to what is stored. */
static __always_inline bool map_extent(const struct uid_gid_extent *e, __u32 id, bool up, __u32 *ret)
{
	__u32 from = up ? e->lower_first : e->first, to = up ? e->first : e->lower_first;

	if (id < from || id - from >= e->count)
		return false;
	*ret = to + (id - from);
	return true;
}

/* The extents of a large map are sorted by what is looked for. */
static __always_inline __u32 map_sorted(const struct uid_gid_extent *table, __u32 n, __u32 id, bool up)
{
	__u32 low = 0, high = n, ret = NO_ID;
	struct uid_gid_extent e;

	for (int i = 0; i < EXTENTS_STEPS && low < high; i++) {
		__u32 middle = any_value((low + high) / 2);

		if (bpf_probe_read_kernel(&e, sizeof(e), table + middle) < 0 || map_extent(&e, id, up, &ret))
			break;
		if (id < (up ? e.lower_first : e.first))
			high = middle;
		else
			low = middle + 1;
	}
	return ret;
}

/* As map_id_down(), or with @up as map_id_up(), of the struct uid_gid_map at @address; NO_ID: it is not in it. */
__noinline __u32 map_id(__u64 address, __u32 id, __u32 up)
{
	const struct uid_gid_map *map = (const void *)address;
	__u32 n = BPF_CORE_READ(map, nr_extents), ret = NO_ID;
	struct uid_gid_extent e[EXTENTS_IN_MAP];

	if (n > EXTENTS_IN_MAP)
		return map_sorted(up ? BPF_CORE_READ(map, reverse) : BPF_CORE_READ(map, forward), n, id, up);
	if (bpf_core_read(e, sizeof(e), &map->extent) < 0)
		return NO_ID;
	for (__u32 i = 0; i < EXTENTS_IN_MAP; i++)
		if (i < n && map_extent(&e[i], id, up, &ret))
			break;
	return ret;
}

/* What a mount maps ids by; zeros: it does not. */
struct idmap {
	__u64 uids, gids; /* addresses of struct uid_gid_map */
};

static __always_inline struct idmap idmap_of_namespace(const struct user_namespace *ns)
{
	if (BPF_CORE_READ(ns, level) == 0) /* the initial one */
		return (struct idmap){ 0 };
	return (struct idmap){ (__u64)ns + bpf_core_field_offset(struct user_namespace, uid_map),
			       (__u64)ns + bpf_core_field_offset(struct user_namespace, gid_map) };
}

static __always_inline struct idmap idmap_of(const struct vfsmount *mnt, const struct user_namespace *fs)
{
	if (!bpf_core_field_exists(mnt->mnt_idmap)) {
		const struct user_namespace *ns = BPF_CORE_READ(mnt, mnt_userns);

		return ns == fs ? (struct idmap){ 0 } : idmap_of_namespace(ns);
	} else {
		const struct mnt_idmap *m = BPF_CORE_READ(mnt, mnt_idmap);

		if (!bpf_core_field_exists(m->uid_map))
			return idmap_of_namespace(BPF_CORE_READ(m, owner));
		if (!BPF_CORE_READ(m, uid_map.nr_extents)) /* nop_mnt_idmap; no other may be empty */
			return (struct idmap){ 0 };
		return (struct idmap){ (__u64)m + bpf_core_field_offset(struct mnt_idmap, uid_map),
				       (__u64)m + bpf_core_field_offset(struct mnt_idmap, gid_map) };
	}
}

/* @fs: 0, or the address of the map by which the filesystem itself was mounted in a user namespace. */
static __always_inline __u32 id_in_mount(__u64 map, __u64 fs, __u32 id)
{
	if (fs)
		id = map_id(fs, id, true);
	return id == NO_ID ? NO_ID : map_id(map, id, false);
}

/* Of a file that is used through the struct vfsmount at @mount: its owner in the low half, its group in the high one. */
__noinline __u64 owner_in_mount(__u64 mount, __u64 superblock, __u32 uid, __u32 gid)
{
	const struct user_namespace *ns = BPF_CORE_READ((const struct super_block *)superblock, s_user_ns);
	struct idmap map = idmap_of((const struct vfsmount *)mount, ns), fs;

	if (!map.uids)
		return (__u64)gid << 32 | uid;
	fs = idmap_of_namespace(ns);
	return (__u64)id_in_mount(map.gids, fs.gids, gid) << 32 | id_in_mount(map.uids, fs.uids, uid);
}

/* Owner and group of @inode, as used by @path. */
static __always_inline void fill_owner(__u32 *uid, __u32 *gid, const struct path *path, struct inode *inode, __u32 conds)
{
	__u64 owner;

	*uid = inode->i_uid.val;
	*gid = inode->i_gid.val;
	if (!(conds & IMAD_CONDS_OWNER))
		return;
	owner = owner_in_mount((__u64)BPF_CORE_READ(path, mnt), (__u64)BPF_CORE_READ(inode, i_sb), *uid, *gid);
	*uid = (__u32)owner;
	*gid = owner >> 32;
}

#endif
