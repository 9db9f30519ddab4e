/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run by the daemon: who it is, and what is guarded. Everything is taken from its own structures in the kernel. */
#ifndef IMAD_BPF_GUARD_MARK_H
#define IMAD_BPF_GUARD_MARK_H

static __always_inline void note(struct imad_guard_who *who, struct task_struct *task)
{
	who->start = BPF_CORE_READ(task, group_leader, start_boottime);
	who->tgid = (__u32)BPF_CORE_READ(task, tgid);
}

static __always_inline struct kernfs_node *above(struct kernfs_node *node)
{
	struct kernfs_node___v6_15 *newer = (void *)node;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(node, parent);
}

/* The root of all cgroups, which has no switches, is the only one without a parent. */
static __always_inline void note_cgroups(struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn), *up;

	for (int i = 0; i < IMAD_GUARD_CGROUPS; i++) {
		up = node ? above(node) : NULL;
		guard.cgroups[i] = up ? (__u64)node : 0;
		node = up;
	}
	guard.cgroups_cut = node && above(node);
}

/* To be run again when process 1 may have moved it. */
SEC("syscall")
int guard_identify(void *arg)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	note(&guard.daemon, task);
	if (!guard.active)
		note(&guard.starter, BPF_CORE_READ(task, real_parent));
	guard.mnt_ns = (__u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
	guard.traced = BPF_CORE_READ(task, ptrace) != 0;
	note_cgroups(task);
	return 0;
}

static __always_inline struct file *file_at(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline int mark(void *map, __u64 key, __u32 flags)
{
	__u32 *old = bpf_map_lookup_elem(map, &key);

	if (old) {
		*old |= flags;
		return 0;
	}
	return bpf_map_update_elem(map, &key, &flags, BPF_ANY) < 0 ? -ENOSPC : 0;
}

/* A file, folder or link, and the mount that it was reached by. */
SEC("syscall")
int guard_mark(struct imad_guard_mark *arg)
{
	struct file *file = file_at((__u32)arg->fd);
	struct vfsmount *mnt;
	struct inode *inode;
	__u32 type;
	int r;

	if (!file)
		return -EBADF;
	inode = BPF_CORE_READ(file, f_inode);
	mnt = BPF_CORE_READ(file, f_path.mnt);
	type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
		return -EMEDIUMTYPE;
	r = mark(&inodes, (__u64)inode, arg->flags);
	if (r == 0)
		r = mark(&mounts, (__u64)mnt, IMAD_GUARD_STAYS);
	if (r == 0)
		r = mark(&mounts, (__u64)BPF_CORE_READ(mount_of(mnt), mnt_mountpoint), IMAD_GUARD_POINT);
	return r;
}

#endif
