// SPDX-License-Identifier: GPL-2.0-or-later
/* The answer to imactl status, as JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include <imad/log.h>

#include "main.h"

static void add_str(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void add_int(json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

static void add_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static json_object *add_object(json_object *o, const char *key)
{
	json_object *child = json_object_new_object();

	json_object_object_add(o, key, child);
	return child;
}

static json_object *add_array(json_object *o, const char *key)
{
	json_object *child = json_object_new_array();

	json_object_object_add(o, key, child);
	return child;
}

static void add_policy(struct daemon *d, json_object *root)
{
	static const char *const labels_from[] = {
		[IMAD_LSM_NONE] = "none", [IMAD_LSM_SELINUX] = "selinux", [IMAD_LSM_SMACK] = "smack",
	};
	char names[CONF_VALUE_MAX + 1], *save = NULL;
	json_object *o = add_object(root, "policy"), *list = add_array(o, "names");

	memcpy(names, d->rules->source, sizeof(names));
	for (char *n = strtok_r(names, " |", &save); n; n = strtok_r(NULL, " |", &save))
		json_object_array_add(list, json_object_new_string(n));
	add_int(o, "rules", d->rules->policy.n_rules);
	add_int(o, "inactive", d->rules->policy.n_inactive);
	add_str(o, "labels_from", labels_from[hooks_labels(d->hooks)]);
	add_int(o, "epoch", hooks_epoch(d->hooks));
	add_bool(o, "locked", d->policy_locked);
	add_bool(o, "unconfirmed", d->previous != NULL);
}

static void add_list_and_tpm(struct daemon *d, json_object *root)
{
	struct sequencer_status s;
	json_object *o, *own, *banks;

	sequencer_status(d->sequencer, &s);
	o = add_object(root, "list");
	add_int(o, "records", s.records);
	add_int(o, "first", s.first);
	add_int(o, "violations", s.violations);
	own = add_object(o, "own_violations");
	for (int i = 0; i < VIOLATION_KINDS; i++)
		add_int(own, violation_word(i), s.own[i]);
	add_int(o, "duplicates", s.duplicates);
	add_int(o, "unextended", s.unextended);
	add_str(o, "directory", d->conf.rundir);

	o = add_object(root, "tpm");
	add_bool(o, "present", s.tpm);
	add_str(o, "tcti", d->conf.tpm_tcti);
	add_int(o, "pcr", s.pcr);
	banks = add_array(o, "banks");
	for (unsigned int i = 0; i < s.n_banks; i++)
		json_object_array_add(banks, json_object_new_string(s.banks[i]->name));
	add_int(o, "extends", s.extends);
	add_int(o, "extend_errors", s.extend_errors);
	add_bool(o, "in_step", s.in_step);
	add_int(o, "extend_commands", s.commands);
	add_int(o, "mean_extend_us", s.commands ? s.extend_ns / s.commands / 1000 : 0);
	add_str(o, "mode", s.pipelined ? "pipelined" : "strict");
	add_int(o, "outstanding", s.outstanding);
	add_int(o, "batch", s.batch);
	add_str(o, "batch_why", s.batch_why);
	add_str(o, "error", s.tpm_error);
}

/* In milliseconds, to the microsecond. */
static void add_ms(json_object *o, const char *key, uint64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)(ns / 1000000), (unsigned long long)(ns / 1000 % 1000));
	json_object_object_add(o, key, json_object_new_double_s((double)ns / 1e6, text));
}

static void add_waits(json_object *root, const char *key, const struct waits *w)
{
	json_object *o = add_object(root, key);

	add_int(o, "uses", w->n);
	add_ms(o, "median", waits_within(w, 500));
	add_ms(o, "p99", waits_within(w, 990));
	add_ms(o, "longest", w->longest_ns);
}

