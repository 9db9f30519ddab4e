/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Failures that are kept: numbers go on, the oldest go, rules and findings are those of their time. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <imad/appraise.h>
#include <imad/failures.h>
#include <imad/util.h>

#include "test.h"

static struct failures *f;

static int setup(void **state)
{
	(void)state;
	return failures_new(&f);
}

static int teardown(void **state)
{
	(void)state;
	failures_free(f);
	return 0;
}

static struct failure of(uint64_t ino, uint32_t found)
{
	return (struct failure){ .name = "/bin/x", .exe = "/bin/sh", .ino = ino, .dev = 5, .found = found, .comm = "sh" };
}

/* What a visitor sees, copied. */
static struct {
	uint64_t number;
	char name[64], place[64], text[64], label[128];
} seen;

static void look(void *arg, const struct failure *it)
{
	(void)arg;
	seen.number = it->number;
	snprintf(seen.name, sizeof(seen.name), "%s", it->name);
	snprintf(seen.place, sizeof(seen.place), "%s", it->place);
	snprintf(seen.text, sizeof(seen.text), "%s", it->rule_text);
	snprintf(seen.label, sizeof(seen.label), "%s", it->finding.ino ? it->finding.label : "-");
}

static bool visit(uint64_t number)
{
	memset(&seen, 0, sizeof(seen));
	return failures_visit(f, number, look, NULL);
}

static void set_rules(unsigned int half, const char *place, const char *text)
{
	struct rule_names names = { .n = 1, .places = calloc(1, sizeof(char *)), .texts = calloc(1, sizeof(char *)) };

	names.places[0] = strdup(place);
	names.texts[0] = strdup(text);
	failures_set_rules(f, half, &names);
	assert_int_equal(names.n, 0);
}

static void numbers_go_on(void **state)
{
	struct failure it = of(1, 0);
	uint64_t newest, oldest;

	(void)state;
	assert_false(visit(0));
	failures_range(f, &newest, &oldest);
	assert_int_equal(newest, 0);
	assert_int_equal(oldest, 0);
	for (unsigned int i = 1; i <= FAILURES_MAX + 10; i++)
		assert_int_equal(failures_add(f, &it), i);
	failures_range(f, &newest, &oldest);
	assert_int_equal(newest, FAILURES_MAX + 10);
	assert_int_equal(oldest, 11);
	assert_false(visit(10));
	assert_true(visit(11));
	assert_int_equal(seen.number, 11);
	assert_true(visit(0));
	assert_int_equal(seen.number, newest);
	assert_false(visit(newest + 1));
	assert_false(visit(UINT64_MAX));
}

static void held_back_ones_are_numbered(void **state)
{
	struct failure it = of(1, 0);
	uint64_t newest, oldest;

	(void)state;
	assert_int_equal(failures_add(f, &it), 1);
	failures_skip(f);
	failures_skip(f);
	assert_false(visit(2));
	assert_true(visit(0)); /* the newest that is kept */
	assert_int_equal(seen.number, 1);
	assert_int_equal(failures_add(f, &it), 4);
	failures_range(f, &newest, &oldest);
	assert_int_equal(newest, 4);
	for (unsigned int i = 0; i < FAILURES_MAX; i++)
		failures_skip(f);
	assert_false(visit(0));
	assert_int_equal(failures_of(f, 5, 1), 0);
}

static void newest_of_an_inode(void **state)
{
	struct failure a = of(1, 0), b = of(2, 0), other = of(1, 0);

	(void)state;
	other.dev = 6;
	failures_add(f, &a);
	failures_add(f, &b);
	failures_add(f, &a);
	failures_add(f, &other);
	assert_int_equal(failures_of(f, 5, 1), 3);
	assert_int_equal(failures_of(f, 5, 2), 2);
	assert_int_equal(failures_of(f, 6, 1), 4);
	assert_int_equal(failures_of(f, 5, 3), 0);
}

static void rules_of_their_time(void **state)
{
	struct failure it = of(1, 0);
	char place[64], text[64];

	(void)state;
	it.rule = 1;
	failures_add(f, &it); /* not known yet */
	set_rules(0, "tcb:3", "appraise a");
	failures_add(f, &it);
	set_rules(1, "/p:9", "appraise b");
	it.rule = IMAD_RULES_MAX + 1;
	failures_add(f, &it);
	set_rules(0, "new:1", "appraise c");
	assert_true(visit(1));
	assert_string_equal(seen.place, "");
	assert_true(visit(2));
	assert_string_equal(seen.place, "tcb:3");
	assert_string_equal(seen.text, "appraise a");
	assert_true(visit(3));
	assert_string_equal(seen.place, "/p:9");
	assert_true(failures_rule(f, 1, place, sizeof(place), text, sizeof(text)));
	assert_string_equal(place, "new:1");
	assert_string_equal(text, "appraise c");
	for (uint32_t none = 2; none < 5; none++)
		assert_false(failures_rule(f, none, place, sizeof(place), text, sizeof(text)));
	assert_false(failures_rule(f, 0, place, sizeof(place), text, sizeof(text)));
	assert_false(failures_rule(f, 2 * IMAD_RULES_MAX + 1, place, sizeof(place), text, sizeof(text)));
	assert_false(failures_rule(f, UINT32_MAX, place, sizeof(place), text, sizeof(text)));
	assert_string_equal(place, "");
}

static void findings_are_of_what_was_judged(void **state)
{
	const uint32_t found = IMAD_FOUND(IMAD_LABEL_HASH, 0, 4);
	struct finding x = { .ino = 1, .dev = 5, .found = found, .name = "x", .label = "hash sha256" };
	struct failure it = of(1, found | IMAD_FOUND_KNOWN);

	(void)state;
	failures_found(f, &x);
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "hash sha256");
	it.found = found; /* judged by nothing */
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "-");
	it.found = found | IMAD_FOUND_GOOD | IMAD_FOUND_KNOWN; /* by what was found before */
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "-");
	it = of(2, found | IMAD_FOUND_KNOWN);
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "-");
	/* A device that fstat() names otherwise: the name decides. */
	it = of(1, found | IMAD_FOUND_KNOWN);
	it.dev = 9;
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "hash sha256");
	it.name = "/bin/y";
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "-");
	/* The newest of an inode counts. */
	x.found = found | IMAD_FOUND_GOOD;
	failures_found(f, &x);
	it = of(1, found | IMAD_FOUND_KNOWN);
	failures_add(f, &it);
	assert_true(visit(0));
	assert_string_equal(seen.label, "-");
	for (uint64_t ino = 0; ino < 5000; ino++) { /* every place of the table */
		x.ino = ino * 0x123456789;
		failures_found(f, &x);
	}
}

static void *add_many(void *arg)
{
	struct failure it = of((uint64_t)(uintptr_t)arg, 0);

	it.rule = 1;
	for (unsigned int i = 0; i < 3000; i++)
		failures_add(f, &it);
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t threads[3];
	uint64_t newest, oldest;

	(void)state;
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < 300; i++) {
		set_rules(0, "tcb:1", "appraise");
		if (visit(0))
			assert_string_equal(seen.name, "/bin/x");
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	failures_range(f, &newest, &oldest);
	assert_int_equal(newest, 9000);
	assert_int_equal(oldest, 9000 - FAILURES_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(held_back_ones_are_numbered, setup, teardown),
		cmocka_unit_test_setup_teardown(newest_of_an_inode, setup, teardown),
		cmocka_unit_test_setup_teardown(rules_of_their_time, setup, teardown),
		cmocka_unit_test_setup_teardown(findings_are_of_what_was_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
