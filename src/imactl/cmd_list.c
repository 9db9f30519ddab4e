/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl list: the measurement list as the ASCII file shows it, as the list of a bank, or as JSON lines;
 * filtered, counted, followed. */
#include <fnmatch.h>
#include <getopt.h>
#include <json-c/json.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <imad/digest.h>
#include <imad/util.h>

#include "imactl.h"

#define cleanup_json cleanup(json_putp)

struct list_options {
	bool json, follow, count, binary, ascii;
	const struct algo *hash; /* NULL: the list's own digests, SHA-1 */
	const char *path, *func, *kind, *container; /* NULL: any */
};

struct lister {
	struct list_options o;
	const char *file;
	struct records records;
	FILE *info; /* NULL: not needed or not there */
	int watch;  /* inotify, -1: not followed */
	uint64_t shown;
};

static void lister_done(struct lister *l)
{
	records_done(&l->records);
	file_closep(&l->info);
	util_closep(&l->watch);
}

static bool matches_info(struct json_object *info, const char *key, const char *wanted)
{
	const char *text = wanted && info ? info_text(info, key) : NULL;

	return !wanted || (text && strcmp(text, wanted) == 0);
}

/* As the engines' own tools: the beginning of an ID is enough. */
static bool matches_container(struct json_object *info, const char *wanted)
{
	const char *text = wanted && info ? info_text(info, "container") : NULL;

	return !wanted || (text && strncmp(text, wanted, strlen(wanted)) == 0);
}

static bool matches_name(const struct template_fields *f, const char *glob)
{
	cleanup_free char *name = glob ? strndup(f->name ? f->name : "", f->name_len) : NULL;

	return !glob || (name && fnmatch(glob, name, 0) == 0);
}

static int put_line(const struct list_options *o, const struct list_record *r)
{
	cleanup(buf_done) struct buf line = { 0 };
	int err;

	if (o->binary)
		err = o->hash ? list_encode_bank(r, o->hash, &line) : list_encode(r, &line);
	else
		err = o->hash ? list_print_bank(r, o->hash, &line) : list_print(r, &line);
	if (err < 0)
		return err;
	fwrite(line.data, 1, line.len, stdout);
	return 0;
}

/* 0 or negative errno: the record's data are not what its template says. */
static int show(struct lister *l, const struct list_record *r, struct json_object *info)
{
	struct template_fields f = { 0 };
	bool need_fields = l->o.json || l->o.path;
	int err = need_fields ? template_decode(r->template, r->data, r->data_len, &f) : 0;

	if (err < 0)
		return err;
	if (!matches_info(info, "func", l->o.func) || !matches_info(info, "kind", l->o.kind) ||
	    !matches_container(info, l->o.container) || !matches_name(&f, l->o.path))
		return 0;
	l->shown++;
	if (l->o.count)
		return 0;
	if (l->o.json) {
		cleanup_json struct json_object *o = record_json(r, &f, l->records.n - 1, info);

		put_json(o);
		return 0;
	}
	return put_line(&l->o, r);
}

/* Until the list or its side file grew. What was shown so far is out before. */
static int wait_for_more(const struct lister *l)
{
	struct pollfd fds[] = {
		{ .fd = l->watch, .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 }, /* POLLERR: the reader of a pipe left */
	};
	char events[4096];

	if (fflush(stdout) != 0)
		return -errno;
	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents & POLLERR)
		return -EPIPE;
	/* Which file it was is no matter: both are read again. */
	return fds[0].revents && read(l->watch, events, sizeof(events)) < 0 && errno != EAGAIN ? -errno : 0;
}

static int watch(struct lister *l)
{
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", l->records.fd);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY | IN_ATTRIB) < 0) /* IN_ATTRIB: it lost its name */
		return -errno;
	if (l->info) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(l->info));
		if (inotify_add_watch(fd, path, IN_MODIFY) < 0)
			return -errno;
	}
	l->watch = take_fd(&fd);
	return 0;
}

static bool is_replaced(const struct lister *l)
{
	struct stat own, now;

	return fstat(l->records.fd, &own) == 0 && stat(l->file, &now) == 0 &&
	       (own.st_ino != now.st_ino || own.st_dev != now.st_dev);
}

/* The front was cut off: go on in the file that took the place of this one, behind what was shown. */
static int follow_new(struct lister *l, const char **why)
{
	uint64_t n = l->records.n;
	struct list_record record;
	int r;

	records_done(&l->records);
	r = records_open(l->file, &l->records);
	if (r == 0 && l->info) {
		file_closep(&l->info);
		l->info = info_open(l->file);
	}
	if (r == 0) {
		util_closep(&l->watch);
		l->watch = -1;
		r = watch(l);
	}
	if (r == 0 && l->records.n > n)
		(void)complain(0, "records %llu to %llu were cut off before they could be shown", (unsigned long long)n,
			       (unsigned long long)l->records.n - 1);
	while (r == 0 && l->records.n < n) {
		cleanup_json struct json_object *info = NULL;

		if (l->info)
			(void)info_next(l->info, l->records.n, &info);
		r = records_next(&l->records, &record, why);
		r = r == 1 ? 0 : r == 0 ? -ENODATA : r;
	}
	return r;
}

