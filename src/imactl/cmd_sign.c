/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl sign: give files signatures by one key, as evmctl ima_sign does. What is signed
 * by it already is only looked at, so a run that was ended can be run again.
 */
#include <getopt.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <imad/file.h>
#include <imad/finder.h>
#include <imad/label.h>

#include "setlabel.h"
#include "sign.h"
#include "tree.h"

#define OLD_MAX 65536 /* XATTR_SIZE_MAX */
#define TRIES 3	      /* of a file that changes while it is read */

struct job {
	const struct imactl *ctl;
	struct sign_key key;
	struct signer *signer;
	const struct algo *algo;
	unsigned int version, threads;
	bool verity, sigfile, evm, portable, dry_run, only_missing, json, progress;
	struct timespec begun;
	atomic_ulong looked_at, made, right, kept, failed;
};

/* Of one thread. */
struct own {
	struct file_hasher *hasher;
	struct buf label;
	uint8_t old[OLD_MAX];
};

enum outcome { MADE, RIGHT, KEPT }; /* of one file; or a negative errno */

static void free_own(void *arg, void *thread)
{
	struct own *own = thread;

	(void)arg;
	file_hasher_free(own->hasher);
	buf_done(&own->label);
	free(own);
}

static void *new_own(void *arg)
{
	struct own *own = calloc(1, sizeof(*own));

	(void)arg;
	if (own && file_hasher_new(&own->hasher) == 0)
		return own;
	free(own);
	return NULL;
}

static void failed(void *arg, const char *path, int r)
{
	char error[TPMSIGN_ERROR_MAX];
	struct job *j = arg;
	const char *why = sign_key_why(&j->key, r, error);

	j->failed++;
	complain(IMACTL_FAILED, "cannot sign '%s': %s", path,
		 why								? why :
		 j->evm								? sign_evm_why(r) :
		 r == -EBUSY							? "it changes while it is read" :
		 j->verity && (r == -ENODATA || r == -EOPNOTSUPP || r == -ENOTTY) ? "it has no fs-verity" :
										  strerror(-r));
}

/* Of the content, or the fs-verity digest. */
static int digest_of(const struct job *j, struct own *own, int fd, struct digest *ret)
{
	return j->verity ? finder_verity_digest(fd, ret) : file_hash(own->hasher, fd, &j->algo, 1, ret);
}

static ssize_t read_old(const struct job *j, struct own *own, int fd, const char *path)
{
	ssize_t n;

	if (j->sigfile)
		return sign_read_beside(path, own->old, sizeof(own->old));
	n = fgetxattr(fd, "security.ima", own->old, sizeof(own->old));
	return n < 0 && errno == ENODATA ? 0 : n < 0 ? -errno : n;
}

static bool is_right(const struct job *j, const struct label *old, const struct digest *d)
{
	return old->type == (j->verity ? LABEL_VERITY : LABEL_SIGNATURE) && old->version == j->version &&
	       signer_made(j->signer, old, d);
}

/* A signature over content that is not there any more must not stay. 0 or negative errno. */
static int put(const struct job *j, struct own *own, int fd, const char *path, const struct stat *before)
{
	int r;

	if (j->sigfile) {
		r = sign_write_beside(path, own->label.data, own->label.len);
		if (r < 0 || tree_unchanged(fd, before))
			return r;
		(void)sign_remove_beside(path);
		return -EBUSY;
	}
	r = set_label(j->ctl, fd, own->label.data, own->label.len);
	if (r < 0)
		return r;
	if (tree_unchanged(fd, before))
		return 0;
	(void)fremovexattr(fd, "security.ima");
	return -EBUSY;
}

static int sign_once(const struct job *j, struct own *own, int fd, const char *path, const struct stat *before)
{
	struct label old = { 0 };
	ssize_t had = read_old(j, own, fd, path);
	bool has = had > 0 && label_decode(own->old, (size_t)had, &old, NULL) == 0 && label_is_signature(&old);
	struct digest d;
	int r;

	if (had < 0)
		return (int)had;
	if (has && j->only_missing)
		return KEPT;
	r = digest_of(j, own, fd, &d);
	if (r == 0 && !tree_unchanged(fd, before))
		r = -EBUSY;
	if (r < 0)
		return r;
	if (has && is_right(j, &old, &d))
		return RIGHT;
	if (j->dry_run)
		return MADE;
	buf_reset(&own->label);
	r = signature_sign(j->signer, j->verity ? LABEL_VERITY : LABEL_SIGNATURE, j->version, &d, &own->label);
	if (r == 0)
		r = put(j, own, fd, path, before);
	return r < 0 ? r : MADE;
}

