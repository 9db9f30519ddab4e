/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of an archived part: NAME.bin (or what --to says), the info lines of its records, its checkpoint. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "trim.h"

#define PART_ENDING ".bin"

/* "a/000000000000.bin" and ".info": "a/000000000000.info"; of any other name: the ending behind it. */
static char *beside_part(const char *path, const char *ending)
{
	size_t n = strlen(path), cut = strlen(PART_ENDING);
	char *ret;

	if (n > cut && strcmp(path + n - cut, PART_ENDING) == 0)
		n -= cut;
	return asprintf(&ret, "%.*s%s", (int)n, path, ending) < 0 ? NULL : ret;
}

static int put(const char *path, const void *p, size_t n, struct why *why)
{
	int r = path ? write_whole(path, p, n, 0600) : -ENOMEM;

	return r < 0 ? why_set(why, r, "cannot write '%s': %s", path ? path : "", strerror(-r)) : 0;
}

/* The lines of the records that go; an empty file if there is no record_info. */
static int put_info(struct trim *t, const char *path, struct why *why)
{
	cleanup(file_closep) FILE *f = info_open(t->live);
	cleanup_free char *line = NULL;
	uint64_t i = t->list.before.records;
	size_t size = 0;
	off_t end;
	void *p;
	int r;

	while (f && i < t->next.records && getline(&line, &size, f) > 0)
		i++;
	end = f ? ftello(f) : 0;
	if (end <= 0)
		return put(path, "", 0, why);
	p = mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	if (p == MAP_FAILED)
		return why_set(why, -errno, "cannot read record_info: %s", strerror(errno));
	r = put(path, p, (size_t)end, why);
	(void)munmap(p, (size_t)end);
	return r;
}

/* The names too must be on disk before anything is cut off. */
static int sync_folder(const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	cleanup_close int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return why_set(why, -errno, "cannot sync the folder of '%s': %s", path, strerror(errno));
	return 0;
}

int trim_export(struct trim *t, const struct buf *checkpoint, struct why *why)
{
	cleanup_free char *info_path = beside_part(t->path, ".info"), *checkpoint_path = beside_part(t->path, ".checkpoint");
	int r = put(t->path, t->list.p, t->cut, why);

	if (r == 0)
		r = put_info(t, info_path, why);
	if (r == 0)
		r = put(checkpoint_path, checkpoint->data, checkpoint->len, why);
	return r < 0 ? r : sync_folder(t->path, why);
}
