/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the room share. */
#ifndef IMAD_AK_PRIV_H
#define IMAD_AK_PRIV_H

#include <tss2/tss2_mu.h>

#include <imad/ak.h>
#include <imad/esapi.h>
#include <imad/util.h>

struct ak {
	struct esapi esapi;
	ESYS_TR key; /* ESYS_TR_NONE: not made yet */
	TPM2B_PUBLIC *public;
};

/* A primary key of the endorsement hierarchy. The caller flushes *@handle and frees *@public. */
int ak_primary(struct ak *a, const TPM2B_PUBLIC *template, ESYS_TR *handle, TPM2B_PUBLIC **public);

#endif
