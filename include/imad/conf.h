/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings of the daemon: imad.conf (INI, libinih), the kernel command line
 * (imad.*=) and the defaults, one table for all. Text in, struct out; no file is
 * opened here.
 */
#ifndef IMAD_CONF_H
#define IMAD_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include <imad/util.h>

#define CONF_TEXT_MAX (64u << 10) /* bytes of one configuration file */
#define CONF_VALUE_MAX 255	  /* bytes of one value */

enum conf_hold {
	CONF_HOLD_AUTO,	  /* access where the kernel can hash a mapped file itself, else open */
	CONF_HOLD_ACCESS, /* hold the first read of content (FAN_ACCESS_PERM) */
	CONF_HOLD_OPEN,	  /* hold every first open (FAN_OPEN_PERM) */
};

enum conf_on_timeout { CONF_TIMEOUT_ALLOW, CONF_TIMEOUT_DENY };
enum conf_tpm_mode { CONF_TPM_STRICT, CONF_TPM_PIPELINED };
enum conf_protect { CONF_PROTECT_AUTO, CONF_PROTECT_NO, CONF_PROTECT_YES };
enum conf_appraise { CONF_APPRAISE_OFF, CONF_APPRAISE_LOG, CONF_APPRAISE_FIX, CONF_APPRAISE_ENFORCE };

/* All strings are in place, NUL-terminated; nothing to free. */
struct conf {
	bool off;			 /* imad=off on the kernel command line */
	char policy[CONF_VALUE_MAX + 1]; /* built-in names and absolute file names, blank or '|' between; "" none */
	bool policy_signed;		 /* policy.signed; default no */
	char hash[CONF_VALUE_MAX + 1];	 /* algorithm name; default sha256 */
	char template[CONF_VALUE_MAX + 1]; /* default ima-ng */
	bool bank_lists;		   /* a list for each bank, default no */
	bool template_is_format;	   /* it was set by template_fmt */
	char rundir[CONF_VALUE_MAX + 1];   /* default /run/imad */
	char tpm_tcti[CONF_VALUE_MAX + 1]; /* tpm.tcti; default device:/dev/tpmrm0; "none": no TPM */
	enum conf_tpm_mode tpm_mode;	   /* tpm.mode; default strict */
	unsigned int tpm_batch;		   /* tpm.batch; records a command: 0 (auto) all that are proved, 1 (off) .. 16 */
	unsigned int tpm_check_s;	   /* tpm.check; default 60; 1 s to 30 days, 0: off */
	char keys_dir[CONF_VALUE_MAX + 1]; /* keys.dir; default /etc/keys/ima */
	char keys_ca[CONF_VALUE_MAX + 1];  /* keys.ca; "": certificates need no CA */
	char keys_deny[CONF_VALUE_MAX + 1]; /* keys.deny; default /etc/imad/deny; "": no deny list */
	unsigned int pcr;		   /* default 10; 0..23 */
	enum conf_appraise appraise;	   /* default off */
	bool appraise_force;		   /* appraise.force; enforce even what locks the host out; default no */
	char appraise_critical[CONF_VALUE_MAX + 1]; /* appraise.critical: files, blank between */
	unsigned int appraise_grace_s;	   /* appraise.grace: enforce once nothing failed for so long; 0: at once */
	bool protect_labels;		   /* appraise.protect_labels; default no */
	enum conf_protect protect;	   /* default auto: with appraise = enforce */
	char protect_keys[CONF_VALUE_MAX + 1]; /* protect.keys; default /etc/keys/ima-unlock */
	enum conf_appraise evm;		   /* default off; whether something must vouch for the label, too */
	char evm_dir[CONF_VALUE_MAX + 1];  /* evm.dir: where the EVM key is; default /var/lib/imad */
	enum conf_hold gate_hold;	   /* gate.hold */
	unsigned int gate_watchdog_ms;	   /* gate.watchdog; default 20000; 10000..60000, 0: off */
	unsigned int gate_deadline_ms;	   /* gate.deadline; "5s", "500ms"; default 5000; 100..60000 */
	enum conf_on_timeout gate_on_timeout; /* gate.on_timeout */
	unsigned int gate_workers;	   /* gate.workers; 0: one a CPU; at most 64 */
	int log_level;			   /* syslog level 0..7, "err" "warning" "notice" "info" "debug"; default info */
};

void conf_defaults(struct conf *c);

/* Name of key @i ("gate.hold") with its one-line help; NULL after the last. */
const char *conf_key(unsigned int i, const char **ret_help);

/*
 * Apply @n bytes of imad.conf. All or nothing. Returns 0, -ENOMEM, or -EBADMSG
 * with line, reason and key in *@reterr: unknown key, value out of range, twice.
 */
int conf_parse(struct conf *c, const char *text, size_t n, struct parse_error *reterr);

/* Set one key ("gate.hold") as a line of imad.conf would. 0 or -EBADMSG. */
int conf_set(struct conf *c, const char *key, const char *value, struct parse_error *reterr);

/*
 * Apply imad.KEY=VALUE and imad=off of a kernel command line (/proc/cmdline);
 * everything else is passed over. Returns 0 or -EBADMSG with the parameter in
 * @reterr->token.
 */
int conf_parse_cmdline(struct conf *c, const char *cmdline, struct parse_error *reterr);

#endif
