/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What imad reads in the kernel, and nothing else: types cut down to the fields
 * used. preserve_access_index makes every access a CO-RE relocation against the
 * running kernel's BTF, so neither the field order here nor the build host's
 * kernel matters. Where releases differ the reason stands beside the field.
 */
#ifndef IMAD_BPF_KERNEL_H
#define IMAD_BPF_KERNEL_H

#include <linux/types.h>

typedef __u16 umode_t;
typedef __u32 fmode_t;
typedef long long loff_t;

/* Values that BTF does not carry. */
#define S_IFMT 00170000
#define S_IFREG 0100000
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000
#define O_TMPFILE_FLAG 020000000
#define FMODE_EXEC_FLAG 0x20 /* __FMODE_EXEC in f_flags: open_exec() and execve() */
#define O_ACCMODE 00000003
#define O_TRUNC 00001000
#define O_APPEND 00002000
#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define MAP_SHARED 0x1
#define ATTR_MODE (1 << 0)
#define ATTR_UID (1 << 1)
#define ATTR_GID (1 << 2)
#define ATTR_SIZE (1 << 3)
#define ATTR_FILE (1 << 13)
#define SB_KERNMOUNT (1 << 22)
#define SB_I_IMA_UNVERIFIABLE 0x60 /* SB_I_IMA_UNVERIFIABLE_SIGNATURE | SB_I_UNTRUSTED_MOUNTER */
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define FUSE_SUPER_MAGIC 0x65735546
#define FS_HAS_SUBTYPE 4
#define F_SEALS_ALL 0xf /* F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE */
#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_SYS_ADMIN 21
#define EACCES 13
#define EPERM 1
#define EINVAL 22
#define VM_EXEC 0x4
#define MAX_ERRNO 4095
#define ERESTARTNOINTR 513
#define SIGCONT 18
#define SIGSTOP 19

/* enum kernel_read_file_id (include/linux/kernel_read_file.h) */
#define READING_FIRMWARE 1
#define READING_MODULE 2
#define READING_KEXEC_IMAGE 3
#define READING_KEXEC_INITRAMFS 4
#define READING_POLICY 5
#define READING_MODULE_COMPRESSED 7 /* since 6.19; READING_MODULE comes again when it is unpacked */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

/* Two u32 before 6.3, one u64 since (f122a08b197d): eight bytes either way, low word first. */
typedef struct {
	__u64 val;
} kernel_cap_t;

typedef struct {
	__u8 b[16];
} uuid_t;

typedef struct {
	int counter;
} atomic_t;

struct uid_gid_extent {
	__u32 first, lower_first, count;
};

/* Up to five extents lie in it; more, in two sorted tables beside it. */
struct uid_gid_map {
	__u32 nr_extents;
	struct uid_gid_extent extent[5];
	struct uid_gid_extent *forward, *reverse; /* by first, by lower_first */
};

struct user_namespace {
	struct uid_gid_map uid_map, gid_map;
	int level;
};

/* Since 6.2; the maps themselves since 6.6, before that those of @owner. */
struct mnt_idmap {
	struct uid_gid_map uid_map, gid_map;
	struct user_namespace *owner;
};

struct cred {
	kuid_t uid, suid, euid;
	kgid_t gid, sgid, egid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
	void *security;
};

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct signal_struct {
	atomic_t live; /* threads */
};

struct task_struct {
	int pid, tgid;
	const struct cred *cred;
	struct nsproxy *nsproxy; /* NULL: it is ending */
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct signal_struct *signal;
};

struct file_system_type {
	int fs_flags;
	const char *name;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_flags;
	unsigned long s_iflags;
	unsigned long s_magic;
	struct file_system_type *s_type;
	const char *s_subtype; /* of FUSE: "sshfs"; NULL for most */
	char s_id[32];
	uuid_t s_uuid;
	struct user_namespace *s_user_ns;
};

#define S_VERITY (1 << 16) /* of inode.i_flags */

struct inode {
	unsigned int i_flags;
	umode_t i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	void *i_security;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	loff_t i_size;
	atomic_t i_writecount;
	atomic_t i_readcount; /* CONFIG_IMA or CONFIG_FILE_LOCKING */
	__u32 i_generation;
};

struct shmem_inode_info {
	unsigned int seals;
	struct inode vfs_inode;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct hlist_bl_node d_hash; /* pprev is NULL: unlinked */
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct user_namespace *mnt_userns; /* before 6.2 */
	struct mnt_idmap *mnt_idmap;	   /* since (256c8aed2b42) */
};

/* --- what security modules have hung on inodes and credentials, and SELinux's table of contexts */

struct lsm_blob_sizes {
	int lbs_cred, lbs_inode; /* in the module's own one: where its part begins */
};

struct inode_security_struct {
	__u32 sid;
};

struct task_security_struct {
	__u32 sid;
};

struct cred_security_struct {
	__u32 sid;
};

struct smack_known {
	char *smk_known;
};

struct inode_smack {
	struct smack_known *smk_inode;
};

struct task_smack {
	struct smack_known *smk_task;
};

struct context {
	__u32 user, role, type;
	__u32 len; /* of a text that the loaded policy does not understand */
};

struct sidtab_entry {
	__u32 sid;
	struct context context;
};

struct sidtab_isid_entry {
	int set;
	struct sidtab_entry entry;
};

union sidtab_entry_inner {
	void *ptr_inner;
};

struct sidtab_node_inner {
	union sidtab_entry_inner entries[512];
};

struct sidtab_node_leaf {
	struct sidtab_entry entries[39];
};

struct sidtab {
	union sidtab_entry_inner roots[4];
	__u32 count;
	struct sidtab_isid_entry isids[27];
};

struct policydb {
	char **sym_val_to_name[8];
};

struct selinux_policy {
	struct sidtab *sidtab;
	struct policydb policydb;
	__u32 latest_granting; /* moves with each policy */
};

struct selinux_state {
	struct selinux_policy *policy;
};

/* --- files and what they are opened through */

struct mnt_namespace;

struct mount {
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	fmode_t f_mode;
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
};

/* What overlayfs opens, since 6.5; up to 6.6 without this field. */
struct backing_file {
	struct file file;
	struct path user_path;
};

struct linux_binprm {
	struct file *file;
	struct cred *cred; /* of the program to be */
	unsigned int is_check : 1; /* since 6.14 */
	char buf[256];
};

struct key_type {
	const char *name;
};

struct key {
	struct key_type *type;
	char *description;
};

struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};

struct iattr {
	unsigned int ia_valid;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	int syscallno;
};
#endif

#pragma clang attribute pop

#endif
