/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imad's own HMACs: the value, and what it vouches for. */
#include <string.h>

#include <openssl/crypto.h>

#include <imad/evm.h>
#include <imad/util.h>

#define VERSION 1
#define ALL	((1u << EVM_XATTR_COUNT) - 1)

static int bad(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EBADMSG;
}

int evm_mac_decode(const void *p, size_t n, struct evm_mac *ret, const char **why)
{
	const uint8_t *bytes = p;
	struct evm_mac m;

	if (n < EVM_MAC_HEADER)
		return bad(why, "imad's HMAC is cut");
	if (bytes[0] != VERSION)
		return bad(why, "imad's HMAC is of a version that is not known here");
	m.algo = algo_by_id(bytes[1]);
	m.n = bytes[2];
	m.id = bytes + 4;
	if (!m.algo || m.algo->size < 32 || bytes[3])
		return bad(why, "imad's HMAC is by an algorithm that is not known here");
	if (m.n < 1 || m.n > 2 || n != EVM_MAC_HEADER + (size_t)m.n * m.algo->size)
		return bad(why, "imad's HMAC is not as long as it says");
	for (unsigned int i = 0; i < 2; i++)
		m.mac[i] = i < m.n ? bytes + EVM_MAC_HEADER + (size_t)i * m.algo->size : NULL;
	*ret = m;
	return 0;
}

int evm_mac_make(const struct evm_key *key, const struct evm_input *in, const struct algo *algo, struct digest *ret)
{
	struct evm_input all = *in;

	all.enabled = ALL;
	return evm_hmac(&all, algo, key->bytes, key->n, ret);
}

size_t evm_mac_encode(const struct evm_key *key, const struct digest *macs, unsigned int n, uint8_t out[EVM_MAC_MAX])
{
	const uint8_t head[4] = { VERSION, macs[0].algo, (uint8_t)n, 0 };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), key->id, EVM_MAC_ID);
	for (unsigned int i = 0; i < n; i++)
		memcpy(out + EVM_MAC_HEADER + (size_t)i * macs[0].size, macs[i].bytes, macs[i].size);
	return EVM_MAC_HEADER + (size_t)n * macs[0].size;
}

static int conclude(struct evm_result *ret, enum evm_status status, const char *why)
{
	ret->status = status;
	ret->why = why;
	return 0;
}

static int compare(const struct evm_keys *keys, const struct evm_input *in, const struct evm_mac *m, struct evm_result *ret)
{
	struct digest d;
	int r, i = 0;

	while (i < (int)keys->n_own && memcmp(keys->own[i].id, m->id, EVM_MAC_ID) != 0)
		i++;
	if (i == (int)keys->n_own)
		return conclude(ret, EVM_FAIL, "it is by another key than this machine's");
	r = evm_mac_make(&keys->own[i], in, m->algo, &d);
	if (r == -ENODATA)
		return conclude(ret, EVM_NO_XATTRS, "nothing is there that it could vouch for");
	if (r == -ENXIO)
		return conclude(ret, EVM_UNKNOWN, "the filesystem does not tell generation and UUID, which it is over");
	if (r == -EOPNOTSUPP)
		return conclude(ret, EVM_FAIL, "its hash cannot be computed here");
	if (r < 0)
		return r;
	for (unsigned int k = 0; k < m->n; k++)
		if (CRYPTO_memcmp(d.bytes, m->mac[k], d.size) == 0) {
			ret->own = i;
			return conclude(ret, EVM_PASS, NULL);
		}
	return conclude(ret, EVM_FAIL, "it is not over these xattrs and metadata by this machine's key");
}

int evm_verify_mac(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, struct evm_result *ret)
{
	struct evm_result result = { .signature = -1, .own = -1, .by_mac = true };
	const char *why = NULL;
	struct evm_mac m;
	bool any = false;
	int r;

	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++)
		any |= in->xattr[i].bytes != NULL;
	if (!p)
		r = conclude(&result, any ? EVM_NO_LABEL : EVM_NO_XATTRS, NULL);
	else if (evm_mac_decode(p, n, &m, &why) < 0)
		r = conclude(&result, EVM_FAIL, why);
	else
		r = compare(keys, in, &m, &result);
	if (r == 0)
		*ret = result;
	return r;
}

int evm_verify_both(const struct evm_keys *keys, const struct evm_input *in, const void *p, size_t n, const void *mac, size_t n_mac,
		    struct evm_result *ret)
{
	bool other = p && (!n || *(const uint8_t *)p != EVM_HMAC);

	return other || !keys->n_own ? evm_verify(keys, in, p, n, ret) : evm_verify_mac(keys, in, mac, n_mac, ret);
}
