// SPDX-License-Identifier: GPL-2.0-or-later
/* From the file to the bare key, and back. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include <imad/machinekey.h>
#include <imad/seal.h>

#include "machinekey_priv.h"

#define say machinekey_say

/* --- the bare key */

static int reveal_by_tpm(const char *dir, const struct evmkey *k, const char *tcti, struct secret *ret, struct machinekey_why *why)
{
	cleanup(seal_freep) struct seal *s = NULL;
	struct pcrsig approval = { .len = 0 };
	int r = seal_open(tcti, &s);

	if (r == -ENODEV)
		return say(why, r, "there is no TPM at '%s', which keeps the EVM key", tcti);
	if (r < 0)
		return say(why, r, "the TPM at '%s' does not serve: %s", tcti, *seal_open_error() ? seal_open_error() : strerror(-r));
	r = machinekey_changed(k, tcti, why);
	if (r == 0 && k->blob.authority.len)
		r = machinekey_approval(dir, k, tcti, &approval, why);
	if (r < 0)
		return r;
	r = seal_unseal(s, k, approval.len ? &approval : NULL, ret);
	switch (r) {
	case 0:
		return 0;
	case -ESTALE:
		return say(why, r, "the EVM key was sealed by another TPM, or this one was cleared since: imactl evm recover");
	case -EBADMSG:
		return say(why, r, "the sealed EVM key is damaged or forged: the TPM does not take it (%s)", seal_error(s));
	case -EKEYREJECTED:
		return say(why, r, "the TPM keeps the EVM key back: its policy is not met (%s)", seal_error(s));
	case -EIO:
		return say(why, r, "the TPM does not unseal the EVM key: %s", seal_error(s));
	}
	return say(why, r, "cannot keep the EVM key in locked memory: %s", strerror(-r));
}

/* The folder that systemd gives to a service, by a name that cannot lead out of it. */
static int credential_path(const char *name, char ret[PATH_MAX], struct machinekey_why *why)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (!dir)
		return say(why, -ENOENT, "the EVM key is the credential '%s', and systemd gave none (LoadCredentialEncrypted=)", name);
	return snprintf(ret, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : say(why, -ENAMETOOLONG, "CREDENTIALS_DIRECTORY is too long");
}

int machinekey_read_bare(enum evmkey_source source, const char *place, struct secret *ret, struct machinekey_why *why)
{
	cleanup(secret_done) struct secret s = { 0 };
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	uint8_t more;
	int r = 0;

	if (source == EVMKEY_CREDENTIAL)
		r = credential_path(place, path, why);
	else
		snprintf(path, sizeof(path), "%s", place);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return say(why, -errno, "cannot open the EVM key '%s': %s", path, strerror(errno));
	r = secret_init(&s, EVMKEY_SIZE);
	if (r < 0)
		return say(why, r, "cannot keep the EVM key in locked memory: %s", strerror(-r));
	if (read(fd, s.bytes, s.n) != EVMKEY_SIZE || read(fd, &more, 1) != 0)
		return say(why, -EBADMSG, "the EVM key '%s' is not %d bytes", path, EVMKEY_SIZE);
	*ret = s;
	s = (struct secret){ 0 };
	return 0;
}

/* What is done on a stack that is secret, with its arguments. */
struct reveal {
	const char *dir;
	const struct evmkey *k;
	const char *tcti;
	struct secret *ret;
	struct machinekey_why *why;
};

static int reveal(void *arg)
{
	const struct reveal *a = arg;
	const struct evmkey *k = a->k;
	struct machinekey_why *why = a->why;
	cleanup(secret_done) struct secret s = { 0 };
	uint8_t id[EVMKEY_ID_SIZE];
	int r = k->source == EVMKEY_TPM ? reveal_by_tpm(a->dir, k, a->tcti, &s, why) : machinekey_read_bare(k->source, k->place, &s, why);

	if (r < 0)
		return r;
	r = evmkey_id(s.bytes, id);
	if (r < 0)
		return say(why, r, "cannot compute an HMAC");
	if (memcmp(id, k->id, sizeof(id)) != 0)
		return say(why, -EKEYREJECTED, "it is another EVM key than the one that its file names by its id");
	*a->ret = s;
	s = (struct secret){ 0 };
	return 0;
}

