/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection for all: the daemon takes requests one after the other, and connections only some hundred a second. */
#include <pthread.h>
#include <string.h>
#include <sys/xattr.h>

#include <imad/ctl.h>

#include "setlabel.h"

#define TIMEOUT_S 600

static struct {
	pthread_mutex_t lock;
	int fd;		  /* to the daemon, -1: none yet */
	bool protects; /* the daemon said so: it is asked first */
	bool asked;
} daemon_link = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* The one that is there may have been idle for too long: then another one, once. */
static int ask(const struct imactl *ctl, const char *payload, int with, struct buf *answer)
{
	bool fresh = daemon_link.fd < 0;
	struct why why;
	int r = fresh ? client_open(ctl, TIMEOUT_S, &daemon_link.fd, &why) : 0;

	if (r == 0)
		r = client_ask(daemon_link.fd, CTL_LABEL, payload, with, answer, &why);
	if (r == 0 || daemon_link.fd < 0 || r == -EOPNOTSUPP)
		return r;
	close(daemon_link.fd);
	daemon_link.fd = -1;
	return fresh ? r : ask(ctl, payload, with, answer);
}

static int ask_to_set(const struct imactl *ctl, int fd, const void *label, size_t n)
{
	cleanup(buf_done) struct buf payload = { 0 }, answer = { 0 };
	int r;

	buf_add_str(&payload, "{\"label\":\"");
	buf_add_hex(&payload, label, n);
	buf_add(&payload, "\"}", 3);
	if (buf_error(&payload) < 0)
		return -ENOMEM;
	pthread_mutex_lock(&daemon_link.lock);
	r = ask(ctl, (const char *)payload.data, fd, &answer);
	daemon_link.asked = true;
	daemon_link.protects = r == 0 || (daemon_link.protects && r != -EOPNOTSUPP && r != -ENOENT && r != -ECONNREFUSED);
	pthread_mutex_unlock(&daemon_link.lock);
	return r;
}

static bool asks_first(void)
{
	bool ask;

	pthread_mutex_lock(&daemon_link.lock);
	ask = daemon_link.protects || !daemon_link.asked;
	pthread_mutex_unlock(&daemon_link.lock);
	return ask;
}

int set_label(const struct imactl *ctl, int fd, const void *label, size_t n)
{
	int r;

	/* The daemon first: it tells at once, where trying would be refused and told of. */
	if (asks_first() && geteuid() == 0 && ask_to_set(ctl, fd, label, n) == 0)
		return 0;
	if (fsetxattr(fd, "security.ima", label, n, 0) == 0)
		return 0;
	r = -errno;
	if (r == -EPERM && geteuid() == 0 && ask_to_set(ctl, fd, label, n) == 0) /* it has begun to enforce */
		return 0;
	return r;
}

int set_mac(const struct imactl *ctl, int fd)
{
	cleanup(buf_done) struct buf answer = { 0 };
	int r;

	pthread_mutex_lock(&daemon_link.lock);
	r = ask(ctl, "{\"hmac\":1}", fd, &answer);
	pthread_mutex_unlock(&daemon_link.lock);
	return r == -ENOENT || r == -ECONNREFUSED ? -EPERM : r;
}

int set_label_unread(const struct imactl *ctl, int fd, const char *algo, bool force)
{
	cleanup(buf_done) struct buf answer = { 0 };
	char payload[128];
	int r;

	snprintf(payload, sizeof(payload), "{\"hash\":\"%s\",\"force\":%d}", algo, force);
	pthread_mutex_lock(&daemon_link.lock);
	r = ask(ctl, payload, fd, &answer);
	pthread_mutex_unlock(&daemon_link.lock);
	buf_add_u8(&answer, '\0');
	if (r == -ENOENT || r == -ECONNREFUSED || r == -EPERM || buf_error(&answer) < 0)
		return -EACCES;
	if (r < 0)
		return r;
	if (strstr((const char *)answer.data, "\"signed\""))
		return -EKEYREJECTED;
	return strstr((const char *)answer.data, "\"labelled\"") ? 1 : 0;
}
