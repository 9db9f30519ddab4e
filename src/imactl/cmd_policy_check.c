/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl policy check: is it well-formed, and does each rule do what it seems to say? */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>

#include "imactl.h"

static const struct policy_place *place_of(const struct named_policy *p, int rule)
{
	return rule < 0 ? NULL : &p->places[rule];
}

/* "line 3", or with the name where that is another one. */
static void add_other(const struct policy_place *place, const struct policy_place *other, struct buf *out)
{
	if (strcmp(place->name, other->name) == 0)
		buf_addf(out, "line %u", other->line);
	else
		buf_addf(out, "%s:%u", other->name, other->line);
}

static void add_text(const struct named_policy *p, const struct policy_finding *f, struct buf *out)
{
	const struct policy_finding_text *t = &policy_finding_texts[f->kind];

	buf_add_str(out, t->before);
	if (f->other < 0)
		return;
	add_other(place_of(p, f->rule), place_of(p, f->other), out);
	buf_add_str(out, t->after);
}

static void tell(const struct named_policy *p, const struct policy_finding *f, const struct buf *text)
{
	if (f->rule >= 0)
		put_place(stdout, place_of(p, f->rule));
	else
		put_text(stdout, p->last, strlen(p->last));
	fputs(": ", stdout);
	put_text(stdout, (const char *)text->data, text->len);
	putchar('\n');
}

static void add_place(struct json_object *o, const struct policy_place *place)
{
	json_add_text(o, "source", place->name, strlen(place->name));
	json_object_object_add(o, "line", json_object_new_int64(place->line));
}

static struct json_object *to_json(const struct named_policy *p, const struct policy_finding *f,
				   const struct buf *text)
{
	struct json_object *o = json_object_new_object(), *other;

	json_object_object_add(o, "kind", json_object_new_string(policy_finding_texts[f->kind].name));
	if (f->rule >= 0)
		add_place(o, place_of(p, f->rule));
	json_add_text(o, "text", (const char *)text->data, text->len);
	if (f->other < 0)
		return o;
	other = json_object_new_object();
	add_place(other, place_of(p, f->other));
	json_object_object_add(o, "other", other);
	return o;
}

static void put_findings(const struct named_policy *p, const struct policy_finding *findings, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		cleanup(buf_done) struct buf text = { 0 };

		add_text(p, &findings[i], &text);
		tell(p, &findings[i], &text);
	}
	printf("%u rules, %u findings\n", p->policy.n_rules, n);
}

static void put_findings_json(const struct named_policy *p, const struct policy_finding *findings,
			      unsigned int n)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, "rules", json_object_new_int64(p->policy.n_rules));
	json_object_object_add(o, "findings", list);
	for (unsigned int i = 0; i < n; i++) {
		cleanup(buf_done) struct buf text = { 0 };

		add_text(p, &findings[i], &text);
		json_object_array_add(list, to_json(p, &findings[i], &text));
	}
	put_json(o);
}

static int check(const struct named_policy *p, bool json)
{
	cleanup_free struct policy_finding *findings = calloc(POLICY_FINDINGS_MAX, sizeof(*findings));

	if (!findings)
		return complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));
	(json ? put_findings_json : put_findings)(p, findings, policy_lint(&p->policy, findings));
	return IMACTL_OK;
}

int cmd_policy_check(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	cleanup(named_policy_freep) struct named_policy *p = NULL;
	bool json = false;
	int c, code;

	(void)ctl;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j')
			return IMACTL_USAGE;
		json = true;
	}
	if (optind == argc)
		return complain(IMACTL_USAGE, "policy check: no policy given");
	code = named_policy_load(argv + optind, argc - optind, &p);
	return code == IMACTL_OK ? check(p, json) : code;
}
