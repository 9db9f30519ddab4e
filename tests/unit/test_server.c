/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket with real clients on a real loop: good, bad, too many, too slow, gone. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include <imad/server.h>
#include <imad/util.h>

struct fixture {
	char dir[32], path[64];
	sd_event *event;
	struct server *server;
	struct server_call *kept[SERVER_CALLS_MAX + 1]; /* SYNC: answered when the test says */
	unsigned int n_kept;
};

static void on_status(void *arg, struct server_call *call)
{
	(void)arg;
	if (call->request.payload_len > 0)
		buf_add(&call->answer, call->request.payload, call->request.payload_len);
	else
		buf_add_str(&call->answer, "{\"pid\":1}");
	server_answer(call, 0);
}

static void on_sync(void *arg, struct server_call *call)
{
	struct fixture *f = arg;

	assert_true(f->n_kept < ARRAY_SIZE(f->kept));
	f->kept[f->n_kept++] = call;
}

static const struct server_handler handlers[] = { { CTL_STATUS, on_status }, { CTL_SYNC, on_sync } };

static void start_server(struct fixture *f, uid_t uid, unsigned int timeout_ms)
{
	const struct server_config c = {
		.path = f->path,
		.uid = uid,
		.timeout_ms = timeout_ms,
		.handlers = handlers,
		.n_handlers = ARRAY_SIZE(handlers),
		.arg = f,
	};

	assert_ok(server_new(f->event, &c, &f->server));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/imad-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/control", f->dir);
	assert_true(sd_event_new(&f->event) >= 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	server_free(f->server);
	sd_event_unref(f->event);
	assert_int_equal(access(f->path, F_OK), -1); /* the socket went with the server */
	assert_ok(rmdir(f->dir));
	free(f);
	return 0;
}

static int dial(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(a.sun_path, f->path);
	assert_ok(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void say(int fd, unsigned int type, const void *payload, size_t n)
{
	const struct ctl_message m = { .type = (uint16_t)type,
				       .payload = payload,
				       .payload_len = (uint32_t)n };
	cleanup(buf_done) struct buf b = { 0 };

	assert_ok(ctl_encode(&m, &b));
	assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
}

static void spin(const struct fixture *f, unsigned int ms)
{
	while (sd_event_run(f->event, ms * 1000ull) > 0)
		;
}

/* Run the loop until @fd has something to read, then read it. Bytes, 0: closed. */
static ssize_t hear(const struct fixture *f, int fd, void *p, size_t n)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 500 && poll(&poll_fd, 1, 0) == 0; i++)
		assert_true(sd_event_run(f->event, 10000) >= 0);
	return recv(fd, p, n, MSG_DONTWAIT);
}

static void expect(const struct fixture *f, int fd, unsigned int type, int status, const char *payload)
{
	static uint8_t p[CTL_ANSWER_MAX];
	struct ctl_message m;
	ssize_t n = hear(f, fd, p, sizeof(p));

	assert_true(n > 0);
	assert_ok(ctl_decode(p, (size_t)n, sizeof(p), &m));
	assert_int_equal(m.type, type);
	assert_int_equal(m.status, status);
	if (payload) {
		assert_int_equal(m.payload_len, strlen(payload));
		assert_memory_equal(m.payload, payload, m.payload_len);
	}
}

static void expect_closed(const struct fixture *f, int fd)
{
	char c;

	assert_int_equal(hear(f, fd, &c, 1), 0);
	close(fd);
}

static void good_requests(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	start_server(f, getuid(), 0);
	assert_ok(stat(f->path, &st));
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);

	fd = dial(f);
	for (int i = 0; i < 3; i++) {
		say(fd, CTL_STATUS, NULL, 0);
		expect(f, fd, CTL_STATUS + 1, 0, "{\"pid\":1}");
	}
	say(fd, CTL_STATUS, "hello", 5);
	say(fd, CTL_STATUS, NULL, 0); /* sent before the first is answered */
	expect(f, fd, CTL_STATUS + 1, 0, "hello");
	expect(f, fd, CTL_STATUS + 1, 0, "{\"pid\":1}");
	close(fd);
}

