/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF programs: load, attach, settings, the state of inodes, events. libbpf
 * and the skeleton end here. All functions but hooks_new() and hooks_free() may be
 * called from any thread.
 */
#ifndef IMAD_HOOKS_H
#define IMAD_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include <imad/abi.h>
#include <imad/buf.h>
#include <imad/policy.h>

struct hooks;

/*
 * Load and attach, inactive. Programs whose kernel hook is missing or has another
 * signature are left out by BTF. Errors are logged: -EOPNOTSUPP when BPF LSM is not
 * active (the message says what to add to the kernel command line), -EPERM, ...
 */
int hooks_new(struct hooks **ret);
void hooks_free(struct hooks *h); /* detaches */
void hooks_freep(struct hooks **h);

/* What becomes of a use whose appraisal fails; before the first policy. Off: appraise rules mean nothing. */
void hooks_set_appraise(struct hooks *h, enum imad_appraise mode);

/* From the next policy on: while enforcing nobody but this process changes labels of appraised files. 0 or -EOPNOTSUPP. */
int hooks_protect_labels(struct hooks *h);
/* The thread that sets labels for others: to BPF they are changed by whoever asked. 0: none does. */
void hooks_label_thread(struct hooks *h, uint32_t tid);
/* Where the next policy's rules will be: rule i is number half * IMAD_RULES_MAX + i + 1 in struct imad_event. */
unsigned int hooks_idle_half(const struct hooks *h);
/* The security module that gives labels here: that of the kernel's list, and of none of the others imad knows. */
enum imad_lsm hooks_lsm(void);
/* The same, if its structures in this kernel are understood; as the last policy was installed. */
enum imad_lsm hooks_labels(const struct hooks *h);

/* Install @p's rules in the idle half of the table and switch to it; voids every verdict. 0 or -errno. */
int hooks_set_policy(struct hooks *h, const struct policy *p);
/* How often each of the first @n rules of the policy installed last decided a use that was not known yet. */
void hooks_hits(struct hooks *h, uint64_t *ret, unsigned int n);
/* From the next policy on, or sooner: opens are what the gate holds, whatever hooks_activate() said. */
void hooks_hold_opens(struct hooks *h);
/* @hash: kernel id of the list's hash. */
void hooks_activate(struct hooks *h, enum imad_hold hold, unsigned int hash);
uint32_t hooks_epoch(const struct hooks *h);
/* Failures that were denied or not, but are not among the events: more than IMAD_TOLD_A_SECOND. */
uint64_t hooks_untold(const struct hooks *h);
/* The rule for which the kernel must not take content of that func from memory: as struct imad_event.rule. */
uint32_t hooks_load_rule(const struct hooks *h, unsigned int func);
void hooks_new_epoch(struct hooks *h); /* voids every flag of a verdict that tells of a mark */
uint32_t hooks_trust_epoch(const struct hooks *h); /* the first one with the keys of now */
void hooks_new_trust(struct hooks *h); /* a new epoch, which voids all that was found of labels before it */

/*
 * State of the inode behind @fd (any open mode, O_PATH too). Returns 0 with zeros
 * for what the kernel has not: *@has_gen tells whether BPF knows the inode. What was found
 * with other keys than those of now is not done.
 */
int hooks_state(struct hooks *h, int fd, struct imad_gen *gen, bool *has_gen, struct imad_verdict *verdict);
int hooks_publish(struct hooks *h, int fd, const struct imad_verdict *verdict);

/* Of the appraised open in which the gate holds thread @tid: what was found (IMAD_FOUND()). None: nothing happens. */
void hooks_tell_open(struct hooks *h, uint32_t tid, uint32_t found);

/*
 * Open @path (relative to @dirfd) as the daemon, and learn what BPF sees of it
 * (the ids in the facts are the daemon's, the labels the file's). Makes a generation for a regular file. Returns
 * a descriptor that the caller closes, or negative errno. @written: struct imad_gen.written
 * for whose write the label is made by now; 0: none.
 */
int hooks_open(struct hooks *h, int dirfd, const char *path, int flags, uint64_t written, struct imad_probe *probe);

/* Tell BPF that superblock @s_dev (major << 20 | minor) is or is no longer marked. */
int hooks_set_gated(struct hooks *h, uint32_t s_dev, bool gated);

/* Readable when there are events. */
int hooks_events_fd(struct hooks *h);
/* Hand every event that is there to the callback, in the calling thread. One thread only. */
int hooks_events(struct hooks *h);
/* @data: of what is no file. */
void hooks_on_event(struct hooks *h, void (*fn)(void *arg, const struct imad_event *e),
		    void (*data)(void *arg, const struct imad_data_event *e), void *arg);

void hooks_counters(struct hooks *h, struct imad_counters *ret);

/* Call @fn for each program: its kernel hook and whether it is attached. */
void hooks_each(struct hooks *h, void (*fn)(void *arg, const char *hook, bool attached), void *arg);

/*
 * hooks_loaded.c: append a line for each BPF program that the kernel holds, whoever loaded it:
 * "type=lsm name=imad_file_open tag=5d7a0c3f9be21846" with the type as libbpf calls it (a number, if it is newer)
 * and the kernel's digest of the program's instructions. Sorted, and equal lines once, so that the
 * text says what is loaded and not how often. 0, -EPERM without CAP_SYS_ADMIN, -ENOMEM or what the
 * kernel gave; then nothing was appended, unless that is -ENOMEM.
 */
int hooks_loaded_programs(struct buf *out);

#endif
