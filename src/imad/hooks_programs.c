// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which programs are loaded and attached. What the kernel has is asked of its BTF,
 * never of its version; what the policy needs is in the table.
 */
#include <string.h>

#include <bpf/btf.h>

#include <imad/log.h>
#include <imad/util.h>

#include "hooks_priv.h"

#define FUNCS_READ                                                                                  \
	(POLICY_FUNC_BIT(MODULE_CHECK) | POLICY_FUNC_BIT(FIRMWARE_CHECK) | POLICY_FUNC_BIT(FILE_CHECK) | \
	 POLICY_FUNC_BIT(KEXEC_KERNEL_CHECK) | POLICY_FUNC_BIT(KEXEC_INITRAMFS_CHECK) |              \
	 POLICY_FUNC_BIT(POLICY_CHECK) | POLICY_FUNC_BIT(KEXEC_CMDLINE))
#define FUNCS_LOAD                                                     \
	(POLICY_FUNC_BIT(MODULE_CHECK) | POLICY_FUNC_BIT(FIRMWARE_CHECK) | \
	 POLICY_FUNC_BIT(KEXEC_KERNEL_CHECK) | POLICY_FUNC_BIT(KEXEC_INITRAMFS_CHECK))

#define NEED_APPRAISE (1u << 31) /* a rule says appraise */
#define NEED_OPENS (1u << 30)	 /* ... of opens */
#define NEED_PROTECT (1u << 29)	 /* ... and labels are protected */
#define NEED_LABELS (1u << 28)	 /* a rule asks for labels of a security module */
_Static_assert(IMAD_FUNC_COUNT < 27, "needs");

/* The functions behind the hooks. Where one is missing or takes other arguments the program is left out. */
#define HOOK(name) "bpf_lsm_" #name

static const struct row {
	size_t program;	      /* in struct imad_bpf */
	const char *needs;    /* function of the kernel; NULL: every kernel that imad runs on has the hook */
	unsigned int args;    /* that it must take; 0: any number */
	const char *replaced; /* ... and not this one, which another program has; NULL: none */
	uint32_t needed_by;   /* attached while the policy needs one of these; 0: always */
} rows[] = {
#define PROGRAM(name) offsetof(struct imad_bpf, progs.name)
	{ PROGRAM(imad_setattr2), HOOK(inode_setattr), 2, NULL, 0 },
	{ PROGRAM(imad_setattr3), HOOK(inode_setattr), 3, NULL, 0 },
	{ PROGRAM(imad_file_post_open), HOOK(file_post_open), 2, NULL, 0 },
	/* As the kernel's own IMA does it: it has a function for this hook, or asks in bprm_check_security. */
	{ PROGRAM(imad_bprm_creds), "ima_creds_check", 0, NULL, POLICY_FUNC_BIT(CREDS_CHECK) },
	{ PROGRAM(imad_kernel_read_file), NULL, 0, NULL, FUNCS_READ },
	{ PROGRAM(imad_kernel_load_data), NULL, 0, NULL, FUNCS_LOAD },
	{ PROGRAM(imad_kernel_post_read), NULL, 0, NULL, NEED_APPRAISE },
	{ PROGRAM(imad_file_permission), NULL, 0, HOOK(file_post_open), NEED_OPENS },
	{ PROGRAM(imad_path_truncate), NULL, 0, HOOK(file_post_open), NEED_OPENS },
	{ PROGRAM(imad_file_free), NULL, 0, NULL, NEED_OPENS },
	{ PROGRAM(imad_file_mprotect), NULL, 0, NULL, NEED_APPRAISE },
	{ PROGRAM(imad_label_set), NULL, 0, NULL, NEED_APPRAISE | NEED_LABELS },
	{ PROGRAM(imad_label_gone), HOOK(inode_post_removexattr), 0, NULL, NEED_APPRAISE },
	{ PROGRAM(imad_label_removed), NULL, 0, HOOK(inode_post_removexattr), NEED_APPRAISE },
	{ PROGRAM(imad_label_kept), HOOK(inode_post_removexattr), 0, NULL, NEED_PROTECT | NEED_EVM },
	{ PROGRAM(imad_setxattr), HOOK(inode_setxattr), 6, NULL, POLICY_FUNC_BIT(SETXATTR_CHECK) | NEED_PROTECT | NEED_EVM },
	{ PROGRAM(imad_inode_gone), HOOK(sb_delete), 0, NULL, NEED_EVM },
	{ PROGRAM(imad_inode_back), HOOK(sb_delete), 0, NULL, NEED_EVM },
	{ PROGRAM(imad_sb_gone), HOOK(sb_delete), 0, NULL, NEED_EVM },
	{ PROGRAM(imad_set_acl), HOOK(inode_set_acl), 0, NULL, NEED_EVM },
	{ PROGRAM(imad_remove_acl), HOOK(inode_remove_acl), 0, NULL, NEED_EVM },
	{ PROGRAM(imad_key_added), HOOK(key_post_create_or_update), 0, NULL, POLICY_FUNC_BIT(KEY_CHECK) },
	{ PROGRAM(imad_key_added_ima), "ima_post_key_create_or_update", 0, HOOK(key_post_create_or_update),
	  POLICY_FUNC_BIT(KEY_CHECK) },
	{ PROGRAM(imad_kexec_cmdline), "ima_kexec_cmdline", 0, NULL, POLICY_FUNC_BIT(KEXEC_CMDLINE) },
};

_Static_assert(ARRAY_SIZE(rows) <= OPTIONAL_MAX, "links");

