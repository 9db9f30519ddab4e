/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published measurement list under /run/imad: files that are only ever
 * appended to, same inode, mode 0440, in the kernel's syntax.
 *   binary_runtime_measurements   ascii_runtime_measurements
 *   runtime_measurements_count    violations             (decimal, newline)
 *   record_info                   JSON lines beside the records, one a record
 *   boot_id                       which boot the list belongs to
 *   checkpoint                    once the front was cut off (store_trim_begin()): what stood there, see checkpoint.h
 *   measured                      then too: the template digests of what stood there, so that none is recorded twice
 *   binary_runtime_measurements_sha1, ascii_runtime_measurements_sha1: links to the first two, and
 *   if wished, such files for each other bank, as Linux 6.10 has them (store_banks())
 * One writer at a time (flock). Order of one append: binary, ASCII, info, counts;
 * a crash between them is mended from the binary list at the next open. The counts are of all records
 * of the boot, also of those that were cut off; a trim replaces the files that grow, and only it does.
 */
#ifndef IMAD_STORE_H
#define IMAD_STORE_H

#include <imad/algo.h>
#include <imad/buf.h>
#include <imad/checkpoint.h>
#include <imad/list.h>

struct store;

/*
 * Open or make the list in @dir (made with mode 0750 if missing). A list of
 * another boot is moved to @dir/archive/BOOTID/. A torn tail is cut, there too. *@n_records is
 * what it has already, with those that were cut off. Returns 0; -EBUSY: another imad holds the lock;
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

/* The same where the list's first byte is byte @base; and of any file of that form. */
int store_scan_behind(const struct store *s, uint64_t base, uint64_t *at, store_scan_fn *fn, void *arg);
int store_scan_file(int fd, uint64_t base, uint64_t *at, store_scan_fn *fn, void *arg);

/* Bytes of the binary list: where the next record will start. */
uint64_t store_size(const struct store *s);
/* Of the whole boot, also of what was cut off. */
uint64_t store_records(const struct store *s);
uint64_t store_violations(const struct store *s);

/* Of which boot the list is. */
const char *store_boot_id(const struct store *s);

/* What was cut off, NULL: nothing; the index of the first record in the files. */
const struct checkpoint *store_checkpoint(const struct store *s);
uint64_t store_first(const struct store *s);

/* --- trimming: see store_trim.c for the order and what a crash leaves */

/* Up to where the files hold whole appends that will not be taken back. */
struct store_end {
	uint64_t size, info; /* bytes of the binary list, of record_info */
};
void store_end(const struct store *s, struct store_end *ret);

struct store_trim;

/*
 * Prepare to cut the records before byte @cut of the binary list, for which @c stands, and copy what is behind
 * them up to @end; nothing that counts changes. May run beside the thread that appends; one at a time. 0, -EINVAL, or
 * negative errno with nothing left behind.
 */
int store_trim_begin(struct store *s, const struct checkpoint *c, uint64_t cut, const struct store_end *end,
		     struct store_trim **ret);

/* Copy the rest and make the cut, in the thread that appends. 0; or negative errno: the list is as before. */
int store_trim_commit(struct store *s, struct store_trim *t);

/* Removes what was prepared unless it was committed. */
void store_trim_free(struct store *s, struct store_trim *t);

/*
 * The set of what was cut off: @n entries of a byte for the PCR and a template digest by @hash are added; called
 * before the cut, as one too many does no harm. What is there by another hash is dropped. 0 or negative errno.
 */
int store_measured_add(struct store *s, const struct algo *hash, const void *entries, size_t n);

/* Call @fn for each entry; a negative errno from it ends that and is returned. */
int store_measured(const struct store *s, const struct algo *hash,
		   int (*fn)(void *arg, unsigned int pcr, const uint8_t *digest), void *arg);

#endif
