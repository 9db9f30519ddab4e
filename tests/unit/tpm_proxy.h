/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TPM that fails on request: a proxy between two pairs of unix sockets that
 * passes commands on, and can slow down, refuse, drop, or execute one kind of them
 * without telling. Source of the frames: TPM 2.0 part 1, command and response
 * header (u16 tag, u32 size, u32 code, big endian).
 */
#ifndef IMAD_TPM_PROXY_H
#define IMAD_TPM_PROXY_H

#include <endian.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "swtpm.h"

#define PROXY_PCR_EXTEND 0x182u
#define PROXY_PCR_READ	 0x17eu
#define PROXY_FRAME	 4096

enum proxy_fault {
	PROXY_NONE,
	PROXY_ANSWER, /* answer @rc, execute nothing */
	PROXY_DROP,   /* neither execute nor answer: hang up */
	PROXY_LOSE,   /* execute, then hang up */
	PROXY_DIE,    /* the same, and be gone until proxy_refuse(false) */
};

struct proxy;
/* Sees each command of @n bytes before all else and may make it shorter; true: *@rc is the answer, nothing is executed. */
typedef bool proxy_filter(struct proxy *p, uint8_t *cmd, ssize_t *n, uint32_t *rc);

struct proxy {
	const struct swtpm *tpm;
	char path[TMPDIR_PATH + 8];
	char tcti[TMPDIR_PATH + 32];
	int listener[2]; /* data, control */
	pthread_t thread[2];
	pthread_mutex_t lock;
	/* the plan, under @lock */
	enum proxy_fault fault;
	unsigned int skip, count; /* let @skip pass, then hit @count of them */
	uint32_t rc;
	uint32_t code;	       /* the command that is meant, PCR_Extend unless told; 0: any */
	unsigned int delay_ms; /* before each of them */
	bool refuse;	       /* hang up on every data connection: the TPM is gone */
	bool hold;	       /* have each of them wait until it is false again */
	bool lie;	       /* PROXY_LOSE: answer @rc as if it had not been executed */
	pid_t victim;	       /* who is killed at the fault, before he can know of it */
	unsigned int seen, executed;
	/* set before the first command */
	proxy_filter *filter;
	void *arg; /* the filter's */
};

static inline int proxy_dial(const char *path, const char *suffix)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.90s%s", path, suffix);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int proxy_listen(const char *path, const char *suffix)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.90s%s", path, suffix);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0)
		return -1;
	return fd;
}

/* One whole frame, or -1 at the end of the stream. */
static inline ssize_t proxy_frame(int fd, uint8_t *buf)
{
	uint32_t size;

	if (recv(fd, buf, 10, MSG_WAITALL) != 10)
		return -1;
	memcpy(&size, buf + 2, 4);
	size = be32toh(size);
	if (size < 10 || size > PROXY_FRAME)
		return -1;
	if (size > 10 && recv(fd, buf + 10, size - 10, MSG_WAITALL) != (ssize_t)(size - 10))
		return -1;
	return (ssize_t)size;
}

/* What to do with one command. */
static inline enum proxy_fault proxy_choose(struct proxy *p, const uint8_t *cmd, uint32_t *rc,
					    unsigned int *delay)
{
	enum proxy_fault f = PROXY_NONE;
	uint32_t code;

	memcpy(&code, cmd + 6, 4);
	*delay = 0;
	pthread_mutex_lock(&p->lock);
	if (p->refuse) {
		f = PROXY_DROP;
	} else if (be32toh(code) == p->code || !p->code) {
		p->seen++;
		*delay = p->delay_ms;
		if (p->skip) {
			p->skip--;
		} else if (p->count) {
			p->count--;
			f = p->fault;
		}
		p->executed += f != PROXY_ANSWER && f != PROXY_DROP;
		p->refuse = f == PROXY_DIE;
	}
	*rc = p->rc;
	pthread_mutex_unlock(&p->lock);
	return f;
}

static inline bool proxy_holds(struct proxy *p)
{
	bool hold;

	pthread_mutex_lock(&p->lock);
	hold = p->hold;
	pthread_mutex_unlock(&p->lock);
	return hold;
}

static inline void proxy_hold(struct proxy *p, bool hold)
{
	pthread_mutex_lock(&p->lock);
	p->hold = hold;
	pthread_mutex_unlock(&p->lock);
}

static inline void proxy_kill(struct proxy *p)
{
	if (p->victim > 0)
		kill(p->victim, SIGKILL);
}

