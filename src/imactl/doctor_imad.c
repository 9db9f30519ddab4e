// SPDX-License-Identifier: GPL-2.0-or-later
/* imactl doctor: imad's own settings, files, keys, place and service; and what it says itself, where it runs. */
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>

#include <imad/host.h>
#include <imad/keyring.h>

#include "doctor.h"

#define RUNDIR_FREE_MIN (16ull << 20) /* bytes: some 100 000 records */
#define UNIT "/etc/systemd/system/imad.service"
#define WANTED "/etc/systemd/system/sysinit.target.wants/imad.service"

static void check_settings(const struct doctor *d, struct finding *f)
{
	if (d->conf_unread < 0)
		say(f, DOCTOR_UNCHECKED, "cannot read %s: %s", IMAD_SYSCONFDIR "/imad.conf", strerror(-d->conf_unread));
	else if (d->conf_error.why && d->conf_error.line)
		say(f, DOCTOR_PROBLEM, "%s, line %u: %s: '%s'", d->conf_from, d->conf_error.line, d->conf_error.why,
		    d->conf_error.token);
	else if (d->conf_error.why)
		say(f, DOCTOR_PROBLEM, "%s: %s: '%s'", d->conf_from, d->conf_error.why, d->conf_error.token);
	else if (d->conf.off) {
		say(f, DOCTOR_PROBLEM, "imad=off is on the kernel command line: it does not start");
		remedy(f, ON_CMDLINE, "imad=on");
	} else
		say(f, DOCTOR_OK, "the settings are well-formed");
}

static void check_policy(const struct doctor *d, struct finding *f)
{
	if (d->policy)
		say(f, DOCTOR_OK, "a policy of %u rules", d->policy->n_rules);
	else {
		say(f, d->conf_unread < 0 ? DOCTOR_UNCHECKED : DOCTOR_PROBLEM, "no policy: %s", d->policy_why);
		if (!d->conf.policy[0])
			remedy(f, IN_CONF, "policy = tcb");
	}
}

/* Who else than the owner of the root can change this file or folder? False: nobody, or it is not there. */
static bool is_open_to_others(const struct doctor *d, const char *path, struct finding *f)
{
	cleanup_free char *full = doctor_path(d, path);
	struct stat st;

	if (!full || stat(full, &st) < 0)
		return false;
	if (st.st_uid != d->owner && st.st_uid != 0) {
		say(f, DOCTOR_PROBLEM, "%s belongs to user %u, who can change what imad does", path, st.st_uid);
		remedy(f, AS_COMMAND, "chown root:root %s", path);
		return true;
	}
	if ((st.st_mode & 0002) || ((st.st_mode & 0020) && st.st_gid != 0)) {
		say(f, DOCTOR_PROBLEM, "%s can be changed by %s", path, st.st_mode & 0002 ? "every user" : "its group");
		remedy(f, AS_COMMAND, "chmod go-w %s", path);
		return true;
	}
	return false;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Every file in the folder of keys, until @fn says true. 0, 1 if it did, or negative errno. */
static int each_key(const struct doctor *d, bool (*fn)(const struct doctor *d, const char *path, void *arg), void *arg)
{
	cleanup_free char *dir = doctor_path(d, d->conf.keys_dir);
	struct dirent **names = NULL;
	int n = dir ? scandir(dir, &names, is_visible, alphasort) : -1, r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		cleanup_free char *path = join_path(d->conf.keys_dir, names[i]->d_name);

		if (r == 0 && path)
			r = fn(d, path, arg);
		free(names[i]);
	}
	free(names);
	return r;
}

static bool key_is_open(const struct doctor *d, const char *path, void *arg)
{
	return is_open_to_others(d, path, arg);
}

static void check_permissions(const struct doctor *d, struct finding *f)
{
	static const char *const paths[] = {
		"/etc", IMAD_SYSCONFDIR, IMAD_SYSCONFDIR "/imad.conf", IMAD_SYSCONFDIR "/policy", "/etc/ima", "/etc/ima/ima-policy",
		"/usr/sbin", "/usr/sbin/imad", "/usr/sbin/imactl", IMAD_STATEDIR,
	};
	char names[CONF_VALUE_MAX + 1], *save = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (is_open_to_others(d, paths[i], f))
			return;
	memcpy(names, d->conf.policy, sizeof(names));
	for (char *n = strtok_r(names, " \t|", &save); n; n = strtok_r(NULL, " \t|", &save))
		if (*n == '/' && is_open_to_others(d, n, f))
			return;
	if (is_open_to_others(d, d->conf.keys_dir, f) || each_key(d, key_is_open, f) > 0)
		return;
	say(f, DOCTOR_OK, "settings, policy and keys are root's alone");
}

