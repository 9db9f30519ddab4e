// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writers against executors, for 58-races.sh: can content that does not match its label be executed?
 *
 *   race good FILE [script]                 make the file that a label is to be made of
 *   race strict|follow SEED ROUNDS DIR...   several processes change and execute files in DIR; the
 *                                           labels are those of DIR/good and DIR/good-script
 *   race interp SCRIPT                      the interpreter of the scripts
 *
 * strict: labels are of one version and follow nothing, so nothing else may ever run. follow: labels
 * follow writers (FILE_CHECK rules), so what was written last may run, once it is written. A round is
 * one use. Both ways of failing are counted: what ran and must not have, what was denied although
 * nobody touched it meanwhile. The exit status is 1 if there was either.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "race.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define WRITERS 2
#define EXECUTORS 2
#define A_DIR 3 /* slots in a folder; the last is a script */
#define TOLD 20
#define UNREAD 254 /* what the interpreter says of a script that it cannot read; no version is that high */

struct race *race;

/* --- the files */

/* exit(byte 9 == byte 4095 ? byte 9 : TORN), at 0x400000 */
static const unsigned char exits[] = {
	0x0f, 0xb6, 0x3c, 0x25, 0x09, 0x00, 0x40, 0x00, 0x0f, 0xb6, 0x04, 0x25, 0xff, 0x0f, 0x40, 0x00, 0x39, 0xc7,
	0x74, 0x05, 0xbf, 0xff, 0x00, 0x00, 0x00, 0xb8, 0x3c, 0x00, 0x00, 0x00, 0x0f, 0x05,
};
/* The same as a function, wherever it is mapped; at byte 256. */
static const unsigned char returns[] = {
	0x48, 0x8d, 0x15, 0xf9, 0xfe, 0xff, 0xff, 0x0f, 0xb6, 0x42, 0x09, 0x0f, 0xb6, 0x8a, 0xff, 0x0f, 0x00, 0x00,
	0x39, 0xc8, 0x74, 0x05, 0xb8, 0xff, 0x00, 0x00, 0x00, 0xc3,
};
static const unsigned char head[] = {
	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0, 120, 0, 0x40, 0, 0, 0, 0, 0,
	64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0,
	/* PT_LOAD, R and X, the page */
	1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0,
	0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
};
static const char shebang[] = "#!/vm/race interp\n#";

static size_t version_at(bool script)
{
	return script ? 40 : 9;
}

void image(unsigned char page[PAGE], bool script, int version)
{
	memset(page, script ? '#' : 0, PAGE);
	if (script) {
		memcpy(page, shebang, sizeof(shebang) - 1);
	} else {
		memcpy(page, head, sizeof(head));
		memcpy(page + sizeof(head), exits, sizeof(exits));
		memcpy(page + 256, returns, sizeof(returns));
	}
	page[version_at(script)] = page[PAGE - 1] = (unsigned char)version;
}

int code_of(const unsigned char *page, bool script)
{
	unsigned char first = page[version_at(script)], last = page[PAGE - 1], want[PAGE];

	image(want, script, first);
	if (memcmp(page, want, PAGE - 1) != 0)
		return NO_CODE;
	return first == last ? first : TORN;
}

static int interpret(const char *path)
{
	unsigned char page[PAGE] = { 0 };
	int fd = open(path, O_RDONLY);

	if (fd < 0 || pread(fd, page, PAGE, 0) < 0)
		return UNREAD;
	return page[40] == page[PAGE - 1] ? page[40] : TORN;
}

/* --- what is seen of a file around a use */

struct view {
	unsigned long seq, opening, incarnation, labelling;
	int state, code, before;
	bool opens_over;
};

static struct view look(struct slot *s)
{
	unsigned long opened = s->opened;
	struct view v = {
		.seq = s->seq, .opening = s->opening, .incarnation = s->incarnation, .labelling = s->labelling
	};

