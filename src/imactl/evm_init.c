/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl evm init and recover: the key is made once, and sealed as often as the machine changes. */
#include <libgen.h>
#include <string.h>

#include "evm.h"

static int none_wanted(const char *command, int argc, char **argv)
{
	return argc ? complain(IMACTL_USAGE, "evm %s: unexpected argument '%s'", command, argv[0]) : IMACTL_OK;
}

static void tell(const char *done, const struct evmkey *k)
{
	printf("%s ", done);
	for (unsigned int i = 0; i < sizeof(k->id); i++)
		printf("%02x", k->id[i]);
	putchar('\n');
}

/* What is there must stay: with it go all HMACs that it made. IMACTL_OK: nothing is there. */
static int must_be_new(const struct evm_options *o)
{
	static const char *const names[] = { MACHINEKEY_FILE, MACHINEKEY_NEXT };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = join_path(o->statedir, names[i]);

		if (!path || access(path, F_OK) == 0)
			return complain(IMACTL_FAILED, "there is a key already: '%s/%s'", o->statedir, names[i]);
		if (errno != ENOENT)
			return complain(IMACTL_FAILED, "cannot look for '%s': %s", path, strerror(errno));
	}
	return IMACTL_OK;
}

int evm_init(const struct evm_options *o, int argc, char **argv)
{
	cleanup(secret_done) struct secret key = { 0 };
	cleanup(evmkey_done) struct evmkey k = { 0 };
	struct machinekey_why why;
	int code = none_wanted("init", argc, argv);

	if (code == IMACTL_OK && o->from)
		code = complain(IMACTL_USAGE, "evm init: --from goes with recover");
	if (code == IMACTL_OK)
		code = must_be_new(o);
	if (code == IMACTL_OK)
		code = evm_make(o, &key, &k);
	if (code != IMACTL_OK)
		return code;
	if (machinekey_write(o->statedir, MACHINEKEY_FILE, &k, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	tell("made the EVM key", &k);
	return IMACTL_OK;
}

/* --- recover */

static int unwrap(const struct evmkey *k, const struct secret *pass, const char *path, struct secret *key)
{
	uint8_t id[EVMKEY_ID_SIZE];
	int r = secret_init(key, EVMKEY_SIZE);

	if (r == 0)
		r = evmkey_unwrap(&k->recovery, k->id, (char *)pass->bytes, strlen((char *)pass->bytes), key->bytes);
	if (r == -EKEYREJECTED)
		return complain(IMACTL_FAILED, "the recovery passphrase is not that of '%s', or the file was changed", path);
	if (r == -EFBIG)
		return complain(IMACTL_FAILED, "the recovery copy in '%s' asks for more memory than imad ever does: forged?", path);
	if (r == 0)
		r = evmkey_id(key->bytes, id);
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot unwrap the key of '%s': %s", path, strerror(-r));
	return memcmp(id, k->id, sizeof(id)) == 0 ? IMACTL_OK : complain(IMACTL_FAILED, "the key in '%s' is not that of its id", path);
}

static int recover_one(const struct evm_options *given, const char *dir, const char *from, const char *name)
{
	cleanup(secret_done) struct secret key = { 0 }, pass = { 0 };
	cleanup_free char *path = join_path(dir, from);
	cleanup(evmkey_done) struct evmkey k = { 0 };
	struct evm_options o = *given;
	struct machinekey_why why;
	char pcrs[256];
	int r = machinekey_read(dir, from, &k, &why), code;

	if (r < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	if (!k.has_recovery)
		return complain(IMACTL_FAILED, "'%s' has no copy of the key under a passphrase: the HMACs that it made are lost", path);
	code = evm_take_passphrase(&o, false, "recovery passphrase", &pass);
	if (code == IMACTL_OK)
		code = unwrap(&k, &pass, path, &key);
	evm_same_policy(&k, &o, pcrs);
	if (code == IMACTL_OK)
		code = evm_keep(&o, &key, &k);
	if (code != IMACTL_OK)
		return code;
	if (machinekey_write(o.statedir, name, &k, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	tell("recovered the EVM key", &k);
	return IMACTL_OK;
}

int evm_recover(const struct evm_options *o, int argc, char **argv)
{
	cleanup_free char *from = o->from ? strdup(o->from) : NULL, *again = o->from ? strdup(o->from) : NULL,
			  *next = join_path(o->statedir, MACHINEKEY_NEXT);
	int code = none_wanted("recover", argc, argv);

	if (code == IMACTL_OK && (o->credential || o->without_recovery))
		code = complain(IMACTL_USAGE, "evm recover: neither --credential nor --without-recovery goes with it");
	if (code != IMACTL_OK)
		return code;
	if (o->from)
		return from && again ? recover_one(o, dirname(from), basename(again), MACHINEKEY_FILE) : IMACTL_FAILED;
	code = recover_one(o, o->statedir, MACHINEKEY_FILE, MACHINEKEY_FILE);
	if (code == IMACTL_OK && next && access(next, F_OK) == 0 && !o->key_file)
		code = recover_one(o, o->statedir, MACHINEKEY_NEXT, MACHINEKEY_NEXT);
	return code;
}
