/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl policy test: which rule decides about a use, class by class, and why no earlier one did. */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>

#include <imad/match.h>

#include "imactl.h"

static const struct class
{
	const char *name;
	uint32_t action;
} classes[] = {
	{ "measure", IMAD_MEASURE },
	{ "appraise", IMAD_APPRAISE },
	{ "audit", IMAD_AUDIT },
	{ "hash", IMAD_HASH },
};

struct answer {
	const struct named_policy *p;
	const struct policy_use *use;
	struct imad_decision decision;
	uint32_t open;			  /* classes that the policy does anything about */
	int decided[ARRAY_SIZE(classes)]; /* the rule; -1: none */
};

/* Walks the rules as the hooks do, and notes which of them close a class. */
static void decide(struct answer *a)
{
	const struct policy *p = &a->p->policy;
	struct policy_summary sum;

	policy_summarize(p, &sum);
	a->open = sum.classes;
	a->decision = (struct imad_decision){ .open = a->open };
	for (size_t c = 0; c < ARRAY_SIZE(classes); c++)
		a->decided[c] = -1;
	for (unsigned int i = 0; i < p->n_rules; i++) {
		uint32_t before = a->decision.open;

		(void)imad_decide(&a->decision, &p->rules[i], &a->use->facts);
		for (size_t c = 0; c < ARRAY_SIZE(classes); c++)
			if (before & ~a->decision.open & classes[c].action)
				a->decided[c] = (int)i;
	}
}

/* What is appraised is not hashed as well, unless the hash rule comes after. */
static bool is_dropped(const struct answer *a, size_t c)
{
	return a->decided[c] >= 0 && (a->p->policy.rules[a->decided[c]].action & IMAD_ACTION_DO) &&
	       !(a->decision.action & classes[c].action);
}

/* Rule @i was asked about class @c and did not match. */
static bool is_passed_over(const struct answer *a, size_t c, unsigned int i)
{
	uint32_t action = a->p->policy.rules[i].action;

	return (a->open & classes[c].action) && (action & (classes[c].action | classes[c].action << 1)) &&
	       (a->decided[c] < 0 || i < (unsigned int)a->decided[c]);
}

static const char *why_none(const struct answer *a, size_t c)
{
	return a->open & classes[c].action ? "no rule matches" : "no rule";
}

/* The options of all rules that matched, as a rule with just them would be printed; "" for none. */
static char *options_text(const struct answer *a)
{
	cleanup_free struct policy *p = calloc(1, sizeof(*p));
	cleanup_free char *text = NULL;
	const char *after;

	if (!p)
		return NULL;
	p->n_rules = 1;
	p->rules[0] = (struct imad_rule){ .action = IMAD_APPRAISE,
					  .opts = a->decision.opts,
					  .algos = a->decision.algos };
	text = rule_text(p, 0);
	if (!text)
		return NULL;
	after = text + strcspn(text, " "); /* the action */
	return strdup(after + (*after == ' '));
}

/* --- for people */

static void put_slot(const struct answer *a)
{
	const struct policy *p = &a->p->policy;
	const struct policy_slot *s = &p->slots[__builtin_ctz(a->decision.slot_bit)];

	if (s->pcr == POLICY_PCR_DEFAULT)
		fputs("  pcr default", stdout);
	else
		printf("  pcr %d", s->pcr);
	printf(", template %s%s", s->template ? s->template : "default",
	       a->decision.opts & IMAD_OPT_VERITY ? ", digest of fs-verity" : "");
}

static void put_rule(const struct answer *a, int rule)
{
	cleanup_free char *text = rule_text(&a->p->policy, (unsigned int)rule);

	put_place(stdout, &a->p->places[rule]);
	printf(": %s", text ? text : "");
}

static void put_passed_over(const struct answer *a, size_t c)
{
	for (unsigned int i = 0; i < a->p->policy.n_rules; i++) {
		cleanup(buf_done) struct buf why = { 0 };

		if (!is_passed_over(a, c, i))
			continue;
		policy_use_failed(a->use, &a->p->policy, &a->p->policy.rules[i], &why);
		printf("%15s", "");
		put_place(stdout, &a->p->places[i]);
		fputs(": ", stdout);
		put_text(stdout, (const char *)why.data, why.len);
		putchar('\n');
	}
}

static void put_class(const struct answer *a, size_t c)
{
	printf("%-9s %-3s  ", classes[c].name, a->decision.action & classes[c].action ? "yes" : "no");
	if (a->decided[c] < 0)
		fputs(why_none(a, c), stdout);
	else
		put_rule(a, a->decided[c]);
	if (a->decision.action & classes[c].action & IMAD_MEASURE)
		put_slot(a);
	if (is_dropped(a, c))
		fputs("  dropped, for it is appraised", stdout);
	putchar('\n');
	if (a->use->verbose)
		put_passed_over(a, c);
}

