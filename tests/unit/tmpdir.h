/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A short-named folder for one test program, and its removal. */
#ifndef IMAD_TMPDIR_H
#define IMAD_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TMPDIR_PATH 256

static inline int tmpdir_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

/* Make one and put its name into @path. 0 or -1. */
static inline int tmpdir_make(char path[TMPDIR_PATH])
{
	const char *base = getenv("TMPDIR");

	snprintf(path, TMPDIR_PATH, "%s/imad-XXXXXX", base ? base : P_tmpdir);
	return mkdtemp(path) ? 0 : -1;
}

static inline void tmpdir_remove(const char *path)
{
	(void)nftw(path, tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
