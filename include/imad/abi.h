/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the BPF programs and the daemon share: the state of an inode, the rule
 * table, the events, the counters. Fixed-size, naturally aligned, little more
 * than C types, so that the BPF object, the daemon and the unit tests compile
 * the same text. Both sides are built together; there is no wire compatibility.
 */
#ifndef IMAD_ABI_H
#define IMAD_ABI_H

#include <linux/types.h>

/* Measurement hooks, in IMA's own words (reference: security/integrity/ima/ima.h). */
#define IMAD_FUNCS(X)                      \
	X(NONE)                            \
	X(FILE_CHECK)                      \
	X(MMAP_CHECK)                      \
	X(MMAP_CHECK_REQPROT)              \
	X(BPRM_CHECK)                      \
	X(CREDS_CHECK)                     \
	X(MODULE_CHECK)                    \
	X(FIRMWARE_CHECK)                  \
	X(KEXEC_KERNEL_CHECK)              \
	X(KEXEC_INITRAMFS_CHECK)           \
	X(POLICY_CHECK)                    \
	X(KEXEC_CMDLINE)                   \
	X(KEY_CHECK)                       \
	X(CRITICAL_DATA)                   \
	X(SETXATTR_CHECK)

#define IMAD_FUNC_ENUM(name) IMAD_##name,
enum imad_func { IMAD_FUNCS(IMAD_FUNC_ENUM) IMAD_FUNC_COUNT };

/* Uses that somebody who can write spoils: IMA's violation_check (process_measurement() in security/integrity/ima/ima_main.c). */
static inline __attribute__((always_inline)) int imad_is_reading(__u32 func)
{
	return func == IMAD_FILE_CHECK || func == IMAD_MMAP_CHECK || func == IMAD_MMAP_CHECK_REQPROT;
}

/* Access masks of an event: the kernel's MAY_* (include/linux/fs.h). */
#define IMAD_MAY_EXEC 0x01
#define IMAD_MAY_WRITE 0x02
#define IMAD_MAY_READ 0x04
#define IMAD_MAY_APPEND 0x08
#define IMAD_MAY_ACCESS 0x10

/* Actions: the bits of the kernel's ima_policy.c. A class is a pair of bits. */
#define IMAD_MEASURE 0x001
#define IMAD_DONT_MEASURE 0x002
#define IMAD_APPRAISE 0x004
#define IMAD_DONT_APPRAISE 0x008
#define IMAD_AUDIT 0x040
#define IMAD_DONT_AUDIT 0x080
#define IMAD_HASH 0x100
#define IMAD_DONT_HASH 0x200
#define IMAD_ACTION_DO (IMAD_MEASURE | IMAD_APPRAISE | IMAD_AUDIT | IMAD_HASH)
#define IMAD_ACTION_DONT (IMAD_DONT_MEASURE | IMAD_DONT_APPRAISE | IMAD_DONT_AUDIT | IMAD_DONT_HASH)

/* Which conditions a rule carries (struct imad_rule.conds). */
#define IMAD_COND_FUNC (1u << 0)
#define IMAD_COND_MASK (1u << 1)   /* event mask equals */
#define IMAD_COND_INMASK (1u << 2) /* event mask contains */
#define IMAD_COND_FSMAGIC (1u << 3)
#define IMAD_COND_FSNAME (1u << 4)
#define IMAD_COND_FSUUID (1u << 5)
#define IMAD_COND_UID (1u << 6)
#define IMAD_COND_EUID (1u << 7)
#define IMAD_COND_GID (1u << 8)
#define IMAD_COND_EGID (1u << 9)
#define IMAD_COND_FOWNER (1u << 10)
#define IMAD_COND_FGROUP (1u << 11)
#define IMAD_COND_FS_SUBTYPE (1u << 12)
#define IMAD_COND_NAMES (1u << 13)  /* keyrings= and label=: one of the names */
#define IMAD_COND_LABELS (1u << 14) /* obj_*= and subj_*=: all of the labels */

