/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's cgroup: it is not frozen, killed or starved, and the daemon is not moved to another one where it would be.
 * No hook is for moves. But between the function that looks the process up and the move the kernel asks, with the lock of
 * all cgroups held, whether the mover may write cgroup.procs of the cgroup above both.
 */
#ifndef IMAD_BPF_GUARD_CGROUP_H
#define IMAD_BPF_GUARD_CGROUP_H

/* 0: none of the daemon's; 1: its own; more: one above it. */
static __noinline int level_of_cgroup(struct inode *folder)
{
	__u64 node = (__u64)folder->i_private;

	for (int i = 0; i < IMAD_GUARD_CGROUPS && guard.cgroups[i]; i++)
		if (guard.cgroups[i] == node)
			return i + 1;
	return 0;
}

static __noinline bool has_name(struct dentry *dentry, const char *a, const char *b)
{
	char name[16] = {};

	return bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name) > 0 &&
	       (bpf_strncmp(name, sizeof(name), a) == 0 || bpf_strncmp(name, sizeof(name), b) == 0);
}

SEC("fexit/cgroup_procs_write_start")
int guard_moving(__u64 *ctx)
{
	__u32 mover = 0;
	__u64 ret = 0;

	if (!guard.active || bpf_get_func_ret(ctx, &ret) < 0)
		return 0;
	if (has_daemons_number((struct task_struct *)ret) && !is_trusted())
		mover = (__u32)bpf_get_current_pid_tgid();
	guard.mover = mover;
	return 0;
}

SEC("lsm/inode_permission")
int BPF_PROG(guard_move, struct inode *inode, int mask)
{
	if (!guard.mover || guard.mover != (__u32)bpf_get_current_pid_tgid() || !(mask & MAY_WRITE) ||
	    inode->i_sb->s_magic != CGROUP2_SUPER_MAGIC)
		return 0;
	guard.mover = 0;
	tell(IMAD_REFUSED_CGROUP, 0, NULL);
	return -EPERM;
}

#endif
