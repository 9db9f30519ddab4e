/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Critical data: state of the kernel that is no file, read from the interfaces that the kernel has
 * for it, in the bytes that the kernel's own IMA records where it has such a record.
 *
 * What differs from the kernel, whose code calls IMA at each change: here somebody has to look. Of
 * several changes between two looks only the last is seen, and what is gone leaves no record.
 */
#ifndef IMAD_CRITICAL_H
#define IMAD_CRITICAL_H

#include <stddef.h>
#include <stdint.h>

#include <imad/algo.h>

#define CRITICAL_SELINUXFS "/sys/fs/selinux"

/* One piece of critical data; event name and bytes are the reader's, for the time of the call. */
typedef void (*critical_fn)(void *arg, const char *event, const void *data, size_t n);

/* What was seen of SELinux the last time. One thread. */
struct critical;

/*
 * @selinuxfs: where that is mounted, if it is; @hash: of the policy. 0 or -ENOMEM. Nothing is opened yet.
 */
int critical_new(const char *selinuxfs, const struct algo *hash, struct critical **ret);
void critical_free(struct critical *c); /* NULL: nothing */
void critical_freep(struct critical **c);

/*
 * SELinux, label "selinux":
 *
 *   selinux-state        initialized=0;enforcing=0;checkreqprot=0; and each policy capability that the
 *                        kernel knows, in its order: name=0;
 *   selinux-policy-hash  the digest of the loaded policy as /sys/fs/selinux/policy gives it, in @hash.
 *                        The record's digest is thus a digest of a digest, as in the kernel. Only if a
 *                        policy is loaded.
 *
 * As a policy is megabytes, it is read only if /sys/fs/selinux/status has changed. Where selinuxfs is
 * not mounted there are no records. 0, or negative errno and no record: -EBUSY while another program
 * reads the policy, -EBADMSG for a value that is no number, -ENOMEM, or what open and read gave.
 */
int critical_selinux(struct critical *c, critical_fn fn, void *arg);

/*
 * Device-mapper, label "device-mapper": a record dm_table_load for each device with an active table, with
 * the bytes that the kernel records when that table is loaded:
 *
 *   dm_version=4.47.0;name=root,uuid=CRYPT-...,major=253,minor=0,minor_count=1,num_targets=1;
 *   target_index=0,target_begin=0,target_len=204800,target_name=crypt,target_version=1.24.0,...
 *
 * What a target tells is its own form for IMA, which never has a key in it. The kernel's further
 * events (dm_device_resume, dm_device_remove, dm_table_clear, dm_device_rename, dm_target_update) have no
 * counterpart. Where device-mapper is not in the kernel there are no records, and its module is not loaded.
 * 0, or negative errno: -EPERM without CAP_SYS_ADMIN, -E2BIG for more than a mebibyte about one
 * device, -EBADMSG, -ENOMEM, or what the kernel gave; the records until then are whole.
 */
int critical_device_mapper(critical_fn fn, void *arg);

/* A device, as far as its records name it. */
struct critical_dm {
	const uint32_t *version; /* of the interface: three numbers */
	const char *name, *uuid; /* as the kernel has them: the records escape , ; = and \ in them */
	unsigned int major, minor;
	unsigned int n_targets;
};

/*
 * Make the records of one device from the @n bytes at @targets, in which each target is a struct dm_target_spec
 * with its text behind it (linux/dm-ioctl.h). As in the kernel a table that does not fit into 4096 bytes gives more
 * records, each with the device in front. 0, -ENOMEM, or -EBADMSG for targets that do not lie in @n bytes.
 */
int critical_dm_table(const struct critical_dm *device, const void *targets, size_t n, critical_fn fn, void *arg);

#endif
