/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard's BPF programs and the daemon share. Both sides are built together. */
#ifndef IMAD_GUARD_ABI_H
#define IMAD_GUARD_ABI_H

#include <linux/types.h>

/* What is refused: X(NAME, word in audit records). */
#define IMAD_REFUSED(X)                                                 \
	X(SIGNAL, "signal")	/* a signal to the daemon */            \
	X(PTRACE, "ptrace")	/* its memory, registers, descriptors */ \
	X(LIMITS, "limits")	/* its limits, priority, CPUs, memory's place */ \
	X(PROC, "proc")		/* a write to its files in /proc */     \
	X(CGROUP, "cgroup")	/* ... to those of its cgroup; another cgroup for it; cgroup v1's freezer */ \
	X(BPF, "bpf")		/* its maps, programs and links by id or pin */ \
	X(FILE, "file")		/* its files and pins */                \
	X(LOCK, "lock")		/* a lock, lease or permission mark on these */ \
	X(MOUNT, "mount")	/* over them, or what they lie on taken away */ \
	X(SYSCTL, "sysctl")	/* switches that end BPF or every process */ \
	X(KEXEC, "kexec")	/* kexec_load() */

#define IMAD_REFUSED_ENUM(name, word) IMAD_REFUSED_##name,
enum imad_guard_cause { IMAD_REFUSED(IMAD_REFUSED_ENUM) IMAD_REFUSED_COUNT };

/*
 * How an inode is guarded (map "inodes"). The key is its address: the daemon holds it open, so that the
 * address stays its own; numbers say too little where a filesystem has subvolumes.
 */
#define IMAD_GUARD_INODE 0x01 /* content, attributes, names */
#define IMAD_GUARD_TREE 0x02  /* a folder: the same, and for all below it */
#define IMAD_GUARD_NAME 0x04  /* a folder above one, or a link on the way: not renamed */
#define IMAD_GUARD_COVER 0x08 /* nothing is mounted over it */

/* Mounts that stay, and folders where such are mounted; by address (map "mounts"). */
#define IMAD_GUARD_STAYS 0x01
#define IMAD_GUARD_POINT 0x02

enum imad_guard_kind { IMAD_GUARD_MAP, IMAD_GUARD_PROG, IMAD_GUARD_LINK };
struct imad_guard_id {
	__u32 kind; /* enum imad_guard_kind */
	__u32 id;
};

/* The identity of a process: pids come back, together with the time of their start they do not. */
struct imad_guard_who {
	__u32 tgid; /* 0: nobody */
	__u32 pad;
	__u64 start; /* CLOCK_BOOTTIME, ns */
};

/* Argument of the program guard_mark: what the caller has open as @fd is guarded. */
struct imad_guard_mark {
	__s32 fd;
	__u32 flags; /* IMAD_GUARD_* of an inode */
};

#define IMAD_GUARD_CGROUPS 12

/* Memory shared with the daemon. */
struct imad_guard {
	__u32 active;
	__u32 traced; /* somebody traces the daemon */
	struct imad_guard_who daemon;
	struct imad_guard_who starter; /* may end it in an orderly way: SIGTERM, SIGINT */
	__u64 unlocked_until;	       /* CLOCK_BOOTTIME, ns */
	__u64 mnt_ns;		       /* the daemon's, by address */
	__u64 cgroups[IMAD_GUARD_CGROUPS]; /* the daemon's and those above it without the root, by address; then 0 */
	__u32 cgroups_cut;	       /* there are more of them */
	__u32 mover;		       /* the thread that is about to move the daemon to another cgroup */
	__u64 refused[IMAD_REFUSED_COUNT];
	__u64 lost; /* events that found no room */
};

struct imad_guard_event {
	__u32 cause; /* enum imad_guard_cause */
	__u32 tgid, uid;
	__u32 detail; /* signal, bpf id; else 0 */
	char comm[16];
	char name[64]; /* of a file, its last component; or empty */
};

#endif