static struct bpf_program *program_of(const struct imad_bpf *skel, const struct row *row)
{
	return *(struct bpf_program *const *)((const char *)skel + row->program);
}

/* How many arguments a function of the kernel takes, < 0 if there is none of that name. */
static int args_of(const struct btf *btf, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	const struct btf_type *t;

	if (id < 0)
		return id;
	t = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	return t ? btf_vlen(t) : -EINVAL;
}

static bool fits(const struct btf *btf, const struct row *row)
{
	int args = row->needs ? args_of(btf, row->needs) : (int)row->args;

	if (args < 0 || (row->args && args != (int)row->args))
		return false;
	return !row->replaced || args_of(btf, row->replaced) < 0;
}

int programs_choose(struct imad_bpf *skel, uint32_t never)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return log_errno(LOG_ERR, -EOPNOTSUPP, "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		bool wanted = !row->needed_by || (row->needed_by & ~never);

		bpf_program__set_autoload(program_of(skel, row), wanted && fits(btf, row));
		bpf_program__set_autoattach(program_of(skel, row), !row->needed_by);
	}
	btf__free(btf);
	if (!bpf_program__autoload(skel->progs.imad_setattr2) && !bpf_program__autoload(skel->progs.imad_setattr3))
		return log_errno(LOG_ERR, -EOPNOTSUPP, "the kernel's inode_setattr hook takes other arguments");
	return 0;
}

/* The first func of @needs for which no program could be loaded, NULL if there is none. */
static const char *unseen_func(const struct hooks *h, uint32_t needs)
{
	uint32_t optional = 0, seen = 0;

	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		optional |= row->needed_by;
		if (bpf_program__autoload(program_of(h->skel, row)))
			seen |= row->needed_by;
	}
	optional &= ~POLICY_FUNC_BIT(CREDS_CHECK); /* bprm_check_security sees it as well */
	optional &= needs & ~seen & ~(NEED_APPRAISE | NEED_OPENS | NEED_PROTECT | NEED_LABELS | NEED_EVM);
	return optional ? policy_func_name((unsigned int)__builtin_ctz(optional)) : NULL;
}

uint32_t programs_needed(const struct hooks *h, const struct policy_summary *sum, const struct policy *p)
{
	uint32_t needs = sum->funcs | (sum->classes & IMAD_APPRAISE ? NEED_APPRAISE : 0) |
			 (sum->classes & IMAD_APPRAISE && h->skel->bss->control.protect_labels ? NEED_PROTECT : 0) |
			 (sum->classes & IMAD_APPRAISE && h->skel->bss->control.evm ? NEED_EVM : 0) |
			 (sum->appraises_opens ? NEED_OPENS : 0) | (sum->conds & IMAD_COND_LABELS ? NEED_LABELS : 0);

	for (unsigned int i = 0; i < p->n_rules; i++)
		if ((p->rules[i].conds & IMAD_COND_FUNC) && p->rules[i].func == IMAD_SETXATTR_CHECK)
			needs |= POLICY_FUNC_BIT(SETXATTR_CHECK);
	return needs;
}

int programs_attach_always(struct hooks *h)
{
	int r = imad_bpf__attach(h->skel);

	return r < 0 ? log_errno(LOG_ERR, r, "cannot attach the BPF programs") : 0;
}

int programs_attach(struct hooks *h, uint32_t needs)
{
	const char *unseen = unseen_func(h, needs);

	h->needs = needs;
	if (h->adopted)
		return 0; /* a dead daemon's are, until hooks_keep() */
	if (unseen)
		log_msg(LOG_WARNING, "this kernel has no hook for func=%s: rules match nothing there", unseen);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bpf_program *p = program_of(h->skel, &rows[i]);

		if (!(needs & rows[i].needed_by) || h->links[i] || !bpf_program__autoload(p))
			continue;
		h->links[i] = bpf_program__attach(p);
		if (!h->links[i])
			return log_errno(LOG_ERR, -errno, "cannot attach %s", bpf_program__name(p));
	}
	return 0;
}

void programs_detach_except(struct hooks *h, uint32_t needs)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (needs & rows[i].needed_by)
			continue;
		bpf_link__destroy(h->links[i]);
		h->links[i] = NULL;
	}
}

int programs_each_link(struct hooks *h, int (*fn)(void *arg, const char *name, const struct bpf_link *link), void *arg)
{
	const struct bpf_object_skeleton *s = h->skel->skeleton;
	int r = 0;

	for (int i = 0; i < s->prog_cnt && r >= 0; i++) {
		const struct bpf_prog_skeleton *p = (const void *)((const char *)s->progs + i * s->prog_skel_sz);
		const struct bpf_link *link = *p->link;

		for (unsigned int row = 0; row < ARRAY_SIZE(rows); row++)
			if (rows[row].needed_by && program_of(h->skel, &rows[row]) == *p->prog)
				link = h->links[row];
		r = fn(arg, p->name, link);
	}
	return r < 0 ? r : 0;
}

void hooks_each(struct hooks *h, void (*fn)(void *arg, const char *hook, bool attached), void *arg)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, h->skel->obj) {
		const char *section = bpf_program__section_name(p), *hook = strchr(section, '/');
		bool attached = bpf_program__fd(p) >= 0;

		for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
			if (rows[i].needed_by && program_of(h->skel, &rows[i]) == p)
				attached = h->links[i] != NULL;
		if (bpf_program__autoload(p))
			fn(arg, hook ? hook + 1 : section, attached);
	}
}