/* What a rule asks of the file or of how it is measured (struct imad_rule.opts). */
#define IMAD_OPT_SIGNED 0x01	/* appraise_type=: a signature, no mere hash */
#define IMAD_OPT_MODSIG 0x02	/* imasig|modsig: an appended one will do */
#define IMAD_OPT_SIGV3 0x04	/* sigv3 */
#define IMAD_OPT_VERITY 0x08	/* digest_type=verity: the fs-verity digest stands for the content */
#define IMAD_OPT_DIRECTIO 0x10	/* permit_directio */
#define IMAD_OPT_EVM_TOLD 0x20	/* of no rule: what EVM says denies nothing */

enum imad_op { IMAD_OP_EQ, IMAD_OP_GT, IMAD_OP_LT };

#define IMAD_FSNAME_MAX 32 /* with NUL, of type and subtype; longest in-tree filesystem type name is 15 */
#define IMAD_RULES_MAX 512
#define IMAD_NAMES_MAX 64 /* different names of keyrings and critical data */
#define IMAD_LABELS_MAX 32 /* different obj_*= and subj_*= conditions */
#define IMAD_LABEL_TEXT_MAX 256 /* bytes of one, with NUL */
#define IMAD_SLOTS_MAX 24 /* measure slots: the lowest bits of a slot word */
#define IMAD_SLOTS_MEASURE ((1u << IMAD_SLOTS_MAX) - 1)
#define IMAD_SLOT_AUDIT (1u << 24) /* and what else is done once an inode: a record for the audit system */
#define IMAD_SLOT_APPRAISE (1u << 26) /* what there is to find of the label has been found */
#define IMAD_SLOT_HASH (1u << 25)  /* and from then on: the label follows the content; see IMAD_GEN_UPDATE */
#define IMAD_SLOT_VERITY (1u << 27) /* ... its fs-verity digest stands for the content; see IMAD_GEN_VERITY */
#define IMAD_SKIP_MAX 32
#define IMAD_NAME_MAX 256 /* NAME_MAX and NUL */

/* Everything that a policy may ask about one use of a file. */
struct imad_facts {
	__u32 func;
	__u32 mask;
	__u64 fsmagic;
	__u32 uid, euid, suid;
	__u32 gid, egid, sgid;
	__u32 fowner, fgroup;
	__u8 cap_setuid, cap_setgid; /* CAP_SETUID, CAP_SETGID in the initial user namespace */
	__u8 pad[2];
	__u32 labels; /* bit i: the i-th label of the policy is that of the file or the task */
	__u64 names;  /* bit i: the i-th name of the policy is that of the keyring or the critical data */
	__u8 fsuuid[16];
	char fsname[IMAD_FSNAME_MAX];
	char fs_subtype[IMAD_FSNAME_MAX];
};

/* What BPF says of a file that the daemon itself opens: facts and the identity that fstat() may hide. */
struct imad_probe {
	struct imad_facts facts;
	__u64 ino;
	__u32 dev;     /* s_dev: major << 20 | minor */
	__u32 writers; /* 1: somebody has it open for write */
	__u64 written; /* asked: the label is made of after this write (struct imad_gen); 0: it is not */
	__u64 vouched; /* ... and the HMAC after this change */
	__u64 object, subject; /* the security module's labels of file and daemon, as the kernel numbers them; 0: none */
	char name[IMAD_NAME_MAX]; /* last path component */
};

/*
 * One rule, ready to match. A measure rule names a slot: one distinct pair of
 * PCR and template of this policy. An inode remembers per slot that it is done,
 * and @pcr_slots are all slots of the same PCR, because IMA measures an inode
 * once per PCR whatever the template. What other rules say of the same use may ask for
 * another record into the same PCR by the same template: then its slot is another one.
 */
