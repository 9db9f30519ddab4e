// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard's BPF object, and what is told it of this process. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <imad/guard.h>
#include <imad/log.h>
#include <imad/util.h>

#include "guard.skel.h"

#define CGROUPS "/sys/fs/cgroup"
#define NS_PER_S 1000000000ull

struct guard {
	struct guard_bpf *skel;
	struct ring_buffer *ring;
	void (*fn)(void *arg, const struct imad_guard_event *e);
	void *arg;
};

#define CAUSE_WORD(name, word) [IMAD_GUARD_##name] = word,
static const char *const words[] = { IMAD_GUARD_CAUSES(CAUSE_WORD) };

const char *guard_cause_word(unsigned int cause)
{
	return cause < ARRAY_SIZE(words) ? words[cause] : "unknown";
}

static struct imad_guard *settings(const struct guard *g)
{
	return &g->skel->bss->guard;
}

static int on_ring(void *ctx, void *data, size_t size)
{
	struct guard *g = ctx;

	if (size >= sizeof(struct imad_guard_event) && g->fn)
		g->fn(g->arg, data);
	return 0;
}

/* The identity of process @pid; nobody if it has gone. */
static struct imad_guard_who who_is(pid_t pid)
{
	struct imad_guard_who who = { 0 };
	unsigned long long start;
	char path[32], line[1024], *after;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return who;
	after = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL; /* the name before it may have any byte */
	fclose(f);
	if (after && sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start) == 1)
		who = (struct imad_guard_who){ .tgid = (__u32)pid, .start = start };
	return who;
}

/* inode_setattr has one argument more since 6.9. */
static int choose_setattr(struct guard_bpf *skel)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "bpf_lsm_inode_setattr", BTF_KIND_FUNC) : -ENOENT, args = 0;

	if (id >= 0)
		args = btf_vlen(btf__type_by_id(btf, btf__type_by_id(btf, id)->type));
	btf__free(btf);
	bpf_program__set_autoload(skel->progs.guard_setattr2, args == 2);
	bpf_program__set_autoload(skel->progs.guard_setattr3, args == 3);
	return args == 2 || args == 3 ? 0 : -EOPNOTSUPP;
}

static int load(struct guard *g)
{
	int r;

	g->skel = guard_bpf__open();
	if (!g->skel)
		return log_errno(LOG_ERR, -errno, "cannot open the guard's BPF object");
	r = choose_setattr(g->skel);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the kernel's inode_setattr hook takes other arguments");
	r = guard_bpf__load(g->skel);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the kernel refused the guard's BPF programs");
	settings(g)->daemon = who_is(getpid());
	settings(g)->starter = who_is(getppid());
	r = guard_bpf__attach(g->skel);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot attach the guard's BPF programs");
	g->ring = ring_buffer__new(bpf_map__fd(g->skel->maps.refusals), on_ring, g, NULL);
	return g->ring ? 0 : log_errno(LOG_ERR, -errno, "cannot map the guard's ring buffer");
}

