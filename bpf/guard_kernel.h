/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard reads in the kernel; see kernel.h, of which it needs little and other fields. */
#ifndef IMAD_BPF_GUARD_KERNEL_H
#define IMAD_BPF_GUARD_KERNEL_H

#include <linux/types.h>

/* Values that BTF does not carry. */
#define FMODE_WRITE 0x2
#define S_IFMT 00170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFLNK 0120000
#define MAY_WRITE 0x2
#define PTRACE_MODE_ATTACH 0x02
#define EPERM 1
#define EACCES 13
#define EBADF 9
#define ENOSPC 28
#define EMEDIUMTYPE 124
#define SIGHUP 1
#define SIGINT 2
#define SIGTERM 15
#define PROC_SUPER_MAGIC 0x9fa0
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270
#define F_UNLCK 2
/* FS_*_PERM and FS_PRE_ACCESS (include/linux/fsnotify_backend.h): what waits for an answer. */
#define FS_PERMISSION_EVENTS 0x00170000
#define FSNOTIFY_OBJ_TYPE_INODE 0
#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820
#define MNT_DETACH 2
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_MOVE 8192
#define MS_PROPAGATION ((1 << 17) | (1 << 18) | (1 << 19) | (1 << 20)) /* unbindable, private, slave, shared */
#define LOADING_KEXEC_IMAGE 3 /* enum kernel_load_data_id (include/linux/kernel_read_file.h) */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mnt_namespace;
struct task_struct;

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct list_head {
	struct list_head *next;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct kernfs_node {
	struct kernfs_node *parent;
};

/* Since 6.15. */
struct kernfs_node___v6_15 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* in the unified hierarchy */
};

struct task_struct {
	int pid, tgid;
	unsigned int ptrace;
	__u64 start_boottime;
	struct task_struct *group_leader, *real_parent;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	struct files_struct *files;
	struct hlist_node pid_links[1];
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	void *i_private; /* in a kernfs: its struct kernfs_node */
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts, mnt_child;
	struct mnt_namespace *mnt_ns;
	int mnt_group_id; /* of the peers that it shares its mounts with; 0: with nobody */
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	__u32 f_mode;
	struct path f_path;
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct pid {
	struct hlist_head tasks[1];
};

struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct bpf_map {
	__u32 id;
};

struct bpf_prog_aux {
	__u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

#pragma clang attribute pop

#endif
