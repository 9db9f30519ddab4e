/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Software PCRs: the banks of a TPM as bytes, extended as the TPM does, and the
 * replay of a list against them. Source: TCG PC Client PFP, TPM 2.0 part 1 (PCR).
 */
#ifndef IMAD_PCR_H
#define IMAD_PCR_H

#include <imad/list.h>

#define PCR_COUNT 24
#define PCR_BANKS_MAX 8

/* One PCR number in all banks that a TPM has allocated. @bank[i].algo tells which bank. */
struct pcr_value {
	unsigned int pcr;
	unsigned int n;
	struct digest bank[PCR_BANKS_MAX];
};

/* value = H(value || digest), in place. Sizes must be equal. 0, -EINVAL or as digest_buf(). */
int pcr_extend(struct digest *value, const struct digest *digest);

/* @n banks of zeros for @pcr. 0, or -EINVAL when there are too many. */
int pcr_init(struct pcr_value *v, unsigned int pcr, const struct algo *const *banks, unsigned int n);

/*
 * What the record puts into bank @algo. @padded gives the kernel's substitute
 * for a bank whose hash it could not allocate: the SHA-1 template digest padded
 * with zeros (a violation is 0xff over the full size in either form).
 */
int pcr_record_digest(const struct list_record *r, const struct algo *algo, bool padded, struct digest *ret);

/*
 * boot_aggregate from the values of PCR 0..9 in one bank: hash over PCR 0-7 for
 * sha1, over PCR 0-9 for any other (security/integrity/ima/ima_crypto.c).
 */
int pcr_boot_aggregate(const struct algo *bank, const struct digest values[10], struct digest *ret);

#endif