struct imad_rule {
	__u32 action; /* exactly one IMAD_* action bit */
	__u32 conds;
	__u32 func;
	__u32 mask;
	__u64 fsmagic;
	__u32 uid, gid; /* uid serves uid and euid, gid serves gid and egid, as in the kernel */
	__u32 fowner, fgroup;
	__u8 uid_op, gid_op, fowner_op, fgroup_op; /* enum imad_op */
	__u32 slot_bit;				   /* 1 << slot for measure, else 0 */
	__u32 pcr_slots;
	__u32 opts;	  /* IMAD_OPT_* */
	__u64 names;	  /* bits of struct policy.names, one of which must be there */
	__u32 labels;	  /* bits of struct policy.labels, all of which must be there */
	__u32 algos;	  /* appraise_algos=: bit per enum hash_algo; 0: any */
	__u32 names_text; /* where keyrings= or label= stands in struct policy.text; not for matching */
	__u32 variants;	  /* of measure: the number of the slot, a byte for each variant */
	__u8 fsuuid[16];
	char fsname[IMAD_FSNAME_MAX];
	char fs_subtype[IMAD_FSNAME_MAX];
};

/* Where a use came from. Of no interest to the rules: for people. */
struct imad_place {
	__u64 cgroup; /* number of the control group (version 2) of who used it; 0: not known */
	__u32 mnt_ns; /* number of its mount namespace; 0: not known */
	__u32 pad;
};

/* What changed an inode last, as far as imad knew it then: for people, nothing is decided by it. */
#define IMAD_CHANGES(X)                                        \
	X(NONE, "not changed")                                 \
	X(OPENED, "opened for write")                          \
	X(CREATED, "created")                                  \
	X(TRUNCATED, "truncated")                              \
	X(LABELLED, "label changed")                           \
	X(METADATA, "owner, mode or a security attribute changed") \
	X(MAPPED, "mapped shared and writable over an overlay")

#define IMAD_CHANGE_ENUM(name, text) IMAD_CHANGE_##name,
enum imad_change_how { IMAD_CHANGES(IMAD_CHANGE_ENUM) };

struct imad_change {
	__u64 ns; /* CLOCK_BOOTTIME */
	__u32 tgid, uid;
	__u32 how; /* enum imad_change_how */
	__u32 pad;
	char comm[16];
};

/* Variants of a slot: numbers of the bytes in struct imad_rule.variants. */
#define IMAD_VARIANT_PLAIN 0
#define IMAD_VARIANT_VERITY 1 /* the fs-verity digest is recorded */
#define IMAD_VARIANT_MODSIG 2 /* the appended signature is recorded; may come with the other */
#define IMAD_VARIANTS 4
#define IMAD_VARIANT_SLOT(variants, variant) (1u << ((variants) >> 8 * (variant) & 31))

/*
 * What the BPF side knows of an inode (map "generations"; only BPF writes).
 * @gen moves when the content may have changed: open for write, truncate.
 * @want: the slots of measure rules that matched a use, and the low half of the
 * generation at that time, in one word so that one compare-and-swap sets both.
 * @maybe: the same for MMAP_CHECK rules that would match if the file just opened
 * were mapped executable; the daemon takes it as a want when the file is an ELF
 * object, because a mapping itself cannot be held.
 */
