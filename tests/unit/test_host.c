// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's text files, as kernels 6.1 to 7.2 write them. */
#include <errno.h>
#include <string.h>

#include <imad/host.h>
#include <imad/util.h>

#include "test.h"

static void test_list(void **state)
{
	static const char list[] = "lockdown,capability,landlock,bpf\n";

	(void)state;
	assert_true(host_list_has(list, "lockdown"));
	assert_true(host_list_has(list, "bpf"));
	assert_false(host_list_has(list, "bp"));
	assert_false(host_list_has(list, "bpfs"));
	assert_false(host_list_has(list, "cap"));
	assert_false(host_list_has("", "bpf"));
}

static void test_chosen(void **state)
{
	char word[12] = "before";

	(void)state;
	assert_int_equal(host_chosen("none integrity confidentiality\n", word, sizeof(word)), -ENODATA);
	assert_int_equal(host_chosen("none [integrity", word, sizeof(word)), -ENODATA);
	assert_int_equal(host_chosen("none integrity [confidentiality]\n", word, sizeof(word)), -ENODATA);
	assert_string_equal(word, "before");
	assert_int_equal(host_chosen("none [integrity] confidentiality\n", word, sizeof(word)), 0);
	assert_string_equal(word, "integrity");
	assert_int_equal(host_chosen("[none] integrity\n", word, sizeof(word)), 0);
	assert_string_equal(word, "none");
}

static void test_param(void **state)
{
	static const struct {
		const char *cmdline, *name, *value; /* NULL: -ENOENT */
	} rows[] = {
		{ "ro lsm=a,b quiet\n", "lsm", "a,b" },
		{ "lsm=a lsm=b", "lsm", "b" },
		{ "xlsm=a lsm2=b", "lsm", NULL },
		{ "ima_tcb", "ima_tcb", "" },
		{ "ima-policy=tcb", "ima_policy", "tcb" },
		{ "ima_policy=\"tcb|appraise_tcb x\" y", "ima_policy", "tcb|appraise_tcb x" },
		{ "x=\"a lsm=b\" z", "lsm", NULL },
		{ "quiet -- lsm=b", "lsm", NULL },
		{ "", "lsm", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char value[32] = "before";

		assert_int_equal(host_param(rows[i].cmdline, rows[i].name, value, sizeof(value)), rows[i].value ? 0 : -ENOENT);
		assert_string_equal(value, rows[i].value ? rows[i].value : "before");
	}
	assert_int_equal(host_param("lsm=abcd", "lsm", (char[4]){ 0 }, 4), -ENAMETOOLONG);
}

static void test_config(void **state)
{
	static const char text[] = "#\n# CONFIG_IMA is not set\nCONFIG_BPF_LSM=y\nCONFIG_TPM=m\nCONFIG_LSM=\"yama\"\n";

	(void)state;
	assert_int_equal(host_config(text, "CONFIG_BPF_LSM"), 'y');
	assert_int_equal(host_config(text, "CONFIG_TPM"), 'm');
	assert_int_equal(host_config(text, "CONFIG_IMA"), 'n');
	assert_int_equal(host_config(text, "CONFIG_BPF"), 'n');
	assert_int_equal(host_config(text, "CONFIG_LSM"), 'n');
	assert_int_equal(host_config("", "CONFIG_BPF"), 'n');
}

static void test_mount(void **state)
{
	static const char info[] =
		"21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
		"22 21 0:20 / /run rw,nosuid shared:2 master:1 - tmpfs tmpfs rw,mode=755\n"
		"23 22 0:21 / /run/a\\040b rw - ramfs none rw\n"
		"24 22 0:22 / /run rw shared:3 - overlay over rw\n";
	struct host_mount m;

	(void)state;
	assert_int_equal(host_mount(info, "/usr", &m), 0);
	assert_string_equal(m.type, "ext4");
	assert_string_equal(m.source, "/dev/root");
	assert_int_equal(host_mount(info, "/runner", &m), 0);
	assert_string_equal(m.at, "/");
	assert_int_equal(host_mount(info, "/run/imad", &m), 0);
	assert_string_equal(m.type, "overlay");
	assert_int_equal(host_mount(info, "/run/a b/c", &m), 0);
	assert_string_equal(m.type, "ramfs");
	assert_string_equal(m.at, "/run/a b");
	assert_int_equal(host_mount("", "/", &m), -ENOENT);
	assert_int_equal(host_mount("1 2 3:4 / /x rw - tmpfs none rw\n", "/y", &m), -ENOENT);
	assert_int_equal(host_mount("21 1 254:0 / / rw\n", "/", &m), -EBADMSG);
	assert_int_equal(host_mount("what\n", "/", &m), -EBADMSG);
	assert_string_equal(m.type, "ramfs");
}

static void test_ima_records(void **state)
{
	static const char list[] = "10 00 ima-ng sha256:00 boot_aggregate\n10 11 ima-ng sha256:11 /init\n"
				   "11 22 ima-ng sha256:22 /x\n10 33 ima-ng sha256:33 /y";

	(void)state;
	assert_int_equal(host_ima_records(list, 10), 2);
	assert_int_equal(host_ima_records(list, 11), 1);
	assert_int_equal(host_ima_records(list, 1), 0);
	assert_int_equal(host_ima_records("", 0), 0);
	assert_int_equal(host_ima_records("\nx\n", 0), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),   cmocka_unit_test(test_chosen), cmocka_unit_test(test_param),
		cmocka_unit_test(test_config), cmocka_unit_test(test_mount),  cmocka_unit_test(test_ima_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