static void add_gate(struct daemon *d, json_object *root)
{
	struct engine_counters e;
	struct gate_counters g;
	struct engine_waits w;
	json_object *o = add_object(root, "gate");

	gate_counters(d->gate, &g);
	engine_counters(d->engine, &e);
	engine_waits(d->engine, &w);
	add_str(o, "hold", d->hold == IMAD_HOLD_ACCESS ? "access" : "open");
	add_int(o, "events", g.events);
	add_int(o, "answered", g.answered);
	add_int(o, "pending", g.pending);
	add_int(o, "timeouts", g.timeouts);
	add_int(o, "read_errors", g.read_errors);
	add_int(o, "held", e.held);
	add_int(o, "passed", e.passed);
	add_int(o, "measured", e.measured);
	add_int(o, "late", e.late);
	add_int(o, "at_start", e.started);
	add_int(o, "unreachable", e.unreachable);
	add_int(o, "restarts", e.restarts);
	add_int(o, "errors", e.errors);
	add_int(o, "log_lines_dropped", log_dropped());
	add_waits(o, "held_ms", &w.held);
	add_waits(o, "judged_ms", &w.judged);
}

static void add_filesystem(void *arg, const struct mounts_entry *e)
{
	json_object *o = json_object_new_object();
	char dev[32];

	snprintf(dev, sizeof(dev), "%u:%u", e->s_dev >> 20, e->s_dev & 0xfffff);
	add_str(o, "dev", dev);
	add_str(o, "type", e->type);
	add_str(o, "mount", e->path);
	add_bool(o, "gated", !e->reason);
	add_str(o, "reason", e->reason ? e->reason : "");
	json_object_array_add(arg, o);
}

static void add_hook(void *arg, const char *hook, bool attached)
{
	json_object *o = json_object_new_object();

	add_str(o, "name", hook);
	add_bool(o, "attached", attached);
	json_object_array_add(arg, o);
}

