/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Setting security.ima, whoever may: with appraise.protect_labels an enforcing daemon
 * lets nobody do it but itself, and does it for us. Any number of threads may call.
 */
#ifndef IMACTL_SETLABEL_H
#define IMACTL_SETLABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "imactl.h"

/* Set the label of the open file @fd to the @n bytes at @label. 0 or negative errno. */
int set_label(const struct imactl *ctl, int fd, const void *label, size_t n);

/* Have an enforcing daemon make the HMAC of @fd that of what is there. 0; -EPERM: there is no such daemon; or another negative errno. */
int set_mac(const struct imactl *ctl, int fd);

/*
 * Of a file that an enforcing daemon lets nobody read, because it fails: have the daemon
 * make the label that of the content. @fd may be an O_PATH one. 1: labelled, 0: it was right,
 * -EKEYREJECTED: it is signed, and not @force; or another negative errno: -EACCES without a daemon.
 */
int set_label_unread(const struct imactl *ctl, int fd, const char *algo, bool force);

#endif