/* The signature of a file is not to be signed itself. */
static bool is_sigfile(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".sig") == 0;
}

/* The metadata of a file, not its content. */
static int sign_metadata(const struct job *j, int fd)
{
	static const enum outcome outcomes[] = { RIGHT, MADE, KEPT };
	const struct sign_evm s = {
		.signer = j->signer, .algo = j->algo, .type = j->portable ? EVM_PORTABLE : EVM_SIGNATURE,
		.version = j->version, .dry_run = j->dry_run, .only_missing = j->only_missing,
	};
	int r = sign_evm(&s, fd);

	return r < 0 ? r : (int)outcomes[r];
}

static void sign_file(void *arg, void *thread, int fd, const struct stat *first, const char *path)
{
	struct stat st = *first;
	struct job *j = arg;
	int r = -EBUSY;

	j->looked_at++;
	if (j->sigfile && is_sigfile(path))
		r = KEPT;
	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++) {
		r = j->evm ? sign_metadata(j, fd) : sign_once(j, thread, fd, path, &st);
		if (r == -EBUSY && fstat(fd, &st) < 0)
			r = -errno;
	}
	if (r < 0)
		failed(j, path, r);
	else
		(*(r == MADE ? &j->made : r == RIGHT ? &j->right : &j->kept))++;
}

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static double rate(const struct job *j, double seconds)
{
	return seconds > 0 ? (double)j->made / seconds : 0;
}

/* Where the key is in a chip, its rate is what the whole run depends on. */
static void show_progress(void *arg)
{
	struct job *j = arg;

	if (j->progress)
		fprintf(stderr, "\r%lu files, %lu signed (%.0f/s), %lu failed ", j->looked_at, j->made, rate(j, seconds_since(&j->begun)),
			j->failed);
}

static void sum_up(struct job *j)
{
	cleanup(json_putp) struct json_object *o = NULL;
	double seconds = seconds_since(&j->begun);

	if (j->progress)
		fputs("\r\033[K", stderr);
	if (!j->json) {
		printf("%s%lu signed, %lu right already, %lu kept, %lu failed%s", j->dry_run ? "would be: " : "", j->made,
		       j->right, j->kept, j->failed, tree_stopped ? "; stopped" : "");
		if (seconds >= 1 && !j->dry_run)
			printf("; %.0f signatures a second", rate(j, seconds));
		putchar('\n');
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "dry_run", json_object_new_boolean(j->dry_run));
	json_object_object_add(o, "signed", json_object_new_int64((int64_t)j->made));
	json_object_object_add(o, "right", json_object_new_int64((int64_t)j->right));
	json_object_object_add(o, "kept", json_object_new_int64((int64_t)j->kept));
	json_object_object_add(o, "failed", json_object_new_int64((int64_t)j->failed));
	json_object_object_add(o, "stopped", json_object_new_boolean(tree_stopped));
	json_object_object_add(o, "seconds", json_object_new_double(seconds));
	put_json(o);
}

static int take_number(const char *option, const char *text, unsigned long min, unsigned long max, unsigned int *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < min || n > max)
		return complain(IMACTL_USAGE, "sign: --%s is a number from %lu to %lu, not '%s'", option, min, max, text);
	*ret = (unsigned int)n;
	return IMACTL_OK;
}

