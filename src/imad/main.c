// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Start and stop. Everything is made before anything is
 * switched on, so that a refusal leaves nothing half started.
 * Exit codes: 0 stopped, 1 failed, 2 usage or configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <imad/audit.h>
#include <imad/file.h>
#include <imad/journal.h>
#include <imad/known.h>
#include <imad/log.h>
#include <imad/util.h>
#include <imad/watcher.h>

#include "main.h"

#define DESCRIPTORS_WANTED (1u << 19) /* one a held use; an open that finds none left is denied by the kernel */
#define TICK_US 100000ull
#define FAR_DEADLINE_MS 30000 /* a file of a filesystem that does not answer is waited for this long */

/* Whether the running kernel hashes files for BPF in the list's algorithm (kernel/bpf, CONFIG_IMA). */
static bool kernel_can_hash(const struct daemon *d)
{
	char text[256] = "", *algo;

	/* The first record of the kernel's own list is hashed with its default algorithm. */
	if (file_read_small("/sys/kernel/security/ima/ascii_runtime_measurements", text, sizeof(text)) == -ENOENT)
		return false;
	algo = strchr(text, ':');
	while (algo && algo > text && algo[-1] != ' ')
		algo--;
	return algo && !strncmp(algo, d->hash->name, strlen(d->hash->name)) && algo[strlen(d->hash->name)] == ':';
}

/* Never short of memory or descriptors: both would make the kernel deny somebody's open. */
static void secure_resources(void)
{
	struct rlimit lock = { RLIM_INFINITY, RLIM_INFINITY }, files = { DESCRIPTORS_WANTED, DESCRIPTORS_WANTED };
	cleanup_close int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)setrlimit(RLIMIT_MEMLOCK, &lock);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_errno(LOG_WARNING, -errno, "cannot raise the limit of open files to %u", DESCRIPTORS_WANTED);
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_errno(LOG_WARNING, -errno, "cannot lock memory");
	if (oom < 0 || write(oom, "-1000", 5) < 0)
		log_errno(LOG_WARNING, -errno, "cannot be exempted from the OOM killer");
	/* No core dump: its collector's first open would be held by a gate whose readers have just died. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		log_errno(LOG_WARNING, -errno, "cannot switch off core dumps");
	signal(SIGPIPE, SIG_IGN);
	umask(027);
}

static void note_start(struct daemon *d)
{
	char text[128];
	ssize_t n = file_read_small("/proc/sys/kernel/random/boot_id", d->boot_id, sizeof(d->boot_id));

	d->boot_id[n > 0 ? strcspn(d->boot_id, "\n") : 0] = '\0';
	clock_gettime(CLOCK_REALTIME, &d->started);
	if (file_read_small("/proc/uptime", text, sizeof(text)) > 0)
		(void)sscanf(text, "%lf", &d->started_after_boot);
}

static int make_engine(struct daemon *d)
{
	struct engine_ops ops = daemon_engine_ops;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct engine_config c = {
		.workers = d->conf.gate_workers ? d->conf.gate_workers : cpus > 2 ? cpus : 2,
		.deadline_ms = d->conf.gate_deadline_ms,
		.far_deadline_ms = FAR_DEADLINE_MS,
		.allow_on_timeout = d->conf.gate_on_timeout == CONF_TIMEOUT_ALLOW,
		.hold_access = d->hold == IMAD_HOLD_ACCESS,
		.template = d->template,
		.hash = d->hash,
	};

	ops.arg = d;
	return engine_new(&c, &ops, &d->engine);
}

/* Make every part, none of them active yet. */
static int make_parts(struct daemon *d)
{
	struct gate_ops gate_ops = daemon_gate_ops;
	struct mounts_ops mounts_ops = daemon_mounts_ops;
	struct sequencer_config seq = {
		.rundir = d->conf.rundir, .tcti = d->conf.tpm_tcti, .pcr = d->conf.pcr,
		.template = d->template, .hash = d->hash, .bank_lists = d->conf.bank_lists, .batch = d->conf.tpm_batch,
		.check_ms = 1000ull * d->conf.tpm_check_s, .pipelined = d->conf.tpm_mode == CONF_TPM_PIPELINED,
	};
	int r;

	gate_ops.arg = mounts_ops.arg = d;
	d->hold = d->conf.gate_hold == CONF_HOLD_OPEN || daemon_must_hold_opens(d, &d->rules->policy) ||
				  (d->conf.gate_hold == CONF_HOLD_AUTO && !kernel_can_hash(d)) ?
			  IMAD_HOLD_OPEN : IMAD_HOLD_ACCESS;
	daemon_load_evm(d);
	r = failures_new(&d->failures);
	if (r == 0)
		r = daemon_make_hooks(d);
	malloc_trim(0); /* reading the kernel's BTF took megabytes that are never needed again */
	if (r == 0)
		daemon_begin_mode(d);
	if (r == 0)
		r = gate_new(d->hold, &gate_ops, &d->gate);
	if (r == 0)
		r = mounts_new(&mounts_ops, &d->mounts);
	if (r == 0)
		r = sequencer_new(&seq, &d->sequencer);
	if (r == 0)
		r = make_engine(d);
	if (r == 0)
		r = daemon_hold_for(d, &d->rules->policy);
	if (r == 0) {
		daemon_name_rules(d, d->rules);
		r = engine_set_policy(d->engine, &d->rules->policy);
	}
	return r;
}

