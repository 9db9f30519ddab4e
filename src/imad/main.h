/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the main room, the only one that knows all others: the daemon's parts
 * and the adapters between them.
 */
#ifndef IMAD_MAIN_H
#define IMAD_MAIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <imad/audit.h>
#include <imad/buf.h>
#include <imad/conf.h>
#include <imad/engine.h>
#include <imad/evm.h>
#include <imad/failures.h>
#include <imad/finder.h>
#include <imad/gate.h>
#include <imad/grace.h>
#include <imad/guard.h>
#include <imad/hooks.h>
#include <imad/machinekey.h>
#include <imad/match.h>
#include <imad/mounts.h>
#include <imad/policy.h>
#include <imad/sequencer.h>
#include <imad/server.h>
#include <imad/trust.h>
#include <imad/violation.h>

#define POLICY_VERSION_PATH IMAD_STATEDIR "/policy-version"
#define BOOT_ID_MAX 64
#define POLICY_FILES_MAX 16
#define POLICY_SOURCES_MAX 128

#define DATA_WATCHED 3 /* sources of critical data that can change */

struct critical;
struct signalfd_siginfo;
struct sd_event;
struct sd_event_source;

#define NONCE_BYTES 16

/* What keeps imad from being switched off; main thread only. */
struct protection {
	struct guard *guard;   /* NULL: nothing does */
	struct keyring *keys;  /* that may unlock */
	char challenge[160];   /* to be signed; empty: nobody asked */
	unsigned int seconds;  /* ... and would be unlocked for so long */
	bool unlocked;	       /* as it was said last */
	bool booted;	       /* all that an early boot mounts is there */
	unsigned int bare;     /* paths that could not be guarded, at the last look */
	bool silent, blind;    /* the hooks do not fire; nobody can tell */
	uint64_t beats, silences;
	struct sd_event_source *timer;
	time_t told_second;
	unsigned int told;
};

/* A compiled policy and where it came from. */
struct ruleset {
	struct policy policy;
	char source[CONF_VALUE_MAX + 1]; /* names and files as in imad.conf */
	uint64_t version;	 /* least of its files'; 0: it has none, or nobody asked */
	int files[POLICY_FILES_MAX];	 /* read for it, open until they have been measured */
	unsigned int n_files;
	char *sources[POLICY_SOURCES_MAX]; /* built-in names and paths that the rules came from */
	unsigned int n_sources;
	uint8_t source_of[IMAD_RULES_MAX];
};

/* Why something is refused, in one line. */
struct refusal {
	char text[512];
};

/* What was recorded last of a source of critical data, and why it could not be read the last time. */
struct data_watched {
	struct buf last;
	int error;
};

struct daemon {
	struct conf conf;
	const struct algo *hash;
	const struct template *template;
	struct template format; /* template_fmt: what @template points to */
	enum imad_hold hold;
	struct ruleset *rules;	  /* active; main thread only */
	struct ruleset *previous; /* to be restored unless the active one is confirmed; NULL: it is */
	struct sd_event_source *confirm_timer;
	bool opens_held;    /* the gate holds opens and hears of every writer that closes */
	atomic_uint_fast64_t labels_fixed, labels_set; /* in fix mode; for imactl */
	atomic_uint_fast64_t macs_fixed;
	struct {
		struct machinekeys keys;
		struct evm_key key[2]; /* the same, for evm.h; the first makes new HMACs */
		unsigned int n;
		bool of_kernel; /* the kernel's EVM has a key of its own */
		bool refused;	/* by daemon_begin_mode(): evm is log instead */
	} evm;
	bool enforce_refused; /* by daemon_preflight(): appraise is log instead */
	struct grace grace;   /* until it is over failures are only told of */
	struct failures *failures;
	struct asks *asks;
	bool policy_locked; /* rules can only be added, until the next boot */
	char boot_id[BOOT_ID_MAX];
	struct timespec started;
	double started_after_boot; /* seconds */
	uint32_t read_in_vain; /* events that it had read and not recorded; the event thread's */
	uint64_t lost_told; /* when a violation was last recorded for lost events, ns; 0: never; the event thread's */
	bool unread_lost; /* the same of events that an imad before this one has left unread */
	double away; /* seconds without a daemon, if this one goes on with the state of another */
	unsigned int processes_before; /* that ran when the hooks came up */

