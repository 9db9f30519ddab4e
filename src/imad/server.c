/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the control socket and its clients. Everything runs in the loop's thread
 * but server_answer(), which queues the call and rings an eventfd: so clients
 * need no lock, and a late answer to one that is gone finds call->client NULL.
 * Order of a client's life: accept, then request and answer in turn; while a
 * request waits for its answer the client is not read and has no timeout.
 */
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include <imad/log.h>
#include <imad/server.h>
#include <imad/util.h>

#define DEFAULT_TIMEOUT_MS 10000
#define USEC_PER_MSEC	   1000ull
#define ACCEPTS_PER_SECOND 256 /* also bounds the noise when accept() itself keeps failing */
#define UNKNOWN_REQUEST	   0   /* "type" of a packet whose type cannot be told; answered with 1 */

#define cleanup_source cleanup(sd_event_source_disable_unrefp)

struct server_client {
	struct server *server; /* NULL: free place */
	int fd;
	sd_event_source *io, *timer;
	pid_t pid;
	struct server_call *call; /* the request that waits for its answer */
};

struct server {
	sd_event *event;
	struct server_config config;
	struct sockaddr_un address;
	int listen_fd, answer_fd;
	sd_event_source *listen_source, *answer_source;
	unsigned int n_calls;
	struct server_client clients[SERVER_CLIENTS_MAX];

	pthread_mutex_t lock; /* of the answers; one a client at most, so their order is no matter */
	struct server_call *answers;
};

static void call_free(struct server_call *call)
{
	buf_done(&call->answer);
	if (call->fd >= 0)
		close(call->fd);
	free(call);
}

static void client_close(struct server_client *c)
{
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	close(c->fd);
	if (c->call)
		c->call->client = NULL;
	*c = (struct server_client){ .fd = -1 };
}

/* One packet, never waiting: a client that leaves no room for its answer does not read. 0 or negative errno.
 */
static int send_answer(int fd, unsigned int request, int status, const uint8_t *payload, size_t n)
{
	cleanup(buf_done) struct buf packet = { 0 };
	struct ctl_message m = { .type = (uint16_t)(request + 1), .status = status };
	int r;

	if (n > CTL_ANSWER_MAX - CTL_HEADER) {
		m.status = -EMSGSIZE;
		n = 0;
	}
	if (m.status < 0 && n == 0) {
		payload = (const uint8_t *)strerrordesc_np(-m.status);
		n = payload ? strlen((const char *)payload) : 0;
	}
	m.payload = payload;
	m.payload_len = (uint32_t)n;
	r = ctl_encode(&m, &packet);
	if (r < 0)
		return r;
	return send(fd, packet.data, packet.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/*
 * The last word to a peer. What it sent and nobody read would make close() a
 * reset that eats the answer, so stop it from sending and throw that away first.
 */
static void refuse(int fd, unsigned int request, int status)
{
	char unread;

	(void)shutdown(fd, SHUT_RD); /* it may be gone, then the rest fails likewise */
	while (recv(fd, &unread, sizeof(unread), MSG_DONTWAIT) > 0)
		;
	(void)send_answer(fd, request, status, NULL, 0);
}

static void client_refuse(struct server_client *c, unsigned int request, int status)
{
	refuse(c->fd, request, status);
	client_close(c);
}

/* Read its next request, with a timeout. */
static int client_resume(struct server_client *c)
{
	int r = sd_event_source_set_io_events(c->io, EPOLLIN);

	if (r >= 0)
		r = sd_event_source_set_time_relative(c->timer, c->server->config.timeout_ms * USEC_PER_MSEC);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
	return r;
}

static const struct server_handler *find_handler(const struct server *s, unsigned int type)
{
	for (size_t i = 0; i < s->config.n_handlers; i++)
		if (s->config.handlers[i].type == type)
			return &s->config.handlers[i];
	return NULL;
}

/* One packet, and the descriptor that may be with it (more than one is dropped by the kernel). Bytes or negative errno. */
static ssize_t receive(int fd, uint8_t *packet, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = CMSG_LEN(sizeof(int)) }; /* with the padding it would be room for two */
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *with = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	if (with && with->cmsg_level == SOL_SOCKET && with->cmsg_type == SCM_RIGHTS && with->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(with), sizeof(*ret_fd));
	return n < 0 ? -errno : n;
}

/*
 * Hand the request to its handler, with *@with if it is a descriptor; the answer comes
 * back through the queue. 0 or negative errno: refused.
 */
static int dispatch(struct server_client *c, const struct ctl_message *m, int *with)
{
	struct server *s = c->server;
	const struct server_handler *h = find_handler(s, m->type);
	struct server_call *call;

	if (!h)
		return -EOPNOTSUPP;
	if (s->n_calls == SERVER_CALLS_MAX)
		return -EBUSY;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct server_call){ .request = *m, .pid = c->pid, .server = s, .client = c, .fd = take_fd(with) };
	s->n_calls++;
	c->call = call;
	/* Only a hang-up is of interest until the answer is out. Should this fail, the next packet is its
	 * end. */
	(void)sd_event_source_set_io_events(c->io, 0);
	(void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
	h->fn(s->config.arg, call);
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server_client *c = userdata;
	uint8_t packet[CTL_REQUEST_MAX];
	struct ctl_message m = { .type = UNKNOWN_REQUEST };
	cleanup_close int with = -1;
	ssize_t n;
	int r;

	(void)source;
	(void)revents;
	if (c->call) { /* it hung up */
		client_close(c);
		return 0;
	}
	n = receive(fd, packet, sizeof(packet), &with);
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n <= 0) {
		client_close(c);
		return 0;
	}
	/* MSG_TRUNC gives the real length: beyond the limit, ctl_decode() reads nothing. */
	r = ctl_decode(packet, (size_t)n, sizeof(packet), &m);
	if (r == 0)
		r = dispatch(c, &m, &with);
	if (r < 0)
		client_refuse(c, m.type, r);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	client_refuse(userdata, UNKNOWN_REQUEST, -ETIMEDOUT);
	return 0;
}

