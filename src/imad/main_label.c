// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Labels that imactl asks for: where only this process may change them, and of files
 * that imactl cannot read because they fail. To BPF such a label is a change like
 * any other's, so what was known of the file is void.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <json-c/json.h>

#include <imad/file.h>
#include <imad/label.h>
#include <imad/log.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "main.h"

#define LABEL_BYTES_MAX ((CTL_REQUEST_MAX - CTL_HEADER) / 2)

enum labelled { LABELLED, LABEL_RIGHT, LABEL_SIGNED };
static const char *const answers[] = {
	[LABELLED] = "{\"did\":\"labelled\"}", [LABEL_RIGHT] = "{\"did\":\"right\"}", [LABEL_SIGNED] = "{\"did\":\"signed\"}",
};

static int put(int fd, const uint8_t *label, size_t n)
{
	cleanup_close int again = -1;

	if (fsetxattr(fd, "security.ima", label, n, 0) == 0)
		return LABELLED;
	if (errno != EROFS)
		return -errno;
	again = mounts_open_writable(fd); /* what a service sees as read-only need not be */
	if (again < 0)
		return -EROFS;
	return fsetxattr(again, "security.ima", label, n, 0) < 0 ? -errno : LABELLED;
}

/* An HMAC that was right stays so; @vouch: who asks vouches for the file as it is. */
static int set(const struct daemon *d, int fd, const uint8_t *label, size_t n, bool vouch)
{
	int keep = daemon_evm_before(d, fd, label, n, false), r = keep < 0 ? keep : put(fd, label, n), renewed = 0;

	if (r >= 0 && (keep || vouch))
		renewed = daemon_evm_renew(d, fd);
	return renewed < 0 ? renewed : r;
}

static int set_given(const struct daemon *d, int fd, const char *hex)
{
	uint8_t label[LABEL_BYTES_MAX];
	size_t n = strlen(hex) / 2;

	if (!d->conf.protect_labels || daemon_appraise_mode(d) != IMAD_APPRAISE_ENFORCE)
		return -EOPNOTSUPP; /* whoever may do it can do it */
	if (!n || n > sizeof(label) || hex_decode(hex, strlen(hex), label, n) < 0)
		return -EBADMSG;
	return set(d, fd, label, n, false);
}

/* The label of the content. -EBUSY: it changed meanwhile. */
static int set_hash(struct daemon *d, int fd, const struct algo *algo, bool force)
{
	uint8_t label[LABEL_DIGEST_MAX], old[LABEL_DIGEST_MAX + 1];
	struct imad_verdict unused;
	struct imad_gen before, after;
	struct file_hasher *hasher = NULL;
	struct digest digest;
	bool has_gen;
	ssize_t had = fgetxattr(fd, "security.ima", old, sizeof(old));
	size_t n;
	int r;

	if (!force && ((had < 0 && errno == ERANGE) || (had > 0 && (old[0] == LABEL_SIGNATURE || old[0] == LABEL_VERITY))))
		return LABEL_SIGNED;
	r = hooks_state(d->hooks, fd, &before, &has_gen, &unused);
	if (r == 0)
		r = file_hasher_new(&hasher);
	if (r == 0)
		r = file_hash(hasher, fd, &algo, 1, &digest);
	file_hasher_free(hasher);
	if (r < 0)
		return r;
	if (hooks_state(d->hooks, fd, &after, &has_gen, &unused) < 0 || before.gen != after.gen)
		return -EBUSY;
	n = label_encode_digest(&digest, label);
	return had == (ssize_t)n && !memcmp(old, label, n) && !force ? LABEL_RIGHT : set(d, fd, label, n, force);
}

/* Of what is there. */
static int set_hmac(const struct daemon *d, int fd)
{
	int r = daemon_evm_renew(d, fd);

	return r < 0 ? r : r ? LABELLED : -EOPNOTSUPP;
}

static const char *text_of(struct json_object *request, const char *key)
{
	struct json_object *value;

	return request && json_object_object_get_ex(request, key, &value) ? json_object_get_string(value) : NULL;
}

static int label(struct daemon *d, struct ask *a)
{
	const char *given = text_of(a->request, "label"), *hash = text_of(a->request, "hash");
	const struct algo *algo = hash ? algo_by_name(hash, strlen(hash)) : NULL;
	bool hmac = daemon_request_int(a->request, "hmac");
	struct imad_probe probe;
	cleanup_close int fd = -1;
	char link[32];
	int r;

	if (a->call->fd < 0 || mounts_may_open(a->call->fd) < 0 || (!given && !hmac && (!algo || !algo->openssl)))
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", a->call->fd);
	fd = hooks_open(d->hooks, AT_FDCWD, link, O_RDONLY, 0, &probe);
	if (fd < 0)
		return fd;
	r = hmac ? set_hmac(d, fd) : given ? set_given(d, fd, given) : set_hash(d, fd, algo, daemon_request_int(a->request, "force"));
	/* The next use is to be held, and not to fail because a mark hides it from the gate. */
	if (r == LABELLED)
		engine_writer_closed(d->engine, fd);
	return r;
}

void daemon_run_label(struct daemon *d, struct ask *a)
{
	int r = label(d, a);

	if (r == LABELLED && d->labels_set++ == 0)
		log_msg(LOG_NOTICE, "a label was set for imactl; imactl status counts them");
	if (r >= 0)
		buf_add_str(&a->call->answer, answers[r]);
	server_answer(a->call, r < 0 ? r : 0);
}
