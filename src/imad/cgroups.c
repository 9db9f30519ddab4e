// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <imad/cgroups.h>
#include <imad/container.h>
#include <imad/util.h>

#define REMEMBERED 64
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h: the number, 64 bits */

/* Text: what of the JSON object follows from the group. */
struct group {
	uint64_t id;
	char *text;
};

struct cgroups {
	const char *mount; /* NULL: not found so far */
	struct group groups[REMEMBERED];
};

static const char *find_mount(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statfs fs;

		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

int cgroups_new(const char *mount, struct cgroups **ret)
{
	struct cgroups *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->mount = mount;
	*ret = c;
	return 0;
}

void cgroups_free(struct cgroups *c)
{
	for (size_t i = 0; c && i < ARRAY_SIZE(c->groups); i++)
		free(c->groups[i].text);
	free(c);
}

/* The path of a group below its mount, "/" for the root. 0 or negative errno. */
static int path_of(struct cgroups *c, uint64_t id, char ret[PATH_MAX])
{
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} handle = { .head = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	char link[32], path[PATH_MAX];
	cleanup_close int mount = -1, fd = -1;
	size_t below;
	ssize_t n;

	if (!c->mount)
		c->mount = find_mount();
	if (!c->mount)
		return -ENODEV;
	mount = open(c->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memcpy(handle.bytes + sizeof(struct file_handle), &id, sizeof(id));
	fd = mount < 0 ? -1 : open_by_handle_at(mount, &handle.head, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	below = strlen(c->mount);
	if (strncmp(path, c->mount, below) != 0 || (path[below] && path[below] != '/'))
		return -ENOENT;
	strcpy(ret, path[below] ? path + below : "/");
	return 0;
}

/* The text of a group that is not remembered. NULL: no memory. */
static char *describe(struct cgroups *c, uint64_t id)
{
	cleanup(buf_done) struct buf b = { 0 };
	char path[PATH_MAX], container[CONTAINER_ID_MAX];

	if (path_of(c, id, path) < 0) {
		buf_addf(&b, ",\"cgroup_id\":%" PRIu64, id);
	} else {
		buf_add_str(&b, ",\"cgroup\":");
		buf_add_json(&b, path);
		if (container_of_cgroup(path, container, sizeof(container)) == 0) {
			buf_add_str(&b, ",\"container\":");
			buf_add_json(&b, container);
		}
	}
	buf_add(&b, "", 1);
	return buf_error(&b) ? NULL : (char *)take_ptr(b.data);
}

void cgroups_add_json(struct cgroups *c, const struct imad_place *place, struct buf *b)
{
	struct group *g = &c->groups[place->cgroup % REMEMBERED];

	if (place->mnt_ns)
		buf_addf(b, ",\"mnt_ns\":%u", place->mnt_ns);
	if (!place->cgroup)
		return;
	if (!g->text || g->id != place->cgroup) {
		free(g->text);
		g->id = place->cgroup;
		g->text = describe(c, g->id);
	}
	if (g->text)
		buf_add_str(b, g->text);
}

/* The line of version 2 in /proc/PID/cgroup: "0::/PATH". */
static uint64_t group_of(pid_t pid)
{
	const char *mount = find_mount();
	char path[PATH_MAX + 64], line[PATH_MAX + 64];
	struct stat st;
	uint64_t id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	file = mount ? fopen(path, "re") : NULL;
	while (file && !id && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (snprintf(path, sizeof(path), "%s%s", mount, line + 3) < (int)sizeof(path) && stat(path, &st) == 0)
			id = st.st_ino;
	}
	if (file)
		fclose(file);
	return id;
}

void cgroups_place_of(pid_t pid, struct imad_place *ret)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	ret->mnt_ns = stat(path, &st) == 0 ? (uint32_t)st.st_ino : 0;
	ret->cgroup = group_of(pid);
}
