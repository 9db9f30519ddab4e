/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why the TPM would keep the key back: values that changed, or that nobody has approved of. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include <imad/file.h>
#include <imad/tpm.h>
#include <imad/tpmkey.h>

#include "machinekey_priv.h"

int machinekey_say(struct machinekey_why *why, int r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return r;
}

/* --- values */

int machinekey_read_pcrs(const char *tcti, uint8_t bank, uint32_t pcrs, struct digest ret[TPMBLOB_PCRS_MAX], struct machinekey_why *why)
{
	cleanup(tpm_freep) struct tpm *tpm = NULL;
	int r = tpm_open(tcti, &tpm);

	memset(ret, 0, TPMBLOB_PCRS_MAX * sizeof(*ret));
	if (r < 0)
		return machinekey_say(why, r, "cannot use the TPM at '%s': %s", tcti, strerror(-r));
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++) {
		struct pcr_value v = { 0 };

		r = pcrs >> i & 1 ? tpm_pcr_read(tpm, i, &v) : 0;
		if (r < 0)
			return machinekey_say(why, r, "cannot read PCR %u: %s", i, *tpm_error(tpm) ? tpm_error(tpm) : strerror(-r));
		for (unsigned int b = 0; b < v.n; b++)
			if (v.bank[b].algo == bank)
				ret[i] = v.bank[b];
		if (pcrs >> i & 1 && !ret[i].size)
			return machinekey_say(why, -ENOENT, "the TPM has no PCR bank %s", algo_by_id(bank)->name);
	}
	return 0;
}

static void put_digest(const struct digest *d, char ret[2 * DIGEST_MAX + 1])
{
	ret[0] = '\0';
	for (unsigned int i = 0; i < d->size; i++)
		snprintf(ret + 2 * i, 3, "%02x", d->bytes[i]);
}

int machinekey_changed(const struct evmkey *k, const char *tcti, struct machinekey_why *why)
{
	char was[2 * DIGEST_MAX + 1], is[2 * DIGEST_MAX + 1];
	struct digest now[TPMBLOB_PCRS_MAX];
	const char *unused = NULL;
	struct tpmblob_pcrs p;
	int r = k->blob.policy.len ? tpmblob_get_policy(&k->blob, &p, &unused) : 0, i;

	if (!k->blob.policy.len || r < 0)
		return r;
	r = machinekey_read_pcrs(tcti, p.bank, p.pcrs, now, why);
	if (r < 0)
		return r;
	i = evmkey_changed_pcr(k, now);
	if (i < 0)
		return 0;
	put_digest(&k->pcrs[i], was);
	put_digest(&now[i], is);
	return machinekey_say(why, -EKEYREJECTED, "PCR %d (%s) is not as it was when the EVM key was sealed: it was %s, it is %s", i,
		   algo_by_id(p.bank)->name, was, is);
}

/* --- approvals */

/* Where systemd looks, in its order: ukify has such a file in each image, which its boot loader code puts there. */
static const char *const systemd_files[] = { "/etc/systemd/" PCRSIG_FILE, "/run/systemd/" PCRSIG_FILE, "/usr/local/lib/systemd/" PCRSIG_FILE,
					     "/usr/lib/systemd/" PCRSIG_FILE };

int machinekey_approvals(const char *path, struct pcrsigs *ret, struct machinekey_why *why)
{
	cleanup_free char *text = malloc(PCRSIG_TEXT_MAX + 1);
	ssize_t n = text ? file_read_small(path, text, PCRSIG_TEXT_MAX + 1) : -ENOMEM;
	struct parse_error e = { 0 };
	int r = n < 0 ? (int)n : pcrsig_parse(text, (size_t)n, ret, &e);

	if (n >= 0 && r == -EBADMSG)
		return machinekey_say(why, r, "the approvals in '%s' are damaged: %s%s%s", path, e.token, *e.token ? ": " : "", e.why);
	return r < 0 && r != -ENOENT ? machinekey_say(why, r, "cannot read the approvals in '%s': %s", path, strerror(-r)) : r;
}

