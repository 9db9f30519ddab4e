/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl policy simulate: what another policy would have done with the uses that the list has recorded. */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>

#include <imad/template.h>

#include "simulate.h"

#define NAMES_SHOWN 5 /* of each group, without -v */

struct options {
	const char *list;
	uint64_t since;
	bool json, verbose;
};

struct simulation {
	struct options o;
	const struct named_policy *p;
	struct records records;
	FILE *info;
	uint32_t default_pcr;
	struct sim_outcome *outcomes;
	size_t n, room;
	uint64_t skipped; /* violations, records of imad's own, and those of which no use is known */
};

static void simulation_done(struct simulation *s)
{
	records_done(&s->records);
	file_closep(&s->info);
	for (size_t i = 0; i < s->n; i++)
		free(s->outcomes[i].name);
	free(s->outcomes);
}

static int keep(struct simulation *s, const struct sim_outcome *outcome)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct sim_outcome *more = realloc(s->outcomes, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->outcomes = more;
		s->room = room;
	}
	s->outcomes[s->n++] = *outcome;
	return 0;
}

static int one_record(struct simulation *s, const struct list_record *r, struct json_object *info)
{
	struct template_fields f = { 0 };
	struct sim_outcome outcome;
	struct sim_use use;
	int e = template_decode(r->template, r->data, r->data_len, &f);

	if (e < 0)
		return e;
	if (s->records.n == 1) /* the boot_aggregate is where the settings say */
		s->default_pcr = r->pcr;
	if (s->records.n <= s->o.since)
		return 0;
	if (r->violation || !info || !sim_use_of(&f, info, &use)) {
		s->skipped++;
		return 0;
	}
	sim_use_bind(&use, &s->p->policy);
	sim_decide(&s->p->policy, s->default_pcr, r, &use, &outcome);
	outcome.record = s->records.n - 1;
	outcome.func = use.facts.func;
	outcome.uid = use.facts.uid;
	outcome.name = strndup(f.name ? f.name : "", f.name_len);
	return outcome.name ? keep(s, &outcome) : -ENOMEM;
}

static int replay(struct simulation *s, const char **why)
{
	cleanup(json_putp) json_object *info = NULL;
	struct list_record record;
	bool have_info = false;
	int r;

	for (;;) {
		if (!have_info)
			have_info = info_next(s->info, s->records.n, &info);
		r = records_next(&s->records, &record, why);
		if (r == 1) {
			r = one_record(s, &record, info);
			json_object_put(take_ptr(info));
			have_info = false;
			if (r == 0)
				continue;
		}
		return r;
	}
}

/* --- for people */

static void put_names(const struct simulation *s, const struct sim_outcome *like, bool (*same)(const struct sim_outcome *a,
											const struct sim_outcome *b))
{
	size_t shown = 0, all = 0;

	for (const struct sim_outcome *o = s->outcomes; o < s->outcomes + s->n; o++) {
		if (!same(o, like))
			continue;
		if (all++ >= NAMES_SHOWN && !s->o.verbose)
			continue;
		shown++;
		printf("      %s uid=%u ", policy_func_name(o->func), o->uid);
		put_text(stdout, o->name, strlen(o->name));
		putchar('\n');
	}
	if (all > shown)
		printf("      and %zu more (-v)\n", all - shown);
}

static size_t count(const struct simulation *s, const struct sim_outcome *like,
		    bool (*same)(const struct sim_outcome *a, const struct sim_outcome *b))
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += same(&s->outcomes[i], like);
	return n;
}

static bool same_measure(const struct sim_outcome *a, const struct sim_outcome *b)
{
	return a->measure == b->measure && a->measure_rule == b->measure_rule;
}

static bool same_appraise(const struct sim_outcome *a, const struct sim_outcome *b)
{
	return a->appraise == b->appraise && a->appraise_rule == b->appraise_rule;
}

/* One line a group, in the order of their first records, and its names under it. */
static void put_groups(const struct simulation *s, bool (*same)(const struct sim_outcome *a, const struct sim_outcome *b),
		       const char *(*text)(const struct sim_outcome *o), int (*rule)(const struct sim_outcome *o), bool names)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sim_outcome *o = &s->outcomes[i];
		size_t first = 0;

		while (!same(&s->outcomes[first], o))
			first++;
		if (first != i || !text(o))
			continue;
		printf("  %6zu %s, by ", count(s, o, same), text(o));
		sim_put_rule(stdout, s->p, rule(o));
		putchar('\n');
		if (names && o->measure != SIM_AS_NOW)
			put_names(s, o, same);
	}
}

