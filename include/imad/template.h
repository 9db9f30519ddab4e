/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates of the measurement list: which fields a record has and how each is
 * encoded and printed. Formats: Documentation/security/IMA-templates.rst and
 * security/integrity/ima/ima_template{,_lib}.c. Bytes in, bytes out: nothing
 * here hashes a file or asks the TPM.
 */
#ifndef IMAD_TEMPLATE_H
#define IMAD_TEMPLATE_H

#include <stdbool.h>

#include <imad/algo.h>
#include <imad/buf.h>

/* A row of the template table; static, never freed. @format is its field list, "d-ng|n-ng". */
struct template {
	const char *name;
	const char *format;
};

/*
 * Template "ima" is older than the rule that a field is a u32 length and its
 * bytes: its digest has no length, its name no NUL, and it is hashed otherwise.
 */
#define TEMPLATE_IMA_DIGEST 20
#define TEMPLATE_IMA_NAME_MAX 255
bool template_is_legacy(const struct template *t);

/* By name or by an equal format string; NULL if unknown. */
const struct template *template_find(const char *name_or_format, size_t len);

/* Whether @id ("d-ngv2") is one of its fields. */
bool template_has_field(const struct template *t, const char *id);

#define TEMPLATE_FIELDS_MAX 15 /* IMA_TEMPLATE_NUM_FIELDS_MAX */
/* Whether @format is a list of known fields, as a kernel booted with ima_template_fmt= writes for a name. */
bool template_format_valid(const char *format, size_t len);

/*
 * What an inode has beside its content, as the fields hold it: evmsig, xattr*, iuid, igid, imode.
 * Zero-initialised is one with nothing; template_meta_done() frees.
 */
struct template_meta {
	struct buf evmsig;	 /* security.evm, whatever it is */
	struct buf xattr_names;	 /* of those that EVM protects and that are there: "a|b" with NUL */
	struct buf xattr_lengths; /* le32 each */
	struct buf xattr_values;
	uint32_t uid, gid;
	uint16_t mode;
};
void template_meta_done(struct template_meta *m);
bool template_needs_meta(const struct template *t);

/* What a record is made of. Pointers are borrowed for the call. */
struct template_input {
	const struct digest *digest;  /* file digest; for a violation only its algo is used */
	const struct digest *digest_sha1; /* what template "ima" stores (field d); may be NULL otherwise */
	const char *name;	      /* path; blanks are stored as '_' */
	const void *sig;	      /* security.ima or security.evm; stored if type 3, 6 or 5, of a violation if 5 */
	size_t sig_len;
	const void *buf;	      /* what was measured that is no file (field buf); NULL with 0 otherwise */
	size_t buf_len;
	bool verity;		      /* @digest is that of fs-verity, which fields with a type say (d-ngv2) */
	const struct digest *digest_modsig; /* of the content without the signature appended to it; NULL: it has none */
	const void *modsig;	      /* PKCS#7 of that; NULL with 0 otherwise */
	size_t modsig_len;
	const struct template_meta *meta; /* NULL: of no file, or the template does not need it */
	bool violation;		      /* digest fields become zeros */
};

/*
 * Append the template data (field 6 of a binary record, see list.h) to @out.
 * For template "ima" that is digest and name as the binary list holds them.
 * Returns 0, -ENOMEM, -EINVAL when the input lacks what a field needs.
 */
int template_encode(const struct template *t, const struct template_input *in, struct buf *out);

/*
 * Append the ASCII form of @n bytes of template data, one blank before each
 * field, as the kernel prints it. Returns 0, -ENOMEM or -EBADMSG.
 */
int template_print(const struct template *t, const uint8_t *data, size_t n, struct buf *out);

/* The fields of a decoded record that readers ask for; slices point into the data given. */
struct template_fields {
	struct digest digest; /* size 0 when the template has no digest field */
	const char *name;     /* not NUL-terminated */
	size_t name_len;
	const uint8_t *sig;
	size_t sig_len;
};

/* Returns 0 or -EBADMSG. */
int template_decode(const struct template *t, const uint8_t *data, size_t n, struct template_fields *ret);

/*
 * Call @fn with each field's name and its ASCII form, which is not NUL-terminated and valid for
 * the call. Returns 0, -ENOMEM or -EBADMSG.
 */
typedef void template_field_fn(void *arg, const char *id, const char *text, size_t n);
int template_each(const struct template *t, const uint8_t *data, size_t n, template_field_fn *fn, void *arg);

#endif
