/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a label, a certificate and a detached signature. What is decoded can be
 * encoded again and says the same. As the label of tests/data/evmctl-sig/hello, by the
 * keys beside it, nothing passes but its digests and the very values that evmctl made.
 */
#include <stdio.h>

#include <imad/appraise.h>
#include <imad/finder.h>
#include <imad/signature.h>
#include <imad/util.h>

#include "fuzz.h"

#define DATA "tests/data/evmctl-sig/"

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

static const struct buf *read_data(const char *name)
{
	static struct buf of[16];
	static size_t n;
	FILE *f = fopen(name, "rb");
	uint8_t bytes[1024];

	if (!f)
		perror(name);
	must(f && n < ARRAY_SIZE(of));
	buf_add(&of[n], bytes, fread(bytes, 1, sizeof(bytes), f));
	fclose(f);
	return &of[n++];
}

static const struct trust *fixed_trust(void)
{
	static struct trust *t;
	struct keyring *k = NULL;
	const struct buf *rsa, *ec;

	if (t)
		return t;
	rsa = read_data(DATA "rsa2048.der");
	ec = read_data(DATA "p256.der");
	must(keyring_new(&k) == 0 && keyring_add_cert(k, rsa->data, rsa->len, "rsa", NULL) == 0 &&
	     keyring_add_cert(k, ec->data, ec->len, "ec", NULL) == 0 && trust_new(k, &t) == 0);
	return t;
}

/* Whether evmctl made it. */
static bool is_golden(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		DATA "hello.rsa2048.sha1.sig", DATA "hello.rsa2048.sha256.sig", DATA "hello.rsa2048.sha384.sig",
		DATA "hello.rsa2048.sha512.sig", DATA "hello.p256.sha1.sig", DATA "hello.p256.sha256.sig",
		DATA "hello.p256.sha384.sig", DATA "hello.p256.sha512.sig",
	};
	static const struct buf *values[ARRAY_SIZE(names)];
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!values[i])
			values[i] = read_data(names[i]);
		is |= values[i]->len == size && memcmp(values[i]->data, data, size) == 0;
	}
	return is;
}

/* What is found of the bytes as the label of hello, and what each rule says of that. */
static void check_judged(uint8_t *data, size_t size)
{
	struct finder f = { .bytes = data, .n = size };
	const struct algo *algo;
	struct digest d = { 0 };
	uint32_t found, kind;
	bool passes;

	f.damaged = size && label_decode(data, size, &f.label, NULL) < 0;
	algo = finder_needs_digest(&f);
	must(!algo || digest_buf(algo, "hello\n", 6, &d) == 0);
	found = finder_found(fixed_trust(), -1, &f, &d, algo ? 1 : 0, NULL);
	kind = IMAD_FOUND_KIND(found);
	passes = imad_judge(0, 0, found) == IMAD_CAUSE_PASS;
	if (passes && kind == IMAD_LABEL_HASH) {
		size_t at = data[0] == LABEL_DIGEST ? 1 : 2;

		must(size >= at + d.size && memcmp(data + at, d.bytes, d.size) == 0);
	} else {
		must(!passes || (kind == IMAD_LABEL_SIGNATURE && is_golden(data, size)));
	}
	must(!is_golden(data, size) || passes);
	must(imad_judge(IMAD_OPT_SIGNED, 0, found) != IMAD_CAUSE_PASS || (passes && kind == IMAD_LABEL_SIGNATURE));
	must(imad_judge(IMAD_OPT_SIGNED | IMAD_OPT_SIGV3, 0, found) != IMAD_CAUSE_PASS);
	must(imad_judge(IMAD_OPT_SIGNED | IMAD_OPT_VERITY, 0, found) != IMAD_CAUSE_PASS);
	must(imad_judge(0, 1u << ALGO_SHA256, found) != IMAD_CAUSE_PASS || (passes && algo->id == ALGO_SHA256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *own = malloc(size + !size);

	must(own != NULL);
	memcpy(own, data, size);
	check_judged(own, size);
	check_label(data, size);
	check_certs(data, size);
	return 0;
}
