/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups (version 2) by their number, which is what BPF has: bpf_get_current_cgroup_id(), the number
 * of the group's inode on cgroupfs. The kernel never gives one twice. Where only version 1 is mounted every
 * process is in the root, 1.
 *
 * Not for several threads at once.
 */
#ifndef IMAD_CGROUPS_H
#define IMAD_CGROUPS_H

#include <sys/types.h>

#include <imad/abi.h>
#include <imad/buf.h>

struct cgroups;

/* @mount: seam for tests; NULL: where cgroup2 is on a host with systemd or like it. 0 or -ENOMEM. */
int cgroups_new(const char *mount, struct cgroups **ret);
void cgroups_free(struct cgroups *c);

/*
 * Append what is known of @place to a JSON object: ,"mnt_ns":INODE,"cgroup":"/PATH","container":"ID". What is
 * not known is left out; of a group that has gone since its number is told, "cgroup_id". The last groups are
 * remembered; another one costs three system calls, none of which can wait for a device or a process.
 */
void cgroups_add_json(struct cgroups *c, const struct imad_place *place, struct buf *b);

/* Where @pid is. What cannot be found out is 0. */
void cgroups_place_of(pid_t pid, struct imad_place *ret);

#endif