static int take_option(struct job *j, int c)
{
	switch (c) {
	case 'k':
		j->key.file = optarg;
		return IMACTL_OK;
	case 'c':
		j->key.cert = optarg;
		return IMACTL_OK;
	case 'i':
		j->key.id = optarg;
		return IMACTL_OK;
	case 'p':
		j->key.pass_file = optarg;
		return IMACTL_OK;
	case 'T':
		j->key.tpm.tcti = optarg;
		return IMACTL_OK;
	case 'O':
		j->key.tpm.owner_pass_file = optarg;
		return IMACTL_OK;
	case 'a':
		j->algo = algo_by_name(optarg, strlen(optarg));
		if (j->algo && j->algo->openssl)
			return IMACTL_OK;
		return complain(IMACTL_USAGE, "unknown hash algorithm '%s'", optarg);
	case 'v':
		return take_number("version", optarg, 2, 3, &j->version);
	case 'j':
		return tree_take_jobs("sign", optarg, &j->threads);
	case '?':
		return IMACTL_USAGE;
	}
	j->version = c == '3' ? 3 : j->version;
	j->verity |= c == 'V';
	j->sigfile |= c == 'f';
	j->evm |= c == 'E';
	j->portable |= c == 'P';
	j->dry_run |= c == 'n';
	j->only_missing |= c == 'm';
	j->json |= c == 'J';
	return IMACTL_OK;
}

/* What does not go together; then the defaults. */
static int complete(struct job *j, bool any_path)
{
	if (!j->key.file)
		return complain(IMACTL_USAGE, "sign: no private key given (--key FILE|tpm:HANDLE|URI)");
	if (!any_path)
		return complain(IMACTL_USAGE, "sign: no file or folder given");
	if (j->key.id && j->key.cert)
		return complain(IMACTL_USAGE, "sign: --keyid and --cert both say the id of the key");
	if (j->verity && (j->algo || j->sigfile || j->version == 2))
		return complain(IMACTL_USAGE, "sign: --verity takes the algorithm of the file's fs-verity and version 3, "
					      "and only security.ima can hold such a signature");
	if (j->portable && !j->evm)
		return complain(IMACTL_USAGE, "sign: --portable goes with --evm");
	if (j->evm && (j->verity || j->sigfile))
		return complain(IMACTL_USAGE, "sign: --evm signs labels and metadata, not content: neither --verity nor --sigfile");
	j->algo = j->algo ? j->algo : algo_by_id(ALGO_SHA256);
	j->version = j->version ? j->version : j->verity ? 3 : 2;
	return IMACTL_OK;
}

static int parse(struct job *j, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },       { "cert", required_argument, NULL, 'c' },
		{ "keyid", required_argument, NULL, 'i' },     { "pass-file", required_argument, NULL, 'p' },
		{ "algo", required_argument, NULL, 'a' },      { "version", required_argument, NULL, 'v' },
		{ "v3", no_argument, NULL, '3' },	       { "verity", no_argument, NULL, 'V' },
		{ "sigfile", no_argument, NULL, 'f' },
		{ "evm", no_argument, NULL, 'E' },	    { "portable", no_argument, NULL, 'P' },	       { "dry-run", no_argument, NULL, 'n' },
		{ "only-missing", no_argument, NULL, 'm' },    { "jobs", required_argument, NULL, 'j' },
		{ "json", no_argument, NULL, 'J' },	       { "tcti", required_argument, NULL, 'T' },
		{ "owner-pass-file", required_argument, NULL, 'O' }, { 0 },
	};
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "k:a:fnj:", options, NULL)) != -1)
		code = take_option(j, c);
	return code == IMACTL_OK ? complete(j, optind < argc) : code;
}

int cmd_sign(const struct imactl *ctl, int argc, char **argv)
{
	struct job j = { .threads = tree_threads(), .progress = isatty(STDERR_FILENO) };
	struct tree_ops ops = {
		.begin = new_own, .end = free_own, .file = sign_file, .failed = failed, .tick = show_progress, .arg = &j,
	};
	int r, code = parse(&j, argc, argv);

	j.ctl = ctl;
	if (code == IMACTL_OK)
		code = sign_key_read(&j.key, &j.signer);
	if (code != IMACTL_OK)
		return code;
	clock_gettime(CLOCK_MONOTONIC, &j.begun);
	r = tree_each(argv + optind, (unsigned int)(argc - optind), j.threads, &ops);
	sum_up(&j);
	signer_free(j.signer);
	if (r < 0)
		return complain(IMACTL_FAILED, "not all was signed: %s", strerror(-r));
	return j.failed || tree_stopped ? IMACTL_FAILED : IMACTL_OK;
}
