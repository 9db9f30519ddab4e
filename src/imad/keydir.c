// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads small regular files; what is in them is the trust room's business. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/keydir.h>
#include <imad/util.h>

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* The whole of a regular file. Its size or negative errno. */
static ssize_t read_file(int dir, const char *name, size_t max, uint8_t **ret)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free uint8_t *bytes = NULL;
	size_t size, len = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > (off_t)max)
		return -EFBIG;
	size = (size_t)st.st_size + 1; /* one more, so that a file that grows is not cut */
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	while (len < size && (n = read(fd, bytes + len, size - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	if (len == size)
		return -EBUSY;
	*ret = take_ptr(bytes);
	return (ssize_t)len;
}

static const char *text_of(int r)
{
	return r == -EINVAL ? "not a regular file" : strerror(-r);
}

static int refuse(struct keydir_error *e, int r, const char *path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path, why);
	return r;
}

static int set_ca(struct keyring *k, const char *path, struct keydir_error *e)
{
	cleanup_free uint8_t *bytes = NULL;
	ssize_t n = read_file(AT_FDCWD, path, KEYRING_BYTES_MAX, &bytes);
	const char *why = NULL;
	int r = n < 0 ? (int)n : keyring_set_ca(k, bytes, (size_t)n, &why);

	return r < 0 ? refuse(e, r, path, why ? why : text_of(r)) : 0;
}

struct folder {
	struct keyring *keys;
	const char *path;
	int fd;
	keydir_told *told;
	void *arg;
};

static int add_file(struct folder *f, const char *name)
{
	cleanup_free uint8_t *bytes = NULL;
	ssize_t n = read_file(f->fd, name, KEYRING_BYTES_MAX, &bytes);
	const char *why = NULL;
	int r = n < 0 ? (int)n : keyring_add_cert(f->keys, bytes, (size_t)n, name, &why);
	char path[PATH_MAX];

	if (r == 0 || r == -ENOMEM)
		return r;
	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	f->told(f->arg, path, why ? why : text_of(r));
	return 0;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int keydir_add_folder(struct keyring *k, const char *path, keydir_told *told, void *arg)
{
	struct folder f = { .keys = k, .path = path, .told = told, .arg = arg };
	cleanup(dir_closep) DIR *dir = opendir(path);
	struct dirent **names = NULL;
	int n, r = 0;

	if (!dir) {
		told(arg, path, strerror(errno));
		return 0;
	}
	f.fd = dirfd(dir);
	n = scandirat(f.fd, ".", &names, is_visible, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		r = r ? r : add_file(&f, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

static int deny(struct trust *t, const char *path, struct keydir_error *e)
{
	cleanup_free uint8_t *bytes = NULL;
	ssize_t n = read_file(AT_FDCWD, path, DENY_BYTES_MAX, &bytes);
	struct parse_error at = { 0 };
	int r;

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return refuse(e, (int)n, path, text_of((int)n));
	r = trust_deny(t, (const char *)bytes, (size_t)n, &at);
	if (r == -EBADMSG)
		snprintf(e->text, sizeof(e->text), "%s:%u: %s: '%s'", path, at.line, at.why, at.token);
	return r == -ENOMEM ? refuse(e, r, path, strerror(ENOMEM)) : r;
}

int keydir_load(const struct keydir_places *places, keydir_told *told, void *arg, struct trust **ret, struct keydir_error *e)
{
	cleanup(keyring_freep) struct keyring *k = NULL;
	cleanup(trust_unrefp) struct trust *t = NULL;
	int r = keyring_new(&k);

	if (r == 0 && places->ca[0]) {
		r = set_ca(k, places->ca, e);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = keydir_add_folder(k, places->dir, told, arg);
	if (r == 0)
		r = trust_new(take_ptr(k), &t);
	if (r < 0)
		return refuse(e, r, places->dir, strerror(-r));
	r = places->deny[0] ? deny(t, places->deny, e) : 0;
	if (r == 0)
		*ret = take_ptr(t);
	return r;
}
