/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process of its own that ends this one when it hangs. While the gate is open whoever uses a new file waits for this process;
 * process 1 may be among them, so that its watchdog is no help. The watcher opens nothing, holds nothing of the gate,
 * and stays in memory. When this process ends, for whatever reason, so does it. Not for more than one thread.
 */
#ifndef IMAD_WATCHER_H
#define IMAD_WATCHER_H

struct watcher;

/* A child from now on, which SIGKILLs this process when no beat comes for @limit_ms; nothing before the first. 0 or negative errno. */
int watcher_new(unsigned int limit_ms, struct watcher **ret);
void watcher_free(struct watcher *w); /* nobody watches any more */

/* This process is alive. */
void watcher_beat(struct watcher *w);

/* Whether the child is still there; if not, another one is made. 0: it was; 1: it was not, but is now; or negative errno. */
int watcher_renew(struct watcher *w);

#endif
