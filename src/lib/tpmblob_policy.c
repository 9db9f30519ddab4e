/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What opens an object: the parameters of the policy commands, and the digest that the TPM computes of them (TPM 2.0 part 1, 19.7). */
#include <string.h>

#include <imad/digest.h>
#include <imad/tpmblob.h>
#include <imad/tpmkey.h>
#include <imad/util.h>

#include "tpmblob_priv.h"

#define SELECT_SIZE   3 /* bytes of a selection: 24 PCRs */
#define AUTHORITY_MAX 1024

/* --- PCRs */

/* TPML_PCR_SELECTION of one bank: count, hash, size of the selection, selection; big-endian. */
static void add_selection(struct buf *b, const struct algo *bank, uint32_t pcrs)
{
	const uint8_t bytes[] = { 0, 0, 0, 1, (uint8_t)(bank->tpm >> 8), (uint8_t)bank->tpm, SELECT_SIZE,
				  (uint8_t)pcrs, (uint8_t)(pcrs >> 8), (uint8_t)(pcrs >> 16) };

	buf_add(b, bytes, sizeof(bytes));
}

int tpmblob_values_digest(uint32_t pcrs, const struct digest values[TPMBLOB_PCRS_MAX], struct digest *ret)
{
	cleanup(buf_done) struct buf all = { 0 };

	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		if (pcrs >> i & 1)
			buf_add(&all, values[i].bytes, values[i].size);
	return buf_error(&all) < 0 ? -ENOMEM : digest_buf(algo_by_id(ALGO_SHA256), all.data, all.len, ret);
}

int tpmblob_set_policy(struct tpmblob *b, const struct tpmblob_pcrs *p)
{
	const struct algo *bank = algo_by_id(p->bank);

	if (!bank || !bank->tpm || !p->pcrs || p->pcrs >> TPMBLOB_PCRS_MAX || p->digest.algo != ALGO_SHA256)
		return -EBADMSG;
	buf_reset(&b->policy);
	buf_add_u8(&b->policy, 0);
	buf_add_u8(&b->policy, p->digest.size);
	buf_add(&b->policy, p->digest.bytes, p->digest.size);
	add_selection(&b->policy, bank, p->pcrs);
	return buf_error(&b->policy);
}

int tpmblob_get_policy(const struct tpmblob *b, struct tpmblob_pcrs *ret, const char **why)
{
	static const uint8_t one[] = { 0, 0, 0, 1 };
	const struct algo *sha256 = algo_by_id(ALGO_SHA256), *bank;
	const uint8_t *p = b->policy.data;
	struct tpmblob_pcrs q;

	*why = "its PCR policy is damaged, or of more than one bank";
	if (b->policy.len != 2u + sha256->size + sizeof(one) + 3 + SELECT_SIZE || p[0] != 0 || p[1] != sha256->size)
		return -EBADMSG;
	q.digest = (struct digest){ .algo = ALGO_SHA256, .size = sha256->size };
	memcpy(q.digest.bytes, p + 2, sha256->size);
	p += 2 + sha256->size;
	bank = algo_by_tpm((uint16_t)(p[4] << 8 | p[5]));
	q.pcrs = p[7] | (uint32_t)p[8] << 8 | (uint32_t)p[9] << 16;
	if (memcmp(p, one, sizeof(one)) != 0 || !bank || p[6] != SELECT_SIZE || !q.pcrs)
		return -EBADMSG;
	q.bank = bank->id;
	*ret = q;
	return 0;
}

/* --- who may approve: TPM2B_PUBLIC, an empty policyRef, and where the draft has a signature none (TPM_ALG_NULL) */

static const uint8_t behind[] = { 0, 0, 0, 0x10 };

const char *tpmblob_take_authority(const uint8_t *p, size_t n, struct buf *ret)
{
	uint8_t name[TPMKEY_NAME_MAX];

	if (n <= sizeof(behind) || n > AUTHORITY_MAX || memcmp(p + n - sizeof(behind), behind, sizeof(behind)) != 0 ||
	    tpmkey_name(p, n - sizeof(behind), name) != 2 + algo_by_id(ALGO_SHA256)->size)
		return "its TPM2_PolicyAuthorize is damaged, has a reference or a signature, or the key's name is not by SHA-256";
	buf_add(ret, p, n - sizeof(behind));
	return NULL;
}

void tpmblob_put_authority(const struct tpmblob *b, struct buf *ret)
{
	buf_add(ret, b->authority.data, b->authority.len);
	buf_add(ret, behind, sizeof(behind));
}

/* --- digests */

bool tpmblob_has_policy(const struct tpmblob *b)
{
	return b->authority.len || b->policy.len;
}

static void add_command(struct buf *b, uint32_t command)
{
	const uint8_t bytes[] = { 0, 0, (uint8_t)(command >> 8), (uint8_t)command };

	buf_add(b, bytes, sizeof(bytes));
}

/* @d becomes the digest of itself and @text. */
static int extend(struct digest *d, const struct buf *text)
{
	cleanup(buf_done) struct buf all = { 0 };

	buf_add(&all, d->bytes, d->size);
	buf_add(&all, text->data, text->len);
	return buf_error(&all) < 0 || text->failed ? -ENOMEM : digest_buf(algo_by_id(ALGO_SHA256), all.data, all.len, d);
}

static int extend_pcrs(struct digest *d, const struct tpmblob_pcrs *p)
{
	cleanup(buf_done) struct buf text = { 0 };

	add_command(&text, CC_POLICY_PCR);
	add_selection(&text, algo_by_id(p->bank), p->pcrs);
	buf_add(&text, p->digest.bytes, p->digest.size);
	return extend(d, &text);
}

static struct digest none_yet(void)
{
	return (struct digest){ .algo = ALGO_SHA256, .size = algo_by_id(ALGO_SHA256)->size };
}

int tpmblob_pcrs_digest(const struct tpmblob_pcrs *p, struct digest *ret)
{
	*ret = none_yet();
	return algo_by_id(p->bank) && algo_by_id(p->bank)->tpm ? extend_pcrs(ret, p) : -EBADMSG;
}

/* It forgets what was before, then is extended twice: by the key's name, by the reference. */
static int extend_authority(struct digest *d, const struct buf *public)
{
	cleanup(buf_done) struct buf text = { 0 }, reference = { 0 };
	uint8_t name[TPMKEY_NAME_MAX];
	int n = tpmkey_name(public->data, public->len, name), r;

	if (n < 0)
		return n;
	*d = none_yet();
	add_command(&text, CC_POLICY_AUTHORIZE);
	buf_add(&text, name, (size_t)n);
	r = extend(d, &text);
	return r < 0 ? r : extend(d, &reference);
}

int tpmblob_policy_digest(const struct tpmblob *b, struct digest *ret)
{
	struct digest d = none_yet();
	const char *why = NULL;
	struct tpmblob_pcrs p;
	int r = b->authority.len ? extend_authority(&d, &b->authority) : 0;

	if (r == 0 && b->policy.len)
		r = tpmblob_get_policy(b, &p, &why) < 0 ? -EBADMSG : extend_pcrs(&d, &p);
	if (r < 0 || !tpmblob_has_policy(b))
		return r < 0 ? r : -EBADMSG;
	*ret = d;
	return 0;
}
