// SPDX-License-Identifier: GPL-2.0-or-later
/* From paths to what is guarded: folders, links, what is not there. BPF is this program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/util.h>

#include "../../src/imad/guard_priv.h"
#include "test.h"
#include "tmpdir.h"

#define MARKS_MAX 64

static char tmp[TMPDIR_PATH], path[2 * TMPDIR_PATH];
static struct guard guard;
static struct {
	dev_t dev;
	ino_t ino;
	unsigned int flags;
} marks[MARKS_MAX];
static unsigned int n_marks;
static int full; /* what BPF says to one more */

int guard_mark(struct guard *g, int fd, unsigned int flags)
{
	struct stat st;

	assert_ptr_equal(g, &guard);
	assert_int_equal(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	assert_ok(fstat(fd, &st));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return -EMEDIUMTYPE;
	if (full)
		return full;
	assert_true(n_marks < MARKS_MAX);
	marks[n_marks].dev = st.st_dev;
	marks[n_marks].ino = st.st_ino;
	marks[n_marks++].flags = flags;
	return 0;
}

void guard_unmark_all(struct guard *g)
{
	assert_ptr_equal(g, &guard);
	n_marks = 0;
}

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	return path;
}

/* All flags that it was marked with. */
static unsigned int flags_of(const char *name)
{
	unsigned int flags = 0;
	struct stat st;

	assert_ok(lstat(in_dir(name), &st));
	for (unsigned int i = 0; i < n_marks; i++)
		if (marks[i].ino == st.st_ino && marks[i].dev == st.st_dev)
			flags |= marks[i].flags;
	return flags;
}

static bool is_far(void *arg, const char *p)
{
	return arg && !strcmp(arg, p);
}

static int add(const char *name)
{
	return guard_path(&guard, in_dir(name), IMAD_GUARD_TREE, IMAD_GUARD_COVER, is_far, NULL);
}

static void make_file(const char *name)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_link(const char *target, const char *name)
{
	assert_ok(symlink(target, in_dir(name)));
}

static void folders_on_the_way(void **state)
{
	struct stat root;

	(void)state;
	assert_ok(add("a/b/file"));
	assert_int_equal(flags_of("a/b/file"), IMAD_GUARD_TREE);
	assert_int_equal(flags_of("a/b"), IMAD_GUARD_COVER);
	assert_int_equal(flags_of("a"), IMAD_GUARD_COVER);
	assert_int_equal(flags_of("."), IMAD_GUARD_COVER);
	assert_int_equal(flags_of("a/other"), 0);
	assert_ok(stat("/", &root));
	assert_int_equal(marks[0].ino, root.st_ino);
	assert_int_equal(marks[0].flags, IMAD_GUARD_COVER);
}

static void the_same_again(void **state)
{
	unsigned int before, kept;

	(void)state;
	assert_ok(add("a/b/file"));
	before = n_marks, kept = guard.n_kept;
	assert_ok(add("a/b/file"));
	assert_ok(add("a//b///file"));
	assert_int_equal(n_marks, before);
	assert_int_equal(guard.n_kept, kept);
	assert_ok(add("a")); /* more of what is known */
	assert_int_equal(flags_of("a"), IMAD_GUARD_COVER | IMAD_GUARD_TREE);
	assert_int_equal(guard.n_kept, kept);
}

static void what_replaces_it(void **state)
{
	char new[2 * TMPDIR_PATH];
	unsigned int kept;

	(void)state;
	make_file("a/replaced");
	assert_ok(add("a/replaced"));
	kept = guard.n_kept;
	make_file("a/new");
	snprintf(new, sizeof(new), "%s", in_dir("a/new"));
	assert_ok(rename(new, in_dir("a/replaced")));
	assert_ok(add("a/replaced"));
	assert_int_equal(flags_of("a/replaced"), IMAD_GUARD_TREE);
	assert_int_equal(guard.n_kept, kept + 1); /* and the old one stays */
}