/* --- keys */

struct keys_seen {
	struct keyring *keys;
	char bad[300];	/* the first file that is no certificate, and why */
};

static bool add_key(const struct doctor *d, const char *path, void *arg)
{
	cleanup_free char *full = doctor_path(d, path);
	cleanup_free uint8_t *bytes = malloc(KEYRING_BYTES_MAX);
	cleanup_close int fd = full && bytes ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, KEYRING_BYTES_MAX);
	struct keys_seen *seen = arg;
	const char *why = NULL;
	int r = n < 0 ? -errno : keyring_add_cert(seen->keys, bytes, (size_t)n, path, &why);

	if (r < 0 && !seen->bad[0])
		(void)snprintf(seen->bad, sizeof(seen->bad), "'%.200s': %s", path, why ? why : strerror(-r));
	return false;
}

static bool wants_keys(const struct doctor *d)
{
	for (unsigned int i = 0; d->policy && d->conf.appraise != CONF_APPRAISE_OFF && i < d->policy->n_rules; i++)
		if (d->policy->rules[i].action == IMAD_APPRAISE && (d->policy->rules[i].opts & IMAD_OPT_SIGNED))
			return true;
	return d->conf.policy_signed;
}

static void check_keys(const struct doctor *d, struct finding *f)
{
	cleanup(keyring_freep) struct keyring *keys = NULL;
	struct keys_seen seen = { 0 };
	int r = keyring_new(&keys);
	time_t now = time(NULL);

	seen.keys = keys;
	if (r == 0)
		r = each_key(d, add_key, &seen);
	if (r < 0 && r != -ENOENT) {
		say(f, DOCTOR_UNCHECKED, "cannot read the keys in %s: %s", d->conf.keys_dir, strerror(-r));
		return;
	}
	if (seen.bad[0]) {
		say(f, DOCTOR_PROBLEM, "not a key that can be trusted: %s", seen.bad);
		return;
	}
	if (keyring_count(keys) == 0 && wants_keys(d)) {
		say(f, DOCTOR_PROBLEM, "the settings ask for signatures, and there is no key in %s", d->conf.keys_dir);
		remedy(f, AS_COMMAND, "install -D -m 644 -t %s CERTIFICATE", d->conf.keys_dir);
		return;
	}
	for (size_t i = 0; i < keyring_count(keys); i++) {
		const struct key *k = keyring_key(keys, i);
		char when[32] = "";
		struct tm tm;

		if (k->not_after >= now)
			continue;
		if (gmtime_r(&k->not_after, &tm))
			(void)strftime(when, sizeof(when), "%Y-%m-%d", &tm);
		say(f, DOCTOR_ADVICE, "the key '%s' expired on %s; its signatures count all the same, as in the kernel", k->origin,
		    when);
		remedy(f, AS_COMMAND, "rm %s", k->origin);
		return;
	}
	say(f, DOCTOR_OK, "%zu trusted keys, none expired", keyring_count(keys));
}

/* --- place and service */

