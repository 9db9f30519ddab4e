/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the object's text and its policy share. */
#ifndef IMAD_TPMBLOB_PRIV_H
#define IMAD_TPMBLOB_PRIV_H

#include <imad/tpmblob.h>

#define CC_POLICY_AUTHORIZE 0x16au
#define CC_POLICY_PCR	    0x17fu

/* The parameters of a TPM2_PolicyAuthorize, of which the key is kept: NULL, or what is wrong with them. And back. */
const char *tpmblob_take_authority(const uint8_t *p, size_t n, struct buf *ret);
void tpmblob_put_authority(const struct tpmblob *b, struct buf *ret);

#endif
