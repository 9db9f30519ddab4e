/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl evm approve: the holder of a key signs PCR values. A TPM that has sealed an EVM key with --public-key gives it under
 * them, too, without being asked before: so the values of the next kernel can be signed while the old one runs, or elsewhere.
 */
#include <string.h>

#include <imad/digest.h>
#include <imad/tpmkey.h>

#include "attest.h"
#include "evm.h"

/* Those without a value have that of now. */
static int add_current(const struct evm_options *o, const struct tpmblob_pcrs *p, struct digest values[TPMBLOB_PCRS_MAX])
{
	struct digest now[TPMBLOB_PCRS_MAX];
	struct machinekey_why why;
	uint32_t wanted = 0;

	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		if (p->pcrs >> i & 1 && !values[i].size)
			wanted |= 1u << i;
	if (wanted && machinekey_read_pcrs(o->tcti, p->bank, wanted, now, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		if (wanted >> i & 1)
			values[i] = now[i];
	return IMACTL_OK;
}

/* What is signed is a digest by SHA-256 of the policy's digest. */
static int sign(struct sign_key *key, struct tpmblob_pcrs *p, const struct digest *values, struct pcrsig *ret)
{
	cleanup(signer_freep) struct signer *signer = NULL;
	cleanup(buf_done) struct buf sig = { 0 }, public = { 0 };
	char text[TPMSIGN_ERROR_MAX];
	const char *bad = NULL, *why;
	struct digest policy, d;
	int code = sign_key_read(key, &signer), r;

	if (code != IMACTL_OK)
		return code;
	r = tpmkey_from_public(signer_key(signer), &public, &bad);
	if (r < 0)
		return complain(IMACTL_FAILED, "'%s' is %s", key->file, bad ? bad : strerror(-r));
	r = tpmblob_values_digest(p->pcrs, values, &p->digest);
	if (r == 0)
		r = tpmblob_pcrs_digest(p, &policy);
	if (r == 0)
		r = digest_buf(algo_by_id(ALGO_SHA256), policy.bytes, policy.size, &d);
	if (r == 0)
		r = pcrsig_key_id(signer_key(signer), ret->key);
	if (r == 0)
		r = signature_bare(signer, &d, &sig);
	why = sign_key_why(key, r, text);
	if (r < 0 || sig.len > sizeof(ret->sig))
		return complain(IMACTL_FAILED, "the key '%s' does not sign: %s", key->file, why ? why : strerror(r < 0 ? -r : EMSGSIZE));
	ret->bank = p->bank;
	ret->pcrs = p->pcrs;
	memcpy(ret->policy, policy.bytes, sizeof(ret->policy));
	ret->len = (uint16_t)sig.len;
	memcpy(ret->sig, sig.data, sig.len);
	return IMACTL_OK;
}

static int keep(const char *path, const struct pcrsig *one)
{
	cleanup(pcrsigs_done) struct pcrsigs all = { 0 };
	cleanup(buf_done) struct buf text = { 0 };
	struct machinekey_why why;
	int r = machinekey_approvals(path, &all, &why), added;

	if (r < 0 && r != -ENOENT)
		return complain(IMACTL_FAILED, "%s", why.text);
	added = pcrsig_add(&all, one);
	r = added < 0 ? added : pcrsig_format(&all, &text);
	if (r == 0 && added)
		r = write_whole(path, text.data, text.len, 0644);
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot write the approvals '%s': %s", path, strerror(-r));
	printf("%s in '%s', which has %zu\n", added ? "approved," : "is approved already", path, all.n);
	return IMACTL_OK;
}

int evm_approve(const struct evm_options *o, int argc, char **argv)
{
	cleanup_free char *own = join_path(o->statedir, MACHINEKEY_APPROVALS);
	struct digest values[TPMBLOB_PCRS_MAX] = { 0 };
	struct tpmblob_pcrs p = { .pcrs = 0 };
	struct sign_key key = o->key;
	struct pcrsig one = { .len = 0 };
	int code;

	if (argc)
		return complain(IMACTL_USAGE, "evm approve: unexpected argument '%s'", argv[0]);
	if (!key.file || !o->pcrs)
		return complain(IMACTL_USAGE, "evm approve: --key and --pcrs are needed: who approves of what");
	if (o->public_key || o->recovery_file || o->from || o->without_recovery)
		return complain(IMACTL_USAGE, "evm approve: only --key, --pass-file, --pcrs and --out go with it");
	key.tpm.tcti = o->tcti;
	code = evm_take_pcrs(o->pcrs, &p, values);
	if (code == IMACTL_OK)
		code = add_current(o, &p, values);
	if (code == IMACTL_OK)
		code = sign(&key, &p, values, &one);
	if (code != IMACTL_OK)
		return code;
	return own ? keep(o->out ? o->out : own, &one) : complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
}
