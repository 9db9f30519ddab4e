/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an EVM key is made and kept, as the options of imactl evm say. */
#include <fcntl.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <imad/file.h>
#include <imad/tpmkey.h>

#include "attest.h"
#include "evm.h"

/* "N" or "N=HEX" of @algo's bank, behind which *@at goes on. */
static bool take_pcr(const char **at, const struct algo *algo, struct tpmblob_pcrs *p, struct digest *values)
{
	char *end = NULL;
	unsigned long n = strtoul(*at, &end, 10);
	size_t digits = values && *end == '=' ? strcspn(end + 1, ",+") : 0;

	if (end == *at || n >= TPMBLOB_PCRS_MAX || p->pcrs >> n & 1)
		return false;
	p->pcrs |= 1u << n;
	*at = end;
	if (!values || *end != '=')
		return true;
	*at += 1 + digits;
	values[n].algo = algo->id;
	values[n].size = algo->size;
	return hex_decode(end + 1, digits, values[n].bytes, algo->size) == 0;
}

int evm_take_pcrs(const char *text, struct tpmblob_pcrs *p, struct digest *values)
{
	const char *colon = strchr(text, ':'), *at = colon ? colon + 1 : text;
	const struct algo *algo = colon ? algo_by_name(text, (size_t)(colon - text)) : algo_by_id(ALGO_SHA256);
	bool ok = algo && algo->tpm;

	p->pcrs = 0;
	while (ok) {
		ok = take_pcr(&at, algo, p, values) && (!*at || *at == ',' || *at == '+');
		if (!ok || !*at)
			break;
		at++;
	}
	if (!ok)
		return complain(IMACTL_USAGE, "evm: --pcrs is [BANK:]%s, not '%s'",
				values ? "N[=HEX],N[=HEX]... with values of the bank" : "N,N..., as sha256:0,2,4,7", text);
	p->bank = algo->id;
	return IMACTL_OK;
}

/* The first line of what was given. */
static int measure(struct secret *pass, bool is_new, const char *of)
{
	size_t n = strcspn((char *)pass->bytes, "\r\n");

	pass->bytes[n] = '\0';
	if (n < (is_new ? EVMKEY_PASS_MIN : 1))
		return complain(IMACTL_FAILED, "the %s has fewer than %d characters: it can be guessed by who has the disk", of, EVMKEY_PASS_MIN);
	return IMACTL_OK;
}

int evm_take_passphrase(const struct evm_options *o, bool twice, const char *of, struct secret *ret)
{
	char prompt[128];
	ssize_t n;
	int r = secret_init(ret, EVMKEY_PASS_MAX);

	if (r < 0)
		return complain(IMACTL_FAILED, "cannot keep the passphrase in locked memory: %s", strerror(-r));
	if (o->recovery_file) {
		n = file_read_small(o->recovery_file, ret->bytes, EVMKEY_PASS_MAX);
		return n < 0 ? complain(IMACTL_FAILED, "cannot read the %s in '%s': %s", of, o->recovery_file, strerror((int)-n)) :
			       measure(ret, twice, of);
	}
	snprintf(prompt, sizeof(prompt), "The %s: ", of);
	if (EVP_read_pw_string((char *)ret->bytes, EVMKEY_PASS_MAX - 1, prompt, twice) != 0)
		return complain(IMACTL_FAILED, "no %s was given: --recovery-file FILE%s", of, twice ? ", or --without-recovery" : "");
	return measure(ret, twice, of);
}

/* The 32 bytes of a file that is there, or new ones into one that is not. */
static int bare_file(const struct evm_options *o, const struct secret *key, const char *path)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	(void)o;
	errno = fd < 0 ? errno : ENOSPC; /* of a short write */
	if (fd < 0 || write(fd, key->bytes, key->n) != (ssize_t)key->n || fsync(fd) < 0)
		return complain(IMACTL_FAILED, "cannot write the key file '%s': %s", path, strerror(errno));
	return IMACTL_OK;
}

static int keep_bare(const struct evm_options *o, const struct secret *key, struct evmkey *k)
{
	cleanup_free char *path = NULL;
	struct machinekey_why why;
	int code = IMACTL_OK;

	if (o->credential)
		return machinekey_point(key, EVMKEY_CREDENTIAL, o->credential, k, &why) < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
	if (access(o->key_file, F_OK) < 0)
		code = bare_file(o, key, o->key_file);
	if (code != IMACTL_OK)
		return code;
	path = realpath(o->key_file, NULL);
	if (!path)
		return complain(IMACTL_FAILED, "cannot use the key file '%s': %s", o->key_file, strerror(errno));
	return machinekey_point(key, EVMKEY_FILE, path, k, &why) < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
}

