/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl doctor: what its checks share. Each looks at one thing and says one line about it. */
#ifndef IMACTL_DOCTOR_H
#define IMACTL_DOCTOR_H

#include <sys/types.h>

#include <imad/conf.h>

#include "imactl.h"

#define DOCTOR_TEXT_MAX (1u << 20) /* bytes of one file that is looked at */

enum doctor_level { DOCTOR_OK, DOCTOR_ADVICE, DOCTOR_PROBLEM, DOCTOR_UNCHECKED };

#define ON_CMDLINE "on the kernel command line"
#define IN_SYSCTL "in /etc/sysctl.d/imad.conf"
#define IN_CONF "in imad.conf"
#define AS_COMMAND "run"

/* DOCTOR_UNCHECKED unless a check says otherwise. */
struct finding {
	enum doctor_level level;
	char text[512];
	const char *where; /* ... to write @line, one of the above; NULL: there is nothing to write */
	char line[512];	   /* the very line */
};

struct doctor {
	const struct imactl *ctl;
	const char *root; /* all files are looked for below this folder; "": the host */
	uid_t owner;	  /* of the root: whose files are trusted */
	struct conf conf;
	struct parse_error conf_error; /* @why NULL: none */
	const char *conf_from;	       /* where that error is */
	int conf_unread;	       /* negative errno: imad.conf is there and cannot be read */
	char cmdline[4096];
	char release[80];	       /* of the kernel */
	struct policy *policy;	       /* the one of the settings; NULL: there is none that could be read */
	char policy_why[256];	       /* ... because */
	struct json_object *status;    /* the daemon's; NULL: it does not answer */
	int status_error;
};

struct doctor_check {
	const char *name;
	void (*fn)(const struct doctor *d, struct finding *f);
};
/* doctor_kernel.c, doctor_tpm.c, doctor_imad.c; each ends with a row without a name. */
extern const struct doctor_check doctor_kernel_checks[], doctor_tpm_checks[], doctor_imad_checks[];

/* What is found, and what to write to change it. */
void say(struct finding *f, enum doctor_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void remedy(struct finding *f, const char *where, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The text of a file below the root, without a newline at its end; to be freed. 0 or negative errno. */
int doctor_read(const struct doctor *d, const char *path, char **ret);
/* ... as a number. */
int doctor_read_number(const struct doctor *d, const char *path, long *ret);
bool doctor_has(const struct doctor *d, const char *path);
char *doctor_path(const struct doctor *d, const char *path); /* below the root; to be freed, NULL: no memory */
/* 'y', 'm', 'n' of the running kernel's configuration, '?': it cannot be read. */
char doctor_config(const struct doctor *d, const char *option);
/* Whether enforced rules appraise this func, and ask for signatures. */
bool doctor_asks_signed(const struct doctor *d, unsigned int func);

#endif
