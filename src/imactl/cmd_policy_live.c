/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl policy show, load, confirm, lock: the policy of the running daemon; show also that of names and files. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include <json-c/json.h>

#include <imad/ctl.h>
#include <imad/policy.h>

#include "imactl.h"

#define TIMEOUT_S 60

/* One page of the rules from @first on, parsed; NULL with the complaint made. */
static json_object *ask_rules(const struct imactl *ctl, int64_t first)
{
	cleanup(buf_done) struct buf answer = { 0 };
	json_object *root;
	struct why why;
	char request[64];

	snprintf(request, sizeof(request), "{\"first\":%" PRId64 "}", first);
	if (client_call(ctl, CTL_POLICY_SHOW, request, TIMEOUT_S, &answer, &why) < 0) {
		(void)complain(IMACTL_FAILED, "%s", why.text);
		return NULL;
	}
	buf_add_u8(&answer, '\0');
	root = buf_error(&answer) < 0 ? NULL : json_tokener_parse((const char *)answer.data);
	if (!root)
		(void)complain(IMACTL_FAILED, "the daemon's answer makes no sense");
	return root;
}

static int64_t get_int(json_object *o, const char *key)
{
	json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

/* As policy text: what is not a rule stands behind a #. */
static void put_head(json_object *root)
{
	printf("# %s: %" PRId64 " rules, epoch %" PRId64 "%s%s\n", info_text(root, "source"), get_int(root, "n_rules"),
	       get_int(root, "epoch"), get_int(root, "locked") ? ", locked" : "",
	       get_int(root, "unconfirmed") ? ", to be confirmed" : "");
}

static void put_rules(json_object *rules)
{
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		json_object *rule = json_object_array_get_idx(rules, i);
		const char *text = info_text(rule, "text");

		put_text(stdout, text ? text : "", text ? strlen(text) : 0);
		printf("# %" PRId64 "\n", get_int(rule, "hits"));
	}
}

static struct json_object *rule_json(const struct named_policy *p, unsigned int i, const char *text)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "text", text, strlen(text));
	json_add_text(o, "source", p->places[i].name, strlen(p->places[i].name));
	json_object_object_add(o, "line", json_object_new_int64(p->places[i].line));
	return o;
}

/* What would be loaded, without a daemon; as text it is a policy itself. */
static int show_named(char **names, int n, bool json)
{
	cleanup(named_policy_freep) struct named_policy *p = NULL;
	cleanup(json_putp) struct json_object *root = json_object_new_object(), *rules = json_object_new_array();
	int code = named_policy_load(names, n, &p);

	for (unsigned int i = 0; code == IMACTL_OK && i < p->policy.n_rules; i++) {
		cleanup_free char *text = rule_text(&p->policy, i);

		if (!text)
			return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
		if (json)
			json_object_array_add(rules, rule_json(p, i, text));
		else
			puts(text);
	}
	if (code != IMACTL_OK || !json)
		return code;
	json_object_object_add(root, "rules", take_ptr(rules));
	put_json(root);
	return IMACTL_OK;
}

int cmd_policy_show(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	int64_t first = 0, n = 0;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return IMACTL_USAGE;
		json = true;
	}
	if (optind < argc)
		return show_named(argv + optind, argc - optind, json);
	do {
		cleanup(json_putp) json_object *root = ask_rules(ctl, first);
		json_object *rules;

		if (!root || !json_object_object_get_ex(root, "rules", &rules))
			return IMACTL_FAILED;
		if (json)
			put_json(root); /* a line a page */
		else if (first == 0)
			put_head(root);
		if (!json)
			put_rules(rules);
		n = get_int(root, "n_rules");
		if (get_int(root, "next") <= first)
			break;
		first = get_int(root, "next");
	} while (first < n);
	return IMACTL_OK;
}

/* Names as they are, files by their absolute path, for the daemon has another working directory. */
static int add_name(struct buf *names, const char *arg)
{
	cleanup_free char *path = NULL;

	if (!policy_builtin(arg, strlen(arg))) {
		path = realpath(arg, NULL);
		if (!path)
			return complain(IMACTL_FAILED, "no built-in policy and no file '%s': %s", arg, strerror(errno));
		if (strpbrk(path, " |"))
			return complain(IMACTL_FAILED, "'%s': the path of a policy file cannot hold blanks or |", path);
		arg = path;
	}
	buf_addf(names, "%s%s", names->len ? " " : "", arg);
	return IMACTL_OK;
}

static int parse_seconds(const char *text, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	return errno || end == text || *end || *ret < 1 ? -EINVAL : 0;
}

static int send_load(const struct imactl *ctl, const char *names, bool append, long confirm)
{
	cleanup(json_putp) json_object *request = json_object_new_object(), *answer = NULL;
	cleanup(buf_done) struct buf text = { 0 };
	struct why why;

	json_object_object_add(request, "policy", json_object_new_string(names));
	json_object_object_add(request, "append", json_object_new_boolean(append));
	json_object_object_add(request, "confirm", json_object_new_int64(confirm));
	if (client_call(ctl, CTL_POLICY_LOAD, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN), TIMEOUT_S, &text,
			&why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	buf_add_u8(&text, '\0');
	answer = buf_error(&text) < 0 ? NULL : json_tokener_parse((const char *)text.data);
	printf("%" PRId64 " rules are active\n", answer ? get_int(answer, "rules") : 0);
	if (confirm)
		printf("the policy before comes back in %ld s, unless you say: imactl policy confirm\n", confirm);
	return IMACTL_OK;
}

int cmd_policy_load(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "append", no_argument, NULL, 'a' },
		{ "confirm", required_argument, NULL, 'c' },
		{ 0 },
	};
	cleanup(buf_done) struct buf names = { 0 };
	bool append = false;
	long confirm = 0;
	int c, code;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'a')
			append = true;
		else if (c != 'c')
			return IMACTL_USAGE;
		else if (parse_seconds(optarg, &confirm) < 0)
			return complain(IMACTL_USAGE, "--confirm takes seconds, not '%s'", optarg);
	}
	if (optind == argc)
		return complain(IMACTL_USAGE, "policy load needs a name or a file");
	for (; optind < argc; optind++) {
		code = add_name(&names, argv[optind]);
		if (code != IMACTL_OK)
			return code;
	}
	buf_add_u8(&names, '\0');
	if (buf_error(&names) < 0)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	return send_load(ctl, (const char *)names.data, append, confirm);
}

int cmd_policy_confirm(const struct imactl *ctl, int argc, char **argv)
{
	return client_order(ctl, argc, argv, "policy confirm", CTL_POLICY_CONFIRM, TIMEOUT_S);
}

int cmd_policy_lock(const struct imactl *ctl, int argc, char **argv)
{
	return client_order(ctl, argc, argv, "policy lock", CTL_POLICY_LOCK, TIMEOUT_S);
}
