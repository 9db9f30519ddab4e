// SPDX-License-Identifier: GPL-2.0-or-later
/* The trusted keys and the deny list: at the start, and again whenever somebody asks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <imad/keydir.h>
#include <imad/log.h>
#include <imad/util.h>

#include "main.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the pointer that all threads take a reference by */

struct trust *daemon_trust(const struct daemon *d)
{
	struct trust *t;

	pthread_mutex_lock(&lock);
	t = trust_ref(d->trust);
	pthread_mutex_unlock(&lock);
	return t;
}

/* A file that is no certificate is a key that is missing: said, and nothing else. */
static void told(void *arg, const char *path, const char *why)
{
	struct daemon *d = arg;

	if (!strcmp(path, d->conf.keys_dir))
		log_msg(LOG_INFO, "no keys are trusted: '%s': %s", path, why);
	else
		log_msg(LOG_WARNING, "key '%s' is not trusted: %s", path, why);
}

static int load(struct daemon *d, struct trust **ret, struct refusal *why)
{
	const struct keydir_places places = {
		.dir = d->conf.keys_dir, .ca = d->conf.keys_ca, .deny = d->conf.keys_deny,
	};
	struct keydir_error e = { "" };
	int r = keydir_load(&places, told, d, ret, &e);

	if (r < 0)
		snprintf(why->text, sizeof(why->text), "%s", e.text);
	return r;
}

int daemon_load_keys(struct daemon *d)
{
	struct refusal why = { "" };
	int r = load(d, &d->trust, &why);

	if (r < 0)
		log_msg(LOG_ERR, "%s", why.text);
	return r;
}

/* All or nothing: what is wrong, or would lock the host out, changes nothing. */
static int reload(struct daemon *d, struct refusal *why)
{
	cleanup(trust_unrefp) struct trust *new = NULL;
	struct trust *old;
	int r = load(d, &new, why);

	if (r == 0)
		r = daemon_preflight_trust(d, new, why);
	if (r < 0) {
		log_msg(LOG_ERR, "keys and deny list stay as they were: %s", why->text);
		return r;
	}
	log_msg(LOG_NOTICE, "keys read again: %zu trusted, %zu lines of the deny list", keyring_count(trust_keys(new)),
		trust_denied_count(new));
	daemon_stamp_trust(d, false);
	pthread_mutex_lock(&lock);
	old = d->trust;
	d->trust = new;
	pthread_mutex_unlock(&lock);
	new = old; /* whoever works with it has a reference */
	engine_new_trust(d->engine);
	daemon_stamp_trust(d, true);
	daemon_guard_again(d, false);
	return 0;
}

void daemon_keys_reload(void *arg, struct server_call *call)
{
	struct refusal why = { "" };
	struct daemon *d = arg;
	int r = reload(d, &why);

	if (r < 0)
		buf_add_str(&call->answer, why.text);
	else
		buf_addf(&call->answer, "{\"keys\":%zu,\"denied\":%zu}", keyring_count(trust_keys(d->trust)),
			 trust_denied_count(d->trust));
	server_answer(call, r);
}

int daemon_on_hup(struct sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct refusal why = { "" };

	(void)source, (void)si;
	(void)reload(arg, &why); /* it has said so */
	return 0;
}
