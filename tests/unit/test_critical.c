// SPDX-License-Identifier: GPL-2.0-or-later
/* Critical data: SELinux from a folder that looks like selinuxfs, tables of device-mapper from bytes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <linux/dm-ioctl.h>

#include <imad/buf.h>
#include <imad/critical.h>
#include <imad/digest.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#define RECORDS_MAX 8

static struct {
	char event[64];
	char text[8192];
	size_t n;
} records[RECORDS_MAX];
static unsigned int n_records;

static char tmp[TMPDIR_PATH];
static struct critical *critical;

static void on_record(void *arg, const char *event, const void *data, size_t n)
{
	assert_ptr_equal(arg, records);
	assert_true(n_records < RECORDS_MAX && n < sizeof(records->text));
	snprintf(records[n_records].event, sizeof(records->event), "%s", event);
	memcpy(records[n_records].text, data, n);
	records[n_records].text[n] = '\0';
	records[n_records++].n = n;
}

static void put(const char *name, const void *data, size_t n)
{
	char path[2 * TMPDIR_PATH];
	cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void put_status(uint32_t sequence)
{
	uint32_t page[5] = { 1, sequence };

	put("status", page, sizeof(page));
}

static int selinux(void)
{
	n_records = 0;
	return critical_selinux(critical, on_record, records);
}

static int setup_selinux(void **state)
{
	char path[2 * TMPDIR_PATH];

	(void)state;
	if (tmpdir_make(tmp) < 0 || critical_new(tmp, algo_by_id(ALGO_SHA256), &critical) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/policy_capabilities", tmp);
	if (mkdir(path, 0700) < 0)
		return -1;
	put_text("enforce", "0");
	put_text("checkreqprot", "0");
	put_status(2);
	return 0;
}

static int teardown_selinux(void **state)
{
	(void)state;
	critical_free(critical);
	tmpdir_remove(tmp);
	return 0;
}

static void test_without_selinux(void **state)
{
	char path[2 * TMPDIR_PATH];
	cleanup(critical_freep) struct critical *none = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/not-there", tmp);
	assert_ok(critical_new(path, algo_by_id(ALGO_SHA256), &none));
	n_records = 0;
	assert_ok(critical_selinux(none, on_record, records));
	assert_int_equal(n_records, 0);

	snprintf(path, sizeof(path), "%s/enforce", tmp); /* the folder alone, as without a mount */
	assert_ok(unlink(path));
	assert_ok(selinux());
	assert_int_equal(n_records, 0);
}

static void test_state(void **state)
{
	(void)state;
	put_text("enforce", "1\n");
	assert_ok(selinux());
	assert_int_equal(n_records, 1);
	assert_string_equal(records[0].event, "selinux-state");
	assert_string_equal(records[0].text, "initialized=0;enforcing=1;checkreqprot=0;");

	put_text("checkreqprot", "1"); /* which does not move the status */
	assert_ok(selinux());
	assert_string_equal(records[0].text, "initialized=0;enforcing=1;checkreqprot=1;");
}

/* The order is that of the inode numbers, which are neither those of the names nor of the folder. */
static void test_capabilities(void **state)
{
	static const char *const names[] = { "zebra", "open_perms", "always", "network", "cgroup", "b", "nnp" };
	char path[2 * TMPDIR_PATH], expected[512] = "initialized=0;enforcing=0;checkreqprot=0;";
	ino_t last = 0;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "policy_capabilities/%s", names[i]);
		put_text(path, i % 2 ? "1" : "0");
	}
	for (unsigned int done = 0; done < ARRAY_SIZE(names); done++) {
		unsigned int next = ARRAY_SIZE(names);
		ino_t least = (ino_t)-1;

		for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
			struct stat st;

			snprintf(path, sizeof(path), "%s/policy_capabilities/%s", tmp, names[i]);
			assert_ok(stat(path, &st));
			if (st.st_ino > last && st.st_ino < least) {
				least = st.st_ino;
				next = i;
			}
		}
		assert_true(next < ARRAY_SIZE(names));
		last = least;
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s=%u;", names[next], next % 2);
	}
	assert_ok(selinux());
	assert_string_equal(records[0].text, expected);
}

static void assert_policy(const char *text)
{
	struct digest digest;

	assert_ok(digest_buf(algo_by_id(ALGO_SHA256), text, strlen(text), &digest));
	assert_int_equal(n_records, 2);
	assert_string_equal(records[0].text, "initialized=1;enforcing=0;checkreqprot=0;");
	assert_string_equal(records[1].event, "selinux-policy-hash");
	assert_int_equal(records[1].n, digest.size);
	assert_memory_equal(records[1].text, digest.bytes, digest.size);
}

static void test_policy(void **state)
{
	char path[2 * TMPDIR_PATH];

	(void)state;
	put_text("policy", "first");
	assert_ok(selinux());
	assert_policy("first");
	put_text("policy", "second");
	assert_ok(selinux());
	assert_policy("first"); /* not read again */
	put_status(4);
	assert_ok(selinux());
	assert_policy("second");

	/* Without a status it is read each time. */
	snprintf(path, sizeof(path), "%s/status", tmp);
	assert_ok(unlink(path));
	put_text("policy", "third");
	assert_ok(selinux());
	assert_policy("third");
	put_text("policy", "fourth");
	assert_ok(selinux());
	assert_policy("fourth");
}

