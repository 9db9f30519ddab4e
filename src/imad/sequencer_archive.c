// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was cut off the list, for a TPM that was reset: its records are extended again before those of the list.
 * Positions of records are bytes of both, one behind the other. It is used only if it is whole and leads to the
 * checkpoint; the parts are opened each time, as this happens once in a blue moon.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/util.h>

#include "sequencer_priv.h"

struct seq_archive {
	char **parts;
	int n;
	uint64_t *begin; /* of each part; one more, for the end */
};

static void archive_free(struct seq_archive *a)
{
	if (!a)
		return;
	archive_list_free(a->parts, a->n);
	free(a->begin);
	free(a);
}

static void archive_freep(struct seq_archive **a)
{
	archive_free(*a);
}

static int find_begins(struct seq_archive *a)
{
	struct stat st;

	a->begin = calloc((size_t)a->n + 1, sizeof(*a->begin));
	if (!a->begin)
		return -ENOMEM;
	for (int i = 0; i < a->n; i++) {
		if (stat(a->parts[i], &st) < 0)
			return -errno;
		a->begin[i + 1] = a->begin[i] + (uint64_t)st.st_size;
	}
	return 0;
}

int seq_archive_open(struct sequencer *s, char *why, size_t size)
{
	const struct checkpoint *c = store_checkpoint(s->store);
	cleanup(archive_freep) struct seq_archive *a = calloc(1, sizeof(*a));
	cleanup_free char *folder = archive_folder(s->statedir, c->boot_id);
	int r = a && folder ? archive_list(folder, c->records, &a->parts) : -ENOMEM;

	if (r >= 0) {
		a->n = r;
		r = find_begins(a);
	}
	if (r < 0) {
		(void)snprintf(why, size, "cannot read '%s': %s", folder ? folder : "", strerrordesc_np(-r));
		return r;
	}
	r = archive_verify(c, (const char *const *)a->parts, (unsigned int)a->n, why, size);
	if (!r)
		s->archive = take_ptr(a);
	return r;
}

void seq_archive_close(struct sequencer *s)
{
	archive_free(take_ptr(s->archive));
	memset(s->padded, 0, sizeof(s->padded));
}

uint64_t seq_archive_size(const struct sequencer *s)
{
	return s->archive ? s->archive->begin[s->archive->n] : 0;
}

int seq_archive_scan(struct sequencer *s, uint64_t *at, store_scan_fn *fn, void *arg)
{
	const struct seq_archive *a = s->archive;
	int r = 0;

	for (int i = 0; a && i < a->n && !r; i++) {
		cleanup_close int fd = -1;

		if (*at >= a->begin[i + 1])
			continue;
		fd = open(a->parts[i], O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : store_scan_file(fd, a->begin[i], at, fn, arg);
		if (!r && *at != a->begin[i + 1])
			r = -EBADMSG; /* somebody changed it since */
	}
	return r;
}

int seq_scan(struct sequencer *s, uint64_t *at, store_scan_fn *fn, void *arg)
{
	int r = seq_archive_scan(s, at, fn, arg);

	return r < 0 ? r : store_scan_behind(s->store, seq_archive_size(s), at, fn, arg);
}
