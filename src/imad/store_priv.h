/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the store share: its files, and how they are opened, read and mended. */
#ifndef IMAD_STORE_PRIV_H
#define IMAD_STORE_PRIV_H

#include <imad/store.h>

#define STORE_ID_MAX 64 /* bytes of a boot id */

/* The files that grow with each record, in the order of one append; behind them those of banks. */
enum { STORE_BINARY, STORE_ASCII, STORE_INFO, STORE_GROWING };
#define STORE_FILES_MAX (STORE_GROWING + 2 * STORE_BANKS_MAX)
#define STORE_NAME_MAX	64
#define STORE_REST	"binary_runtime_measurements.rest" /* what was behind the last whole record of another boot */

struct store_file {
	int fd;
	uint64_t size;	 /* bytes that count; what is behind is the rest of a failed append */
	struct buf line; /* what the append at hand adds */
	const struct algo *bank; /* a list of this bank; NULL: none */
	bool binary;		 /* ... in that form */
	char name[STORE_NAME_MAX];
};

/* A file that holds one decimal number. */
struct store_number {
	int fd;
	uint64_t value;
	size_t len; /* bytes of its text */
};

struct store {
	int dir; /* carries the lock */
	char boot_id[STORE_ID_MAX + 1];
	struct store_file file[STORE_FILES_MAX];
	unsigned int n_files; /* STORE_GROWING and more */
	struct store_number records, violations;
	struct checkpoint *before; /* what was cut off; NULL: nothing */
	bool dirty; /* taking back a failed append has failed too */
};

/* A store with no file open; NULL: no memory. */
struct store *store_alloc(void);

/* Open the files in @s->dir. 0 or negative errno. */
int store_files_open(struct store *s);

/* What another boot left in @dir is made whole, and is on disk then. 0 or negative errno. */
int store_mend_left(int dir, const char *boot_id);

/* Name of a growing file. */
const char *store_name(unsigned int i);

/* Open one of them to append to; its size is what it has. 0 or negative errno. */
int store_open_growing(struct store *s, struct store_file *f);

/* What the record adds to a file other than STORE_INFO. 0 or negative errno. */
int store_line(const struct store_file *f, const struct list_record *r, struct buf *out);

/* Name of a list of a bank. */
void store_bank_name(const struct algo *bank, bool binary, char ret[STORE_NAME_MAX]);

/* Bring a file of text or of a bank to what the binary list says. 0 or negative errno. */
int store_mend_file(struct store *s, struct store_file *f);

/* Open @name in the list's folder for reading and @flags, made if missing with mode 0440. fd or negative
 * errno. */
int store_open_file(int dir, const char *name, int flags);

/* Write all of @n bytes by one write(2) behind the end. 0 or negative errno; -ENOSPC when only a part fitted.
 */
int store_write(int fd, const void *p, size_t n);

/* Until it is on disk, if there is one. 0 or negative errno. */
int store_sync(int fd);

/* Set a number and its file. 0 or negative errno. */
int store_number_set(struct store_number *n, uint64_t value);

/* Bring all files to what the binary list says. 0, -EBADMSG with the bad record in *@n_records, negative
 * errno. */
int store_mend(struct store *s, uint64_t *n_records);

/* Where line @wanted of the file ends, or the last whole line before it; *@n_lines: how many there are till there. */
int store_lines_end(const struct store_file *f, uint64_t wanted, uint64_t *ret_end, uint64_t *n_lines);

/* --- store_trim.c */
/* A trim that was interrupted is undone or finished. 0 or negative errno. */
int store_trim_recover(int dir);
/* Read the checkpoint of the list, if there is one. 0, -EBADMSG or negative errno. */
int store_before(struct store *s, const char *boot_id);

/* Move what another boot left to archive/, and note whose boot it is now. 0 or negative errno. */
int store_boot(int dir, const char *boot_id);

#endif
