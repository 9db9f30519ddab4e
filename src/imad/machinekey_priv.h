/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the room share. */
#ifndef IMAD_MACHINEKEY_PRIV_H
#define IMAD_MACHINEKEY_PRIV_H

#include <imad/machinekey.h>
#include <imad/pcrsig.h>

/* Say why, and give @r. */
__attribute__((format(printf, 3, 4))) int machinekey_say(struct machinekey_why *why, int r, const char *fmt, ...);

/* Which PCR keeps the key back: 0: none of them; or -EKEYREJECTED and it is named; or as machinekey_read_pcrs(). */
int machinekey_changed(const struct evmkey *k, const char *tcti, struct machinekey_why *why);

/* The approval by @k's authority that holds now. 0; -EKEYREJECTED: there is none; or as machinekey_read_pcrs(). */
int machinekey_approval(const char *dir, const struct evmkey *k, const char *tcti, struct pcrsig *ret, struct machinekey_why *why);

#endif
