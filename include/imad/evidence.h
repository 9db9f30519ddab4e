/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence: what a host gives to whoever asked with a nonce, one JSON object around blobs
 * in the forms of their makers. Text in, struct out, and back; nothing is believed here.
 *
 *   format     "imad-evidence"
 *   version    1; unknown members are ignored, other versions refused
 *   nonce      hex, as it was asked for; the quote's own is the one that counts
 *   boot_id    of the kernel, a UUID; a hint, nothing signs it
 *   quote      { attest: TPMS_ATTEST, signature: TPMT_SIGNATURE }, base64 (TPM 2.0 part 2)
 *   ak         TPM2B_PUBLIC of the key that signed, base64
 *   pcrs       { "10": { "sha1": hex, "sha256": hex }, ... }: the values that were quoted
 *   list       { encoding: "ima-binary-le", from, quoted, total, imported, data }
 *
 * The list: records [from, from + n) of binary_runtime_measurements, base64, little-endian;
 * @quoted: the records that are in the PCRs; @total: the records that the list had when it was
 * read; @imported: the first record is the kernel's, so its digest may be SHA-1 padded with zeros
 * in banks that the kernel cannot hash. Without data, the records are in a file beside it.
 *
 *   checkpoint  base64 of the text (checkpoint.h) that stands for the records before @from, where these were cut off; else missing
 */
#ifndef IMAD_EVIDENCE_H
#define IMAD_EVIDENCE_H

#include <stdbool.h>

#include <imad/pcr.h>
#include <imad/util.h>

#define EVIDENCE_TEXT_MAX (256u << 20) /* bytes of the JSON text */
#define EVIDENCE_PCRS_MAX 4
#define EVIDENCE_BOOT_ID  36
#define EVIDENCE_CHECKPOINT_MAX (64u << 10) /* bytes of its text */

struct evidence {
	char boot_id[EVIDENCE_BOOT_ID + 1];
	struct buf nonce;		/* bytes */
	struct buf attest, signature;
	struct buf ak;
	struct pcr_value pcrs[EVIDENCE_PCRS_MAX]; /* ascending */
	unsigned int n_pcrs;
	uint64_t from, quoted, total;
	bool imported;
	bool has_list;
	struct buf list;
	struct buf checkpoint; /* empty: none */
};

void evidence_done(struct evidence *e);

/*
 * Parse all of @text. 0, -ENOMEM, or -EBADMSG with the member and the reason in *@e
 * (@token: the member, "list.from"); @ret is untouched then.
 */
int evidence_parse(const char *text, size_t n, struct evidence *ret, struct parse_error *e);

/* Append the JSON text and a newline. 0 or -ENOMEM. */
int evidence_format(const struct evidence *e, struct buf *out);

/* Base64 (RFC 4648, padded, one line). 0, -ENOMEM or -EBADMSG. */
int base64_encode(const void *p, size_t n, struct buf *out);
int base64_decode(const char *text, size_t n, struct buf *out);

#endif
