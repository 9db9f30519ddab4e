/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl label: give files the label of their content, as the kernel's fix mode would,
 * without a daemon. What is right already is only looked at, so a run that was ended
 * can be run again.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <imad/digest.h>
#include <imad/label.h>
#include <imad/util.h>

#include "evm.h"
#include "setlabel.h"
#include "tree.h"

#define CHUNK (256u << 10) /* fits the second-level cache */
#define OLD_USUAL 1024
#define OLD_MAX 65536	   /* XATTR_SIZE_MAX */
#define TRIES 3		   /* of a file that changes while it is read */

struct job {
	const struct imactl *ctl;
	const struct algo *algo;
	bool dry_run, only_missing, force, json, progress;
	unsigned int threads;
	struct evm_options evm_options;
	bool with_evm;
	struct label_evm evm;
	atomic_ulong looked_at, labelled, right, kept, signatures, hmacs, failed, bytes;
};

/* Of one thread. */
struct own {
	struct digest_stream *stream;
	uint8_t chunk[CHUNK], old[OLD_MAX];
};

static void free_own(void *arg, void *own)
{
	(void)arg;
	digest_stream_free(((struct own *)own)->stream);
	free(own);
}

static void *new_own(void *arg)
{
	struct job *j = arg;
	struct own *own = calloc(1, sizeof(*own));

	if (own && digest_stream_new(j->algo, &own->stream) == 0)
		return own;
	free(own);
	return NULL;
}

static const char *text_of(int r)
{
	switch (r) {
	case -EBUSY:
		return "it changes while it is read";
	case -EINVAL:
		return "neither a regular file nor a folder";
	case -EOPNOTSUPP:
		return "its filesystem has no extended attributes";
	case -EBADMSG:
		return "its HMAC is not right: label, owner, mode or another security xattr was changed behind imad's back (imactl check --evm); "
		       "--force makes a new one";
	case -ENXIO:
		return "its filesystem does not tell generation and UUID, which an HMAC is over";
	default:
		return strerror(-r);
	}
}

static void failed(void *arg, const char *path, int r)
{
	struct job *j = arg;

	j->failed++;
	complain(IMACTL_FAILED, "cannot label '%s': %s", path, text_of(r));
}

/* As far as @size; what is more or less than that is a change, which the caller sees. */
static int hash(struct job *j, struct own *own, int fd, off_t size, struct digest *ret)
{
	off_t at = 0;
	ssize_t n = 1;
	int r = digest_begin(own->stream);

	while (r == 0 && at < size && n > 0) {
		n = pread(fd, own->chunk, CHUNK, at);
		if (n < 0)
			return -errno;
		r = digest_update(own->stream, own->chunk, (size_t)n);
		at += n;
	}
	j->bytes += (unsigned long)at;
	return r < 0 ? r : digest_end(own->stream, ret);
}

enum { LABELLED = 1, HMACED = 2 };

/* The HMAC of a file that keeps its label, the @n bytes at @label. HMACED, 0 or negative errno. */
static int vouch(struct job *j, int fd, const uint8_t *label, size_t n)
{
	cleanup(label_evm_done) struct label_evm_work w = { 0 };
	int r = j->with_evm ? label_evm_begin(&j->evm, fd, label, n, &w) : 0;

	if (r == 0 && j->with_evm)
		r = label_evm_end(&j->evm, fd, &w);
	return r > 0 ? HMACED : r;
}

/* What was done (or is to be), 0: it was right; negative errno, -EBUSY if the content changed meanwhile. */
static int label_once(struct job *j, struct own *own, int fd, const struct stat *before, ssize_t had)
{
	cleanup(label_evm_done) struct label_evm_work w = { 0 };
	uint8_t label[LABEL_DIGEST_MAX];
	struct digest d;
	size_t n;
	int r = hash(j, own, fd, before->st_size, &d), done = 0;

	if (r < 0)
		return r;
	n = label_encode_digest(&d, label);
	if (had == (ssize_t)n && !memcmp(own->old, label, n)) {
		done = vouch(j, fd, label, n);
	} else {
		r = j->with_evm ? label_evm_begin(&j->evm, fd, label, n, &w) : 0;
		if (r == 0 && !j->dry_run)
			r = set_label(j->ctl, fd, label, n);
		if (r == 0 && j->with_evm)
			r = label_evm_end(&j->evm, fd, &w);
		done = r < 0 ? r : LABELLED | (r ? HMACED : 0);
	}
	if (done < 0)
		return done;
	/* After it was set: a label of content that is not there any more must not stay unnoticed. */
	return tree_unchanged(fd, before) ? done : -EBUSY;
}

