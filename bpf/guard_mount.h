/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts: nothing over the daemon's files, and what they lie on is not taken away. In its own mount namespace, and
 * from any other through a mount that is shared: what is done at one of its peers is done at all.
 */
#ifndef IMAD_BPF_GUARD_MOUNT_H
#define IMAD_BPF_GUARD_MOUNT_H

#define STEPS_MAX (1 << 18) /* of the walk over mounts for one umount, two a mount; fs.mount-max is 100000 */

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __noinline bool is_in_our_namespace(struct vfsmount *mnt)
{
	__u64 ns = 0;

	bpf_core_read(&ns, sizeof(ns), &mount_of(mnt)->mnt_ns);
	return guard.active && ns == guard.mnt_ns;
}

/* Whether what is mounted there appears in the daemon's namespace; too often yes, never wrongly no. */
static __noinline bool reaches_us(struct vfsmount *mnt)
{
	int group = 0;

	bpf_core_read(&group, sizeof(group), &mount_of(mnt)->mnt_group_id);
	return is_in_our_namespace(mnt) || (guard.active && group);
}

static __always_inline bool is_marked(__u64 address, __u32 what)
{
	__u32 *flags = bpf_map_lookup_elem(&mounts, &address);

	return flags && (*flags & what);
}

static __always_inline bool stays(struct vfsmount *mnt)
{
	return guard.active && is_marked((__u64)mnt, IMAD_GUARD_STAYS);
}

#define COVERED (IMAD_GUARD_INODE | IMAD_GUARD_TREE | IMAD_GUARD_COVER)

static __noinline bool is_covered_by(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	__u64 magic;

	if (!inode)
		return false;
	magic = inode->i_sb->s_magic;
	if (magic == PROC_SUPER_MAGIC && is_daemons_proc(inode))
		return true;
	if (magic == CGROUP2_SUPER_MAGIC && level_of_cgroup(inode))
		return true;
	return is_guarded(dentry, COVERED);
}

/* In the order of path_mount(): which flag says what it is. */
SEC("lsm/sb_mount")
int BPF_PROG(guard_mount, const char *source, struct path *path, const char *type, unsigned long flags)
{
	bool changes_only = (flags & MS_REMOUNT) || (!(flags & MS_BIND) && (flags & MS_PROPAGATION));
	bool moves = !(flags & MS_BIND) && (flags & MS_MOVE);

	if (changes_only || !reaches_us(path->mnt))
		return 0;
	/*
	 * Of a move only the name of what is moved is known. In another namespace it is a copy of what lies here, and the kernel
	 * takes nothing off a mount that is shared: there only the place counts (a service's credentials come so).
	 */
	if ((moves && is_in_our_namespace(path->mnt)) || is_covered_by(path->dentry))
		refuse(MOUNT, 0, path->dentry);
	return 0;
}

SEC("lsm/move_mount")
int BPF_PROG(guard_move_mount, struct path *from, struct path *to)
{
	if (stays(from->mnt))
		refuse(MOUNT, 0, from->dentry);
	if (reaches_us(to->mnt) && is_covered_by(to->dentry))
		refuse(MOUNT, 0, to->dentry);
	return 0;
}

/*
 * A walk over all that is mounted below a mount. The verifier must know nothing of the last three at the start: before 6.7
 * it looks at one step alone, and takes away what that does not reach.
 */
struct walk {
	__u64 root, at;
	__u64 up, found, done;
};

/* Whether it is mounted where one is that stays, and on a shared mount: then both go. */
static __always_inline bool takes_ours_along(struct mount *m)
{
	struct mount *parent = NULL;
	__u64 point = 0;
	int group = 0;

	bpf_core_read(&point, sizeof(point), &m->mnt_mountpoint);
	if (!is_marked(point, IMAD_GUARD_POINT) || bpf_core_read(&parent, sizeof(parent), &m->mnt_parent) < 0)
		return false;
	bpf_core_read(&group, sizeof(group), &parent->mnt_group_id);
	return group != 0;
}

/* The mount whose list of children, or place in its parent's list, @next is. */
static __always_inline struct mount *mount_at(struct list_head *next)
{
	return (void *)next - bpf_core_field_offset(struct mount, mnt_child);
}

static long walk_step(__u32 i, struct walk *w)
{
	struct mount *at = (void *)w->at, *parent = NULL;
	struct list_head *next = NULL;

	if (!w->up) {
		w->found = takes_ours_along(at);
		if (w->found)
			return 1;
		if (bpf_core_read(&next, sizeof(next), &at->mnt_mounts.next) < 0)
			return 1;
		w->up = next == (void *)at + bpf_core_field_offset(struct mount, mnt_mounts);
		if (!w->up)
			w->at = (__u64)mount_at(next);
		return 0;
	}
	w->done = w->at == w->root;
	if (w->done || bpf_core_read(&parent, sizeof(parent), &at->mnt_parent) < 0 ||
	    bpf_core_read(&next, sizeof(next), &at->mnt_child.next) < 0)
		return 1;
	w->up = next == (void *)parent + bpf_core_field_offset(struct mount, mnt_mounts);
	w->at = (__u64)(w->up ? parent : mount_at(next));
	return 0;
}

SEC("lsm/sb_umount")
int BPF_PROG(guard_umount, struct vfsmount *mnt, int flags)
{
	__u64 root = (__u64)mount_of(mnt);
	struct walk w = { .root = root, .at = root, .up = any_value(0), .found = any_value(0), .done = any_value(0) };

	if (!guard.active)
		return 0;
	if (stays(mnt))
		refuse(MOUNT, 0, NULL);
	if (flags & MNT_DETACH) {
		bpf_loop(STEPS_MAX, walk_step, &w, 0);
		if (w.found || !w.done)
			refuse(MOUNT, 0, NULL);
	} else if (takes_ours_along(mount_of(mnt))) {
		refuse(MOUNT, 0, NULL);
	}
	return 0;
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(guard_pivot, struct path *old)
{
	if (!is_in_our_namespace(old->mnt))
		return 0;
	refuse(MOUNT, 0, NULL);
}

#endif
