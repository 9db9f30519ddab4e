/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the room share. */
#ifndef IMAD_TPMKEY_PRIV_H
#define IMAD_TPMKEY_PRIV_H

#include <tss2/tss2_mu.h>

/* All of @n bytes. 0 or -EBADMSG with *@why. */
int tpmkey_unmarshal(const uint8_t *p, size_t n, TPM2B_PUBLIC *ret, const char **why);

/* libcrypto's name of a curve and the bytes of a coordinate; NULL: not supported. */
const char *tpmkey_group(uint16_t curve, size_t *bytes);

#endif
