/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl keys: the keys that imad trusts, without asking it; keys reload: have it read them again. */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include <imad/ctl.h>
#include <imad/trust.h>

#include "imactl.h"

#define RELOAD_TIMEOUT_S 60

struct listing {
	bool json;
	unsigned int not_keys;
	struct json_object *keys, *others;
};

static void date_text(time_t t, char ret[sizeof("YYYY-MM-DD")])
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(ret, sizeof("YYYY-MM-DD"), "%F", &tm) == 0)
		strcpy(ret, "-");
}

static void put_key(const struct key *key)
{
	char until[sizeof("YYYY-MM-DD")];

	date_text(key->not_after, until);
	printf("%08x  %-15s  %4u  %s%s%s  ", key->id, key->type, key->bits, until, key->not_after < time(NULL) ? " expired" : "",
	       key->denied ? " denied" : "");
	put_text(stdout, key->subject, strlen(key->subject));
	fputs("  ", stdout);
	put_text(stdout, key->origin, strlen(key->origin));
	putchar('\n');
}

static void add_key(struct listing *l, const struct key *key)
{
	struct json_object *o = json_object_new_object();
	char id[9], until[sizeof("YYYY-MM-DD")];

	(void)snprintf(id, sizeof(id), "%08x", key->id);
	date_text(key->not_after, until);
	json_object_object_add(o, "id", json_object_new_string(id));
	json_add_hex(o, "identifier", key->skid, key->skid_len);
	json_object_object_add(o, "type", json_object_new_string(key->type));
	json_object_object_add(o, "bits", json_object_new_int64(key->bits));
	json_add_text(o, "subject", key->subject, strlen(key->subject));
	json_object_object_add(o, "not_after", json_object_new_string(until));
	json_object_object_add(o, "expired", json_object_new_boolean(key->not_after < time(NULL)));
	json_object_object_add(o, "denied", json_object_new_boolean(key->denied));
	json_add_text(o, "file", key->origin, strlen(key->origin));
	json_object_array_add(l->keys, o);
}

static void on_other(void *arg, const char *path, const char *why)
{
	struct listing *l = arg;
	struct json_object *o;

	l->not_keys++;
	if (!l->json) {
		(void)complain(IMACTL_OK, "'%s': %s", path, why);
		return;
	}
	o = json_object_new_object();
	json_add_text(o, "file", path, strlen(path));
	json_object_object_add(o, "why", json_object_new_string(why));
	json_object_array_add(l->others, o);
}

static int list(const struct trust_options *options, struct listing *l)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	cleanup(trust_unrefp) struct trust *t = NULL;
	int code;

	l->keys = json_object_new_array();
	l->others = json_object_new_array();
	json_object_object_add(o, "keys", l->keys);
	json_object_object_add(o, "not_trusted", l->others);
	code = trust_read(options, on_other, l, &t);
	if (code != IMACTL_OK)
		return code;
	for (size_t i = 0; i < keyring_count(trust_keys(t)); i++) {
		if (l->json)
			add_key(l, keyring_key(trust_keys(t), i));
		else
			put_key(keyring_key(trust_keys(t), i));
	}
	json_object_object_add(o, "denied", json_object_new_int64((int64_t)trust_denied_count(t)));
	if (l->json)
		put_json(o);
	return l->not_keys ? IMACTL_FAILED : IMACTL_OK;
}

static int reload(const struct imactl *ctl, int argc)
{
	cleanup(json_putp) struct json_object *o = NULL;
	cleanup(buf_done) struct buf answer = { 0 };
	struct json_object *keys, *denied;
	struct why why;

	if (argc != 2)
		return complain(IMACTL_USAGE, "keys reload takes no arguments");
	if (client_call(ctl, CTL_KEYS_RELOAD, NULL, RELOAD_TIMEOUT_S, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	buf_add_u8(&answer, '\0');
	o = buf_error(&answer) < 0 ? NULL : json_tokener_parse((const char *)answer.data);
	if (!json_object_object_get_ex(o, "keys", &keys) || !json_object_object_get_ex(o, "denied", &denied))
		return complain(IMACTL_FAILED, "the daemon's answer makes no sense");
	printf("%lld keys, %lld lines of the deny list\n", (long long)json_object_get_int64(keys),
	       (long long)json_object_get_int64(denied));
	return IMACTL_OK;
}

int cmd_keys(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, TRUST_OPTIONS, { 0 } };
	struct trust_options trust = { NULL };
	struct listing l = { .json = false };
	int c;

	if (argc > 1 && strcmp(argv[1], "reload") == 0)
		return reload(ctl, argc);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			l.json = true;
		else if (!trust_option(&trust, c, optarg))
			return IMACTL_USAGE;
	}
	if (optind < argc)
		return complain(IMACTL_USAGE, "keys: unexpected argument '%s'", argv[optind]);
	return list(&trust, &l);
}