/* Hooks first, then the marks: what is opened between them is reported late, never missed. */
static int switch_on(struct daemon *d)
{
	int r;

	daemon_tell_gap(d);
	r = daemon_start_late(d);
	if (r < 0)
		return r;
	if (daemon_appraise_mode(d) == IMAD_APPRAISE_ENFORCE && !hooks_are_adopted(d->hooks))
		hooks_set_appraise(d->hooks, IMAD_APPRAISE_LOG); /* until what is not known yet is held */
	hooks_activate(d->hooks, d->hold, d->hash->id);
	hooks_attend(d->hooks);
	r = gate_start(d->gate);
	if (r == 0)
		r = mounts_scan(d->mounts, &d->rules->policy);
	if (r < 0)
		return r;
	hooks_set_appraise(d->hooks, daemon_appraise_mode(d));
	r = hooks_keep(d->hooks);
	if (r < 0)
		return r;
	(void)daemon_keep_version(d);
	daemon_measure_policy(d, d->rules);
	daemon_measure_data(d);
	daemon_measure_running(d);
	daemon_know_itself(d);
	return 0;
}

/*
 * Nobody is kept waiting: the gate goes first, then what is under way is finished, then the list closes. False: some
 * thread is still inside a file whose filesystem does not answer, and must not come back into what is left of us.
 */
static bool stop(struct daemon *d)
{
	bool all_back;

	daemon_stop_beat(d);
	if (d->gate)
		gate_stop(d->gate);
	watcher_free(d->watcher);
	daemon_stop_late(d);
	daemon_stop_watching_data(d);
	daemon_stop_asks(d);
	all_back = engine_free(d->engine);
	sequencer_free(d->sequencer);
	server_free(d->server);
	gate_free(d->gate);
	mounts_free(d->mounts);
	hooks_free(d->hooks);
	daemon_unload_evm(d);
	trust_unref(d->trust);
	failures_free(d->failures);
	known_free(d->known);
	daemon_free_guard(d);
	sd_event_source_unref(d->confirm_timer);
	sd_event_unref(d->event);
	ruleset_freep(&d->rules);
	ruleset_freep(&d->previous);
	return all_back;
}

static void on_status(void *arg, struct server_call *call)
{
	server_answer(call, daemon_status(arg, &call->answer));
}

static void answer_sync(void *call)
{
	server_answer(call, 0);
}

static void on_sync(void *arg, struct server_call *call)
{
	if (daemon_sync(arg, answer_sync, call) < 0)
		server_answer(call, -ENOMEM);
}

static const struct server_handler handlers[] = {
	{ CTL_STATUS, on_status },
	{ CTL_SYNC, on_sync },
	{ CTL_POLICY_SHOW, daemon_policy_show },
	{ CTL_POLICY_LOAD, daemon_policy_load },
	{ CTL_POLICY_CONFIRM, daemon_policy_confirm },
	{ CTL_POLICY_LOCK, daemon_policy_lock },
	{ CTL_EXPLAIN, daemon_explain },
	{ CTL_LABEL, daemon_label },
	{ CTL_KEYS_RELOAD, daemon_keys_reload },
	{ CTL_TRIM, daemon_trim },
	{ CTL_UNLOCK_ASK, daemon_unlock_ask },
	{ CTL_UNLOCK, daemon_unlock },
	{ CTL_LOCK, daemon_lock },
};