static void links(void **state)
{
	(void)state;
	assert_ok(add("link/b/file")); /* -> a */
	assert_int_equal(flags_of("link"), IMAD_GUARD_NAME);
	assert_int_equal(flags_of("a"), IMAD_GUARD_COVER);
	assert_int_equal(flags_of("a/b/file"), IMAD_GUARD_TREE);
	assert_ok(add("a/up")); /* -> ../absolute -> /.../a/other */
	assert_int_equal(flags_of("a/up"), IMAD_GUARD_NAME);
	assert_int_equal(flags_of("absolute"), IMAD_GUARD_NAME);
	assert_int_equal(flags_of("a/other"), IMAD_GUARD_TREE);
	assert_ok(add("link/b/file"));
}

static void what_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(add("a/none/file"), -ENOENT);
	assert_int_equal(flags_of("a"), IMAD_GUARD_COVER); /* the way to it */
	assert_int_equal(add("a/b/file/x"), -ENOTDIR);
	assert_int_equal(add("dangling"), -ENOENT);
	assert_int_equal(flags_of("dangling"), IMAD_GUARD_NAME);
	assert_int_equal(add("loop/x"), -ELOOP);
	assert_int_equal(guard_path(&guard, "relative", IMAD_GUARD_TREE, 0, is_far, NULL), -EINVAL);
	assert_int_equal(guard_path(&guard, "", IMAD_GUARD_TREE, 0, is_far, NULL), -EINVAL);
}

static void devices(void **state)
{
	unsigned int kept;

	(void)state;
	assert_int_equal(add("masked"), -EMEDIUMTYPE); /* -> /dev/null */
	assert_int_equal(flags_of("masked"), IMAD_GUARD_NAME);
	kept = guard.n_kept;
	assert_int_equal(add("masked"), -EMEDIUMTYPE);
	assert_int_equal(guard.n_kept, kept);
}

static void far(void **state)
{
	char *at = strdup(in_dir("a/b"));

	(void)state;
	assert_non_null(at);
	assert_int_equal(guard_path(&guard, in_dir("a/b/file"), IMAD_GUARD_TREE, IMAD_GUARD_COVER, is_far, at), -EXDEV);
	assert_int_equal(flags_of("a"), IMAD_GUARD_COVER);
	assert_int_equal(flags_of("a/b"), 0);
	free(at);
}

static void no_room(void **state)
{
	(void)state;
	full = -ENOSPC;
	assert_int_equal(add("a/b/file"), -ENOSPC);
	assert_int_equal(guard.n_kept, 0);
}

static unsigned int count_descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void forgotten(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	assert_ok(add("link/b/file"));
	assert_int_equal(count_descriptors(), before + guard.n_kept);
	guard_forget_paths(&guard);
	assert_int_equal(n_marks, 0);
	assert_int_equal(count_descriptors(), before);
	assert_ok(add("a"));
	assert_int_equal(flags_of("a"), IMAD_GUARD_TREE);
}

static int set_up(void **state)
{
	char absolute[2 * TMPDIR_PATH];

	(void)state;
	if (tmpdir_make(tmp) < 0)
		return -1;
	full = 0;
	assert_ok(mkdir(in_dir("a"), 0700));
	assert_ok(mkdir(in_dir("a/b"), 0700));
	make_file("a/b/file");
	make_file("a/other");
	make_link("a", "link");
	snprintf(absolute, sizeof(absolute), "%s", in_dir("a/other"));
	make_link(absolute, "absolute");
	make_link("../absolute", "a/up");
	make_link("none", "dangling");
	make_link("loop", "loop");
	make_link("/dev/null", "masked");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_forget_paths(&guard);
	tmpdir_remove(tmp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(folders_on_the_way), TEST(the_same_again), TEST(what_replaces_it), TEST(links), TEST(what_is_not_there),
		TEST(devices), TEST(far), TEST(no_room), TEST(forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
