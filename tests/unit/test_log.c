/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log: form of a line, escapes, cuts, and a ring that drops instead of waiting. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/util.h>

#include "test.h"

static int saved_stderr = -1, read_end = -1;

/* stderr becomes a pipe that nobody reads until the test does. */
static int pipe_stderr(void **state)
{
	int p[2];

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	if (saved_stderr < 0 || pipe(p) < 0 || fcntl(p[1], F_SETPIPE_SZ, 4096) < 0)
		return -1;
	dup2(p[1], STDERR_FILENO);
	close(p[1]);
	read_end = p[0];
	return 0;
}

static int restore_stderr(void **state)
{
	(void)state;
	log_set_level(LOG_INFO);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(read_end);
	return 0;
}

static const char *got(void)
{
	static char text[8192];
	ssize_t n = read(read_end, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = 0;
	return text;
}

static void test_line(void **state)
{
	(void)state;
	log_msg(LOG_ERR, "refused '%s' %d", "x", 7);
	assert_string_equal(got(), "<3>refused 'x' 7\n");
	assert_int_equal(log_errno(LOG_WARNING, -ENOENT, "no %s", "list"), -ENOENT);
	assert_string_equal(got(), "<4>no list: No such file or directory\n");
}

static void test_level(void **state)
{
	(void)state;
	log_set_level(LOG_WARNING);
	log_msg(LOG_INFO, "quiet");
	assert_int_equal(log_errno(LOG_DEBUG, -EIO, "quiet"), -EIO);
	log_msg(LOG_WARNING, "told");
	assert_string_equal(got(), "<4>told\n");
}

static void test_escape(void **state)
{
	(void)state;
	log_msg(LOG_INFO, "a\nb\x1b[0m\x7f \xc3\xa9 \xc2\x9b.");
	assert_string_equal(got(), "<6>a\\x0ab\\x1b[0m\\x7f \xc3\xa9 \xc2\\x9b.\n");
}

static void test_cut(void **state)
{
	char text[2 * LOG_LINE_MAX];
	const char *line;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	log_msg(LOG_INFO, "%s", text);
	line = got();
	n = strlen(line);
	assert_true(n <= LOG_LINE_MAX);
	assert_string_equal(line + n - 5, "x...\n");

	memset(text, '\n', sizeof(text) - 1);
	log_msg(LOG_INFO, "%s", text);
	line = got();
	assert_true(strlen(line) <= LOG_LINE_MAX);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

struct drained {
	unsigned int lines;
	unsigned long long told; /* sum of "N log lines dropped" */
};

static void *drain(void *arg)
{
	struct drained *d = arg;
	FILE *f = fdopen(dup(read_end), "r");
	char line[LOG_LINE_MAX + 1];
	unsigned long long n;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "<4>%llu log lines dropped", &n) == 1)
			d->told += n;
		else
			d->lines++;
	}
	fclose(f);
	return NULL;
}

/* Nobody reads: makers must not wait; what finds no room is counted and told of later. */
static void test_drop(void **state)
{
	const unsigned int n = 2000;
	struct drained d = { 0 };
	pthread_t reader;
	uint64_t dropped;

	(void)state;
	assert_ok(log_start());
	for (unsigned int i = 0; i < n; i++)
		log_msg(LOG_INFO, "line %u of a log that nobody reads, long enough to fill a pipe", i);
	dropped = log_dropped();
	assert_true(dropped > 0 && dropped < n);
	assert_ok(pthread_create(&reader, NULL, drain, &d));
	log_stop();
	dup2(saved_stderr, STDERR_FILENO); /* last writer gone: the reader ends */
	pthread_join(reader, NULL);
	assert_int_equal(log_dropped(), dropped);
	assert_int_equal(d.lines, n - dropped);
	assert_int_equal(d.told, dropped);
}

static void test_restart(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_ok(log_start());
		assert_ok(log_start());
		log_msg(LOG_NOTICE, "round %d", i);
		log_stop();
		log_stop();
	}
	assert_string_equal(got(), "<5>round 0\n<5>round 1\n<5>round 2\n");
	log_msg(LOG_NOTICE, "direct");
	assert_string_equal(got(), "<5>direct\n");
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, pipe_stderr, restore_stderr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_line), LOG_TEST(test_level), LOG_TEST(test_escape),
		LOG_TEST(test_cut),  LOG_TEST(test_drop),  LOG_TEST(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
