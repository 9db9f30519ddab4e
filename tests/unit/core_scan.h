/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a core dump of a process would hold, searched for bytes; and a core file that the kernel wrote, the same. */
#ifndef IMAD_CORE_SCAN_H
#define IMAD_CORE_SCAN_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* @where: the bytes; and what HMAC makes of them (inner and outer padding, RFC 2104), and hex. */
static inline unsigned int scan_bytes(const uint8_t *p, size_t n, const uint8_t *key, size_t len)
{
	uint8_t forms[3][64];
	unsigned int found = 0;
	char hex[129];

	for (size_t i = 0; i < len; i++) {
		forms[0][i] = key[i];
		forms[1][i] = key[i] ^ 0x36;
		forms[2][i] = key[i] ^ 0x5c;
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	}
	for (int f = 0; f < 3; f++) /* half of it is as bad */
		found += memmem(p, n, forms[f], len / 2) != NULL || memmem(p, n, forms[f] + len / 2, len / 2) != NULL;
	return found + (memmem(p, n, hex, 2 * len) != NULL);
}

struct scan {
	unsigned int dumped, excluded; /* mappings in which it was found */
	size_t bytes;		       /* that were searched, of those that would be dumped */
};

#define SCAN_STEP (4ul << 20)
#define SCAN_OVER 128ul /* so that nothing is missed between two steps */

static inline bool scan_range(int mem, unsigned long from, unsigned long to, const uint8_t *key, size_t len, size_t *bytes)
{
	uint8_t *copy = malloc(SCAN_STEP + SCAN_OVER);
	bool found = false;

	if (!copy)
		abort();
	for (unsigned long at = from; at < to; at += SCAN_STEP) {
		unsigned long want = to - at < SCAN_STEP + SCAN_OVER ? to - at : SCAN_STEP + SCAN_OVER;
		ssize_t n = pread(mem, copy, want, (off_t)at);

		found |= n > 0 && scan_bytes(copy, (size_t)n, key, len) > 0;
		*bytes += n > 0 ? (size_t)n : 0;
	}
	free(copy);
	return found;
}

/* Of what is left out only what may be a key of ours: a sanitizer leaves terabytes out. */
static inline void scan_mapping(int mem, unsigned long from, unsigned long to, bool excluded, const uint8_t *key, size_t len, struct scan *ret)
{
	size_t left_out = 0;

	if (!excluded)
		ret->dumped += scan_range(mem, from, to, key, len, &ret->bytes);
	else if (to - from <= SCAN_STEP)
		ret->excluded += scan_range(mem, from, to, key, len, &left_out);
}

/* All mappings of @pid, told apart by MADV_DONTDUMP ("dd"). 0 or -1. */
static inline int scan_process(pid_t pid, const uint8_t *key, size_t len, struct scan *ret)
{
	char path[64], line[512];
	unsigned long from = 0, to = 0;
	FILE *maps;
	int mem;

	*ret = (struct scan){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	maps = fopen(path, "re");
	while (mem >= 0 && maps && fgets(line, sizeof(line), maps)) {
		unsigned long a, b;

		if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
			from = a, to = b;
		else if (strncmp(line, "VmFlags:", 8) == 0)
			scan_mapping(mem, from, to, strstr(line, " dd ") || strstr(line, " dd\n"), key, len, ret);
	}
	if (maps)
		fclose(maps);
	close(mem);
	return mem >= 0 && maps ? 0 : -1;
}

/* 1: found, 0: not; -1: there is no such file. */
static inline int scan_file(const char *path, const uint8_t *key, size_t len)
{
	FILE *f = fopen(path, "re");
	uint8_t *all = NULL;
	size_t n = 0, got;
	int r;

	if (!f)
		return -1;
	for (;;) {
		uint8_t *more = realloc(all, n + (1 << 20));

		if (!more)
			abort();
		all = more;
		got = fread(all + n, 1, 1 << 20, f);
		if (!got)
			break;
		n += got;
	}
	fclose(f);
	r = scan_bytes(all, n, key, len) > 0;
	free(all);
	return r;
}

#endif
