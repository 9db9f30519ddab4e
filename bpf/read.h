/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel reads for itself: modules, firmware, kernels for kexec. */
#ifndef IMAD_BPF_READ_H
#define IMAD_BPF_READ_H

SEC("lsm.s/kernel_read_file")
int BPF_PROG(imad_kernel_read_file, struct file *file, int read_id, bool contents)
{
	struct imad_verdict *v;
	struct walk w = {};
	struct inode *inode;
	__u32 func, slots, done;

	if (!file || !control.active)
		return 0;
	inode = file->f_inode;
	v = verdict_find(inode);
	done = done_slots(gen_find(inode), v, writers_of(inode));
	/* A record with the appended signature is one of its own. */
	if (is_settled(inode, v, done) && read_id != READING_KEXEC_IMAGE && !(control.modsig_slots & ~done))
		return 0;
	func = any_value(read_func(read_id));
	fill_facts(&w, &file->f_path, inode, control.conds);
	if (read_id == READING_KEXEC_IMAGE)
		note_kexec_image(&w);
	slots = match(&w, func, IMAD_MAY_READ, done);
	if (!slots)
		return 0;
	if (control.hold == IMAD_HOLD_ACCESS && !control.unattended) /* the kernel reads next, and that the gate holds */
		want(file, inode, v, func, slots, 0, false);
	else
		use(file, inode, v, func, slots);
	return 0;
}

/* The content is in the kernel, and not used yet. */
SEC("?lsm/kernel_post_read_file")
int BPF_PROG(imad_kernel_post_read, struct file *file, char *content, loff_t size, int read_id)
{
	struct walk w = { .silent = true };
	struct imad_verdict *v;
	struct inode *inode;
	__u32 func, done, slots;
	int r;

	if (!file || !control.active || !(control.classes & IMAD_APPRAISE))
		return 0;
	inode = file->f_inode;
	v = verdict_find(inode);
	done = done_slots(gen_find(inode), v, writers_of(inode));
	if (is_settled(inode, v, done))
		return 0;
	func = any_value(read_func(read_id));
	fill_facts(&w, &file->f_path, inode, control.conds);
	slots = match(&w, func, IMAD_MAY_READ, done) & IMAD_SLOT_APPRAISE;
	r = any_value(judge(&w, file, inode, v, done, func, false));
	if (slots) /* not held: the next try will know */
		want_late(file, inode, v, func, slots, false);
	return known_errno(r);
}

#endif
