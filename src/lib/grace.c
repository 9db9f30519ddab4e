// SPDX-License-Identifier: GPL-2.0-or-later
#include <imad/grace.h>
#include <imad/util.h>

void grace_start(struct grace *g, uint64_t period, uint64_t now, uint64_t failures)
{
	*g = (struct grace){ .waiting = true, .period = period, .since = now, .failures = failures };
}

void grace_restart(struct grace *g, uint64_t now)
{
	g->since = now;
}

bool grace_is_over(struct grace *g, uint64_t now, uint64_t failures)
{
	if (!g->waiting)
		return false;
	if (failures != g->failures)
		g->since = now;
	g->failures = failures;
	if (now - g->since < g->period)
		return false;
	g->waiting = false;
	return true;
}

uint64_t grace_left(const struct grace *g, uint64_t now)
{
	return g->waiting && now - g->since < g->period ? g->period - (now - g->since) : 0;
}
