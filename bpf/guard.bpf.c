// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard: refuses what would switch imad off, to root too. An object of its own, loaded only where
 * protect = yes. Whom it serves is known by identity: the daemon (pid and start), process 1, the kernel,
 * files by device and inode, BPF objects by id.
 *
 *   task_kill, file_send_sigiotask       signals
 *   ptrace_access_check                  memory and descriptors: /proc/PID/mem, process_vm_*, pidfd_getfd too
 *   task_setrlimit, _setnice, _setscheduler, _setioprio, _movememory
 *   bpf, bpf_map, bpf_prog               by id or by pin
 *   file_open, inode_*                   files of its own, its cgroup, its /proc, two switches
 *   sb_mount, move_mount, sb_umount, sb_pivotroot
 */
#include "guard_kernel.h"
#include <imad/guard_abi.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define DEPTH_MAX 6 /* of folders that are looked at above a file */

struct imad_guard guard = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct imad_guard_inode);
	__type(value, struct imad_guard_mark);
} inodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct imad_guard_id);
	__type(value, __u32); /* round */
} ids SEC(".maps");

/* Mounts that stay, by address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32); /* round */
} mounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} refusals SEC(".maps");

static __always_inline bool is_who(struct task_struct *task, const struct imad_guard_who *who)
{
	return who->tgid && (__u32)task->tgid == who->tgid && task->group_leader->start_boottime / TICK_NS == who->start;
}

static __always_inline bool is_daemon_task(struct task_struct *task)
{
	return guard.active && is_who(task, &guard.daemon);
}

/* May the current task do what others may not? */
static __always_inline bool is_trusted(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->tgid == 1 || (task->flags & PF_KTHREAD) || is_who(task, &guard.daemon) ||
	       guard.unlocked_until > bpf_ktime_get_boot_ns();
}

static __always_inline void tell(__u32 cause, __u32 detail, struct dentry *dentry)
{
	struct imad_guard_event *e;

	__sync_fetch_and_add(&guard.refused[cause], 1);
	e = bpf_ringbuf_reserve(&refusals, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&guard.lost, 1);
		return;
	}
	e->cause = cause;
	e->tgid = bpf_get_current_pid_tgid() >> 32;
	e->uid = (__u32)bpf_get_current_uid_gid();
	e->detail = detail;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->name[0] = '\0';
	if (dentry)
		bpf_probe_read_kernel_str(e->name, sizeof(e->name), dentry->d_name.name);
	bpf_ringbuf_submit(e, 0);
}

