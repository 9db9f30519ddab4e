/* SPDX-License-Identifier: GPL-2.0-or-later */
/* appraise.grace: how long nothing has failed, and when that is long enough. Times are any one clock's, ns. */
#ifndef IMAD_GRACE_H
#define IMAD_GRACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised waits for nothing. */
struct grace {
	bool waiting;
	uint64_t period, since; /* that nothing failed */
	uint64_t failures;	/* counted up to now */
};

void grace_start(struct grace *g, uint64_t period, uint64_t now, uint64_t failures);

/* The period begins anew: another policy, or a reason to wait on. Nothing if it is over. */
void grace_restart(struct grace *g, uint64_t now);

/* @failures: how many there were in all. True: it is over, once; grace_start() would wait again. */
bool grace_is_over(struct grace *g, uint64_t now, uint64_t failures);

/* What is left of it, 0 if it waits for nothing. */
uint64_t grace_left(const struct grace *g, uint64_t now);

#endif
