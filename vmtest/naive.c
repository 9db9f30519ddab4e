// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A gate as one writes it first: it allows whatever it is asked for, and each way of running it leaves one thing out
 * that imad does. For the scripts that show what happens then: `naive WAY DIR...`, the filesystem of each DIR is watched.
 *
 *   allow     one group, one reader, whatever the filesystems are stacked on
 *   idle      never reads, and its queue has a limit
 *   child     never reads, and another process has the group's descriptor, too
 *   few       has no descriptor left
 *   cache     is not asked again for a file until the kernel says that it was modified
 *   content   sees content before it is used (FAN_CLASS_PRE_CONTENT, Linux 6.14)
 *   log       says what it does to /tmp/log.socket before it answers
 *   looks     reads a byte of the file before it answers
 *   logger    no gate: listens on /tmp/log.socket, and opens another DIR/log.N for each message
 *
 * Prints "ready", and a line for each open that it was asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif
#define BOTH (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM)
#define SOCKET "/tmp/log.socket"

static const char *way;
static int group, out = -1;

static int is(const char *name)
{
	return !strcmp(way, name);
}

static int fail(const char *what)
{
	fprintf(stderr, "naive %s: %s: %s\n", way, what, strerror(errno));
	return 2;
}

static int connect_to(int (*how)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || how(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? -1 : fd;
}

/* A log that is rotated at each message. */
static int be_logger(const char *dir)
{
	char path[4096], message[64];
	int fd = connect_to(bind), to;

	if (fd < 0)
		return fail(SOCKET);
	puts("ready");
	for (int i = 0; recv(fd, message, sizeof(message), 0) >= 0; i = (i + 1) % 8) {
		snprintf(path, sizeof(path), "%s/log.%d", dir, i);
		unlink(path);
		to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		(void)!write(to, message, 1);
		close(to);
	}
	return fail("recv");
}

static int open_group(void)
{
	unsigned int class = is("content") ? FAN_CLASS_PRE_CONTENT : FAN_CLASS_CONTENT;
	unsigned int queue = is("idle") ? 0 : FAN_UNLIMITED_QUEUE;

	return fanotify_init(class | queue | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
}

static int no_descriptors(void)
{
	struct rlimit r = { .rlim_cur = (rlim_t)group + 1, .rlim_max = (rlim_t)group + 1 };

	return setrlimit(RLIMIT_NOFILE, &r);
}

static void answer(const struct fanotify_event_metadata *e)
{
	struct fanotify_response r = { .fd = e->fd, .response = FAN_ALLOW };
	char c;

	printf("asked %d\n", e->pid);
	if (is("log"))
		(void)!send(out, "asked", 5, 0);
	if (is("looks"))
		(void)!read(e->fd, &c, 1);
	if (is("cache"))
		(void)fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, BOTH, e->fd, NULL);
	(void)!write(group, &r, sizeof(r));
	close(e->fd);
}

static int serve(void)
{
	_Alignas(struct fanotify_event_metadata) char buf[4096];
	const struct fanotify_event_metadata *e;
	ssize_t n;

	while ((n = read(group, buf, sizeof(buf))) > 0 || errno == EMFILE || errno == EINTR)
		for (e = (void *)buf; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
			if (e->fd >= 0)
				answer(e);
	return fail("read");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	way = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (is("logger"))
		return be_logger(argv[2]);
	group = open_group();
	if (group < 0)
		return fail("fanotify_init");
	if (is("log")) {
		out = connect_to(connect);
		if (out < 0)
			return fail(SOCKET);
	}
	for (int i = 2; i < argc; i++)
		if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, is("content") ? FAN_PRE_ACCESS : BOTH, AT_FDCWD, argv[i]) < 0)
			return fail(argv[i]);
	if (is("few") && no_descriptors() < 0)
		return fail("setrlimit");
	puts("ready");
	if (is("child") && fork() == 0)
		printf("child %d\n", getpid());
	while (is("child") || is("idle"))
		pause();
	return serve();
}