struct imad_gen {
	__u64 gen;
	__u64 want;
	__u64 maybe;
	__u32 func;  /* enum imad_func of the newest want */
	__u32 flags; /* IMAD_GEN_* */
	__u32 tgid, uid; /* whose the newest want was */
	__u64 settled; /* epoch << 32 | low half of gen at which nothing is left to do while nobody writes */
	__u64 quiet; /* epoch << 32 | uid that no FILE_CHECK rule matched here: its next open need not ask again */
	__u64 written; /* generation of the newest write that appraisal allowed: after it the label is made anew. 0: none */
	__u64 content; /* moves with @gen, but not when only the label changes */
	__u64 vouched; /* number of the newest change of what had a right HMAC: all of them were seen, and a new HMAC is due. 0: none */
	__u32 kept;    /* what was found before somebody could write: counts for opens until nobody can. IMAD_FOUND_KNOWN */
	__u32 kept_epoch; /* ... as imad_verdict.found_epoch */
	struct imad_change changed; /* the newest; of two at once it may be of both */
	struct imad_place place; /* of the newest want */
	__u32 told_gen, told_era, told_slots, pad; /* of this content the next daemon is told these slots already */
};
#define IMAD_GEN_WRITERS 0x1 /* somebody could write at the newest want: with this generation, still can */
#define IMAD_GEN_UNCACHED 0x2 /* content can change unseen (overlay with a shared writable mapping) */
#define IMAD_GEN_VIOLATION 0x8 /* ... and was not the one who wants: open_writers, told with what is wanted */
#define IMAD_GEN_REPORTED 0x10 /* open_writers was said: not again before the last writer has gone */
#define IMAD_GEN_BARE 0x20   /* the newest want came through a detached or internal mount: no path, only a name */
#define IMAD_GEN_UPDATE 0x40 /* a hash rule matched: with its last writer the label is made anew */
#define IMAD_GEN_UNLABELLED 0x80 /* its label is being removed, or has been: as if there were none */
#define IMAD_GEN_SEALED 0x100 /* in memory, and seen fully sealed: this generation and later ones are about final content */
#define IMAD_GEN_VERITY 0x200 /* a rule with digest_type=verity matched: as in IMA that holds for what comes after it */
#define IMAD_GEN_HAS_VERITY 0x400 /* it had fs-verity when it was looked at */
#define IMAD_TOLD_DIGEST (1u << 31) /* in @told_slots: with the digest that the kernel made */
#define IMAD_GEN_TOMTOU 0x4  /* read under a measure rule: the next open for write is a ToMToU violation */

#define IMAD_WANT(gen, slots) (((__u64)(__u32)(gen) << 32) | (__u32)(slots))
#define IMAD_WANT_GEN(want) ((__u32)((want) >> 32))
#define IMAD_WANT_SLOTS(want) ((__u32)(want))

/*
 * What the daemon decided about an inode (map "verdicts"; only the daemon
 * writes). Valid for @gen only. A new policy does not take back what is @done, as
 * in IMA: slots keep their meaning while the daemon runs.
 */
struct imad_verdict {
	__u64 gen;
	__u32 epoch; /* of @flags: a new policy voids all ignore marks */
	__u32 done;  /* slots whose record is in the list and extended */
	__u32 flags; /* IMAD_VERDICT_* */
	__u32 found; /* IMAD_FOUND(), appraise.h; valid with IMAD_SLOT_APPRAISE in @done */
	__u32 found_epoch; /* from before it was found: what is older than imad_control.trust_epoch is void */
	__u32 pad;
};
#define IMAD_VERDICT_IGNORED 0x1     /* an ignore mark may be set: the gate need not hold this inode */
#define IMAD_VERDICT_PROVISIONAL 0x2 /* measured while somebody could write: void with the last writer */

/* Whether what was found at @epoch was found with the keys and the deny list of now; the epoch may wrap. */
static inline __attribute__((__always_inline__)) int imad_is_trusted(__u32 epoch, __u32 trust_epoch)
{
	return (__s32)(epoch - trust_epoch) >= 0;
}

/*
 * The slots that are done for this state of the inode. @writers is
 * inode->i_writecount: above 0 somebody can write. Every open for write moves the
 * generation, so equal generations under a writer mean the same writers.
 */
static inline __attribute__((__always_inline__)) __u32
imad_done(const struct imad_gen *g, const struct imad_verdict *v, int writers)
{
	if (v->gen != g->gen || (g->flags & IMAD_GEN_UNCACHED))
		return 0;
	if (writers <= 0 && (v->flags & IMAD_VERDICT_PROVISIONAL))
		return 0;
	return v->done;
}

/*
 * What of @want is still to be measured: a verdict of the same or a later
 * generation than the want satisfies it, whoever has written since.
 */