static void test_bad_values(void **state)
{
	static const char *const values[] = { "", "x", "1x", "-", "\n" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		put_text("enforce", values[i]);
		assert_int_equal(selinux(), -EBADMSG);
		assert_int_equal(n_records, 0);
	}
	put_text("enforce", "0");
	put_text("policy_capabilities/open_perms", "maybe");
	assert_int_equal(selinux(), -EBADMSG);
	assert_int_equal(n_records, 0);
	put_text("policy_capabilities/open_perms", "1");
	assert_ok(selinux());
}

/* --- device-mapper */

#define HEAD "dm_version=4.47.0;name=a\\,b,uuid=U\\=1\\;\\\\,major=253,minor=300,minor_count=1,"

static const uint32_t version[3] = { 4, 47, 0 };

static struct critical_dm device(unsigned int n_targets)
{
	return (struct critical_dm){ .version = version, .name = "a,b", .uuid = "U=1;\\", .major = 253, .minor = 300,
				     .n_targets = n_targets };
}

/* A target as the kernel writes it: aligned, and where the next one begins from the first one on. */
static void add_target(struct buf *b, uint64_t start, uint64_t length, const char *text)
{
	struct dm_target_spec spec = { .sector_start = start, .length = length, .target_type = "linear" };

	spec.next = (uint32_t)((b->len + sizeof(spec) + strlen(text) + 1 + 7) & ~7ul);
	buf_add(b, &spec, sizeof(spec));
	buf_add(b, text, strlen(text) + 1);
	while (b->len < spec.next)
		buf_add_u8(b, 0xee);
}

static int table(unsigned int n_targets, const void *p, size_t n)
{
	struct critical_dm d = device(n_targets);

	n_records = 0;
	return critical_dm_table(&d, p, n, on_record, records);
}

static void test_table(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };

	(void)state;
	add_target(&b, 0, 2048, "target_name=linear,device_name=8:1,start=0;");
	add_target(&b, 2048, 1ull << 40, "");
	add_target(&b, 99, 1, "target_name=x;");
	assert_ok(table(3, b.data, b.len));
	assert_int_equal(n_records, 1);
	assert_string_equal(records[0].event, "dm_table_load");
	assert_string_equal(records[0].text,
			    HEAD "num_targets=3;"
				 "target_index=0,target_begin=0,target_len=2048,target_name=linear,device_name=8:1,start=0;"
				 "target_index=1,target_begin=2048,target_len=1099511627776,"
				 "target_index=2,target_begin=99,target_len=1,target_name=x;");
}

/* A record is full at 4096 bytes; the next one begins with the device again. */
static void test_large_table(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };
	char text[2500], expected[4096];
	size_t head = strlen(HEAD "num_targets=3;"), first = strlen("target_index=0,target_begin=0,target_len=1,");

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	add_target(&b, 0, 1, text); /* the kernel has room for 2047 bytes */
	text[4095 - head - 2 * first - 2047] = '\0';
	add_target(&b, 1, 1, text);
	add_target(&b, 2, 1, "");
	assert_ok(table(3, b.data, b.len));
	assert_int_equal(n_records, 2);
	assert_int_equal(records[0].n, 4095);
	snprintf(expected, sizeof(expected), HEAD "num_targets=3;target_index=2,target_begin=2,target_len=1,");
	assert_string_equal(records[1].text, expected);

	buf_reset(&b);
	text[strlen(text)] = 'x'; /* as long as the first again ... */
	add_target(&b, 0, 1, text);
	text[4096 - head - 2 * first - 2047] = '\0'; /* ... and this one a byte too long */
	add_target(&b, 1, 1, text);
	assert_ok(table(2, b.data, b.len));
	assert_int_equal(n_records, 2);
	assert_int_equal(records[0].n, head + first + 2047);
}

static void test_cut_table(void **state)
{
	cleanup(buf_done) struct buf b = { 0 };
	size_t needed;

	(void)state;
	add_target(&b, 0, 1, "one=1;");
	add_target(&b, 1, 1, "two=2;");
	needed = b.len - 1; /* a byte of padding */
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *copy = malloc(n + !n);

		memcpy(copy, b.data, n);
		assert_int_equal(table(2, copy, n), n < needed ? -EBADMSG : 0);
		free(copy);
	}
	/* A chain that leads back, or out of the bytes. */
	for (uint32_t next = 0; next < 2 * b.len; next++) {
		size_t spec = sizeof(struct dm_target_spec);

		memcpy(b.data + offsetof(struct dm_target_spec, next), &next, sizeof(next));
		if (next == spec + 8)
			assert_ok(table(2, b.data, b.len));
		else if (next < spec + strlen("one=1;") + 1 || next + spec >= b.len)
			assert_int_equal(table(2, b.data, b.len), -EBADMSG);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_selinux, setup_selinux, teardown_selinux),
		cmocka_unit_test_setup_teardown(test_state, setup_selinux, teardown_selinux),
		cmocka_unit_test_setup_teardown(test_capabilities, setup_selinux, teardown_selinux),
		cmocka_unit_test_setup_teardown(test_policy, setup_selinux, teardown_selinux),
		cmocka_unit_test_setup_teardown(test_bad_values, setup_selinux, teardown_selinux),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_large_table),
		cmocka_unit_test(test_cut_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
