/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records with fields for the systemd journal, in its native protocol: sd_journal_sendv()
 * may wait for journald, which may wait for us. What finds no room in the socket is the
 * caller's to drop. For the thread that writes the log alone.
 */
#ifndef IMAD_JOURNAL_H
#define IMAD_JOURNAL_H

#include <stdbool.h>

#include <imad/buf.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Append one field: any bytes may be in the value. @name is upper case, as the journal asks. Errors stay in @record. */
void journal_add(struct buf *record, const char *name, const char *value, size_t n);
void journal_addf(struct buf *record, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Whether descriptor @fd is the stream that @stream (the value of JOURNAL_STREAM; NULL: none) names. */
bool journal_is(const char *stream, int fd);

/*
 * Send @record to the socket at @path without waiting. 0; -EAGAIN: there is no room now;
 * another negative errno: nobody is there, or it is too long.
 */
int journal_send(const char *path, const struct buf *record);

#endif
