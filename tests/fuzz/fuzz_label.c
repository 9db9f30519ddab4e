/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a label, a certificate and a detached signature. What is decoded can be
 * encoded again and says the same; nothing verifies, for the digest is of no signed file.
 */
#include <stdlib.h>
#include <string.h>

#include <imad/signature.h>
#include <imad/util.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_signature(const struct label *l, const uint8_t *data, size_t size)
{
	cleanup(buf_done) struct buf again = { 0 };

	must((l->algo != NULL) == (l->version == 2 || l->version == 3));
	if (!l->algo)
		return;
	must(label_encode_signature(l, &again) == 0 && again.len == size &&
	     memcmp(again.data, data, size) == 0);
	must(l->type != LABEL_SIGNATURE || label_algo(data, size) == l->algo);
}

static void check_digest(const struct label *l, const uint8_t *data, size_t size)
{
	struct digest d = { 0 };

	must(label_algo(data, size) == l->algo);
	if (!l->algo)
		return;
	must(l->len == l->algo->size);
	d.algo = l->algo->id;
	d.size = l->algo->size;
	memcpy(d.bytes, l->bytes, d.size);
	must(label_holds(l, &d));
}

static void check_label(const uint8_t *data, size_t size)
{
	cleanup(buf_done) struct buf text = { 0 };
	const char *why = NULL;
	struct label l;

	(void)label_algo(data, size);
	if (label_decode(data, size, &l, &why) < 0) {
		must(why != NULL);
		return;
	}
	must(l.bytes >= data && l.bytes + l.len <= data + size);
	must(label_print(&l, &text) == 0 && text.len > 0);
	if (label_is_signature(&l))
		check_signature(&l, data, size);
	else
		check_digest(&l, data, size);
}

/* Keys that it takes can be listed and used. */
static void check_certs(const uint8_t *data, size_t size)
{
	cleanup(keyring_freep) struct keyring *k = NULL;
	struct digest d = { .algo = ALGO_SHA256, .size = 32 };
	struct label l = { 3, 2, algo_by_id(ALGO_SHA256), 0, (const uint8_t *)"x", 1 };
	const char *why = NULL;
	int r;

	must(keyring_new(&k) == 0);
	r = keyring_add_cert(k, data, size, "fuzz", &why);
	must(r == 0 || (why && keyring_count(k) == 0));
	for (size_t i = 0; i < keyring_count(k); i++) {
		const struct key *key = keyring_key(k, i);

		must(key->type && key->subject && !strchr(key->subject, '\n') &&
		     keyring_find(k, key->id, NULL));
		l.key_id = key->id;
		must(signature_verify(k, &l, &d) == SIGNATURE_BAD);
	}
	must(signature_verify_detached(k, data, size, &d) != SIGNATURE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_label(data, size);
	check_certs(data, size);
	return 0;
}