int machinekey_reveal(const char *dir, const struct evmkey *k, const char *tcti, struct secret *ret, struct machinekey_why *why)
{
	struct reveal a = { .dir = dir, .k = k, .tcti = tcti, .ret = ret, .why = why };
	int r, got = -EIO;

	r = secret_call(reveal, &a, &got);
	return r < 0 ? say(why, r, "cannot lock memory for the EVM key: %s", strerror(-r)) : got;
}

/* --- both keys */

void machinekeys_done(struct machinekeys *k)
{
	for (unsigned int i = 0; i < k->n; i++)
		secret_done(&k->key[i].key);
	k->n = 0;
}

static int load_one(const char *dir, const char *name, const char *tcti, struct machinekeys *k, struct machinekey_why *why)
{
	cleanup(evmkey_done) struct evmkey file = { 0 };
	int r = machinekey_read(dir, name, &file, why);

	if (r == 0)
		r = machinekey_reveal(dir, &file, tcti, &k->key[k->n].key, why);
	if (r == 0)
		memcpy(k->key[k->n++].id, file.id, sizeof(file.id));
	return r;
}

int machinekeys_load(const char *dir, const char *tcti, struct machinekeys *ret, struct machinekey_why *why)
{
	cleanup(machinekeys_done) struct machinekeys k = { 0 };
	int r = load_one(dir, MACHINEKEY_NEXT, tcti, &k, why);

	if (r == 0 || r == -ENOENT)
		r = load_one(dir, MACHINEKEY_FILE, tcti, &k, why);
	if (r < 0)
		return r;
	*ret = k;
	k.n = 0;
	return 0;
}

/* --- making one */

struct sealing {
	const struct secret *key;
	const char *tcti;
	uint8_t bank;
	uint32_t pcrs;
	struct evmkey *k;
	struct machinekey_why *why;
};

static int do_seal(void *arg)
{
	const struct sealing *a = arg;
	struct evmkey *k = a->k;
	struct machinekey_why *why = a->why;
	struct digest values[TPMBLOB_PCRS_MAX];
	cleanup(seal_freep) struct seal *s = NULL;
	int r = seal_open(a->tcti, &s);

	if (r < 0)
		return say(why, r, "cannot use the TPM at '%s': %s", a->tcti, *seal_open_error() ? seal_open_error() : strerror(-r));
	buf_reset(&k->blob.policy);
	memset(k->pcrs, 0, sizeof(k->pcrs));
	if (a->pcrs) {
		r = machinekey_read_pcrs(a->tcti, a->bank, a->pcrs, values, why);
		if (r < 0)
			return r;
		r = evmkey_bind(k, a->bank, a->pcrs, values);
	}
	if (r == 0)
		r = evmkey_id(a->key->bytes, k->id);
	if (r == 0)
		r = seal_key(s, a->key, k);
	return r < 0 ? say(why, r, "the TPM does not seal the EVM key: %s", *seal_error(s) ? seal_error(s) : strerror(-r)) : 0;
}

int machinekey_seal(const struct secret *key, const char *tcti, uint8_t bank, uint32_t pcrs, struct evmkey *k,
		    struct machinekey_why *why)
{
	struct sealing a = { .key = key, .tcti = tcti, .bank = bank, .pcrs = pcrs, .k = k, .why = why };
	int r, got = -EIO;

	r = secret_call(do_seal, &a, &got);
	return r < 0 ? say(why, r, "cannot lock memory for the EVM key: %s", strerror(-r)) : got;
}

int machinekey_point(const struct secret *key, enum evmkey_source source, const char *place, struct evmkey *k,
		     struct machinekey_why *why)
{
	if (strlen(place) >= sizeof(k->place))
		return say(why, -ENAMETOOLONG, "'%s' is too long", place);
	tpmblob_done(&k->blob);
	buf_reset(&k->parent);
	k->source = source;
	strcpy(k->place, place);
	return evmkey_id(key->bytes, k->id) < 0 ? say(why, -EIO, "cannot compute an HMAC") : 0;
}
