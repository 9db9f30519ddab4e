/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: a bounded ring of finished lines and the one thread that writes them
 * to stderr. Makers of lines hold the lock for a copy of at most LOG_LINE_MAX
 * bytes and never wait for the reader of stderr.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <imad/journal.h>
#include <imad/log.h>
#include <imad/util.h>

#define LOG_RING 128 /* lines that may wait */

struct line {
	struct buf record; /* for the journal; empty: the text goes to stderr. The line's that is in the ring, or taken off it */
	size_t len;
	char text[LOG_LINE_MAX];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running, stop;
	const char *journal; /* NULL: none */
	int level;
	unsigned int head, n; /* oldest line, lines waiting */
	uint64_t dropped;
	uint64_t told; /* how many drops a line has told of; the thread's */
	struct line ring[LOG_RING];
} the_log = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.level = LOG_INFO,
};

/* A reader that went away or is not there costs the line, nothing else. */
static void line_write(const struct line *l)
{
	size_t done = 0;
	ssize_t n;

	while (done < l->len) {
		n = write(STDERR_FILENO, l->text + done, l->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

/* To the journal, or to stderr if nobody listens there. A journal without room costs the line. */
static void line_deliver(struct line *l)
{
	int r = l->record.len ? journal_send(the_log.journal, &l->record) : -ENOENT;

	buf_done(&l->record);
	if (r == -EAGAIN || r == -ENOBUFS) {
		pthread_mutex_lock(&the_log.lock);
		the_log.dropped++;
		pthread_mutex_unlock(&the_log.lock);
	} else if (r < 0) {
		line_write(l);
	}
}

/* C0, DEL, and C1 in its UTF-8 form: what a terminal or a reader of lines would obey. */
static bool is_control(unsigned char c, unsigned char before)
{
	return c < 0x20 || c == 0x7f || (before == 0xc2 && c >= 0x80 && c <= 0x9f);
}

/* Finish a line: prefix, text without control characters, newline. A text too long is cut and says so. */
static void line_make(struct line *l, int level, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	static const char cut[] = "...";
	const size_t room = sizeof(l->text) - sizeof(cut); /* keeps place for "..." and the newline */
	unsigned char before = 0, c;

	l->record = (struct buf){ 0 };
	l->len = 0;
	if (!isatty(STDERR_FILENO))
		l->len = (size_t)snprintf(l->text, sizeof(l->text), "<%d>", level & LOG_PRIMASK);
	for (; (c = (unsigned char)*text); text++, before = c) {
		bool escape = is_control(c, before);

		if (l->len + (escape ? 4 : 1) > room) {
			memcpy(l->text + l->len, cut, sizeof(cut) - 1);
			l->len += sizeof(cut) - 1;
			break;
		}
		if (escape) {
			l->text[l->len++] = '\\';
			l->text[l->len++] = 'x';
			l->text[l->len++] = hex[c >> 4];
			l->text[l->len++] = hex[c & 15];
		} else {
			l->text[l->len++] = (char)c;
		}
	}
	l->text[l->len++] = '\n';
}

/* Take the oldest line; false when there is none and the thread shall end. */
static bool line_next(struct line *ret)
{
	bool got;

	pthread_mutex_lock(&the_log.lock);
	while (!the_log.n && !the_log.stop)
		pthread_cond_wait(&the_log.work, &the_log.lock);
	got = the_log.n > 0;
	if (got) {
		struct line *l = &the_log.ring[the_log.head];

		ret->record = l->record;
		l->record = (struct buf){ 0 };
		ret->len = l->len;
		memcpy(ret->text, l->text, l->len);
		the_log.head = (the_log.head + 1) % LOG_RING;
		the_log.n--;
	}
	pthread_mutex_unlock(&the_log.lock);
	return got;
}

static void *log_thread(void *arg)
{
	uint64_t dropped;
	struct line l;
	char text[64];

	(void)arg;
	while (line_next(&l)) {
		line_deliver(&l);
		dropped = log_dropped();
		if (dropped == the_log.told)
			continue;
		snprintf(text, sizeof(text), "%llu log lines dropped",
			 (unsigned long long)(dropped - the_log.told));
		line_make(&l, LOG_WARNING, text);
		line_write(&l);
		the_log.told = dropped;
	}
	return NULL;
}

/* Takes @l->record over. */
static void line_put(struct line *l)
{
	bool direct;

	pthread_mutex_lock(&the_log.lock);
	direct = !the_log.running;
	if (!direct && the_log.n == LOG_RING) {
		the_log.dropped++;
	} else if (!direct) {
		struct line *to = &the_log.ring[(the_log.head + the_log.n) % LOG_RING];

		to->record = l->record;
		l->record = (struct buf){ 0 };
		to->len = l->len;
		memcpy(to->text, l->text, l->len);
		the_log.n++;
		pthread_cond_signal(&the_log.work);
	}
	pthread_mutex_unlock(&the_log.lock);
	if (direct)
		line_write(l);
	buf_done(&l->record);
}

void log_to_journal(const char *path)
{
	__atomic_store_n(&the_log.journal, path, __ATOMIC_RELEASE);
}

void log_set_level(int level)
{
	__atomic_store_n(&the_log.level, level, __ATOMIC_RELAXED);
}

static bool wanted(int level)
{
	return level <= __atomic_load_n(&the_log.level, __ATOMIC_RELAXED);
}

int log_start(void)
{
	int r = 0;

	pthread_mutex_lock(&the_log.lock);
	if (!the_log.running) {
		the_log.stop = false;
		r = -pthread_create(&the_log.thread, NULL, log_thread, NULL);
		the_log.running = r == 0;
	}
	pthread_mutex_unlock(&the_log.lock);
	return r;
}

void log_stop(void)
{
	bool running;

	pthread_mutex_lock(&the_log.lock);
	running = the_log.running;
	the_log.running = false;
	the_log.stop = true;
	pthread_cond_signal(&the_log.work);
	pthread_mutex_unlock(&the_log.lock);
	if (running)
		pthread_join(the_log.thread, NULL);
}

uint64_t log_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&the_log.lock);
	n = the_log.dropped;
	pthread_mutex_unlock(&the_log.lock);
	return n;
}

void log_msg(int level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	struct line l;
	va_list ap;

	if (!wanted(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_make(&l, level, text);
	line_put(&l);
}

void log_record(int level, const struct buf *fields, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	struct line l;
	size_t prefix;
	va_list ap;

	if (!wanted(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_make(&l, level, text);
	if (__atomic_load_n(&the_log.journal, __ATOMIC_ACQUIRE)) {
		prefix = l.text[0] == '<' ? 3 : 0;
		journal_add(&l.record, "MESSAGE", l.text + prefix, l.len - prefix - 1);
		journal_addf(&l.record, "PRIORITY", "%d", level & LOG_PRIMASK);
		journal_addf(&l.record, "SYSLOG_IDENTIFIER", "imad");
		buf_add(&l.record, fields->data, fields->len);
		if (buf_error(&l.record) < 0)
			buf_done(&l.record);
	}
	line_put(&l);
}

int log_errno(int level, int r, const char *fmt, ...)
{
	char text[LOG_LINE_MAX], number[32];
	struct line l;
	va_list ap;
	size_t n;

	if (!wanted(level))
		return r;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", strerror_r(-r, number, sizeof(number)));
	line_make(&l, level, text);
	line_put(&l);
	return r;
}
