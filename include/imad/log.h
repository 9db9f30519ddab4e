/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line a message on stderr, with the journal's <n> prefix when stderr is not
 * a terminal. Any thread may log; the line is put into a bounded ring that a
 * thread of its own writes out, so that nobody who answers the gate ever waits
 * for a reader of the log. A full ring drops and counts (deadlock rule: answer
 * first, log after, never synchronously). Before log_start() and after
 * log_stop() lines are written at once.
 */
#ifndef IMAD_LOG_H
#define IMAD_LOG_H

#include <stdint.h>
#include <syslog.h> /* LOG_ERR ... */

#define LOG_LINE_MAX 1024

void log_set_level(int level);
int log_start(void); /* 0 or negative errno */
void log_stop(void); /* writes out what is left */
uint64_t log_dropped(void);

void log_msg(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Log the text, ": ", and the text of errno -@r; returns @r. */
int log_errno(int level, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
