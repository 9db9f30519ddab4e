/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One TPM 2.0 through ESAPI and the TCTI loader. Blocking, one command at a time:
 * one thread owns a struct tpm. TSS2 return codes end here; their text is in
 * tpm_error(). Reference: TCG ESAPI 1.0, TPM 2.0 part 3.
 */
#ifndef IMAD_TPM_H
#define IMAD_TPM_H

#include <imad/pcr.h>

#define TPM_EXTEND_MAX 16 /* digests in one command: TPML_DIGEST_VALUES of tpm2-tss; a TPM may take fewer */

struct tpm;

/*
 * Open "name:conf" ("device:/dev/tpmrm0", "swtpm:path=/abs/sock"), and ask for the
 * allocated PCR banks. Returns 0; -ENODEV when there is no such TPM; -EIO.
 */
int tpm_open(const char *tcti, struct tpm **ret);
void tpm_free(struct tpm *t);
void tpm_freep(struct tpm **t);

/* The allocated banks, in the TPM's order; a hash that the table does not know is left out and counted. */
unsigned int tpm_banks(const struct tpm *t, const struct algo *ret[PCR_BANKS_MAX]);

/*
 * Extend @pcr with @n > 0 digests in one command. @d[i].algo names the bank. Those of one
 * bank are extended in their order, if the TPM takes more than one: see sequencer_batch.c. Returns 0; -EAGAIN-class answers of the TPM (RETRY, YIELDED,
 * TESTING, NV_RATE) are retried inside up to two seconds; -EIO: the TPM refused,
 * nothing was extended; -EREMOTEIO: the outcome is unknown (the reply was lost):
 * the caller must tpm_reopen(), read the PCR and reconcile, never extend again blindly.
 */
int tpm_extend(struct tpm *t, unsigned int pcr, const struct digest *d, unsigned int n);

/* Read one PCR in all allocated banks. 0, -EIO or -EREMOTEIO. */
int tpm_pcr_read(struct tpm *t, unsigned int pcr, struct pcr_value *ret);

/* Make a PCR zero again that locality 0 may reset (16, 23). 0, -EIO or -EREMOTEIO. */
int tpm_pcr_reset(struct tpm *t, unsigned int pcr);

/* How often it was reset so far, as TPM2_ReadClock says it: a suspend is none. 0, -EIO or -EREMOTEIO. */
int tpm_reset_count(struct tpm *t, uint32_t *ret);

/* Close and open again after -EREMOTEIO; banks are asked anew. 0 or negative errno. */
int tpm_reopen(struct tpm *t);

/* Text of the last TSS2 return code, "tpm:parameter(1):..."; "" if none. */
const char *tpm_error(const struct tpm *t);
/* Forget it: a failure that was only asked for. */
void tpm_clear_error(struct tpm *t);

#endif
