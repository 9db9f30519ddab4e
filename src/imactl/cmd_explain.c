/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl explain: why a use was denied, on one screen. The daemon knows what happened
 * and what would happen now; the words are made here.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include <imad/ctl.h>

#include "explain.h"
#include "imactl.h"

#define TIMEOUT_S 600 /* a large file is hashed for it */

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return o && json_object_object_get_ex(o, key, &value) ? value : NULL;
}

/* "" without it. */
static const char *text(struct json_object *o, const char *key)
{
	struct json_object *value = get(o, key);

	return value && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static int64_t number(struct json_object *o, const char *key)
{
	return json_object_get_int64(get(o, key));
}

static bool yes(struct json_object *o, const char *key)
{
	return json_object_get_boolean(get(o, key));
}

static void put_head(const char *head)
{
	printf("%-12s", head);
}

static void put_string(const char *s)
{
	put_text(stdout, s, strlen(s));
}

static void put_line(const char *head, const char *value)
{
	put_head(head);
	put_string(value);
	putchar('\n');
}

static void put_time(struct json_object *o)
{
	time_t t = (time_t)number(o, "time");
	char when[64];
	struct tm tm;

	if (localtime_r(&t, &tm) && strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		printf("%s.%03d", when, (int)(number(o, "time_ns") / 1000000));
}

static void put_rule(struct json_object *o, const char *without)
{
	struct json_object *rule = get(o, "rule");

	put_head("rule");
	if (rule)
		printf("%s: ", text(rule, "place"));
	put_string(rule ? text(rule, "text") : without);
	putchar('\n');
}

static void put_finding(struct json_object *o, const char *without)
{
	put_head("label");
	put_string(*text(o, "label") ? text(o, "label") : without);
	if (*text(o, "key_subject")) {
		fputs(", by ", stdout);
		put_string(text(o, "key_subject"));
	} else if (strncmp(text(o, "label"), "signature", 9) == 0) {
		fputs(", by a key that is not trusted here", stdout);
	}
	putchar('\n');
	if (*text(o, "digest_wanted"))
		put_line("  wanted", text(o, "digest_wanted"));
	if (*text(o, "digest_found"))
		put_line("  found", text(o, "digest_found"));
}

static void put_changed(struct json_object *o)
{
	struct json_object *c = get(o, "changed");

	put_head("changed");
	if (!c) {
		puts("not since imad knows the file");
		return;
	}
	put_time(c);
	printf(", %s by ", text(c, "how"));
	put_string(*text(c, "comm") ? text(c, "comm") : "?");
	printf(" (pid %lld, uid %lld)%s\n", (long long)number(c, "pid"), (long long)number(c, "uid"),
	       yes(c, "by_imad") ? ", which is imad: for imactl" : "");
}

static void put_event(struct json_object *e)
{
	struct json_object *process = get(e, "process");

	put_head("event");
	printf("%lld, ", (long long)number(e, "number"));
	put_time(e);
	puts(yes(e, "denied") ? ", denied" : ", only told of (not enforcing then)");
	put_head("file");
	put_string(*text(e, "name") ? text(e, "name") : "?");
	if (number(e, "ino"))
		printf(" (%s, inode %lld)", text(e, "dev"), (long long)number(e, "ino"));
	putchar('\n');
	put_head("by");
	put_string(*text(process, "comm") ? text(process, "comm") : "?");
	printf(" (pid %lld, uid %lld)", (long long)number(process, "pid"), (long long)number(process, "uid"));
	if (*text(process, "exe")) {
		fputs(", ", stdout);
		put_string(text(process, "exe"));
	}
	putchar('\n');
	put_head("use");
	printf("%s, op=%s\n", text(e, "func"), text(e, "op"));
	put_line("cause", text(e, "cause"));
	put_line("", text(e, "meaning"));
	put_rule(e, number(e, "ino") ? "not kept: the policy has changed since" : "any appraise rule of this func");
	if (yes(e, "judged") || *text(e, "label"))
		put_finding(e, strcmp(text(e, "cause"), "missing-hash") == 0 ? "none" : "not kept");
	if (yes(e, "judged"))
		printf("%-12s%lld\n", "generation", (long long)number(e, "generation"));
	if (number(e, "ino"))
		put_changed(e);
}

static void put_uses(struct json_object *now)
{
	struct json_object *uses = get(now, "uses");

	for (size_t i = 0; i < json_object_array_length(uses); i++) {
		struct json_object *use = json_object_array_get_idx(uses, i), *rule = get(use, "rule");
		const char *cause = text(use, "cause");

		printf("  %-10s%s", text(use, "use"), !yes(use, "appraised")	  ? "not appraised" :
						     strcmp(cause, "pass") == 0 ? "would pass" : "would fail: ");
		if (yes(use, "appraised") && strcmp(cause, "pass") != 0)
			put_string(cause);
		if (rule) {
			printf(" (%s: ", text(rule, "place"));
			put_string(text(rule, "text"));
			putchar(')');
		}
		putchar('\n');
	}
}

/* @event: what was told already need not be told again. */
static void put_now(struct json_object *now, struct json_object *event, bool enforcing)
{
	printf("now, as uid %lld%s:\n", (long long)number(now, "uid"), enforcing ? "" : " (imad does not enforce)");
	if (*text(now, "error")) {
		put_line("  unknown", text(now, "error"));
		return;
	}
	put_uses(now);
	if (yes(now, "writers"))
		puts("  somebody has it open for write");
	if (event && strcmp(text(now, "label"), text(event, "label")) == 0 &&
	    strcmp(text(now, "digest_found"), text(event, "digest_found")) == 0)
		return;
	put_finding(now, "none");
	put_changed(now);
}

static void put_answer(struct json_object *root)
{
	struct json_object *event = get(root, "event"), *now = get(root, "now"), *advice = get(root, "advice");

	if (event)
		put_event(event);
	else if (now)
		printf("%-12s%s\n", "file", text(now, "name"));
	if (!event)
		puts("No failure of this file is kept.");
	if (now)
		put_now(now, event, yes(root, "enforcing"));
	for (size_t i = 0; advice && i < json_object_array_length(advice); i++) {
		put_head(i ? "" : "do");
		put_string(json_object_get_string(json_object_array_get_idx(advice, i)));
		putchar('\n');
	}
}

/* The first use that would fail now, NULL: none. */
static struct json_object *failing_use(struct json_object *now)
{
	struct json_object *uses = get(now, "uses");

	for (size_t i = 0; uses && i < json_object_array_length(uses); i++) {
		struct json_object *use = json_object_array_get_idx(uses, i);

		if (yes(use, "appraised") && strcmp(text(use, "cause"), "pass") != 0)
			return use;
	}
	return NULL;
}

/* Algorithm that the rule's appraise_algos= names first; false: it takes any. */
static bool first_algo(struct json_object *o, char *ret, size_t size)
{
	const char *at = strstr(text(get(o, "rule"), "text"), "appraise_algos=");

	if (!at)
		return false;
	at += strlen("appraise_algos=");
	snprintf(ret, size, "%.*s", (int)strcspn(at, ", "), at);
	return true;
}

static void add_words(struct json_object *root)
{
	struct json_object *event = get(root, "event"), *now = get(root, "now"), *list = json_object_new_array();
	struct json_object *of = event ? event : failing_use(now);
	char algo[32];
	struct explain_case c = {
		.cause = text(of, "cause"), .op = text(event, "op"), .name = *text(now, "name") ? text(now, "name") : text(event, "name"),
		.algos = first_algo(of, algo, sizeof(algo)) ? algo : NULL,
		.modules = strcmp(text(of, "func"), "MODULE_CHECK") == 0,
	};

	if (event)
		json_object_object_add(event, "meaning", json_object_new_string(explain_meaning(c.cause)));
	if (event && now && !*text(now, "error") && !failing_use(now) && strcmp(text(event, "op"), "set_data") != 0)
		json_object_array_add(list, json_object_new_string("nothing: it would pass now"));
	else if (of)
		explain_advice(&c, list);
	json_object_object_add(root, "advice", list);
}

static struct json_object *ask(const struct imactl *ctl, const char *request, int fd, struct why *why)
{
	cleanup(buf_done) struct buf answer = { 0 };
	struct json_tokener *t;
	struct json_object *o;

	if (client_call_with(ctl, CTL_EXPLAIN, request, fd, TIMEOUT_S, &answer, why) < 0)
		return NULL;
	t = json_tokener_new();
	o = t ? json_tokener_parse_ex(t, (const char *)answer.data, (int)answer.len) : NULL;
	json_tokener_free(t);
	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	(void)why_set(why, -EBADMSG, "the daemon's answer is not a JSON object");
	return NULL;
}

/* An event, and if its file is still where it was, what it would say now. */
static struct json_object *ask_event(const struct imactl *ctl, const char *request, struct why *why)
{
	struct json_object *root = ask(ctl, request, -1, why), *more;
	const char *name = text(get(root, "event"), "name");
	cleanup_close int fd = name[0] == '/' ? open(name, O_PATH | O_CLOEXEC) : -1;
	struct why unused;
	char again[64];

	if (fd < 0)
		return root;
	snprintf(again, sizeof(again), "{\"event\":%lld}", (long long)number(get(root, "event"), "number"));
	more = ask(ctl, again, fd, &unused);
	if (!more)
		return root;
	json_object_put(root);
	return more;
}

static struct json_object *ask_path(const struct imactl *ctl, const char *path, struct why *why)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC); /* which nobody appraises */

	if (fd < 0) {
		(void)why_set(why, -errno, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	return ask(ctl, NULL, fd, why);
}

static bool parse_number(const char *s, unsigned long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return *s >= '1' && *s <= '9' && !*end && !errno && *ret <= INT64_MAX;
}

int cmd_explain(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "last", no_argument, NULL, 'l' }, { "event", required_argument, NULL, 'e' }, { 0 },
	};
	cleanup(json_putp) struct json_object *root = NULL;
	bool json = false, event = false;
	unsigned long long n = 0;
	char request[64];
	struct why why;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return IMACTL_USAGE;
		if (c == 'e' && !parse_number(optarg, &n))
			return complain(IMACTL_USAGE, "explain: --event is the number of an event, not '%s'", optarg);
		json |= c == 'j';
		event |= c == 'e' || c == 'l';
	}
	if (argc - optind != !event)
		return complain(IMACTL_USAGE, "explain: name one file, or --last, or --event N");
	if (!event && strncmp(argv[optind], VIOLATION_PREFIX, strlen(VIOLATION_PREFIX)) == 0)
		return own_violation_explain(argv[optind], json);
	snprintf(request, sizeof(request), "{\"event\":%llu}", n);
	root = event ? ask_event(ctl, request, &why) : ask_path(ctl, argv[optind], &why);
	if (!root)
		return complain(IMACTL_FAILED, "%s", why.text);
	add_words(root);
	if (json)
		put_json(root);
	else
		put_answer(root);
	return IMACTL_OK;
}
