/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard reads in the kernel; see kernel.h, of which it needs little and other fields. */
#ifndef IMAD_BPF_GUARD_KERNEL_H
#define IMAD_BPF_GUARD_KERNEL_H

#include <linux/types.h>

/* Values that BTF does not carry. */
#define FMODE_WRITE 0x2
#define PF_KTHREAD 0x00200000
#define PTRACE_MODE_ATTACH 0x02
#define EPERM 1
#define SIGINT 2
#define SIGTERM 15
#define PROC_SUPER_MAGIC 0x9fa0
#define CGROUP2_SUPER_MAGIC 0x63677270
#define MS_REMOUNT 32
#define MS_MOVE 8192
#define MS_PROPAGATION ((1 << 17) | (1 << 18) | (1 << 19) | (1 << 20)) /* unbindable, private, slave, shared */
#define TICK_NS 10000000 /* of field 22 of /proc/PID/stat: USER_HZ is 100 everywhere that imad runs */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mnt_namespace;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct task_struct {
	unsigned int flags;
	int pid, tgid;
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct nsproxy *nsproxy;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
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

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1];
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
