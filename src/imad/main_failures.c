// SPDX-License-Identifier: GPL-2.0-or-later
/* A use whose appraisal failed: numbered, kept, audited, logged; and what that needs to be explained later. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <imad/appraise.h>
#include <imad/journal.h>
#include <imad/label.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

/* Of every failure in the journal (README): journalctl MESSAGE_ID=... */
#define FAILURE_MESSAGE_ID "1d5e2b6c0f7a4e0c9f0c3d7e6b8a4f21"

#define CAUSE_TEXT(name, text) [IMAD_CAUSE_##name] = text,
static const char *const causes[] = { IMAD_CAUSES(CAUSE_TEXT) };

const char *daemon_cause_text(unsigned int cause)
{
	return cause < ARRAY_SIZE(causes) ? causes[cause] : "unknown";
}

/* What was held back, here or by BPF, is said with the next one told, and has its numbers. */
static bool may_tell(struct daemon *d)
{
	uint64_t untold = hooks_untold(d->hooks);
	struct timespec now;

	for (; d->untold != untold; d->untold++) {
		failures_skip(d->failures);
		d->held_back++;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != d->told_second) {
		d->told_second = now.tv_sec;
		d->told = 0;
		if (d->held_back)
			log_msg(LOG_WARNING, "%u failed appraisals more were not told", d->held_back);
		d->held_back = 0;
	}
	if (d->told++ < IMAD_TOLD_A_SECOND)
		return true;
	d->held_back++;
	d->all_held_back++;
	return false;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

struct imad_change daemon_change_time(const struct imad_change *c)
{
	struct imad_change real = *c;

	if (c->how)
		real.ns = clock_ns(CLOCK_REALTIME) - (clock_ns(CLOCK_BOOTTIME) - c->ns);
	real.comm[sizeof(real.comm) - 1] = '\0';
	return real;
}

/* A change of what EVM vouches for. */
static bool is_metadata(const struct failure *f)
{
	return f->func == IMAD_SETXATTR_CHECK && (f->cause == IMAD_CAUSE_IMMUTABLE || f->cause == IMAD_CAUSE_NOT_APPRAISED);
}

/* As the kernel's IMA and EVM name what they were doing. */
static const char *op_of(const struct failure *f)
{
	if (is_metadata(f))
		return "appraise_metadata";
	if (f->func == IMAD_SETXATTR_CHECK)
		return "set_data";
	switch (f->cause) {
	case IMAD_CAUSE_MPROTECT:
	case IMAD_CAUSE_NO_VERITY:
	case IMAD_CAUSE_DENIED_ALGORITHM:
	case IMAD_CAUSE_FAILED:
		return "collect_data";
	default:
		return "appraise_data";
	}
}

static void add_fields(struct daemon *d, const struct failure *f, struct buf *out)
{
	char place[CONF_VALUE_MAX + 16], text[4096];

	journal_addf(out, "MESSAGE_ID", FAILURE_MESSAGE_ID);
	journal_addf(out, "IMAD_EVENT", "%llu", (unsigned long long)f->number);
	journal_addf(out, "IMAD_RESULT", "%s", f->denied ? "denied" : "logged");
	journal_addf(out, "IMAD_OP", "%s", f->op);
	journal_addf(out, "IMAD_CAUSE", "%s", daemon_cause_text(f->cause));
	journal_addf(out, "IMAD_FUNC", "%s", policy_func_name(f->func));
	journal_addf(out, "IMAD_NAME", "%s", f->name);
	if (f->ino) {
		journal_addf(out, "IMAD_DEV", "%s", f->fs_id);
		journal_addf(out, "IMAD_INO", "%llu", (unsigned long long)f->ino);
	}
	journal_addf(out, "IMAD_PID", "%u", f->pid);
	journal_addf(out, "IMAD_UID", "%u", f->uid);
	journal_addf(out, "IMAD_AUID", "%u", f->auid);
	journal_addf(out, "IMAD_SES", "%u", f->ses);
	journal_addf(out, "IMAD_COMM", "%s", f->comm);
	if (f->exe[0])
		journal_addf(out, "IMAD_EXE", "%s", f->exe);
	if (failures_rule(d->failures, f->rule, place, sizeof(place), text, sizeof(text)))
		journal_addf(out, "IMAD_RULE", "%s: %s", place, text);
}

void daemon_tell_failure(struct daemon *d, struct failure *f)
{
	cleanup(buf_done) struct buf body = { 0 }, fields = { 0 };
	struct audit_failure told = { .cause = daemon_cause_text(f->cause), .name = f->name, .pid = f->pid, .uid = f->uid };
	struct audit_subject who;
	const char *type;

	if (!may_tell(d)) {
		failures_skip(d->failures);
		return;
	}
	audit_subject(f->pid, f->uid, &who);
	if (!f->comm[0])
		memcpy(f->comm, who.comm, sizeof(f->comm));
	f->op = op_of(f);
	f->exe = who.exe;
	f->auid = who.auid;
	f->ses = who.ses;
	f->time_ns = clock_ns(CLOCK_REALTIME);
	f->changed = daemon_change_time(&f->changed);
	f->number = told.event = failures_add(d->failures, f);
	told.op = f->op;
	told.comm = f->comm;
	told.dev = f->fs_id;
	told.ino = f->ino;
	audit_failure_body(&who, &told, &body);
	add_fields(d, f, &fields);
	if (is_metadata(f))
		type = f->denied ? "integrity_metadata" : "integrity_metadata_logged";
	else
		type = f->denied ? "integrity_data" : "integrity_data_logged";
	audit_send(f->denied ? LOG_WARNING : LOG_NOTICE, type, &body, &fields);
}

/* The digest that the label is to be compared with, else the first. */
static void choose_digest(const struct finder *label, const struct digest *digests, unsigned int n, struct digest *ret)
{
	const struct algo *algo = finder_needs_digest(label);

	if (n)
		*ret = digests[0];
	for (unsigned int i = 0; i < n && algo; i++)
		if (digests[i].algo == algo->id)
			*ret = digests[i];
}

void daemon_describe(const struct trust *trust, int fd, const char *name, const struct finder *label, uint32_t found,
		     const struct digest *digests, unsigned int n, struct finding *ret)
{
	const char *slash = strrchr(name, '/');
	cleanup(buf_done) struct buf text = { 0 };
	const struct key *key;
	struct stat st;

	*ret = (struct finding){ .found = found };
	if (fstat(fd, &st) == 0) {
		ret->ino = st.st_ino;
		ret->dev = major(st.st_dev) << 20 | minor(st.st_dev);
	}
	snprintf(ret->name, sizeof(ret->name), "%s", slash ? slash + 1 : name);
	choose_digest(label, digests, n, &ret->content);
	if (label->n && label->damaged)
		snprintf(ret->label, sizeof(ret->label), "malformed, %zu bytes", label->n);
	if (!label->n || label->damaged)
		return;
	if (label_print(&label->label, &text) == 0)
		snprintf(ret->label, sizeof(ret->label), "%.*s", (int)text.len, (char *)text.data);
	key = label_is_signature(&label->label) ? keyring_find(trust_keys(trust), label->label.key_id, NULL) : NULL;
	if (key)
		snprintf(ret->subject, sizeof(ret->subject), "%s", key->subject);
	if (label_is_signature(&label->label) || !label->label.algo || label->label.len < label->label.algo->size)
		return;
	ret->wanted.algo = label->label.algo->id;
	ret->wanted.size = label->label.algo->size;
	memcpy(ret->wanted.bytes, label->label.bytes, ret->wanted.size);
}

int ruleset_note_source(struct ruleset *set, const char *name, unsigned int first)
{
	if (set->n_sources == POLICY_SOURCES_MAX)
		return -E2BIG;
	set->sources[set->n_sources] = strdup(name);
	if (!set->sources[set->n_sources])
		return -ENOMEM;
	for (unsigned int i = first; i < set->policy.n_rules; i++)
		set->source_of[i] = (uint8_t)set->n_sources;
	set->n_sources++;
	return 0;
}

/* Without the blank and the newline at its end. */
static char *rule_text(const struct policy *p, unsigned int i)
{
	cleanup(buf_done) struct buf text = { 0 };
	size_t n;

	policy_print_rule(p, i, &text);
	for (n = text.len; n > 0 && (text.data[n - 1] == ' ' || text.data[n - 1] == '\n'); n--)
		;
	return buf_error(&text) < 0 ? NULL : strndup((char *)text.data, n);
}

void daemon_name_rules(struct daemon *d, const struct ruleset *set)
{
	struct rule_names names = { 0 };
	unsigned int n = set->policy.n_rules;

	names.places = calloc(n + 1, sizeof(*names.places));
	names.texts = calloc(n + 1, sizeof(*names.texts));
	for (; names.places && names.texts && names.n < n; names.n++) {
		unsigned int i = names.n;

		names.texts[i] = rule_text(&set->policy, i);
		if (!names.texts[i] || asprintf(&names.places[i], "%s:%u", set->sources[set->source_of[i]], set->policy.lines[i]) < 0) {
			free(names.texts[i]); /* those that are known will do */
			break;
		}
	}
	failures_set_rules(d->failures, hooks_idle_half(d->hooks), &names);
}
