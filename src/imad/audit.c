// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the audit socket, the queue in front of it and the thread that sends: the
 * audit system can make its writers wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libaudit.h>

#include <imad/audit.h>
#include <imad/log.h>
#include <imad/util.h>

#define QUEUE_MAX 1024	/* records that may wait */
#define TEXT_MAX 8000	/* bytes of one record; the kernel cuts at AUDIT_MESSAGE_TEXT_MAX (8560) */
#define PTS_MAJOR_FIRST 136
#define PTS_MAJOR_LAST 143

struct record {
	struct record *next;
	char text[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running, stop;
	struct record *head, **tail;
	unsigned int n;
	uint64_t dropped;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER };

/* One line of /proc/PID/@name, without its newline; empty if there is none. */
static void read_line(uint32_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	FILE *f;

	ret[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(ret, (int)size, f))
		ret[0] = '\0';
	fclose(f);
	ret[strcspn(ret, "\n")] = '\0';
}

static uint32_t read_id(uint32_t pid, const char *name)
{
	char line[32];
	uint32_t id;

	read_line(pid, name, line, sizeof(line));
	return sscanf(line, "%u", &id) == 1 ? id : AUDIT_UNSET;
}

static void read_status(struct audit_subject *s)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", s->pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		(void)sscanf(line, "PPid: %u", &s->ppid);
		(void)sscanf(line, "Uid: %u %u %u %u", &s->uid, &s->euid, &s->suid, &s->fsuid);
		(void)sscanf(line, "Gid: %u %u %u %u", &s->gid, &s->egid, &s->sgid, &s->fsgid);
	}
	fclose(f);
}

/* The kernel's name of the terminal with device number @dev, as /proc/PID/stat has it. */
static void name_tty(unsigned int dev, char *ret, size_t size)
{
	unsigned int major = dev >> 8 & 0xfff, minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	char path[64], link[256];
	const char *last;
	ssize_t n;

	if (!dev)
		return;
	if (major >= PTS_MAJOR_FIRST && major <= PTS_MAJOR_LAST) {
		snprintf(ret, size, "pts%u", (major - PTS_MAJOR_FIRST) * 256 + minor);
		return;
	}
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major, minor);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return;
	link[n] = '\0';
	last = strrchr(link, '/');
	snprintf(ret, size, "%.31s", last ? last + 1 : link);
}

static void read_tty(struct audit_subject *s)
{
	char line[512], *after;
	unsigned int dev;

	read_line(s->pid, "stat", line, sizeof(line));
	after = strrchr(line, ')'); /* the name before it may have any byte */
	if (after && sscanf(after, ") %*c %*d %*d %*d %u", &dev) == 1)
		name_tty(dev, s->tty, sizeof(s->tty));
}

static void read_exe(struct audit_subject *s)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", s->pid);
	n = readlink(path, s->exe, sizeof(s->exe) - 1);
	s->exe[n > 0 ? n : 0] = '\0';
}

void audit_subject(uint32_t pid, uint32_t uid, struct audit_subject *ret)
{
	*ret = (struct audit_subject){
		.pid = pid, .uid = uid, .euid = AUDIT_UNSET, .suid = AUDIT_UNSET, .fsuid = AUDIT_UNSET,
		.gid = AUDIT_UNSET, .egid = AUDIT_UNSET, .sgid = AUDIT_UNSET, .fsgid = AUDIT_UNSET,
		.tty = "(none)",
	};
	ret->auid = read_id(pid, "loginuid");
	ret->ses = read_id(pid, "sessionid");
	read_line(pid, "comm", ret->comm, sizeof(ret->comm));
	read_status(ret);
	read_tty(ret);
	read_exe(ret);
}

/* name="value", or name=HEX where the value has what would end it. */
static void add_untrusted(struct buf *out, const char *name, const char *value)
{
	cleanup_free char *pair = audit_encode_nv_string(name, value, 0);

	buf_add_str(out, pair ? pair : "?");
}