static void count(struct job *j, const char *path, int r)
{
	if (r == -EKEYREJECTED)
		j->signatures++;
	else if (r < 0)
		failed(j, path, r);
	else if (r & LABELLED)
		j->labelled++;
	else
		j->right++;
	j->hmacs += r > 0 && r & HMACED;
}

/* What stays as it is gets its HMAC all the same. */
static void keep(struct job *j, struct own *own, int fd, size_t n, const char *path, atomic_ulong *counter)
{
	int r = vouch(j, fd, own->old, n);

	if (r < 0)
		failed(j, path, r);
	else
		(*counter)++;
	j->hmacs += r == HMACED;
}

/* It was labelled by the daemon, so now it may be read. */
static int vouch_unopened(struct job *j, const char *link)
{
	cleanup_close int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	uint8_t label[OLD_USUAL];
	ssize_t n = fd < 0 ? -1 : fgetxattr(fd, "security.ima", label, sizeof(label));

	return n < 0 ? -errno : vouch(j, fd, label, (size_t)n);
}

/* It may not be read, because it fails appraisal: the daemon that says so can label it. */
static void label_denied(struct job *j, int fd, const char *path)
{
	char link[32];
	int r, made = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (j->only_missing && getxattr(link, "security.ima", NULL, 0) >= 0) {
		j->kept++;
		return;
	}
	r = j->dry_run ? -EACCES : set_label_unread(j->ctl, fd, j->algo->name, j->force);
	if (r >= 0 && j->with_evm)
		made = vouch_unopened(j, link);
	count(j, path, made < 0 ? made : r < 0 ? r : r | made);
}

static void label_unopened(void *arg, int fd, const char *path)
{
	struct job *j = arg;

	j->looked_at++;
	label_denied(j, fd, path);
}

/* Few are longer than that, and the kernel clears all of the room that it is offered. */
static ssize_t read_label(int fd, uint8_t old[OLD_MAX])
{
	ssize_t n = fgetxattr(fd, "security.ima", old, OLD_USUAL);

	return n < 0 && errno == ERANGE ? fgetxattr(fd, "security.ima", old, OLD_MAX) : n;
}

static void label_file(void *arg, void *thread, int fd, const struct stat *first, const char *path)
{
	struct own *own = thread;
	struct stat st = *first;
	struct job *j = arg;
	int r = -EBUSY;
	ssize_t had;

	j->looked_at++;
	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++) {
		had = read_label(fd, own->old);
		if (had < 0 && errno != ENODATA) {
			r = -errno;
		} else if (!j->force && had > 0 && (own->old[0] == LABEL_SIGNATURE || own->old[0] == LABEL_VERITY)) {
			keep(j, own, fd, (size_t)had, path, &j->signatures);
			return;
		} else if (j->only_missing && had >= 0) {
			keep(j, own, fd, (size_t)had, path, &j->kept);
			return;
		} else {
			r = label_once(j, own, fd, &st, had);
		}
		if (r == -EBUSY && fstat(fd, &st) < 0)
			r = -errno;
	}
	if (r == -EACCES)
		label_denied(j, fd, path);
	else
		count(j, path, r);
}

static void show_progress(void *arg)
{
	struct job *j = arg;

	if (j->progress)
		fprintf(stderr, "\r%lu files, %lu labelled, %lu failed ", j->looked_at, j->labelled, j->failed);
}

