/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as certificates, as the CA of certificates, and split into both. What is
 * taken can be listed and used, what is not leaves the keyring as it was.
 */
#include <imad/signature.h>
#include <imad/util.h>

#include "fuzz.h"

static void check_key(const struct keyring *k, const struct key *key)
{
	struct label l = { 3, 2, algo_by_id(ALGO_SHA256), key->id, (const uint8_t *)"x", 1 };
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };
	const struct key *found = NULL;
	uint32_t id;

	must(key->type && key_type(key->pkey) == key->type && key->bits && !strcmp(key->origin, "fuzz") && key->cert);
	for (const char *c = key->subject; *c; c++) /* one line, whatever it is called */
		must((unsigned char)*c >= ' ' && *c != 0x7f);
	must(key_id(key->pkey, &id) == 0);
	do
		found = keyring_find(k, key->id, found);
	while (found && found != key);
	must(found == key && signature_verify(k, &l, &d) == SIGNATURE_BAD);
}

static void add(struct keyring *k, const uint8_t *data, size_t size)
{
	size_t before = keyring_count(k);
	const char *why = NULL;
	int r = keyring_add_cert(k, data, size, "fuzz", &why);

	must(r == 0 ? keyring_count(k) > before : why && keyring_count(k) == before);
	for (size_t i = 0; i < keyring_count(k); i++)
		check_key(k, keyring_key(k, i));
	must(!keyring_key(k, keyring_count(k)));
}

static void check(const uint8_t *ca, size_t n_ca, const uint8_t *certs, size_t n)
{
	cleanup(keyring_freep) struct keyring *k = NULL;
	const char *why = NULL;
	int r;

	must(keyring_new(&k) == 0);
	r = n_ca ? keyring_set_ca(k, ca, n_ca, &why) : 0;
	must(r == 0 || why);
	add(k, certs, n); /* a CA that was not taken asks for nothing */
	add(k, certs, n);
	must(n_ca == 0 || keyring_set_ca(k, ca, n_ca, &why) < 0 || (r < 0 && keyring_count(k) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t split;

	check(NULL, 0, data, size);
	check(data, size, data, size);
	if (size < 2)
		return 0;
	split = MIN((size_t)(data[0] | data[1] << 8), size - 2);
	check(data + 2, split, data + 2 + split, size - 2 - split);
	return 0;
}
