/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing of buffers and streams (libcrypto EVP). No descriptor is read here. */
#ifndef IMAD_DIGEST_H
#define IMAD_DIGEST_H

#include <stdbool.h>

#include <imad/algo.h>

struct digest_stream;

/* Whether @algo can be computed here: not all that have a name are in the providers that libcrypto loads. NULL: no. */
bool digest_can(const struct algo *algo);

/*
 * A stream can be used for any number of digests: begin, update..., end.
 * Returns 0 and a stream that the caller frees, -ENOMEM, or -EOPNOTSUPP when
 * libcrypto cannot compute @algo.
 */
int digest_stream_new(const struct algo *algo, struct digest_stream **ret);
void digest_stream_free(struct digest_stream *s);
void digest_stream_freep(struct digest_stream **s);
int digest_begin(struct digest_stream *s);
int digest_update(struct digest_stream *s, const void *p, size_t n);
int digest_end(struct digest_stream *s, struct digest *ret);

/* One buffer at once: 0, -EOPNOTSUPP, -ENOMEM or -EIO when libcrypto fails. */
int digest_buf(const struct algo *algo, const void *p, size_t n, struct digest *ret);

#endif
