// SPDX-License-Identifier: GPL-2.0-or-later
/* Mounts: which filesystems are gated, in a real mount table of the test's own. Needs root; else skipped. */
#include <fcntl.h>
#include <poll.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <imad/log.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "test.h"
#include "private_mount.h"

#define CALLS_MAX 256

/* What was asked of the gate. */
static struct {
	struct call {
		char path[1024];
		uint32_t s_dev;
		bool overlay;
	} marks[CALLS_MAX];
	unsigned int n_marks, n_gone, n_unmarks;
	uint32_t gone[CALLS_MAX], unmarks[CALLS_MAX];
	int mark_result, facts_result, unmark_result; /* for paths with @fails in them; NULL: all */
	const char *fails;
} calls;

static char tmp[TMPDIR_PATH], path[2 * TMPDIR_PATH];
static struct mounts *mounts;
static struct policy policy;

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	return path;
}

static uint32_t s_dev_of(const char *p)
{
	struct stat st;

	assert_ok(stat(p, &st));
	return major(st.st_dev) << 20 | minor(st.st_dev);
}

static bool is_to_fail(const char *p)
{
	return !calls.fails || strstr(p, calls.fails);
}

static int on_mark(void *arg, const char *p, uint32_t s_dev, bool overlay)
{
	struct call *c = &calls.marks[calls.n_marks++ % CALLS_MAX];

	assert_ptr_equal(arg, &calls);
	if (strstr(p, tmp)) /* btrfs has other numbers for stat(), elsewhere */
		assert_int_equal(s_dev_of(p), s_dev);
	snprintf(c->path, sizeof(c->path), "%s", p);
	c->s_dev = s_dev;
	c->overlay = overlay;
	return is_to_fail(p) ? calls.mark_result : 0;
}

static void on_gone(void *arg, uint32_t s_dev)
{
	assert_ptr_equal(arg, &calls);
	calls.gone[calls.n_gone++ % CALLS_MAX] = s_dev;
}

static int on_facts(void *arg, const char *p, struct imad_facts *ret)
{
	struct statfs s;

	assert_ptr_equal(arg, &calls);
	if (is_to_fail(p) && calls.facts_result)
		return calls.facts_result;
	if (statfs(p, &s) < 0)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	ret->fsmagic = (uint64_t)s.f_type;
	return 0;
}

static unsigned int marks_of(uint32_t s_dev)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < calls.n_marks; i++)
		n += calls.marks[i].s_dev == s_dev;
	return n;
}

static unsigned int gone_of(uint32_t s_dev)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < calls.n_gone; i++)
		n += calls.gone[i] == s_dev;
	return n;
}

static void scan(void)
{
	calls.n_marks = calls.n_gone = calls.n_unmarks = 0;
	assert_ok(mounts_scan(mounts, &policy));
}

struct found {
	uint32_t s_dev;
	unsigned int n;
	struct mounts_entry e;
};

static void look_for(void *arg, const struct mounts_entry *e)
{
	struct found *f = arg;

	if (e->s_dev != f->s_dev)
		return;
	f->n++;
	f->e = *e;
}

/* The one entry of that superblock. */
static struct mounts_entry entry_of(uint32_t s_dev)
{
	struct found f = { .s_dev = s_dev };

	mounts_each(mounts, look_for, &f);
	assert_int_equal(f.n, 1);
	return f.e;
}

static int on_unmark(void *arg, const char *p, uint32_t s_dev, bool overlay)
{
	assert_ptr_equal(arg, &calls);
	assert_int_equal(overlay, !strcmp(entry_of(s_dev).type, "overlay"));
	assert_int_equal(s_dev_of(p), s_dev);
	calls.unmarks[calls.n_unmarks++ % CALLS_MAX] = s_dev;
	return is_to_fail(p) ? calls.unmark_result : 0;
}

static uint32_t mount_tmpfs(const char *name)
{
	assert_true(mkdir(in_dir(name), 0700) == 0 || errno == EEXIST);
	assert_ok(mount("test", path, "tmpfs", 0, NULL));
	return s_dev_of(path);
}

