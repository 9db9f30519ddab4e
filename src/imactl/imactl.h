/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of imactl share: the shape of a command, messages, the list with its side file, the
 * daemon. */
#ifndef IMACTL_H
#define IMACTL_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdio.h>

#include <imad/list.h>
#include <imad/pcr.h>
#include <imad/util.h>

/* What every command returns and main() exits with. */
enum imactl_exit {
	IMACTL_OK,     /* done; checked and right */
	IMACTL_FAILED, /* not done; checked and wrong */
	IMACTL_USAGE,
	IMACTL_UNCHECKED, /* could not be checked */
};

/* Options that stand before the command. */
struct imactl {
	const char *rundir;
};

int cmd_list(const struct imactl *ctl, int argc, char **argv);
int cmd_status(const struct imactl *ctl, int argc, char **argv);
int cmd_verify(const struct imactl *ctl, int argc, char **argv);
int cmd_sync(const struct imactl *ctl, int argc, char **argv);
int cmd_hash(const struct imactl *ctl, int argc, char **argv);

/* --- text.c: messages and names for people */

/* "imactl: " and the text on stderr, control characters escaped; returns @code, an exit code. */
int complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Why something failed, as one line for complain(). */
struct why {
	char text[320];
};

/* Sets the line; returns @r. */
int why_set(struct why *why, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Print @n bytes with what could steer a terminal as \xNN; UTF-8 is left as it is. */
void put_text(FILE *f, const char *s, size_t n);

/* Names need not be UTF-8, JSON must be: adds @key, and @key_hex with the very bytes if that had to be
 * changed. */
void json_add_text(struct json_object *o, const char *key, const char *s, size_t n);
void json_add_hex(struct json_object *o, const char *key, const void *p, size_t n);

/* One line on stdout. */
void put_json(struct json_object *o);

/* "@dir/@name", to be freed; NULL when there is no memory. */
char *join_path(const char *dir, const char *name);

/* --- records.c: a binary list as it grows, and the JSON lines beside it */

struct records {
	int fd;
	struct buf bytes;
	size_t at;  /* of the next record in @bytes */
	uint64_t n; /* records given */
};

int records_open(const char *path, struct records *ret); /* 0 or negative errno */
void records_done(struct records *r);

/*
 * The next record, valid until the next call. 1; 0: no whole record is left
 * (records_tail() bytes are; asking again sees what was appended meanwhile);
 * -EBADMSG with *@why: malformed at record @r->n; or another negative errno.
 */
int records_next(struct records *r, struct list_record *ret, const char **why);
size_t records_tail(const struct records *r);

/* Name of record @index of the list at @path, for messages; "" if there is none. To be freed, may be NULL. */
char *record_name(const char *path, uint64_t index);

/* record_info beside the list at @list_path; NULL: there is none, which is no error. */
FILE *info_open(const char *list_path);

/*
 * The next line. 0: not there (yet); 1: *@ret is an object that the caller puts
 * back, or NULL when the line is not about record @n.
 */
int info_next(FILE *f, uint64_t n, struct json_object **ret);

/* Member @key as text, NULL without it. */
const char *info_text(struct json_object *info, const char *key);

void json_putp(struct json_object **o);
void file_closep(FILE **f);

/* --- client.c */

/*
 * Ask the daemon. 0 and its JSON in @answer; or a negative errno, told in @why as
 * one line: -ENOENT or -ECONNREFUSED when no daemon listens.
 */
int client_call(const struct imactl *ctl, unsigned int type, unsigned int timeout_s, struct buf *answer,
		struct why *why);

/* --- pcrs.c: where the PCR values to compare with come from */

/* Values of PCRs that are wanted: set @value[i].pcr, the sources add the banks. */
struct pcr_set {
	struct pcr_value value[4];
	unsigned int n;
};

/* Each adds banks to the PCRs of @set; 0 or negative errno with one line in @why. */
int pcrs_from_file(const char *spec, struct pcr_set *set,
		   struct why *why); /* "[ALGO,]FILE" as evmctl --pcrs */
int pcrs_from_sysfs(const char *tpm_dir, struct pcr_set *set, struct why *why); /* -ENOENT: no such files */
int pcrs_from_tpm(const char *tcti, struct pcr_set *set, struct why *why);	/* -ENODEV: no TPM */

#endif
