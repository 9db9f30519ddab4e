/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the daemon: content, names, attributes, locks; what stands for it in /proc and cgroupfs; two switches. */
#ifndef IMAD_BPF_GUARD_FILE_H
#define IMAD_BPF_GUARD_FILE_H

#define DEPTH_MAX 6 /* of folders that are looked at above a file */

static __always_inline __u32 flags_of(struct inode *inode)
{
	__u64 key = (__u64)inode;
	__u32 *flags = bpf_map_lookup_elem(&inodes, &key);

	return flags ? *flags : 0;
}

/* Whether it, or a tree that it is in, is guarded. A new name has no inode yet. */
static __noinline bool is_guarded(struct dentry *dentry, __u32 own)
{
	struct dentry *d = dentry, *parent;

	for (int i = 0; i < DEPTH_MAX; i++) {
		struct inode *inode = d->d_inode;

		if (inode && (flags_of(inode) & (i == 0 ? own : IMAD_GUARD_TREE)))
			return true;
		parent = d->d_parent;
		if (parent == d)
			break;
		d = parent;
	}
	return false;
}

/* What is below /proc/PID of the daemon and of each of its threads. */
static __noinline bool is_daemons_proc(struct inode *inode)
{
	struct proc_inode *p = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	struct hlist_node *node = NULL;
	struct task_struct *task;
	struct pid *pid = NULL;

	bpf_core_read(&pid, sizeof(pid), &p->pid);
	if (!pid || bpf_core_read(&node, sizeof(node), &pid->tasks[0].first) < 0 || !node)
		return false;
	task = (void *)node - bpf_core_field_offset(struct task_struct, pid_links);
	return has_daemons_number(task);
}

/* What process 1 has forked writes itself into the cgroup before it becomes what the unit says (ExecReload=). */
static __always_inline bool joins_from_init(struct dentry *dentry)
{
	return bpf_get_current_task_btf()->real_parent->tgid == 1 && has_name(dentry, "cgroup.procs", "cgroup.procs");
}

static __always_inline bool is_cgroup_switch(struct dentry *dentry)
{
	int level = dentry->d_parent->d_inode ? level_of_cgroup(dentry->d_parent->d_inode) : 0;

	if (level == 1)
		return !joins_from_init(dentry);
	return level && !has_name(dentry, "cgroup.procs", "cgroup.threads"); /* these do nothing to who is there */
}

SEC("lsm/file_open")
int BPF_PROG(guard_open, struct file *file)
{
	struct inode *inode = file->f_inode;
	struct dentry *dentry;
	__u64 magic;

	if (!(file->f_mode & FMODE_WRITE) || !guard.active)
		return 0;
	magic = inode->i_sb->s_magic;
	dentry = file->f_path.dentry;
	if (magic == PROC_SUPER_MAGIC) {
		/* The first takes every BPF LSM program away, the second can end every process. */
		if (has_name(dentry, "ftrace_enabled", "sysrq-trigger"))
			refuse(SYSCTL, 0, dentry);
		if (is_daemons_proc(inode))
			refuse(PROC, 0, dentry);
	} else if (magic == CGROUP2_SUPER_MAGIC) {
		if (is_cgroup_switch(dentry))
			refuse(CGROUP, 0, dentry);
	} else if (magic == CGROUP_SUPER_MAGIC) {
		/* Of no matter which cgroup: where a process is moved there the kernel asks nobody. */
		if (has_name(dentry, "freezer.state", "freezer.state"))
			refuse(CGROUP, 0, dentry);
	} else if (is_guarded(dentry, IMAD_GUARD_INODE | IMAD_GUARD_TREE)) {
		refuse(FILE, 0, dentry);
	}
	return 0;
}

#define CHANGED (IMAD_GUARD_INODE | IMAD_GUARD_TREE)
#define NAMED (IMAD_GUARD_INODE | IMAD_GUARD_TREE | IMAD_GUARD_NAME)
#define GUARD_DENTRY(cause, dentry, own)                              \
	do {                                                          \
		if (guard.active && is_guarded((dentry), (own)))      \
			refuse(cause, 0, (dentry));                   \
		return 0;                                             \
	} while (0)