static void set_policy(const char *text)
{
	const struct policy_env env = { 0 };
	struct parse_error e;

	memset(&policy, 0, sizeof(policy));
	assert_ok(policy_parse(&policy, text, strlen(text), &env, &e));
}

static int setup(void **state)
{
	const struct mounts_ops ops = { .mark = on_mark, .unmark = on_unmark, .gone = on_gone, .facts = on_facts, .arg = &calls };

	(void)state;
	memset(&calls, 0, sizeof(calls));
	set_policy("measure func=FILE_CHECK\n");
	return mounts_new(&ops, &mounts);
}

/* Everything that a test mounted is below @tmp; the namespace has a fresh one for each. */
static int teardown(void **state)
{
	(void)state;
	mounts_freep(&mounts);
	mounts = NULL;
	return umount2(tmp, MNT_DETACH) < 0 || mount("test", tmp, "tmpfs", 0, NULL) < 0 ? -1 : 0;
}

static void finds_what_is_there(void **state)
{
	struct mounts_entry e;

	(void)state;
	scan();
	assert_int_equal(marks_of(s_dev_of(tmp)), 1);
	e = entry_of(s_dev_of(tmp));
	assert_string_equal(e.type, "tmpfs");
	assert_string_equal(e.path, tmp);
	assert_null(e.reason);
	assert_true(e.matters);
}

static void marks_only_what_is_new(void **state)
{
	uint32_t dev;

	(void)state;
	scan();
	dev = mount_tmpfs("new");
	scan();
	assert_int_equal(calls.n_marks, 1);
	assert_int_equal(calls.marks[0].s_dev, dev);
	assert_string_equal(calls.marks[0].path, path);
	assert_false(calls.marks[0].overlay);
	scan();
	assert_int_equal(calls.n_marks, 0);
	assert_int_equal(calls.n_gone, 0);
}

static void tells_when_the_last_mount_has_gone(void **state)
{
	char second[sizeof(path)];
	uint32_t dev;

	(void)state;
	dev = mount_tmpfs("first");
	assert_ok(mkdir(in_dir("second"), 0700));
	memcpy(second, path, sizeof(second));
	assert_ok(mount(in_dir("first"), second, NULL, MS_BIND, NULL));
	scan();
	assert_int_equal(marks_of(dev), 1);
	assert_ok(umount(in_dir("first")));
	scan();
	assert_int_equal(calls.n_gone, 0);
	assert_null(entry_of(dev).reason);
	assert_ok(umount(second));
	scan();
	assert_int_equal(calls.n_gone, 1);
	assert_int_equal(gone_of(dev), 1);
	scan();
	assert_int_equal(calls.n_gone, 0);
}

static void names_with_escapes(void **state)
{
	static const char *const names[] = {
		"a b", "tab\there", "new\nline", "back\\slash", "\\040", " - dash", "#x",
	};

	(void)state;
	scan();
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t dev = mount_tmpfs(names[i]);

		scan();
		assert_int_equal(calls.n_marks, 1);
		assert_string_equal(calls.marks[0].path, in_dir(names[i]));
		assert_string_equal(entry_of(dev).type, "tmpfs");
	}
}

static void tells_overlays(void **state)
{
	static const char *const dirs[] = { "lower", "upper", "work", "merged" };
	char options[4 * TMPDIR_PATH];
	uint32_t dev;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_ok(mkdir(in_dir(dirs[i]), 0700));
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", tmp, tmp,
		 tmp);
	if (mount("test", in_dir("merged"), "overlay", 0, options) < 0)
		skip(); /* a kernel without */
	dev = s_dev_of(path);
	scan();
	assert_int_equal(marks_of(dev), 1);
	for (unsigned int i = 0; i < calls.n_marks; i++)
		assert_int_equal(calls.marks[i].overlay,
				 !strcmp(entry_of(calls.marks[i].s_dev).type, "overlay"));
}

