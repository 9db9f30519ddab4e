/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facts of one use, as match.h is to take them here: short, for the stack. */
#ifndef IMAD_BPF_USE_H
#define IMAD_BPF_USE_H

#include <imad/abi.h>

/* Up to @labels as struct imad_facts. */
struct use_facts {
	__u32 func;
	__u32 mask;
	__u64 fsmagic;
	__u32 uid, euid, suid;
	__u32 gid, egid, sgid;
	__u32 fowner, fgroup;
	__u8 cap_setuid, cap_setgid;
	__u8 pad[2];
	__u32 labels;
	union {
		__u64 names;	  /* of what is no file */
		__u64 superblock; /* its address: what it is called is looked up when a rule asks for it */
	};
};

_Static_assert(__builtin_offsetof(struct use_facts, labels) == __builtin_offsetof(struct imad_facts, labels), "facts of a use");

#define IMAD_MATCH_FACTS struct use_facts
#define IMAD_MATCH_FS_CALLED
static int imad_match_fs_called(const struct imad_rule *r, __u32 conds, const struct use_facts *f); /* facts.h */

#endif
