/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archived parts of a list: where they are, and whether they are what its checkpoint stands for. */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <imad/archive.h>
#include <imad/digest.h>
#include <imad/replay.h>
#include <imad/util.h>

#define PART_DIGITS 12
#define CHUNK	    (1u << 20)

/* --- where they are */

char *archive_folder(const char *statedir, const char *boot_id)
{
	char *path;

	return asprintf(&path, "%s/archive/%s", statedir, boot_id) < 0 ? NULL : path;
}

char *archive_part(const char *folder, uint64_t first, const char *ending)
{
	char *path;

	return asprintf(&path, "%s/%0*llu%s", folder, PART_DIGITS, (unsigned long long)first, ending) < 0 ? NULL : path;
}

static char *in_folder(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int is_part(const struct dirent *e)
{
	size_t n = strspn(e->d_name, "0123456789");

	return n >= PART_DIGITS && strcmp(e->d_name + n, ARCHIVE_PART) == 0;
}

void archive_list_free(char **parts, int n)
{
	for (int i = 0; i < n; i++)
		free(parts[i]);
	free(parts);
}

int archive_list(const char *folder, uint64_t before, char ***ret)
{
	struct dirent **entries = NULL;
	int all = scandir(folder, &entries, is_part, alphasort), n = 0, r = all < 0 ? -errno : 0;
	char **paths = r < 0 ? NULL : calloc((size_t)MAX(all, 0) + 1, sizeof(*paths));

	for (int i = 0; i < all; i++) {
		if (paths && strtoull(entries[i]->d_name, NULL, 10) < before)
			paths[n++] = in_folder(folder, entries[i]->d_name);
		if (!paths || (n > 0 && !paths[n - 1]))
			r = -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	if (r == 0)
		*ret = paths;
	else
		archive_list_free(paths, n);
	return r < 0 ? r : n;
}

/* Where the line goes that says what is wrong. */
struct reason {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int reason(const struct reason *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	return r;
}

/* --- what is in them */

struct walk {
	struct replay *replay;
	struct digest_stream *hash;
	uint8_t *chunk;
	uint8_t chain[CHECKPOINT_CHAIN];
	uint64_t records, violations, own[VIOLATION_KINDS];
};

static void walk_done(struct walk *w)
{
	replay_free(w->replay);
	digest_stream_free(w->hash);
	free(w->chunk);
}

static int walk_part(struct walk *w, const char *path, struct reason *why)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct replay_result res;
	struct digest part;
	ssize_t n = 0;
	int r = fd < 0 ? -errno : digest_begin(w->hash);

	while (r == 0 && (n = read(fd, w->chunk, CHUNK)) > 0) {
		r = digest_update(w->hash, w->chunk, (size_t)n);
		if (r == 0)
			r = replay_feed(w->replay, w->chunk, (size_t)n);
	}
	if (r == 0 && n < 0)
		r = -errno;
	replay_result(w->replay, &res);
	if (r == -EBADMSG || (r == 0 && res.tail))
		return reason(why, -EBADMSG, "the archived part '%s', record %llu: %s", path, (unsigned long long)res.records,
			       res.why ? res.why : "cut at its end");
	if (r == 0 && res.bad_digest)
		return reason(why, -EBADMSG, "the archived part '%s': the digest of record %llu is not that of its data", path,
			       (unsigned long long)res.first_bad_digest);
	if (r == 0)
		r = digest_end(w->hash, &part);
	if (r == 0)
		r = checkpoint_chain(w->chain, &part);
	w->records = res.records;
	w->violations = res.violations;
	memcpy(w->own, res.own, sizeof(w->own));
	return r < 0 ? reason(why, r, "cannot read the archived part '%s': %s", path, strerror(-r)) : 0;
}

/* The parts are all there and lead to the values: or which of it is not so. */
static int walk_judge(const struct walk *w, const struct checkpoint *c, struct reason *why)
{
	struct replay_result res;

	replay_result(w->replay, &res);
	if (w->records != c->records)
		return reason(why, -EBADMSG, "the archived parts have %llu records, the checkpoint stands for %llu",
			       (unsigned long long)w->records, (unsigned long long)c->records);
	for (unsigned int i = 0; i < res.n_banks; i++)
		if (!res.banks[i].matched || res.banks[i].matched_at != c->records)
			return reason(why, -EBADMSG, "the archived parts do not lead to the checkpoint's value of PCR %u in bank %s: "
						      "one was changed, or they are in another order", res.banks[i].pcr,
				       algo_by_id(res.banks[i].algo)->name);
	if (memcmp(w->chain, c->chain, sizeof(w->chain)) != 0)
		return reason(why, -EBADMSG, "the chain over the archived parts is not that of the checkpoint: "
					      "they were split elsewhere, or it was made for others");
	if (w->violations != c->violations)
		return reason(why, -EBADMSG, "the archived parts have %llu violations, the checkpoint says %llu",
			       (unsigned long long)w->violations, (unsigned long long)c->violations);
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (w->own[i] != c->own[i])
			return reason(why, -EBADMSG, "the archived parts have %llu violations " VIOLATION_PREFIX "%s, the checkpoint says %llu",
				       (unsigned long long)w->own[i], violation_word(i), (unsigned long long)c->own[i]);
	return 0;
}

/* One part, or a folder of them. */
static int walk_archive(struct walk *w, const char *path, const struct checkpoint *c, struct reason *why)
{
	char **parts = NULL;
	int n = archive_list(path, c->records, &parts), r = 0;

	if (n == -ENOTDIR)
		return walk_part(w, path, why);
	if (n < 0)
		return reason(why, n, "cannot read the archive '%s': %s", path, strerror(-n));
	for (int i = 0; r == 0 && i < n; i++)
		r = walk_part(w, parts[i], why);
	archive_list_free(parts, n);
	return r;
}

int archive_verify(const struct checkpoint *c, const char *const *paths, unsigned int n, char *why, size_t size)
{
	struct reason to = { why, size };
	cleanup(walk_done) struct walk w = { .chunk = malloc(CHUNK) };
	int r = w.chunk ? replay_new(c->pcrs, c->n_pcrs, c->imported, &w.replay) : -ENOMEM;

	if (r == 0)
		r = digest_stream_new(algo_by_id(ALGO_SHA256), &w.hash);
	if (r < 0)
		return reason(&to, r, "%s", strerror(-r));
	for (unsigned int i = 0; r == 0 && i < n; i++)
		r = walk_archive(&w, paths[i], c, &to);
	return r < 0 ? r : walk_judge(&w, c, &to);
}