void audit_rule_body(const struct audit_subject *s, const char *file, const struct digest *digest, struct buf *out)
{
	add_untrusted(out, "file", file);
	buf_addf(out, " hash=\"%s:", algo_by_id(digest->algo)->name);
	buf_add_hex(out, digest->bytes, digest->size);
	buf_addf(out, "\" ppid=%u pid=%u auid=%u uid=%u gid=%u euid=%u suid=%u fsuid=%u egid=%u sgid=%u fsgid=%u tty=%s ses=%u ",
		 s->ppid, s->pid, s->auid, s->uid, s->gid, s->euid, s->suid, s->fsuid, s->egid, s->sgid, s->fsgid, s->tty,
		 s->ses);
	add_untrusted(out, "comm", s->comm);
	buf_add_str(out, " ");
	if (s->exe[0])
		add_untrusted(out, "exe", s->exe);
	else
		buf_add_str(out, "exe=(null)");
}

void audit_failure_body(const struct audit_subject *s, const struct audit_failure *f, struct buf *out)
{
	buf_addf(out, "pid=%u uid=%u auid=%u ses=%u op=%s cause=%s ", s->pid, s->uid, s->auid, s->ses, f->op, f->cause);
	add_untrusted(out, "comm", f->comm ? f->comm : s->comm);
	buf_add_str(out, " ");
	add_untrusted(out, "name", f->name);
	if (f->ino) {
		buf_add_str(out, " ");
		add_untrusted(out, "dev", f->dev);
		buf_addf(out, " ino=%llu", (unsigned long long)f->ino);
	}
	buf_add_str(out, " res=0 errno=0");
	if (f->event)
		buf_addf(out, " event=%llu", (unsigned long long)f->event);
}

static struct record *take_record(void)
{
	struct record *r;

	pthread_mutex_lock(&queue.lock);
	while (!queue.head && !queue.stop)
		pthread_cond_wait(&queue.work, &queue.lock);
	r = queue.head;
	if (r) {
		queue.head = r->next;
		queue.n--;
	}
	if (!queue.head)
		queue.tail = &queue.head;
	pthread_mutex_unlock(&queue.lock);
	return r;
}

static void *run_sender(void *arg)
{
	int fd = audit_open();
	struct record *r;
	bool failing = false;

	(void)arg;
	pthread_setname_np(pthread_self(), "audit");
	while ((r = take_record())) {
		bool failed = fd < 0 || audit_log_user_message(fd, AUDIT_TRUSTED_APP, r->text, NULL, NULL, NULL, 1) <= 0;

		if (failed && !failing)
			log_errno(LOG_WARNING, errno ? -errno : -EIO, "no audit system; audit records are only in this log");
		failing = failed;
		free(r);
	}
	if (fd >= 0)
		audit_close(fd);
	return NULL;
}

int audit_start(void)
{
	int r;

	queue.tail = &queue.head;
	queue.stop = false;
	r = -pthread_create(&queue.thread, NULL, run_sender, NULL);
	queue.running = r == 0;
	return r < 0 ? log_errno(LOG_ERR, r, "cannot start the audit thread") : 0;
}

void audit_stop(void)
{
	if (!queue.running)
		return;
	pthread_mutex_lock(&queue.lock);
	queue.stop = true;
	pthread_cond_signal(&queue.work);
	pthread_mutex_unlock(&queue.lock);
	pthread_join(queue.thread, NULL);
	queue.running = false;
}

static bool put(struct record *r)
{
	bool room;

	pthread_mutex_lock(&queue.lock);
	room = r && queue.running && queue.n < QUEUE_MAX;
	if (room) {
		*queue.tail = r;
		queue.tail = &r->next;
		queue.n++;
		pthread_cond_signal(&queue.work);
	} else {
		queue.dropped++;
	}
	pthread_mutex_unlock(&queue.lock);
	return room;
}

void audit_send(int level, const char *op, const struct buf *body, const struct buf *fields)
{
	struct record *r = calloc(1, sizeof(*r) + TEXT_MAX + 1);

	if (fields)
		log_record(level, fields, "audit: %s %.*s", op, (int)body->len, (const char *)body->data);
	else
		log_msg(level, "audit: %s %.*s", op, (int)body->len, (const char *)body->data);
	if (r)
		snprintf(r->text, TEXT_MAX + 1, "op=%s %.*s", op, (int)body->len, (const char *)body->data);
	if (!put(r))
		free(r);
}

uint64_t audit_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&queue.lock);
	n = queue.dropped;
	pthread_mutex_unlock(&queue.lock);
	return n;
}
