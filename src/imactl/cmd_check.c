/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl check: what appraisal would say of files, and why; no daemon is asked. */
#include <getopt.h>
#include <pthread.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <imad/appended.h>
#include <imad/file.h>
#include <imad/signature.h>

#include "check.h"
#include "tree.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#define TRIES 3 /* of a file that changes while it is read */

struct job {
	struct check_rules rules;
	struct check_use use;
	struct trust_options places;
	struct trust *trust;
	struct evm_options evm_options;
	struct evm_pair own; /* keys of imad's HMACs */
	unsigned int threads;
	bool json, verbose, quiet, progress, evm;
	pthread_mutex_t out;
	atomic_ulong looked_at, verdicts[CHECK_VERDICTS], causes[IMAD_CAUSE_COUNT], unchecked;
};

/* Of one thread. */
struct own {
	struct file_hasher *hasher;
	struct digest digests[ALGO_COUNT], verity;
};

static void free_own(void *arg, void *thread)
{
	struct own *own = thread;

	(void)arg;
	file_hasher_free(own->hasher);
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
	struct job *j = arg;

	j->unchecked++;
	pthread_mutex_lock(&j->out);
	complain(IMACTL_UNCHECKED, "cannot check '%s': %s", path, r == -EBUSY ? "it changes while it is read" : strerror(-r));
	pthread_mutex_unlock(&j->out);
}

/* The digest that the label is about; NULL: there is none. */
static const struct digest *content_of(struct own *own, int fd, const struct finder *f, unsigned int n)
{
	if (!f->n || f->damaged)
		return NULL;
	if (f->label.type == LABEL_VERITY)
		return finder_verity_digest(fd, &own->verity) == 0 ? &own->verity : NULL;
	for (unsigned int i = 0; i < n; i++)
		if (f->label.algo && own->digests[i].algo == f->label.algo->id)
			return &own->digests[i];
	return NULL;
}

/* Beside what the hooks ask for: who has signed, or why that is nobody. */
static void explain_signature(const struct job *j, struct check_result *r)
{
	const struct finder *f = r->finder;

	r->signature = -1;
	if (!f->n || f->damaged || !label_is_signature(&f->label))
		return;
	r->signature = r->content ? signature_verify(trust_keys(j->trust), &f->label, r->content) :
		       f->label.algo ? SIGNATURE_BAD : SIGNATURE_UNSUPPORTED;
	if (f->label.algo)
		r->key = keyring_find(trust_keys(j->trust), f->label.key_id, NULL);
}

static bool is_fuse(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

/* What is appended to the content, where a rule lets that count. 0 or negative errno. */
static int find_appended(const struct job *j, struct own *own, int fd, const struct finder *f, uint32_t *found, struct check_result *r)
{
	struct appended a;
	int error = appended_read(own->hasher, fd, j->trust, &a);

	if (error < 0)
		return error;
	r->appended = a.good ? APPENDED_GOOD : a.der ? APPENDED_BAD : APPENDED_NONE;
	r->why_not = a.why;
	if (a.der)
		appended_found(j->trust, f, &a, ALGO_SHA256, found, &r->denied);
	free(a.der);
	return 0;
}

/* 0 or negative errno; -EBUSY if the content changed meanwhile. */
static int check_once(const struct job *j, struct own *own, int fd, const struct stat *st, struct finder *f, struct check_evm *evm,
		      struct check_result *r)
{
	const struct algo *algos[ALGO_COUNT];
	uint32_t opts, allowed, found;
	bool appraised;
	unsigned int n;
	int error = check_rules_for(&j->rules, fd, st, r->path, &appraised, &opts, &allowed);

	if (error == 0 && !appraised)
		r->verdict = CHECK_NOT_APPRAISED;
	if (error < 0 || !appraised)
		return error;
	error = finder_read(fd, f);
	if (error < 0)
		return error;
	n = finder_needs(j->trust, f, algos);
	error = n ? file_hash(own->hasher, fd, algos, n, own->digests) : 0;
	if (error < 0)
		return error;
	found = finder_found(j->trust, fd, f, own->digests, n, &r->denied);
	error = opts & IMAD_OPT_MODSIG ? find_appended(j, own, fd, f, &found, r) : 0;
	if (error == 0)
		error = check_evm_read(j->trust, &j->own, fd, j->evm, evm);
	if (error == 0 && !tree_unchanged(fd, st))
		error = -EBUSY;
	if (error < 0)
		return error;
	r->finder = f;
	r->content = content_of(own, fd, f, n);
	explain_signature(j, r);
	r->cause = is_fuse(fd) ? IMAD_CAUSE_UNVERIFIABLE : imad_judge(opts, allowed, found);
	if (j->evm && r->cause != IMAD_CAUSE_UNVERIFIABLE)
		r->cause = check_evm_judge(evm, opts, allowed, found, r->cause);
	r->verdict = r->cause == IMAD_CAUSE_PASS ? CHECK_PASS : CHECK_FAIL;
	return 0;
}

static void tell(struct job *j, const struct check_result *r)
{
	j->verdicts[r->verdict]++;
	if (r->verdict == CHECK_FAIL)
		j->causes[r->cause]++;
	if (r->verdict != CHECK_FAIL && !j->verbose)
		return;
	pthread_mutex_lock(&j->out);
	(j->json ? check_put_json : check_put)(r);
	pthread_mutex_unlock(&j->out);
}

static void check_file(void *arg, void *thread, int fd, const struct stat *first, const char *path)
{
	struct stat st = *first;
	struct job *j = arg;
	int r = -EBUSY;

	j->looked_at++;
	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++) {
		cleanup(finder_done) struct finder f = { 0 };
		cleanup(check_evm_done) struct check_evm evm = { 0 };
		struct check_result result = { .path = path, .signature = -1, .evm = &evm };

		r = check_once(j, thread, fd, &st, &f, &evm, &result);
		if (r == 0)
			tell(j, &result);
		if (r == -EBUSY && fstat(fd, &st) < 0)
			r = -errno;
	}
	if (r < 0)
		failed(j, path, r);
}

