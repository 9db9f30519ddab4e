/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the number that SELinux has for a security context (sid) to the names in it, by the table
 * of the loaded policy (security/selinux/ss/sidtab.c). An entry there tells its own number: a
 * table that is laid out in another way is noticed, and then there is no context.
 */
#ifndef IMAD_BPF_SELINUX_H
#define IMAD_BPF_SELINUX_H

#define SECINITSID_UNLABELED 3
/* Indices of policydb.sym_val_to_name */
#define SELINUX_SYM_ROLE 2
#define SELINUX_SYM_TYPE 3
#define SELINUX_SYM_USER 4

/* Reads with a stack of their own: that of a function with all of them in it would be too large. */
__noinline __u64 peek_word_at(__u64 at)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (const void *)at);
	return value;
}

__noinline __u32 peek_int_at(__u64 at)
{
	__u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (const void *)at);
	return value;
}

static __always_inline __u64 peek_word(const void *at)
{
	return peek_word_at((__u64)at);
}

static __always_inline __u32 peek_int(const void *at)
{
	return peek_int_at((__u64)at);
}

#define FIELD(type, address, field) ((const void *)(address) + bpf_core_field_offset(type, field))
#define PEEK_POINTER(type, address, field) ((const void *)peek_word(FIELD(type, address, field)))
#define PEEK_INT(type, address, field) peek_int(FIELD(type, address, field))

/* The struct selinux_policy that is loaded; NULL: none is. */
static __always_inline const void *selinux_policy(void)
{
	return control.selinux_state ? PEEK_POINTER(struct selinux_state, control.selinux_state, policy) : NULL;
}

static __always_inline __u32 selinux_seqno(const void *policy)
{
	return PEEK_INT(struct selinux_policy, policy, latest_granting);
}

/* The initial ones have a table of their own. NULL: the policy has no context for it. */
static __always_inline const void *initial_entry(const void *table, __u32 sid)
{
	const void *e = FIELD(struct sidtab, table, isids) + (__u64)(sid - 1) * bpf_core_type_size(struct sidtab_isid_entry);

	return sid && PEEK_INT(struct sidtab_isid_entry, e, set) ? FIELD(struct sidtab_isid_entry, e, entry) : NULL;
}

/* Entries in a page that has pages under it: a power of two. */
static __always_inline __u32 inner_shift(void)
{
	__u64 n = bpf_core_field_size(struct sidtab_node_inner, entries) / sizeof(void *);

	return n >= 8192 ? 13 : n >= 2048 ? 11 : 9; /* of pages of 64, 16 and 4 KiB */
}

/* The others are in leaves of a page each, found through as many levels of pages as there are needed for their number. */
static __always_inline const void *later_entry(const void *table, __u32 index)
{
	__u64 size = bpf_core_type_size(struct sidtab_entry);
	__u32 a_leaf = bpf_core_field_size(struct sidtab_node_leaf, entries) / size;
	__u32 shift = inner_shift(), mask = (1u << shift) - 1, leaf = index / a_leaf;
	const void *roots = FIELD(struct sidtab, table, roots), *node;

	if (index >= PEEK_INT(struct sidtab, table, count))
		return NULL;
	if (!leaf) {
		node = (const void *)peek_word(roots);
	} else if (!(leaf >> shift)) {
		node = (const void *)peek_word(roots + sizeof(void *));
	} else if (!(leaf >> 2 * shift)) {
		node = (const void *)peek_word(roots + 2 * sizeof(void *));
		node = (const void *)peek_word(node + (leaf >> shift) * sizeof(void *));
	} else {
		node = (const void *)peek_word(roots + 3 * sizeof(void *));
		node = (const void *)peek_word(node + (leaf >> 2 * shift) * sizeof(void *));
		node = (const void *)peek_word(node + (leaf >> shift & mask) * sizeof(void *));
	}
	if (leaf)
		node = (const void *)peek_word(node + (leaf & mask) * sizeof(void *));
	return FIELD(struct sidtab_node_leaf, node, entries) + index % a_leaf * size;
}

/* NULL: there is no such entry, or it is not one. Of initial ones with the same context only one tells its number. */
static __always_inline const void *entry_of(const void *table, __u32 sid)
{
	__u32 n_initial = bpf_core_field_size(struct sidtab, isids) / bpf_core_type_size(struct sidtab_isid_entry);
	const void *e;

	if (sid <= n_initial)
		return initial_entry(table, sid);
	e = later_entry(table, sid - n_initial - 1);
	return e && PEEK_INT(struct sidtab_entry, e, sid) == sid ? e : NULL;
}

/*
 * As sidtab_search(): the struct context of @sid, or that of unlabeled if the loaded policy has none that is
 * valid; NULL: it has neither.
 */
static __always_inline const void *selinux_context(const void *policy, __u32 sid)
{
	const void *e = entry_of(PEEK_POINTER(struct selinux_policy, policy, sidtab), sid);

	if (!e || PEEK_INT(struct sidtab_entry, e, context.len))
		e = initial_entry(PEEK_POINTER(struct selinux_policy, policy, sidtab), SECINITSID_UNLABELED);
	return e ? FIELD(struct sidtab_entry, e, context) : NULL;
}

/* Values are numbered from 1. @names: the policy's of this kind. NULL: there is none. */
static __always_inline const char *selinux_name(const void *names, __u32 value)
{
	const char *const *all = (const void *)peek_word(names);

	return all && value ? (const char *)peek_word(all + value - 1) : NULL;
}

#endif