static inline __attribute__((__always_inline__)) __u32
imad_pending(__u64 want, const struct imad_verdict *v)
{
	__u32 slots = IMAD_WANT_SLOTS(want);

	if (v && (__s32)((__u32)v->gen - IMAD_WANT_GEN(want)) >= 0)
		slots &= ~v->done;
	return slots;
}

/* An open that is appraised and whose file was not known (map "opens"): the daemon says what it found. */
struct imad_open {
	__u32 opts, algos; /* of the rules that matched */
	__u32 mask;
	__u32 found; /* IMAD_FOUND() with IMAD_FOUND_KNOWN; 0: not said yet */
	__u32 rule;  /* as in struct imad_event */
};

/* The settings that BPF reads at each use (memory shared with the daemon, which alone writes). */
struct imad_control {
	__u32 active;	 /* 0: hooks return at once */
	__u32 epoch;	 /* moves with the policy: shortcuts and ignore marks of another epoch are void */
	__u32 trust_epoch; /* the first one with the keys and the deny list of now */
	__u32 classes;	 /* IMAD_MEASURE, IMAD_AUDIT: those with a positive rule */
	__u32 rules;	 /* active half of the map "rules" << 16 | number of rules: one store switches both */
	__u32 all_slots; /* every slot bit that some rule can ask for */
	__u32 modsig_slots; /* of records with an appended signature, which come beside those of @all_slots */
	__u32 funcs;	 /* bit per enum imad_func that some positive rule can match */
	__u32 masks;	 /* access masks that some positive FILE_CHECK rule can match */
	__u32 conds;	 /* union of all rules' conds: facts that no rule asks for are not fetched */
	__u32 tgid;	 /* the daemon: exempt. 0: there is none */
	__u32 unattended; /* the daemon has died: no gate holds, and nobody answers before the next one is there */
	__u32 heir;	 /* the process that has executed imad since then: it may open what nobody knows */
	__u32 era;	 /* how many daemons have died */
	__u64 born, heir_born; /* when @tgid and @heir were started, because numbers come back */
	__u64 died;	 /* CLOCK_BOOTTIME, ns */
	__u64 exe_ino;	 /* the daemon's program */
	__u32 exe_dev, lost_told; /* so many lost events are in the list as a violation */
	__u32 taken, recorded; /* events that a daemon has read, and of which it has made records */
	__u64 recorded_at; /* position in the ring buffer behind the last of these */
	__u64 read_again; /* up to there a daemon has read what one before it had read */
	__u32 hold;	 /* enum imad_hold: where the gate holds */
	__u32 post_open; /* the kernel has the hook file_post_open */
	__u32 creds_final; /* CREDS_CHECK is of the file that becomes the program, not of each of the exec chain */
	__s32 hash;	 /* enum hash_algo in which the list wants digests */
	__u32 appraise;	 /* enum imad_appraise */
	__u32 evm;	 /* the same of what EVM says: off, log or enforce */
	__u32 setxattr_algos; /* hash algorithms that labels may have: a bit each; 0: any */
	__u32 setxattr_rule;  /* ... by this rule, numbered as in struct imad_event */
	__u32 protect_labels; /* while enforcing: only the daemon changes labels of appraised files */
	__u32 label_tid;      /* the daemon's thread that sets the labels that others ask for: those count as changed */
	__u32 strict;	 /* what passes with the next two passes with every appraise rule */
	__u32 strict_opts, strict_algos;
	__u32 opens_appraised; /* some rule appraises opens */
	__u32 kernel_appraised; /* some rule appraises what the kernel reads: modules, firmware, kexec */
	__u32 load_denied; /* POLICY_FUNC_BIT()s of what the kernel must not take from memory */
	__u32 load_rule[IMAD_FUNC_COUNT]; /* the first rule that says so, as struct imad_event.rule */
	/* Labels of a security module (labels.h). What depends on the policy is there for each half of the table
	 * of rules; the third is that of hooks_labels.c, which tries whether the labels are understood. */
	__u32 lsm;	 /* enum imad_lsm */
	__u32 lsm_inode, lsm_cred; /* where its part is of what hangs on an inode, on credentials */
	__u64 lsm_sizes; /* address of its struct lsm_blob_sizes, from which the next probe takes these; 0: it has */
	__u64 selinux_state; /* address of that structure */
	__u32 labels_gen[3]; /* another one for each policy: what was found of a label for another one is void */
	__u32 object_labels[3], subject_labels[3]; /* bits of struct policy.labels: obj_*=, subj_*= */
	__u32 probe_labels; /* the half for which the facts of a probe are; 2: to try */
	__u32 n_skip;	 /* used of @skip */
	__u64 skip[IMAD_SKIP_MAX]; /* superblock magics on which no rule can measure anything */
};
#define IMAD_TOLD_A_SECOND 200 /* failures: a program that tries again and again must not fill the logs */
/* The security module that gives labels to files and tasks. */
enum imad_lsm { IMAD_LSM_NONE, IMAD_LSM_SELINUX, IMAD_LSM_SMACK };
enum imad_appraise { IMAD_APPRAISE_OFF, IMAD_APPRAISE_LOG, IMAD_APPRAISE_ENFORCE };
enum imad_hold { IMAD_HOLD_OPEN, IMAD_HOLD_ACCESS };