static void proc_is_never_gated(void **state)
{
	struct mounts_entry e;

	(void)state;
	assert_ok(mkdir(in_dir("proc"), 0700));
	assert_ok(mount("test", path, "proc", 0, NULL));
	scan();
	assert_int_equal(marks_of(s_dev_of(path)), 0);
	e = entry_of(s_dev_of(path));
	assert_non_null(strstr(e.reason, "no content of its own"));
	assert_false(e.matters);
}

static void unmatched_filesystems_are_left_alone(void **state)
{
	struct mounts_entry e;

	(void)state;
	set_policy("dont_measure fsmagic=0x01021994\nmeasure func=FILE_CHECK\n"); /* TMPFS_MAGIC */
	scan();
	assert_int_equal(marks_of(s_dev_of(tmp)), 0);
	e = entry_of(s_dev_of(tmp));
	assert_non_null(strstr(e.reason, "no rule"));
	assert_false(e.matters);
}

static void policy_that_matches_one_kind(void **state)
{
	(void)state;
	set_policy("measure func=FILE_CHECK fsmagic=0x01021994\n");
	scan();
	assert_int_equal(marks_of(s_dev_of(tmp)), 1);
	for (unsigned int i = 0; i < calls.n_marks; i++) { /* devtmpfs is of that kind too */
		const char *type = entry_of(calls.marks[i].s_dev).type;

		assert_non_null(strstr(type, "tmpfs"));
	}
}

/* Not readable at first: asked again each time, told as a gap. */
static void tries_again_what_could_not_be_opened(void **state)
{
	uint32_t dev = mount_tmpfs("shy");

	(void)state;
	calls.fails = "/shy";
	calls.facts_result = -EACCES;
	scan();
	assert_int_equal(marks_of(dev), 0);
	assert_non_null(strstr(entry_of(dev).reason, "cannot be opened"));
	assert_true(entry_of(dev).matters);
	calls.facts_result = 0;
	scan();
	assert_int_equal(calls.n_marks, 1);
	assert_int_equal(marks_of(dev), 1);
	assert_null(entry_of(dev).reason);
}

static void tries_another_mount_of_the_same(void **state)
{
	char open_one[sizeof(path)];
	uint32_t dev = mount_tmpfs("shy");

	(void)state;
	assert_ok(mkdir(in_dir("open"), 0700));
	memcpy(open_one, path, sizeof(open_one));
	assert_ok(mount(in_dir("shy"), open_one, NULL, MS_BIND, NULL));
	calls.fails = "/shy";
	calls.facts_result = -EACCES;
	scan();
	assert_int_equal(marks_of(dev), 1);
	assert_null(entry_of(dev).reason);
}

static void marks_that_are_refused(void **state)
{
	uint32_t dev = mount_tmpfs("refused");

	(void)state;
	calls.fails = "/refused";
	calls.mark_result = -EINVAL;
	scan();
	assert_int_equal(marks_of(dev), 1);
	assert_non_null(strstr(entry_of(dev).reason, "refuses a mark"));
	assert_true(entry_of(dev).matters);
	assert_ok(umount(path));
	scan();
	assert_int_equal(gone_of(dev), 0); /* never was gated */
}

/* A new policy: what it cannot match on is left alone, and comes back with the next one that can. */
static void new_policy_unmarks(void **state)
{
	uint32_t dev = mount_tmpfs("now_and_then"), others;

	(void)state;
	scan();
	others = calls.n_marks - 1;
	assert_null(entry_of(dev).reason);
	set_policy("dont_measure fsmagic=0x1021994\nmeasure func=FILE_CHECK\n");
	calls.fails = "/now_and_then";
	scan(); /* marks more, never less */
	assert_int_equal(calls.n_unmarks, 0);
	calls.unmark_result = -ENOENT; /* cannot be reached: still gated, and tried again */
	mounts_prune(mounts, &policy);
	assert_null(entry_of(dev).reason);
	calls.unmark_result = 0;
	calls.n_unmarks = 0;
	mounts_prune(mounts, &policy);
	assert_in_range(calls.n_unmarks, 1, others + 1);
	assert_non_null(strstr(entry_of(dev).reason, "no rule"));
	assert_false(entry_of(dev).matters);
	set_policy("measure func=FILE_CHECK\n");
	scan();
	assert_int_equal(marks_of(dev), 1);
	assert_null(entry_of(dev).reason);
}

