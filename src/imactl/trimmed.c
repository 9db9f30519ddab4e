/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What belongs to a list whose front was cut off: its checkpoint, read as a pair with the list. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <imad/util.h>

#include "attest.h"
#include "trimmed.h"

#define LIST	  "binary_runtime_measurements"
#define PAIR_TRIES 50 /* the daemon's few renames are seen half done for a moment */
#define PAIR_WAIT_MS 10

/* "@dir of list/@name", NULL: the list is none of the daemon's, or no memory. */
static char *beside(const char *list, const char *name)
{
	const char *slash = strrchr(list, '/');
	char *path;

	if (strcmp(slash ? slash + 1 : list, LIST) != 0)
		return NULL;
	return asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - list) : 0, list, name) < 0 ? NULL : path;
}

int checkpoint_load(const char *path, struct checkpoint *ret, struct why *why)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { 0 };
	int r = read_whole(path, CHECKPOINT_TEXT_MAX, &text);

	if (r == 0)
		r = checkpoint_parse((char *)text.data, text.len, ret, &e);
	if (r == -EBADMSG)
		return why_set(why, r, "the checkpoint '%s', line %u: %s: %s", path, e.line, e.token, e.why);
	return r < 0 ? why_set(why, r, "cannot read the checkpoint '%s': %s", path, strerror(-r)) : 0;
}

void list_boot_id(const char *path, char ret[CHECKPOINT_BOOT_ID + 1])
{
	cleanup_free char *file = beside(path, "boot_id");
	cleanup(file_closep) FILE *f = file ? fopen(file, "re") : NULL;

	if (!f || fscanf(f, "%64[0-9a-zA-Z-]", ret) != 1)
		ret[0] = '\0';
}

static bool is_there(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0;
}

/* Whether @fd is the file that has the name now. */
static bool is_still(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/*
 * One look. The cut is one rename, and those of the files follow (src/imad/store_trim.c): so the pair is one if
 * the list still has its name, no new one waits to get it (nor a new record_info, which is read next), and the
 * checkpoint is the same before and after. 1: not yet.
 */
static int try_pair(const char *path, const char *checkpoint, int *fd, struct checkpoint *ret, struct why *why)
{
	cleanup_free char *new_list = beside(path, LIST ".new"), *new_checkpoint = beside(path, CHECKPOINT_FILE ".new");
	cleanup_free char *new_info = beside(path, "record_info.new");
	cleanup(checkpoint_done) struct checkpoint before = { .records = 0 }, after = { .records = 0 };
	int r = is_there(checkpoint) ? checkpoint_load(checkpoint, &before, why) : 0;

	if (r == 0) {
		*fd = open(path, O_RDONLY | O_CLOEXEC);
		r = *fd < 0 ? why_set(why, -errno, "%s", strerror(errno)) : 0;
	}
	if (r < 0)
		return r;
	if ((is_there(new_list) || is_there(new_info)) && !is_there(new_checkpoint))
		return 1;
	r = is_there(checkpoint) ? checkpoint_load(checkpoint, &after, why) : 0;
	if (r < 0)
		return r;
	if (before.records != after.records || !is_still(*fd, path))
		return 1;
	*ret = before;
	before = (struct checkpoint){ .records = 0 };
	return 0;
}

int list_open(const char *path, struct checkpoint *ret, struct why *why)
{
	cleanup_free char *checkpoint = beside(path, CHECKPOINT_FILE);
	int fd = -1, r = 1;

	*ret = (struct checkpoint){ .records = 0 };
	if (!checkpoint) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? why_set(why, -errno, "%s", strerror(errno)) : fd;
	}
	for (int i = 0; r == 1 && i < PAIR_TRIES; i++) {
		if (i > 0)
			(void)nanosleep(&(struct timespec){ .tv_nsec = PAIR_WAIT_MS * 1000000L }, NULL);
		util_closep(&fd);
		fd = -1;
		r = try_pair(path, checkpoint, &fd, ret, why);
	}
	if (r == 0)
		return fd;
	util_closep(&fd);
	return r < 0 ? r : why_set(why, -EBUSY, "a trim of the list does not come to its end; the next start of imad ends it");
}

int checkpoint_values(const struct checkpoint *c, const struct pcr_value *wanted, unsigned int n, struct pcr_value *ret)
{
	for (unsigned int i = 0; i < n; i++) {
		bool has = checkpoint_has_pcr(c, wanted[i].pcr);

		ret[i] = wanted[i];
		for (unsigned int b = 0; b < ret[i].n; b++) {
			struct digest *d = &ret[i].bank[b];
			const struct digest *was = checkpoint_value(c, ret[i].pcr, d->algo);

			if (has && !was)
				return -ENOENT;
			memset(d->bytes, 0, sizeof(d->bytes));
			if (was)
				*d = *was;
		}
	}
	return 0;
}

int checkpoint_add_pcrs(const struct checkpoint *c, struct pcr_set *set)
{
	for (unsigned int k = 0; k < c->n_pcrs; k++) {
		unsigned int i = 0;

		while (i < set->n && set->value[i].pcr != c->pcrs[k].pcr)
			i++;
		if (i < set->n)
			continue;
		if (i == ARRAY_SIZE(set->value))
			return -E2BIG;
		set->value[set->n++] = (struct pcr_value){ .pcr = c->pcrs[k].pcr };
	}
	return 0;
}
