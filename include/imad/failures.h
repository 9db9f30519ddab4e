/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The newest failed appraisals, each with all that explains it, under numbers that go on
 * counting; and the little that must be remembered for that: what was found of labels,
 * and the text of the rules. Bounded memory; any thread may call.
 */
#ifndef IMAD_FAILURES_H
#define IMAD_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include <imad/abi.h>
#include <imad/algo.h>

#define FAILURES_MAX 1024 /* that are kept */

struct failures;

/* What was found of one file's label: for people. Nothing is decided by it. */
struct finding {
	uint64_t ino;
	uint32_t dev;	   /* st_dev as BPF has it: major << 20 | minor */
	uint32_t found;	   /* IMAD_FOUND(), without IMAD_FOUND_KNOWN */
	char name[128];	   /* last component, cut */
	char label[128];   /* label_print(); "" if there is none */
	char subject[256]; /* of the key that the label names, "" if it is not known */
	struct digest wanted;  /* that the label holds; size 0: it holds none */
	struct digest content; /* size 0: it was not hashed */
};

struct failure {
	uint64_t number;  /* from 1 */
	uint64_t time_ns; /* CLOCK_REALTIME */
	bool denied;	  /* else it was only told */
	unsigned int func, cause; /* enum imad_func, enum imad_cause */
	const char *op;	  /* static */
	uint32_t pid, uid, auid, ses;
	char comm[16];
	const char *exe, *name; /* "" if not known */
	uint64_t ino;
	uint32_t dev;	/* s_dev: with @ino, whose it is */
	char fs_id[IMAD_FS_ID_MAX];
	uint32_t rule;	/* as in struct imad_event */
	const char *place, *rule_text; /* "tcb:16"; "" if not known */
	uint64_t gen;
	uint32_t found;
	struct finding finding; /* @ino is 0: nothing of it is known */
	struct imad_change changed; /* @ns is CLOCK_REALTIME here */
};

/* 0 or -ENOMEM. */
int failures_new(struct failures **ret);
void failures_free(struct failures *f);

/* What a worker found; of an inode the newest is remembered, of some thousand inodes not all. */
void failures_found(struct failures *f, const struct finding *found);

/* The rules of @half of the map: places and texts, which are taken over with their arrays (free()). */
struct rule_names {
	unsigned int n;
	char **places, **texts;
};
void failures_set_rules(struct failures *f, unsigned int half, struct rule_names *names);
void rule_names_done(struct rule_names *names);
/* "tcb:16" and the text of rule number @rule, copied; false and empty if it is not known. */
bool failures_rule(struct failures *f, uint32_t rule, char *place, size_t place_size, char *text, size_t text_size);

/*
 * Keep @in: strings are copied, @place, @rule_text and @finding looked up. Returns its
 * number; without memory it has one all the same and is not kept.
 */
uint64_t failures_add(struct failures *f, const struct failure *in);
/* One that is not kept, because there were too many at once, has a number too. */
void failures_skip(struct failures *f);

/* Call @fn for failure @number (0: the newest) while nobody changes it. False: it is not kept. */
bool failures_visit(struct failures *f, uint64_t number, void (*fn)(void *arg, const struct failure *it), void *arg);
/* Number of the newest failure of that inode, 0: none is kept. */
uint64_t failures_of(struct failures *f, uint32_t dev, uint64_t ino);
/* Numbers of the newest, and of the oldest that is kept; 0: there is none. */
void failures_range(struct failures *f, uint64_t *newest, uint64_t *oldest);

#endif