static void check_rundir(const struct doctor *d, struct finding *f)
{
	cleanup_free char *mounts = NULL, *full = doctor_path(d, d->conf.rundir);
	struct host_mount m;
	struct statvfs fs;
	bool kept;
	int r = doctor_read(d, "/proc/self/mountinfo", &mounts);

	if (r == 0)
		r = host_mount(mounts, d->conf.rundir, &m);
	if (r < 0) {
		say(f, DOCTOR_UNCHECKED, "cannot tell on what %s lies: %s", d->conf.rundir, strerror(-r));
		return;
	}
	kept = strcmp(m.type, "tmpfs") != 0 && strcmp(m.type, "ramfs") != 0;
	if (kept && !strcmp(d->conf.rundir, IMAD_RUNSTATEDIR)) { /* nobody asked for that */
		say(f, DOCTOR_PROBLEM, "%s is on %s (%s), not tmpfs: a list would outlive the boot that it is of", d->conf.rundir, m.type,
		    m.at);
		remedy(f, "in /etc/fstab", "tmpfs %s tmpfs mode=0750 0 0", IMAD_RUNSTATEDIR);
		return;
	}
	/* Where it is not there yet: what it will be made on. */
	if (full && statvfs(full, &fs) < 0 && errno == ENOENT) {
		free(full);
		full = doctor_path(d, m.at);
	}
	if (!full || statvfs(full, &fs) < 0)
		say(f, DOCTOR_UNCHECKED, "cannot tell how much room %s has: %s", d->conf.rundir, strerror(errno));
	else if ((unsigned long long)fs.f_bavail * fs.f_frsize < RUNDIR_FREE_MIN) {
		say(f, DOCTOR_PROBLEM, "%s has room for %llu KiB only", d->conf.rundir,
		    (unsigned long long)fs.f_bavail * fs.f_frsize / 1024);
		remedy(f, AS_COMMAND, "mount -o remount,size=64m %s", m.at);
	} else
		say(f, DOCTOR_OK, "%s is on %s and has room for %llu MiB%s", d->conf.rundir, m.type,
		    (unsigned long long)fs.f_bavail * fs.f_frsize >> 20, kept ? "; lists of earlier boots stay in its archive" : "");
}