static void sum_up(struct job *j)
{
	struct json_object *o;

	if (j->progress)
		fputs("\r\033[K", stderr);
	if (!j->json) {
		printf("%s%lu labelled, %lu right already, %lu signed, %lu kept, ", j->dry_run ? "would be: " : "", j->labelled, j->right,
		       j->signatures, j->kept);
		if (j->with_evm)
			printf("%lu HMACs, ", j->hmacs);
		printf("%lu failed%s\n", j->failed, tree_stopped ? "; stopped" : "");
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "dry_run", json_object_new_boolean(j->dry_run));
	json_object_object_add(o, "labelled", json_object_new_int64((int64_t)j->labelled));
	json_object_object_add(o, "right", json_object_new_int64((int64_t)j->right));
	json_object_object_add(o, "signed", json_object_new_int64((int64_t)j->signatures));
	json_object_object_add(o, "kept", json_object_new_int64((int64_t)j->kept));
	if (j->with_evm)
		json_object_object_add(o, "hmacs", json_object_new_int64((int64_t)j->hmacs));
	json_object_object_add(o, "failed", json_object_new_int64((int64_t)j->failed));
	json_object_object_add(o, "bytes", json_object_new_int64((int64_t)j->bytes));
	json_object_object_add(o, "stopped", json_object_new_boolean(tree_stopped));
	put_json(o);
	json_object_put(o);
}

static int parse(struct job *j, int argc, char **argv)
{
	static const struct option options[] = {
		{ "algo", required_argument, NULL, 'a' }, { "dry-run", no_argument, NULL, 'n' },
		{ "only-missing", no_argument, NULL, 'm' }, { "force", no_argument, NULL, 'f' },
		{ "jobs", required_argument, NULL, 'j' },   { "json", no_argument, NULL, 'J' },
		{ "evm", no_argument, NULL, 'E' },	    EVM_OPTIONS, { 0 },
	};
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "a:nj:", options, NULL)) != -1) {
		if (c == 'a') {
			j->algo = algo_by_name(optarg, strlen(optarg));
			if (!digest_can(j->algo))
				code = complain(IMACTL_USAGE, "unknown hash algorithm '%s'", optarg);
		} else if (c == 'j') {
			code = tree_take_jobs("label", optarg, &j->threads);
		} else if (c == '?') {
			code = IMACTL_USAGE;
		} else {
			(void)evm_option(&j->evm_options, c, optarg);
		}
		j->with_evm |= c == 'E';
		j->dry_run |= c == 'n';
		j->only_missing |= c == 'm';
		j->force |= c == 'f';
		j->json |= c == 'J';
	}
	if (code == IMACTL_OK && optind == argc)
		code = complain(IMACTL_USAGE, "label: no file or folder given");
	return code;
}

static int prepare_evm(struct job *j, struct machinekeys *keys)
{
	int code;

	if (!j->with_evm)
		return IMACTL_OK;
	if (evm_of_kernel())
		return complain(IMACTL_FAILED, "label --evm: the kernel's EVM has a key of its own and makes HMACs itself");
	code = evm_load(&j->evm_options, IMACTL_FAILED, false, keys);
	evm_pair(keys, &j->evm.keys);
	j->evm.force = j->force;
	j->evm.ctl = j->ctl;
	j->evm.dry_run = j->dry_run;
	return code;
}

int cmd_label(const struct imactl *ctl, int argc, char **argv)
{
	cleanup(machinekeys_done) struct machinekeys keys = { 0 };
	struct job j = {
		.ctl = ctl, .evm_options = EVM_OPTIONS_INIT, .algo = algo_by_id(ALGO_SHA256), .threads = tree_threads(), .progress = isatty(STDERR_FILENO),
	};
	struct tree_ops ops = {
		.begin = new_own, .end = free_own, .file = label_file, .denied = label_unopened, .failed = failed, .tick = show_progress, .arg = &j,
	};
	int r, code = parse(&j, argc, argv);

	if (code == IMACTL_OK)
		code = prepare_evm(&j, &keys);
	if (code != IMACTL_OK)
		return code;
	r = tree_each(argv + optind, (unsigned int)(argc - optind), j.threads, &ops);
	sum_up(&j);
	if (r < 0)
		return complain(IMACTL_FAILED, "not all was labelled: %s", strerror(-r));
	return j.failed || tree_stopped ? IMACTL_FAILED : IMACTL_OK;
}
