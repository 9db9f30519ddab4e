/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Software PCRs: extend, what a record extends, boot_aggregate. */
#include <string.h>

#include <imad/digest.h>
#include <imad/pcr.h>
#include <imad/util.h>

static bool is_whole(const struct digest *d, const struct algo *algo)
{
	return algo && d->algo == algo->id && d->size == algo->size;
}

int pcr_extend(struct digest *value, const struct digest *digest)
{
	const struct algo *algo = algo_by_id(value->algo);
	uint8_t both[2 * DIGEST_MAX];

	if (!is_whole(value, algo) || !is_whole(digest, algo))
		return -EINVAL;
	memcpy(both, value->bytes, algo->size);
	memcpy(both + algo->size, digest->bytes, algo->size);
	return digest_buf(algo, both, 2u * algo->size, value);
}

int pcr_init(struct pcr_value *v, unsigned int pcr, const struct algo *const *banks, unsigned int n)
{
	if (n > PCR_BANKS_MAX)
		return -EINVAL;
	*v = (struct pcr_value){ .pcr = pcr, .n = n };
	for (unsigned int i = 0; i < n; i++)
		v->bank[i] = (struct digest){ .algo = banks[i]->id, .size = banks[i]->size };
	return 0;
}

int pcr_record_digest(const struct list_record *r, const struct algo *algo, bool padded, struct digest *ret)
{
	struct digest d;
	int err;

	if (!padded || r->violation)
		return list_template_digest(r, algo, ret);
	err = list_template_digest(r, algo_by_id(ALGO_SHA1), &d);
	if (err < 0)
		return err;
	/* digest_buf() leaves zeros behind the SHA-1. */
	d.algo = algo->id;
	d.size = algo->size;
	*ret = d;
	return 0;
}

int pcr_boot_aggregate(const struct algo *bank, const struct digest values[10], struct digest *ret)
{
	unsigned int n = bank->id == ALGO_SHA1 ? 8 : 10;
	uint8_t all[10 * DIGEST_MAX];

	for (unsigned int i = 0; i < n; i++) {
		if (!is_whole(&values[i], bank))
			return -EINVAL;
		memcpy(all + i * bank->size, values[i].bytes, bank->size);
	}
	return digest_buf(bank, all, n * bank->size, ret);
}