static bool is_link(const struct doctor *d, const char *path, char *ret, size_t size)
{
	cleanup_free char *full = doctor_path(d, path);
	ssize_t n = full ? readlink(full, ret, size - 1) : -1;

	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* As systemctl is-enabled, also where no systemd runs; the service as it is installed is wanted by sysinit.target. */
static void check_service(const struct doctor *d, struct finding *f)
{
	char target[256];

	if (is_link(d, UNIT, target, sizeof(target)) && strcmp(target, "/dev/null") == 0) {
		say(f, DOCTOR_PROBLEM, "imad.service is masked");
		remedy(f, AS_COMMAND, "systemctl unmask imad && systemctl enable --now imad");
	} else if (is_link(d, WANTED, target, sizeof(target))) {
		say(f, DOCTOR_OK, "imad.service is enabled, before sysinit.target");
	} else if (is_link(d, "/etc/systemd/system/multi-user.target.wants/imad.service", target, sizeof(target))) {
		say(f, DOCTOR_ADVICE, "imad.service starts late: what ran before is not in the list");
		remedy(f, AS_COMMAND, "systemctl reenable imad");
	} else if (doctor_has(d, "/etc/systemd/system")) {
		say(f, DOCTOR_ADVICE, "imad.service is not enabled: nothing is measured after a reboot until somebody starts it");
		remedy(f, AS_COMMAND, "systemctl enable --now imad");
	} else {
		say(f, DOCTOR_UNCHECKED, "no systemd here: how imad is started cannot be told");
	}
}

/* Programs that every host has and that appraisal would ask about first. */
static void check_labels(const struct doctor *d, struct finding *f)
{
	static const char *const paths[] = { "/sbin/init", "/bin/sh", "/usr/sbin/imad", "/usr/bin/env", "/etc/passwd" };
	unsigned int n = 0, labelled = 0;
	const char *without = NULL;

	if (d->conf.appraise == CONF_APPRAISE_OFF) {
		say(f, DOCTOR_OK, "appraise = off: no labels are needed");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup_free char *full = doctor_path(d, paths[i]);

		if (!full || access(full, F_OK) < 0)
			continue;
		n++;
		if (getxattr(full, "security.ima", NULL, 0) > 0)
			labelled++;
		else if (!without)
			without = paths[i];
	}
	if (n == 0)
		say(f, DOCTOR_UNCHECKED, "none of the programs is there whose label would be looked at");
	else if (!without)
		say(f, DOCTOR_OK, "programs of the root file system have labels");
	else {
		say(f, d->conf.appraise == CONF_APPRAISE_ENFORCE ? DOCTOR_PROBLEM : DOCTOR_ADVICE,
		    "appraisal is on, and %s has no label (security.ima)", labelled ? without : "the root file system");
		remedy(f, AS_COMMAND, "imactl label /");
	}
}

static const char *text_of(struct json_object *o, const char *section, const char *key)
{
	struct json_object *s, *v;

	return json_object_object_get_ex(o, section, &s) && json_object_object_get_ex(s, key, &v) ? json_object_get_string(v)
												  : NULL;
}

static bool is(struct json_object *o, const char *section, const char *key, const char *value)
{
	const char *text = text_of(o, section, key);

	return text && strcmp(text, value) == 0;
}

static void check_daemon(const struct doctor *d, struct finding *f)
{
	const char *error = text_of(d->status, "tpm", "error");
	struct json_object *version;

	if (d->status_error == -ENOENT || d->status_error == -ECONNREFUSED) {
		say(f, DOCTOR_ADVICE, "imad does not run");
		remedy(f, AS_COMMAND, "systemctl start imad");
	} else if (d->status_error < 0) {
		say(f, DOCTOR_UNCHECKED, "imad does not answer: %s", strerror(-d->status_error));
	} else if (is(d->status, "appraisal", "enforce_refused", "true")) {
		say(f, DOCTOR_PROBLEM, "appraise = enforce was refused at its start: what the host needs would be denied");
		remedy(f, AS_COMMAND, "journalctl -b -u imad -p err");
	} else if (error && *error) {
		say(f, DOCTOR_PROBLEM, "imad cannot use the TPM: %s", error);
	} else if (is(d->status, "tpm", "in_step", "false")) {
		say(f, DOCTOR_PROBLEM, "list and PCR do not agree");
		remedy(f, AS_COMMAND, "imactl verify");
	} else if (json_object_object_get_ex(d->status, "version", &version) &&
		   strcmp(json_object_get_string(version), IMAD_VERSION) != 0) {
		say(f, DOCTOR_ADVICE, "imad %s runs, and imactl is %s", json_object_get_string(version), IMAD_VERSION);
		remedy(f, AS_COMMAND, "systemctl restart imad");
	} else {
		say(f, DOCTOR_OK, "imad runs");
	}
}

static void check_guard(const struct doctor *d, struct finding *f)
{
	bool wanted = d->conf.protect == CONF_PROTECT_YES ||
		      (d->conf.protect == CONF_PROTECT_AUTO && d->conf.appraise == CONF_APPRAISE_ENFORCE);
	const char *left = text_of(d->status, "protection", "unlocked_s");

	if (is(d->status, "protection", "hooks_fire", "false")) {
		say(f, DOCTOR_PROBLEM, "the hooks do not fire: nothing is measured or denied");
		remedy(f, AS_COMMAND, "journalctl -b -u imad -p err");
	} else if (!text_of(d->status, "protection", "active")) {
		say(f, wanted ? DOCTOR_UNCHECKED : DOCTOR_OK, wanted ? "imad does not say whether it is protected"
								   : "no protection is asked for: root can switch imad off");
	} else if (wanted && is(d->status, "protection", "active", "false")) {
		say(f, DOCTOR_PROBLEM, "imad is to be protected, and is not: root can switch it off");
		remedy(f, AS_COMMAND, "journalctl -b -u imad -p err");
	} else if (left && strcmp(left, "0") != 0) {
		say(f, DOCTOR_ADVICE, "imad is unlocked for %s s more", left);
		remedy(f, AS_COMMAND, "imactl lock");
	} else if (is(d->status, "protection", "unlocked_by", "console")) {
		say(f, DOCTOR_ADVICE, "no key unlocks imad, but any console does, and root can come by one");
		remedy(f, AS_COMMAND, "install -D -m 644 -t %s CERTIFICATE", d->conf.protect_keys);
	} else {
		say(f, DOCTOR_OK, wanted ? "root cannot switch imad off" : "no protection is asked for: root can switch imad off");
	}
}

const struct doctor_check doctor_imad_checks[] = {
	{ "settings", check_settings },
	{ "policy", check_policy },
	{ "permissions", check_permissions },
	{ "keys", check_keys },
	{ "rundir", check_rundir },
	{ "service", check_service },
	{ "labels", check_labels },
	{ "daemon", check_daemon },
	{ "guard", check_guard },
	{ 0 },
};