static void show_progress(void *arg)
{
	struct job *j = arg;

	if (j->progress)
		fprintf(stderr, "\r%lu files, %lu fail ", j->looked_at, j->verdicts[CHECK_FAIL]);
}

static void sum_up_json(const struct job *j)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	struct json_object *causes = json_object_new_object();

	json_object_object_add(o, "files", json_object_new_int64((int64_t)j->looked_at));
	json_object_object_add(o, "pass", json_object_new_int64((int64_t)j->verdicts[CHECK_PASS]));
	json_object_object_add(o, "fail", json_object_new_int64((int64_t)j->verdicts[CHECK_FAIL]));
	json_object_object_add(o, "not_appraised", json_object_new_int64((int64_t)j->verdicts[CHECK_NOT_APPRAISED]));
	json_object_object_add(o, "unchecked", json_object_new_int64((int64_t)j->unchecked));
	json_object_object_add(o, "stopped", json_object_new_boolean(tree_stopped));
	json_object_object_add(o, "causes", causes);
	for (unsigned int i = 0; i < IMAD_CAUSE_COUNT; i++)
		if (j->causes[i])
			json_object_object_add(causes, check_cause_text(i), json_object_new_int64((int64_t)j->causes[i]));
	put_json(o);
}

static void sum_up(const struct job *j)
{
	const char *between = " (";

	if (j->progress)
		fputs("\r\033[K", stderr);
	if (j->quiet)
		return;
	if (j->json) {
		sum_up_json(j);
		return;
	}
	printf("%lu pass, %lu fail", j->verdicts[CHECK_PASS], j->verdicts[CHECK_FAIL]);
	for (unsigned int i = 0; i < IMAD_CAUSE_COUNT; i++) {
		if (!j->causes[i])
			continue;
		printf("%s%lu %s", between, j->causes[i], check_cause_text(i));
		between = ", ";
	}
	printf("%s, ", j->verdicts[CHECK_FAIL] ? ")" : "");
	if (j->rules.policy)
		printf("%lu not appraised, ", j->verdicts[CHECK_NOT_APPRAISED]);
	printf("%lu could not be checked%s\n", j->unchecked, tree_stopped ? "; stopped" : "");
}

static int take_algos(struct job *j, char *list)
{
	char *save = NULL;

	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		const struct algo *algo = algo_by_name(name, strlen(name));

		if (!algo)
			return complain(IMACTL_USAGE, "unknown hash algorithm '%s'", name);
		j->rules.algos |= 1u << algo->id;
	}
	return j->rules.algos ? IMACTL_OK : complain(IMACTL_USAGE, "check: --algos names no hash algorithm");
}

