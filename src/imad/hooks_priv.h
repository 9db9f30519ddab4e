/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the hooks room: the skeleton, and which of its programs this kernel and this policy want. */
#ifndef IMAD_HOOKS_PRIV_H
#define IMAD_HOOKS_PRIV_H

#include <bpf/libbpf.h>

#include <imad/hooks.h>

#include "imad.skel.h"

#define OPTIONAL_MAX 32
#define PIN_PATH_MAX 128

struct hooks {
	struct imad_bpf *skel;
	struct ring_buffer *ring;
	uint64_t *read, read_before; /* the reader's position, and where the daemon before this one had got to */
	const uint64_t *written;     /* the kernel's */
	void (*on_event)(void *arg, const struct imad_event *e);
	void (*on_data)(void *arg, const struct imad_data_event *e);
	void *on_event_arg;
	struct bpf_link *links[OPTIONAL_MAX]; /* of the programs that only some policies need, as in hooks_programs.c */
	enum imad_lsm lsm; /* whose labels this kernel's structures give */
	uint32_t needs;	 /* of the active policy */
	uint64_t settings; /* hash of what the state of inodes depends on beside the policy */
	int lock;	 /* the folder of all pins; -1: there is none */
	unsigned int old, folder; /* numbers: what a dead daemon has left (0: nothing), and ours */
	bool adopted;	 /* the maps are those of a dead daemon */
	bool kept, left; /* all is pinned; and stays so when we go */
	struct imad_stamp stamp; /* adopted: as it was left */
};

#define NEED_EVM (1u << 27) /* of programs_needed(): a rule says appraise, and EVM is asked */

/* Before the load: leave out what this kernel has no place for, and what only those of @never need. 0 or negative errno, logged. */
int programs_choose(struct imad_bpf *skel, uint32_t never);
/* What a policy needs: POLICY_FUNC_BIT()s and others, as in the table of programs. */
uint32_t programs_needed(const struct hooks *h, const struct policy_summary *sum, const struct policy *p);
/* Attach what every policy needs. 0 or negative errno, logged. */
int programs_attach_always(struct hooks *h);
/* Attach what is needed. 0 or negative errno, logged. */
int programs_attach(struct hooks *h, uint32_t needs);
/*
 * hooks_labels.c: find where the security module keeps its labels, once, after the load. Without
 * it h->lsm is none: a warning says why.
 */
void labels_find(struct hooks *h);
/* What the policy asks of labels, for that half of the table of rules. 0 or negative errno. */
int labels_fill(struct hooks *h, const struct policy *p, uint32_t half);

/* Detach what is not. */
void programs_detach_except(struct hooks *h, uint32_t needs);

/* Whether each program has a link, NULL: none. Ends with the first negative value of @fn, and returns that. */
int programs_each_link(struct hooks *h, int (*fn)(void *arg, const char *name, const struct bpf_link *link), void *arg);

/* hooks_ring.c. 0 or negative errno, logged; what was opened by then is to be closed. */
int ring_open(struct hooks *h);
void ring_close(struct hooks *h);

/* Whoever executes the program @path when we are dead is our heir. 0 or negative errno. */
int programs_own(struct hooks *h, const char *path);

/* hooks_pins.c: be the only daemon (-EBUSY, logged), and see what a dead one has left. */
int pins_open(struct hooks *h);
/* Before the load: go on with its maps if they fit this build and settings and @p. 0, or negative errno. */
int pins_adopt(struct hooks *h, const struct policy *p);
/* Note in the maps whose they are. */
int pins_stamp(struct hooks *h, const struct policy *p);
/* All is attached: pin it, and then drop what a dead daemon has left. 0 or negative errno, logged. */
int pins_keep(struct hooks *h);
/* Pin what has been attached since, unpin what is no more. 0 or negative errno. */
int pins_follow(struct hooks *h);
void pins_close(struct hooks *h);

#endif