	struct trust *trust; /* keys and deny list; daemon_trust() for all threads but the event loop's */
	struct known *known; /* what passed as a file */
	struct hooks *hooks;
	struct gate *gate;
	struct watcher *watcher; /* NULL: gate.watchdog = off */
	struct sequencer *sequencer;
	struct engine *engine;
	struct mounts *mounts;
	struct server *server;
	struct sd_event *event;

	struct critical *critical;
	unsigned int selinux_policies; /* loads of SELinux's policy, at the last look at its status */
	struct data_watched watched[DATA_WATCHED];
	struct sd_event_source *data_timer; /* only while a rule wants such data */

	struct protection protection;

	pthread_t late_thread;
	int late_wake; /* eventfd */
	bool labels_changed; /* the event thread's, with the next three: failures told in this second, and not told */
	time_t told_second;
	unsigned int told, held_back;
	uint64_t untold; /* by BPF, of which the log has heard */
	atomic_uint_fast64_t all_held_back;
	atomic_bool late_stop;
	pthread_mutex_t sync_lock;
	struct sync_request *syncs;
};

/*
 * main_policy.c: compile built-in policies and policy files, named as in imad.conf;
 * with @append behind the active rules. 0, or negative errno with *@why filled in.
 */
int daemon_compile_policy(struct daemon *d, const char *names, bool append, struct ruleset **ret, struct refusal *why);
void ruleset_freep(struct ruleset **r);
/* daemon.template, as the configuration says. 0 or -EINVAL, logged. */
int daemon_set_template(struct daemon *d);
/* What the active rules say of these facts, and the slots that they ask for. */
struct imad_decision daemon_decide(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask);
uint32_t daemon_match(const struct daemon *d, struct imad_facts *f, enum imad_func func, uint32_t mask);

/* main_keys.c: read the trusted keys and the deny list. 0 or negative errno, logged; a certificate that is none is only logged. */
int daemon_load_keys(struct daemon *d);
/* Those of now, with a reference for trust_unref(). */
struct trust *daemon_trust(const struct daemon *d);
/* Read them again, as imactl and SIGHUP ask. */
void daemon_keys_reload(void *arg, struct server_call *call);
int daemon_on_hup(struct sd_event_source *source, const struct signalfd_siginfo *si, void *arg);

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
/* What our command line says. */
#define OPTION_SETTINGS 7
struct options {
	const char *config;
	const char *values[OPTION_SETTINGS]; /* of those settings that have an option */
	bool check, force, detach;
};
/* main_options.c. Returns -1 to go on, else an exit code. */
int daemon_parse_options(int argc, char **argv, struct options *o);
/* All settings, keys and the first policy. 0 or negative errno, logged. */
int daemon_configure(struct daemon *d, const struct options *o);

/*
 * main_guard.c: imad is kept from being switched off, as the settings say. Before anything is switched on: 0 or
 * negative errno, logged; freed as the last of all.
 */
int daemon_start_guard(struct daemon *d);
/* Somebody traces a process that is to be guarded: what would be refused is done already. 0, or -EBUSY, logged. */
int daemon_check_tracer(const struct daemon *d);
void daemon_free_guard(struct daemon *d);
/* What is guarded may have changed. @anew: by whoever had unlocked, so that what was guarded before may be forgotten. */
void daemon_guard_again(struct daemon *d, bool anew);
struct json_object *daemon_guard_status(const struct daemon *d); /* to be freed */
/* Why uses go unseen or imad can be switched off, a line each. */
void daemon_guard_gaps(const struct daemon *d, void (*fn)(void *arg, const char *line), void *arg);
/* An audit record of the guard's. */
void daemon_guard_tell(const char *cause, const char *name, const char *comm, uint32_t pid, uint32_t uid);

/* main_beat.c: from time to time it is looked at whether the hooks fire, and what has changed for the guard. */
int daemon_start_beat(struct daemon *d);
void daemon_stop_beat(struct daemon *d);

