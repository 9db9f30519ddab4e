// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measurements of what is no file: func CRITICAL_DATA from sources of imad's own, and
 * the text of a policy that was loaded. Records as the kernel's process_buffer_measurement()
 * makes them: template ima-buf, the data itself beside its digest.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <imad/digest.h>
#include <imad/log.h>
#include <imad/match.h>
#include <imad/template.h>
#include <imad/util.h>

#include "main.h"

#define TEMPLATE_BUF "ima-buf"

/* What label= can name here. */
static const char *const sources[] = { DATA_KERNEL_INFO, DATA_IMA_POLICY, DATA_SELINUX, DATA_DEVICE_MAPPER,
				       DATA_BPF_PROGRAMS };

/* A record on its way, with what it is made of behind it. */
struct data_record {
	struct measurement m;
	char bytes[]; /* the name with its NUL, then the data */
};

static void on_recorded(struct measurement *m, int r)
{
	if (r < 0)
		log_errno(LOG_ERR, r, "cannot record '%s'", m->name);
	free(m->owner);
}

static const struct template *template_of(const struct policy_slot *slot)
{
	const char *name = slot->template ? slot->template : TEMPLATE_BUF;

	return template_find(name, strlen(name));
}

static int submit(struct daemon *d, const struct policy_slot *slot, enum imad_func func, const char *name,
		  const void *data, size_t n)
{
	size_t name_size = strlen(name) + 1;
	struct data_record *r = calloc(1, sizeof(*r) + name_size + n);
	int e;

	if (!r)
		return -ENOMEM;
	memcpy(r->bytes, name, name_size);
	memcpy(r->bytes + name_size, data, n);
	r->m = (struct measurement){
		.pcr = slot->pcr, .template = template_of(slot), .name = r->bytes, .buf = r->bytes + name_size, .buf_len = n,
		.kind = MEASURE_IMAD, .func = func, .pid = getpid(), .done = on_recorded, .owner = r,
	};
	e = digest_buf(d->hash, data, n, &r->m.digest);
	if (e == 0)
		e = digest_buf(algo_by_id(ALGO_SHA1), data, n, &r->m.digest_sha1); /* template=ima stores that */
	if (e < 0) {
		free(r);
		return e;
	}
	sequencer_submit(d->sequencer, &r->m);
	return 0;
}

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
	const struct policy *p = &d->rules->policy;
	struct imad_facts f = { .names = name_bit(p, label) };
	uint32_t slots = daemon_match(d, &f, func, func == IMAD_POLICY_CHECK ? IMAD_MAY_READ : 0);
	int r;

	slots &= (1u << IMAD_SLOTS_MAX) - 1;
	if (!slots)
		return false;
	r = submit(d, &p->slots[__builtin_ctz(slots)], func, name, data, n);
	if (r < 0)
		log_errno(LOG_ERR, r, "cannot record '%s'", name);
	return true;
}

bool daemon_wants_data(const struct daemon *d, const char *label)
{
	struct imad_facts f = { .names = name_bit(&d->rules->policy, label) };

	return daemon_match(d, &f, IMAD_CRITICAL_DATA, 0) & ((1u << IMAD_SLOTS_MAX) - 1);
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
