/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the hooks room: the skeleton, and which of its programs this kernel and this policy want. */
#ifndef IMAD_HOOKS_PRIV_H
#define IMAD_HOOKS_PRIV_H

#include <pthread.h>

#include <bpf/libbpf.h>

#include <imad/hooks.h>

#include "imad.skel.h"

#define OPTIONAL_MAX 24

struct hooks {
	struct imad_bpf *skel;
	struct ring_buffer *ring;
	void (*on_event)(void *arg, const struct imad_event *e);
	void (*on_data)(void *arg, const struct imad_data_event *e);
	void *on_event_arg;
	struct bpf_link *links[OPTIONAL_MAX]; /* of the programs that only some policies need, as in hooks_programs.c */
	enum imad_lsm lsm; /* whose labels this kernel's structures give */
	pthread_mutex_t probe_lock; /* one probing thread at a time: control.probe_tid and map "probe" */
};

/* Before the load: leave out what this kernel has no place for. 0 or negative errno, logged. */
int programs_choose(struct imad_bpf *skel);
/* What a policy needs: POLICY_FUNC_BIT()s and others, as in the table of programs. */
uint32_t programs_needed(const struct hooks *h, const struct policy_summary *sum, const struct policy *p);
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

#endif
