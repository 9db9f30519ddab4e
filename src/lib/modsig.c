/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the end of a file backwards: marker, struct module_signature, length of what is before it. */
#include <errno.h>
#include <string.h>

#include <imad/modsig.h>
#include <imad/util.h>

#define MARKER "~Module signature appended~\n"
#define MARKER_LEN (sizeof(MARKER) - 1)

/* Offsets in struct module_signature; what stands between them PKCS#7 has no use for. */
enum { ALGO, HASH, ID_TYPE, SIGNER_LEN, KEY_ID_LEN, PAD, SIG_LEN = 8, HEADER_LEN = 12 };
enum { ID_TYPE_PKCS7 = 2 };

_Static_assert(HEADER_LEN + MARKER_LEN == MODSIG_TAIL, "tail");

static int bad(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EBADMSG;
}

int modsig_find(const void *tail, size_t n, uint64_t size, struct modsig *ret, const char **why)
{
	static const uint8_t zeros[SIG_LEN - SIGNER_LEN];
	const uint8_t *h = tail;
	uint32_t len;

	/* The kernel does not look at what would have no content. */
	if (n < MODSIG_TAIL || size <= MODSIG_TAIL || memcmp(h + HEADER_LEN, MARKER, MARKER_LEN) != 0)
		return -ENODATA;
	if (h[ID_TYPE] != ID_TYPE_PKCS7)
		return bad(why, "the appended signature is not PKCS#7");
	if (h[ALGO] || h[HASH] || memcmp(h + SIGNER_LEN, zeros, sizeof(zeros)) != 0)
		return bad(why, "the header of the appended signature has fields set that PKCS#7 does not use");
	len = (uint32_t)h[SIG_LEN] << 24 | h[SIG_LEN + 1] << 16 | h[SIG_LEN + 2] << 8 | h[SIG_LEN + 3];
	if (!len)
		return bad(why, "the appended signature is empty");
	if (len >= size - MODSIG_TAIL)
		return bad(why, "the appended signature is longer than the file");
	if (len > MODSIG_DER_MAX)
		return bad(why, "the appended signature is too long");
	*ret = (struct modsig){ .content = size - MODSIG_TAIL - len, .der = len };
	return 0;
}
