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
 * signature are left out by BTF, and without @evm those that hooks_set_evm() would need,
 * for good: @settings must tell the two apart. Errors are logged: -EBUSY when another imad runs,
 * -EOPNOTSUPP when BPF LSM is not active (the message says what to add to the kernel
 * command line), -EPERM, ...
 *
 * If a daemon died here, its programs are still active. With its maps, if they fit this
 * build, @settings (a hash of what "done" and "found" depend on beside the policy) and
 * the slots of @p, this one goes on as if nothing had happened: nothing of its own is
 * attached before hooks_keep(), which replaces the old programs. If they do not fit, old
 * and new programs are active side by side until then. What fails before hooks_keep()
 * leaves the dead daemon's programs as they are.
 */
int hooks_new(uint64_t settings, bool evm, const struct policy *p, struct hooks **ret);
/* Detaches, unless hooks_leave() was called. */
void hooks_free(struct hooks *h);
void hooks_freep(struct hooks **h);

/* @settings of hooks_new() are others now. */
void hooks_set_settings(struct hooks *h, uint64_t settings);
bool hooks_are_adopted(const struct hooks *h);
/* A daemon died here, and what it knew could not be gone on with: the events that waited are lost. */
bool hooks_replace(const struct hooks *h);
/* If they are adopted: whether the daemon had enforced when it died. */
bool hooks_enforced(const struct hooks *h);
/* When the daemon died whose maps these are (CLOCK_BOOTTIME, ns). */
uint64_t hooks_died(const struct hooks *h);
/* The slots of the maps that were adopted; returns how many. */
unsigned int hooks_slots(const struct hooks *h, struct imad_slot_name ret[IMAD_SLOTS_MAX]);
/* Somebody reads the events again; until then nobody waits for an answer. */
void hooks_attend(struct hooks *h);
/* All is active: from now on the programs outlive this process. 0 or negative errno, logged. */
int hooks_keep(struct hooks *h);
/* The gate is about to go, and the programs go on without this process until @program is executed. */
void hooks_leave(struct hooks *h, const char *program);
/* Whether there are lost events that have not been told of yet. */
bool hooks_lose_events(struct hooks *h);
/* How many there are; then they count as told. */
uint32_t hooks_newly_lost(struct hooks *h);
/* How many events were read, ever, and up to where; and that those up to @upto have become records. */
struct hooks_taken {
	uint32_t events;
	uint64_t at;
};
struct hooks_taken hooks_taken(const struct hooks *h);
void hooks_recorded(struct hooks *h, struct hooks_taken upto);
/*
 * What a dead daemon had read, and had not made records of as far as is known, is read again before all others, as of
 * a time in which there was no daemon. Returns how many events; *@ret_lost are those that the kernel may have written
 * over, and those that two daemons have read by now.
 */
uint32_t hooks_read_again(struct hooks *h, uint32_t *ret_lost);
/* Detach what a dead daemon has left. 0 or negative errno, logged: -EBUSY if one lives. */
int hooks_detach_dead(void);

/* What becomes of a use whose appraisal fails; before the first policy. Off: appraise rules mean nothing. */
void hooks_set_appraise(struct hooks *h, enum imad_appraise mode);
/* The same of what fails by EVM. From the next policy on changes of metadata are seen. */
void hooks_set_evm(struct hooks *h, enum imad_appraise mode);
/* Label and HMAC of @fd are made of after these changes (struct imad_gen): they are no longer due, unless there were more. 0 or negative errno. */
int hooks_made_anew(struct hooks *h, int fd, uint64_t written, uint64_t vouched);

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
bool hooks_is_gated(const struct hooks *h, uint32_t s_dev);

/* Readable when there are events. */
int hooks_events_fd(struct hooks *h);
/* Hand every event that is there to the callback, in the calling thread. One thread only. */
int hooks_events(struct hooks *h);
/* @data: of what is no file. */
void hooks_on_event(struct hooks *h, void (*fn)(void *arg, const struct imad_event *e),
		    void (*data)(void *arg, const struct imad_data_event *e), void *arg);

/* hooks_beat.c: whether an open of the daemon's own is seen. 1: it is; 0: the hooks are silent; or negative errno. */
int hooks_beat(struct hooks *h);
/* Call @fn with a descriptor of each map, program and link; ends with its first negative value, and returns that. */
enum hooks_object { HOOKS_MAP, HOOKS_PROG, HOOKS_LINK };
typedef int hooks_object_fn(void *arg, enum hooks_object kind, int fd);
int hooks_each_object(struct hooks *h, hooks_object_fn *fn, void *arg);

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
