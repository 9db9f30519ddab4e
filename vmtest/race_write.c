// SPDX-License-Identifier: GPL-2.0-or-later
/* Who changes: content by every way of change.c and some more, labels, names. */
#define _GNU_SOURCE
#include <fcntl.h>

#include "race.h"

static struct slot *current; /* of this process */

/* An open for write can come at any moment of the call: who executes meanwhile proves nothing. */
static int counted_open(const char *path, int flags, ...)
{
	bool counts = (flags & (O_ACCMODE | O_TRUNC)) && current;
	int fd;

	if (counts)
		current->opening++;
	fd = open(path, flags, 0755);
	if (counts)
		current->opened++;
	return fd;
}

static int counted_truncate(const char *path, off_t length)
{
	int r;

	current->opening++;
	r = truncate(path, length);
	current->opened++;
	return r;
}

#define RACE
#define open counted_open
#define truncate counted_truncate
#include "change.c"

#include <signal.h>
#include <sys/wait.h>

#include <sys/xattr.h>
#define N(a) (sizeof(a) / sizeof((a)[0]))
#define LABEL "security.ima"

static uint64_t rnd;

static int any_version(void)
{
	return 2 + (int)random_below(&rnd, 250);
}

/* --- turns */

static bool take_turn(struct slot *s, bool alone)
{
	int turn = s->turn;

	if (alone ? turn != 0 : turn < 0)
		return false;
	if (!atomic_compare_exchange_strong(&s->turn, &turn, alone ? -1 : turn + 1))
		return false;
	s->seq++;
	current = s;
	return true;
}

static void end_turn(struct slot *s, bool alone, int code)
{
	if (alone) {
		s->before = s->code;
		s->code = code;
		s->state = !s->known ? UNKNOWN : s->good_content && s->good_label ? RIGHT : WRONG;
	} else {
		s->state = UNKNOWN;
	}
	s->seq++;
	if (alone)
		s->turn = 0;
	else
		s->turn--;
	race->changes++;
}

/* --- content */

/* In pieces, so that it is half-written for a while. */
static int put_version(int fd, const struct slot *s, int version)
{
	unsigned int pieces = 1 + random_below(&rnd, 4);
	unsigned char page[PAGE];

	image(page, s->script, version);
	for (unsigned int i = 0, at = 0; i < pieces; i++) {
		unsigned int n = i + 1 == pieces ? PAGE - at : PAGE / pieces;

		if (pwrite(fd, page + at, n, at) != (ssize_t)n)
			return -errno;
		at += n;
		if (i + 1 < pieces)
			random_pause(&rnd);
	}
	return 0;
}

static int rewrite_as(struct slot *s, int version, int flags)
{
	int fd = open(s->path, O_RDWR | O_CLOEXEC | flags), r;

	if (fd < 0)
		return -errno;
	r = put_version(fd, s, version);
	if (r == 0 && ftruncate(fd, PAGE) < 0)
		r = -errno;
	random_pause(&rnd);
	close(fd);
	return r;
}

static int swap_head(int fd, const struct slot *s, int version)
{
	unsigned char page[PAGE];

	image(page, s->script, version);
	return pwrite(fd, page, 64, 0) == 64 && pwrite(fd, page + PAGE - 1, 1, PAGE - 1) == 1 ? 0 : -errno;
}

/* Another version for no longer than it is open, or than it is mapped. */
static int there_and_back(struct slot *s, bool mapped)
{
	unsigned char page[PAGE], was[PAGE];
	int fd = open(s->path, O_RDWR | O_CLOEXEC), r = 0;
	char *p;

	if (fd < 0)
		return -errno;
	if (pread(fd, was, PAGE, 0) != PAGE) {
		close(fd);
		return -ENODATA;
	}
	image(page, s->script, any_version());
	if (mapped) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (p == MAP_FAILED)
			return -errno;
		random_pause(&rnd);
		memcpy(p, page, PAGE);
		random_pause(&rnd);
		memcpy(p, was, PAGE);
		return munmap(p, PAGE);
	}
	random_pause(&rnd);
	r = swap_head(fd, s, any_version());
	random_pause(&rnd);
	if (pwrite(fd, was, PAGE, 0) != PAGE)
		r = -EIO;
	close(fd);
	return r;
}

static int read_code(const struct slot *s, int *ret)
{
	unsigned char page[PAGE] = { 0 };
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, page, PAGE, 0) < 0) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	close(fd);
	*ret = code_of(page, s->script);
	return 0;
}

/* --- labels */

static bool set_label(const struct slot *s, const char *path)
{
	return setxattr(path, LABEL, s->label, (size_t)s->label_len, 0) == 0;
}

static void set_another_label(struct slot *s)
{
	unsigned char wrong[34] = { 4, 4 };
	int code;

	if (!s->good_label) {
		if (set_label(s, s->path))
			s->good_label = true;
		return;
	}
	if (race->follow && read_code(s, &code) == 0)
		s->label_len = (int)getxattr(s->path, LABEL, s->label, sizeof(s->label));
	wrong[5] = (unsigned char)any_version();
	s->good_label = false;
	if (random_below(&rnd, 3) == 0)
		removexattr(s->path, LABEL);
	else
		setxattr(s->path, LABEL, wrong, sizeof(wrong), 0);
}

static void change_label(struct slot *s)
{
	s->labelling++;
	set_another_label(s);
	s->labelling++;
}

/* --- names */

int make_file(struct slot *s, const char *path, int version)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), r;

	if (fd < 0)
		return -errno;
	r = put_version(fd, s, version);
	close(fd);
	if (r == 0 && !race->follow && s->label_len)
		set_label(s, path);
	return r;
}

