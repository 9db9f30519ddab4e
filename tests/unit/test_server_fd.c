/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that come with requests: one is handed over, none is leaked. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <imad/server.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

static char dir[TMPDIR_PATH], path[100];
static struct sd_event *event;
static struct server *server;
static ino_t got; /* of the last request's descriptor, 0: there was none */
static bool take;

static void on_explain(void *arg, struct server_call *call)
{
	struct stat st;

	(void)arg;
	got = call->fd >= 0 && fstat(call->fd, &st) == 0 ? st.st_ino : 0;
	if (call->fd >= 0)
		assert_true(fcntl(call->fd, F_GETFD) & FD_CLOEXEC);
	if (take)
		close(take_fd(&call->fd));
	server_answer(call, 0);
}

static int setup(void **state)
{
	static const struct server_handler handlers[] = { { CTL_EXPLAIN, on_explain } };
	const struct server_config c = { .path = path, .uid = getuid(), .handlers = handlers, .n_handlers = 1 };

	(void)state;
	if (tmpdir_make(dir) < 0 || sd_event_new(&event) < 0)
		return -1;
	snprintf(path, sizeof(path), "%.90s/control", dir);
	return server_new(event, &c, &server);
}

static int teardown(void **state)
{
	(void)state;
	server_free(server);
	sd_event_unref(event);
	tmpdir_remove(dir);
	return 0;
}

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	assert_ok(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

/* A request with @n descriptors, all of them @with. */
static void say(int fd, const void *bytes, size_t size, const int *with, size_t n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = { .space = "" };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	if (!n)
		m.msg_control = NULL, m.msg_controllen = 0;
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	if (n)
		memcpy(CMSG_DATA(&control.head), with, n * sizeof(int));
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), size);
	while (sd_event_run(event, 50000) > 0)
		;
}

static void say_explain(int fd, const int *with, size_t n)
{
	cleanup(buf_done) struct buf b = { 0 };
	char answer[256];

	assert_ok(ctl_encode(&(struct ctl_message){ .type = CTL_EXPLAIN }, &b));
	say(fd, b.data, b.len, with, n);
	assert_true(recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0);
}

static void handed_over_or_closed(void **state)
{
	struct stat st;
	int fd, file, many[4], client = dial();
	unsigned int before;

	(void)state;
	file = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	assert_ok(fstat(file, &st));
	for (unsigned int i = 0; i < 4; i++)
		many[i] = file;
	say_explain(client, NULL, 0);
	assert_int_equal(got, 0);
	before = count_fds();
	say_explain(client, &file, 1);
	assert_int_equal(got, st.st_ino);
	take = true;
	say_explain(client, &file, 1);
	assert_int_equal(got, st.st_ino);
	take = false;
	assert_int_equal(count_fds(), before);
	/* More than one: what there is no room for is the kernel's to close. */
	say_explain(client, many, 4);
	say_explain(client, NULL, 0);
	assert_int_equal(got, 0);
	assert_int_equal(count_fds(), before);
	close(client);
	/* With a packet that is no request. */
	fd = dial();
	before = count_fds();
	say(fd, "junk", 4, &file, 1);
	assert_true(count_fds() <= before + 1);
	close(fd);
	while (sd_event_run(event, 50000) > 0)
		;
	assert_true(count_fds() < before);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(handed_over_or_closed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