static int take_option(struct job *j, int c)
{
	struct check_use *u = &j->use;

	if (trust_option(&j->places, c, optarg) || evm_option(&j->evm_options, c, optarg))
		return IMACTL_OK;
	switch (c) {
	case 'P':
		if (u->n_policies == (int)ARRAY_SIZE(u->policies))
			return complain(IMACTL_USAGE, "check: too many policies");
		u->policies[u->n_policies++] = optarg;
		return IMACTL_OK;
	case 'F':
	case 'M':
	case 'U':
	case 'I':
		*(c == 'F' ? &u->func : c == 'M' ? &u->mask : c == 'U' ? &u->uid : &u->fsuuid) = optarg;
		return IMACTL_OK;
	case 'A':
		return take_algos(j, optarg);
	case 'j':
		return tree_take_jobs("check", optarg, &j->threads);
	case '?':
		return IMACTL_USAGE;
	}
	j->rules.opts |= c == 'm' ? IMAD_OPT_SIGNED | IMAD_OPT_MODSIG : c == 's' ? IMAD_OPT_SIGNED : c == '3' ? IMAD_OPT_SIGNED | IMAD_OPT_SIGV3 :
			 c == 'V'  ? IMAD_OPT_SIGNED | IMAD_OPT_VERITY : 0;
	j->evm |= c == 'E';
	j->json |= c == 'J';
	j->verbose |= c == 'v';
	j->quiet |= c == 'q';
	return IMACTL_OK;
}

/* What was named itself is told of, whatever becomes of it. */
static bool are_files(char **paths, int n)
{
	struct stat st;

	for (int i = 0; i < n; i++)
		if (stat(paths[i], &st) == 0 && !S_ISREG(st.st_mode))
			return false;
	return true;
}

static int parse(struct job *j, int argc, char **argv)
{
	static const struct option options[] = {
		{ "imasig", no_argument, NULL, 's' },	    { "sigv3", no_argument, NULL, '3' },
		{ "verity", no_argument, NULL, 'V' },	    { "modsig", no_argument, NULL, 'm' },
		{ "evm", no_argument, NULL, 'E' },
		{ "algos", required_argument, NULL, 'A' },
		{ "policy", required_argument, NULL, 'P' }, { "func", required_argument, NULL, 'F' },
		{ "mask", required_argument, NULL, 'M' },   { "uid", required_argument, NULL, 'U' },
		{ "fsuuid", required_argument, NULL, 'I' }, { "jobs", required_argument, NULL, 'j' },
		{ "json", no_argument, NULL, 'J' },	    { "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },	    TRUST_OPTIONS, EVM_OPTIONS, { 0 },
	};
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "vqj:", options, NULL)) != -1)
		code = take_option(j, c);
	if (code == IMACTL_OK && optind == argc)
		code = complain(IMACTL_USAGE, "check: no file or folder given");
	if (code == IMACTL_OK && (j->rules.opts & IMAD_OPT_VERITY) && (j->rules.opts & IMAD_OPT_SIGV3))
		j->rules.opts &= ~(uint32_t)IMAD_OPT_SIGV3; /* of fs-verity there is no other version */
	j->verbose = !j->quiet && (j->verbose || j->json || are_files(argv + optind, argc - optind));
	return code;
}

int cmd_check(const struct imactl *ctl, int argc, char **argv)
{
	cleanup(machinekeys_done) struct machinekeys keys = { 0 };
	struct job j = {
		.evm_options = EVM_OPTIONS_INIT,
		.threads = tree_threads(), .progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO),
		.out = PTHREAD_MUTEX_INITIALIZER,
	};
	struct tree_ops ops = {
		.begin = new_own, .end = free_own, .file = check_file, .failed = failed, .tick = show_progress, .arg = &j,
	};
	int r = 0, code = parse(&j, argc, argv);

	(void)ctl;
	if (code == IMACTL_OK)
		code = check_rules_read(&j.use, &j.rules);
	if (code == IMACTL_OK)
		code = trust_read(&j.places, NULL, NULL, &j.trust);
	if (code == IMACTL_OK && j.evm)
		code = evm_load(&j.evm_options, IMACTL_UNCHECKED, true, &keys);
	evm_pair(&keys, &j.own);
	if (code == IMACTL_OK) {
		r = tree_each(argv + optind, (unsigned int)(argc - optind), j.threads, &ops);
		sum_up(&j);
	}
	trust_unref(j.trust);
	named_policy_freep(&j.rules.policy);
	if (code != IMACTL_OK)
		return code;
	if (r < 0)
		return complain(IMACTL_UNCHECKED, "not all was checked: %s", strerror(-r));
	return j.verdicts[CHECK_FAIL] ? IMACTL_FAILED : j.unchecked || tree_stopped ? IMACTL_UNCHECKED : IMACTL_OK;
}
