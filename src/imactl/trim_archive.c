/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that were cut off a list, out of its archive. */
#include <string.h>

#include "attest.h"
#include "trimmed.h"

#define PART_MAX (1u << 30) /* bytes */

/* The records of one part from @skip on, at most @max of them; *@ret: how many. */
static int take_records(const struct buf *part, uint64_t skip, uint64_t max, struct buf *out, uint64_t *ret)
{
	size_t at = 0, start = 0;
	struct list_record record;
	const char *why;
	uint64_t i;

	for (i = 0; i < skip + max && at < part->len; i++) {
		ssize_t n = list_parse(part->data + at, part->len - at, &record, &why);

		if (n <= 0)
			return -EBADMSG;
		at += (size_t)n;
		if (i + 1 <= skip)
			start = at;
	}
	buf_add(out, part->data + start, at - start);
	*ret = i > skip ? i - skip : 0;
	return buf_error(out);
}

/* The part that begins last at or before @from. */
static int find_part(char *const *parts, int n, uint64_t from, uint64_t *ret)
{
	for (int i = n - 1; i >= 0; i--) {
		*ret = strtoull(strrchr(parts[i], '/') + 1, NULL, 10);
		if (*ret <= from)
			return i;
	}
	return -ENOENT;
}

int archive_read(const char *folder, uint64_t from, uint64_t to, struct buf *out, struct why *why)
{
	char **parts = NULL;
	int n = archive_list(folder, to, &parts), r = n < 0 ? n : 0;

	while (r == 0 && from < to) {
		cleanup(buf_done) struct buf part = { 0 };
		uint64_t first = 0, got = 0;
		int i = find_part(parts, n, from, &first);

		r = i < 0 ? i : read_whole(parts[i], PART_MAX, &part);
		if (r == 0)
			r = take_records(&part, from - first, to - from, out, &got);
		if (r == 0 && got == 0)
			r = -ENOENT;
		from += got;
	}
	archive_list_free(parts, n);
	return r < 0 ? why_set(why, r, "records from %llu on were cut off the list, and the parts in '%s' do not have them: %s; "
				       "--from %llu needs none of them", (unsigned long long)from, folder, strerror(-r),
			       (unsigned long long)to) : 0;
}
