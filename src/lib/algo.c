/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of hash algorithms and its lookups. */
#include <string.h>

#include <imad/algo.h>
#include <imad/util.h>

/* Indexed by kernel id. */
static const struct algo algos[ALGO_COUNT] = {
	/*	    id, size, tpm, name, openssl */
	[0] = { 0, 16, 0, "md4", "MD4" },
	[ALGO_MD5] = { ALGO_MD5, 16, 0, "md5", "MD5" },
	[ALGO_SHA1] = { ALGO_SHA1, 20, 0x04, "sha1", "SHA1" },
	[3] = { 3, 20, 0, "rmd160", "RIPEMD160" },
	[ALGO_SHA256] = { ALGO_SHA256, 32, 0x0b, "sha256", "SHA256" },
	[ALGO_SHA384] = { ALGO_SHA384, 48, 0x0c, "sha384", "SHA384" },
	[ALGO_SHA512] = { ALGO_SHA512, 64, 0x0d, "sha512", "SHA512" },
	[7] = { 7, 28, 0, "sha224", "SHA224" },
	[8] = { 8, 16, 0, "rmd128", NULL },
	[9] = { 9, 32, 0, "rmd256", NULL },
	[10] = { 10, 40, 0, "rmd320", NULL },
	[11] = { 11, 32, 0, "wp256", NULL },
	[12] = { 12, 48, 0, "wp384", NULL },
	[13] = { 13, 64, 0, "wp512", "WHIRLPOOL" },
	[14] = { 14, 16, 0, "tgr128", NULL },
	[15] = { 15, 20, 0, "tgr160", NULL },
	[16] = { 16, 24, 0, "tgr192", NULL },
	[17] = { 17, 32, 0x12, "sm3", "SM3" },
	[18] = { 18, 32, 0, "streebog256", NULL },
	[19] = { 19, 64, 0, "streebog512", NULL },
	[20] = { 20, 32, 0x27, "sha3-256", "SHA3-256" },
	[21] = { 21, 48, 0x28, "sha3-384", "SHA3-384" },
	[22] = { 22, 64, 0x29, "sha3-512", "SHA3-512" },
};

const struct algo *algo_by_id(unsigned int id)
{
	return id < ARRAY_SIZE(algos) ? &algos[id] : NULL;
}

const struct algo *algo_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++)
		if (strlen(algos[i].name) == len && !memcmp(algos[i].name, name, len))
			return &algos[i];
	return NULL;
}

const struct algo *algo_by_tpm(uint16_t tpm)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++)
		if (tpm && algos[i].tpm == tpm)
			return &algos[i];
	return NULL;
}
