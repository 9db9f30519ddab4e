// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What outlives the daemon: its maps and the links of its programs, pinned in a numbered
 * folder of the bpf filesystem. Folders are made anew and then the others are dropped, so
 * that one that is whole is there at every moment; its stamp is pinned last.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>

#include <imad/log.h>
#include <imad/stamp.h>
#include <imad/util.h>

#include "hooks_priv.h"

#define DIR_PINS "/sys/fs/bpf/imad"
#define BPF_FS_MAGIC 0xcafe4a11
#define STAMP "stamp"
#define MAPS_MAX 32

/* The path of what is called @name in folder @number; the bpf filesystem takes no dots. */
static void pin_path(unsigned int number, const char *name, char ret[PIN_PATH_MAX])
{
	size_t n = snprintf(ret, PIN_PATH_MAX, DIR_PINS "/%u/", number);

	n += snprintf(ret + n, PIN_PATH_MAX - n, "%s", name);
	for (char *p = ret + strlen(DIR_PINS); (p = strchr(p, '.')); p++)
		*p = '_';
}

static bool pin_exists(unsigned int number, const char *name)
{
	char path[PIN_PATH_MAX];

	pin_path(number, name, path);
	return access(path, F_OK) == 0;
}

static int pin(unsigned int number, const char *name, int fd)
{
	char path[PIN_PATH_MAX];

	pin_path(number, name, path);
	return bpf_obj_pin(fd, path) < 0 && errno != EEXIST ? -errno : 0;
}

