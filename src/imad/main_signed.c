// SPDX-License-Identifier: GPL-2.0-or-later
/* Policy files before they are obeyed: labels as the active rules ask, signatures and versions as policy.signed asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/appraise.h>
#include <imad/digest.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/match.h>
#include <imad/signature.h>
#include <imad/util.h>

#include "main.h"

/* IMAD_FOUND() of the file's own label, over the text that was read: 0 or negative errno. */
static int find(const struct daemon *d, const struct policy_file *f, uint32_t *ret)
{
	cleanup(finder_done) struct finder finder = { 0 };
	const struct algo *algos[ALGO_COUNT];
	struct digest digests[ALGO_COUNT];
	int r = finder_read(f->fd, &finder);
	unsigned int n;

	if (r < 0)
		return r;
	n = finder_needs(d->trust, &finder, algos);
	for (unsigned int i = 0; i < n && r == 0; i++)
		r = digest_buf(algos[i], f->text, f->n, &digests[i]);
	if (r == 0)
		*ret = finder_found(d->trust, f->fd, &finder, digests, n, NULL);
	return r;
}

static int refuse(struct refusal *why, const struct policy_file *f, const char *text)
{
	snprintf(why->text, sizeof(why->text), "policy file '%s': %s", f->path, text);
	return -EACCES;
}

/* As the active rules for POLICY_CHECK say. */
static int appraise(struct daemon *d, const struct policy_file *f, struct refusal *why)
{
	struct imad_decision decision;
	struct imad_probe probe;
	uint32_t found = 0, cause = IMAD_CAUSE_NOT_APPRAISED;

	if (!d->rules || d->conf.appraise == CONF_APPRAISE_OFF || daemon_probe(d, f->fd, 0, &probe) < 0)
		return 0;
	decision = daemon_decide(d, &probe.facts, IMAD_POLICY_CHECK, IMAD_MAY_READ);
	if (!(decision.action & IMAD_APPRAISE))
		return 0;
	if (find(d, f, &found) == 0)
		cause = imad_judge(decision.opts | daemon_evm_opts(d), decision.algos, daemon_evm_find(d, d->trust, f->fd, found));
	if (cause == IMAD_CAUSE_PASS)
		return 0;
	(void)refuse(why, f, daemon_cause_text(cause));
	if (d->conf.appraise == CONF_APPRAISE_ENFORCE && !(daemon_evm_opts(d) && imad_is_evm(cause)))
		return -EACCES;
	log_msg(LOG_WARNING, "%s", why->text);
	return 0;
}

/* The signature in FILE.sig: 0, -ENOENT, or negative errno. */
static int check_detached(const struct daemon *d, const struct policy_file *f)
{
	uint8_t sig[LABEL_SIGNATURE_HEADER + 4096];
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	const struct algo *algo;
	struct digest digest;
	ssize_t n;
	int r;

	if (asprintf(&path, "%s.sig", f->path) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	n = fd < 0 ? -1 : read(fd, sig, sizeof(sig));
	if (n < 0)
		return -errno;
	algo = label_algo(sig, (size_t)n);
	if (!algo)
		return -EBADMSG;
	r = digest_buf(algo, f->text, f->n, &digest);
	if (r == 0)
		r = signature_verify_detached(trust_keys(d->trust), sig, (size_t)n, &digest);
	return r == SIGNATURE_OK ? 0 : r == SIGNATURE_NO_KEY ? -ENOKEY : r < 0 ? r : -EKEYREJECTED;
}

static int check_signature(const struct daemon *d, const struct policy_file *f, struct refusal *why)
{
	uint32_t found = 0;
	int r;

	if (find(d, f, &found) == 0 && imad_judge(IMAD_OPT_SIGNED, 0, found) == IMAD_CAUSE_PASS)
		return 0;
	if (found & IMAD_FOUND_DENIED)
		return refuse(why, f, "it is on the deny list");
	r = check_detached(d, f);
	if (r == -ENOENT)
		return refuse(why, f, IMAD_FOUND_KIND(found) == IMAD_LABEL_SIGNATURE ?
				      "its signature is not by a trusted key over this text" :
				      "policy.signed asks for a signature, and it has none");
	if (r == -ENOKEY)
		return refuse(why, f, "signed by a key that is not trusted");
	return r < 0 ? refuse(why, f, "the signature beside it is not one of this text") : 0;
}

/* --- versions */

#define VERSION_PATH POLICY_VERSION_PATH

/* The highest version that was ever active; 0 if none was. */
static int read_version(uint64_t *ret)
{
	cleanup_close int fd = open(VERSION_PATH, O_RDONLY | O_CLOEXEC);
	char text[32] = "# version: ";
	size_t n = strlen(text);
	ssize_t got;

	*ret = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	got = read(fd, text + n, sizeof(text) - n);
	return got < 0 ? -errno : policy_version(text, n + (size_t)got, ret);
}

/* On disk when it returns, its name too: power that fails later must not bring the older one back. */
static int write_version(uint64_t version)
{
	cleanup_close int fd = -1, dir = -1;
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)version);

	(void)mkdir(IMAD_STATEDIR, 0700);
	fd = open(VERSION_PATH ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n || fsync(fd) < 0 || rename(VERSION_PATH ".new", VERSION_PATH) < 0)
		return errno ? -errno : -ENOSPC;
	dir = open(IMAD_STATEDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}

static int check_version(struct ruleset *set, const struct policy_file *f, struct refusal *why)
{
	uint64_t version, least;
	char text[128];
	int r = policy_version(f->text, f->n, &version);

	if (r < 0)
		return refuse(why, f, r == -ENOENT ? "policy.signed asks for a line \"# version: N\" before the first rule" :
						     "its version is not a number");
	r = read_version(&least);
	if (r < 0)
		return refuse(why, f, "cannot read the version of the last policy in " VERSION_PATH);
	if (version < least) {
		snprintf(text, sizeof(text), "version %llu is older than %llu, which was active before",
			 (unsigned long long)version, (unsigned long long)least);
		return refuse(why, f, text);
	}
	if (!set->version || version < set->version)
		set->version = version;
	return 0;
}

int daemon_keep_version(struct daemon *d)
{
	uint64_t least;
	int r = d->conf.policy_signed ? read_version(&least) : 0;

	if (r < 0 || !d->conf.policy_signed || d->rules->version <= least)
		return r;
	r = write_version(d->rules->version);
	if (r < 0)
		log_errno(LOG_WARNING, r, "cannot keep the version of the policy in " VERSION_PATH);
	daemon_guard_again(d, false); /* it is another file now */
	return r;
}

bool daemon_wants_signed_policies(const struct daemon *d)
{
	for (unsigned int i = 0; i < d->rules->policy.n_rules && d->conf.appraise == CONF_APPRAISE_ENFORCE; i++) {
		const struct imad_rule *r = &d->rules->policy.rules[i];

		if (r->action == IMAD_APPRAISE && (r->conds & IMAD_COND_FUNC) && r->func == IMAD_POLICY_CHECK)
			return true;
	}
	return d->conf.policy_signed;
}

int daemon_check_policy_file(struct daemon *d, struct ruleset *set, const struct policy_file *f, struct refusal *why)
{
	int r = appraise(d, f, why);

	if (r == 0 && d->conf.policy_signed)
		r = check_signature(d, f, why);
	if (r == 0 && d->conf.policy_signed)
		r = check_version(set, f, why);
	return r;
}
