/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels of a security module: which obj_*= and subj_*= conditions hold for a file and a
 * task. What the kernel's IMA asks security_audit_rule_match() is answered here from the same
 * structures: the number that SELinux has put on inode and credentials, and the context that
 * the loaded policy has under it (selinux.h); or Smack's label itself.
 *
 * What was found of a label is kept under its number, until SELinux or imad have another policy.
 */
#ifndef IMAD_BPF_LABELS_H
#define IMAD_BPF_LABELS_H

#include "selinux.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct imad_label_key);
	__type(value, __u32);
} label_bits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3 * IMAD_LABELS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct imad_label_name);
	__type(value, __u32);
} label_names SEC(".maps");

/* Room for a text, by thread: too long for the stack, and a sleeping program may change the CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct imad_label_name);
} label_texts SEC(".maps");

static const struct imad_label_name no_text;

static __always_inline struct imad_label_name *find_room(void)
{
	__u64 thread = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&label_texts, &thread);
}

/* The bits of the policy's conditions on @field that @text, the address of a string of the kernel's, fulfils. */
__noinline __u32 bits_of_text(__u32 field, __u64 text)
{
	struct imad_label_name *room = find_room();
	__u32 *bits;

	if (!room)
		return 0;
	__builtin_memset(room->text, 0, sizeof(room->text)); /* what is compared goes to the end of the field */
	room->field = field;
	if (!text || bpf_probe_read_kernel_str(room->text, sizeof(room->text), (const void *)text) < 0)
		return 0;
	bits = bpf_map_lookup_elem(&label_names, room);
	return bits ? *bits : 0;
}

/* ... in one of the names of a SELinux context. */
#define BITS_OF(KIND, kind)                                                                                          \
	bits_of_text(IMAD_LABEL_##KIND,                                                                              \
		     (__u64)selinux_name(FIELD(struct selinux_policy, policy, policydb.sym_val_to_name[SELINUX_SYM_##KIND]), \
				  PEEK_INT(struct context, context, kind)))

static __always_inline __u32 look_at_context(__u64 sid, const void *policy)
{
	const void *context = selinux_context(policy, sid);

	return context ? BITS_OF(USER, user) | BITS_OF(ROLE, role) | BITS_OF(TYPE, type) : 0;
}

/* Slowly, and without keeping it. @policy: SELinux's; NULL: Smack. */
__noinline __u32 look_at_label(__u64 id, __u64 policy, __u32 half)
{
	struct imad_label_name *room = find_room();
	__u32 bits = 0;

	if (!room) {
		count(unlabelled);
		return 0;
	}
	room->half = half;
	if (policy)
		bits = look_at_context(id, (const void *)policy);
	else if (bpf_core_type_exists(struct smack_known))
		bits = bits_of_text(IMAD_LABEL_USER, (__u64)PEEK_POINTER(struct smack_known, id, smk_known));
	return bits;
}

/*
 * All conditions of one half of the table that the label @id fulfils, of files and of tasks. A global
 * function: verified once. Three small frames, because under its callers the stack has no room for more.
 */
__noinline __u32 bits_of_label(__u64 id, __u32 half)
{
	struct imad_label_key key = { .id = id };
	const void *policy = NULL;
	__u32 *known, bits;
	__u64 thread;

	if (!id || half > 2)
		return 0;
	key.gen = control.labels_gen[half];
	if (control.lsm == IMAD_LSM_SELINUX) {
		policy = selinux_policy();
		if (!policy) /* not loaded yet: nothing has a context */
			return 0;
		key.seqno = selinux_seqno(policy);
	}
	known = bpf_map_lookup_elem(&label_bits, &key);
	if (known)
		return *known;
	thread = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&label_texts, &thread, &no_text, BPF_ANY);
	bits = look_at_label(id, (__u64)policy, half);
	/* One that was replaced meanwhile may have been freed under our eyes. */
	if (policy && policy != selinux_policy())
		bits = look_at_label(id, (__u64)selinux_policy(), half);
	else
		bpf_map_update_elem(&label_bits, &key, &bits, BPF_ANY);
	bpf_map_delete_elem(&label_texts, &thread);
	return bits;
}

/* Bits of struct policy.labels, for the rules in that half of the table. */
static __always_inline __u32 labels_of(__u64 object, __u64 subject, __u32 half)
{
	if (half > 2)
		return 0;
	return (bits_of_label(object, half) & control.object_labels[half]) |
	       (bits_of_label(subject, half) & control.subject_labels[half]);
}

/* The number of its label, in the module's part of what all of them have hung on it. 0: it has none. */
static __always_inline __u64 label_of_file(const struct inode *inode)
{
	const void *blob = inode->i_security;

	if (!blob)
		return 0;
	blob += control.lsm_inode;
	if (control.lsm == IMAD_LSM_SELINUX)
		return BPF_CORE_READ((const struct inode_security_struct *)blob, sid);
	if (control.lsm == IMAD_LSM_SMACK && bpf_core_type_exists(struct inode_smack))
		return (__u64)BPF_CORE_READ((const struct inode_smack *)blob, smk_inode);
	return 0;
}

static __always_inline __u64 label_of_cred(const struct cred *cred)
{
	const void *blob = cred->security;

	if (!blob)
		return 0;
	blob += control.lsm_cred;
	if (control.lsm == IMAD_LSM_SELINUX) {
		if (bpf_core_type_exists(struct cred_security_struct)) /* its name since 6.17 */
			return BPF_CORE_READ((const struct cred_security_struct *)blob, sid);
		return BPF_CORE_READ((const struct task_security_struct *)blob, sid);
	}
	if (control.lsm == IMAD_LSM_SMACK && bpf_core_type_exists(struct task_smack))
		return (__u64)BPF_CORE_READ((const struct task_smack *)blob, smk_task);
	return 0;
}

/* Where the security module keeps its labels, from its own table of that. */
static __always_inline void find_blobs(void)
{
	const struct lsm_blob_sizes *sizes = (const void *)control.lsm_sizes;

	if (!sizes)
		return;
	control.lsm_inode = BPF_CORE_READ(sizes, lbs_inode);
	control.lsm_cred = BPF_CORE_READ(sizes, lbs_cred);
	control.lsm_sizes = 0;
}

#endif
