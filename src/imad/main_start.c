// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was there before imad: programs that run, files mapped executable, files
 * open for reading. Measured once at the start, each as its process' policy match
 * says, and marked by the kind "start": they were used before they were measured.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <imad/cgroups.h>
#include <imad/file.h>
#include <imad/log.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "main.h"

#define KEPT_MAX 48 /* FileDescriptorStoreMax= in imad.service */
#define KEPT_NAME "own"
#define CAP_SETGID_BIT 6
#define CAP_SETUID_BIT 7

struct scan {
	struct daemon *d;
	pid_t pid;
	struct imad_place place;
	uint32_t only; /* slots; 0: all */
	int *kept;     /* descriptors of what was looked at, KEPT_MAX of them; NULL: nobody wants them */
	unsigned int n_kept;
	struct imad_facts ids; /* of the process: only the ids are set */
	bool own; /* files of the daemon's: they are here */
	/* Mappings dealt with, as (device, inode) of /proc/PID/maps: libraries are mapped by everybody. */
	struct {
		uint64_t dev, ino;
	} *seen;
	size_t n_seen, room;
	unsigned int found;
};

static void read_ids(struct scan *s)
{
	char path[64], line[256];
	unsigned long long caps = 0;
	struct imad_facts *f = &s->ids;
	FILE *file;

	memset(f, 0, sizeof(*f));
	cgroups_place_of(s->pid, &s->place);
	snprintf(path, sizeof(path), "/proc/%d/status", s->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "Uid: %u %u %u", &f->uid, &f->euid, &f->suid);
		(void)sscanf(line, "Gid: %u %u %u", &f->gid, &f->egid, &f->sgid);
		(void)sscanf(line, "CapEff: %llx", &caps);
	}
	fclose(file);
	f->labels = daemon_task_labels(s->d, &s->d->rules->policy, s->pid);
	f->cap_setuid = caps >> CAP_SETUID_BIT & 1;
	f->cap_setgid = caps >> CAP_SETGID_BIT & 1;
}

static void keep(struct scan *s, const char *path)
{
	int fd = s->kept && s->n_kept < KEPT_MAX ? open(path, O_PATH | O_CLOEXEC) : -1;

	if (fd >= 0)
		s->kept[s->n_kept++] = fd;
}

/* What somebody used before the start, as a worker finds it who can wait for ever. */
struct started {
	struct daemon_far far;
	char path[96];
	struct imad_facts ids;
	uint32_t mask, only;
};

/* Open it, and what the policy says of this use. Negative errno: nothing, or it is gone. */
static int look(struct daemon *d, const char *path, const struct imad_facts *ids, uint32_t mask, uint32_t only,
		struct engine_use *use)
{
	struct imad_verdict verdict;
	struct imad_gen gen;
	struct imad_probe p;
	struct stat st;
	bool has_gen;

	use->fd = hooks_open(d->hooks, AT_FDCWD, path, O_RDONLY, 0, &p);
	if (use->fd < 0)
		return use->fd;
	p.facts.uid = ids->uid, p.facts.euid = ids->euid, p.facts.suid = ids->suid;
	p.facts.gid = ids->gid, p.facts.egid = ids->egid, p.facts.sgid = ids->sgid;
	p.facts.cap_setuid = ids->cap_setuid, p.facts.cap_setgid = ids->cap_setgid;
	p.facts.labels |= ids->labels;
	use->slots = daemon_match(d, &p.facts, use->func, mask) & ~IMAD_SLOT_HASH & (only ? only : ~0u);
	use->flags = p.writers ? IMAD_GEN_WRITERS : 0;
	if (!(use->slots & ~IMAD_SLOT_VERITY) || fstat(use->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    hooks_state(d->hooks, use->fd, &gen, &has_gen, &verdict) < 0) {
		close(use->fd);
		use->fd = -1;
		return -ENOENT;
	}
	use->gen = gen.gen;
	return 0;
}

static int reach_started(struct daemon *d, const struct daemon_far *far, struct engine_use *use)
{
	const struct started *s = (const struct started *)far; /* its first member */

	return look(d, s->path, &s->ids, s->mask, s->only, use);
}

enum way { NEAR, FAR, FUSE };

/* How it may be opened: here, or by who can wait, or not at all. */
static enum way way_to(const struct scan *s, const char *path)
{
	cleanup_close int at = s->own ? -1 : open(path, O_PATH | O_CLOEXEC);
	struct statx st;

	if (at < 0 || statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) < 0 ||
	    hooks_is_gated(s->d->hooks, st.stx_dev_major << 20 | st.stx_dev_minor))
		return NEAR;
	return mounts_kind_of(at, (uint32_t)s->pid) == MOUNTS_FUSE ? FUSE : FAR;
}

static void measure_far(struct scan *s, const char *path, uint32_t mask, struct engine_use *use)
{
	struct started *far = calloc(1, sizeof(*far));
	char name[FILE_NAME_MAX];
	ssize_t n = readlink(path, name, sizeof(name) - 1);

	if (!far || n < 0) {
		free(far);
		return;
	}
	name[n] = '\0';
	*far = (struct started){ .far.reach = reach_started, .ids = s->ids, .mask = mask, .only = s->only };
	snprintf(far->path, sizeof(far->path), "%s", path);
	use->fd = -1;
	use->name = name;
	use->far = &far->far;
	(void)engine_use(s->d->engine, use);
}

