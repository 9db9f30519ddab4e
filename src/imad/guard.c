// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard's BPF object, and what is told it of this process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <imad/bpfcost.h>
#include <imad/guard_abi.h>
#include <imad/log.h>
#include <imad/util.h>

#include "guard.skel.h"
#include "guard_priv.h"

#define NS_PER_S 1000000000ull

#define CAUSE_WORD(name, word) [IMAD_REFUSED_##name] = word,
static const char *const words[] = { IMAD_REFUSED(CAUSE_WORD) };

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

/* --- load */

/* Programs for which not every kernel has a place. What the kernel has is asked of its BTF, never of its version. */
static const struct row {
	size_t program;	      /* in struct guard_bpf */
	const char *function; /* that it is attached to */
	unsigned int args;    /* that it must take; 0: any number */
	const char *lack;     /* what is not refused without it; NULL: then nothing needs it, or another one does it */
} rows[] = {
#define PROGRAM(name) offsetof(struct guard_bpf, progs.name)
#define MOVED "that imad is moved to another cgroup"
	{ PROGRAM(guard_setattr2), "bpf_lsm_inode_setattr", 2, NULL },
	{ PROGRAM(guard_setattr3), "bpf_lsm_inode_setattr", 3, NULL },
	{ PROGRAM(guard_set_acl), "bpf_lsm_inode_set_acl", 0, NULL }, /* before 6.2: inode_setxattr */
	{ PROGRAM(guard_remove_acl), "bpf_lsm_inode_remove_acl", 0, NULL },
	{ PROGRAM(guard_file_setattr), "bpf_lsm_inode_file_setattr", 0, NULL }, /* before 6.17: an ioctl */
	{ PROGRAM(guard_ioctl_compat), "bpf_lsm_file_ioctl_compat", 0, NULL }, /* before 6.8: file_ioctl */
	{ PROGRAM(guard_moving), "cgroup_procs_write_start", 0, MOVED },
	{ PROGRAM(guard_notify), "bpf_lsm_path_notify", 0, "fanotify marks on its files (CONFIG_SECURITY_PATH)" },
};

static struct bpf_program *program_of(const struct guard_bpf *skel, const struct row *row)
{
	return *(struct bpf_program *const *)((const char *)skel + row->program);
}

static bool fits(const struct btf *btf, const struct row *row)
{
	int id = btf__find_by_name_kind(btf, row->function, BTF_KIND_FUNC);

	return id >= 0 && (!row->args || btf_vlen(btf__type_by_id(btf, btf__type_by_id(btf, id)->type)) == row->args);
}

static int choose(struct guard_bpf *skel)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -EOPNOTSUPP;
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++)
		bpf_program__set_autoload(program_of(skel, row), fits(btf, row));
	btf__free(btf);
	bpf_program__set_autoload(skel->progs.guard_move, bpf_program__autoload(skel->progs.guard_moving));
	return bpf_program__autoload(skel->progs.guard_setattr2) || bpf_program__autoload(skel->progs.guard_setattr3) ?
		       0 : -EOPNOTSUPP;
}

const char *guard_missing(const struct guard *g)
{
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++)
		if (row->lack && !bpf_program__autoload(program_of(g->skel, row)))
			return row->lack;
	return settings(g)->cgroups_cut ? "switches of the uppermost cgroups above it" : NULL;
}

/* Have a program do its work now, in the name of this thread. */
static int run(const struct bpf_program *prog, void *arg, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = arg, .ctx_size_in = (__u32)size);
	int r = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return r < 0 ? r : (int)opts.retval;
}

static int load(struct guard *g)
{
	int r;

	g->skel = guard_bpf__open();
	if (!g->skel)
		return log_errno(LOG_ERR, -errno, "cannot open the guard's BPF object");
	r = choose(g->skel);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the kernel's inode_setattr hook takes other arguments");
	r = guard_bpf__load(g->skel);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the kernel refused the guard's BPF programs");
	bpfcost_tell(g->skel->obj, "the guard");
	r = guard_identify(g);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the guard cannot find out who this process is");
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
	if (g->skel) {
		bpf_object__detach_skeleton(g->skel->skeleton);
		guard_forget_paths(g);
	}
	ring_buffer__free(g->ring);
	guard_bpf__destroy(g->skel);
	free(g);
}

