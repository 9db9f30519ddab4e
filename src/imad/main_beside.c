// SPDX-License-Identifier: GPL-2.0-or-later
/* What a file has beside its content, or in place of its digest: fs-verity, an appended signature. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <imad/appended.h>
#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/finder.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define TOLD_A_SECOND 20

/* 0 or negative errno. */
static int collect_appended(const struct daemon *d, void *scratch, int fd, bool labels, struct engine_content *content)
{
	cleanup(trust_unrefp) struct trust *t = daemon_trust(d);
	cleanup(finder_done) struct finder label = { 0 };
	struct appended a = { 0 };
	int r = appended_read(scratch, fd, t, &a);

	if (r == 0 && a.why)
		log_msg(LOG_DEBUG, "'%s': %s", content->name, a.why);
	if (r < 0 || !a.der)
		return r;
	content->modsig = a.der;
	content->modsig_len = a.n;
	content->digest_modsig = a.digest;
	r = labels ? finder_read(fd, &label) : 0;
	if (r == 0 && labels)
		appended_found(t, &label, &a, (unsigned int)d->hash->id, &content->found, &content->denied);
	return r;
}

int daemon_collect_beside(struct daemon *d, void *scratch, int fd, unsigned int needs, struct engine_content *content)
{
	if ((needs & ENGINE_VERITY) && finder_verity_digest(fd, &content->verity) < 0)
		content->verity.size = 0;
	if (needs & ENGINE_META) {
		int r = file_meta(fd, &content->meta);

		if (r < 0)
			return r;
		content->has_meta = true;
	}
	return needs & (ENGINE_MODSIG | ENGINE_LABEL) ? collect_appended(d, scratch, fd, needs & ENGINE_LABEL, content) : 0;
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
