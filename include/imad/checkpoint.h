/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checkpoint: what stands for the records that were cut off the front of the list. From its PCR
 * values on the rest replays to what the TPM holds. Text of lines, "name value...", in this order:
 *
 *   imad-checkpoint 1
 *   boot_id UUID             the boot that the list belongs to
 *   records N                that stand before the first record of the list
 *   violations N             among them
 *   own WORD N               among these: imad's own of that kind (violation.h), for each that there are any of, in its order
 *   imported 0|1             record 0 was the kernel's: some bank may hold its SHA-1 padded with zeros
 *   time N                   seconds since 1970, by the host's clock
 *   chain HEX                over the archived parts: SHA-256(chain before || SHA-256(part)); 32 zeros at first
 *   pcr N BANK HEX           value after these records; PCRs ascending, at least one
 * and then, if a TPM was there, a quote whose nonce is the SHA-256 of all lines above:
 *   quoted N                 records that the quote stands for: these and the first of the rest
 *   ak HEX                   TPM2B_PUBLIC of the key
 *   attest HEX               TPMS_ATTEST
 *   signature HEX            TPMT_SIGNATURE
 *
 * Nothing is believed here: the values are proved by where they lead, the rest by the quote.
 */
#ifndef IMAD_CHECKPOINT_H
#define IMAD_CHECKPOINT_H

#include <stdbool.h>

#include <imad/buf.h>
#include <imad/pcr.h>
#include <imad/util.h>
#include <imad/violation.h>

#define CHECKPOINT_FILE	    "checkpoint" /* its name beside the list */
#define CHECKPOINT_TEXT_MAX (64u << 10)
#define CHECKPOINT_PCRS_MAX 8
#define CHECKPOINT_BOOT_ID  64 /* characters, as a file name may have them */
#define CHECKPOINT_CHAIN    32

struct checkpoint {
	char boot_id[CHECKPOINT_BOOT_ID + 1];
	uint64_t records, violations, time;
	uint64_t own[VIOLATION_KINDS]; /* of the violations */
	bool imported;
	uint8_t chain[CHECKPOINT_CHAIN];
	struct pcr_value pcrs[CHECKPOINT_PCRS_MAX]; /* ascending */
	unsigned int n_pcrs;
	bool has_quote;
	uint64_t quoted;
	struct buf ak, attest, signature;
	struct digest nonce; /* of the lines above the quote; set by checkpoint_parse() and checkpoint_seal() */
};

void checkpoint_done(struct checkpoint *c);

/*
 * Parse all of @n bytes. 0, -ENOMEM, or -EBADMSG with the line and the reason in *@e; @ret is
 * untouched then.
 */
int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret, struct parse_error *e);

/* Set @c->nonce, that a quote must have. 0, -ENOMEM or as digest_buf(). */
int checkpoint_seal(struct checkpoint *c);

/* Append the text. 0 or -ENOMEM. */
int checkpoint_format(const struct checkpoint *c, struct buf *out);

/* Move @chain over one more part with the SHA-256 @part. 0 or as digest_buf(). */
int checkpoint_chain(uint8_t chain[CHECKPOINT_CHAIN], const struct digest *part);

/* The value of a PCR in a bank; NULL: it is not in there. */
const struct digest *checkpoint_value(const struct checkpoint *c, unsigned int pcr, uint8_t algo);
bool checkpoint_has_pcr(const struct checkpoint *c, unsigned int pcr);

#endif
