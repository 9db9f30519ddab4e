// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of the key. What is written is durable before it has its name, and the name before we go on. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/machinekey.h>

static int fail(struct machinekey_why *why, int r, const char *what, const char *dir, const char *name)
{
	snprintf(why->text, sizeof(why->text), "cannot %s '%s/%s': %s", what, dir, name, strerror(-r));
	return r;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_text(int dir, const char *name, char *text, size_t size, size_t *n)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	for (*n = 0; *n < size && got > 0; *n += (size_t)got) {
		got = read(fd, text + *n, size - *n);
		if (got < 0)
			return -errno;
	}
	return 0;
}

int machinekey_read(const char *dir, const char *name, struct evmkey *ret, struct machinekey_why *why)
{
	cleanup_free char *text = malloc(EVMKEY_TEXT_MAX + 1);
	cleanup_close int fd = open_dir(dir);
	struct parse_error e = { 0 };
	size_t n = 0;
	int r = !text ? -ENOMEM : fd < 0 ? fd : read_text(fd, name, text, EVMKEY_TEXT_MAX + 1, &n);

	if (r < 0)
		return fail(why, r, "read", dir, name);
	r = evmkey_parse(text, n, ret, &e);
	if (r == -EBADMSG)
		snprintf(why->text, sizeof(why->text), "the EVM key '%s/%s' is damaged: %s%s%s", dir, name, e.token, *e.token ? ": " : "", e.why);
	return r < 0 && r != -EBADMSG ? fail(why, r, "read", dir, name) : r;
}

static int fill(int dir, const char *name, const struct buf *text)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0)
		return -errno;
	errno = ENOSPC; /* of a short write */
	if (write(fd, text->data, text->len) != (ssize_t)text->len || fsync(fd) < 0)
		return -errno;
	return 0;
}

int machinekey_write(const char *dir, const char *name, const struct evmkey *k, struct machinekey_why *why)
{
	cleanup(buf_done) struct buf text = { 0 };
	cleanup_close int fd = -1;
	char aside[64];
	int r = evmkey_format(k, &text);

	if (r == 0 && mkdir(dir, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		fd = open_dir(dir);
	snprintf(aside, sizeof(aside), "%s.new", name);
	r = r < 0 ? r : fd < 0 ? fd : fill(fd, aside, &text);
	if (r == 0 && (renameat(fd, aside, fd, name) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0 && fd >= 0)
		(void)unlinkat(fd, aside, 0);
	return r < 0 ? fail(why, r, "write", dir, name) : 0;
}

int machinekey_advance(const char *dir, struct machinekey_why *why)
{
	cleanup_close int fd = open_dir(dir);
	int r = fd < 0 ? fd : renameat(fd, MACHINEKEY_NEXT, fd, MACHINEKEY_FILE) < 0 || fsync(fd) < 0 ? -errno : 0;

	return r < 0 ? fail(why, r, "put the new key in force in", dir, MACHINEKEY_FILE) : 0;
}
