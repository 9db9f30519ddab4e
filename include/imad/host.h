/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's own text files say of a host. Text in, answers out; nothing is opened here. */
#ifndef IMAD_HOST_H
#define IMAD_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Whether @word is in "a,b,c" (a newline may follow), as in /sys/kernel/security/lsm. */
bool host_list_has(const char *list, const char *word);

/* The chosen word of "[none] integrity confidentiality". 0, or -ENODATA: none is, or it does not fit. */
int host_chosen(const char *text, char *ret, size_t size);

/*
 * The last value of parameter @name on a kernel command line, "" if it has none. A name's
 * '-' and '_' are one, as in the kernel, and what follows "--" is init's. 0, -ENOENT, or
 * -ENAMETOOLONG if it does not fit.
 */
int host_param(const char *cmdline, const char *name, char *ret, size_t size);

/* 'y', 'm', or 'n' of "CONFIG_NAME" in the text of a kernel configuration. */
char host_config(const char *text, const char *option);

/* On what @path lies according to /proc/PID/mountinfo. */
struct host_mount {
	char type[32], source[256], at[256];
};
/* 0, -ENOENT (no mount has it), or -EBADMSG. */
int host_mount(const char *mountinfo, const char *path, struct host_mount *ret);

/* How many records of an IMA list (as text, of template "ima" and newer) are of PCR @pcr, boot_aggregate left out. */
unsigned int host_ima_records(const char *ascii, unsigned int pcr);

#endif
