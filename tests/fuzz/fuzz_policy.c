/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as policy: either a complete error and no rule, or rules that print
 * to a text which parses to rules that print the same.
 */
#include <stdlib.h>
#include <string.h>

#include <imad/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Two names, one of them with another word for it, as a format string is. */
static const char *template_ok(const char *name, size_t len)
{
	static const char *const known[][2] = {
		{ "ima-ng", "ima-ng" },
		{ "ima-sig", "ima-sig" },
		{ "x", "ima-sig" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (len == strlen(known[i][0]) && !memcmp(name, known[i][0], len))
			return known[i][1];
	return NULL;
}

static void require(int holds)
{
	if (!holds)
		abort();
}

static void print_all(const struct policy *p, struct buf *out)
{
	for (unsigned int i = 0; i < p->n_rules; i++)
		policy_print_rule(p, i, out);
	require(buf_error(out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct policy p, again;
	static const struct policy_env env = { .template_ok = template_ok, .labels = POLICY_LABEL_KINDS };
	static const struct policy empty;
	struct parse_error e = { 0 };
	struct buf text = { 0 }, second = { 0 };
	struct policy_summary summary;

	memset(&p, 0, sizeof(p));
	if (policy_parse(&p, (const char *)data, n, &env, &e) < 0) {
		require(e.why && e.line > 0 && memchr(e.token, 0, sizeof(e.token)));
		require(!memcmp(&p, &empty, sizeof(p)));
		return 0;
	}

	print_all(&p, &text);
	memset(&again, 0, sizeof(again));
	require(policy_parse(&again, (const char *)text.data, text.len, &env, &e) == 0);
	require(p.n_rules == again.n_rules && p.n_slots == again.n_slots && p.n_names == again.n_names &&
		p.n_labels == again.n_labels);
	print_all(&again, &second);
	require(text.len == second.len && (text.len == 0 || !memcmp(text.data, second.data, text.len)));

	policy_summarize(&p, &summary);
	require(summary.funcs || !policy_can_match_fs(&p, 0xef53, NULL, NULL));
	buf_done(&text);
	buf_done(&second);
	return 0;
}
