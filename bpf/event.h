/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring buffer: what the daemon must hear of although the gate did not hold it. */
#ifndef IMAD_BPF_EVENT_H
#define IMAD_BPF_EVENT_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

static __always_inline struct mnt_namespace *namespace_of(struct file *file)
{
	struct mount *m = (void *)file->f_path.mnt - bpf_core_field_offset(struct mount, mnt);
	struct mnt_namespace *ns = NULL;

	bpf_core_read(&ns, sizeof(ns), &m->mnt_ns);
	return ns;
}

static __always_inline void note_place(struct imad_place *p)
{
	p->cgroup = bpf_get_current_cgroup_id();
	p->mnt_ns = BPF_CORE_READ(bpf_get_current_task_btf(), nsproxy, mnt_ns, ns.inum);
}

/* On a detached mount (NULL) or one of the kernel's own (an error pointer) nothing has a path. */
__noinline __u32 name_and_write_flags(long ns, int writers)
{
	__u32 flags = ns == 0 || (ns < 0 && ns >= -MAX_ERRNO) ? IMAD_GEN_BARE : 0;

	return writers > 0 ? flags | IMAD_GEN_WRITERS : flags;
}

/* Where the daemon is when this happens, and where the file. */
__noinline __u32 place_flags(__u32 dev, __u32 fuse)
{
	__u32 flags = control.unattended ? IMAD_EVENT_UNATTENDED : 0;

	if (bpf_map_lookup_elem(&gated, &dev))
		return flags;
	return flags | (fuse ? IMAD_EVENT_FAR | IMAD_EVENT_FUSE : IMAD_EVENT_FAR);
}

static __always_inline __u32 use_flags(struct file *file, struct inode *inode)
{
	return name_and_write_flags((long)namespace_of(file), writers_of(inode));
}

static __always_inline __u32 flags_of(struct file *file, struct inode *inode)
{
	return use_flags(file, inode) | place_flags(inode->i_sb->s_dev, asks_fuse(inode));
}

/* @path: this hook is one of those in which the kernel lets a path be made. */
static __always_inline void fill_path(struct imad_event *e, struct file *file, bool path)
{
	struct dentry *dentry = file->f_path.dentry;
	long len = path ? bpf_d_path(&file->f_path, e->path, sizeof(e->path)) : 0;

	e->deleted = !dentry->d_hash.pprev;
	e->path_len = len > 0 ? len : 0;
	if (len <= 0) /* longer than PATH_MAX: IMA's name is the last component too */
		bpf_probe_read_kernel_str(e->path, IMAD_NAME_MAX, dentry->d_name.name);
}

/* All but the name is set: to what is this thread's, or to zero. */
__noinline int fill_event(struct imad_event *e, __u32 type, __u32 func)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (!e)
		return 0;
	__builtin_memset(e, 0, __builtin_offsetof(struct imad_event, path));
	e->type = type;
	e->func = func;
	e->tgid = id >> 32;
	e->tid = (__u32)id;
	e->uid = (__u32)bpf_get_current_uid_gid();
	e->digest_algo = -1;
	note_place(&e->place);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return 0;
}

/* Room for an event about @inode, with what is this thread's; the rest is zero but for the name. NULL: there is none. */
static __always_inline struct imad_event *begin_event(__u32 type, __u32 func, struct inode *inode)
{
	struct imad_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(lost);
		return NULL;
	}
	fill_event(e, type, func);
	e->ino = inode->i_ino;
	e->dev = inode->i_sb->s_dev;
	return e;
}

static __always_inline void end_event(struct imad_event *e)
{
	count(events);
	bpf_ringbuf_submit(e, 0);
}

/* @digest: IMAD_EVENT_DIGEST_MAX bytes, or NULL when @algo is negative. False: there was no room. */
static __always_inline bool emit_with(__u32 type, struct file *file, struct inode *inode, __u64 gen, __u32 func,
				      __u32 slots, __s32 algo, const __u8 *digest, bool path)
{
	struct imad_event *e = begin_event(type, func, inode);

	if (!e)
		return false;
	e->gen = gen;
	e->slots = slots;
	e->flags = flags_of(file, inode);
	if (type == IMAD_EVENT_ASKED && writers_of(inode) <= 1)
		e->flags &= ~IMAD_GEN_WRITERS;
	e->digest_algo = algo;
	if (digest && algo >= 0)
		__builtin_memcpy(e->digest, digest, sizeof(e->digest));
	fill_path(e, file, path);
	end_event(e);
	return true;
}

static __always_inline bool emit(__u32 type, struct file *file, struct inode *inode, __u64 gen, __u32 func,
				 __u32 slots, __s32 algo, const __u8 *digest)
{
	return emit_with(type, file, inode, gen, func, slots, algo, digest, true);
}

#endif
