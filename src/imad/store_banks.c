/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list once more for each bank, with the template digest of that bank, under the names that
 * Linux 6.10 gave them. SHA-1 is what the list itself has: links to it do.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <imad/util.h>

#include "store_priv.h"

void store_bank_name(const struct algo *bank, bool binary, char ret[STORE_NAME_MAX])
{
	(void)snprintf(ret, STORE_NAME_MAX, "%s_%s", store_name(binary ? STORE_BINARY : STORE_ASCII), bank->name);
}

int store_line(const struct store_file *f, const struct list_record *r, struct buf *out)
{
	if (!f->bank)
		return f->binary ? list_encode(r, out) : list_print(r, out);
	return f->binary ? list_encode_bank(r, f->bank, out) : list_print_bank(r, f->bank, out);
}

static int link_sha1(const struct store *s, bool binary)
{
	const char *to = store_name(binary ? STORE_BINARY : STORE_ASCII);
	char name[STORE_NAME_MAX], now[STORE_NAME_MAX];
	ssize_t n;

	store_bank_name(algo_by_id(ALGO_SHA1), binary, name);
	n = readlinkat(s->dir, name, now, sizeof(now));
	if (n == (ssize_t)strlen(to) && !memcmp(now, to, (size_t)n))
		return 0;
	if (unlinkat(s->dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return symlinkat(to, s->dir, name) < 0 ? -errno : 0;
}

static int add_bank(struct store *s, const struct algo *bank, bool binary)
{
	struct store_file *f = &s->file[s->n_files];
	int r;

	*f = (struct store_file){ .fd = -1, .bank = bank, .binary = binary };
	store_bank_name(bank, binary, f->name);
	r = store_open_growing(s, f);
	if (!r)
		r = store_mend_file(s, f);
	s->n_files++; /* with what is left of it, which is closed with the rest */
	return r;
}

static void forget_banks(struct store *s)
{
	while (s->n_files > STORE_GROWING) {
		struct store_file *f = &s->file[--s->n_files];

		util_closep(&f->fd);
		buf_done(&f->line);
	}
}

/* Of another time, when they were wished for: nobody appends to them any more. */
static int remove_others(struct store *s, const struct algo *const *banks, unsigned int n)
{
	for (unsigned int id = 0; id < ALGO_COUNT; id++) {
		bool kept = id == ALGO_SHA1;

		for (unsigned int i = 0; i < n; i++)
			kept |= banks[i]->id == id;
		for (int binary = 0; binary < 2 && !kept; binary++) {
			char name[STORE_NAME_MAX];

			store_bank_name(algo_by_id(id), binary, name);
			if (unlinkat(s->dir, name, 0) < 0 && errno != ENOENT)
				return -errno;
		}
	}
	return 0;
}

int store_banks(struct store *s, const struct algo *const *banks, unsigned int n)
{
	int r = n > STORE_BANKS_MAX ? -E2BIG : remove_others(s, banks, n);

	forget_banks(s);
	for (int binary = 0; binary < 2 && !r; binary++)
		r = link_sha1(s, binary);
	for (unsigned int i = 0; i < n && !r; i++)
		for (int binary = 0; binary < 2 && !r && banks[i]->id != ALGO_SHA1; binary++)
			r = add_bank(s, banks[i], binary);
	if (r < 0)
		forget_banks(s);
	return r;
}
