/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of the measurement list, binary and ASCII, byte for byte as the kernel
 * writes binary_runtime_measurements and ascii_runtime_measurements
 * (security/integrity/ima/ima_fs.c): u32 pcr, 20-byte SHA-1 template digest,
 * u32 name length, template name, u32 data length (absent for template "ima"),
 * template data. Little-endian always (ima_canonical_fmt).
 */
#ifndef IMAD_LIST_H
#define IMAD_LIST_H

#include <stdbool.h>
#include <sys/types.h>

#include <imad/template.h>

#define LIST_HEADER_DIGEST 20
#define LIST_PCR_MAX 63		   /* of a record: what the kernel's pcr= accepts */
#define LIST_NAME_MAX 255	   /* template name or format, bytes */
#define LIST_DATA_MAX (1u << 20)   /* template data of one record, bytes */

/*
 * One record. Slices are borrowed from the bytes it was parsed from or made with.
 * A record with a format for a name (ima_template_fmt=) has its template in
 * itself: such a struct must not be copied.
 */
struct list_record {
	uint32_t pcr;
	uint8_t header_digest[LIST_HEADER_DIGEST]; /* all zero: a violation */
	const struct template *template;
	const uint8_t *data;
	size_t data_len;
	bool violation;
	struct template custom;		/* @template points here for a format of its own, */
	char format[LIST_NAME_MAX + 1]; /* which is kept here */
};

/*
 * Parse the first record of @n bytes. Returns the bytes it took (> 0), -ENODATA
 * when @n is 0, -EAGAIN when the record is cut at the end of the bytes, or
 * -EBADMSG with the reason in *@why when it can never become valid.
 */
ssize_t list_parse(const uint8_t *p, size_t n, struct list_record *ret, const char **why);

/* Append the record in either form. Returns 0, -ENOMEM or -EBADMSG. */
int list_encode(const struct list_record *r, struct buf *out);
int list_print(const struct list_record *r, struct buf *out);

/*
 * The same as in the list of a bank (binary_runtime_measurements_sha256 of Linux 6.10 and later): with the
 * template digest in its algorithm for the header digest. 0, -ENOMEM, -EBADMSG or as digest_buf().
 */
int list_encode_bank(const struct list_record *r, const struct algo *algo, struct buf *out);
int list_print_bank(const struct list_record *r, const struct algo *algo, struct buf *out);

/*
 * The template digest in @algo: what is extended. For template "ima" over digest
 * and the name padded to 256 bytes, else over the template data. A violation
 * gives 0xff over the full size. Returns 0, -EBADMSG or as digest_buf().
 */
int list_template_digest(const struct list_record *r, const struct algo *algo, struct digest *ret);

/*
 * Make a record: encodes @in by @t into @data (which must outlive the record) and
 * fills the header digest (zeros for a violation). Returns 0 or negative errno.
 */
int list_make(uint32_t pcr, const struct template *t, const struct template_input *in, struct buf *data,
	      struct list_record *ret);

#endif
