/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the room share. */
#ifndef IMAD_AK_PRIV_H
#define IMAD_AK_PRIV_H

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <imad/ak.h>
#include <imad/util.h>

struct ak {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR key; /* ESYS_TR_NONE: not made yet */
	TPM2B_PUBLIC *public;
	char error[128];
};

/* Keeps the text. 0, -ENOMEM or -EIO. */
int ak_result(struct ak *a, TSS2_RC rc);

/* A primary key of the endorsement hierarchy. The caller flushes *@handle and frees *@public. */
int ak_primary(struct ak *a, const TPM2B_PUBLIC *template, ESYS_TR *handle, TPM2B_PUBLIC **public);
void ak_flush(struct ak *a, ESYS_TR *handle);

/* Append the marshalled TPM2B_PUBLIC. */
int ak_put_public(const TPM2B_PUBLIC *p, struct buf *ret);

#endif
