/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request to the daemon and its answer. */
#include <getopt.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <imad/ctl.h>
#include <imad/util.h>

#include "imactl.h"

static int dial(const char *path, unsigned int timeout_s, int *ret)
{
	const struct timeval timeout = { .tv_sec = timeout_s };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	*ret = take_fd(&fd);
	return 0;
}

/* @with: a descriptor to go with it, -1: none. */
static ssize_t send_with(int fd, struct buf *b, int with)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = "" };
	struct iovec iov = { .iov_base = b->data, .iov_len = b->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (with >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &with, sizeof(with));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* Send the request and receive one packet into @p. Bytes or negative errno. */
static ssize_t converse(int fd, const struct ctl_message *request, int with, uint8_t *p, size_t size)
{
	cleanup(buf_done) struct buf b = { 0 };
	ssize_t n;

	if (ctl_encode(request, &b) < 0)
		return -ENOMEM;
	/* A server that refuses says why before it closes, so a failed send is not the last word. */
	if (send_with(fd, &b, with) < 0 && errno != EPIPE)
		return -errno;
	do
		n = recv(fd, p, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n > 0 ? n : -ECONNRESET;
}

int client_open(const struct imactl *ctl, unsigned int timeout_s, int *ret, struct why *why)
{
	cleanup_free char *path = join_path(ctl->rundir, "control");
	int r = path ? dial(path, timeout_s, ret) : -ENOMEM;

	if (r == -ENOMEM)
		return why_set(why, r, "%s", strerror(ENOMEM));
	return r < 0 ? why_set(why, r, "cannot reach the daemon at %s: %s", path,
			       r == -ENOENT || r == -ECONNREFUSED ? "is imad running?" : strerror(-r)) : 0;
}

int client_ask(int fd, unsigned int type, const char *payload, int with, struct buf *answer, struct why *why)
{
	const struct ctl_message request = {
		.type = (uint16_t)type,
		.payload = (const uint8_t *)payload,
		.payload_len = payload ? (uint32_t)strlen(payload) : 0,
	};
	cleanup_free uint8_t *packet = malloc(CTL_ANSWER_MAX);
	struct ctl_message m;
	ssize_t n;
	int r;

	if (!packet)
		return why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	n = converse(fd, &request, with, packet, CTL_ANSWER_MAX);
	r = n < 0 ? (int)n : ctl_decode(packet, (size_t)n, CTL_ANSWER_MAX, &m);
	if (r < 0)
		return why_set(why, r, "no good answer from the daemon: %s", strerror(-r));
	if (m.status < 0)
		return why_set(why, m.status, "the daemon refused %s: %.*s", ctl_name(type),
			       (int)MIN(m.payload_len, 200u), (const char *)m.payload);
	if (m.type != type + 1)
		return why_set(why, -EBADMSG, "the daemon answered another request");
	buf_add(answer, m.payload, m.payload_len);
	return buf_error(answer) < 0 ? why_set(why, -ENOMEM, "%s", strerror(ENOMEM)) : 0;
}

int client_call_with(const struct imactl *ctl, unsigned int type, const char *payload, int with, unsigned int timeout_s,
		     struct buf *answer, struct why *why)
{
	cleanup_close int fd = -1;
	int r = client_open(ctl, timeout_s, &fd, why);

	return r < 0 ? r : client_ask(fd, type, payload, with, answer, why);
}

int client_call(const struct imactl *ctl, unsigned int type, const char *payload, unsigned int timeout_s,
		struct buf *answer, struct why *why)
{
	return client_call_with(ctl, type, payload, -1, timeout_s, answer, why);
}

int client_order(const struct imactl *ctl, int argc, char **argv, const char *name, unsigned int type, unsigned int timeout_s)
{
	static const struct option none[] = { { 0 } };
	cleanup(buf_done) struct buf answer = { 0 };
	struct why why;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		return IMACTL_USAGE;
	if (optind < argc)
		return complain(IMACTL_USAGE, "%s takes no arguments", name);
	if (client_call(ctl, type, NULL, timeout_s, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	return IMACTL_OK;
}
