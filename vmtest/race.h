/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writers against executors: what race.c (who executes, and judges) and race_write.c (who changes)
 * share. All of it lies in memory that all processes share.
 *
 * A file is a program, or a script, of one page that answers with its version, told by two bytes, one at
 * each end of the page: who is executed half-written answers TORN.
 */
#ifndef RACE_H
#define RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE 4096
#define SLOTS_MAX 64
#define CONTROLS 4
#define GOOD 1 /* the version whose digest the label is, where labels do not follow */
#define TORN 255
#define NO_CODE (-1) /* not of a form that could answer */
#define UID 10001    /* who owns the files: the rules name it */

enum state { RIGHT, WRONG, UNKNOWN, BUSY };

/* One file. Who changes it has a turn, alone or together with others; who executes it has none. */
struct slot {
	char path[128];
	bool script;
	bool over; /* of an overlay: no label follows a store into a mapping whose descriptor is closed */
	atomic_int turn;	     /* -1: somebody alone; else how many together */
	atomic_ulong seq;	     /* moves at both ends of a turn */
	atomic_ulong opening, opened; /* opens for write that have begun, that have ended */
	atomic_ulong incarnation;    /* of the name: another inode each */
	atomic_ulong labelling;	     /* moves at both ends of a change of the label: odd in between */
	atomic_int state, code, before; /* after the last turn; what it answers, and did before that turn */
	bool good_content, good_label, known; /* for who has its turn */
	const char *_Atomic change;  /* the last one */
	unsigned char label[512];
	int label_len;
};

struct race {
	unsigned long rounds, seed;
	bool follow;
	atomic_ulong begun, changes, ran, refused, other, wrong, denied, judged, told;
	atomic_bool over;
	unsigned int n_slots;
	struct slot slots[SLOTS_MAX], controls[CONTROLS];
	unsigned char label[512]; /* of GOOD: [0] of programs is that of the first control, scripts have the second's */
};

extern struct race *race;

static inline uint64_t random_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static inline unsigned int random_below(uint64_t *x, unsigned int n)
{
	return (unsigned int)(random_next(x) >> 20) % n;
}

/* Somewhere between nothing and long enough for a use to fall into it. */
static inline void random_pause(uint64_t *x)
{
	unsigned int n = random_below(x, 8);

	if (n > 3)
		usleep(random_below(x, n == 7 ? 20000 : 2000));
}

void image(unsigned char page[PAGE], bool script, int version);
int code_of(const unsigned char *page, bool script);
void failure(const struct slot *s, const char *what, const char *use, int got);
/* race_write.c; does not return before race->over. */
void write_forever(uint64_t seed);
int make_file(struct slot *s, const char *path, int version);

#endif