/* main_unlock.c: requests of imactl unlock and lock. */
void daemon_unlock_ask(void *arg, struct server_call *call);
void daemon_unlock(void *arg, struct server_call *call);
void daemon_lock(void *arg, struct server_call *call);

/*
 * main_failures.c: a failed use, of which BPF has told: number it, keep it, audit and log it. What
 * /proc says of the process and what was found of the file is added here.
 */
const char *daemon_cause_text(unsigned int cause);
void daemon_tell_failure(struct daemon *d, struct failure *f);

/* main_limit.c: false: @most lines of that kind are told in this second. How many more @what there were is said with the next. */
struct limit {
	pthread_mutex_t lock;
	unsigned int most, told;
	time_t second;
};
#define LIMIT(most_a_second) { .lock = PTHREAD_MUTEX_INITIALIZER, .most = (most_a_second) }
bool daemon_may_tell(struct limit *l, const char *what);
/* For whoever asks why: what was @found of the file behind @fd, whose content has these digests. */
void daemon_describe(const struct trust *trust, int fd, const char *name, const struct finder *label, uint32_t found,
		     const struct digest *digests, unsigned int n, struct finding *ret);
/* The times of BPF's clock as the host's. */
struct imad_change daemon_change_time(const struct imad_change *c);
/* Before @set's rules are put to work: their places and texts. */
void daemon_name_rules(struct daemon *d, const struct ruleset *set);
/* The rules of @set from @first on are those of the built-in policy or file @name. 0, -ENOMEM or -E2BIG. */
int ruleset_note_source(struct ruleset *set, const char *name, unsigned int first);

/*
 * main_grace.c: whether appraise = enforce holds from the start, later, or not at all. @enforce_said: some
 * source of settings said enforce. 0, or -EINVAL, logged: appraise.grace has no meaning.
 */
int daemon_check_grace(const struct daemon *d, bool enforce_said);
void daemon_begin_mode(struct daemon *d);
void daemon_grace_tick(struct daemon *d, uint64_t now_ns);
void daemon_grace_restart(struct daemon *d); /* another policy */

/* main_ask.c: requests that take time, answered by a thread of their own. */
int daemon_start_asks(struct daemon *d);
void daemon_stop_asks(struct daemon *d);
void daemon_explain(void *arg, struct server_call *call);
void daemon_label(void *arg, struct server_call *call);
void daemon_trim(void *arg, struct server_call *call);
/* A request of imactl's, taken off the loop. */
struct ask {
	struct ask *next;
	struct server_call *call;
	struct json_object *request; /* may be NULL */
	struct policy *policy; /* a copy of the active one */
	unsigned int half;     /* where its rules are in the map */
	void (*run)(struct daemon *d, struct ask *a); /* answers */
};
/* main_explain.c, main_label.c, main_trim.c */
void daemon_run_explain(struct daemon *d, struct ask *a);
void daemon_run_label(struct daemon *d, struct ask *a);
void daemon_run_trim(struct daemon *d, struct ask *a);
/* The payload as an object, NULL when it is none. */
struct json_object *daemon_parse_request(const struct server_call *call);
int64_t daemon_request_int(struct json_object *o, const char *key);
/* What becomes of a use that fails. While the marks are being set, nothing is denied yet. */
enum imad_appraise daemon_appraise_mode(const struct daemon *d);
/* Appraised opens are held as such: whatever gate.hold says, from the first policy on that has them. */
bool daemon_appraises_opens(const struct daemon *d, const struct policy *p);
bool daemon_must_hold_opens(const struct daemon *d, const struct policy *p);
void daemon_know_content(struct daemon *d, void *scratch, int fd, uint32_t epoch, struct engine_content *content);
int daemon_hold_for(struct daemon *d, const struct policy *p);
/*
 * main_preflight.c: whether @policy could be enforced without denying what the host needs to be
 * repaired. 0 (also if it is not to be enforced), or negative errno with *@why, and all is logged.
 */