/* Who may approve of PCR values, as the TPM wants him. */
static int take_authority(const struct evm_options *o, struct evmkey *k)
{
	struct buf *ret = &k->blob.authority;
	struct evp_pkey_st *key = NULL;
	const char *bad = NULL;
	struct why why;
	int r;

	if (o->authority == ret)
		return IMACTL_OK;
	buf_reset(ret);
	if (!o->public_key) {
		if (o->authority)
			buf_add(ret, o->authority->data, o->authority->len);
		return buf_error(ret) < 0 ? complain(IMACTL_FAILED, "%s", strerror(ENOMEM)) : IMACTL_OK;
	}
	if (read_public_key(o->public_key, &key, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	r = tpmkey_from_public(key, ret, &bad);
	EVP_PKEY_free(key);
	return r < 0 ? complain(IMACTL_FAILED, "'%s' is %s", o->public_key, bad ? bad : strerror(-r)) : IMACTL_OK;
}

int evm_keep(const struct evm_options *o, const struct secret *key, struct evmkey *k)
{
	struct machinekey_why why;
	struct tpmblob_pcrs p = { .bank = ALGO_SHA256 };
	int code = o->pcrs ? evm_take_pcrs(o->pcrs, &p, NULL) : IMACTL_OK;

	if (code != IMACTL_OK)
		return code;
	if (o->key_file || o->credential)
		return keep_bare(o, key, k);
	code = take_authority(o, k);
	if (code != IMACTL_OK)
		return code;
	return machinekey_seal(key, o->tcti, p.bank, p.pcrs, k, &why) < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
}

int evm_wrap(const struct evm_options *o, const struct secret *key, struct evmkey *k)
{
	cleanup(secret_done) struct secret pass = { 0 };
	int code = o->without_recovery ? IMACTL_OK : evm_take_passphrase(o, true, "new recovery passphrase", &pass);

	if (code != IMACTL_OK || o->without_recovery)
		return code;
	if (evmkey_wrap(key->bytes, k->id, (char *)pass.bytes, strlen((char *)pass.bytes), &k->recovery) < 0)
		return complain(IMACTL_FAILED, "cannot wrap the key: libcrypto fails");
	k->has_recovery = true;
	return IMACTL_OK;
}

/* Random, or what is in the place that was named. */
static int new_key(const struct evm_options *o, struct secret *key)
{
	bool there = o->credential || (o->key_file && access(o->key_file, F_OK) == 0);
	struct machinekey_why why;
	int r;

	if (there) {
		r = machinekey_read_bare(o->credential ? EVMKEY_CREDENTIAL : EVMKEY_FILE, o->credential ? o->credential : o->key_file, key, &why);
		return r < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
	}
	r = secret_init(key, EVMKEY_SIZE);
	if (r == 0)
		r = secret_random(key);
	return r < 0 ? complain(IMACTL_FAILED, "cannot make a key in locked memory: %s", strerror(-r)) : IMACTL_OK;
}

int evm_make(const struct evm_options *o, struct secret *key, struct evmkey *k)
{
	int code = new_key(o, key);

	if (code == IMACTL_OK)
		code = evm_keep(o, key, k);
	return code == IMACTL_OK ? evm_wrap(o, key, k) : code;
}

void evm_same_policy(const struct evmkey *k, struct evm_options *o, char text[256])
{
	struct tpmblob_pcrs p;
	const char *why = NULL;
	size_t at;

	if (o->pcrs || o->public_key || o->key_file || o->credential)
		return;
	if (k->blob.authority.len)
		o->authority = &k->blob.authority;
	if (!k->blob.policy.len || tpmblob_get_policy(&k->blob, &p, &why) < 0)
		return;
	at = (size_t)snprintf(text, 256, "%s", algo_by_id(p.bank)->name);
	for (unsigned int i = 0, first = 1; i < TPMBLOB_PCRS_MAX; i++)
		if (p.pcrs >> i & 1) {
			at += (size_t)snprintf(text + at, 256 - at, "%c%u", first ? ':' : ',', i);
			first = 0;
		}
	o->pcrs = text;
}

bool evm_option(struct evm_options *o, int c, char *value)
{
	const char **to = c == 1101 ? &o->statedir : c == 1102 ? &o->tcti : c == 1103 ? &o->id : NULL;

	if (to)
		*to = value;
	return to;
}

void evm_pair(const struct machinekeys *from, struct evm_pair *ret)
{
	ret->n = from->n;
	for (unsigned int i = 0; i < from->n; i++)
		ret->key[i] = (struct evm_key){ .id = from->key[i].id, .bytes = from->key[i].key.bytes, .n = from->key[i].key.n };
}

int evm_load(const struct evm_options *o, int code, bool or_none, struct machinekeys *ret)
{
	struct machinekey_why why;
	int r = machinekeys_load(o->statedir, o->tcti, ret, &why);
	uint8_t id[EVMKEY_ID_SIZE];

	if (r == -ENOENT && or_none && !o->id)
		return IMACTL_OK;
	if (r == -ENOENT)
		return complain(code, "%s (imactl evm init makes a key)", why.text);
	if (r < 0)
		return complain(code, "%s", why.text);
	if (!o->id)
		return IMACTL_OK;
	if (hex_decode(o->id, strlen(o->id), id, sizeof(id)) < 0)
		return complain(IMACTL_USAGE, "--evm-id is the 32 hex digits that imactl evm status prints, not '%s'", o->id);
	for (unsigned int i = 0; i < ret->n; i++)
		if (memcmp(id, ret->key[i].id, sizeof(id)) != 0)
			return complain(IMACTL_FAILED, "'%s' keeps another EVM key than that of the id %s", o->statedir, o->id);
	return IMACTL_OK;
}

bool evm_of_kernel(void)
{
	char text[64];
	ssize_t n = file_read_small("/sys/kernel/security/evm", text, sizeof(text));

	return n > 0 && (strtoul(text, NULL, 0) & 1);
}
