// SPDX-License-Identifier: GPL-2.0-or-later
/* Mounts: what overlays lie on, in a real mount table of the test's own. Needs root; else skipped. */
#include <fcntl.h>

#include <imad/mounts.h>
#include <imad/util.h>

#include "test.h"
#include "private_mount.h"

static char tmp[TMPDIR_PATH], path[2 * TMPDIR_PATH];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	return path;
}

/* An @ stands for the folder. */
static bool on_fuse(const char *options)
{
	char copy[8 * TMPDIR_PATH] = "", *at = copy;

	for (; *options; options++)
		at += snprintf(at, TMPDIR_PATH, "%.*s", *options == '@' ? TMPDIR_PATH : 1, *options == '@' ? tmp : options);
	return mounts_lies_on_fuse(copy, 0);
}

/* Of a server that never answers: to know that it is one nobody is asked. */
static void overlay_on_fuse(void **state)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	(void)state;
	assert_ok(mkdir(in_dir("plain"), 0700));
	assert_ok(mkdir(in_dir("se:r ver"), 0700));
	assert_false(on_fuse("rw,lowerdir=@/plain:@/se\\134:r\\040ver,workdir=@\n"));
	if (fuse < 0)
		skip();
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	assert_ok(mount("test", in_dir("se:r ver"), "fuse", 0, options));
	assert_true(on_fuse("rw,lowerdir=@/plain:@/se\\134:r\\040ver,workdir=@\n"));
	assert_true(on_fuse("ro,lowerdir=@/plain::@/se\\134:r\\040ver/below,workdir=@"));
	assert_true(on_fuse("rw,lowerdir+=@/plain,datadir+=@/se\\134:r\\040ver,workdir=@"));
	assert_false(on_fuse("rw,lowerdir=@/plain,upperdir=@/no/thing,workdir=@/se\\134:r\\040ver"));
	assert_ok(umount2(in_dir("se:r ver"), MNT_DETACH));
	close(fuse);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(overlay_on_fuse) };
	int r = private_tmpfs(tmp);

	if (r)
		return r;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	private_tmpfs_end(tmp);
	return r;
}