int daemon_preflight(const struct daemon *d, const struct policy *policy, struct refusal *why);
/* ... or the active one with other keys and another deny list. */
int daemon_preflight_trust(const struct daemon *d, const struct trust *trust, struct refusal *why);
/* As file_set_hash_label() or file_force_hash_label(), whoever's mount @fd came through. */
int daemon_set_label(int fd, const struct digest *digest, bool force);
/*
 * main_evm.c: the key of the HMACs, as the settings say; without one, which is logged, nothing can be verified or made.
 * What becomes of a use that fails by EVM, and the same for imad_judge().
 */
void daemon_load_evm(struct daemon *d);
void daemon_unload_evm(struct daemon *d);
enum imad_appraise daemon_evm_mode(const struct daemon *d);
uint32_t daemon_evm_opts(const struct daemon *d);
/* IMAD_FOUND_EVM() of the file behind @fd. */
uint32_t daemon_evm_look(const struct daemon *d, const struct trust *trust, int fd);
/* @found of its label, with that; evm = fix makes an HMAC that is missing. */
uint32_t daemon_evm_find(struct daemon *d, const struct trust *trust, int fd, uint32_t found);
/*
 * Before the label is changed to @label: from now on that is right, too, if the present one is; @vouched: BPF says that it
 * was, and the content has changed. 1: daemon_evm_renew() is to follow; 0: there is no HMAC to be kept; negative errno.
 */
int daemon_evm_before(const struct daemon *d, int fd, const uint8_t *label, size_t n, bool vouched);
/* Make the HMAC that of what is there now, whatever it was. 1; 0: it needs none, or there is no key; negative errno. */
int daemon_evm_renew(const struct daemon *d, int fd);
/* main_relabel.c: engine_ops.relabel, and the HMAC with it. */
int daemon_relabel(void *arg, void *scratch, int fd, bool closed, struct digest *ret);
/* appraise = fix: make the label of @fd that of its content, unless it is signed; @content tells it then. */
void daemon_fix_label(struct daemon *d, void *scratch, int fd, struct engine_content *content);
/*
 * main_beside.c: what a file has beside its content: an fs-verity digest, an appended
 * signature. 0 or negative errno.
 */
int daemon_collect_beside(struct daemon *d, void *scratch, int fd, unsigned int needs, struct engine_content *content);
void daemon_tell_no_verity(void *arg, const char *name, uint64_t dev, uint64_t ino, uint32_t pid, uint32_t uid);
/* Warnings of the kernel's about @p whose records would not tell what they are of. */
void daemon_warn_of_templates(const struct daemon *d, const struct policy *p);
/*
 * A policy file whose text was read: what the active rules for POLICY_CHECK say, and
 * what policy.signed asks; notes its version in @set. 0, or negative errno with *@why.
 */
struct policy_file {
	int fd;
	const char *path, *text;
	size_t n;
};
bool daemon_wants_signed_policies(const struct daemon *d); /* so that a name alone does not do */
int daemon_check_policy_file(struct daemon *d, struct ruleset *set, const struct policy_file *f, struct refusal *why);
/* The active policy is there to stay: no lower version from now on. 0 or negative errno, logged. */
int daemon_keep_version(struct daemon *d);

/*
 * main_labels.c: which obj_* conditions of @p hold for the file behind @fd, which subj_* for a process: as
 * the security module tells everybody. For what BPF does not see: other rules than the active ones, other processes.
 */
uint32_t daemon_file_labels(const struct daemon *d, const struct policy *p, int fd);
uint32_t daemon_task_labels(const struct daemon *d, const struct policy *p, pid_t pid);
/* Ask SELinux about the labels that @p names: of which type one is an alias, which are none (a warning). */
void daemon_resolve_labels(struct daemon *d, struct policy *p);
/* Call a few times a second: SELinux may have got another policy, and with it other aliases. */
void daemon_watch_labels(struct daemon *d);

/* main_ops.c: adapters from the engine, the gate and the mounts to the kernel rooms. */
/* What BPF says of the file behind @fd; the ids in the facts are the daemon's. @written: as hooks_open(). 0 or negative errno. */
int daemon_probe(struct daemon *d, int fd, uint64_t written, struct imad_probe *ret);
/* What it is called in a record, and if that is too long, its last component. 0 or negative errno. */
int daemon_name_of(struct daemon *d, int fd, char *ret);
/* First in what stands behind engine_use.far: who opens the file, as engine_ops.reach says. */
struct daemon_far {
	int (*reach)(struct daemon *d, const struct daemon_far *far, struct engine_use *use);
};