static int on_mounts(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	int r;

	(void)source, (void)fd, (void)events;
	r = mounts_scan(d->mounts, &d->rules->policy);
	if (r < 0)
		log_errno(LOG_ERR, r, "cannot read the mount table");
	return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	uint64_t now = now_ns();

	gate_tick(d->gate);
	if (d->watcher)
		watcher_beat(d->watcher);
	engine_tick(d->engine, now);
	daemon_grace_tick(d, now);
	daemon_watch_labels(d);
	return sd_event_source_set_time(source, usec + TICK_US);
}

static int make_loop(struct daemon *d)
{
	char path[CONF_VALUE_MAX + 16];
	struct server_config c = {
		.path = path, .handlers = handlers, .n_handlers = ARRAY_SIZE(handlers), .arg = d,
	};
	sd_event_source *tick;
	int r = sd_event_default(&d->event);

	snprintf(path, sizeof(path), "%s/control", d->conf.rundir);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, daemon_on_hup, d);
	if (r >= 0)
		r = sd_event_add_io(d->event, NULL, mounts_fd(d->mounts), EPOLLPRI, on_mounts, d);
	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &tick, CLOCK_MONOTONIC, TICK_US, 0, on_tick, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(tick, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_set_watchdog(d->event, true);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot make the event loop");
	return server_new(d->event, &c, &d->server);
}

static int start_watcher(struct daemon *d)
{
	unsigned int limit = MAX(d->conf.gate_watchdog_ms, 2 * d->conf.gate_deadline_ms);
	int r = d->conf.gate_watchdog_ms ? watcher_new(limit, &d->watcher) : 0;

	return r < 0 ? log_errno(LOG_ERR, r, "cannot make a process that watches this one (gate.watchdog)") : 0;
}

static int run(struct daemon *d)
{
	int r = start_watcher(d); /* before there is anything that it must not have */
	bool all_back;

	if (r == 0)
		r = make_parts(d);
	if (r == 0)
		r = make_loop(d);
	if (r == 0)
		r = log_start();
	if (r == 0)
		r = audit_start();
	if (r == 0)
		r = daemon_start_asks(d);
	if (r == 0)
		r = daemon_start_guard(d);
	if (r == 0)
		r = switch_on(d);
	if (r == 0)
		r = daemon_start_beat(d);
	if (r == 0) {
		log_msg(LOG_NOTICE, "measuring into PCR %u: policy \"%s\", %u rules, template %s, hash %s, holding at %s",
			d->conf.pcr, d->rules->source, d->rules->policy.n_rules, d->template->name, d->hash->name,
			d->hold == IMAD_HOLD_ACCESS ? "the first access" : "open");
		(void)sd_notify(0, "READY=1");
		r = sd_event_loop(d->event);
		(void)sd_notify(0, "STOPPING=1");
		daemon_part(d, r);
		log_msg(LOG_NOTICE, "stopping");
	}
	all_back = stop(d);
	audit_stop();
	log_stop();
	if (!all_back)
		_exit(r < 0 ? EXIT_FAILED : EXIT_STOPPED);
	return r;
}

int main(int argc, char **argv)
{
	static struct daemon d = { .late_wake = -1 }; /* the rule tables are too large for a stack */
	struct options o = { 0 };
	sigset_t signals;
	int r = daemon_parse_options(argc, argv, &o);

	if (r >= 0)
		return r;
	if (o.detach)
		return hooks_detach_dead() < 0 ? EXIT_FAILED : EXIT_STOPPED;
	note_start(&d);
	if (daemon_configure(&d, &o) < 0)
		return EXIT_USAGE;
	if (d.conf.off) {
		log_msg(LOG_NOTICE, "imad=off on the kernel command line: not starting");
		return EXIT_STOPPED;
	}
	if (o.check)
		return EXIT_STOPPED;
	if (daemon_check_tracer(&d) < 0)
		return EXIT_FAILED;
	/* Blocked before the first thread is made, so that only the loop takes them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	secure_resources();
	if (journal_is(getenv("JOURNAL_STREAM"), STDERR_FILENO))
		log_to_journal(JOURNAL_SOCKET);
	return run(&d) < 0 ? EXIT_FAILED : EXIT_STOPPED;
}
