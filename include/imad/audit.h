/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records for the audit system (libaudit). User space cannot send the kernel's own
 * record types 18xx, so records go as AUDIT_TRUSTED_APP, with the kernel's body behind
 * a word that names the type. Where nothing collects audit records they are dropped
 * by the kernel without a word; the same text therefore goes to the log as well.
 *
 * Body: integrity_audit_msg() and ima_audit_measurement(), security/integrity/.
 */
#ifndef IMAD_AUDIT_H
#define IMAD_AUDIT_H

#include <stdint.h>

#include <imad/algo.h>
#include <imad/buf.h>

#define AUDIT_UNSET UINT32_MAX /* an id that is not known or not set, as in the kernel */

/* Who did it. Strings are empty where the kernel would have printed "?" or nothing. */
struct audit_subject {
	uint32_t pid, ppid, auid, ses;
	uint32_t uid, gid, euid, suid, fsuid, egid, sgid, fsgid;
	char tty[32];	/* "pts0", "(none)" */
	char comm[16];	/* with NUL */
	char exe[4096]; /* with NUL */
};

/*
 * What /proc says of process @pid, whose real user id is @uid as far as is known: of
 * one that has gone only these two are. To be called while the process is held, if it is.
 */
void audit_subject(uint32_t pid, uint32_t uid, struct audit_subject *ret);

/* Append the body of an INTEGRITY_RULE record: the audit action of a rule. Errors stay in @out. */
void audit_rule_body(const struct audit_subject *s, const char *file, const struct digest *digest, struct buf *out);

/* A use whose appraisal failed. */
struct audit_failure {
	const char *op, *cause; /* static words of the kernel's: "appraise_data", "invalid-hash" */
	const char *name;	/* path */
	const char *comm;	/* NULL: as /proc says */
	const char *dev;	/* the kernel's name of the filesystem: "vda1" */
	uint64_t ino;
	uint32_t pid, uid;
	uint64_t event; /* its number, for imactl explain; 0: it has none */
};

/* Append the body of an INTEGRITY_DATA record. Errors stay in @out. */
void audit_failure_body(const struct audit_subject *s, const struct audit_failure *f, struct buf *out);

/* Start and stop the thread that sends. Stopping sends what waits. 0 or negative errno. */
int audit_start(void);
void audit_stop(void);

/*
 * Send @op ("integrity_rule") and @body and log them at @level, with @fields for the journal (log_record();
 * NULL: none). Never waits: what finds no room is dropped and counted.
 */
void audit_send(int level, const char *op, const struct buf *body, const struct buf *fields);
uint64_t audit_dropped(void);

#endif
