// SPDX-License-Identifier: GPL-2.0-or-later
/* Appraisal as the settings want it: what is held for it, labels fixed. */
#include <errno.h>
#include <fcntl.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/known.h>
#include <imad/label.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

#define SEALED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum imad_appraise daemon_appraise_mode(const struct daemon *d)
{
	switch (d->conf.appraise) {
	case CONF_APPRAISE_OFF:
		return IMAD_APPRAISE_OFF;
	case CONF_APPRAISE_ENFORCE:
		return d->grace.waiting ? IMAD_APPRAISE_LOG : IMAD_APPRAISE_ENFORCE;
	default:
		return IMAD_APPRAISE_LOG;
	}
}

bool daemon_appraises_opens(const struct daemon *d, const struct policy *p)
{
	struct policy_summary sum;

	policy_summarize(p, &sum);
	return sum.appraises_opens && d->conf.appraise != CONF_APPRAISE_OFF;
}

/*
 * Where first accesses are held, newer kernels let a program be written that is being
 * executed (exe_file_deny_write_access()): what was appraised is not what runs then.
 */
bool daemon_must_hold_opens(const struct daemon *d, const struct policy *p)
{
	struct policy_summary sum;

	policy_summarize(p, &sum);
	return (sum.appraises_opens || sum.appraises_programs) && d->conf.appraise != CONF_APPRAISE_OFF;
}

int daemon_hold_for(struct daemon *d, const struct policy *p)
{
	bool opens = daemon_appraises_opens(d, p);
	int r;

	if ((d->opens_held || !opens) && (d->hold == IMAD_HOLD_OPEN || !daemon_must_hold_opens(d, p)))
		return 0;
	gate_hold_opens(d->gate, opens);
	r = mounts_mark_again(d->mounts); /* more is held than is asked for, until the policy is there */
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot hold opens, which the policy appraises");
	if (d->hold == IMAD_HOLD_ACCESS)
		log_msg(LOG_NOTICE, "opens are held, not the first access: the policy appraises %s",
			opens ? "them" : "programs");
	d->hold = IMAD_HOLD_OPEN;
	d->opens_held |= opens;
	engine_hold_opens(d->engine);
	hooks_hold_opens(d->hooks);
	gate_hold_opens_only(d->gate);
	return mounts_mark_again(d->mounts);
}

int daemon_set_label(int fd, const struct digest *digest, bool force)
{
	cleanup_close int again = -1;
	int r = force ? file_force_hash_label(fd, digest) : file_set_hash_label(fd, digest);

	if (r != -EROFS)
		return r;
	again = mounts_open_writable(fd); /* a service may see as read-only what others write */
	if (again < 0)
		return r;
	return force ? file_force_hash_label(again, digest) : file_set_hash_label(again, digest);
}

/* What was found of a file of just this content, if one has passed. */
static uint32_t known_copy(struct daemon *d, void *scratch, int fd)
{
	uint32_t found = 0;

	for (uint32_t left = known_algos(d->known); left && !found; left &= left - 1) {
		const struct algo *algo = algo_by_id(__builtin_ctz(left));
		struct digest digest;

		if (algo && file_hash(scratch, fd, &algo, 1, &digest) == 0)
			found = known_find(d->known, &digest, hooks_trust_epoch(d->hooks));
	}
	return found;
}

/*
 * A program that is copied into memory has no label there. When nobody can change it any
 * more, it is what a file is that has passed with the same content. BPF sees to the order:
 * what is found before the last seal counts for nothing (settle_memory()).
 */
void daemon_know_content(struct daemon *d, void *scratch, int fd, uint32_t epoch, struct engine_content *content)
{
	int seals = fcntl(fd, F_GET_SEALS); /* on tmpfs only */
	uint32_t found;

	if (content->found & IMAD_FOUND_DENIED)
		return;
	if (seals >= 0 && (seals & SEALED) == SEALED) {
		found = IMAD_FOUND_KIND(content->found) == IMAD_LABEL_NONE ? known_copy(d, scratch, fd) : 0;
		content->found = found ? found : content->found;
	} else if (content->found & IMAD_FOUND_GOOD && IMAD_FOUND_KIND(content->found) != IMAD_LABEL_VERITY) {
		known_add(d->known, &content->digest, content->found, epoch);
	}
}

/* An HMAC that was right stays so. */
static int set_fixed(struct daemon *d, int fd, const struct digest *digest, uint32_t *found)
{
	uint8_t label[LABEL_DIGEST_MAX];
	size_t n = label_encode_digest(digest, label);
	int keep = daemon_evm_before(d, fd, label, n, false) > 0, r = daemon_set_label(fd, digest, true);

	if (r < 0 || (!keep && d->conf.evm != CONF_APPRAISE_FIX) || (!keep && IMAD_EVM(*found) > IMAD_EVM_MISSING))
		return r;
	r = daemon_evm_renew(d, fd);
	if (r > 0)
		*found = (*found & ~IMAD_FOUND_EVM(7)) | IMAD_FOUND_EVM(IMAD_EVM_PASS);
	return r;
}

/* What the kernel's ima_fix_xattr() does; a signature over the content stays, whatever it says,
 * and so does what is on the deny list. */
void daemon_fix_label(struct daemon *d, void *scratch, int fd, struct engine_content *content)
{
	unsigned int cause = imad_judge(0, 0, content->found & ~IMAD_FOUND_EVM(7));
	const struct algo *algo = algo_by_id((int)IMAD_FOUND_ALGO(content->found));
	static struct limit limit = LIMIT(20);
	struct digest digest;
	int r;

	if (cause == IMAD_CAUSE_PASS || cause == IMAD_CAUSE_DENIED || IMAD_FOUND_KIND(content->found) == IMAD_LABEL_SIGNATURE)
		return;
	if (IMAD_FOUND_KIND(content->found) == IMAD_LABEL_VERITY && (content->found & IMAD_FOUND_GOOD))
		return; /* right, for who asks for it */
	if (IMAD_FOUND_KIND(content->found) == IMAD_LABEL_NONE || !digest_can(algo))
		algo = d->hash;
	r = file_hash(scratch, fd, &algo, 1, &digest);
	if (r == 0)
		r = set_fixed(d, fd, &digest, &content->found);
	if (r < 0) {
		if (daemon_may_tell(&limit, "labels that cannot be fixed"))
			log_errno(LOG_WARNING, r, "cannot fix the label of '%s' (%s)", content->name, daemon_cause_text(cause));
		return;
	}
	d->labels_fixed++;
	log_msg(LOG_INFO, "label of '%s' fixed (%s)", content->name, daemon_cause_text(cause));
	content->found &= IMAD_FOUND_VERITY | IMAD_FOUND_MODSIG | IMAD_FOUND_MODSIG_GOOD | IMAD_FOUND_EVM(7); /* which are none of the label's */
	content->found |= IMAD_FOUND(IMAD_LABEL_HASH, 0, algo->id) | IMAD_FOUND_GOOD;
}