static const char *measure_text(const struct sim_outcome *o)
{
	return sim_measure_texts[o->measure];
}

static int measure_rule(const struct sim_outcome *o)
{
	return o->measure_rule;
}

static const char *appraise_text(const struct sim_outcome *o)
{
	return sim_appraise_text(o);
}

static int appraise_rule(const struct sim_outcome *o)
{
	return o->appraise_rule;
}

static void put_summary(const struct simulation *s)
{
	size_t audited = 0, hashed = 0;

	for (size_t i = 0; i < s->n; i++) {
		audited += s->outcomes[i].audit;
		hashed += s->outcomes[i].hash;
	}
	printf("%zu recorded uses, and %" PRIu64 " records that are none\n", s->n, s->skipped);
	puts("measure");
	put_groups(s, same_measure, measure_text, measure_rule, true);
	puts("appraise");
	put_groups(s, same_appraise, appraise_text, appraise_rule, false);
	printf("audit\n  %6zu\nhash\n  %6zu\n", audited, hashed);
}

/* --- for machines */

static void put_outcome(const struct simulation *s, const struct sim_outcome *o)
{
	json_object *j = json_object_new_object();
	const char *appraise = sim_appraise_text(o);

	json_object_object_add(j, "record", json_object_new_uint64(o->record));
	json_object_object_add(j, "func", json_object_new_string(policy_func_name(o->func)));
	json_object_object_add(j, "uid", json_object_new_int64(o->uid));
	json_add_text(j, "name", o->name, strlen(o->name));
	json_object_object_add(j, "measure", json_object_new_string(sim_measure_texts[o->measure]));
	sim_add_rule(j, "measure_rule", s->p, o->measure_rule);
	json_object_object_add(j, "appraise", json_object_new_string(appraise ? appraise : "not appraised"));
	sim_add_rule(j, "appraise_rule", s->p, o->appraise_rule);
	json_object_object_add(j, "audit", json_object_new_boolean(o->audit));
	json_object_object_add(j, "hash", json_object_new_boolean(o->hash));
	put_json(j);
	json_object_put(j);
}

static int simulate(struct simulation *s)
{
	const char *why = NULL;
	int r = records_open(s->o.list, &s->records);

	if (r < 0)
		return complain(IMACTL_UNCHECKED, "cannot read the list '%s': %s", s->o.list, strerror(-r));
	s->info = info_open(s->o.list);
	if (!s->info)
		return complain(IMACTL_UNCHECKED, "there is no record_info beside the list '%s'", s->o.list);
	r = replay(s, &why);
	if (r < 0)
		return complain(IMACTL_UNCHECKED, "list '%s', record %" PRIu64 ": %s", s->o.list, s->records.n,
				why ? why : strerror(-r));
	for (size_t i = 0; s->o.json && i < s->n; i++)
		put_outcome(s, &s->outcomes[i]);
	if (!s->o.json)
		put_summary(s);
	return IMACTL_OK;
}

static int parse_since(const char *value, uint64_t *ret)
{
	char *end;

	*ret = 0;
	if (strcmp(value, "boot") == 0)
		return IMACTL_OK;
	*ret = strtoull(value, &end, 10);
	if (*value >= '0' && *value <= '9' && !*end)
		return IMACTL_OK;
	return complain(IMACTL_USAGE, "policy simulate: --since is boot or the number of a record: '%s'", value);
}

int cmd_policy_simulate(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "since", required_argument, NULL, 's' },
		{ "list", required_argument, NULL, 'l' },
		{ 0 },
	};
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(named_policy_freep) struct named_policy *p = NULL;
	cleanup(simulation_done) struct simulation s = { .records.fd = -1, .o.list = live };
	int c, code = live ? IMACTL_OK : complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "jv", options, NULL)) != -1) {
		if (c == 's')
			code = parse_since(optarg, &s.o.since);
		else if (c == 'l')
			s.o.list = optarg;
		else if (c == 'j')
			s.o.json = true;
		else if (c == 'v')
			s.o.verbose = true;
		else
			code = IMACTL_USAGE;
	}
	if (code == IMACTL_OK && optind == argc)
		code = complain(IMACTL_USAGE, "policy simulate: no policy given");
	if (code == IMACTL_OK)
		code = named_policy_load(argv + optind, argc - optind, &p);
	if (code != IMACTL_OK)
		return code;
	s.p = p;
	return simulate(&s);
}
