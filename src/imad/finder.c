// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/finder.h>
#include <imad/signature.h>
#include <imad/util.h>

#define LABEL_USUAL 1024 /* the kernel clears all of the room that it is offered */
#define LABEL_MAX 65536 /* XATTR_SIZE_MAX */

int finder_read(int fd, struct finder *f)
{
	cleanup_free uint8_t *bytes = malloc(LABEL_MAX);
	ssize_t n = bytes ? fgetxattr(fd, "security.ima", bytes, LABEL_USUAL) : -1;

	if (!bytes)
		return -ENOMEM;
	if (n < 0 && errno == ERANGE)
		n = fgetxattr(fd, "security.ima", bytes, LABEL_MAX);
	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return -errno;
	f->n = n > 0 ? (size_t)n : 0;
	f->damaged = f->n && label_decode(bytes, f->n, &f->label, NULL) < 0;
	f->bytes = take_ptr(bytes);
	return 0;
}

void finder_done(struct finder *f)
{
	free(f->bytes);
	f->bytes = NULL;
}

const struct algo *finder_needs_digest(const struct finder *f)
{
	const struct algo *algo = f->n && !f->damaged && f->label.type != LABEL_VERITY ? f->label.algo : NULL;

	return digest_can(algo) ? algo : NULL;
}

unsigned int finder_needs(const struct trust *t, const struct finder *f, const struct algo *ret[ALGO_COUNT])
{
	const struct algo *of_label = finder_needs_digest(f);
	uint32_t denied = t ? trust_denied_algos(t) : 0;
	unsigned int n = 0;

	if (of_label)
		ret[n++] = of_label;
	for (unsigned int id = 0; id < ALGO_COUNT; id++)
		if ((denied >> id & 1) && algo_by_id(id) != of_label)
			ret[n++] = algo_by_id(id);
	return n;
}

int finder_verity_digest(int fd, struct digest *ret)
{
	struct {
		struct fsverity_digest head;
		uint8_t bytes[DIGEST_MAX];
	} measured = { .head.digest_size = DIGEST_MAX };

	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &measured) < 0)
		return -errno;
	if (measured.head.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 &&
	    measured.head.digest_algorithm != FS_VERITY_HASH_ALG_SHA512)
		return -EOPNOTSUPP;
	*ret = (struct digest){
		.algo = measured.head.digest_algorithm == FS_VERITY_HASH_ALG_SHA256 ? ALGO_SHA256 : ALGO_SHA512,
		.size = (uint8_t)measured.head.digest_size,
	};
	memcpy(ret->bytes, measured.bytes, ret->size);
	return 0;
}

static uint32_t judge_signature(const struct trust *t, const struct label *l, const struct digest *digest)
{
	return t && digest && signature_verify(trust_keys(t), l, digest) == SIGNATURE_OK ? IMAD_FOUND_GOOD : 0;
}

/* What the first bytes claim, whether or not it is so. */
static uint32_t claimed(const struct finder *f)
{
	const struct algo *algo = f->damaged ? label_algo(f->bytes, f->n) : f->label.algo;
	unsigned int version = f->n > 1 ? f->bytes[1] : 0, id = algo ? algo->id : 0;

	switch (f->n ? f->bytes[0] : 0) {
	case LABEL_DIGEST:
	case LABEL_DIGEST_NG:
		return IMAD_FOUND(IMAD_LABEL_HASH, 0, id);
	case LABEL_SIGNATURE:
		return IMAD_FOUND(IMAD_LABEL_SIGNATURE, version, id) | (version > 3 ? IMAD_FOUND_VERSION_BAD : 0);
	case LABEL_VERITY:
		return IMAD_FOUND(IMAD_LABEL_VERITY, version, id) | (version != 3 ? IMAD_FOUND_VERSION_BAD : 0);
	default:
		return IMAD_FOUND(f->n ? IMAD_LABEL_UNKNOWN : IMAD_LABEL_NONE, 0, 0);
	}
}

/* What is found of the label with the fs-verity digest in place of the content's. */
static uint32_t found_by_verity(const struct trust *t, const struct finder *f, const struct digest *verity)
{
	bool right = false;

	if (f->n && !f->damaged && f->label.type == LABEL_SIGNATURE)
		right = judge_signature(t, &f->label, verity) != 0;
	else if (f->n && !f->damaged && f->label.type != LABEL_VERITY)
		right = label_holds(&f->label, verity);
	return IMAD_FOUND_VERITY | (right ? IMAD_FOUND_VERITY_GOOD : 0);
}

static uint32_t judge_label(const struct trust *t, const struct finder *f, const struct digest *content,
			    const struct digest *verity)
{
	uint32_t found = claimed(f) | (verity ? found_by_verity(t, f, verity) : 0);

	if (f->damaged || !f->n)
		return found;
	switch (IMAD_FOUND_KIND(found)) {
	case IMAD_LABEL_HASH:
		return found | (content && label_holds(&f->label, content) ? IMAD_FOUND_GOOD : 0);
	case IMAD_LABEL_SIGNATURE:
		return found | judge_signature(t, &f->label, content);
	case IMAD_LABEL_VERITY:
		return found | judge_signature(t, &f->label, verity);
	default:
		return found;
	}
}

/* A label that does not say its algorithm is compared with the first digest there is. */
static const struct digest *digest_for(const struct finder *f, const struct digest *digests, unsigned int n)
{
	const struct algo *algo = f->label.algo;

	for (unsigned int i = 0; i < n; i++)
		if (!algo || digests[i].algo == algo->id)
			return &digests[i];
	return NULL;
}

static bool is_denied(const struct trust *t, const struct digest *d, struct digest *denied)
{
	if (!t || !d || !trust_denies(t, d))
		return false;
	if (denied)
		*denied = *d;
	return true;
}

uint32_t finder_found(const struct trust *t, int fd, const struct finder *f, const struct digest *digests, unsigned int n,
		      struct digest *denied)
{
	struct digest verity;
	bool has_verity = finder_verity_digest(fd, &verity) == 0, is;
	uint32_t found = judge_label(t, f, digest_for(f, digests, n), has_verity ? &verity : NULL);

	if (denied)
		denied->size = 0;
	is = has_verity && is_denied(t, &verity, denied);
	for (unsigned int i = 0; i < n && !is; i++)
		is = is_denied(t, &digests[i], denied);
	return is ? found | IMAD_FOUND_DENIED : found;
}

bool finder_yields(const struct trust *t, const struct finder *f)
{
	if (!f->n || f->bytes[0] == LABEL_DIGEST_NG)
		return true;
	return !f->damaged && f->label.type == LABEL_SIGNATURE && f->label.algo &&
	       (!t || !keyring_find(trust_keys(t), f->label.key_id, NULL));
}
