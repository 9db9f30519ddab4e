/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metadata.c: everything that EVM vouches for, of real files. Needs CAP_SYS_ADMIN to set security xattrs; else skipped. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/xattr.h>

#include <imad/metadata.h>
#include <imad/util.h>

#include "test.h"
#include "tmpdir.h"

#define SKIP 77
#define cleanup_metadata cleanup(metadata_done)

static char tmp[TMPDIR_PATH];
static int fd = -1;

static void set(const char *name, const void *p, size_t n)
{
	if (!p)
		(void)fremovexattr(fd, name);
	else if (fsetxattr(fd, name, p, n, 0) < 0)
		fail_msg("cannot set %s: %m", name);
}

static void nothing(void **state)
{
	cleanup_metadata struct metadata m = { 0 };
	struct stat st;

	(void)state;
	assert_ok(metadata_read(fd, &m));
	assert_ok(fstat(fd, &st));
	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++)
		if (i != EVM_SELINUX && i != EVM_SMACK && i != EVM_APPARMOR) /* a security module may give it one */
			assert_null(m.input.xattr[i].bytes);
	assert_null(m.evm);
	assert_false(m.unsupported);
	assert_int_equal(m.input.ino, st.st_ino);
	assert_int_equal(m.input.mode, st.st_mode);
	assert_int_equal(m.input.enabled, EVM_ENABLED_USUAL);
}

/* Values of every length that takes another way, an empty one too, and all of them at once. */
static void values(void **state)
{
	static const size_t sizes[] = { 0, 1, 34, 1024, 1025, 2000 };
	cleanup_free uint8_t *bytes = malloc(2000);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 0x5a, 2000);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		cleanup_metadata struct metadata m = { 0 };

		bytes[0] = (uint8_t)i;
		set("security.ima", bytes, sizes[i]);
		set("security.SMACK64", "_", 1);
		set("security.evm", "\5\2\4", 3);
		assert_ok(metadata_read(fd, &m));
		assert_non_null(m.input.xattr[EVM_IMA].bytes);
		assert_int_equal(m.input.xattr[EVM_IMA].n, sizes[i]);
		assert_memory_equal(m.input.xattr[EVM_IMA].bytes, bytes, sizes[i]);
		assert_int_equal(m.input.xattr[EVM_SMACK].n, 1);
		assert_memory_equal(m.input.xattr[EVM_SMACK].bytes, "_", 1);
		assert_null(m.input.xattr[EVM_CAPS].bytes);
		assert_int_equal(m.n_evm, 3);
		assert_memory_equal(m.evm, "\5\2\4", 3);
	}
	set("security.ima", NULL, 0);
	set("security.SMACK64", NULL, 0);
	set("security.evm", NULL, 0);
}

static void owner_and_mode(void **state)
{
	cleanup_metadata struct metadata m = { 0 };

	(void)state;
	assert_ok(fchown(fd, 4000000, 70000));
	assert_ok(fchmod(fd, 04751));
	assert_ok(metadata_read(fd, &m));
	assert_int_equal(m.input.uid, 4000000);
	assert_int_equal(m.input.gid, 70000);
	assert_int_equal(m.input.mode, 0104751);
}

/* Inode and generation together are another file's never; the UUID is the filesystem's. tests/cli/evm.sh has evmctl agree. */
static void place(void **state)
{
	cleanup_close int other = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	cleanup_metadata struct metadata m = { 0 }, o = { 0 };

	(void)state;
	assert_true(other >= 0);
	assert_ok(metadata_read(fd, &m));
	assert_ok(metadata_read(other, &o));
	assert_int_equal(m.input.has_generation, o.input.has_generation);
	if (m.input.has_generation)
		assert_true(m.input.generation != o.input.generation || m.input.ino != o.input.ino);
	assert_memory_equal(m.input.uuid, o.input.uuid, EVM_UUID_SIZE);
	assert_int_equal(m.input.has_uuid, o.input.has_uuid); /* which may be all zeros */
}

static atomic_bool stop;

static void *keep_changing(void *arg)
{
	const int *of = arg;

	for (unsigned int i = 0; !stop; i++) {
		(void)fsetxattr(*of, "security.ima", i & 1 ? "\1bb" : "\1aa", 3, 0);
		(void)fsetxattr(*of, "security.evm", i & 1 ? "bb" : "aa", 2, 0);
	}
	return NULL;
}

/* While somebody changes the file: all that is said is of one moment, and a change is told. */
static void while_it_changes(void **state)
{
	unsigned int busy = 0;
	pthread_t thread;

	(void)state;
	assert_ok(pthread_create(&thread, NULL, keep_changing, &fd));
	for (unsigned int i = 0; i < 20000 && busy < 20; i++) {
		cleanup_metadata struct metadata m = { 0 };
		int r = metadata_read(fd, &m);

		assert_true(r == 0 || r == -EBUSY);
		busy += r == -EBUSY;
		if (r == -EBUSY)
			assert_null(m.values.data); /* untouched */
	}
	stop = true;
	(void)pthread_join(thread, NULL);
	assert_true(busy > 0);
	set("security.ima", NULL, 0);
	set("security.evm", NULL, 0);
}

static void failures(void **state)
{
	cleanup_metadata struct metadata m = { 0 };
	cleanup_close int path = open(tmp, O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(metadata_read(-1, &m), -EBADF);
	assert_int_equal(metadata_read(path, &m), -EBADF); /* may not be read */
}

/* What has no such attributes is told apart from what has none now. */
static void unsupported(void **state)
{
	cleanup_close int proc = open("/proc/version", O_RDONLY | O_CLOEXEC);
	cleanup_metadata struct metadata m = { 0 };

	(void)state;
	assert_ok(metadata_read(proc, &m));
	assert_true(m.unsupported);
	assert_null(m.evm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),	     cmocka_unit_test(values),
		cmocka_unit_test(owner_and_mode),    cmocka_unit_test(place),
		cmocka_unit_test(while_it_changes),  cmocka_unit_test(failures),
		cmocka_unit_test(unsupported),
	};
	int r = SKIP;

	if (tmpdir_make(tmp) < 0)
		return 1;
	fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || fsetxattr(fd, "security.ima", "\1", 1, 0) < 0 || fremovexattr(fd, "security.ima") < 0)
		fprintf(stderr, "cannot set security.ima in %s: %m\n", tmp);
	else
		r = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(tmp);
	return r;
}
