/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is trusted, from the places that the settings name: a folder of certificates, a
 * file with their CA, a deny list. Logs nothing, so that imactl lists what imad takes.
 */
#ifndef IMAD_KEYDIR_H
#define IMAD_KEYDIR_H

#include <imad/trust.h>

struct keydir_places {
	const char *dir;
	const char *ca;	  /* "": certificates need no CA */
	const char *deny; /* "" or a file that is not there: nothing is denied */
};

/* A file of the folder that is not trusted, and why. */
typedef void keydir_told(void *arg, const char *path, const char *why);

/*
 * Add the certificates of one folder to @k, in the order of their names; other files are @told. So is a folder
 * that is not there. 0, or -ENOMEM or negative errno of reading it.
 */
int keydir_add_folder(struct keyring *k, const char *path, keydir_told *told, void *arg);

/* What is wrong with CA or deny list: "FILE: ..." or "FILE:LINE: ...". */
struct keydir_error {
	char text[512];
};

/*
 * All of it anew. A folder that is not there has no keys, which is @told as well. 0 and *@ret with one
 * reference; or negative errno and *@e: the CA or the deny list cannot be used, or there is no memory.
 */
int keydir_load(const struct keydir_places *places, keydir_told *told, void *arg, struct trust **ret, struct keydir_error *e);

#endif
