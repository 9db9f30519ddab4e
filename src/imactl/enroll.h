/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of imactl enroll. What a host says of itself is one JSON object:
 *   format "imad-enrollment", version 1, ek_kind "rsa2048" or "p256"
 *   ek, ak           TPM2B_PUBLIC, base64
 *   ek_certificate   X.509, DER in base64; may be missing
 */
#ifndef IMACTL_ENROLL_H
#define IMACTL_ENROLL_H

#include "attest.h"

#define ENROLL_FORMAT  "imad-enrollment"
#define ENROLL_VERSION 1

/* Files with certificates of those who make TPMs. */
struct enroll_cas {
	const char *path[16];
	unsigned int n;
};

/*
 * The verifier's first step: check what the host says, and write to @dir: credential.blob, to be sent;
 * secret, to be kept; ak.candidate.pem. @cas NULL: the EK's certificate is not asked for. An exit code; why is told.
 */
int enroll_challenge(const char *path, const struct enroll_cas *cas, const char *dir);

#endif
