/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard's BPF programs and the daemon share. Both sides are built together. */
#ifndef IMAD_GUARD_ABI_H
#define IMAD_GUARD_ABI_H

#include <linux/types.h>

/* What is refused: X(NAME, word in audit records). */
#define IMAD_GUARD_CAUSES(X)                                            \
	X(SIGNAL, "signal")	/* a signal to the daemon */            \
	X(PTRACE, "ptrace")	/* its memory, registers, descriptors */ \
	X(LIMITS, "limits")	/* its limits, priority, CPUs, memory's place */ \
	X(PROC, "proc")		/* a write to its files in /proc */     \
	X(CGROUP, "cgroup")	/* ... and to those of its cgroup */    \
	X(BPF, "bpf")		/* its maps, programs and links by id or pin */ \
	X(FILE, "file")		/* its files and pins */                \
	X(MOUNT, "mount")	/* over them, or what they lie on taken away */ \
	X(SYSCTL, "sysctl")	/* switches that end BPF or every process */

#define IMAD_GUARD_ENUM(name, word) IMAD_GUARD_##name,
enum imad_guard_cause { IMAD_GUARD_CAUSES(IMAD_GUARD_ENUM) IMAD_GUARD_CAUSE_COUNT };

/* How an inode is guarded (map "inodes"). */
#define IMAD_GUARD_INODE 0x01	  /* content, attributes, names */
#define IMAD_GUARD_TREE 0x02	  /* a folder: the same, and for all below it */
#define IMAD_GUARD_NAME 0x04	  /* a folder above one: not renamed */
#define IMAD_GUARD_COVER 0x08	  /* nothing is mounted over it */
#define IMAD_GUARD_CGROUP 0x10	  /* the daemon's cgroup: none of its files is written */
#define IMAD_GUARD_CGROUP_UP 0x20 /* ... and one above it: none but those that move processes */
#define IMAD_GUARD_MOUNT 0x40	  /* the mount that it was reached by is not taken away */

struct imad_guard_inode {
	__u64 ino;
	__u32 dev; /* s_dev */
	__u32 pad;
};

struct imad_guard_mark {
	__u32 flags;
	__u32 round; /* struct imad_guard.round when it was seen last */
};

/* A thread is one of the daemon's, whose files in /proc are known by it. */
enum imad_guard_kind { IMAD_GUARD_MAP, IMAD_GUARD_PROG, IMAD_GUARD_LINK, IMAD_GUARD_THREAD };
struct imad_guard_id {
	__u32 kind; /* enum imad_guard_kind */
	__u32 id;
};

/* The identity of a process: pids come back, together with the time of their start they do not. */
struct imad_guard_who {
	__u32 tgid; /* 0: nobody */
	__u32 pad;
	__u64 start; /* field 22 of /proc/PID/stat */
};

/* Memory shared with the daemon. */
struct imad_guard {
	__u32 active;
	__u32 round;
	struct imad_guard_who daemon;
	struct imad_guard_who starter; /* may end it in an orderly way: SIGTERM, SIGINT */
	__u64 unlocked_until;	       /* CLOCK_BOOTTIME, ns */
	__u64 mnt_ns;		       /* the daemon's, by address */
	__u32 probe_tid;	       /* a thread of the daemon: what it opens is guarded ... */
	__u32 probe_flags;	       /* ... with these IMAD_GUARD_* */
	__u64 refused[IMAD_GUARD_CAUSE_COUNT];
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
