/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records for the journal: their bytes, a socket that is full, gone or not there, and log lines that go there. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <imad/journal.h>
#include <imad/log.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

static char dir[TMPDIR_PATH], path[100];
static int server = -1;

static void make_journal(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(server >= 0);
	assert_int_equal(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
}

static int setup(void **state)
{
	(void)state;
	if (tmpdir_make(dir) < 0)
		return -1;
	snprintf(path, sizeof(path), "%.90s/socket", dir);
	make_journal();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(server);
	tmpdir_remove(dir);
	return 0;
}

static const char *received(void)
{
	static char packet[8192];
	ssize_t n = recv(server, packet, sizeof(packet) - 1, MSG_DONTWAIT);

	packet[n > 0 ? n : 0] = '\0';
	return packet;
}

static void bytes_of_a_record(void **state)
{
	/* As https://systemd.io/JOURNAL_NATIVE_PROTOCOL has it. */
	static const char wanted[] = "A=1\nB\n\3\0\0\0\0\0\0\0x\ny\nC=\nD=a=b \xff\n";
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	journal_addf(&b, "A", "%d", 1);
	journal_add(&b, "B", "x\ny", 3);
	journal_addf(&b, "C", "%s", "");
	journal_add(&b, "D", "a=b \xff", 5);
	assert_int_equal(b.len, sizeof(wanted) - 1);
	assert_memory_equal(b.data, wanted, b.len);
}

static void which_stream_is_the_journal(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(server, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	assert_true(journal_is(stream, server));
	assert_false(journal_is(stream, STDIN_FILENO));
	assert_false(journal_is(NULL, server));
	assert_false(journal_is("", server));
	strcat(stream, "1");
	assert_false(journal_is(stream, server));
	assert_false(journal_is("9:x", server));
}

static void never_waits(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };
	int r = 0;

	(void)state;
	journal_addf(&b, "A", "%0500d", 1);
	assert_ok(journal_send(path, &b));
	assert_int_equal(strlen(received()), b.len);
	for (unsigned int i = 0; i < 100000 && r == 0; i++)
		r = journal_send(path, &b);
	assert_int_equal(r, -EAGAIN);
	/* A journal that was started again is found again. */
	close(server);
	assert_int_equal(journal_send(path, &b), -ECONNREFUSED);
	make_journal();
	assert_ok(journal_send(path, &b));
	unlink(path);
	assert_int_equal(journal_send(path, &b), -ENOENT);
}

/* stderr is a file whose content is returned. */
static const char *with_stderr(void (*fn)(void))
{
	static char text[65536];
	char name[TMPDIR_PATH + 16];
	int saved = dup(STDERR_FILENO), fd;
	ssize_t n;

	snprintf(name, sizeof(name), "%s/stderr", dir);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	dup2(fd, STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	close(saved);
	unlink(name);
	return text;
}

static void log_one(void)
{
	cleanup(buf_done) struct buf fields = { 0 };

	journal_addf(&fields, "X_ONE", "%d", 1);
	log_to_journal(path);
	assert_ok(log_start());
	log_record(LOG_WARNING, &fields, "it %s", "failed");
	log_msg(LOG_NOTICE, "a line");
	log_stop();
	log_to_journal(NULL);
}

static void a_line_goes_there_instead(void **state)
{
	(void)state;
	assert_string_equal(with_stderr(log_one), "<5>a line\n");
	assert_string_equal(received(), "MESSAGE=it failed\nPRIORITY=4\nSYSLOG_IDENTIFIER=imad\nX_ONE=1\n");
	assert_string_equal(received(), "");
}

static void without_a_journal_it_is_a_line(void **state)
{
	(void)state;
	unlink(path);
	assert_string_equal(with_stderr(log_one), "<4>it failed\n<5>a line\n");
}

static void log_many(void)
{
	cleanup(buf_done) struct buf fields = { 0 };

	journal_addf(&fields, "X", "%0500d", 1);
	while (journal_send(path, &fields) == 0)
		;
	log_one();
}

static void a_full_journal_costs_the_record(void **state)
{
	const uint64_t before = log_dropped();
	const char *text = with_stderr(log_many);

	(void)state;
	assert_int_equal(log_dropped(), before + 1);
	assert_null(strstr(text, "it failed"));
	assert_non_null(strstr(text, "1 log lines dropped"));
	assert_non_null(strstr(text, "<5>a line"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_a_record),
		cmocka_unit_test_setup_teardown(which_stream_is_the_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(never_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_goes_there_instead, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_journal_it_is_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_journal_costs_the_record, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
