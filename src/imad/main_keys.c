// SPDX-License-Identifier: GPL-2.0-or-later
/* The trusted keys: every certificate in one folder, optionally signed by a CA. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

/* The whole of a regular file. Its size or negative errno. */
static ssize_t read_file(int dir, const char *name, uint8_t **ret)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_free uint8_t *bytes = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > KEYRING_BYTES_MAX)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size + 1);
	n = bytes ? read(fd, bytes, (size_t)st.st_size) : -1;
	if (n < 0)
		return bytes ? -errno : -ENOMEM;
	*ret = take_ptr(bytes);
	return n;
}

static int set_ca(struct daemon *d)
{
	cleanup_free uint8_t *bytes = NULL;
	const char *why = NULL;
	ssize_t n = read_file(AT_FDCWD, d->conf.keys_ca, &bytes);
	int r = n < 0 ? (int)n : keyring_set_ca(d->keys, bytes, n, &why);

	if (r < 0)
		log_msg(LOG_ERR, "keys.ca: '%s': %s", d->conf.keys_ca, why ? why : strerror(-r));
	return r;
}

/* A file that is no certificate is a key that is missing: said, and nothing else. */
static void add_file(struct daemon *d, int dir, const char *name)
{
	cleanup_free uint8_t *bytes = NULL;
	const char *why = NULL;
	ssize_t n = read_file(dir, name, &bytes);
	int r = n < 0 ? (int)n : keyring_add_cert(d->keys, bytes, n, name, &why);

	if (r < 0)
		log_msg(LOG_WARNING, "key '%s/%s' is not trusted: %s", d->conf.keys_dir, name, why ? why : strerror(-r));
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int daemon_load_keys(struct daemon *d)
{
	cleanup_close int dir = open(d->conf.keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	int n = 0, r = keyring_new(&d->keys);

	if (r == 0 && d->conf.keys_ca[0])
		r = set_ca(d);
	if (r < 0)
		return r;
	if (dir >= 0)
		n = scandirat(dir, ".", &names, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		add_file(d, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}
