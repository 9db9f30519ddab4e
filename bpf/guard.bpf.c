// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard: refuses what would switch imad off, to root too. An object of its own, loaded only where
 * protect = yes. Whom it serves is known by identity: the daemon (pid and start), process 1, files, mounts
 * and cgroups by address, BPF objects by id. Nothing is believed that somebody could mount over.
 *
 *   task_kill, file_send_sigiotask       signals
 *   ptrace_access_check                  memory and descriptors: /proc/PID/mem, process_vm_*, pidfd_getfd too
 *   task_setrlimit, _setnice, _setscheduler, _setioprio, _movememory
 *   bpf, bpf_map, bpf_prog               by id or by pin
 *   cgroup_procs_write_start, inode_permission   its cgroup (guard_cgroup.h)
 *   file_open, file_lock, file_ioctl, path_notify, inode_*   files (guard_file.h)
 *   sb_mount, move_mount, sb_umount, sb_pivotroot            mounts (guard_mount.h)
 *   kernel_load_data                     a kernel for kexec that nobody can appraise
 */
#include "guard_kernel.h"
#include <imad/guard_abi.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct imad_guard guard = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32); /* IMAD_GUARD_* */
} inodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct imad_guard_id);
	__type(value, __u32); /* round */
} ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32); /* IMAD_GUARD_STAYS or IMAD_GUARD_POINT */
} mounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} refusals SEC(".maps");

/* @value, of which the verifier knows nothing from here on. */
__noinline __u64 any_value(__u64 value)
{
	asm volatile("" : "+r"(value));
	return value;
}

static __always_inline bool is_who(struct task_struct *task, const struct imad_guard_who *who)
{
	return who->tgid && (__u32)task->tgid == who->tgid && task->group_leader->start_boottime == who->start;
}

/* It has one child: the process that watches it. */
static __always_inline bool is_daemon(struct task_struct *task)
{
	return is_who(task, &guard.daemon) || is_who(task->real_parent, &guard.daemon);
}

static __always_inline bool is_daemon_task(struct task_struct *task)
{
	return guard.active && is_daemon(task);
}

/* The same of a task that the verifier does not know, as far as numbers tell. */
static __noinline bool has_daemons_number(struct task_struct *task)
{
	struct task_struct *parent = NULL;
	__u32 tgid = 0, above = 0;

	if (bpf_core_read(&tgid, sizeof(tgid), &task->tgid) == 0 && bpf_core_read(&parent, sizeof(parent), &task->real_parent) == 0)
		bpf_core_read(&above, sizeof(above), &parent->tgid);
	return guard.daemon.tgid && (tgid == guard.daemon.tgid || above == guard.daemon.tgid);
}

static __always_inline bool is_unlocked(void)
{
	return guard.unlocked_until > bpf_ktime_get_boot_ns();
}

/* May the current task do what others may not? Threads of the kernel may not: nfsd does what clients say. */
static __noinline bool is_trusted(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->tgid == 1 || is_daemon(task) || is_unlocked();
}

/* A function of its own: it is called often. The check is for the verifier. */
static __noinline void tell(__u32 cause, __u32 detail, struct dentry *dentry)
{
	struct imad_guard_event *e;

	if (cause >= IMAD_REFUSED_COUNT)
		return;
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
		tell(IMAD_REFUSED_##cause, (detail), (dentry));      \
		return -EPERM;                                     \
	} while (0)

/* --- the process */

SEC("lsm/task_kill")
int BPF_PROG(guard_kill, struct task_struct *task, void *info, int sig)
{
	if (sig == 0 || !is_daemon_task(task))
		return 0;
	if ((sig == SIGTERM || sig == SIGINT || sig == SIGHUP) && is_who(bpf_get_current_task_btf(), &guard.starter))
		return 0;
	refuse(SIGNAL, sig, NULL);
}

/* F_SETOWN and F_SETSIG: the signal comes from the kernel, in whatever task is current then. */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(guard_sigio, struct task_struct *task, void *fown, int sig)
{
	if (!is_daemon_task(task) || is_unlocked())
		return 0;
	tell(IMAD_REFUSED_SIGNAL, sig, NULL);
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

/*
 * kexec_load() gives the kernel memory, of no file: another kernel ends all this. kexec_file_load() is for the policy, and
 * what that refuses, and the kernel's own IMA, is refused with this error.
 */
SEC("lsm/kernel_load_data")
int BPF_PROG(guard_load_data, int id)
{
	if (!guard.active || id != LOADING_KEXEC_IMAGE || is_trusted())
		return 0;
	tell(IMAD_REFUSED_KEXEC, 0, NULL);
	return -EACCES;
}

#include "guard_cgroup.h"
#include "guard_file.h"
#include "guard_mount.h"
#include "guard_mark.h"
