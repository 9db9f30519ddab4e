/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Have a system call begin anew, unseen, while the daemon finds out what it needs: for
 * files that an ignore mark, or no mark at all, keeps from the gate.
 *
 * A thread that is sent SIGSTOP and at once SIGCONT does not stop: the second takes
 * the first off its queue. What is left is that it returns to user mode through the
 * kernel's signal code, which restarts a call that ended with ERESTARTNOINTR. It may
 * be preempted on that way, so on a busy machine the daemon gets its turn.
 */
#ifndef IMAD_BPF_RESTART_H
#define IMAD_BPF_RESTART_H

#define RESTART_NS 2000000000ull /* longer than that nobody goes round */
#define RETELL_NS 250000000ull	 /* the daemon may not have heard, or not have found the file */

struct round {
	__u64 since, last, told, inode;
};

/* Threads that go round. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct round);
} rounds SEC(".maps");

/* Calls that have done nothing yet when they open, execute, map or change an attribute; in others an error could have other effects. */
static __always_inline bool can_restart(bool mapping)
{
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64)
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	int nr;

#if defined(__TARGET_ARCH_x86)
	nr = regs->orig_ax;
	if (mapping)
		return nr == 9;	 /* mmap */
	return nr == 2 || nr == 257 || nr == 437 || nr == 85 || nr == 304 /* open, openat, openat2, creat, open_by_handle_at */
	       || nr == 59 || nr == 322 /* execve, execveat */
	       || nr == 0 || nr == 17 || nr == 19 /* read, pread64, readv */
	       || (nr >= 90 && nr <= 94) || nr == 260 || nr == 268 || nr == 452 /* chmod, chown and their kin */
	       || nr == 188 || nr == 189 || nr == 190 || (nr >= 197 && nr <= 199) || nr == 463 || nr == 466; /* setxattr, removexattr */
#else
	nr = regs->syscallno;
	if (mapping)
		return nr == 222;
	return nr == 56 || nr == 437 || nr == 265 || nr == 221 || nr == 281 || nr == 63 || nr == 67 || nr == 65 ||
	       (nr >= 52 && nr <= 55) || nr == 452 || (nr >= 5 && nr <= 7) || (nr >= 14 && nr <= 16) || nr == 463 || nr == 466;
#endif
#else
	return false;
#endif
}

/* Whether this thread is on another round for @inode, and the daemon was told lately. */
__noinline bool goes_round_for(const __u64 *inode)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct round *r = bpf_map_lookup_elem(&rounds, &tid);
	__u64 now = bpf_ktime_get_ns();

	if (!inode || !r || r->inode != *inode || now - r->last > RESTART_NS || control.unattended)
		return false;
	if (now - r->told < RETELL_NS)
		return true;
	r->told = now;
	return false;
}

static __always_inline bool goes_round(struct inode *inode)
{
	__u64 address = (__u64)inode;

	return goes_round_for(&address);
}

static __always_inline void end_round(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&rounds, &tid);
}

/* -ERESTARTNOINTR, or 0: it cannot begin anew, or has done so for too long. */
__noinline int restart_for(const __u64 *inode, bool mapping)
{
	__u64 now = bpf_ktime_get_ns();
	struct round begin = { .since = now, .last = now, .told = now }, *r;
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (!inode)
		return 0;
	begin.inode = *inode;
	if (control.unattended || !can_restart(mapping)) /* nobody would find anything out */
		return 0;
	r = bpf_map_lookup_elem(&rounds, &tid);
	if (!r || r->inode != begin.inode || now - r->last > RESTART_NS) { /* the last one came to its end unseen */
		bpf_map_update_elem(&rounds, &tid, &begin, BPF_ANY);
	} else if (now - r->since > RESTART_NS) {
		end_round();
		return 0;
	} else {
		r->last = now;
	}
	if (bpf_send_signal_thread(SIGSTOP) < 0) /* process 1, threads of the kernel */
		return 0;
	bpf_send_signal_thread(SIGCONT);
	count(restarts);
	return -ERESTARTNOINTR;
}

static __always_inline int restart(struct inode *inode, bool mapping)
{
	__u64 address = (__u64)inode;

	return restart_for(&address, mapping);
}

#endif
