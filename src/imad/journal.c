// SPDX-License-Identifier: GPL-2.0-or-later
/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL: one datagram a record. The socket is made when it is first used. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <imad/journal.h>
#include <imad/util.h>

static int the_socket = -1;

void journal_add(struct buf *record, const char *name, const char *value, size_t n)
{
	buf_add_str(record, name);
	if (memchr(value, '\n', n)) {
		buf_add_u8(record, '\n');
		buf_add_le64(record, n);
	} else {
		buf_add_u8(record, '=');
	}
	buf_add(record, value, n);
	buf_add_u8(record, '\n');
}

void journal_addf(struct buf *record, const char *name, const char *fmt, ...)
{
	cleanup_free char *value = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) {
		value = NULL;
		record->failed = true;
		return;
	}
	journal_add(record, name, value, (size_t)n);
}

bool journal_is(const char *stream, int fd)
{
	unsigned long long dev, ino;
	struct stat st;
	int end = 0;

	return stream && sscanf(stream, "%llu:%llu%n", &dev, &ino, &end) == 2 && end > 0 && !stream[end] &&
	       fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

int journal_send(const char *path, const struct buf *record)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	if (the_socket < 0)
		the_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (the_socket < 0)
		return -errno;
	if (sendto(the_socket, record->data, record->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}