static inline bool proxy_answer(int client, uint32_t rc)
{
	uint8_t answer[10] = { 0x80, 0x01, 0, 0, 0, 10 };

	rc = htobe32(rc);
	memcpy(answer + 6, &rc, 4);
	return send(client, answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer);
}

/* Serve one command of @client; false: hang up. */
static inline bool proxy_serve(struct proxy *p, int client, int server)
{
	uint8_t buf[PROXY_FRAME];
	ssize_t n = proxy_frame(client, buf);
	enum proxy_fault f;
	unsigned int delay;
	bool is_meant;
	uint32_t rc;

	if (n < 0)
		return false;
	memcpy(&rc, buf + 6, 4);
	is_meant = be32toh(rc) == p->code;
	if (p->filter && p->filter(p, buf, &n, &rc)) {
		f = PROXY_ANSWER;
		delay = 0;
	} else {
		f = proxy_choose(p, buf, &rc, &delay);
	}
	swtpm_nap(delay);
	while (is_meant && proxy_holds(p))
		swtpm_nap(1);
	if (f == PROXY_DROP) {
		proxy_kill(p);
		return false;
	}
	if (f == PROXY_ANSWER)
		return proxy_answer(client, rc);
	if (send(server, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	n = proxy_frame(server, buf);
	if (f != PROXY_NONE)
		proxy_kill(p);
	if (f == PROXY_LOSE && p->lie)
		return proxy_answer(client, rc);
	if (n < 0 || f != PROXY_NONE)
		return false;
	return send(client, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static inline void *proxy_data(void *arg)
{
	struct proxy *p = arg;
	int client, server;

	while ((client = accept(p->listener[0], NULL, NULL)) >= 0) {
		server = proxy_dial(p->tpm->path, "");
		while (server >= 0 && proxy_serve(p, client, server))
			;
		close(client);
		close(server);
	}
	return NULL;
}

/* Bytes as they come, one direction; false at the end. */
static inline bool proxy_copy(int from, int to)
{
	uint8_t buf[PROXY_FRAME];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	return n > 0 && send(to, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static inline void *proxy_ctrl(void *arg)
{
	struct proxy *p = arg;
	int client, server;

	while ((client = accept(p->listener[1], NULL, NULL)) >= 0) {
		bool more;

		server = proxy_dial(p->tpm->path, ".ctrl");
		do {
			struct pollfd fds[] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };

			more = server >= 0 && poll(fds, 2, -1) > 0;
			if (more && fds[0].revents)
				more = proxy_copy(client, server);
			else if (more)
				more = proxy_copy(server, client);
		} while (more);
		close(client);
		close(server);
	}
	return NULL;
}

static inline int proxy_start(struct proxy *p, const struct swtpm *tpm)
{
	memset(p, 0, sizeof(*p));
	p->tpm = tpm;
	p->code = PROXY_PCR_EXTEND;
	pthread_mutex_init(&p->lock, NULL);
	snprintf(p->path, sizeof(p->path), "%s/p", tpm->dir);
	snprintf(p->tcti, sizeof(p->tcti), "swtpm:path=%s", p->path);
	p->listener[0] = proxy_listen(p->path, "");
	p->listener[1] = proxy_listen(p->path, ".ctrl");
	if (p->listener[0] < 0 || p->listener[1] < 0)
		return -1;
	return pthread_create(&p->thread[0], NULL, proxy_data, p) ||
		       pthread_create(&p->thread[1], NULL, proxy_ctrl, p)
		   ? -1
		   : 0;
}

/* Clients must have gone before. */
static inline void proxy_stop(struct proxy *p)
{
	for (int i = 0; i < 2; i++) {
		shutdown(p->listener[i], SHUT_RDWR);
		pthread_join(p->thread[i], NULL);
		close(p->listener[i]);
	}
	unlink(p->path);
	strcat(p->path, ".ctrl");
	unlink(p->path);
}

static inline void proxy_plan(struct proxy *p, enum proxy_fault fault, unsigned int skip, unsigned int count,
			      uint32_t rc)
{
	pthread_mutex_lock(&p->lock);
	p->fault = fault;
	p->skip = skip;
	p->count = count;
	p->rc = rc;
	p->seen = p->executed = 0;
	pthread_mutex_unlock(&p->lock);
}

static inline void proxy_refuse(struct proxy *p, bool refuse)
{
	pthread_mutex_lock(&p->lock);
	p->refuse = refuse;
	pthread_mutex_unlock(&p->lock);
}

static inline unsigned int proxy_executed(struct proxy *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->lock);
	n = p->executed;
	pthread_mutex_unlock(&p->lock);
	return n;
}

#endif