/* Ring buffer events: what the gate could not hold, and what the daemon must hear of. */
enum imad_event_type {
	IMAD_EVENT_NONE,
	IMAD_EVENT_LATE,   /* a use that policy wants measured and the gate did not hold */
	IMAD_EVENT_ASKED,  /* the same of a writer who goes round until the file is known, and is no writer yet */
	IMAD_EVENT_TOMTOU, /* open for write while a measured reader has it open */
	IMAD_EVENT_OPEN_WRITERS, /* a reader under a writer whose content is measured already */
	IMAD_EVENT_WRITER, /* somebody can write a file whose label follows its content, or changes what its HMAC is over */
	IMAD_EVENT_LABEL,  /* a label has changed under an ignore mark */
	IMAD_EVENT_FAILED, /* a use whose appraisal failed; @slots is its enum imad_cause */
	IMAD_EVENT_DATA,   /* what is measured and is no file: struct imad_data_event */
};

#define IMAD_EVENT_PATH_MAX 4096
#define IMAD_PARTS_MAX 16 /* of a path from the root of its filesystem; what lies deeper is not found by it */
#define IMAD_EVENT_DIGEST_MAX 64
#define IMAD_FS_ID_MAX 32 /* super_block.s_id */

struct imad_event {
	__u32 type;
	__u32 func;
	__u64 gen;
	__u64 ino;
	__u32 dev; /* s_dev as the kernel keeps it: major << 20 | minor */
	__u32 slots;
	__u32 tgid, tid;
	__u32 uid;
	__s32 digest_algo;  /* enum hash_algo of @digest, < 0: none */
	__u32 flags;	    /* IMAD_GEN_WRITERS, IMAD_GEN_VIOLATION, IMAD_GEN_BARE, IMAD_EVENT_* */
	__u32 path_len;	    /* with NUL; 0: @path has the last component only */
	__u32 deleted;	    /* 1: unlinked, and @path says so at its end */
	/* Of IMAD_EVENT_FAILED, else 0: */
	__u32 denied;	    /* 1: it was, by the mode of that moment */
	__u32 rule;	    /* 1 + index in the map "rules" of the appraise rule that matched; 0: none is known */
	__u32 found;	    /* what was known of the label: IMAD_FOUND() with IMAD_FOUND_KNOWN, or 0 */
	__u32 parts; /* nobody has it open: @path has so many names, the last first, each in IMAD_NAME_MAX bytes */
	__u32 pad;
	struct imad_change changed;
	struct imad_place place;
	char fs_id[IMAD_FS_ID_MAX]; /* the kernel's name of the filesystem: "vda1" */
	char comm[16];
	__u8 digest[IMAD_EVENT_DIGEST_MAX];
	char path[IMAD_EVENT_PATH_MAX];
};

