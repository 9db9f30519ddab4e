/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of imactl attest, enroll and verify --evidence. */
#ifndef IMACTL_ATTEST_H
#define IMACTL_ATTEST_H

#include <imad/checkpoint.h>
#include <imad/evidence.h>
#include <imad/quote.h>

#include "imactl.h"

#define NONCE_MIN 8 /* bytes */

struct ak;

/* Hex of NONCE_MIN to QUOTE_NONCE_MAX bytes. 0, or -EINVAL and why is told. */
int nonce_parse(const char *command, const char *hex, struct buf *ret);

/* A whole file of at most @max bytes; 0 or negative errno. */
int read_whole(const char *path, size_t max, struct buf *ret);

/* A public key in PEM, for EVP_PKEY_free(). 0, or negative errno, and why. */
int read_public_key(const char *path, struct evp_pkey_st **ret, struct why *why);

/* Write a file anew in one step: beside it, then renamed. 0 or negative errno. */
int write_whole(const char *path, const void *p, size_t n, unsigned int mode);
/* The same, but what is there already stays: -EEXIST. */
int write_new(const char *path, const void *p, size_t n, unsigned int mode);

/*
 * The AK of this host, which is kept as @statedir/ak.pem: the first call creates the file, later
 * ones must find the same key. 0 or negative errno with one line in @why.
 */
int ak_kept(const char *tcti, const char *statedir, struct ak **ret, struct buf *pem, struct why *why);

/* --- attest_mark.c */

/* A place in a list that was attested before. */
struct mark {
	char boot_id[EVIDENCE_BOOT_ID + 1];
	uint64_t first, records; /* that were cut off then; that lead there, with those */
	uint64_t bytes;		 /* of the list, to there */
	struct pcr_value pcrs[EVIDENCE_PCRS_MAX]; /* there */
	unsigned int n_pcrs;
};

struct mapped;

/* Whether there is one beside the list. */
bool mark_load(const char *rundir, struct mark *ret);
/* @ret->mark is @m, if that is a place in this list. */
void mark_apply(const struct mark *m, const char *list, struct mapped *ret);
/* Remember where @e leads, @bytes from the list's start, if that is worth it. */
void mark_save(const char *rundir, const char *list, const struct mapped *at, const struct evidence *e, size_t bytes);

/* --- attest_settle.c */

/* A list mapped into memory, with what was cut off its front: @before.records is 0 for nothing. */
struct mapped {
	const uint8_t *p;
	size_t n;
	struct checkpoint before;
	const struct mark *mark; /* NULL: none */
};
/* 0 or negative errno with one line in @why. */
int mapped_open(const char *path, struct mapped *ret, struct why *why);
void mapped_done(struct mapped *m);

/* Offset behind @count records, with those that were cut off; or -EBADMSG: there are not so many, -ERANGE: it is before the first. */
ssize_t mapped_offset(const struct mapped *m, uint64_t count);

/*
 * How many records lead to the quote with the PCR digest in @q: @values were read just before it, or may
 * be already those. On success they are those of the quote. 0, -ENOENT: no part of the list
 * leads there; or another negative errno. *@total: whole records that there are. A mark that does not lead there is dropped.
 */
int settle(struct mapped *list, bool imported, const struct quote *q, const struct algo *hash,
	   struct pcr_value *values, unsigned int n, uint64_t *quoted, uint64_t *total);

/* --- attest_dir.c */

/* The evidence as files for other programs. An exit code; why is told. */
int attest_write_dir(const char *dir, const struct evidence *e, const struct quote *q, const struct buf *ak_pem);

#endif