extern const struct engine_ops daemon_engine_ops;
extern const struct gate_ops daemon_gate_ops;
extern const struct mounts_ops daemon_mounts_ops;

/* main_late.c: the thread that hears of uses that were not held. */
int daemon_start_late(struct daemon *d);
void daemon_stop_late(struct daemon *d);
/* Call @fn when all that was used before is in the list. 0 or -ENOMEM. */
int daemon_sync(struct daemon *d, void (*fn)(void *arg), void *arg);

/*
 * main_adopt.c: make the hooks, with the state that a dead daemon has left if it fits.
 * 0 or negative errno, logged.
 */
int daemon_make_hooks(struct daemon *d);
/* Around a change of keys or deny list: meanwhile, with @known false, nobody may go on with what was found. */
void daemon_stamp_trust(struct daemon *d, bool known);
/* A violation for the time without a daemon before this one, if there was one in this boot. Before anything is recorded. */
void daemon_tell_gap(struct daemon *d);
/* A violation for events that found no room since the last call. False: there was one a moment ago; call again, or @now. */
bool daemon_tell_lost(struct daemon *d, bool now);
/* Have it noted when what was read from the ring buffer by now has become records. */
void daemon_note_batch(struct daemon *d);
/* main_part.c: the loop has ended with @r: whether the programs stay, which they do for a restart and after a failure. */
void daemon_part(struct daemon *d, int r);
/* Whether systemd says that this unit is active, or there is no systemd. */
bool daemon_unit_is_active(const char *unit);

/* main_start.c: measure what runs, is mapped or open already. */
void daemon_measure_running(struct daemon *d);
/* ... and the files of a policy, each of which is closed then. */
void daemon_measure_policy(struct daemon *d, struct ruleset *r);
/* Appraise imad's own program and libraries, so that it can be started again when nobody answers. */
void daemon_know_itself(struct daemon *d);

/*
 * main_data.c: records of what is no file, as the active policy wants them. The labels
 * of critical data that there is a source for; what else a policy names is warned of.
 */
#define DATA_KERNEL_INFO "kernel_info"
#define DATA_IMA_POLICY "ima_policy"
#define DATA_SELINUX "selinux"
#define DATA_DEVICE_MAPPER "device-mapper"
#define DATA_BPF_PROGRAMS "bpf_programs"
void daemon_measure_data(struct daemon *d); /* once for each policy; what is recorded already is not again */
void daemon_measure_loaded_policy(struct daemon *d);
void daemon_warn_of_labels(const struct policy *p);
/* Whether the active policy measures critical data with this label, and a record of such data. */
bool daemon_wants_data(const struct daemon *d, const char *label);
void daemon_measure_critical(struct daemon *d, const char *label, const char *name, const void *data, size_t n);

/* main_critical.c: the data that can change. Look at it for the active policy, now and from time to time. */
void daemon_watch_data(struct daemon *d);
void daemon_stop_watching_data(struct daemon *d);

/*
 * main_reload.c: the policy's life. The first one: what was loaded before a crash, or
 * what the settings say, and that alone if it is only to be @check ed. 0 or negative
 * errno, logged.
 */
int daemon_first_policy(struct daemon *d, bool check);
/* Put @r in the place of the active rules, without a moment in which neither holds. 0 or negative errno. */
int daemon_switch_policy(struct daemon *d, struct ruleset *r);
/* Requests of imactl policy. */
void daemon_policy_show(void *arg, struct server_call *call);
void daemon_policy_load(void *arg, struct server_call *call);
void daemon_policy_confirm(void *arg, struct server_call *call);
void daemon_policy_lock(void *arg, struct server_call *call);
/* An orderly end: the next start begins with the settings again, unless the policy is locked. */
void daemon_forget_policy(struct daemon *d);

/* main_status.c: the JSON of imactl status. 0 or -ENOMEM. */
int daemon_status(struct daemon *d, struct buf *json);

#endif