	v.opens_over = opened == v.opening;
	v.state = s->state;
	v.code = s->code;
	v.before = s->before;
	if (s->turn != 0 || s->seq != v.seq)
		v.state = BUSY;
	return v;
}

enum kind { RAN, REFUSED, DIED };
struct outcome {
	enum kind kind;
	int value; /* version, errno, signal */
};

void failure(const struct slot *s, const char *what, const char *use, int got)
{
	if (race->told++ < TOLD)
		printf("%s: %s: %s, %d (last change: %s; state %d, code %d, before %d)\n", s->path, what, use, got, s->change,
		       s->state, s->code, s->before);
	fflush(stdout);
}

/* --- uses; @fd: of the file, of any age, or -1 where it is used by its name */

static struct outcome refused(int r)
{
	return (struct outcome){ REFUSED, r };
}

static __attribute__((noinline)) struct outcome spawn(const char *path, int fd)
{
	char *argv[] = { "race-exec", NULL }, *none[] = { NULL };
	static const char *name; /* not on the stack that is shared with the child */
	static int at, flags;
	volatile int error = 0;
	int status = 0;
	pid_t pid;

	name = path ? path : "";
	at = path ? AT_FDCWD : fd;
	flags = path ? 0 : AT_EMPTY_PATH;
	pid = vfork();
	if (pid == 0) {
		syscall(SYS_execveat, at, name, argv, none, flags);
		error = errno;
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (error)
		return refused(error);
	if (WIFSIGNALED(status))
		return (struct outcome){ DIED, WTERMSIG(status) };
	return (struct outcome){ RAN, WEXITSTATUS(status) };
}

/* A script may be gone between its check and its interpreter's reading. */
static struct outcome use_exec(struct slot *s, int fd)
{
	struct outcome o = spawn(fd < 0 ? s->path : NULL, fd);

	return s->script && o.kind == RAN && o.value == UNREAD ? refused(ENOENT) : o;
}

static struct outcome use_path_fd(struct slot *s, int old)
{
	int fd = open(s->path, O_PATH | O_CLOEXEC);
	struct outcome o = refused(errno);

	(void)old;
	if (fd < 0)
		return o;
	o = spawn(NULL, fd);
	close(fd);
	return o;
}

static sigjmp_buf away;

static void on_fault(int n)
{
	siglongjmp(away, n);
}

/* Call it if it is a function. What is mapped may shrink or change at any time. */
static struct outcome call(const unsigned char *p)
{
	int n = sigsetjmp(away, 1);

	if (n)
		return (struct outcome){ DIED, n };
	if (memcmp(p + 256, returns, sizeof(returns)) != 0)
		return refused(ENOEXEC);
	return (struct outcome){ RAN, ((int (*)(void))(uintptr_t)(p + 256))() };
}

static struct outcome use_map(struct slot *s, int old, int prot, int then)
{
	int fd = old < 0 ? open(s->path, O_RDONLY | O_CLOEXEC) : old, r = errno;
	struct outcome o = { 0 };
	unsigned char *p;

	if (fd < 0)
		return refused(r);
	p = mmap(NULL, PAGE, prot, MAP_PRIVATE, fd, 0);
	r = errno;
	if (old < 0)
		close(fd);
	if (p == MAP_FAILED)
		return refused(r);
	if (then && mprotect(p, PAGE, then) < 0)
		o = refused(errno);
	else
		o = call(p);
	munmap(p, PAGE);
	return o;
}

static struct outcome use_map_exec(struct slot *s, int fd)
{
	return use_map(s, fd, PROT_READ | PROT_EXEC, 0);
}

static struct outcome use_mprotect(struct slot *s, int fd)
{
	return use_map(s, fd, PROT_READ, PROT_READ | PROT_EXEC);
}

static const struct use {
	const char *name;
	struct outcome (*fn)(struct slot *s, int fd);
	bool by_fd, held; /* held: nobody can write while what was executed runs */
	bool never;	  /* denied whatever the file is */
} uses[] = {
	{ "exec", use_exec, false, true, false },
	{ "exec by descriptor", use_exec, true, true, false },
	{ "exec by O_PATH", use_path_fd, false, true, false },
	{ "map", use_map_exec, false, false, false },
	{ "map by descriptor", use_map_exec, true, false, false },
	{ "mprotect", use_mprotect, false, false, true },
};

/* --- judge */

static bool denied(const struct outcome *o)
{
	return o->kind == REFUSED && (o->value == EACCES || o->value == EPERM);
}

static void wrong(const struct slot *s, const char *what, const struct use *u, int got)
{
	race->wrong++;
	failure(s, what, u->name, got);
}

/* What ran. @quiet: nobody had a turn from before the use until after it; @once: one at most. */
static void judge_ran(const struct slot *s, const struct use *u, const struct view *a, const struct view *b, bool quiet,
		      bool once, int code)
{
	bool proven = (u->held && !s->script) || (a->opens_over && a->opening == b->opening);

	race->ran++;
	if (u->never)
		wrong(s, "may never run", u, code);
	else if (quiet && a->state == WRONG)
		wrong(s, "ran under a wrong label", u, code);
	else if (quiet && a->state == RIGHT && code != a->code && a->code != NO_CODE)
		wrong(s, "ran something else", u, code);
	else if (!race->follow && code != GOOD && proven)
		wrong(s, "ran what no label is of", u, code);
	else if (race->follow && u->held && !s->script && once && code != b->code && code != b->before && b->code != NO_CODE &&
		 b->before != NO_CODE)
		wrong(s, "ran half-written", u, code);
}

/* Executed under one label and mapped under the next: too late to refuse it otherwise. */
static bool relabelled(const struct view *a, const struct view *b)
{
	return a->labelling != b->labelling || a->labelling % 2;
}

static void judge(struct slot *s, const struct use *u, const struct view *a, const struct outcome *o, bool same_inode)
{
	struct view b = look(s);
	bool known = same_inode && a->state != BUSY && b.state != BUSY, quiet = known && a->seq == b.seq;

	race->judged += quiet;
	if (o->kind == RAN) {
		judge_ran(s, u, a, &b, quiet, known && b.seq - a->seq <= 2, o->value);
		return;
	}
	if (denied(o))
		race->refused++;
	else
		race->other++;
	if (o->kind == DIED && u->held && !relabelled(a, &b) &&
	    (!race->follow || (quiet && a->state == RIGHT && a->code != NO_CODE)))
		wrong(s, "died", u, o->value);
	if (!quiet || u->never || a->state != RIGHT || o->kind != REFUSED)
		return;
	/* io_uring closes what it has written when it has time to. */
	if (o->value == ETXTBSY && !strcmp(s->change, "io_uring"))
		return;
	if (denied(o) || (a->code != NO_CODE && o->value != ENOEXEC)) {
		race->denied++;
		failure(s, "denied, and nobody touched it", u->name, o->value);
	}
}

/* --- processes */

/* Descriptors of files as they were some time ago. */
struct old {
	int fd;
	unsigned long incarnation;
};

static void refresh(struct old *old, const struct slot *s)
{
	unsigned long seq = s->seq;
	bool quiet = s->turn == 0;

	if (old->fd >= 0)
		close(old->fd);
	old->incarnation = s->incarnation;
	old->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (!quiet || s->seq != seq) /* nobody knows which */
		old->incarnation = ~0ul;
}

static void execute_forever(uint64_t rnd)
{
	struct old olds[SLOTS_MAX + CONTROLS];

	for (unsigned int i = 0; i < N(olds); i++)
		olds[i].fd = -1;
	while (race->begun++ < race->rounds) {
		unsigned int i = random_below(&rnd, race->n_slots + (random_below(&rnd, 8) ? 0 : CONTROLS));
		struct slot *s = i < race->n_slots ? &race->slots[i] : &race->controls[i - race->n_slots];
		const struct use *u = &uses[random_below(&rnd, N(uses))];
		struct old *old = &olds[i];
		struct outcome o;
		struct view a;

		if (s->script)
			u = &uses[0];
		if (u->by_fd && (old->fd < 0 || random_below(&rnd, 3) == 0))
			refresh(old, s);
		if (u->by_fd && old->fd < 0)
			continue;
		random_pause(&rnd);
		a = look(s);
		o = u->fn(s, u->by_fd ? old->fd : -1);
		judge(s, u, &a, &o, !u->by_fd || (a.state != BUSY && old->incarnation == a.incarnation));
	}
	race->over = true;
}

static void start(uint64_t seed, void (*work)(uint64_t seed))
{
	pid_t pid = fork();

	if (pid > 0)
		return;
	if (pid < 0)
		exit(2);
	setfsuid(UID);
	work(seed * 0x9e3779b97f4a7c15u | 1);
	exit(0);
}

static void add(struct slot *s, const char *dir, const char *name, bool script, const struct slot *like)
{
	struct statfs fs;

	snprintf(s->path, sizeof(s->path), "%s/%s", dir, name);
	s->script = script;
	s->over = statfs(dir, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
	s->good_content = s->good_label = s->known = true;
	s->code = s->before = GOOD;
	s->change = "none";
	if (!like)
		return;
	memcpy(s->label, like->label, sizeof(s->label));
	s->label_len = like->label_len;
	if (make_file(s, s->path, GOOD) < 0) {
		perror(s->path);
		exit(2);
	}
}

static void add_control(struct slot *s, const char *dir, bool script)
{
	add(s, dir, script ? "good-script" : "good", script, NULL);
	s->label_len = (int)getxattr(s->path, "security.ima", s->label, sizeof(s->label));
	if (s->label_len < 0) {
		perror(s->path);
		exit(2);
	}
}

static void make_slots(char **dirs, unsigned int n)
{
	char name[16];

	for (unsigned int i = 0; i < CONTROLS; i++)
		add_control(&race->controls[i], dirs[i / 2 % n], i % 2);
	setfsuid(UID);
	for (unsigned int i = 0; i < n * A_DIR && i < SLOTS_MAX; i++) {
		bool script = i % A_DIR == A_DIR - 1;

		snprintf(name, sizeof(name), "slot%u", i);
		add(&race->slots[i], dirs[i / A_DIR], name, script, &race->controls[script]);
		race->n_slots++;
	}
	setfsuid(0);
}

static int run(char **argv, unsigned int dirs)
{
	race->follow = !strcmp(argv[1], "follow");
	race->seed = strtoul(argv[2], NULL, 0);
	race->rounds = strtoul(argv[3], NULL, 0);
	make_slots(argv + 4, dirs);
	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	signal(SIGILL, on_fault);
	for (unsigned int i = 0; i < WRITERS; i++)
		start(race->seed + i, write_forever);
	for (unsigned int i = 0; i < EXECUTORS; i++)
		start(race->seed + 100 + i, execute_forever);
	while (wait(NULL) > 0)
		;
	printf("seed %lu: %lu rounds, %lu changes: %lu ran, %lu denied, %lu came to nothing; %lu between changes\n",
	       race->seed, race->rounds, race->changes, race->ran, race->refused, race->other, race->judged);
	printf("%lu wrong, %lu denied and nobody touched them, %lu told\n", race->wrong, race->denied, race->told);
	return race->told != 0;
}

static int make_good(const char *path, bool script)
{
	struct slot s = { .script = script };

	setfsuid(UID);
	return make_file(&s, path, GOOD) < 0;
}

int main(int argc, char **argv)
{
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (race == MAP_FAILED)
		return 2;
	if (argc == 3 && !strcmp(argv[1], "interp"))
		return interpret(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "good"))
		return make_good(argv[2], argc > 3);
	if (argc > 4 && (!strcmp(argv[1], "strict") || !strcmp(argv[1], "follow")))
		return run(argv, (unsigned int)(argc - 4));
	fprintf(stderr, "usage: race strict|follow SEED ROUNDS DIR...\n");
	return 2;
}
