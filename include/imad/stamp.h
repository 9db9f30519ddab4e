/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a daemon can go on with the maps of one that died: they are stamped with what
 * their content depends on.
 */
#ifndef IMAD_STAMP_H
#define IMAD_STAMP_H

#include <stddef.h>

#include <imad/abi.h>
#include <imad/policy.h>

#define STAMP_HASH_INIT 0xcbf29ce484222325ull

/* FNV-1a, on from *@h: builds and settings are to be told apart, nobody is to be kept out. */
void stamp_hash(uint64_t *h, const void *p, size_t n);
void stamp_hash_text(uint64_t *h, const char *text); /* with its NUL, so that two texts are not one */

/*
 * @object: hash of the BPF object; @settings: of what else the state of inodes depends on.
 * A policy whose slots find no room in the stamp gets one that fits nothing but itself.
 */
void stamp_make(uint64_t object, uint64_t settings, const struct policy *p, struct imad_stamp *ret);

/*
 * Why maps with the stamp @found cannot be gone on with by whoever would stamp them with
 * @ours, in words; NULL: they can. Slots that only one side has are no reason: they are
 * to be taken over, or added.
 */
const char *stamp_misfit(const struct imad_stamp *ours, const struct imad_stamp *found);

#endif