static void stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	int fd;

	fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	close(fd);
	start_server(f, getuid(), 0);
	fd = dial(f);
	say(fd, CTL_STATUS, NULL, 0);
	expect(f, fd, CTL_STATUS + 1, 0, NULL);
	close(fd);
}

static void bad_address(void **state)
{
	struct fixture *f = *state;
	struct server *none = NULL;
	char path[300];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/', path[sizeof(path) - 1] = '\0';
	assert_int_equal(server_new(f->event, &(struct server_config){ .path = path }, &none), -ENAMETOOLONG);
	assert_int_equal(server_new(f->event, &(struct server_config){ .path = "/nowhere/control" }, &none),
			 -ENOENT);
	assert_null(none);
}

static void other_user(void **state)
{
	struct fixture *f = *state;
	int fd, early;

	start_server(f, getuid() + 1, 0);
	fd = dial(f);
	early = dial(f);
	say(early, CTL_STATUS, NULL, 0); /* unread data must not turn the refusal into a reset */
	expect(f, fd, 1, -EPERM, strerrordesc_np(EPERM));
	expect_closed(f, fd);
	expect(f, early, 1, -EPERM, NULL);
	expect_closed(f, early);
}

static void bad_packets(void **state)
{
	static const uint8_t good[CTL_HEADER] = { 'I', 'M', 'A', 'D', 1, 0, CTL_STATUS };
	static uint8_t packet[CTL_REQUEST_MAX + 1];
	static const struct {
		size_t at;
		uint8_t value;
		size_t n;
		unsigned int type;
		int status;
	} rows[] = {
		{ 0, 'I', CTL_HEADER - 1, 1, -EBADMSG },   /* cut */
		{ 0, 'I', 1, 1, -EBADMSG },		   /* cut */
		{ 0, 'X', CTL_HEADER, 1, -EBADMSG },	   /* magic */
		{ 4, 2, CTL_HEADER, 1, -EPROTONOSUPPORT }, /* version */
		{ 12, 1, CTL_HEADER, 1, -EBADMSG },	   /* length */
		{ 0, 'I', sizeof(packet), 1, -EMSGSIZE },  /* oversized */
		{ 6, 3, CTL_HEADER, 4, -EOPNOTSUPP },	   /* an answer's type */
		{ 6, 100, CTL_HEADER, 101, -EOPNOTSUPP },  /* unknown request */
	};
	struct fixture *f = *state;

	start_server(f, getuid(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = dial(f);

		memcpy(packet, good, sizeof(good));
		packet[rows[i].at] = rows[i].value;
		assert_int_equal(send(fd, packet, rows[i].n, MSG_NOSIGNAL), rows[i].n);
		say(fd, CTL_STATUS, NULL, 0); /* must not be served any more */
		expect(f, fd, rows[i].type, rows[i].status, NULL);
		expect_closed(f, fd);
	}
}

static void *answer_elsewhere(void *arg)
{
	struct server_call *call = arg;

	buf_add_str(&call->answer, "{}");
	server_answer(call, 0);
	return NULL;
}

static void late_answer_from_a_thread(void **state)
{
	struct fixture *f = *state;
	int slow, quick;
	pthread_t t;
	char c;

	start_server(f, getuid(), 100);
	slow = dial(f);
	quick = dial(f);
	say(slow, CTL_SYNC, NULL, 0);
	say(slow, CTL_STATUS, NULL, 0);
	say(quick, CTL_STATUS, NULL, 0);
	expect(f, quick, CTL_STATUS + 1, 0, NULL); /* the others do not wait */
	for (int i = 0; i < 10; i++)
		spin(f, 50); /* nor does the timeout count while the daemon is the slow one */
	assert_int_equal(recv(slow, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);

	assert_int_equal(f->n_kept, 1);
	assert_ok(pthread_create(&t, NULL, answer_elsewhere, f->kept[0]));
	expect(f, slow, CTL_SYNC + 1, 0, "{}");
	assert_ok(pthread_join(t, NULL));
	expect(f, slow, CTL_STATUS + 1, 0, NULL); /* what it had sent meanwhile */
	close(slow);
	close(quick);
}

static void client_gone_before_the_answer(void **state)
{
	struct fixture *f = *state;
	int fd = -1, other;

	start_server(f, getuid(), 0);
	fd = dial(f);
	say(fd, CTL_SYNC, NULL, 0);
	spin(f, 20);
	assert_int_equal(f->n_kept, 1);
	close(fd);
	spin(f, 20);

	other = dial(f); /* takes the place of the one that is gone, and must not get its answer */
	say(other, CTL_SYNC, NULL, 0);
	spin(f, 20);
	server_answer(f->kept[0], 0);
	spin(f, 20);
	server_answer(f->kept[1], -EIO);
	expect(f, other, CTL_SYNC + 1, -EIO, strerrordesc_np(EIO));
	close(other);
}

static void answer_after_the_loop(void **state)
{
	struct fixture *f = *state;
	int fd, gone;

	start_server(f, getuid(), 0);
	fd = dial(f);
	gone = dial(f);
	say(fd, CTL_SYNC, NULL, 0);
	say(gone, CTL_SYNC, NULL, 0);
	spin(f, 20);
	close(gone);
	server_answer(f->kept[0], 0);
	server_answer(f->kept[1], 0);
	server_free(take_ptr(f->server)); /* sends what is queued */
	expect(f, fd, CTL_SYNC + 1, 0, "");
	expect_closed(f, fd);
}

static void limits(void **state)
{
	struct fixture *f = *state;
	int fds[SERVER_CLIENTS_MAX], fd;

	start_server(f, getuid(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(f);
		spin(f, 1);
	}
	fd = dial(f);
	expect(f, fd, 1, -EBUSY, NULL);
	expect_closed(f, fd);
	close(fds[7]);
	spin(f, 10);
	fds[7] = dial(f);
	say(fds[7], CTL_STATUS, NULL, 0);
	expect(f, fds[7], CTL_STATUS + 1, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	spin(f, 10);

	/* Clients that ask and leave cannot pile up requests. */
	for (int i = 0; i < SERVER_CALLS_MAX; i++) {
		fd = dial(f);
		say(fd, CTL_SYNC, NULL, 0);
		spin(f, 5);
		close(fd);
		spin(f, 5);
	}
	assert_int_equal(f->n_kept, SERVER_CALLS_MAX);
	fd = dial(f);
	say(fd, CTL_SYNC, NULL, 0);
	expect(f, fd, CTL_SYNC + 1, -EBUSY, NULL);
	expect_closed(f, fd);
	for (unsigned int i = 0; i < f->n_kept; i++)
		server_answer(f->kept[i], 0);
	spin(f, 10);
	fd = dial(f);
	say(fd, CTL_SYNC, NULL, 0);
	spin(f, 10);
	assert_int_equal(f->n_kept, SERVER_CALLS_MAX + 1);
	server_answer(f->kept[SERVER_CALLS_MAX], 0);
	expect(f, fd, CTL_SYNC + 1, 0, NULL);
	close(fd);
}

static void silent_client(void **state)
{
	struct fixture *f = *state;
	int fd;

	start_server(f, getuid(), 50);
	fd = dial(f);
	expect(f, fd, 1, -ETIMEDOUT, NULL);
	expect_closed(f, fd);
}

static void large_answers(void **state)
{
	struct fixture *f = *state;
	int fd;

	start_server(f, getuid(), 0);
	fd = dial(f);
	for (int over = 0; over < 2; over++) {
		say(fd, CTL_SYNC, NULL, 0);
		spin(f, 20);
		assert_int_equal(f->n_kept, over + 1);
		for (size_t n = CTL_ANSWER_MAX - CTL_HEADER + (size_t)over; n > 0; n--)
			buf_add_u8(&f->kept[over]->answer, 'x');
		server_answer(f->kept[over], 0);
		expect(f, fd, CTL_SYNC + 1, over ? -EMSGSIZE : 0, NULL);
	}
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_requests),
		TEST(stale_socket_is_replaced),
		TEST(bad_address),
		TEST(other_user),
		TEST(bad_packets),
		TEST(late_answer_from_a_thread),
		TEST(client_gone_before_the_answer),
		TEST(answer_after_the_loop),
		TEST(limits),
		TEST(silent_client),
		TEST(large_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
