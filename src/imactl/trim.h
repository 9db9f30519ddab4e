/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of imactl trim. */
#ifndef IMACTL_TRIM_H
#define IMACTL_TRIM_H

#include "attest.h"
#include "trimmed.h"

struct trim {
	/* asked for */
	const char *statedir, *to, *tcti; /* @to NULL: the archive; @tcti NULL: the daemon's */
	uint64_t keep;
	bool unsigned_wanted;
	/* found */
	const char *live;
	bool has_tpm;
	char *tcti_found;
	const struct algo *banks[PCR_BANKS_MAX];
	unsigned int n_banks;
	struct pcr_set pcrs; /* of the list */
	struct mapped list;  /* and what was cut off before */
	size_t cut;	     /* bytes of it that go */
	struct checkpoint next;
	char *path; /* of the part */
	int lock;
};

/* --- trim_checkpoint.c; each 0, or negative errno with one line in @why */

/* Map the list and make the checkpoint for @count records less those to keep. */
int trim_values(struct trim *t, uint64_t count, struct why *why);

/* Have the TPM's attestation key sign it. */
int trim_quote(struct trim *t, struct why *why);

/* --- trim_export.c: the part, what record_info says of it, and the checkpoint, all synced */
int trim_export(struct trim *t, const struct buf *checkpoint, struct why *why);

#endif