static void put_answer(const struct answer *a)
{
	cleanup_free char *options = options_text(a);

	for (size_t c = 0; c < ARRAY_SIZE(classes); c++)
		put_class(a, c);
	printf("%-9s %s\n", "options", options && *options ? options : "none");
}

/* --- for machines */

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_add_text(o, key, text, strlen(text));
}

static void add_place(struct json_object *o, const struct policy_place *place)
{
	add_text(o, "source", place->name);
	add_int(o, "line", place->line);
}

static struct json_object *use_json(const struct policy_use *u)
{
	struct json_object *o = json_object_new_object();
	const struct imad_facts *f = &u->facts;
	cleanup(buf_done) struct buf mask = { 0 };

	policy_add_mask(f->mask, &mask);
	add_text(o, "func", policy_func_name(f->func));
	json_add_text(o, "mask", (const char *)mask.data, mask.len);
	if (u->known & IMAD_COND_FSMAGIC)
		json_object_object_add(o, "fsmagic", json_object_new_uint64(f->fsmagic));
	if (u->known & IMAD_COND_FSNAME)
		add_text(o, "fsname", f->fsname);
	if (u->known & IMAD_COND_FS_SUBTYPE)
		add_text(o, "fs_subtype", f->fs_subtype);
	if (u->known & IMAD_COND_FSUUID)
		json_add_hex(o, "fsuuid", f->fsuuid, sizeof(f->fsuuid));
	add_int(o, "uid", f->uid);
	add_int(o, "euid", f->euid);
	add_int(o, "suid", f->suid);
	add_int(o, "gid", f->gid);
	add_int(o, "egid", f->egid);
	add_int(o, "sgid", f->sgid);
	add_int(o, "fowner", f->fowner);
	add_int(o, "fgroup", f->fgroup);
	json_object_object_add(o, "cap_setuid", json_object_new_boolean(f->cap_setuid));
	json_object_object_add(o, "cap_setgid", json_object_new_boolean(f->cap_setgid));
	return o;
}

/* Without pcr or template where the rule leaves it to the settings. */
static void add_slot(const struct answer *a, struct json_object *o)
{
	const struct policy_slot *s = &a->p->policy.slots[__builtin_ctz(a->decision.slot_bit)];

	if (s->pcr != POLICY_PCR_DEFAULT)
		add_int(o, "pcr", s->pcr);
	if (s->template)
		add_text(o, "template", s->template);
}

static struct json_object *passed_over_json(const struct answer *a, size_t c)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < a->p->policy.n_rules; i++) {
		cleanup(buf_done) struct buf why = { 0 };
		struct json_object *o;

		if (!is_passed_over(a, c, i))
			continue;
		o = json_object_new_object();
		add_place(o, &a->p->places[i]);
		policy_use_failed(a->use, &a->p->policy, &a->p->policy.rules[i], &why);
		json_add_text(o, "why", (const char *)why.data, why.len);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *class_json(const struct answer *a, size_t c)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "does",
			       json_object_new_boolean(!!(a->decision.action & classes[c].action)));
	if (a->decided[c] >= 0) {
		cleanup_free char *text = rule_text(&a->p->policy, (unsigned int)a->decided[c]);

		add_place(o, &a->p->places[a->decided[c]]);
		add_text(o, "rule", text ? text : "");
	}
	if (a->decision.action & classes[c].action & IMAD_MEASURE)
		add_slot(a, o);
	if (is_dropped(a, c))
		json_object_object_add(o, "dropped", json_object_new_boolean(true));
	if (a->use->verbose)
		json_object_object_add(o, "passed_over", passed_over_json(a, c));
	return o;
}

static void put_answer_json(const struct answer *a)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	cleanup_free char *options = options_text(a);

	json_object_object_add(o, "use", use_json(a->use));
	for (size_t c = 0; c < ARRAY_SIZE(classes); c++)
		json_object_object_add(o, classes[c].name, class_json(a, c));
	add_text(o, "options", options ? options : "");
	put_json(o);
}

int cmd_policy_test(const struct imactl *ctl, int argc, char **argv)
{
	cleanup(named_policy_freep) struct named_policy *p = NULL;
	struct policy_use use;
	struct answer a;
	int code = policy_use_parse(argc, argv, &use);

	(void)ctl;
	if (code == IMACTL_OK && optind == argc)
		code = complain(IMACTL_USAGE, "policy test: no policy given");
	if (code == IMACTL_OK)
		code = named_policy_load(argv + optind, argc - optind, &p);
	if (code != IMACTL_OK)
		return code;
	policy_use_bind(&use, &p->policy);
	a = (struct answer){ .p = p, .use = &use };
	decide(&a);
	(use.json ? put_answer_json : put_answer)(&a);
	return IMACTL_OK;
}
