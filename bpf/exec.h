/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs: the files of an exec chain, who they run as, and where an exec ends. */
#ifndef IMAD_BPF_EXEC_H
#define IMAD_BPF_EXEC_H

/* A file of an exec chain, or one that an interpreter asks about. */
static __always_inline int check_program(struct linux_binprm *bprm)
{
	struct file *file = bprm->file;
	struct inode *inode = file->f_inode;
	__u32 slots, done, func;
	struct imad_verdict *v;
	struct walk w = {};
	int r;

	w.loose = any_value(!settle_memory(inode));
	w.written = any_value(settle_beneath(inode) > 0);
	v = verdict_find(inode);
	done = done_slots(gen_find(inode), v, writers_of(inode));
	if ((!w.loose && is_settled(inode, v, done)) || is_skipped(inode))
		return 0;
	fill_facts(&w, &file->f_path, inode, control.conds);
	slots = match(&w, IMAD_BPRM_CHECK, IMAD_MAY_EXEC, done);
	func = any_value(slots ? IMAD_BPRM_CHECK : IMAD_CREDS_CHECK);
	r = any_value(judge(&w, file, inode, v, done, IMAD_BPRM_CHECK, true));
	if (!control.creds_final) {
		fill_user(&w, inode, bprm->cred, control.conds);
		slots |= match(&w, IMAD_CREDS_CHECK, IMAD_MAY_EXEC, done | slots);
		if (r == 0)
			r = judge(&w, file, inode, v, done, IMAD_CREDS_CHECK, true);
	}
	r = any_value(r);
	slots = any_value(slots);
	if (slots && is_news(&w, r))
		use(file, inode, v, func, slots);
	return known_errno(r);
}

/* Since 6.14 an interpreter can ask whether a script may be executed; no other hook is called then. */
SEC("lsm.s/bprm_creds_for_exec")
int BPF_PROG(imad_exec_check, struct linux_binprm *bprm)
{
	if (!control.active || !bpf_core_field_exists(bprm->is_check) || !BPF_CORE_READ_BITFIELD(bprm, is_check))
		return 0;
	return check_program(bprm);
}

SEC("lsm.s/bprm_check_security")
int BPF_PROG(imad_bprm_check, struct linux_binprm *bprm)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u8 one = 1;
	int r;

	if (!control.active)
		return 0;
	if (bprm->buf[0] == 0x7f && bprm->buf[1] == 'E' && bprm->buf[2] == 'L' && bprm->buf[3] == 'F') {
		bpf_map_update_elem(&in_elf_exec, &tid, &one, BPF_ANY);
		note_program(bprm->file->f_inode);
	}
	r = check_program(bprm);
	if (r < 0)
		bpf_map_delete_elem(&in_elf_exec, &tid);
	return r;
}

/* Since 6.19 (in the kernel's IMA) the new ids are final, and asked of the program alone. */
SEC("?lsm.s/bprm_creds_from_file")
int BPF_PROG(imad_bprm_creds, struct linux_binprm *bprm, struct file *file)
{
	struct inode *inode = file->f_inode;
	struct imad_verdict *v;
	struct walk w = {};
	__u32 slots, done, active;
	int r;

	if (!control.active || !(control.funcs & (1u << IMAD_CREDS_CHECK)))
		return 0;
	w.loose = any_value(!settle_memory(inode));
	w.written = any_value(settle_beneath(inode) > 0);
	v = verdict_find(inode);
	done = done_slots(gen_find(inode), v, writers_of(inode));
	if ((!w.loose && is_settled(inode, v, done)) || is_skipped(inode))
		return 0;
	fill_facts(&w, &file->f_path, inode, control.conds);
	active = w.active;
	fill_ids(&w, bprm->cred, control.conds); /* the label is that of who executes, as in the kernel's IMA since then */
	w.active = active;
	slots = match(&w, IMAD_CREDS_CHECK, IMAD_MAY_EXEC, done);
	r = any_value(judge(&w, file, inode, v, done, IMAD_CREDS_CHECK, true));
	if (slots && is_news(&w, r))
		use(file, inode, v, IMAD_CREDS_CHECK, slots);
	return known_errno(r);
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(imad_bprm_committed, struct linux_binprm *bprm)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&in_elf_exec, &tid);
	if (control.unattended)
		note_heir(bprm);
	return 0;
}

/* An exec that failed on its way: its thread's number comes back with another one. */
SEC("lsm/task_free")
int BPF_PROG(imad_task_free, struct task_struct *task)
{
	__u32 tid = task->pid;

	bpf_map_delete_elem(&in_elf_exec, &tid);
	bpf_map_delete_elem(&exec_files, &tid);
	bpf_map_delete_elem(&rounds, &tid);
	return 0;
}

#endif
