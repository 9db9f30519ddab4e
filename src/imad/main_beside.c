// SPDX-License-Identifier: GPL-2.0-or-later
/* What a file has beside its content, or in place of its digest: fs-verity, an appended signature. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/modsig.h>
#include <imad/pkcs7.h>
#include <imad/util.h>

#include "main.h"

#define TOLD_A_SECOND 20

/* All @n bytes at @offset. 0 or negative errno; -ESTALE: they are not there any more. */
static int read_at(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t got;

	while (done < n) {
		got = pread(fd, (uint8_t *)to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ESTALE;
		done += (size_t)got;
	}
	return 0;
}

/* The appended signature of @fd: 0 and *@ret, -ENODATA if there is none that could be one, or another negative errno. */
static int read_modsig(int fd, struct modsig *at, uint8_t **ret, struct pkcs7 **message, const char **why)
{
	cleanup_free uint8_t *der = NULL;
	uint8_t tail[MODSIG_TAIL];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= MODSIG_TAIL)
		return -ENODATA;
	r = read_at(fd, tail, sizeof(tail), (uint64_t)st.st_size - sizeof(tail));
	if (r == 0)
		r = modsig_find(tail, sizeof(tail), (uint64_t)st.st_size, at, why);
	if (r < 0)
		return r;
	der = malloc(at->der);
	if (!der)
		return -ENOMEM;
	r = read_at(fd, der, at->der, at->content);
	if (r == 0)
		r = pkcs7_parse(der, at->der, message, why);
	if (r == 0)
		*ret = take_ptr(der);
	return r;
}

/* 1: it is good; 0: it is not, or there is none; negative errno. */
static int collect_modsig(const struct trust *t, void *scratch, int fd, struct engine_content *content)
{
	cleanup(pkcs7_freep) struct pkcs7 *message = NULL;
	const struct algo *algo;
	const char *why = NULL;
	struct modsig at;
	int r = read_modsig(fd, &at, &content->modsig, &message, &why);

	if (r == -EBADMSG)
		log_msg(LOG_DEBUG, "'%s': %s: taken for unsigned", content->name, why);
	if (r < 0)
		return r == -EBADMSG || r == -ENODATA ? 0 : r;
	content->modsig_len = at.der;
	algo = pkcs7_algo(message);
	if (algo)
		r = file_hash_first(scratch, fd, at.content, algo, &content->digest_modsig);
	if (r < 0)
		return r;
	r = pkcs7_verify(message, trust_keys(t), &content->digest_modsig, &why);
	if (why)
		log_msg(LOG_DEBUG, "'%s': %s", content->name, why);
	return r < 0 ? r : r == SIGNATURE_OK;
}

/* What the appended signature adds to what was found of the label. 0 or negative errno. */
static int find_modsig(const struct daemon *d, const struct trust *t, int fd, bool good, struct engine_content *content)
{
	cleanup(finder_done) struct finder label = { 0 };
	int r = finder_read(fd, &label);

	if (!(content->found & IMAD_FOUND_DENIED) && content->digest_modsig.size && trust_denies(t, &content->digest_modsig)) {
		content->found |= IMAD_FOUND_DENIED;
		content->denied = content->digest_modsig;
	}
	if (r < 0 || !finder_yields(t, &label))
		return r;
	content->found |= IMAD_FOUND_MODSIG | (good ? IMAD_FOUND_MODSIG_GOOD : 0);
	if (IMAD_FOUND_KIND(content->found) == IMAD_LABEL_NONE) /* what appraise_algos= is about then */
		content->found |= IMAD_FOUND(IMAD_LABEL_NONE, 0, d->hash->id);
	return 0;
}

int daemon_collect_beside(struct daemon *d, void *scratch, int fd, unsigned int needs, struct engine_content *content)
{
	cleanup(trust_unrefp) struct trust *trust = NULL;
	int r;

	if ((needs & ENGINE_VERITY) && finder_verity_digest(fd, &content->verity) < 0)
		content->verity.size = 0;
	if (!(needs & (ENGINE_MODSIG | ENGINE_LABEL)))
		return 0;
	trust = daemon_trust(d);
	r = collect_modsig(trust, scratch, fd, content);
	if (r < 0 || !content->modsig || !(needs & ENGINE_LABEL))
		return r < 0 ? r : 0;
	return find_modsig(d, trust, fd, r > 0, content);
}

void daemon_tell_no_verity(void *arg, const char *name, uint64_t dev, uint64_t ino, uint32_t pid, uint32_t uid)
{
	cleanup(buf_done) struct buf body = { 0 };
	struct audit_subject who;
	char device[32];
	static struct limit limit = LIMIT(TOLD_A_SECOND); /* what is not measured is looked at again at each use */
	struct audit_failure f = {
		.op = "collect_data", .cause = daemon_cause_text(IMAD_CAUSE_NO_VERITY), .name = name, .dev = device,
		.ino = ino, .pid = pid, .uid = uid,
	};

	(void)arg;
	if (!daemon_may_tell(&limit, "files without fs-verity"))
		return;
	snprintf(device, sizeof(device), "%u:%u", major(dev), minor(dev));
	audit_subject(pid, uid, &who);
	audit_failure_body(&who, &f, &body);
	audit_send(LOG_NOTICE, "integrity_data", &body, NULL);
}

static const struct template *template_of(const struct daemon *d, const struct policy *p, const struct imad_rule *r)
{
	const char *name = r->slot_bit ? p->slots[__builtin_ctz(r->slot_bit)].template : NULL;

	return name ? template_find(name, strlen(name)) : d->template;
}

/* ima_policy.c says both of these when it reads such a rule. */
void daemon_warn_of_templates(const struct daemon *d, const struct policy *p)
{
	const struct template *untyped = NULL, *undigested = NULL;

	for (unsigned int i = 0; i < p->n_rules; i++) {
		const struct imad_rule *r = &p->rules[i];
		const struct template *t = template_of(d, p, r);

		if (r->action == IMAD_MEASURE && (r->opts & IMAD_OPT_VERITY) && !template_has_field(t, "d-ngv2"))
			untyped = untyped ? untyped : t;
		if ((r->opts & IMAD_OPT_MODSIG) && template_has_field(t, "modsig") && !template_has_field(t, "d-modsig"))
			undigested = undigested ? undigested : t;
	}
	if (untyped)
		log_msg(LOG_WARNING, "rules with digest_type=verity should have a template with d-ngv2: template %s does not "
			"tell their digests from others", untyped->name);
	if (undigested)
		log_msg(LOG_WARNING, "template with the field modsig also needs d-modsig: %s", undigested->format);
}
