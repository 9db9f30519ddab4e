/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs outlive the daemon. From the moment on in which its gate goes nothing is
 * held any more: what is known stays known, what is not is denied where it is appraised,
 * and events wait for the next daemon.
 */
#ifndef IMAD_BPF_DEATH_H
#define IMAD_BPF_DEATH_H

/* Before the last thread of the daemon gives its descriptors back, and so before the gate opens. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(imad_daemon_died, struct task_struct *task)
{
	if (!control.tgid || (__u32)task->tgid != control.tgid || task->group_leader->start_boottime != control.born)
		return 0;
	if (task->signal->live.counter > 0)
		return 0;
	control.died = bpf_ktime_get_boot_ns();
	control.era++;
	control.heir = 0;
	*(volatile __u32 *)&control.unattended = 1;
	control.tgid = 0;
	return 0;
}

/*
 * Its program is executed again, by root of the host. That it is the right one has been
 * appraised by now, and so are its libraries; but what it opens nobody has looked at.
 */
static __always_inline void note_heir(struct linux_binprm *bprm)
{
	const struct cred *cred = bpf_get_current_task_btf()->cred;
	struct inode *inode = bprm->file->f_inode;

	if (inode->i_ino != control.exe_ino || inode->i_sb->s_dev != control.exe_dev)
		return;
	if (cred->euid.val != 0 || cred->user_ns->level != 0)
		return;
	control.heir_born = bpf_get_current_task_btf()->group_leader->start_boottime;
	control.heir = bpf_get_current_pid_tgid() >> 32;
}

#endif
