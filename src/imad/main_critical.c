// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Critical data that can change while the daemon runs: looked at when a policy is loaded, then again
 * every few seconds, as long as a rule wants it, and recorded when it is not what it was.
 */
#include <errno.h>
#include <string.h>

#include <systemd/sd-event.h>

#include <imad/critical.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define LOOK_US 10000000ull

static int read_selinux(struct daemon *d, critical_fn fn, void *arg)
{
	return critical_selinux(d->critical, fn, arg);
}

static int read_device_mapper(struct daemon *d, critical_fn fn, void *arg)
{
	(void)d;
	return critical_device_mapper(fn, arg);
}

static int read_bpf_programs(struct daemon *d, critical_fn fn, void *arg)
{
	cleanup(buf_done) struct buf text = { 0 };
	int r = hooks_loaded_programs(&text);

	(void)d;
	if (r == 0)
		fn(arg, "bpf_programs", text.data, text.len);
	return r;
}

static const struct {
	const char *label;
	int (*read)(struct daemon *d, critical_fn fn, void *arg);
} sources[DATA_WATCHED] = {
	{ DATA_SELINUX, read_selinux },
	{ DATA_DEVICE_MAPPER, read_device_mapper },
	{ DATA_BPF_PROGRAMS, read_bpf_programs },
};

/* Event name with its NUL, size, bytes: one behind the other. */
static void collect(void *arg, const char *event, const void *data, size_t n)
{
	struct buf *all = arg;

	buf_add(all, event, strlen(event) + 1);
	buf_add_le32(all, (uint32_t)n);
	buf_add(all, data, n);
}

/* All of a source; what is in the list already the sequencer drops. */
static void record(struct daemon *d, const char *label, const struct buf *all)
{
	struct reader left = { all->data, all->len };
	const uint8_t *name, *data;
	uint32_t n;

	while (left.left) {
		if (reader_bytes(&left, strlen((const char *)left.p) + 1, &name) < 0 || reader_le32(&left, &n) < 0 ||
		    reader_bytes(&left, n, &data) < 0)
			return;
		daemon_measure_critical(d, label, (const char *)name, data, n);
	}
}

static void look_at(struct daemon *d, unsigned int i)
{
	struct data_watched *w = &d->watched[i];
	cleanup(buf_done) struct buf now = { 0 };
	int r = sources[i].read(d, collect, &now);

	if (r == 0)
		r = buf_error(&now);
	if (r < 0 && r != w->error) /* once, not every few seconds */
		log_errno(LOG_WARNING, r, "cannot read critical data '%s'", sources[i].label);
	w->error = r;
	if (r < 0 || (now.len == w->last.len && (!now.len || !memcmp(now.data, w->last.data, now.len))))
		return;
	record(d, sources[i].label, &now);
	buf_done(&w->last);
	w->last = now;
	now = (struct buf){ 0 };
}

/* Whether there was anything that the policy wants. */
static bool look(struct daemon *d)
{
	bool any = false;

	for (unsigned int i = 0; i < DATA_WATCHED; i++) {
		if (!daemon_wants_data(d, sources[i].label))
			continue;
		any = true;
		look_at(d, i);
	}
	return any;
}

static int on_time(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)usec;
	if (!look(arg))
		return 0;
	(void)sd_event_source_set_time_relative(source, LOOK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void forget(struct daemon *d)
{
	for (unsigned int i = 0; i < DATA_WATCHED; i++) {
		buf_done(&d->watched[i].last);
		d->watched[i].error = 0;
	}
}

void daemon_watch_data(struct daemon *d)
{
	int r = d->critical ? 0 : critical_new(CRITICAL_SELINUXFS, d->hash, &d->critical);

	d->data_timer = sd_event_source_unref(d->data_timer);
	forget(d); /* this policy may want it elsewhere */
	if (r == 0 && look(d))
		r = sd_event_add_time_relative(d->event, &d->data_timer, CLOCK_MONOTONIC, LOOK_US, 0, on_time, d);
	if (r < 0)
		log_errno(LOG_ERR, r, "critical data is not looked at");
}

void daemon_stop_watching_data(struct daemon *d)
{
	d->data_timer = sd_event_source_unref(d->data_timer);
	forget(d);
	critical_free(d->critical);
	d->critical = NULL;
}
