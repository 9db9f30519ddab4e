/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the words of a failed appraisal mean for whoever has to do something about it. */
#ifndef IMACTL_EXPLAIN_H
#define IMACTL_EXPLAIN_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include <imad/buf.h>

/* One sentence; for a cause that is not known one that says so. */
const char *explain_meaning(const char *cause);

/* What is to be done about it, to be run as it stands. */
struct explain_case {
	const char *cause, *op;
	const char *name; /* of the file; absolute, or advice says FILE */
	const char *algos; /* an algorithm that the rule takes, for imactl label --algo; NULL: any */
	bool modules;	  /* the use was the kernel's: a module, firmware, a kernel */
};
void explain_advice(const struct explain_case *c, struct json_object *list);

/* @name so that a shell takes it for one word. */
void explain_quote(const char *name, struct buf *out);

#endif