int guard_activate(struct guard *g)
{
	__atomic_store_n(&settings(g)->active, 1, __ATOMIC_RELEASE);
	return 0;
}

/* --- this process */

int guard_identify(struct guard *g)
{
	return run(g->skel->progs.guard_identify, NULL, 0);
}

bool guard_is_traced(const struct guard *g)
{
	return settings(g)->traced;
}

/* --- BPF objects */

static int id_of(enum imad_guard_kind kind, int fd, __u32 *ret)
{
	struct bpf_map_info map = { 0 };
	struct bpf_prog_info prog = { 0 };
	struct bpf_link_info link = { 0 };
	__u32 size;
	int r;

	if (kind == IMAD_GUARD_MAP)
		r = bpf_obj_get_info_by_fd(fd, &map, (size = sizeof(map), &size));
	else if (kind == IMAD_GUARD_PROG)
		r = bpf_obj_get_info_by_fd(fd, &prog, (size = sizeof(prog), &size));
	else
		r = bpf_obj_get_info_by_fd(fd, &link, (size = sizeof(link), &size));
	*ret = kind == IMAD_GUARD_MAP ? map.id : kind == IMAD_GUARD_PROG ? prog.id : link.id;
	return r;
}

int guard_object(struct guard *g, enum imad_guard_kind kind, int fd)
{
	struct imad_guard_id key = { .kind = kind };
	int r = id_of(kind, fd, &key.id);

	return r < 0 ? r : bpf_map_update_elem(bpf_map__fd(g->skel->maps.ids), &key, &g->round, BPF_ANY);
}

int guard_begin_objects(struct guard *g)
{
	const struct bpf_object_skeleton *s = g->skel->skeleton;
	struct bpf_map *map;
	int r = 0;

	g->round++;
	bpf_object__for_each_map(map, g->skel->obj)
		if (r == 0)
			r = guard_object(g, IMAD_GUARD_MAP, bpf_map__fd(map));
	for (int i = 0; i < s->prog_cnt && r == 0; i++) {
		const struct bpf_prog_skeleton *p = (const void *)((const char *)s->progs + i * s->prog_skel_sz);

		if (bpf_program__fd(*p->prog) >= 0)
			r = guard_object(g, IMAD_GUARD_PROG, bpf_program__fd(*p->prog));
		if (r == 0 && *p->link)
			r = guard_object(g, IMAD_GUARD_LINK, bpf_link__fd(*p->link));
	}
	return r;
}

void guard_end_objects(struct guard *g)
{
	struct imad_guard_id key, next;
	int fd = bpf_map__fd(g->skel->maps.ids), more = bpf_map_get_next_key(fd, NULL, &next);
	__u32 round;

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &round) == 0 && round != g->round)
			(void)bpf_map_delete_elem(fd, &key);
	}
}

/* --- files and mounts */

int guard_mark(struct guard *g, int fd, unsigned int flags)
{
	struct imad_guard_mark arg = { .fd = fd, .flags = flags };

	return run(g->skel->progs.guard_mark, &arg, sizeof(arg));
}

static void empty(int fd)
{
	__u64 key;

	while (bpf_map_get_next_key(fd, NULL, &key) == 0 && bpf_map_delete_elem(fd, &key) == 0)
		;
}

void guard_unmark_all(struct guard *g)
{
	empty(bpf_map__fd(g->skel->maps.inodes));
	empty(bpf_map__fd(g->skel->maps.mounts));
}

/* --- asked by the wiring */

/* Since the start of the machine, suspended or not. */
static unsigned long long booted_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (unsigned long long)t.tv_sec * NS_PER_S + (unsigned long long)t.tv_nsec;
}

void guard_unlock(struct guard *g, unsigned int seconds)
{
	__atomic_store_n(&settings(g)->unlocked_until, seconds ? booted_ns() + seconds * NS_PER_S : 0, __ATOMIC_RELEASE);
}

unsigned int guard_unlocked(const struct guard *g)
{
	unsigned long long until = settings(g)->unlocked_until, now = booted_ns();

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