static void drop_folder(unsigned int number)
{
	char path[PIN_PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	pin_path(number, "", path);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}

/* Call @fn with the number of each folder. */
static void each_folder(struct hooks *h, void (*fn)(struct hooks *h, unsigned int number))
{
	unsigned int numbers[64], n = 0;
	struct dirent *entry;
	DIR *dir = opendir(DIR_PINS);

	while (dir && n < ARRAY_SIZE(numbers) && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			numbers[n++] = (unsigned int)strtoul(entry->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	while (n)
		fn(h, numbers[--n]);
}

static void note_folder(struct hooks *h, unsigned int number)
{
	h->folder = MAX(h->folder, number + 1);
	if (pin_exists(number, STAMP))
		h->old = MAX(h->old, number);
}

static void drop_unless_ours(struct hooks *h, unsigned int number)
{
	if (!h->kept || number != h->folder)
		drop_folder(number);
}

/* Whether @fd is what has the name now: who ends takes the empty folder along. */
static bool has_name(int fd)
{
	struct stat by_fd, by_name;

	return fstat(fd, &by_fd) == 0 && lstat(DIR_PINS, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
	       by_fd.st_dev == by_name.st_dev;
}

/* The folder, made if need be and locked; -EBUSY: somebody else has it. */
static int lock_folder(void)
{
	for (;;) {
		cleanup_close int fd = -1;

		if (mkdir(DIR_PINS, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = open(DIR_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK || (fd >= 0 && errno == EPERM) ? -EBUSY : -errno; /* EPERM: by its guard */
		if (!has_name(fd))
			continue;
		return fchmod(fd, 0700) < 0 ? -errno : take_fd(&fd);
	}
}

int pins_open(struct hooks *h)
{
	struct statfs s;

	h->lock = -1;
	if (statfs("/sys/fs/bpf", &s) < 0 || s.f_type != BPF_FS_MAGIC) {
		log_msg(LOG_WARNING, "no bpf filesystem at /sys/fs/bpf: the BPF programs go when imad dies");
		return 0;
	}
	h->lock = lock_folder();
	if (h->lock == -EBUSY)
		return log_errno(LOG_ERR, h->lock, "another imad is running");
	if (h->lock < 0)
		return log_errno(LOG_ERR, h->lock, "cannot use " DIR_PINS);
	h->folder = 1;
	each_folder(h, note_folder);
	return 0;
}

static void make_stamp(const struct hooks *h, const struct policy *p, struct imad_stamp *ret)
{
	uint64_t object = STAMP_HASH_INIT;

	stamp_hash(&object, h->skel->skeleton->data, h->skel->skeleton->data_sz);
	stamp_make(object, h->settings, p, ret);
}

static int open_pin(unsigned int number, const char *name)
{
	char path[PIN_PATH_MAX];
	int fd;

	pin_path(number, name, path);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

/* What was known to the program alone, and belongs to its text. */
static bool is_constant(const struct bpf_map *m)
{
	return strstr(bpf_map__name(m), ".rodata") != NULL;
}

static bool same_shape(const struct bpf_map *m, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(m) &&
	       info.key_size == bpf_map__key_size(m) && info.value_size == bpf_map__value_size(m) &&
	       info.max_entries == bpf_map__max_entries(m);
}

/* All of the maps or none, in their order. 0, or negative errno and the name of the one that does not do. */
static int open_maps(struct hooks *h, int fds[MAPS_MAX], const char **which)
{
	struct bpf_map *m;
	int n = 0, r = 0;

	bpf_object__for_each_map(m, h->skel->obj) {
		if (is_constant(m))
			continue;
		*which = bpf_map__name(m);
		r = n < MAPS_MAX ? open_pin(h->old, *which) : -E2BIG;
		if (r < 0)
			break;
		fds[n++] = r;
		r = same_shape(m, r) ? 0 : -EINVAL;
		if (r < 0)
			break;
	}
	while (r < 0 && n)
		close(fds[--n]);
	return r;
}

static int reuse_maps(struct hooks *h, const int fds[MAPS_MAX])
{
	struct bpf_map *m;
	int n = 0, r = 0;

	bpf_object__for_each_map(m, h->skel->obj) {
		if (is_constant(m))
			continue;
		if (r == 0)
			r = bpf_map__reuse_fd(m, fds[n]);
		close(fds[n++]); /* libbpf has its own copy */
	}
	return r;
}

int pins_adopt(struct hooks *h, const struct policy *p)
{
	const char *why = STAMP;
	int fds[MAPS_MAX], fd, r;
	struct imad_stamp ours;
	uint32_t zero = 0;

	if (!h->old)
		return 0;
	make_stamp(h, p, &ours);
	fd = open_pin(h->old, STAMP);
	r = fd < 0 ? fd : bpf_map_lookup_elem(fd, &zero, &h->stamp);
	if (fd >= 0)
		close(fd);
	if (r == 0) {
		why = stamp_misfit(&ours, &h->stamp);
		r = why ? -ESTALE : open_maps(h, fds, &why);
	}
	if (r < 0) {
		log_msg(LOG_NOTICE, "what a dead imad knew is not gone on with: %s (%s)", why, strerror(-r));
		return 0;
	}
	r = reuse_maps(h, fds);
	h->adopted = r == 0;
	return r < 0 ? log_errno(LOG_ERR, r, "cannot go on with the BPF maps of a dead imad") : 0;
}

int pins_stamp(struct hooks *h, const struct policy *p)
{
	struct imad_stamp ours;
	uint32_t zero = 0;

	make_stamp(h, p, &ours);
	return bpf_map_update_elem(bpf_map__fd(h->skel->maps.stamp), &zero, &ours, BPF_ANY);
}

static int pin_link(void *arg, const char *name, const struct bpf_link *link)
{
	struct hooks *h = arg;
	char path[PIN_PATH_MAX];

	if (link)
		return pin(h->folder, name, bpf_link__fd(link));
	pin_path(h->folder, name, path);
	(void)unlink(path);
	return 0;
}

int pins_follow(struct hooks *h)
{
	return h->kept ? programs_each_link(h, pin_link, h) : 0;
}

static int pin_all(struct hooks *h)
{
	char path[PIN_PATH_MAX];
	struct bpf_map *m;
	int r;

	pin_path(h->folder, "", path);
	r = mkdir(path, 0700) < 0 ? -errno : 0;
	bpf_object__for_each_map(m, h->skel->obj)
		if (r == 0 && !is_constant(m) && strcmp(bpf_map__name(m), STAMP))
			r = pin(h->folder, bpf_map__name(m), bpf_map__fd(m));
	if (r == 0)
		r = programs_each_link(h, pin_link, h);
	return r == 0 ? pin(h->folder, STAMP, bpf_map__fd(h->skel->maps.stamp)) : r;
}

int pins_keep(struct hooks *h)
{
	int r = 0;

	if (h->lock < 0)
		return 0;
	r = pin_all(h);
	if (r < 0) {
		drop_folder(h->folder);
		log_errno(LOG_ERR, r, "cannot pin the BPF programs in " DIR_PINS ": they would go when imad dies");
		return h->old ? r : 0; /* a dead daemon's that stay had better be ours */
	}
	h->kept = true;
	each_folder(h, drop_unless_ours);
	return 0;
}

void pins_close(struct hooks *h)
{
	if (h->kept && !h->left)
		drop_folder(h->folder);
	if (h->lock < 0)
		return;
	(void)rmdir(DIR_PINS); /* unless something stays */
	close(h->lock);
}

void hooks_set_settings(struct hooks *h, uint64_t settings)
{
	int fd = bpf_map__fd(h->skel->maps.stamp);
	struct imad_stamp now;
	uint32_t zero = 0;

	h->settings = settings;
	if (bpf_map_lookup_elem(fd, &zero, &now) < 0)
		return;
	now.settings = settings;
	(void)bpf_map_update_elem(fd, &zero, &now, BPF_ANY);
}

bool hooks_are_adopted(const struct hooks *h)
{
	return h->adopted;
}

bool hooks_replace(const struct hooks *h)
{
	return h->old && !h->adopted;
}

bool hooks_enforced(const struct hooks *h)
{
	return h->adopted && h->skel->bss->control.appraise == IMAD_APPRAISE_ENFORCE;
}

uint64_t hooks_died(const struct hooks *h)
{
	return h->skel->bss->control.died;
}

unsigned int hooks_slots(const struct hooks *h, struct imad_slot_name ret[IMAD_SLOTS_MAX])
{
	memcpy(ret, h->stamp.slots, sizeof(h->stamp.slots));
	return h->stamp.n_slots;
}

void hooks_attend(struct hooks *h)
{
	__atomic_store_n(&h->skel->bss->control.unattended, 0, __ATOMIC_RELEASE);
}

int hooks_keep(struct hooks *h)
{
	int r = 0;

	if (h->adopted) {
		h->adopted = false; /* from now on programs are attached as they are needed */
		r = programs_attach_always(h);
		if (r == 0)
			r = programs_attach(h, h->needs);
	}
	return r < 0 ? r : pins_keep(h);
}

int programs_own(struct hooks *h, const char *path)
{
	struct imad_control *c = &h->skel->bss->control;
	struct imad_probe probe;
	int fd = hooks_open(h, AT_FDCWD, path, O_RDONLY, 0, &probe);

	if (fd < 0)
		return fd;
	close(fd);
	c->exe_ino = probe.ino;
	c->exe_dev = probe.dev;
	return 0;
}

void hooks_leave(struct hooks *h, const char *program)
{
	h->left = h->kept && programs_own(h, program) == 0;
	if (h->left)
		__atomic_store_n(&h->skel->bss->control.unattended, 1, __ATOMIC_SEQ_CST);
}

int hooks_detach_dead(void)
{
	struct hooks h = { .lock = -1 };
	int r = pins_open(&h);

	if (r == 0 && h.lock >= 0)
		each_folder(&h, drop_unless_ours);
	pins_close(&h);
	return r;
}
