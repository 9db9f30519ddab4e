/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the policy room share: text to rules, with a template table of their own. */
#ifndef IMAD_TEST_POLICY_H
#define IMAD_TEST_POLICY_H

#include "test.h"

#include <imad/match.h>
#include <imad/policy.h>

#define UUID "12345678-9abc-def0-1234-56789abcdef0"

static inline const char *template_ok(const char *name, size_t len)
{
	static const struct {
		const char *given, *canonical;
	} known[] = {
		{ "ima-ng", "ima-ng" },
		{ "ima-sig", "ima-sig" },
		{ "ima-ngv2", "ima-ngv2" },
		{ "d-ng|n-ng", "ima-ng" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].given) == len && !memcmp(known[i].given, name, len))
			return known[i].canonical;
	return NULL;
}

static const struct policy_env policy_test_env = { .template_ok = template_ok, .labels = POLICY_LABEL_KINDS };

static inline int parse(struct policy *p, const char *text, struct parse_error *e)
{
	return policy_parse(p, text, strlen(text), &policy_test_env, e);
}

static inline void must_parse(struct policy *p, const char *text)
{
	struct parse_error e = { 0 };

	if (parse(p, text, &e) != 0)
		fail_msg("line %u: %s: '%s' in\n%s", e.line, e.why, e.token, text);
}

/* All rules as text; the caller frees with buf_done(). */
static inline const char *print(const struct policy *p, struct buf *b)
{
	buf_reset(b);
	for (unsigned int i = 0; i < p->n_rules; i++)
		policy_print_rule(p, i, b);
	buf_add_u8(b, 0);
	assert_ok(buf_error(b));
	return (const char *)b->data;
}

/* Walk the table as the hooks do. */
static inline struct imad_decision decide(const struct policy *p, const struct imad_facts *f, uint32_t open)
{
	struct imad_decision d = { .open = open };

	for (unsigned int i = 0; i < p->n_rules; i++)
		if (imad_decide(&d, &p->rules[i], f))
			break;
	return d;
}

#endif
