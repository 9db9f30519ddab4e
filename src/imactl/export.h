/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the forms of imactl export share. */
#ifndef IMACTL_EXPORT_H
#define IMACTL_EXPORT_H

#include <imad/digest.h>

#include "imactl.h"

struct export;

/* A form. Each returns 0 or negative errno; @begin may be NULL. */
struct export_format {
	const char *name;
	int (*begin)(struct export *e);
	int (*take)(struct export *e, const struct list_record *r, const struct template_fields *f);
	int (*end)(struct export *e);
};

struct export {
	const struct export_format *format;
	const char *file;
	const struct algo *banks[PCR_BANKS_MAX]; /* of cel-json */
	unsigned int n_banks;
	struct records records;
	FILE *info; /* record_info, NULL: none */
	struct json_object *info_line;
	/* by name, each with the digests in the order of their first appearance */
	struct json_object *paths, *buffers, *keyrings;
	uint64_t skipped; /* records that the form has no place for */
};

int export_array_begin(struct export *e);
int export_array_end(struct export *e);
int export_cel_take(struct export *e, const struct list_record *r, const struct template_fields *f);
int export_json_take(struct export *e, const struct list_record *r, const struct template_fields *f);

/* --- export_paths.c: what is gathered by path */
int export_paths_take(struct export *e, const struct list_record *r, const struct template_fields *f);
int export_sha256sum_end(struct export *e);
int export_keylime_end(struct export *e);

#endif
