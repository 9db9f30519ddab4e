/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of imactl verify of a list on this host. */
#ifndef IMACTL_VERIFY_LIST_H
#define IMACTL_VERIFY_LIST_H

#include <imad/replay.h>

#include "trimmed.h"

#define PCR_FILES_MAX 8
#define ARCHIVES_MAX  64

struct verify {
	/* asked for */
	bool json, imported;
	const char *list; /* NULL: the live one */
	const char *tcti; /* or a directory as sysfs has it; NULL: sysfs, else the default TCTI */
	const char *pcr_files[PCR_FILES_MAX];
	unsigned int n_pcr_files;
	const char *checkpoint_path, *ak; /* NULL: the one beside the list; not asked for */
	const char *archive[ARCHIVES_MAX]; /* folders of parts, and parts, in order */
	unsigned int n_archive;
	/* found */
	const char *path;
	struct checkpoint before; /* of what was cut off; @records is 0 without */
	bool synced;
	uint64_t floor; /* records that must be in the PCRs */
	struct pcr_set pcrs;
	bool have_pcrs;
	struct replay_result result;
	bool archive_ok, signed_ok; /* both were asked for */
	char *bad_name; /* of the first record whose digest is wrong */
	/* concluded */
	enum imactl_exit code;
	struct json_object *reasons;
};

/* Whether the bank agrees with the list, far enough. */
bool bank_ok(const struct verify *v, const struct replay_bank *b);

/* --- verify_list_tell.c */
void verify_list_tell(struct verify *v);

#endif