/*
 * All records. Who follows waits for a record's info line, which the daemon
 * writes after the record; else a record without one is shown without.
 */
static int walk(struct lister *l, const char **why)
{
	cleanup_json struct json_object *info = NULL;
	bool have_info = false; /* that of the next record, maybe NULL */
	bool replaced = false;	/* all that this file will ever have is there */
	struct list_record record;
	int r;

	for (;;) {
		if (l->info && !have_info)
			have_info = info_next(l->info, l->records.n, &info);
		r = l->o.follow && l->info && !have_info ? 0 : records_next(&l->records, &record, why);
		if (r == 1) {
			r = show(l, &record, info);
			if (r == -EBADMSG) {
				*why = "data do not fit the template";
				l->records.n--; /* the one to name */
			}
			json_object_put(take_ptr(info));
			have_info = false;
		} else if (r == 0) {
			if (!l->o.follow)
				return 0;
			if (replaced)
				r = follow_new(l, why);
			else if (!is_replaced(l))
				r = wait_for_more(l);
			replaced = !replaced && is_replaced(l);
		}
		if (r < 0)
			return r;
	}
}

static int list(struct lister *l)
{
	const char *why = NULL;
	bool by_info;
	int r;

	r = records_open(l->file, &l->records);
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot read the list '%s': %s", l->file, strerror(-r));
	by_info = l->o.func || l->o.kind || l->o.container;
	if (l->o.json || by_info)
		l->info = info_open(l->file);
	if (!l->info && by_info)
		return complain(IMACTL_FAILED, "there is no record_info beside the list '%s'", l->file);
	if (l->o.follow) {
		r = watch(l);
		if (r < 0)
			return complain(IMACTL_FAILED, "cannot follow '%s': %s", l->file, strerror(-r));
	}
	r = walk(l, &why);
	if (l->o.count && r == 0)
		printf("%llu\n", (unsigned long long)l->shown);
	if (r < 0)
		return complain(IMACTL_FAILED, "list '%s', record %llu: %s", l->file,
				(unsigned long long)l->records.n, why ? why : strerror(-r));
	if (records_tail(&l->records) > 0)
		return complain(IMACTL_FAILED, "list '%s', record %llu: cut at the end of the file", l->file,
				(unsigned long long)l->records.n);
	return IMACTL_OK;
}

/* An algorithm that libcrypto has. */
static int parse_hash(const char *name, const struct algo **ret)
{
	const struct algo *algo = algo_by_name(name, strlen(name));

	if (!digest_can(algo)) {
		(void)complain(IMACTL_USAGE, "list: unknown hash algorithm '%s'", name);
		return -EINVAL;
	}
	*ret = algo;
	return 0;
}

static int parse_options(int argc, char **argv, struct list_options *o)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' },
		{ "count", no_argument, NULL, 'c' },
		{ "path", required_argument, NULL, 'p' },
		{ "func", required_argument, NULL, 'F' },
		{ "kind", required_argument, NULL, 'k' },
		{ "container", required_argument, NULL, 'C' },
		{ "hash", required_argument, NULL, 'h' },
		{ "binary", no_argument, NULL, 'b' },
		{ "ascii", no_argument, NULL, 'a' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "jfc", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'f':
			o->follow = true;
			break;
		case 'c':
			o->count = true;
			break;
		case 'p':
			o->path = optarg;
			break;
		case 'F':
			o->func = optarg;
			break;
		case 'k':
			o->kind = optarg;
			break;
		case 'C':
			o->container = optarg;
			break;
		case 'h':
			if (parse_hash(optarg, &o->hash) < 0)
				return -EINVAL;
			break;
		case 'b':
			o->binary = true;
			break;
		case 'a':
			o->ascii = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

int cmd_list(const struct imactl *ctl, int argc, char **argv)
{
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(lister_done) struct lister l = { .records.fd = -1, .watch = -1 };

	if (parse_options(argc, argv, &l.o) < 0)
		return IMACTL_USAGE;
	if (argc - optind > 1)
		return complain(IMACTL_USAGE, "list: more than one file given");
	if (l.o.follow && l.o.count)
		return complain(IMACTL_USAGE, "list: --follow and --count exclude each other");
	if (l.o.json + l.o.ascii + l.o.binary + l.o.count > 1 || (l.o.hash && (l.o.json || l.o.count)))
		return complain(IMACTL_USAGE, "list: --json, --count and the forms of a list (--ascii, --binary, --hash) exclude each other");
	l.file = optind < argc ? argv[optind] : live;
	return l.file ? list(&l) : complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
}
