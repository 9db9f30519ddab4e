// SPDX-License-Identifier: GPL-2.0-or-later
/* From paths to inodes and mounts: each folder on the way counts, for who renames one takes away what lies below. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/util.h>

#include "guard_priv.h"

#define LINKS_MAX 10

static struct kept *find(const struct guard *g, const struct kept *like)
{
	for (unsigned int i = 0; i < g->n_kept; i++) {
		struct kept *k = &g->kept[i];

		if (k->ino == like->ino && k->mount == like->mount && k->major == like->major && k->minor == like->minor &&
		    !strcmp(k->path, like->path))
			return k;
	}
	return NULL;
}

static int append(struct guard *g, const struct kept *k, int *fd)
{
	if (g->n_kept == g->room) {
		unsigned int room = g->room ? g->room * 2 : 64;
		struct kept *more = reallocarray(g->kept, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->kept = more;
		g->room = room;
	}
	g->kept[g->n_kept] = *k;
	g->kept[g->n_kept].path = strdup(k->path);
	if (!g->kept[g->n_kept].path)
		return -ENOMEM;
	g->kept[g->n_kept++].fd = take_fd(fd);
	return 0;
}

/* @fd (taken if it is new) is what @path is now. */
static int keep(struct guard *g, char *path, const struct statx *st, unsigned int flags, int *fd)
{
	struct kept like = {
		.path = path, .flags = flags, .ino = st->stx_ino, .mount = st->stx_mnt_id,
		.major = st->stx_dev_major, .minor = st->stx_dev_minor,
	};
	struct kept *known = find(g, &like);
	int r;

	if (known && (known->flags & flags) == flags)
		return 0;
	r = guard_mark(g, known ? known->fd : *fd, flags);
	if (r < 0)
		return r;
	if (!known)
		return append(g, &like, fd);
	known->flags |= flags;
	return 0;
}

struct way {
	struct guard *g;
	unsigned int flags, above, links;
	bool (*far)(void *arg, const char *path);
	void *arg;
};

static int walk(struct way *w, const char *path);

/* Go on where the link @fd, which is at @path, leads to; @rest: what follows it. */
static int follow(struct way *w, int fd, char *path, const char *rest)
{
	char target[PATH_MAX], next[2 * PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	*strrchr(path, '/') = '\0'; /* each path begins with one */
	if ((size_t)snprintf(next, sizeof(next), "%s/%s%s%s", target[0] == '/' ? "" : path, target, *rest ? "/" : "", rest) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return walk(w, next);
}

/* One step: what is at @path, which is the end if there is no @rest. 1: a link, which was followed to the end. */
static int step(struct way *w, char *path, const char *rest)
{
	cleanup_close int fd = -1;
	struct statx st;
	bool is_link;
	int r;

	if (w->far(w->arg, path))
		return -EXDEV;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	is_link = S_ISLNK(st.stx_mode);
	r = keep(w->g, path, &st, is_link ? IMAD_GUARD_NAME : *rest ? w->above : w->flags, &fd);
	if (r < 0 || !is_link)
		return r;
	if (fd < 0) /* kept by now */
		fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : follow(w, fd, path, rest);
	return r < 0 ? r : 1;
}

static int walk(struct way *w, const char *path)
{
	char so_far[PATH_MAX], root[] = "/";
	const char *rest = path + strspn(path, "/");
	size_t n = 0, len;
	int r = step(w, root, rest);

	while (r == 0 && *rest) {
		len = strcspn(rest, "/");
		if (n + 1 + len >= sizeof(so_far))
			return -ENAMETOOLONG;
		so_far[n] = '/';
		memcpy(so_far + n + 1, rest, len);
		n += 1 + len;
		so_far[n] = '\0';
		rest += len + strspn(rest + len, "/");
		r = step(w, so_far, rest);
	}
	return r < 0 ? r : 0;
}

int guard_path(struct guard *g, const char *path, unsigned int flags, unsigned int above,
	       bool (*far)(void *arg, const char *path), void *arg)
{
	struct way w = { .g = g, .flags = flags, .above = above, .far = far, .arg = arg };

	return path[0] == '/' ? walk(&w, path) : -EINVAL;
}

void guard_forget_paths(struct guard *g)
{
	guard_unmark_all(g);
	while (g->n_kept) {
		struct kept *k = &g->kept[--g->n_kept];

		close(k->fd);
		free(k->path);
	}
	free(g->kept);
	g->kept = NULL;
	g->room = 0;
}
