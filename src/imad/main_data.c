// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measurements of what is no file: func CRITICAL_DATA from sources of imad's own, and
 * the text of a policy that was loaded. Records as the kernel's process_buffer_measurement()
 * makes them: template ima-buf, the data itself beside its digest.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <imad/log.h>
#include <imad/match.h>
#include <imad/util.h>

#include "main.h"

/* What label= can name here. */
static const char *const sources[] = { DATA_KERNEL_INFO, DATA_IMA_POLICY, DATA_SELINUX, DATA_DEVICE_MAPPER,
				       DATA_BPF_PROGRAMS };

/* The bit of a name in the active policy; 0 if no rule names it. */
static uint64_t name_bit(const struct policy *p, const char *name)
{
	for (unsigned int i = 0; i < p->n_names; i++)
		if (!strcmp(p->names[i], name))
			return 1ull << i;
	return 0;
}

static bool measure(struct daemon *d, enum imad_func func, const char *label, const char *name, const void *data, size_t n)
{
	struct imad_facts f = { .names = name_bit(&d->rules->policy, label) };
	struct engine_use use = {
		.fd = -1, .kind = MEASURE_IMAD, .func = func, .pid = getpid(), .name = name, .data = malloc(n + 1), .data_len = n,
		.slots = daemon_match(d, &f, func, func == IMAD_POLICY_CHECK ? IMAD_MAY_READ : 0) & IMAD_SLOTS_MEASURE,
	};
	int r = use.data ? 0 : -ENOMEM;

	if (!use.slots || r < 0) {
		free(use.data);
	} else {
		memcpy(use.data, data, n);
		r = engine_use(d->engine, &use);
	}
	if (r < 0)
		log_errno(LOG_ERR, r, "cannot record '%s'", name);
	return use.slots != 0;
}

bool daemon_wants_data(const struct daemon *d, const char *label)
{
	struct imad_facts f = { .names = name_bit(&d->rules->policy, label) };

	return daemon_match(d, &f, IMAD_CRITICAL_DATA, 0) & IMAD_SLOTS_MEASURE;
}

void daemon_measure_critical(struct daemon *d, const char *label, const char *name, const void *data, size_t n)
{
	(void)measure(d, IMAD_CRITICAL_DATA, label, name, data, n);
}

void daemon_measure_data(struct daemon *d)
{
	struct utsname u;

	if (uname(&u) == 0)
		(void)measure(d, IMAD_CRITICAL_DATA, DATA_KERNEL_INFO, "kernel_version", u.release, strlen(u.release));
	daemon_watch_data(d);
}

void daemon_measure_loaded_policy(struct daemon *d)
{
	cleanup(buf_done) struct buf text = { 0 };
	const struct policy *p = &d->rules->policy;

	for (unsigned int i = 0; i < p->n_rules; i++)
		policy_print_rule(p, i, &text);
	if (buf_error(&text) < 0) {
		log_errno(LOG_ERR, -ENOMEM, "cannot record the policy");
		return;
	}
	if (!measure(d, IMAD_CRITICAL_DATA, DATA_IMA_POLICY, "ima_policy_loaded", text.data, text.len))
		(void)measure(d, IMAD_POLICY_CHECK, DATA_IMA_POLICY, "ima_policy_loaded", text.data, text.len);
}

static bool is_source(const char *label)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(label, sources[i]))
			return true;
	return false;
}

void daemon_warn_of_labels(const struct policy *p)
{
	uint64_t named = 0;

	for (unsigned int i = 0; i < p->n_rules; i++)
		if (p->rules[i].func == IMAD_CRITICAL_DATA)
			named |= p->rules[i].names;
	for (unsigned int i = 0; i < p->n_names; i++)
		if ((named & 1ull << i) && !is_source(p->names[i]))
			log_msg(LOG_WARNING,
				"label=%s: imad has no such critical data; it has " DATA_KERNEL_INFO ", " DATA_IMA_POLICY
				", " DATA_SELINUX ", " DATA_DEVICE_MAPPER ", " DATA_BPF_PROGRAMS, p->names[i]);
}