/* flock(), fcntl() and leases: imad would wait for whoever has one, or not start again. */
SEC("lsm/file_lock")
int BPF_PROG(guard_lock, struct file *file, unsigned int cmd)
{
	if (cmd == F_UNLCK)
		return 0;
	GUARD_DENTRY(LOCK, file->f_path.dentry, CHANGED);
}

/* A group that answers for opens of one of these files, or of those in a folder above them. */
SEC("lsm/path_notify")
int BPF_PROG(guard_notify, struct path *path, __u64 mask, unsigned int type)
{
	if (!(mask & FS_PERMISSION_EVENTS) || type != FSNOTIFY_OBJ_TYPE_INODE)
		return 0;
	GUARD_DENTRY(LOCK, path->dentry, NAMED);
}

static __always_inline bool sets_attributes(unsigned int cmd)
{
	return cmd == FS_IOC_SETFLAGS || cmd == FS_IOC32_SETFLAGS || cmd == FS_IOC_FSSETXATTR;
}

#define GUARD_IOCTL(hook)                                                     \
	SEC("lsm/file_" #hook)                                                \
	int BPF_PROG(guard_##hook, struct file *file, unsigned int cmd)       \
	{                                                                     \
		if (!sets_attributes(cmd))                                    \
			return 0;                                             \
		GUARD_DENTRY(FILE, file->f_path.dentry, CHANGED);             \
	}
GUARD_IOCTL(ioctl)
GUARD_IOCTL(ioctl_compat)

SEC("lsm/inode_rename")
int BPF_PROG(guard_rename, struct inode *dir, struct dentry *dentry, struct inode *to_dir, struct dentry *to)
{
	if (!guard.active)
		return 0;
	if (is_guarded(dentry, NAMED))
		refuse(FILE, 0, dentry);
	if (is_guarded(to, NAMED))
		refuse(FILE, 0, to);
	return 0;
}

SEC("lsm/inode_link")
int BPF_PROG(guard_link, struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	if (!guard.active)
		return 0;
	if (is_guarded(old, CHANGED))
		refuse(FILE, 0, old);
	if (is_guarded(dentry, CHANGED))
		refuse(FILE, 0, dentry);
	return 0;
}

/* Hooks whose dentry comes first. */
#define GUARD_FIRST(hook, own)                                                     \
	SEC("lsm/inode_" #hook)                                                    \
	int BPF_PROG(guard_##hook, struct dentry *dentry)                          \
	{                                                                          \
		GUARD_DENTRY(FILE, dentry, own);                                   \
	}
/* ... and those where it stands behind a folder or an idmap. */
#define GUARD_SECOND(hook, own)                                                    \
	SEC("lsm/inode_" #hook)                                                    \
	int BPF_PROG(guard_##hook, void *before, struct dentry *dentry)            \
	{                                                                          \
		GUARD_DENTRY(FILE, dentry, own);                                   \
	}
GUARD_SECOND(unlink, NAMED)
GUARD_SECOND(rmdir, NAMED)
GUARD_SECOND(create, CHANGED)
GUARD_SECOND(symlink, CHANGED)
GUARD_SECOND(mkdir, CHANGED)
GUARD_SECOND(mknod, CHANGED)
GUARD_SECOND(setxattr, CHANGED)
GUARD_SECOND(removexattr, CHANGED)
GUARD_SECOND(set_acl, CHANGED)
GUARD_SECOND(remove_acl, CHANGED)
GUARD_FIRST(file_setattr, CHANGED)

/* With an idmap since 6.9: the daemon loads the one that fits. */
SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr2, struct dentry *dentry)
{
	GUARD_DENTRY(FILE, dentry, CHANGED);
}

SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr3, void *idmap, struct dentry *dentry)
{
	GUARD_DENTRY(FILE, dentry, CHANGED);
}

#endif
