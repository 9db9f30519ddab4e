/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The archived parts of a list, STATEDIR/archive/BOOTID/FIRST.bin: one after the other they are the list from
 * record 0 to its checkpoint. FIRST is the number of the part's first record, in 12 digits. imactl trim writes them;
 * the daemon reads them when the TPM was reset.
 */
#ifndef IMAD_ARCHIVE_H
#define IMAD_ARCHIVE_H

#include <imad/checkpoint.h>

#define ARCHIVE_PART ".bin"

/* Paths of a boot's folder and of a part in it, to be freed; NULL: no memory. */
char *archive_folder(const char *statedir, const char *boot_id);
char *archive_part(const char *folder, uint64_t first, const char *ending);

/*
 * Paths of all parts in @folder that begin before record @before, ascending: what begins there was left by a trim
 * that did not come to its end. How many, or negative errno; for archive_list_free().
 */
int archive_list(const char *folder, uint64_t before, char ***ret);
void archive_list_free(char **parts, int n);

/*
 * Whether the parts, files or all that are in a folder, in this order and from record 0 on, are what the checkpoint
 * stands for. 0, -EBADMSG: they are not; or another negative errno; with one line in @why[@size].
 */
int archive_verify(const struct checkpoint *c, const char *const *paths, unsigned int n, char *why, size_t size);

#endif
