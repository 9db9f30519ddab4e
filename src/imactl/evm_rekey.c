/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl evm rekey. Both keys hold from the moment that evm.key.next is on the disk until it takes the name evm.key; each file
 * has an HMAC by one of them, and is changed by a single call. So it can end anywhere, and be begun again: what is done is
 * looked at and left. The old key goes only when all new HMACs are on the disk.
 */
#include <string.h>
#include <sys/xattr.h>

#include "evm.h"
#include "tree.h"

#define TRIES 3

struct job {
	struct evm_pair keys;
	atomic_ulong looked_at, changed, done, without, invalid, failed;
};

static void *begin(void *arg)
{
	return arg;
}

static void end(void *arg, void *own)
{
	(void)arg, (void)own;
}

static void tick(void *arg)
{
	const struct job *j = arg;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%lu files, %lu changed, %lu invalid, %lu failed ", j->looked_at, j->changed, j->invalid, j->failed);
}

static void failed(void *arg, const char *path, int r)
{
	struct job *j = arg;

	j->failed++;
	complain(IMACTL_FAILED, "cannot change the HMAC of '%s': %s", path, strerror(-r));
}

/* By the new key, over what was verified: who has changed it meanwhile finds that it fails. */
static int put(const struct job *j, int fd, const struct metadata *m)
{
	uint8_t value[EVM_MAC_MAX];
	struct digest mac;
	int r = evm_mac_make(&j->keys.key[0], &m->input, algo_by_id(ALGO_SHA256), &mac);

	return r < 0 ? r : fsetxattr(fd, EVM_MAC_XATTR, value, evm_mac_encode(&j->keys.key[0], &mac, 1, value), XATTR_REPLACE) < 0 ? -errno : 0;
}

static void change(void *arg, void *own, int fd, const struct stat *st, const char *path)
{
	cleanup(metadata_done) struct metadata m = { 0 };
	struct evm_result result = { .status = EVM_UNKNOWN };
	struct job *j = arg;
	const struct evm_keys keys = { .own = j->keys.key, .n_own = j->keys.n };
	int r = -EBUSY;

	(void)own, (void)st;
	j->looked_at++;
	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++)
		r = metadata_read(fd, &m);
	if (r == 0 && !m.mac) {
		j->without++;
		return;
	}
	if (r == 0)
		r = evm_verify_mac(&keys, &m.input, m.mac, m.n_mac, &result);
	if (r == 0 && result.status != EVM_PASS) {
		j->invalid++;
		complain(IMACTL_FAILED, "the HMAC of '%s' is left as it is: %s", path, result.why);
	} else if (r == 0 && result.own == 0) {
		j->done++;
	} else if (r == 0) {
		r = put(j, fd, &m);
		j->changed += r == 0;
	}
	if (r < 0)
		failed(j, path, r);
}

/* The next key, unless a run that was ended has made it. */
static int make_next(const struct evm_options *given)
{
	cleanup_free char *next = join_path(given->statedir, MACHINEKEY_NEXT);
	cleanup(evmkey_done) struct evmkey old = { 0 }, k = { 0 };
	cleanup(secret_done) struct secret key = { 0 }, again = { 0 };
	struct evm_options o = *given;
	struct machinekey_why why;
	char pcrs[256];
	int code;

	if (next && access(next, F_OK) == 0)
		return IMACTL_OK;
	if (machinekey_read(o.statedir, MACHINEKEY_FILE, &old, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	if (old.source != EVMKEY_TPM && !o.key_file && !o.credential && !o.pcrs && !o.public_key)
		return complain(IMACTL_USAGE, "evm rekey: the old key is in '%s': say where the new one shall be (--key-file, --credential, --pcrs)", old.place);
	evm_same_policy(&old, &o, pcrs);
	code = evm_make(&o, &key, &k);
	if (code != IMACTL_OK)
		return code;
	if (memcmp(k.id, old.id, sizeof(k.id)) == 0)
		return complain(IMACTL_FAILED, "it is the key that is in force: nothing to do");
	if (machinekey_reveal(o.statedir, &k, o.tcti, &again, &why) < 0) /* no HMAC shall depend on it then */
		return complain(IMACTL_FAILED, "a new key could not be had again: %s", why.text);
	return machinekey_write(o.statedir, MACHINEKEY_NEXT, &k, &why) < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
}

/* Whether the old key may go. */
static int conclude(const struct evm_options *o, const struct job *j, bool whole)
{
	bool clean = whole && !j->invalid && !j->failed;
	struct machinekey_why why;

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	printf("%lu changed, %lu done already, %lu without, %lu invalid, %lu failed%s\n", j->changed, j->done, j->without, j->invalid,
	       j->failed, tree_stopped ? "; stopped" : "");
	if (o->keep_old || !(clean || (o->finish && whole))) {
		printf("both keys are in force: imactl evm rekey goes on%s\n", clean || !whole ? "" : ", --finish ends it all the same");
		return clean ? IMACTL_OK : IMACTL_FAILED;
	}
	sync(); /* an HMAC by the old key must not come back after that key has gone */
	if (machinekey_advance(o->statedir, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	puts("the new key is in force, the old one is forgotten");
	return clean ? IMACTL_OK : IMACTL_FAILED;
}

int evm_rekey(const struct evm_options *o, int argc, char **argv)
{
	cleanup(machinekeys_done) struct machinekeys keys = { 0 };
	struct job j = { 0 };
	const struct tree_ops ops = { .begin = begin, .end = end, .file = change, .failed = failed, .tick = tick, .arg = &j };
	int r, code = argc || o->finish ? IMACTL_OK : complain(IMACTL_USAGE, "evm rekey: no file or folder given");

	if (code == IMACTL_OK)
		code = evm_load(o, IMACTL_FAILED, false, &keys); /* before anything is made */
	if (code != IMACTL_OK)
		return code;
	machinekeys_done(&keys);
	code = make_next(o);
	if (code == IMACTL_OK)
		code = evm_load(o, IMACTL_FAILED, false, &keys);
	if (code != IMACTL_OK)
		return code;
	evm_pair(&keys, &j.keys);
	r = argc ? tree_each(argv, (unsigned int)argc, o->threads, &ops) : 0;
	if (r < 0)
		complain(IMACTL_FAILED, "not all was looked at: %s", strerror(-r));
	return conclude(o, &j, r == 0 && !tree_stopped);
}
