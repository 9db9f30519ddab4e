/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each field is encoded, for the table of fields in template.c. */
#ifndef IMAD_TEMPLATE_PRIV_H
#define IMAD_TEMPLATE_PRIV_H

#include <imad/template.h>

/* Append length and bytes of the field. 0, or -EINVAL: the input lacks what it needs. */
typedef int template_encoder(const struct template_input *in, struct buf *out);
template_encoder template_encode_d, template_encode_digest, template_encode_typed_digest, template_encode_modsig_digest,
	template_encode_n, template_encode_name, template_encode_sig, template_encode_buf, template_encode_modsig,
	template_encode_evmsig, template_encode_xattr_names, template_encode_xattr_lengths, template_encode_xattr_values,
	template_encode_uid, template_encode_gid, template_encode_mode;

/* Both fields of template "ima". */
template_encoder template_encode_legacy;

#endif