static void add_gap(json_object *gaps, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_gap(json_object *gaps, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_array_add(gaps, json_object_new_string(text));
}

static void add_line(void *gaps, const char *line)
{
	add_gap(gaps, "%s", line);
}

static void add_own(const struct sequencer_status *s, json_object *gaps)
{
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (s->own[i])
			add_gap(gaps, VIOLATION_PREFIX "%s is in the list %llu times: imactl explain " VIOLATION_PREFIX "%s",
				violation_word(i), (unsigned long long)s->own[i], violation_word(i));
}

static void add_ungated(void *gaps, const struct mounts_entry *e)
{
	if (e->reason && e->matters)
		add_gap(gaps, "%s (%s) is not gated: its files are measured when they are used, not before (%s)", e->path,
			e->type, e->reason);
}

static void add_appraise(struct daemon *d, json_object *root, const struct imad_counters *c)
{
	static const char *const modes[] = {
		[CONF_APPRAISE_OFF] = "off", [CONF_APPRAISE_LOG] = "log", [CONF_APPRAISE_ENFORCE] = "enforce",
		[CONF_APPRAISE_FIX] = "fix",
	};
	json_object *o = add_object(root, "appraisal");
	uint64_t newest, oldest;

	failures_range(d->failures, &newest, &oldest);
	add_str(o, "mode", d->grace.waiting ? "log" : modes[d->conf.appraise]);
	if (d->grace.waiting)
		add_int(o, "grace_left_s", (grace_left(&d->grace, now_ns()) + 999999999) / 1000000000);
	add_int(o, "keys", keyring_count(trust_keys(d->trust)));
	add_int(o, "failures", c->failures);
	add_int(o, "denials", c->denials);
	add_int(o, "last_event", newest);
	add_int(o, "first_event_kept", oldest);
	add_int(o, "fixed", d->labels_fixed);
	add_int(o, "denied_lines", trust_denied_count(d->trust));
	add_int(o, "labels_set", d->labels_set);
	add_bool(o, "protect_labels", d->conf.protect_labels);
	add_str(o, "evm", modes[d->conf.evm]);
	add_bool(o, "evm_key", d->evm.n > 0);
	add_bool(o, "evm_refused", d->evm.refused);
	add_int(o, "macs_fixed", d->macs_fixed);
	json_object_object_add(o, "enforce_refused", json_object_new_boolean(d->enforce_refused));
	add_int(o, "audit_dropped", audit_dropped());
	add_int(o, "audit_held_back", d->all_held_back + hooks_untold(d->hooks));
}

/* What the list cannot show, in words. */
static void add_gaps(struct daemon *d, json_object *root, const struct imad_counters *c)
{
	json_object *gaps = add_array(root, "gaps");
	struct engine_counters e;
	struct gate_counters g;
	struct sequencer_status s;

	sequencer_status(d->sequencer, &s);
	engine_counters(d->engine, &e);
	gate_counters(d->gate, &g);
	add_gap(gaps, "imad came up %.1f s after the kernel: what ended before is not in the list, what still ran then "
		"(%u processes) is, as kind \"start\"", d->started_after_boot, d->processes_before);
	if (d->away > 0)
		add_gap(gaps, "there was no imad for %.1f s before this one: what was opened, executed or mapped then is recorded late, not held", d->away);
	if (d->hold == IMAD_HOLD_ACCESS)
		add_gap(gaps, "a file that is mapped before it is ever read is hashed by the kernel before the mapping "
			"and recorded after (kind \"late\"); gate.hold = open holds it instead");
	if (e.late)
		add_gap(gaps, "%llu uses so far were recorded late, not held", (unsigned long long)e.late);
	if (e.unreachable)
		add_gap(gaps, "%llu files were gone before they could be looked at: violations stand for them",
			(unsigned long long)e.unreachable);
	if (g.timeouts)
		add_gap(gaps, "%llu held uses were answered by the deadline", (unsigned long long)g.timeouts);
	if (c->unlabelled)
		add_gap(gaps, "%llu times there was no room to look at a label: no rule with obj_* or subj_* matched then",
			(unsigned long long)c->unlabelled);
	if (c->lost)
		add_gap(gaps, "%llu events found no room in the ring buffer", (unsigned long long)c->lost);
	if (!d->watcher)
		add_gap(gaps, "gate.watchdog = off: if imad hangs, whoever uses a new file waits until somebody ends it");
	daemon_guard_gaps(d, add_line, gaps);
	if (!s.tpm)
		add_gap(gaps, "no TPM: nothing anchors the list");
	if (s.pipelined)
		add_gap(gaps, "tpm.mode = pipelined: what plain users use goes on before its record is extended; what they run "
			"could keep the last of them (32 records, 100 ms) out of the TPM if it took over the machine in that time");
	if (!s.in_step)
		add_gap(gaps, "list and PCR do not agree: somebody else extended the PCR, or records were lost");
	add_own(&s, gaps);
	mounts_each(d->mounts, add_ungated, gaps);
}

int daemon_status(struct daemon *d, struct buf *json)
{
	json_object *root = json_object_new_object(), *o;
	struct imad_counters c;

	hooks_counters(d->hooks, &c);
	add_str(root, "version", IMAD_VERSION);
	add_int(root, "pid", getpid());
	add_str(root, "boot_id", d->boot_id);
	add_int(root, "started", d->started.tv_sec);
	add_policy(d, root);
	add_str(root, "hash", d->hash->name);
	add_str(root, "template", d->template->name);
	add_appraise(d, root, &c);
	json_object_object_add(root, "protection", daemon_guard_status(d));
	add_list_and_tpm(d, root);
	add_gate(d, root);
	mounts_each(d->mounts, add_filesystem, add_array(root, "filesystems"));
	hooks_each(d->hooks, add_hook, add_array(root, "hooks"));
	o = add_object(root, "kernel_counters");
#define ADD(name, text) add_int(o, #name, c.name);
	IMAD_COUNTERS(ADD)
#undef ADD
	add_gaps(d, root, &c);
	buf_add_str(json, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return buf_error(json);
}
