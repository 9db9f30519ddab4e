/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists whose front was cut off: the checkpoint that stands for it, and the archived parts. */
#ifndef IMACTL_TRIMMED_H
#define IMACTL_TRIMMED_H

#include <imad/archive.h>
#include <imad/checkpoint.h>

#include "imactl.h"

/* Read a checkpoint. 0, -EBADMSG or another negative errno with one line in @why. */
int checkpoint_load(const char *path, struct checkpoint *ret, struct why *why);

/*
 * Open the list at @path and read the checkpoint that belongs to it, one pair even while the daemon cuts. Only a list of
 * the daemon's has one beside it; @ret->records is 0 without. A descriptor or negative errno.
 */
int list_open(const char *path, struct checkpoint *ret, struct why *why);

/* The boot id beside the list at @path; "" if there is none. */
void list_boot_id(const char *path, char ret[CHECKPOINT_BOOT_ID + 1]);

/*
 * Values to go on from, for each bank of @wanted: those of the checkpoint, zeros for a PCR that it has not. @ret has
 * room for @n. 0, or -ENOENT: the checkpoint has the PCR without that bank.
 */
int checkpoint_values(const struct checkpoint *c, const struct pcr_value *wanted, unsigned int n, struct pcr_value *ret);

/* Add the PCRs of the checkpoint to those that are wanted. 0 or -E2BIG. */
int checkpoint_add_pcrs(const struct checkpoint *c, struct pcr_set *set);

/* --- trim_archive.c */

/* Append records [@from, @to) out of the parts in @folder. 0 or negative errno with one line in @why. */
int archive_read(const char *folder, uint64_t from, uint64_t to, struct buf *out, struct why *why);

/* --- verify_checkpoint.c */

/* The SHA-256 of the key in the checkpoint, as verify --evidence names it; "" if it has none. */
void checkpoint_key(const struct checkpoint *c, char ret[65]);

/*
 * Whether the key in the PEM file @ak signed the checkpoint, and the list at @list leads from it to what that quote is
 * of. 0, -EBADMSG: it is not so; or another negative errno; with one line in @why.
 */
int checkpoint_vouch(const struct checkpoint *c, const char *ak, const char *list, struct why *why);

/* The same by the @key that the file @ak has. */
struct evp_pkey_st;
int checkpoint_vouch_by(const struct checkpoint *c, const char *ak, struct evp_pkey_st *key, const char *list, struct why *why);

#endif
