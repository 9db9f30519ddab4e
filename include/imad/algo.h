/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of hash algorithms: kernel id (include/uapi/linux/hash_info.h, which
 * security.ima stores), TPM id (TCG Algorithm Registry), name, size.
 */
#ifndef IMAD_ALGO_H
#define IMAD_ALGO_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_MAX 64 /* bytes of the longest digest */

#define ALGO_COUNT 23 /* rows of the table; kernel ids are 0..22 */

/* The ids that imad itself names; the table holds all of the kernel. */
enum { ALGO_MD5 = 1, ALGO_SHA1 = 2, ALGO_SHA256 = 4, ALGO_SHA384 = 5, ALGO_SHA512 = 6 };

struct algo {
	uint8_t id;	     /* enum hash_algo */
	uint8_t size;	     /* digest size in bytes */
	uint16_t tpm;	     /* TPM_ALG_ID, 0 if the TCG has none */
	const char *name;    /* the kernel's name, as in "sha256:" of a d-ng field */
	const char *openssl; /* the EVP fetch name, NULL if libcrypto has none */
};

/* A digest with its algorithm. Only the first @size of @bytes are used. */
struct digest {
	uint8_t algo; /* enum hash_algo */
	uint8_t size;
	uint8_t bytes[DIGEST_MAX];
};

/* Lookups; NULL when there is none. */
const struct algo *algo_by_id(unsigned int id);
const struct algo *algo_by_name(const char *name, size_t len);
const struct algo *algo_by_tpm(uint16_t tpm);

#endif
