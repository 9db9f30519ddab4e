/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a deny list: taken whole or not at all, and what is refused is said with its line. */
#include <imad/trust.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(trust_unrefp) struct trust *t = NULL;
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };
	struct parse_error e = { 0 };
	struct keyring *k;
	int r;

	if (keyring_new(&k) < 0 || trust_new(k, &t) < 0)
		return 0;
	r = trust_deny(t, (const char *)data, size, &e);
	must(r == 0 || r == -EBADMSG);
	must(r == 0 || (e.why && memchr(e.token, '\0', sizeof(e.token)) && trust_denied_count(t) == 0));
	must(r == 0 || !trust_denied_algos(t));
	must(!trust_denied_algos(t) || trust_denied_count(t));
	memcpy(d.bytes, data, size < 32 ? size : 32);
	(void)trust_denies(t, &d);
	return 0;
}