#define refuse(cause, detail, dentry)                              \
	do {                                                       \
		if (is_trusted())                                  \
			return 0;                                  \
		tell(IMAD_GUARD_##cause, (detail), (dentry));      \
		return -EPERM;                                     \
	} while (0)

/* --- the process */

SEC("lsm/task_kill")
int BPF_PROG(guard_kill, struct task_struct *task, void *info, int sig)
{
	if (sig == 0 || !is_daemon_task(task))
		return 0;
	if ((sig == SIGTERM || sig == SIGINT) && is_who(bpf_get_current_task_btf(), &guard.starter))
		return 0;
	refuse(SIGNAL, sig, NULL);
}

/* F_SETOWN and F_SETSIG: the signal comes from the kernel, in whatever task is current then. */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(guard_sigio, struct task_struct *task, void *fown, int sig)
{
	if (!is_daemon_task(task) || guard.unlocked_until > bpf_ktime_get_boot_ns())
		return 0;
	tell(IMAD_GUARD_SIGNAL, sig, NULL);
	return -EPERM;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(guard_ptrace, struct task_struct *task, unsigned int mode)
{
	if (!(mode & PTRACE_MODE_ATTACH) || !is_daemon_task(task))
		return 0;
	refuse(PTRACE, 0, NULL);
}

#define GUARD_TASK(hook)                                        \
	SEC("lsm/task_" #hook)                                  \
	int BPF_PROG(guard_##hook, struct task_struct *task)    \
	{                                                       \
		if (!is_daemon_task(task))                      \
			return 0;                               \
		refuse(LIMITS, 0, NULL);                        \
	}
GUARD_TASK(setrlimit)
GUARD_TASK(setnice)
GUARD_TASK(setscheduler)
GUARD_TASK(setioprio)
GUARD_TASK(movememory)

/* --- BPF objects */

static __always_inline bool is_guarded_id(__u32 kind, __u32 id)
{
	struct imad_guard_id key = { .kind = kind, .id = id };

	return guard.active && bpf_map_lookup_elem(&ids, &key);
}

SEC("lsm/bpf_map")
int BPF_PROG(guard_map, struct bpf_map *map, __u32 fmode)
{
	if (!is_guarded_id(IMAD_GUARD_MAP, map->id))
		return 0;
	refuse(BPF, map->id, NULL);
}

SEC("lsm/bpf_prog")
int BPF_PROG(guard_prog, struct bpf_prog *prog)
{
	if (!is_guarded_id(IMAD_GUARD_PROG, prog->aux->id))
		return 0;
	refuse(BPF, prog->aux->id, NULL);
}

SEC("lsm/bpf")
int BPF_PROG(guard_bpf, int cmd, union bpf_attr *attr)
{
	__u32 id = 0;

	if (cmd != BPF_LINK_GET_FD_BY_ID)
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id), &attr->link_id);
	if (!is_guarded_id(IMAD_GUARD_LINK, id))
		return 0;
	refuse(BPF, id, NULL);
}

/* --- files */

static __always_inline __u32 flags_of(struct inode *inode)
{
	struct imad_guard_inode key = {};
	struct imad_guard_mark *mark;

	key.ino = inode->i_ino;
	key.dev = inode->i_sb->s_dev;
	mark = bpf_map_lookup_elem(&inodes, &key);
	return mark ? mark->flags : 0;
}

/* Whether it, or a tree that it is in, is guarded. A new name has no inode yet. */
static __always_inline bool is_guarded(struct dentry *dentry, __u32 own)
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

/* The daemon shows what is to be guarded by opening it. */
static __always_inline void take_probe(struct file *file, struct inode *inode)
{
	struct imad_guard_mark mark = { .flags = guard.probe_flags, .round = guard.round }, *old;
	__u64 mnt = (__u64)file->f_path.mnt;
	struct imad_guard_inode key = {};

	key.ino = inode->i_ino;
	key.dev = inode->i_sb->s_dev;
	old = bpf_map_lookup_elem(&inodes, &key);
	if (old && old->round == mark.round)
		mark.flags |= old->flags;
	bpf_map_update_elem(&inodes, &key, &mark, BPF_ANY);
	if (mark.flags & IMAD_GUARD_MOUNT)
		bpf_map_update_elem(&mounts, &mnt, &mark.round, BPF_ANY);
	guard.mnt_ns = (__u64)bpf_get_current_task_btf()->nsproxy->mnt_ns;
}

/* What is below /proc/PID of the daemon and of each of its threads. */
static __always_inline bool is_daemons_proc(struct inode *inode)
{
	struct proc_inode *p = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	struct pid *pid = NULL;
	int nr = 0;

	bpf_core_read(&pid, sizeof(pid), &p->pid);
	if (!pid || bpf_core_read(&nr, sizeof(nr), &pid->numbers[0].nr) < 0)
		return false;
	return nr > 0 && is_guarded_id(IMAD_GUARD_THREAD, nr);
}

/* kernel.ftrace_enabled = 0 takes every BPF LSM program away; some keys of sysrq end every process. */
static __always_inline bool is_switch(struct dentry *dentry)
{
	char name[16] = {};

	if (bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name) < 0)
		return false;
	return bpf_strncmp(name, sizeof(name), "ftrace_enabled") == 0 || bpf_strncmp(name, sizeof(name), "sysrq-trigger") == 0;
}

/* Files that move processes into a cgroup above do nothing to those that are there. */
static __always_inline bool moves_processes(struct dentry *dentry)
{
	char name[16] = {};

	if (bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name) < 0)
		return false;
	return bpf_strncmp(name, sizeof(name), "cgroup.procs") == 0 || bpf_strncmp(name, sizeof(name), "cgroup.threads") == 0;
}

