/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: reads requests (ctl.h) of a bounded number of clients on the
 * caller's event loop and writes the answers. What a request means is told by the
 * caller's table. A packet that is not a good request gets one error answer and
 * its sender is dropped.
 */
#ifndef IMAD_SERVER_H
#define IMAD_SERVER_H

#include <sys/types.h>

#include <imad/ctl.h>

#define SERVER_CLIENTS_MAX 32
#define SERVER_CALLS_MAX   64 /* requests that wait for their answer, also those of clients that are gone */

struct sd_event;
struct server;
struct server_client;

/* One request on its way to its answer. */
struct server_call {
	struct ctl_message request; /* @payload: only until the handler returns */
	struct buf answer;	    /* JSON, or the one-line text of an error; may be left empty */
	int fd;			    /* that came with the request, closed with the call unless taken; -1: none */
	pid_t pid;		    /* of who connected, as it was then */
	/* the server's */
	int status;
	struct server *server;
	struct server_client *client; /* NULL: went away */
	struct server_call *next;
};

/* @fn runs in the loop's thread and hands @call to server_answer(), now or later. */
struct server_handler {
	enum ctl_type type;
	void (*fn)(void *arg, struct server_call *call);
};

struct server_config {
	const char *path;	 /* of the socket; a stale one is replaced */
	uid_t uid;		 /* the only user that is served */
	unsigned int timeout_ms; /* a client that sends nothing for so long is dropped; 0: 10 s */
	const struct server_handler *handlers; /* borrowed until server_free() */
	size_t n_handlers;
	void *arg;
};

/* Listen on @c->path (mode 0600). 0 or negative errno, logged here. */
int server_new(struct sd_event *event, const struct server_config *c, struct server **ret);

/*
 * Drops the clients and removes the socket. Every call must have been answered
 * before: stop those who answer (the sequencer) first.
 */
void server_free(struct server *s);
void server_freep(struct server **s);

/*
 * Answer @call with @status (0 or negative errno) and @call->answer; from any
 * thread, exactly once. It never fails and never waits for the client; @call is
 * gone afterwards.
 */
void server_answer(struct server_call *call, int status);

#endif
