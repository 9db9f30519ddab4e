/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the main room, the only one that knows all others: the daemon's parts
 * and the adapters between them.
 */
#ifndef IMAD_MAIN_H
#define IMAD_MAIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <imad/conf.h>
#include <imad/engine.h>
#include <imad/gate.h>
#include <imad/hooks.h>
#include <imad/mounts.h>
#include <imad/policy.h>
#include <imad/sequencer.h>
#include <imad/server.h>

#define BOOT_ID_MAX 64
#define POLICY_FILES_MAX 16

struct sd_event;

struct daemon {
	struct conf conf;
	const struct algo *hash;
	const struct template *template;
	enum imad_hold hold;
	struct policy policy;
	char *policy_files[POLICY_FILES_MAX]; /* read for this policy, to be measured themselves */
	unsigned int n_policy_files;
	char boot_id[BOOT_ID_MAX];
	struct timespec started;
	double started_after_boot; /* seconds */
	unsigned int processes_before; /* that ran when the hooks came up */

	struct hooks *hooks;
	struct gate *gate;
	struct sequencer *sequencer;
	struct engine *engine;
	struct mounts *mounts;
	struct server *server;
	struct sd_event *event;

	pthread_t late_thread;
	int late_wake; /* eventfd */
	atomic_bool late_stop;
	pthread_mutex_t sync_lock;
	struct sync_request *syncs;
};

/* main_policy.c: read and compile conf.policy. 0 or negative errno, logged. */
int daemon_load_policy(struct daemon *d);
/* A template that imad can fill in for a file, by name or format; NULL if there is none. */
const struct template *daemon_find_template(const char *name, size_t len);
/* The measure slots that the rules give for these facts. */
uint32_t daemon_match(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask);

/* main_ops.c: adapters from the engine, the gate and the mounts to the kernel rooms. */
extern const struct engine_ops daemon_engine_ops;
extern const struct gate_ops daemon_gate_ops;
extern const struct mounts_ops daemon_mounts_ops;

/* main_late.c: the thread that hears of uses that were not held. */
int daemon_start_late(struct daemon *d);
void daemon_stop_late(struct daemon *d);
/* Call @fn when all that was used before is in the list. 0 or -ENOMEM. */
int daemon_sync(struct daemon *d, void (*fn)(void *arg), void *arg);

/* main_start.c: measure what runs, is mapped or open already. */
void daemon_measure_running(struct daemon *d);
void daemon_measure_policy(struct daemon *d);

/* main_status.c: the JSON of imactl status. 0 or -ENOMEM. */
int daemon_status(struct daemon *d, struct buf *json);

#endif
