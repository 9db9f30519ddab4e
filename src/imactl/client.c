/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request to the daemon and its answer. */
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

/* Send the request and receive one packet into @p. Bytes or negative errno. */
static ssize_t converse(int fd, const struct ctl_message *request, uint8_t *p, size_t size)
{
	cleanup(buf_done) struct buf b = { 0 };
	ssize_t n;

	if (ctl_encode(request, &b) < 0)
		return -ENOMEM;
	/* A server that refuses says why before it closes, so a failed send is not the last word. */
	if (send(fd, b.data, b.len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return -errno;
	do
		n = recv(fd, p, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n > 0 ? n : -ECONNRESET;
}

int client_call(const struct imactl *ctl, unsigned int type, const char *payload, unsigned int timeout_s,
		struct buf *answer, struct why *why)
{
	const struct ctl_message request = {
		.type = (uint16_t)type,
		.payload = (const uint8_t *)payload,
		.payload_len = payload ? (uint32_t)strlen(payload) : 0,
	};
	cleanup_free char *path = join_path(ctl->rundir, "control");
	cleanup_free uint8_t *packet = malloc(CTL_ANSWER_MAX);
	cleanup_close int fd = -1;
	struct ctl_message m;
	ssize_t n;
	int r;

	if (!path || !packet)
		return why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	r = dial(path, timeout_s, &fd);
	if (r < 0)
		return why_set(why, r, "cannot reach the daemon at %s: %s", path,
			       r == -ENOENT || r == -ECONNREFUSED ? "is imad running?" : strerror(-r));
	n = converse(fd, &request, packet, CTL_ANSWER_MAX);
	r = n < 0 ? (int)n : ctl_decode(packet, (size_t)n, CTL_ANSWER_MAX, &m);
	if (r < 0)
		return why_set(why, r, "no good answer from the daemon at %s: %s", path, strerror(-r));
	if (m.status < 0)
		return why_set(why, m.status, "the daemon refused %s: %.*s", ctl_name(type),
			       (int)MIN(m.payload_len, 200u), (const char *)m.payload);
	if (m.type != type + 1)
		return why_set(why, -EBADMSG, "the daemon at %s answered another request", path);
	buf_add(answer, m.payload, m.payload_len);
	return buf_error(answer) < 0 ? why_set(why, -ENOMEM, "%s", strerror(ENOMEM)) : 0;
}