static int check_peer(const struct server *s, int fd, pid_t *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret = peer.pid;
	if (peer.uid == s->config.uid)
		return 0;
	log_msg(LOG_WARNING, "control socket: refused pid %d of uid %u", (int)peer.pid,
		(unsigned int)peer.uid);
	return -EPERM;
}

/* Give @fd a place; on success it is the place's. */
static int client_new(struct server *s, int fd, pid_t pid)
{
	cleanup_source sd_event_source *io = NULL, *timer = NULL;
	struct server_client *c = s->clients;
	int size = 2 * CTL_ANSWER_MAX, r;

	while (c < s->clients + SERVER_CLIENTS_MAX && c->server)
		c++;
	if (c == s->clients + SERVER_CLIENTS_MAX)
		return -EBUSY;
	/* Without it a large answer may fail on hosts with small socket buffers, and is then told as such. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

	r = sd_event_add_io(s->event, &io, fd, EPOLLIN, on_client, c);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &timer, CLOCK_MONOTONIC,
					       s->config.timeout_ms * USEC_PER_MSEC, 0, on_timeout, c);
	if (r < 0)
		return r;
	*c = (struct server_client){ .server = s, .fd = fd, .pid = pid, .io = take_ptr(io), .timer = take_ptr(timer) };
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	cleanup_close int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	pid_t pid = 0;
	int r;

	(void)source;
	(void)revents;
	if (client < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_errno(LOG_WARNING, -errno, "control socket: cannot accept");
		return 0;
	}
	r = check_peer(s, client, &pid);
	if (r == 0)
		r = client_new(s, client, pid);
	if (r < 0)
		refuse(client, UNKNOWN_REQUEST, r);
	else
		(void)take_fd(&client);
	return 0;
}

/* Send one answer to its client, if it is still there. */
static void deliver(struct server_call *call)
{
	struct server_client *c = call->client;
	int r, status = call->status;

	if (!c)
		return;
	c->call = NULL;
	if (buf_error(&call->answer) < 0) {
		status = -ENOMEM;
		buf_done(&call->answer);
	}
	r = send_answer(c->fd, call->request.type, status, call->answer.data, call->answer.len);
	if (r == -EMSGSIZE)
		r = send_answer(c->fd, call->request.type, -EMSGSIZE, NULL, 0);
	if (r >= 0)
		r = client_resume(c);
	if (r < 0)
		client_close(c);
}

static int on_answers(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	struct server_call *call, *next;
	eventfd_t count;

	(void)source;
	(void)revents;
	(void)eventfd_read(fd, &count); /* the queue tells, not the count */
	pthread_mutex_lock(&s->lock);
	call = take_ptr(s->answers);
	pthread_mutex_unlock(&s->lock);

	for (; call; call = next) {
		next = call->next;
		deliver(call);
		call_free(call);
		s->n_calls--;
	}
	return 0;
}

void server_answer(struct server_call *call, int status)
{
	struct server *s = call->server;

	call->status = status;
	call->request.payload = NULL;
	/* Rung under the lock: after it the loop may have freed the call, and its owner the server. */
	pthread_mutex_lock(&s->lock);
	call->next = s->answers;
	s->answers = call;
	(void)eventfd_write(s->answer_fd,
			    1); /* fails only if 2^64 - 2 rings wait, and then the loop wakes up */
	pthread_mutex_unlock(&s->lock);
}

static int listen_at(struct server *s)
{
	cleanup_close int fd = -1;

	if (strlen(s->config.path) >= sizeof(s->address.sun_path))
		return -ENAMETOOLONG;
	s->address.sun_family = AF_UNIX;
	strcpy(s->address.sun_path, s->config.path);

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The mode of the socket is that of the file: it is never there with a wider one. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (unlink(s->address.sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&s->address, sizeof(s->address)) < 0)
		return -errno;
	s->listen_fd = take_fd(&fd);
	return listen(s->listen_fd, SERVER_CLIENTS_MAX) < 0 ? -errno : 0;
}

static int start(struct server *s)
{
	int r;

	s->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->answer_fd < 0)
		return -errno;
	r = listen_at(s);
	if (r >= 0)
		r = sd_event_add_io(s->event, &s->answer_source, s->answer_fd, EPOLLIN, on_answers, s);
	if (r >= 0)
		r = sd_event_add_io(s->event, &s->listen_source, s->listen_fd, EPOLLIN, on_connect, s);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(s->listen_source, 1000 * USEC_PER_MSEC, ACCEPTS_PER_SECOND);
	return MIN(r, 0);
}

