/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line a message on stderr, with the journal's <n> prefix when stderr is not
 * a terminal. Any thread may log; the line is put into a bounded ring that a
 * thread of its own writes out, so that nobody who answers the gate ever waits
 * for a reader of the log. A full ring drops and counts (deadlock rule: answer
 * first, log after, never synchronously). Before log_start() and after
 * log_stop() lines are written at once.
 *
 * Where stderr is the systemd journal, lines with fields go there as records of its own
 * (journal.h), sent by the same thread, which never waits for room in that socket.
 */
#ifndef IMAD_LOG_H
#define IMAD_LOG_H

#include <stdint.h>

#include <imad/buf.h>
#include <syslog.h> /* LOG_ERR ... */

#define LOG_LINE_MAX 1024

void log_set_level(int level);
int log_start(void); /* 0 or negative errno */
void log_stop(void); /* writes out what is left */
uint64_t log_dropped(void);

/* From now on log_record() sends to the journal at @path, which lives on. NULL: to stderr, as at first. */
void log_to_journal(const char *path);

void log_msg(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, with more fields where the journal takes them (journal_add()); @fields is not kept. */
void log_record(int level, const struct buf *fields, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Log the text, ": ", and the text of errno -@r; returns @r. */
int log_errno(int level, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