int guard_new(struct guard **ret)
{
	struct guard *g = calloc(1, sizeof(*g));
	int r = g ? load(g) : -ENOMEM;

	if (r < 0) {
		guard_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	ring_buffer__free(g->ring);
	guard_bpf__destroy(g->skel);
	free(g);
}

/* --- what is guarded */

/* The guard's file_open takes the inode and the mount of what this thread opens. Not there: nothing to guard. */
static int show(struct guard *g, const char *path, unsigned int flags)
{
	cleanup_close int fd = -1;
	int r;

	settings(g)->probe_flags = flags;
	__atomic_store_n(&settings(g)->probe_tid, (__u32)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	r = fd < 0 ? -errno : 0;
	__atomic_store_n(&settings(g)->probe_tid, 0, __ATOMIC_SEQ_CST);
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* The cgroup of this process and those above it, without the root, which has no switches. */
static int show_cgroups(struct guard *g)
{
	char line[4096], path[4200], *name = NULL, *slash;
	FILE *f = fopen("/proc/self/cgroup", "re");
	unsigned int flags = IMAD_GUARD_CGROUP;
	int r = 0;

	while (f && !name && fgets(line, sizeof(line), f))
		name = strncmp(line, "0::/", 4) == 0 ? line + 3 : NULL;
	if (f)
		fclose(f);
	if (!name)
		return 0; /* no cgroup2: nothing of it can stop us */
	name[strcspn(name, "\n")] = '\0';
	while (r == 0 && name[1]) {
		(void)snprintf(path, sizeof(path), CGROUPS "%s", name);
		r = show(g, path, flags);
		flags = IMAD_GUARD_CGROUP_UP;
		slash = strrchr(name, '/');
		slash[slash == name] = '\0';
	}
	return r;
}

static int add_id(struct guard *g, enum imad_guard_kind kind, unsigned int id)
{
	struct imad_guard_id key = { .kind = kind, .id = id };
	__u32 round = settings(g)->round;

	return bpf_map_update_elem(bpf_map__fd(g->skel->maps.ids), &key, &round, BPF_ANY);
}

/* The BPF object that descriptor @name is of, as its fdinfo says. */
static int add_descriptor(struct guard *g, const char *name)
{
	static const char *const keys[] = { [IMAD_GUARD_MAP] = "map_id:", [IMAD_GUARD_PROG] = "prog_id:", [IMAD_GUARD_LINK] = "link_id:" };
	char path[64], link[32], line[128];
	ssize_t n;
	FILE *f;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%.16s", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return 0;
	link[n] = '\0';
	if (strncmp(link, "anon_inode:bpf", strlen("anon_inode:bpf")) != 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%.16s", name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (r == 0 && fgets(line, sizeof(line), f))
		for (unsigned int i = 0; i < ARRAY_SIZE(keys) && r == 0; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				r = add_id(g, i, (unsigned int)strtoul(line + strlen(keys[i]), NULL, 10));
	fclose(f);
	return r;
}

static int add_thread(struct guard *g, const char *name)
{
	return add_id(g, IMAD_GUARD_THREAD, (unsigned int)strtoul(name, NULL, 10));
}

static int each_entry(struct guard *g, const char *path, int (*fn)(struct guard *g, const char *name))
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			r = fn(g, e->d_name);
	closedir(dir);
	return r;
}

/* Drop what this round has not seen; @round_at: where its number is in a value. */
static void drop_old(const struct guard *g, const struct bpf_map *map, size_t round_at)
{
	unsigned char key[16], next[16], value[16];
	__u32 round;
	int fd = bpf_map__fd(map), more = bpf_map_get_next_key(fd, NULL, next);

	while (more == 0) {
		memcpy(key, next, sizeof(key));
		more = bpf_map_get_next_key(fd, key, next);
		if (bpf_map_lookup_elem(fd, key, value) < 0)
			continue;
		memcpy(&round, value + round_at, sizeof(round));
		if (round != settings(g)->round)
			(void)bpf_map_delete_elem(fd, key);
	}
}

int guard_refresh(struct guard *g, const struct guard_path *paths, unsigned int n)
{
	int r = 0;

	settings(g)->round++;
	for (unsigned int i = 0; i < n && r == 0; i++)
		r = show(g, paths[i].path, paths[i].flags);
	if (r == 0)
		r = show_cgroups(g);
	if (r == 0)
		r = each_entry(g, "/proc/self/task", add_thread);
	if (r == 0)
		r = each_entry(g, "/proc/self/fd", add_descriptor);
	if (r < 0)
		return r;
	drop_old(g, g->skel->maps.inodes, offsetof(struct imad_guard_mark, round));
	drop_old(g, g->skel->maps.ids, 0);
	drop_old(g, g->skel->maps.mounts, 0);
	__atomic_store_n(&settings(g)->active, 1, __ATOMIC_RELEASE);
	return 0;
}

/* --- asked by the wiring */

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (unsigned long long)t.tv_sec * NS_PER_S + (unsigned long long)t.tv_nsec;
}

void guard_unlock(struct guard *g, unsigned int seconds)
{
	__atomic_store_n(&settings(g)->unlocked_until, seconds ? now_ns() + seconds * NS_PER_S : 0, __ATOMIC_RELEASE);
}

unsigned int guard_unlocked(const struct guard *g)
{
	unsigned long long until = settings(g)->unlocked_until, now = now_ns();

	return until > now ? (unsigned int)((until - now + NS_PER_S - 1) / NS_PER_S) : 0;
}

int guard_fd(const struct guard *g)
{
	return ring_buffer__epoll_fd(g->ring);
}

void guard_events(struct guard *g, void (*fn)(void *arg, const struct imad_guard_event *e), void *arg)
{
	g->fn = fn;
	g->arg = arg;
	(void)ring_buffer__consume(g->ring);
}

unsigned long long guard_refused(const struct guard *g, enum imad_guard_cause cause)
{
	return settings(g)->refused[cause];
}

unsigned long long guard_lost(const struct guard *g)
{
	return settings(g)->lost;
}