#define IMAD_EVENT_UNATTENDED 0x100 /* there was no daemon */
#define IMAD_EVENT_FAR 0x800 /* on a filesystem that is not gated: whoever opens it may wait for others */
#define IMAD_EVENT_FUSE 0x1000 /* ... for ever, and cannot even be killed: the daemon leaves it alone */

/* A policy's names of keyrings; longer ones of the kernel's are cut where no name of a policy reaches. */
#define IMAD_DATA_NAME_MAX 72
#define IMAD_DATA_MAX 32768 /* bytes; the largest certificates have a fourth of that */

/* Longer than struct imad_event, and told from it by the type. */
struct imad_data_event {
	__u32 type; /* IMAD_EVENT_DATA */
	__u32 func;
	__u32 slots;
	__u32 tgid, uid;
	__u32 cause; /* enum imad_cause: it was refused */
	__u32 denied; /* 1: by the mode of that moment */
	struct imad_place place;
	__u32 pad;
	__u32 len; /* of the data; above IMAD_DATA_MAX: it is not here. 0: nobody gave it to us */
	char name[IMAD_DATA_NAME_MAX];
	__u8 bytes[IMAD_DATA_MAX];
};

/* Which name of the policy a keyring has (map "names"). */
struct imad_name_key {
	__u32 half; /* of the table of rules */
	char name[IMAD_DATA_NAME_MAX];
};

/* Which part of a label a condition compares; Smack's is one word, and that is its user. */
enum imad_label_field { IMAD_LABEL_USER, IMAD_LABEL_ROLE, IMAD_LABEL_TYPE, IMAD_LABEL_FIELDS };

/* What the policy asks for in a field (map "label_names"): the value is bits of struct policy.labels. */
struct imad_label_name {
	__u32 half; /* of the table of rules; 2: to try */
	__u32 field;
	char text[IMAD_LABEL_TEXT_MAX];
};

/* A label that was looked at (map "label_bits"). */
struct imad_label_key {
	__u64 id;    /* SELinux: the sid; Smack: the address of its struct smack_known, which never goes */
	__u32 gen;   /* imad_control.labels_gen */
	__u32 seqno; /* of the security module's own policy */
};

/*
 * What the next daemon must agree with to go on with these maps (map "stamp"): the very
 * same BPF object, settings that say the same, and slots that mean the same.
 */
struct imad_slot_name {
	__s32 pcr;
	__u32 variant;	    /* IMAD_VARIANT_* */
	char template[120]; /* "": the configured one */
};
struct imad_stamp {
	__u64 object, settings; /* hashes */
	__u32 n_slots, pad;
	struct imad_slot_name slots[IMAD_SLOTS_MAX];
};

/* Per-CPU counters (map "counters"). */
#define IMAD_COUNTERS(X)                                                        \
	X(opens, "opens seen by file_open after the fast exits")                \
	X(matches, "walks of the rule table")                                   \
	X(wants, "uses that policy wanted measured and that were not yet")      \
	X(late, "wanted uses that the gate could not hold")                     \
	X(invalidations, "generations moved by a writer or truncate")           \
	X(events, "ring buffer records submitted")                              \
	X(lost, "ring buffer records that found no room")                       \
	X(kernel_hashes, "files hashed in the kernel by bpf_ima_file_hash")     \
	X(unlabelled, "labels that could not be looked at for want of room")    \
	X(restarts, "calls begun anew while their file was looked at")          \
	X(failures, "uses whose appraisal failed")                              \
	X(denials, "uses that were denied for that")

#define IMAD_COUNTER_FIELD(name, text) __u64 name;
struct imad_counters {
	IMAD_COUNTERS(IMAD_COUNTER_FIELD)
};

#endif
