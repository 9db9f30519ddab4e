/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Violations that imad records of itself: places where the list may not be whole. They are violations as IMA's
 * (zeros in the list, 0xff extended, the configured template and PCR, never a duplicate), so whatever replays a
 * list replays them. What they tell is their name:
 *
 *     imad:WORD[:KEY=VALUE[,KEY=VALUE]...]      imad:gap:seconds=3.2,uses=late
 *
 * without blanks, so that the lists' ASCII forms can be split at them. Who reads a name compares up to the second
 * colon; keys may be added. What others name (a keyring, a file whose folder nobody knows) may begin so, too: a
 * violation of that is a false alarm, and hides no real one. Templates without a name field do not tell.
 */
#ifndef IMAD_VIOLATION_H
#define IMAD_VIOLATION_H

#include <stddef.h>

#define VIOLATION_PREFIX   "imad:"
#define VIOLATION_NAME_MAX (4096 + 128) /* with a path as the last value */

/*
 * Enumerator, word, what it means, what to do about it. Details, of which any may be missing:
 *   gap        seconds=S   without a daemon
 *              uses=late   what was used is recorded after it, as the kernel noted it
 *              uses=unknown   nobody noted it
 *   lost       events=N    uses the kernel had noted and could not hand over, or had written over before anybody read again
 *                         what an imad that died had read; or two have died of them
 *   pcr-reset  pcr=N       which one
 *              found=empty   zeros, and all of the list's records of that PCR (records=N) were extended again; of a TPM that was
 *                            reset while imad ran maybe not zeros but the first of them, which a kernel extends when it wakes up: then the rest
 *              found=zero    zeros, but the front of the list had been cut off by a trim, and the archive does not
 *                            have it or does not prove the checkpoint: nothing is extended again, and it stays so until the next boot
 *              found=kexec   what the list of another kernel led to, which boot=ID had: this one was started without a reset of
 *                            the TPM. list=archived, or list=gone (on tmpfs). That stays so, too
 *              found=other   what no part of the list leads to; that stays so, too
 *   timeout    uses=N      that went on, since the last such violation
 *              file=PATH   of one of them, up to the end of the name; blanks in it are '_' as in any name
 */
#define IMAD_VIOLATIONS(X)                                                                                             \
	X(GAP, "gap", "For a time there was no imad, and nothing was measured before it was used.",                    \
	  "uses=late: what was opened, executed or mapped then is in the list, after this; uses=unknown: it is not. Find out why imad ended: " \
	  "journalctl -u imad")                                                                                        \
	X(LOST, "lost", "More was used than imad could take note of: some uses are not in the list.",                  \
	  "look for what opened so many files while imad was slow or dead; a policy that asks for less helps")         \
	X(PCR_RESET, "pcr-reset", "The TPM's PCR did not hold what the list gives: it was reset, or somebody else extended it.", \
	  "found=empty: the list was extended again as a whole, and verifies; found=zero, found=kexec, found=other: it cannot before the next boot. " \
	  "Find out what reset the TPM or who uses that PCR, or choose another with pcr=")                                                   \
	X(TIMEOUT, "timeout", "Held uses were let go on by the deadline, before their files were measured.",           \
	  "what is slow to read is recorded late, when it was read; gate.deadline can be longer, or gate.on_timeout = deny")

#define VIOLATION_ENUM(name, word, meaning, advice) VIOLATION_##name,
enum violation { IMAD_VIOLATIONS(VIOLATION_ENUM) VIOLATION_KINDS };

/* Static texts: "pcr-reset", and sentences. */
const char *violation_word(enum violation kind);
const char *violation_meaning(enum violation kind);
const char *violation_advice(enum violation kind);

/* The name of such a record; @detail may be NULL. Cut at @size bytes, which is at least 1. */
void violation_name(enum violation kind, const char *detail, char *ret, size_t size);

/* Which of them a violation's name (@n bytes) says; -ENOENT: none, or one of a later imad. */
int violation_of(const char *name, size_t n);

/* What stands behind the second colon of @name (with NUL); "" if nothing does. */
const char *violation_detail(const char *name);

#endif
