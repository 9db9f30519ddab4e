/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose boot a list belongs to. A list of another boot is made whole as at a start of its own, and moved to
 * archive/BOOTID/, name by name. On a disk it may be that of a machine that lost its power.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

#define BOOT_FILE   "boot_id"
#define UNKNOWN_MAX 100 /* lists without a readable boot id that are kept apart */

/*
 * The binary list goes second to last and the boot id last: a move that was
 * interrupted is seen as such, and finished, at the next start.
 */
static const char *const all_files[] = {
	"ascii_runtime_measurements",  "record_info", "runtime_measurements_count", "violations", "measured",
	CHECKPOINT_FILE, STORE_REST, "binary_runtime_measurements", BOOT_FILE,
};

/* It becomes the name of a folder. */
static bool id_is_valid(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	return n > 0 && n <= STORE_ID_MAX && !id[n];
}

/* The id on file; "" if there is none that can be used. */
static void id_read(int dir, char ret[STORE_ID_MAX + 2])
{
	cleanup_close int fd = openat(dir, BOOT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, STORE_ID_MAX + 1);

	ret[MAX(n, 0)] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (!id_is_valid(ret))
		ret[0] = '\0';
}

static bool exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Make archive/ID, or archive/unknown-N which is new each time. Gives the path in @ret. */
static int archive_make(int dir, const char *id, char *ret, size_t size)
{
	if (mkdirat(dir, "archive", 0750) < 0 && errno != EEXIST)
		return -errno;
	if (*id) {
		snprintf(ret, size, "archive/%s", id);
		return mkdirat(dir, ret, 0750) < 0 && errno != EEXIST ? -errno : 0;
	}
	for (int i = 0; i < UNKNOWN_MAX; i++) {
		snprintf(ret, size, "archive/unknown-%d", i);
		if (mkdirat(dir, ret, 0750) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Lists of banks go with the list, or with @target -1 just go. */
static int move_banks(int dir, int target)
{
	char name[STORE_NAME_MAX];

	for (unsigned int i = 0; i < 2 * ALGO_COUNT; i++) {
		int r;

		store_bank_name(algo_by_id(i / 2), i % 2, name);
		r = target < 0 ? unlinkat(dir, name, 0) : renameat(dir, name, target, name);
		if (r < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int move_files(int dir, int target)
{
	int r = move_banks(dir, target);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(all_files); i++)
		if (renameat(dir, all_files[i], target, all_files[i]) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

static int archive(int dir, const char *id)
{
	char to[STORE_ID_MAX + 32];
	cleanup_close int target = -1;
	int r;

	r = archive_make(dir, id, to, sizeof(to));
	if (r < 0)
		return r;
	target = openat(dir, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (target < 0)
		return -errno;
	/* The first that is moved: if it is there already, what lacks here is not lost, and must not be made up. */
	r = exists(target, all_files[0]) ? 0 : store_mend_left(dir, id);
	if (r < 0)
		log_errno(LOG_WARNING, r, "the list of another boot is kept as it was found");
	r = move_files(dir, target);
	if (r == 0)
		log_msg(LOG_NOTICE, "list of another boot moved to '%s'", to);
	return r;
}

/* On disk before any record is: a list without it would be nobody's. */
static int id_write(int dir, const char *id)
{
	cleanup_close int fd = store_open_file(dir, BOOT_FILE, O_TRUNC);
	char line[STORE_ID_MAX + 2];
	int r;

	if (fd < 0)
		return fd;
	snprintf(line, sizeof(line), "%s\n", id);
	r = store_write(fd, line, strlen(line));
	if (!r)
		r = store_sync(fd);
	return r < 0 ? r : store_sync(dir);
}

int store_boot(int dir, const char *boot_id)
{
	char old[STORE_ID_MAX + 2] = "";
	int r;

	if (!id_is_valid(boot_id))
		return -EINVAL;
	id_read(dir, old);
	if (!strcmp(old, boot_id))
		return 0;
	/* An id that cannot be read and no list: of a start that got no further, or a move that did. */
	if (*old || exists(dir, store_name(STORE_BINARY))) {
		r = archive(dir, old);
		if (r < 0)
			return r;
	}
	return id_write(dir, boot_id);
}

void store_discard(struct store *s)
{
	if (s->records.value)
		return;
	(void)move_banks(s->dir, -1);
	for (size_t i = 0; i < ARRAY_SIZE(all_files); i++)
		(void)unlinkat(s->dir, all_files[i], 0);
}