SEC("lsm/file_open")
int BPF_PROG(guard_open, struct file *file)
{
	struct inode *inode = file->f_inode;
	struct dentry *dentry;
	__u64 magic;
	__u32 up;

	if (guard.probe_tid && guard.probe_tid == (__u32)bpf_get_current_pid_tgid()) {
		take_probe(file, inode);
		return 0;
	}
	if (!(file->f_mode & FMODE_WRITE) || !guard.active)
		return 0;
	magic = inode->i_sb->s_magic;
	dentry = file->f_path.dentry;
	if (magic == PROC_SUPER_MAGIC) {
		if (is_switch(dentry))
			refuse(SYSCTL, 0, dentry);
		if (is_daemons_proc(inode))
			refuse(PROC, 0, dentry);
	} else if (magic == CGROUP2_SUPER_MAGIC) {
		up = dentry->d_parent->d_inode ? flags_of(dentry->d_parent->d_inode) : 0;
		if ((up & IMAD_GUARD_CGROUP) || ((up & IMAD_GUARD_CGROUP_UP) && !moves_processes(dentry)))
			refuse(CGROUP, 0, dentry);
	} else if (is_guarded(dentry, IMAD_GUARD_INODE | IMAD_GUARD_TREE)) {
		refuse(FILE, 0, dentry);
	}
	return 0;
}

#define CHANGED (IMAD_GUARD_INODE | IMAD_GUARD_TREE)
#define NAMED (IMAD_GUARD_INODE | IMAD_GUARD_TREE | IMAD_GUARD_NAME)
#define GUARD_DENTRY(dentry, own)                                     \
	do {                                                          \
		if (guard.active && is_guarded((dentry), (own)))      \
			refuse(FILE, 0, (dentry));                    \
		return 0;                                             \
	} while (0)

SEC("lsm/inode_unlink")
int BPF_PROG(guard_unlink, struct inode *dir, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, NAMED);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(guard_rmdir, struct inode *dir, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, NAMED);
}

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
	GUARD_DENTRY(dentry, CHANGED);
}

#define GUARD_NEW(hook)                                                            \
	SEC("lsm/inode_" #hook)                                                    \
	int BPF_PROG(guard_##hook, struct inode *dir, struct dentry *dentry)       \
	{                                                                          \
		GUARD_DENTRY(dentry, CHANGED);                                     \
	}
GUARD_NEW(create)
GUARD_NEW(symlink)
GUARD_NEW(mkdir)
GUARD_NEW(mknod)

/* With an idmap since 6.9: the daemon loads the one that fits. */
SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr2, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, CHANGED);
}

SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr3, void *idmap, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, CHANGED);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(guard_setxattr, void *idmap, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, CHANGED);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(guard_removexattr, void *idmap, struct dentry *dentry)
{
	GUARD_DENTRY(dentry, CHANGED);
}

/* --- mounts: in the daemon's namespace only, for elsewhere they take nothing from it */

static __always_inline bool is_ours(struct vfsmount *mnt)
{
	struct mount *m = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	__u64 ns = 0;

	bpf_core_read(&ns, sizeof(ns), &m->mnt_ns);
	return guard.active && ns == guard.mnt_ns;
}

static __always_inline bool stays(struct vfsmount *mnt)
{
	__u64 key = (__u64)mnt;

	return guard.active && bpf_map_lookup_elem(&mounts, &key);
}

#define COVERED (IMAD_GUARD_INODE | IMAD_GUARD_TREE | IMAD_GUARD_COVER)

SEC("lsm/sb_mount")
int BPF_PROG(guard_mount, const char *source, struct path *path, const char *type, unsigned long flags)
{
	if ((flags & (MS_REMOUNT | MS_PROPAGATION)) || !is_ours(path->mnt))
		return 0;
	/* Of a move only the name of what is moved is known. */
	if ((flags & MS_MOVE) || is_guarded(path->dentry, COVERED))
		refuse(MOUNT, 0, path->dentry);
	return 0;
}

SEC("lsm/move_mount")
int BPF_PROG(guard_move_mount, struct path *from, struct path *to)
{
	if (stays(from->mnt))
		refuse(MOUNT, 0, from->dentry);
	if (is_ours(to->mnt) && is_guarded(to->dentry, COVERED))
		refuse(MOUNT, 0, to->dentry);
	return 0;
}

SEC("lsm/sb_umount")
int BPF_PROG(guard_umount, struct vfsmount *mnt)
{
	if (!stays(mnt))
		return 0;
	refuse(MOUNT, 0, NULL);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(guard_pivot, struct path *old)
{
	if (!is_ours(old->mnt))
		return 0;
	refuse(MOUNT, 0, NULL);
}
