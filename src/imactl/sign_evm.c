/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl sign --evm: signatures of labels and metadata, in security.evm, as evmctl sign makes them. */
#include <string.h>
#include <sys/xattr.h>

#include <imad/metadata.h>
#include <imad/signature.h>

#include "sign.h"

#define TRIES 3

const char *sign_evm_why(int r)
{
	switch (-r) {
	case EBUSY:
		return "its xattrs or metadata change while they are read";
	case EPERM:
		return "not permitted, or of a portable signature: it has no security.ima (imactl label or sign first)";
	case ENODATA:
		return "it has no security xattr to vouch for (imactl label or sign first)";
	case ENXIO:
		return "its filesystem does not tell generation and UUID, which only a portable signature does without";
	case EOPNOTSUPP:
		return "its filesystem has no security xattrs, or the hash cannot be computed here";
	}
	return strerror(-r);
}

static int digest_now(const struct sign_evm *s, int fd, struct metadata *m, struct digest *d)
{
	int r = -EBUSY;

	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++)
		r = metadata_read(fd, m);
	if (r < 0)
		return r;
	if (m->unsupported)
		return -EOPNOTSUPP;
	return evm_digest(&m->input, s->type, s->algo, d);
}

/* What has been signed must be what is there now: nobody may have put something else under it meanwhile. */
static int put(const struct sign_evm *s, int fd, const struct digest *d, const struct buf *value)
{
	cleanup(metadata_done) struct metadata m = { 0 };
	struct digest now;
	int r;

	if (fsetxattr(fd, "security.evm", value->data, value->len, 0) < 0)
		return -errno;
	r = digest_now(s, fd, &m, &now);
	if (r == 0 && now.size == d->size && memcmp(now.bytes, d->bytes, d->size) == 0)
		return 1;
	(void)fremovexattr(fd, "security.evm");
	return r < 0 ? r : -EBUSY;
}

int sign_evm(const struct sign_evm *s, int fd)
{
	cleanup(metadata_done) struct metadata m = { 0 };
	cleanup(buf_done) struct buf value = { 0 };
	struct digest d;
	struct label old;
	int r = digest_now(s, fd, &m, &d);
	bool has = m.evm && evm_decode(m.evm, m.n_evm, &old, NULL) == 0 && label_is_signature(&old);

	if (r < 0)
		return r;
	if (has && s->only_missing)
		return 2;
	if (has && old.type == s->type && old.version == s->version && signer_made(s->signer, &old, &d))
		return 0;
	if (s->dry_run)
		return 1;
	r = signature_sign(s->signer, (enum label_type)s->type, s->version, &d, &value);
	return r < 0 ? r : put(s, fd, &d, &value);
}
