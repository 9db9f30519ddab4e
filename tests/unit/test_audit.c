// SPDX-License-Identifier: GPL-2.0-or-later
/* Audit: who did it, as /proc tells, and the body of a record as the kernel prints it. */
#include "test.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <imad/audit.h>
#include <imad/log.h>
#include <imad/util.h>

static const struct digest digest = { .algo = ALGO_SHA256, .size = 3, .bytes = { 0xab, 0xcd, 0x01 } };

static struct audit_subject somebody(void)
{
	return (struct audit_subject){
		.pid = 2, .ppid = 1, .auid = AUDIT_UNSET, .ses = 7, .uid = 1000, .gid = 100, .euid = 3, .suid = 4, .fsuid = 5,
		.egid = 6, .sgid = 8, .fsgid = 9, .tty = "pts0", .comm = "cat", .exe = "/usr/bin/cat",
	};
}

static void assert_body(const struct audit_subject *s, const char *file, const char *want)
{
	cleanup(buf_done) struct buf out = { 0 };

	audit_rule_body(s, file, &digest, &out);
	assert_ok(buf_error(&out));
	buf_add_u8(&out, '\0');
	assert_string_equal((char *)out.data, want);
}

static void body_as_the_kernel_prints_it(void **state)
{
	struct audit_subject s = somebody();

	(void)state;
	assert_body(&s, "/etc/passwd",
		    "file=\"/etc/passwd\" hash=\"sha256:abcd01\" ppid=1 pid=2 auid=4294967295 uid=1000 gid=100 euid=3 "
		    "suid=4 fsuid=5 egid=6 sgid=8 fsgid=9 tty=pts0 ses=7 comm=\"cat\" exe=\"/usr/bin/cat\"");
}

/* As integrity_audit_msg() prints it, and behind that the number that imactl explain takes. */
static void body_of_a_failure(void **state)
{
	struct audit_subject s = { .pid = 384, .uid = 0, .auid = AUDIT_UNSET, .ses = AUDIT_UNSET, .comm = "other" };
	struct audit_failure f = {
		.op = "appraise_data", .cause = "invalid-hash", .comm = "cat", .name = "/tmp/a b", .dev = "tmpfs", .ino = 11, .event = 12,
	};
	static const char want[] = "pid=384 uid=0 auid=4294967295 ses=4294967295 op=appraise_data cause=invalid-hash comm=\"cat\" "
				   "name=2F746D702F612062 dev=\"tmpfs\" ino=11 res=0 errno=0 event=12";
	cleanup(buf_done) struct buf out = { 0 };

	(void)state;
	audit_failure_body(&s, &f, &out);
	assert_ok(buf_error(&out));
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, out.len);
	buf_reset(&out);
	f.ino = 0; /* no file */
	f.event = 0;
	f.comm = NULL;
	f.name = "kexec_load";
	audit_failure_body(&s, &f, &out);
	buf_add_u8(&out, '\0');
	assert_string_equal((char *)out.data, "pid=384 uid=0 auid=4294967295 ses=4294967295 op=appraise_data cause=invalid-hash "
					       "comm=\"other\" name=\"kexec_load\" res=0 errno=0");
}

/* Names are chosen by whoever is audited. */
static void names_cannot_forge_fields(void **state)
{
	struct audit_subject s = somebody();

	(void)state;
	strcpy(s.comm, "a b");
	strcpy(s.exe, "/x\" uid=0");
	assert_body(&s, "/\xc3\xa4\n",
		    "file=2FC3A40A hash=\"sha256:abcd01\" ppid=1 pid=2 auid=4294967295 uid=1000 gid=100 euid=3 "
		    "suid=4 fsuid=5 egid=6 sgid=8 fsgid=9 tty=pts0 ses=7 comm=612062 exe=2F7822207569643D30");
}

static void this_process(void **state)
{
	struct audit_subject s;
	char exe[4096] = "", comm[16];

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_ok(prctl(PR_SET_NAME, "a) b (c"));
	assert_ok(prctl(PR_GET_NAME, comm));
	audit_subject(getpid(), 12345, &s);
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.ppid, getppid());
	assert_int_equal(s.uid, getuid());
	assert_int_equal(s.euid, geteuid());
	assert_int_equal(s.fsgid, getegid());
	assert_string_equal(s.comm, comm);
	assert_string_equal(s.exe, exe);
	assert_true(s.tty[0]);
}

static void process_that_has_gone(void **state)
{
	struct audit_subject s;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	audit_subject(pid, 12345, &s);
	assert_int_equal(s.pid, pid);
	assert_int_equal(s.uid, 12345);
	assert_int_equal(s.euid, AUDIT_UNSET);
	assert_int_equal(s.auid, AUDIT_UNSET);
	assert_string_equal(s.comm, "");
	assert_string_equal(s.tty, "(none)");
}

static void queue_is_bounded_and_never_waits(void **state)
{
	cleanup(buf_done) struct buf body = { 0 };
	uint64_t before = audit_dropped();

	(void)state;
	buf_add_str(&body, "x=1");
	audit_send(LOG_NOTICE, "test", &body, NULL); /* nobody sends yet */
	assert_int_equal(audit_dropped(), before + 1);
	assert_ok(audit_start());
	audit_stop();
	audit_stop();
	audit_send(LOG_NOTICE, "test", &body, NULL);
	assert_int_equal(audit_dropped(), before + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_as_the_kernel_prints_it),
		cmocka_unit_test(body_of_a_failure),
		cmocka_unit_test(names_cannot_forge_fields),
		cmocka_unit_test(this_process),
		cmocka_unit_test(process_that_has_gone),
		cmocka_unit_test(queue_is_bounded_and_never_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