/* All that there are. What cannot be read approves of nothing: *@why says so, if it matters in the end. */
static void find_approvals(const char *dir, struct pcrsigs *all, struct machinekey_why *why)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, MACHINEKEY_APPROVALS);
	(void)machinekey_approvals(path, all, why);
	for (size_t i = 0; i < ARRAY_SIZE(systemd_files); i++)
		(void)machinekey_approvals(systemd_files[i], all, why);
}

/* The policy digest of these PCRs as they are, unless @p is of them already: a file has many approvals of the same. */
static int policy_now(const struct pcrsig *a, const char *tcti, struct tpmblob_pcrs *p, struct digest *policy, struct machinekey_why *why)
{
	struct digest now[TPMBLOB_PCRS_MAX];
	int r;

	if (p->bank == a->bank && p->pcrs == a->pcrs)
		return 0;
	*p = (struct tpmblob_pcrs){ 0 };
	r = machinekey_read_pcrs(tcti, a->bank, a->pcrs, now, why);
	if (r < 0)
		return r;
	p->bank = a->bank;
	p->pcrs = a->pcrs;
	r = tpmblob_values_digest(p->pcrs, now, &p->digest);
	return r < 0 ? r : tpmblob_pcrs_digest(p, policy);
}

static int none_holds(const char *dir, unsigned int n, uint32_t pcrs, const char *id, const struct machinekey_why *unread,
		      struct machinekey_why *why)
{
	char list[3 * TPMBLOB_PCRS_MAX + 1] = "";
	size_t at = 0;

	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		if (pcrs >> i & 1)
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%u", at ? "," : "", i);
	if (*unread->text)
		return machinekey_say(why, -EKEYREJECTED, "no approval for what the PCRs are now, but %s", unread->text);
	if (!n)
		return machinekey_say(why, -EKEYREJECTED, "there is no approval by the key %.16s, neither in '%s/" MACHINEKEY_APPROVALS
			   "' nor in systemd's " PCRSIG_FILE, id, dir);
	return machinekey_say(why, -EKEYREJECTED, "none of the %u approvals by the key %.16s is of what PCR %s %s now: imactl evm approve", n,
			      id, list, strchr(list, ',') ? "are" : "is");
}

static int key_id(const struct evmkey *k, uint8_t ret[PCRSIG_ID_SIZE])
{
	struct evp_pkey_st *key = NULL;
	const char *unused = NULL;
	int r = tpmkey_parse(k->blob.authority.data, k->blob.authority.len, &key, &unused);

	if (r == 0)
		r = pcrsig_key_id(key, ret);
	EVP_PKEY_free(key);
	return r;
}

int machinekey_approval(const char *dir, const struct evmkey *k, const char *tcti, struct pcrsig *ret, struct machinekey_why *why)
{
	cleanup(pcrsigs_done) struct pcrsigs all = { 0 };
	struct machinekey_why unread = { .text = "" };
	char hex[2 * PCRSIG_ID_SIZE + 1] = "";
	struct tpmblob_pcrs p = { 0 };
	struct digest policy = { 0 };
	uint8_t id[PCRSIG_ID_SIZE];
	uint32_t pcrs = 0;
	unsigned int n = 0;
	int r = key_id(k, id);

	if (r < 0)
		return machinekey_say(why, r, "the key that may approve of PCR values cannot be used");
	find_approvals(dir, &all, &unread);
	for (size_t i = 0; i < all.n; i++) {
		if (memcmp(all.v[i].key, id, sizeof(id)) != 0)
			continue;
		n++;
		pcrs |= all.v[i].pcrs;
		r = policy_now(&all.v[i], tcti, &p, &policy, why);
		if (r < 0 && r != -ENOENT) /* that is another TPM's bank */
			return r;
		if (r < 0 || memcmp(policy.bytes, all.v[i].policy, sizeof(all.v[i].policy)) != 0)
			continue;
		*ret = all.v[i];
		return 0;
	}
	for (unsigned int i = 0; i < sizeof(id); i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	return none_holds(dir, n, pcrs, hex, &unread, why);
}
