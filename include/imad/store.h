/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published measurement list under /run/imad: files that are only ever
 * appended to, same inode, mode 0440, in the kernel's syntax.
 *   binary_runtime_measurements   ascii_runtime_measurements
 *   runtime_measurements_count    violations             (decimal, newline)
 *   record_info                   JSON lines beside the records, one a record
 *   boot_id                       which boot the list belongs to
 *   binary_runtime_measurements_sha1, ascii_runtime_measurements_sha1: links to the first two, and
 *   if wished, such files for each other bank, as Linux 6.10 has them (store_banks())
 * One writer at a time (flock). Order of one append: binary, ASCII, info, counts;
 * a crash between them is mended from the binary list at the next open.
 */
#ifndef IMAD_STORE_H
#define IMAD_STORE_H

#include <imad/algo.h>
#include <imad/buf.h>
#include <imad/list.h>

struct store;

/*
 * Open or make the list in @dir (made with mode 0750 if missing). A list of
 * another boot is moved to @dir/archive/BOOTID/. A torn tail is cut. *@n_records is
 * what it holds already. Returns 0; -EBUSY: another imad holds the lock;
 * -EBADMSG: the binary list is damaged in the middle, at record *@n_records; negative errno.
 */
int store_open(const char *dir, const char *boot_id, struct store **ret, uint64_t *n_records);
void store_free(struct store *s);
void store_freep(struct store **s);

#define STORE_BANKS_MAX 8

/*
 * From now on lists of these banks are kept beside, as on Linux 6.10; what is there already is brought up to
 * date, and those of other banks go. SHA-1 needs none. May be called again. 0 or negative errno.
 */
int store_banks(struct store *s, const struct algo *const *banks, unsigned int n);

/* Remove the files of a list that has no record: a start that was refused leaves nothing behind. */
void store_discard(struct store *s);

/* Append one record with its JSON info line (without newline). 0 or negative errno (nothing half visible). */
int store_append(struct store *s, const struct list_record *r, const char *info);

/* The binary list for reading from the start (a new descriptor, caller closes) or negative errno. */
int store_reader(const struct store *s);

/*
 * Call @fn for each whole record from byte *@at on, with the bytes where it starts
 * and ends; *@at follows. A negative errno from @fn stops and is returned. Returns
 * 0 at the end (a cut tail is not told) or -EBADMSG at a damaged record.
 */
typedef int store_scan_fn(void *arg, const struct list_record *r, uint64_t start, uint64_t end);
int store_scan(const struct store *s, uint64_t *at, store_scan_fn *fn, void *arg);

/* Bytes of the binary list: where the next record will start. */
uint64_t store_size(const struct store *s);
uint64_t store_records(const struct store *s);
uint64_t store_violations(const struct store *s);

#endif
