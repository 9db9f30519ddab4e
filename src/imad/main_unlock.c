// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may have imad unprotected for a while: whoever has a key; or, if there is none, sits at a console. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <json-c/json.h>

#include <imad/digest.h>
#include <imad/guard.h>
#include <imad/log.h>
#include <imad/signature.h>
#include <imad/util.h>

#include "main.h"

#define UNLOCK_MAX_S 3600

/* The terminal that the process has: the console, a virtual or a serial one, and no pseudo terminal. */
static bool is_on_console(pid_t pid)
{
	static const unsigned int local[] = { 4, 188, 204, 229 }; /* tty and ttyS, ttyUSB, ttyAMA, hvc */
	char path[32], line[1024], *after;
	unsigned int tty = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	after = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (!after || sscanf(after, ") %*c %*d %*d %*d %u", &tty) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		if ((tty >> 8 & 0xfff) == local[i])
			return true;
	return false;
}

static void answer_text(struct server_call *call, int r, const char *text)
{
	if (r < 0)
		log_msg(LOG_WARNING, "unlock refused to pid %d: %s", (int)call->pid, text);
	buf_add_str(&call->answer, text);
	server_answer(call, r);
}

static unsigned int seconds_of(json_object *request)
{
	json_object *v;
	int64_t n = json_object_object_get_ex(request, "seconds", &v) ? json_object_get_int64(v) : 0;

	return n > 0 && n <= UNLOCK_MAX_S ? (unsigned int)n : 0;
}

/* NULL: it may be asked for. */
static const char *not_now(const struct daemon *d, unsigned int seconds)
{
	if (!d->protection.guard)
		return "imad is not protected (protect = no)";
	return seconds ? NULL : "the time to unlock is 1 s to an hour";
}

void daemon_unlock_ask(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	json_object *request = daemon_parse_request(call);
	unsigned int seconds = seconds_of(request);
	const char *cannot = not_now(d, seconds);
	cleanup(buf_done) struct buf hex = { 0 };
	uint8_t nonce[NONCE_BYTES];

	json_object_put(request);
	if (cannot) {
		answer_text(call, -EINVAL, cannot);
		return;
	}
	if (keyring_count(p->keys) == 0) { /* no key can: the console may */
		buf_add_str(&call->answer, "{}");
		server_answer(call, buf_error(&call->answer));
		return;
	}
	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce)) {
		server_answer(call, -EIO);
		return;
	}
	buf_add_hex(&hex, nonce, sizeof(nonce));
	p->seconds = seconds;
	(void)snprintf(p->challenge, sizeof(p->challenge), "imad unlock %u seconds, boot %s, %.*s\n", seconds, d->boot_id,
		       (int)hex.len, (const char *)hex.data);
	buf_addf(&call->answer, "{\"challenge\":\"%.*s\\n\"}", (int)strcspn(p->challenge, "\n"), p->challenge);
	server_answer(call, buf_error(&call->answer));
}

/* @hex: a signature as evmctl ima_sign --sigfile makes it, over the challenge. NULL: it is good. */
static const char *check_signature(struct protection *p, const char *hex)
{
	uint8_t sig[2048];
	size_t n = hex ? strlen(hex) / 2 : 0;
	const struct algo *algo;
	struct digest digest;

	if (!p->challenge[0])
		return "nobody has asked what to sign";
	if (n == 0 || n > sizeof(sig) || hex_decode(hex, 2 * n, sig, n) < 0)
		return "a signature is asked for, by a key of protect.keys";
	algo = label_algo(sig, n);
	if (!algo || digest_buf(algo, p->challenge, strlen(p->challenge), &digest) < 0 ||
	    signature_verify_detached(p->keys, sig, n, &digest) != SIGNATURE_OK)
		return "the signature is not by a key of protect.keys over what was asked for last";
	p->challenge[0] = '\0'; /* once only */
	return NULL;
}

void daemon_unlock(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;
	json_object *request = daemon_parse_request(call), *v;
	bool by_key = p->keys && keyring_count(p->keys) > 0;
	unsigned int seconds = by_key ? p->seconds : seconds_of(request);
	const char *cannot = not_now(d, by_key && p->challenge[0] == '\0' ? 1 : seconds);
	int r = cannot ? -EINVAL : 0;

	if (r == 0 && by_key)
		cannot = check_signature(p, json_object_object_get_ex(request, "signature", &v) ? json_object_get_string(v) : NULL);
	else if (r == 0 && !is_on_console(call->pid))
		cannot = "without a key in protect.keys only the local console unlocks, and this is none";
	json_object_put(request);
	if (cannot) {
		if (r == 0)
			daemon_guard_tell("unlock-refused", by_key ? "key" : "console", NULL, (uint32_t)call->pid, 0);
		answer_text(call, r < 0 ? r : -EACCES, cannot);
		return;
	}
	guard_unlock(p->guard, seconds);
	p->unlocked = true;
	log_msg(LOG_WARNING, "imad is not protected for %u s: unlocked by pid %d with %s", seconds, (int)call->pid,
		by_key ? "a key" : "the console");
	daemon_guard_tell("unlocked", by_key ? "key" : "console", NULL, (uint32_t)call->pid, 0);
	server_answer(call, 0);
}

void daemon_lock(void *arg, struct server_call *call)
{
	struct daemon *d = arg;
	struct protection *p = &d->protection;

	if (!p->guard) {
		answer_text(call, -EINVAL, "imad is not protected (protect = no)");
		return;
	}
	p->challenge[0] = '\0';
	daemon_guard_again(d, guard_unlocked(p->guard) > 2);
	guard_unlock(p->guard, 0);
	if (p->unlocked)
		log_msg(LOG_NOTICE, "imad is protected again");
	p->unlocked = false;
	server_answer(call, 0);
}
