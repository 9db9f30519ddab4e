// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/finder.h>
#include <imad/util.h>

#define LABEL_MAX 65536 /* XATTR_SIZE_MAX */

int finder_read(int fd, struct finder *f)
{
	cleanup_free uint8_t *bytes = malloc(LABEL_MAX);
	ssize_t n = bytes ? fgetxattr(fd, "security.ima", bytes, LABEL_MAX) : -1;

	if (!bytes)
		return -ENOMEM;
	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return -errno;
	label_decode(bytes, n > 0 ? (size_t)n : 0, &f->label);
	f->bytes = take_ptr(bytes);
	return 0;
}

void finder_done(struct finder *f)
{
	free(f->bytes);
	f->bytes = NULL;
}

bool finder_needs_digest(const struct finder *f)
{
	return f->label.kind == LABEL_HASH || f->label.kind == LABEL_SIGNATURE;
}

/* The file digest of fs-verity, in IMA's terms. 0 or negative errno: it has none, or of an unknown algorithm. */
static int verity_digest(int fd, struct digest *ret)
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

static uint32_t judge_signature(const struct keyring *keys, const struct label *l, const struct digest *digest)
{
	switch (keys && digest ? keyring_verify(keys, l, digest) : KEYRING_NO_KEY) {
	case KEYRING_GOOD:
		return IMAD_FOUND_GOOD;
	case KEYRING_VERSION:
		return IMAD_FOUND_VERSION_BAD;
	default:
		return 0;
	}
}

uint32_t finder_found(const struct keyring *keys, int fd, const struct finder *f, const struct digest *digest)
{
	const struct label *l = &f->label;
	struct digest verity;

	switch (l->kind) {
	case LABEL_NONE:
		return IMAD_FOUND(IMAD_LABEL_NONE, 0, 0);
	case LABEL_HASH:
		return IMAD_FOUND(IMAD_LABEL_HASH, 0, l->algo) |
		       (digest && label_has_digest(l, digest) ? IMAD_FOUND_GOOD : 0);
	case LABEL_SIGNATURE:
		return IMAD_FOUND(IMAD_LABEL_SIGNATURE, l->version, l->algo) | judge_signature(keys, l, digest);
	case LABEL_VERITY:
		return IMAD_FOUND(IMAD_LABEL_VERITY, l->version, l->algo) |
		       judge_signature(keys, l, verity_digest(fd, &verity) == 0 ? &verity : NULL);
	default:
		return IMAD_FOUND(IMAD_LABEL_UNKNOWN, 0, 0);
	}
}