int server_new(struct sd_event *event, const struct server_config *c, struct server **ret)
{
	cleanup(server_freep) struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return log_errno(LOG_ERR, -ENOMEM, "cannot open the control socket");
	s->config = *c;
	if (s->config.timeout_ms == 0)
		s->config.timeout_ms = DEFAULT_TIMEOUT_MS;
	s->event = sd_event_ref(event);
	s->listen_fd = s->answer_fd = -1;
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
	pthread_mutex_init(&s->lock, NULL);

	r = start(s);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot open the control socket '%s'", c->path);
	s->config.path = NULL; /* was borrowed; the address has it */
	*ret = take_ptr(s);
	return 0;
}

void server_free(struct server *s)
{
	struct server_call *call, *next;

	if (!s)
		return;
	if (s->listen_fd >= 0) {
		(void)unlink(s->address.sun_path);
		close(s->listen_fd);
	}
	sd_event_source_disable_unref(s->listen_source);
	sd_event_source_disable_unref(s->answer_source);
	for (call = s->answers; call; call = next) {
		next = call->next;
		deliver(call);
		call_free(call);
	}
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (s->clients[i].server)
			client_close(&s->clients[i]);
	if (s->answer_fd >= 0)
		close(s->answer_fd);
	pthread_mutex_destroy(&s->lock);
	sd_event_unref(s->event);
	free(s);
}

void server_freep(struct server **s)
{
	server_free(*s);
}