/* Its path leads to what is mounted over it: on_mark() compares. */
static void mount_beneath_another(void **state)
{
	uint32_t below, above;

	(void)state;
	below = mount_tmpfs("place");
	above = mount_tmpfs("place");
	assert_int_not_equal(below, above);
	scan();
	assert_int_equal(marks_of(above), 1);
	assert_int_equal(marks_of(below), 0);
	assert_non_null(entry_of(below).reason);
	assert_true(entry_of(below).matters);
	assert_ok(umount(in_dir("place")));
	scan();
	assert_int_equal(gone_of(above), 1);
	assert_int_equal(marks_of(below), 1);
	assert_null(entry_of(below).reason);
}

/* The whole path of a mount lies beneath another one and exists no more. */
static void mount_that_no_path_leads_to(void **state)
{
	uint32_t below;

	(void)state;
	assert_ok(mkdir(in_dir("dir"), 0700));
	below = mount_tmpfs("dir/below");
	mount_tmpfs("dir");
	scan();
	assert_int_equal(marks_of(below), 0);
	assert_non_null(strstr(entry_of(below).reason, "cannot be opened"));
}

/* From the root of a filesystem to where it is mounted, whole or in part. */
static void reaches_a_name(void **state)
{
	char at[MOUNTS_PATH_MAX], whole[2 * TMPDIR_PATH];
	const char *rest;
	uint32_t dev;

	(void)state;
	dev = mount_tmpfs("whole disk");
	rest = mounts_reaching(dev, "/a/b", at);
	assert_string_equal(at, in_dir("whole disk"));
	assert_string_equal(rest, "/a/b");
	assert_ok(mkdir(in_dir("whole disk/part"), 0700));
	snprintf(whole, sizeof(whole), "%s", in_dir("whole disk/part"));
	assert_ok(mkdir(in_dir("part"), 0700));
	assert_ok(mount(whole, path, NULL, MS_BIND, NULL));
	assert_ok(umount2(in_dir("whole disk"), MNT_DETACH));
	rest = mounts_reaching(dev, "/part/b", at);
	assert_string_equal(at, in_dir("part"));
	assert_string_equal(rest, "/b");
	assert_null(mounts_reaching(dev, "/party/b", at));
	assert_null(mounts_reaching(dev, "/a/b", at));
	assert_ok(umount(in_dir("part")));
	assert_null(mounts_reaching(dev, "/part/b", at));
}

static void says_when_to_look(void **state)
{
	struct pollfd p = { .fd = mounts_fd(mounts), .events = POLLPRI };

	(void)state;
	scan();
	(void)poll(&p, 1, 0); /* what the setup did */
	assert_int_equal(poll(&p, 1, 0), 0);
	mount_tmpfs("event");
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(p.revents & POLLPRI);
	assert_int_equal(poll(&p, 1, 0), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(finds_what_is_there),
		TEST(marks_only_what_is_new),
		TEST(tells_when_the_last_mount_has_gone),
		TEST(names_with_escapes),
		TEST(tells_overlays),
		TEST(proc_is_never_gated),
		TEST(unmatched_filesystems_are_left_alone),
		TEST(policy_that_matches_one_kind),
		TEST(tries_again_what_could_not_be_opened),
		TEST(tries_another_mount_of_the_same),
		TEST(marks_that_are_refused),
		TEST(new_policy_unmarks),
		TEST(mount_beneath_another),
		TEST(mount_that_no_path_leads_to),
		TEST(reaches_a_name),
		TEST(says_when_to_look),
	};
	int r = private_tmpfs(tmp);

	if (r)
		return r;
	log_set_level(LOG_EMERG);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	private_tmpfs_end(tmp);
	return r;
}
