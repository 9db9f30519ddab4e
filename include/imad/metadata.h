/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What EVM vouches for of one open file, and what vouches for it (security.evm, security.imad.evm). Never opens a path. */
#ifndef IMAD_METADATA_H
#define IMAD_METADATA_H

#include <stdbool.h>

#include <imad/evm.h>

/* Zero-initialised holds nothing. */
struct metadata {
	struct evm_input input; /* points into @values */
	const uint8_t *evm;	/* security.evm, or NULL: there is none */
	size_t n_evm;
	const uint8_t *mac;	/* imad's own HMAC, or NULL: there is none */
	size_t n_mac;
	bool unsupported; /* the filesystem has no extended attributes of this kind */
	struct buf values;
};

/*
 * All of one moment: -EBUSY if the inode changed while it was read. Inode and owners are as this
 * user namespace sees them, so what is meant for the kernel is read in the first one. 0, -EBUSY,
 * -ENOMEM, or -errno of fstat or fgetxattr.
 */
int metadata_read(int fd, struct metadata *ret);
void metadata_done(struct metadata *m);

#endif