/* Another inode of the same name: beside and renamed, or in its place. */
static int replace(struct slot *s, int version)
{
	char beside[160];
	int r;

	snprintf(beside, sizeof(beside), "%s.%d.new", s->path, getpid());
	s->incarnation++;
	if (random_below(&rnd, 2)) {
		r = make_file(s, beside, version);
		random_pause(&rnd);
		return r == 0 && rename(beside, s->path) < 0 ? -errno : r;
	}
	unlink(s->path);
	random_pause(&rnd);
	return make_file(s, s->path, version);
}

/* --- one change */

static bool left_alone(int r)
{
	return r == -ETXTBSY || r == -EOPNOTSUPP || r == -EACCES || r == -EPERM || r == -ENOENT;
}

/* The way's own file name, or another one of the same inode. */
static int change_by(struct slot *s, unsigned int way, bool linked)
{
	char name[160];
	int r;

	image((unsigned char *)fresh, s->script, any_version());
	snprintf(source, sizeof(source), "%s.%d.source", s->path, getpid());
	if (!linked)
		return ways[way].make(s->path);
	snprintf(name, sizeof(name), "%s.%d.link", s->path, getpid());
	if (link(s->path, name) < 0)
		return -ENOENT;
	r = ways[way].make(name);
	unlink(name);
	return r;
}

/* Whether it is the good version to the byte: collapse gives back what insert has moved. */
static bool is_good(const struct slot *s)
{
	unsigned char page[PAGE + 1], want[PAGE];
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, page, sizeof(page), 0);

	if (fd >= 0)
		close(fd);
	image(want, s->script, GOOD);
	return n == PAGE && memcmp(page, want, PAGE) == 0;
}

static void change_content(struct slot *s, bool alone)
{
	unsigned int way = random_below(&rnd, N(ways));
	bool slow = !strcmp(ways[way].name, "inherited");
	int r;

	/* An open for reading that truncates is no writer to the kernel's IMA: whether a label follows is not defined. */
	if ((slow && random_below(&rnd, 8)) || (race->follow && !strcmp(ways[way].name, "o_trunc-only")))
		return;
	s->change = ways[way].name;
	r = change_by(s, way, random_below(&rnd, 5) == 0);
	if (race->follow && r == 0 && s->state == WRONG && strncmp(ways[way].name, "truncate", 8))
		failure(s, "a failed file was changed", ways[way].name, 0);
	if (left_alone(r))
		return;
	if (!race->follow) {
		s->good_content = !strcmp(ways[way].name, "collapse") && is_good(s);
		s->known &= r == 0;
	} else if (alone && !strcmp(ways[way].name, "truncate")) {
		s->good_label = false, s->label_len = 0; /* by its path: no label follows */
	} else if (s->over && !strcmp(ways[way].name, "mmap-closed")) {
		s->known = false;
	}
}

static void restore(struct slot *s)
{
	bool replaced = race->follow ? !s->label_len || random_below(&rnd, 3) == 0 : random_below(&rnd, 3) == 0;
	int version = race->follow ? any_version() : GOOD;
	int r;

	s->change = replaced ? "replace" : "rewrite";
	if (race->follow && !s->good_label && !replaced) {
		change_label(s);
		return;
	}
	r = replaced ? replace(s, version) : rewrite_as(s, version, random_below(&rnd, 2) ? O_TRUNC : 0);
	if (r < 0 && !left_alone(r))
		failure(s, "cannot be restored", s->change, -r);
	if (r < 0)
		return;
	s->known = s->good_content = true;
	if (replaced)
		s->good_label = true;
	else if (!s->good_label)
		change_label(s);
}

/* Whether it is as it was, or as it was to be. */
static bool unspoilt(int r)
{
	return r == 0 || r == -ENODATA || left_alone(r);
}

static void change_alone(struct slot *s)
{
	int code = s->code, r;

	switch (s->known ? random_below(&rnd, 10) : 9) {
	case 0 ... 3:
		change_content(s, true);
		break;
	case 4:
		s->change = "there-and-back";
		s->known &= unspoilt(there_and_back(s, false));
		break;
	case 5:
		s->change = "mapped-and-back";
		s->known &= unspoilt(there_and_back(s, true)) && !(race->follow && s->over);
		break;
	case 6:
		s->change = "label";
		if (!race->follow || s->label_len || s->good_label)
			change_label(s);
		break;
	default:
		restore(s);
	}
	if (race->follow) {
		r = read_code(s, &code);
		if (r < 0 && s->good_label && s->known)
			failure(s, "denied, and nobody touched it", "read", -r);
		else if (r == 0 && !s->good_label && s->known)
			failure(s, "a failed file was read", "read", 0);
	}
	end_turn(s, true, code);
}

/* By a child: a store into a page that somebody else has just cut off ends it, and all that it has open and mapped. */
static void change_together(struct slot *s)
{
	pid_t pid = fork();

	random_next(&rnd);
	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		change_content(s, false);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->known = false; /* until somebody alone restores it */
	end_turn(s, false, 0);
}

void write_forever(uint64_t seed)
{
	rnd = seed;
	while (!race->over) {
		struct slot *s = &race->slots[random_below(&rnd, race->n_slots)];
		bool alone = race->follow || random_below(&rnd, 4);

		if (!take_turn(s, alone)) {
			usleep(100);
			continue;
		}
		if (alone)
			change_alone(s);
		else
			change_together(s);
		current = NULL;
		if (random_below(&rnd, 2))
			usleep(random_below(&rnd, 10000));
	}
}
