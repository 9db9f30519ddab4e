/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is measured and is no file: keys, the command line of a kexec, content that
 * the kernel takes from memory. It is handed over whole, for the daemon to record.
 */
#ifndef IMAD_BPF_DATA_H
#define IMAD_BPF_DATA_H

#include <imad/appraise.h>

/* The bit of each keyring that the policy names. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * IMAD_NAMES_MAX);
	__type(key, struct imad_name_key);
	__type(value, __u64);
} names SEC(".maps");

/* Threads that load a kernel by kexec_file_load: the facts of its image. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct walk);
} kexec_images SEC(".maps");

static __always_inline void emit_caused(__u32 func, __u32 slots, const char *name, const void *data, __u64 len, __u32 cause)
{
	struct imad_data_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(lost);
		return;
	}
	e->type = IMAD_EVENT_DATA;
	e->func = func;
	e->slots = slots;
	e->cause = cause;
	e->denied = cause != IMAD_CAUSE_PASS && control.appraise == IMAD_APPRAISE_ENFORCE;
	e->tgid = bpf_get_current_pid_tgid() >> 32;
	e->uid = (__u32)bpf_get_current_uid_gid();
	note_place(&e->place);
	e->len = len;
	bpf_probe_read_kernel_str(e->name, sizeof(e->name), name);
	if (len > IMAD_DATA_MAX || (len && bpf_probe_read_kernel(e->bytes, len, data) < 0))
		e->len = IMAD_DATA_MAX + 1;
	count(events);
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void emit_data(__u32 func, __u32 slots, const char *name, const void *data, __u64 len)
{
	emit_caused(func, slots, name, data, len, IMAD_CAUSE_PASS);
}

/* What failed appraisal, of which there is a name at most. */
static __always_inline void emit_refused(__u32 func, const char *name, __u32 cause)
{
	count(failures);
	if (control.appraise == IMAD_APPRAISE_ENFORCE)
		count(denials);
	emit_caused(func, 0, name, NULL, 0, cause);
}

/* As ima_post_key_create_or_update(): certificates that become keys of the kernel's, by the keyring's name. */
static __always_inline void key_added(struct key *keyring, struct key *key, const void *payload, __u64 len)
{
	struct imad_name_key named = { .half = control.rules >> 16 };
	char type[sizeof("asymmetric") + 1] = {}; /* so that a longer name is not cut to this one */
	struct walk w = {};
	__u64 *bit;
	__u32 slots;

	if (!control.active || !payload || !len)
		return;
	bpf_probe_read_kernel_str(type, sizeof(type), key->type->name);
	if (bpf_strncmp(type, sizeof(type), "asymmetric") != 0)
		return;
	bpf_probe_read_kernel_str(named.name, sizeof(named.name), keyring->description);
	bit = bpf_map_lookup_elem(&names, &named);
	fill_ids(&w, bpf_get_current_task_btf()->cred, control.conds);
	w.facts.names = bit ? *bit : 0;
	slots = match(&w, IMAD_KEY_CHECK, 0, 0) & IMAD_SLOTS_MEASURE;
	if (slots)
		emit_data(IMAD_KEY_CHECK, slots, keyring->description, payload, len);
}

/* The image is read first; its facts are those of the command line too. */
static __always_inline void note_kexec_image(const struct walk *w)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (control.funcs & (1u << IMAD_KEXEC_CMDLINE))
		bpf_map_update_elem(&kexec_images, &tid, w, BPF_ANY);
}

static __always_inline void kexec_command_line(const void *text, __u64 len)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slots;
	struct walk *image = bpf_map_lookup_elem(&kexec_images, &tid);
	struct walk w = {};

	if (!control.active || !len || !image)
		return;
	w = *image;
	bpf_map_delete_elem(&kexec_images, &tid);
	slots = match(&w, IMAD_KEXEC_CMDLINE, 0, 0) & IMAD_SLOTS_MEASURE;
	if (slots)
		emit_data(IMAD_KEXEC_CMDLINE, slots, "kexec-cmdline", text, len);
}

/* Most releases let nobody read an argument of type const void * but by the helper. */
static __always_inline const void *pointer_arg(void *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return (const void *)value;
}

/* Since 6.9 a hook of its own; before that the function of the kernel's IMA. The daemon loads the one that fits. */
SEC("?lsm/key_post_create_or_update")
int BPF_PROG(imad_key_added, struct key *keyring, struct key *key, const void *payload, __u64 len)
{
	key_added(keyring, key, pointer_arg(ctx, 2), len);
	return 0;
}

SEC("?fentry/ima_post_key_create_or_update")
int BPF_PROG(imad_key_added_ima, struct key *keyring, struct key *key, const void *payload, __u64 len)
{
	key_added(keyring, key, pointer_arg(ctx, 2), len);
	return 0;
}

SEC("?fentry/ima_kexec_cmdline")
int BPF_PROG(imad_kexec_cmdline, int fd, const void *text, int len)
{
	kexec_command_line(pointer_arg(ctx, 1), len);
	return 0;
}

static __always_inline __u32 read_func(__u32 id)
{
	switch (id) {
	case READING_FIRMWARE:
		return IMAD_FIRMWARE_CHECK;
	case READING_MODULE:
	case READING_MODULE_COMPRESSED:
		return IMAD_MODULE_CHECK;
	case READING_KEXEC_IMAGE:
		return IMAD_KEXEC_KERNEL_CHECK;
	case READING_KEXEC_INITRAMFS:
		return IMAD_KEXEC_INITRAMFS_CHECK;
	case READING_POLICY:
		return IMAD_POLICY_CHECK;
	default:
		return IMAD_FILE_CHECK;
	}
}

static __always_inline const char *name_of_load(__u32 func)
{
	if (func == IMAD_MODULE_CHECK)
		return "init_module";
	return func == IMAD_FIRMWARE_CHECK ? "firmware" : "kexec_load";
}

/* Content from memory, of which nobody can say what file it was: init_module, kexec_load, firmware from user space. */
SEC("?lsm/kernel_load_data")
int BPF_PROG(imad_kernel_load_data, int id, bool contents)
{
	__u32 func = read_func(id), slots; /* the numbers are those of what is read */
	struct walk w = {};

	if (!control.active || func == IMAD_FILE_CHECK || func == IMAD_POLICY_CHECK)
		return 0;
	if (control.load_denied & (1u << func)) {
		emit_refused(func, name_of_load(func), IMAD_CAUSE_NO_FILE);
		return -EACCES;
	}
	fill_ids(&w, bpf_get_current_task_btf()->cred, control.conds);
	if (control.conds & IMAD_COND_LABELS)
		w.facts.labels = labels_of(0, label_of_cred(bpf_get_current_task_btf()->cred), w.active >> 16);
	slots = match(&w, func, IMAD_MAY_READ, 0) & IMAD_SLOTS_MEASURE;
	if (slots)
		emit_data(func, slots, name_of_load(func), NULL, 0);
	return 0;
}

#endif
