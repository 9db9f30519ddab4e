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
#include <imad/policy.h>
#include <imad/util.h>
#include <imad/violation.h>

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
int cmd_doctor(const struct imactl *ctl, int argc, char **argv);
int cmd_verify(const struct imactl *ctl, int argc, char **argv);
int cmd_sync(const struct imactl *ctl, int argc, char **argv);
int cmd_hash(const struct imactl *ctl, int argc, char **argv);
int cmd_label(const struct imactl *ctl, int argc, char **argv);
int cmd_explain(const struct imactl *ctl, int argc, char **argv);
int cmd_unlock(const struct imactl *ctl, int argc, char **argv);
int cmd_lock(const struct imactl *ctl, int argc, char **argv);
int cmd_policy(const struct imactl *ctl, int argc, char **argv);
int cmd_sign(const struct imactl *ctl, int argc, char **argv);
int cmd_check(const struct imactl *ctl, int argc, char **argv);
int cmd_key(const struct imactl *ctl, int argc, char **argv);
int cmd_evm(const struct imactl *ctl, int argc, char **argv);
int cmd_keys(const struct imactl *ctl, int argc, char **argv);
int cmd_export(const struct imactl *ctl, int argc, char **argv);
int cmd_attest(const struct imactl *ctl, int argc, char **argv);
int cmd_enroll(const struct imactl *ctl, int argc, char **argv);
int cmd_trim(const struct imactl *ctl, int argc, char **argv);

/* The subcommands of policy: rows of the table in cmd_policy.c, called as commands are. */
int cmd_policy_check(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_test(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_simulate(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_show(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_load(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_confirm(const struct imactl *ctl, int argc, char **argv);
int cmd_policy_lock(const struct imactl *ctl, int argc, char **argv);

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
	uint64_t n; /* records given, with those that were cut off the front */
	uint64_t first; /* of them */
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

/* Whether the first record is the kernel's own, which imad carried on; record_info tells. */
bool list_is_imported(const char *path);

/* One pass for the number of records, with those that were cut off, and all their PCRs. A malformed list is counted up to that record: the replay tells. */
struct pcr_set;
int list_scan(const char *path, struct pcr_set *ret, uint64_t *count, struct why *why);

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

/* A record as an object; @info: what record_info says of it, NULL: nothing. */
struct json_object *record_json(const struct list_record *r, const struct template_fields *f, uint64_t index,
				struct json_object *info);

void json_putp(struct json_object **o);
void file_closep(FILE **f);

/* --- own_violations.c: what imad says of itself in the list */

/* How many there are of each: as an object with all of them, and lines of those that there are. */
struct json_object *own_violations_json(const uint64_t n[VIOLATION_KINDS]);
void own_violations_put(const uint64_t n[VIOLATION_KINDS]);
/* What a record of this name means. An exit code. */
int own_violation_explain(const char *name, bool json);

/* --- client.c */

/*
 * Ask the daemon, with the JSON text @payload or NULL. 0 and its JSON in @answer; or a
 * negative errno, told in @why as one line: -ENOENT or -ECONNREFUSED when no daemon
 * listens.
 */
int client_call(const struct imactl *ctl, unsigned int type, const char *payload, unsigned int timeout_s,
		struct buf *answer, struct why *why);
/* The same with the descriptor @with, -1: none. */
int client_call_with(const struct imactl *ctl, unsigned int type, const char *payload, int with, unsigned int timeout_s,
		     struct buf *answer, struct why *why);
/* A whole command that takes no arguments and prints nothing, called @name: its exit status. */
int client_order(const struct imactl *ctl, int argc, char **argv, const char *name, unsigned int type, unsigned int timeout_s);

/* In two steps: one connection, many requests, of which each has @timeout_s. */
int client_open(const struct imactl *ctl, unsigned int timeout_s, int *ret, struct why *why);
int client_ask(int fd, unsigned int type, const char *payload, int with, struct buf *answer, struct why *why);

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

/* --- trust.c: the keys and the deny list that imad would take */

struct conf;
struct trust;

/* Options of every command that needs them; NULL: as imad.conf says. */
struct trust_options {
	const char *config, *dir, *ca, *deny;
};
#define TRUST_OPTIONS                              \
	{ "config", required_argument, NULL, 1001 }, \
	{ "dir", required_argument, NULL, 1002 },    \
	{ "ca", required_argument, NULL, 1003 },     \
	{ "deny", required_argument, NULL, 1004 }

bool trust_option(struct trust_options *o, int c, char *value); /* whether getopt_long()'s @c was one of them */

/*
 * What imad.conf, the kernel's command line and the options say, and what there is in those
 * places. @told: of each file that holds no key; NULL: nobody is told. IMACTL_OK and
 * *@ret; or an exit code, and why is told.
 */
int trust_read(const struct trust_options *o, void (*told)(void *arg, const char *path, const char *why), void *arg,
	       struct trust **ret);

/* --- cmd_policy_read.c: policies as they are named on the command line */

/* Where a rule stands: a file, or a built-in policy, and the line. @name is borrowed. */
struct policy_place {
	const char *name;
	unsigned int line;
};

struct named_policy {
	struct policy policy;
	struct policy_place places[IMAD_RULES_MAX]; /* of the rules */
	const char *last;			    /* the last file or built-in policy */
};

/*
 * @n names of built-in policies and of files, read as the daemon does: built-in ones
 * first, in their own order. Rules about labels are taken whatever this machine has.
 * IMACTL_OK and a policy for named_policy_freep(); or an exit code, and why is told.
 */
int named_policy_load(char **names, int n, struct named_policy **ret);
void named_policy_freep(struct named_policy **p);

/* The security module's label of a file, as text without NUL at its end; IMAD_LSM_NONE and "": it has none here. */
enum imad_lsm file_context(const char *path, char *ret, size_t size);

/* "tcb:16" */
void put_place(FILE *f, const struct policy_place *place);

/* A rule without the blank at its end; to be freed, NULL when there is no memory. */
char *rule_text(const struct policy *p, unsigned int i);

/* --- cmd_policy_use.c: a use as the options of policy test describe it */

struct policy_use {
	struct imad_facts facts;
	uint32_t known;			    /* of the conditions about the filesystem: those whose facts are given */
	const char *name;		    /* keyring or critical data, NULL: not given */
	const char *labels[POLICY_SUBJ_TYPE + 1]; /* by enum policy_label_kind, NULL: not given */
	char context[POLICY_LABEL_MAX]; /* of the file: obj_*, where nothing else was given */
	enum imad_lsm lsm;
	bool json, verbose;
};

/*
 * Reads the options; optind is then at the first name of a policy. IMACTL_OK, or an
 * exit code, and why is told. What depends on the policy is set by policy_use_bind().
 */
int policy_use_parse(int argc, char **argv, struct policy_use *ret);
/* Type and subtype of the filesystem that holds @path. 0 or negative errno. */
int policy_use_mount(const char *path, struct imad_facts *f);
void policy_use_bind(struct policy_use *u, const struct policy *p);

/* --- cmd_policy_why.c: values of a use as text */

/*
 * Of a rule that does not match: the first condition that does not hold, as the value
 * of the use: "fsmagic is 0xef53". Nothing is added for a rule that matches.
 */
void policy_use_failed(const struct policy_use *u, const struct policy *p, const struct imad_rule *r,
		       struct buf *out);

/* "MAY_READ|MAY_WRITE"; "none" for 0. */
void policy_add_mask(uint32_t mask, struct buf *out);

#endif