static void measure(struct scan *s, const char *path, enum imad_func func, uint32_t mask)
{
	struct engine_use use = {
		.kind = MEASURE_START, .func = func, .pid = s->pid, .uid = s->ids.uid, .place = s->place,
	};

	enum way way = way_to(s, path);

	if (way == FAR)
		measure_far(s, path, mask, &use);
	if (way != NEAR || look(s->d, path, &s->ids, mask, s->only, &use) < 0)
		return;
	s->found++;
	keep(s, path);
	(void)engine_use(s->d->engine, &use);
}

/* True the first time. A hash set that grows; when it cannot, files are looked at once more. */
static bool first_time(struct scan *s, uint64_t dev, uint64_t ino)
{
	size_t i;

	if (s->n_seen * 2 >= s->room) {
		struct scan bigger = { .room = s->room ? s->room * 2 : 1024 };

		bigger.seen = calloc(bigger.room, sizeof(*bigger.seen));
		if (!bigger.seen)
			return true;
		for (i = 0; i < s->room; i++)
			if (s->seen[i].ino)
				(void)first_time(&bigger, s->seen[i].dev, s->seen[i].ino);
		free(s->seen);
		s->seen = bigger.seen;
		s->room = bigger.room;
	}
	for (i = (ino * 31 + dev) % s->room; s->seen[i].ino; i = (i + 1) % s->room)
		if (s->seen[i].ino == ino && s->seen[i].dev == dev)
			return false;
	s->seen[i].dev = dev;
	s->seen[i].ino = ino;
	s->n_seen++;
	return true;
}

static void scan_maps(struct scan *s)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", s->pid);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0) {
		unsigned long start, end, ino;
		unsigned int major, minor;
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s %*x %x:%x %lu", &start, &end, perms, &major, &minor, &ino) != 6 ||
		    perms[2] != 'x' || !ino || !first_time(s, (uint64_t)major << 32 | minor, ino))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", s->pid, start, end);
		measure(s, path, IMAD_MMAP_CHECK, IMAD_MAY_EXEC);
	}
	if (f)
		fclose(f);
}

static void scan_descriptors(struct scan *s)
{
	char path[96];
	struct dirent *entry;
	struct statx target;
	struct stat link;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", s->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		/* The link's own mode tells how the file is open: r for reading, w for writing. */
		if (statx(dirfd(dir), entry->d_name, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &target) < 0 ||
		    !S_ISREG(target.stx_mode) ||
		    fstatat(dirfd(dir), entry->d_name, &link, AT_SYMLINK_NOFOLLOW) < 0 || !(link.st_mode & S_IRUSR))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", s->pid, entry->d_name);
		measure(s, path, IMAD_FILE_CHECK, IMAD_MAY_READ | (link.st_mode & S_IWUSR ? IMAD_MAY_WRITE : 0));
	}
	if (dir)
		closedir(dir);
}

void daemon_measure_running(struct daemon *d)
{
	struct scan s = { .d = d };
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	char path[64];

	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		s.pid = atoi(entry->d_name);
		if (s.pid == getpid())
			continue;
		d->processes_before++;
		read_ids(&s);
		snprintf(path, sizeof(path), "/proc/%d/exe", s.pid);
		measure(&s, path, IMAD_BPRM_CHECK, IMAD_MAY_EXEC);
		scan_maps(&s);
		scan_descriptors(&s);
	}
	if (proc)
		closedir(proc);
	free(s.seen);
	log_msg(LOG_INFO, "%u processes ran before imad; %u uses of theirs fall under the policy", d->processes_before,
		s.found);
}

void daemon_measure_policy(struct daemon *d, struct ruleset *r)
{
	struct scan s = { .d = d, .pid = getpid(), .own = true };
	char path[64];

	read_ids(&s);
	for (unsigned int i = 0; i < r->n_files; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", r->files[i]);
		measure(&s, path, IMAD_POLICY_CHECK, IMAD_MAY_READ);
		close(r->files[i]);
	}
	r->n_files = 0;
}

/* systemd's copies of the last time are in our hands as well. */
static void drop_kept(void)
{
	int n = sd_listen_fds(1);

	for (int i = 0; i < n; i++)
		close(SD_LISTEN_FDS_START + i);
	if (n > 0)
		(void)sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" KEPT_NAME);
}

void daemon_know_itself(struct daemon *d)
{
	int kept[KEPT_MAX];
	struct scan s = { .d = d, .pid = getpid(), .only = IMAD_SLOT_APPRAISE, .own = true, .kept = kept };

	read_ids(&s);
	measure(&s, "/proc/self/exe", IMAD_BPRM_CHECK, IMAD_MAY_EXEC);
	scan_maps(&s);
	free(s.seen);
	drop_kept();
	/* An inode that somebody has open is not forgotten, nor what is known of it. */
	(void)sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDPOLL=0\nFDNAME=" KEPT_NAME, kept, s.n_kept);
	while (s.n_kept)
		close(kept[--s.n_kept]);
}
