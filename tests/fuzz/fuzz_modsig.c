/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a file with a signature appended to it, and as the PKCS#7 of one. The keys
 * are those of tests/data/modsig: nobody can sign by them, so what verifies is the content
 * that is signed there.
 */
#include <stdio.h>

#include <imad/modsig.h>
#include <imad/pkcs7.h>
#include <imad/util.h>

#define CONTENT "the content of a module\n"

int LLVMFuzzerInitialize(int *argc, char ***argv);
#include "fuzz.h"

static struct keyring *keys;

/* Run in the top folder. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = { "rsa", "p256", "p384", "ca" };
	uint8_t der[4096];

	(void)argc, (void)argv;
	must(keyring_new(&keys) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];
		size_t n;
		FILE *f;

		snprintf(path, sizeof(path), "tests/data/modsig/%s.der", names[i]);
		f = fopen(path, "re");
		must(f != NULL);
		n = fread(der, 1, sizeof(der), f);
		fclose(f);
		must(keyring_add_cert(keys, der, n, names[i], NULL) == 0);
	}
	return 0;
}

static void check_message(const void *content, size_t content_len, const uint8_t *der, size_t n)
{
	cleanup(pkcs7_freep) struct pkcs7 *m = NULL;
	const char *why = NULL;
	struct digest d = { 0 };
	int r = pkcs7_parse(der, n, &m, &why);

	must(r == 0 || (r == -EBADMSG && why && !m));
	if (r < 0)
		return;
	if (pkcs7_algo(m))
		must(digest_buf(pkcs7_algo(m), content, content_len, &d) == 0);
	r = pkcs7_verify(m, keys, &d, &why);
	must(r >= SIGNATURE_OK && (r == SIGNATURE_OK) == (why == NULL));
	if (r == SIGNATURE_OK)
		must(content_len == strlen(CONTENT) && !memcmp(content, CONTENT, content_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = MIN(size, (size_t)MODSIG_TAIL);
	const char *why = NULL;
	struct modsig m;
	int r = modsig_find(data + size - n, n, size, &m, &why);

	must(r == 0 || (r == -ENODATA && !why) || (r == -EBADMSG && why));
	if (r == 0) {
		must(m.content > 0 && m.der > 0 && m.der <= MODSIG_DER_MAX && m.content + m.der + MODSIG_TAIL == size);
		check_message(data, m.content, data + m.content, m.der);
	}
	check_message(CONTENT, strlen(CONTENT), data, size);
	return 0;
}
