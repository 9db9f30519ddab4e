/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting the front of the list. Each file that grows is written anew beside the old one, as NAME.new,
 * and takes its place. What the list is, old or new, is decided by one rename:
 *
 *   1  checkpoint.new is made                            from here on a crash is undone:
 *   2  NAME.new get what stays, all are synced             remove each NAME.new, then checkpoint.new
 *   3  checkpoint.new becomes checkpoint: the cut        from here on a crash is finished:
 *   4  each NAME.new becomes NAME                          rename those that are still there
 *
 * So whoever starts next looks for checkpoint.new first: with it the old list counts, without it whatever NAME.new is
 * there belongs to the new one. Readers that have an old file open keep the list up to the cut.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "store_priv.h"

#define NEW	    ".new"
#define CHECKPOINT  CHECKPOINT_FILE NEW
#define NEW_MAX	    (STORE_NAME_MAX + sizeof(NEW))
#define FLUSH_BYTES (64u << 10)
#define NAMES	    (STORE_GROWING + 2 * ALGO_COUNT)

struct store_trim {
	struct checkpoint before;
	struct buf text; /* of the checkpoint */
	uint64_t at, info_at; /* bytes of the old files that are copied or cut off */
	struct store_file file[STORE_FILES_MAX];
	unsigned int n_files;
	bool committed;
};

/* Every file that may have a new one beside it. */
static void name_of(unsigned int i, char ret[STORE_NAME_MAX])
{
	if (i < STORE_GROWING)
		(void)snprintf(ret, STORE_NAME_MAX, "%s", store_name(i));
	else
		store_bank_name(algo_by_id((i - STORE_GROWING) / 2), (i - STORE_GROWING) % 2, ret);
}

static void new_name(const char *name, char ret[NEW_MAX])
{
	(void)snprintf(ret, NEW_MAX, "%s" NEW, name);
}

/* 0 too if there was none. */
static int remove_file(int dir, const char *name)
{
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int undo(int dir)
{
	char name[STORE_NAME_MAX], new[NEW_MAX];
	int r = 0;

	for (unsigned int i = 0; i < NAMES && !r; i++) {
		name_of(i, name);
		new_name(name, new);
		r = remove_file(dir, new);
	}
	return r < 0 ? r : remove_file(dir, CHECKPOINT);
}

static int finish(int dir)
{
	char name[STORE_NAME_MAX], new[NEW_MAX];

	for (unsigned int i = 0; i < NAMES; i++) {
		name_of(i, name);
		new_name(name, new);
		if (renameat(dir, new, dir, name) < 0 && errno != ENOENT)
			return -errno;
	}
	return store_sync(dir);
}

int store_trim_recover(int dir)
{
	struct stat st;

	if (fstatat(dir, CHECKPOINT, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? finish(dir) : -errno;
	log_msg(LOG_NOTICE, "a trim of the list was interrupted before the cut: the list stays whole");
	return undo(dir);
}

/* --- what was cut off before */

static int checkpoint_read(int dir, struct buf *ret)
{
	cleanup_close int fd = openat(dir, CHECKPOINT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && ret->len <= CHECKPOINT_TEXT_MAX)
		buf_add(ret, chunk, (size_t)n);
	return n < 0 ? -errno : buf_error(ret);
}

int store_before(struct store *s, const char *boot_id)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct parse_error e = { 0 };
	int r = checkpoint_read(s->dir, &text);

	if (r == -ENOENT)
		return 0;
	s->before = r < 0 ? NULL : calloc(1, sizeof(*s->before));
	if (r == 0)
		r = s->before ? checkpoint_parse((char *)text.data, text.len, s->before, &e) : -ENOMEM;
	if (r == -EBADMSG)
		log_msg(LOG_ERR, "the checkpoint of the list, line %u: %s: %s", e.line, e.token, e.why);
	if (r == 0 && strcmp(s->before->boot_id, boot_id) != 0) {
		log_msg(LOG_ERR, "the checkpoint of the list is of another boot, %s", s->before->boot_id);
		r = -EBADMSG;
	}
	return r;
}

const struct checkpoint *store_checkpoint(const struct store *s)
{
	return s->before;
}

uint64_t store_first(const struct store *s)
{
	return s->before ? s->before->records : 0;
}

void store_end(const struct store *s, struct store_end *ret)
{
	*ret = (struct store_end){ .size = s->file[STORE_BINARY].size, .info = s->file[STORE_INFO].size };
}

/* --- making the new files */

static int flush(struct store_file *f)
{
	int r = buf_error(&f->line);

	if (!r && f->line.len)
		r = store_write(f->fd, f->line.data, f->line.len);
	if (!r)
		f->size += f->line.len;
	buf_reset(&f->line);
	return r;
}

struct copying {
	struct store_trim *t;
	uint64_t end;
};

static int copy_record(void *arg, const struct list_record *rec, uint64_t start, uint64_t end)
{
	struct copying *c = arg;
	struct store_trim *t = c->t;
	int r = 0;

	(void)start;
	if (end > c->end)
		return -ECANCELED; /* of an append that may yet be taken back */
	for (unsigned int i = 0; i < t->n_files && !r; i++) {
		if (i == STORE_INFO)
			continue;
		r = store_line(&t->file[i], rec, &t->file[i].line);
		if (!r && t->file[i].line.len >= FLUSH_BYTES)
			r = flush(&t->file[i]);
	}
	return r;
}

static int copy_info(const struct store *s, struct store_trim *t, uint64_t end)
{
	struct store_file *to = &t->file[STORE_INFO];
	char chunk[4096];
	int r = 0;

	while (!r && t->info_at < end) {
		ssize_t n = pread(s->file[STORE_INFO].fd, chunk, MIN(end - t->info_at, sizeof(chunk)), (off_t)t->info_at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf_add(&to->line, chunk, (size_t)n);
		t->info_at += (uint64_t)n;
		if (to->line.len >= FLUSH_BYTES)
			r = flush(to);
	}
	return r;
}

/* Copy what the old files have up to @end. */
static int copy_to(struct store *s, struct store_trim *t, const struct store_end *end)
{
	struct copying c = { .t = t, .end = end->size };
	int r = store_scan(s, &t->at, copy_record, &c);

	if (r == -ECANCELED)
		r = 0;
	if (!r && t->at != end->size)
		r = -EBADMSG;
	if (!r)
		r = copy_info(s, t, end->info);
	for (unsigned int i = 0; i < t->n_files && !r; i++)
		r = flush(&t->file[i]);
	for (unsigned int i = 0; i < t->n_files && !r; i++)
		r = store_sync(t->file[i].fd);
	return r;
}

static int write_checkpoint(int dir, const struct buf *text)
{
	cleanup_close int fd = store_open_file(dir, CHECKPOINT, O_TRUNC);
	int r = fd < 0 ? fd : store_write(fd, text->data, text->len);

	return r < 0 ? r : store_sync(fd);
}

static int make_files(struct store *s, struct store_trim *t)
{
	int r = write_checkpoint(s->dir, &t->text); /* first, and on disk before any other */

	if (!r)
		r = store_sync(s->dir);
	for (unsigned int i = 0; i < s->n_files && !r; i++) {
		struct store_file *f = &t->file[i];
		char new[NEW_MAX];

		*f = (struct store_file){ .fd = -1, .bank = s->file[i].bank, .binary = s->file[i].binary };
		memcpy(f->name, s->file[i].name, sizeof(f->name));
		new_name(f->name, new);
		t->n_files = i + 1;
		f->fd = store_open_file(s->dir, new, O_APPEND | O_TRUNC);
		r = MIN(f->fd, 0);
	}
	return r;
}

/* Where record_info goes on behind the cut. A line that a crash lost was made up again at the start, so all are there. */
static int find_info(struct store *s, struct store_trim *t)
{
	uint64_t lines = t->before.records - store_first(s), found;
	int r = store_lines_end(&s->file[STORE_INFO], lines, &t->info_at, &found);

	return r < 0 ? r : found == lines ? 0 : -EBADMSG;
}

int store_trim_begin(struct store *s, const struct checkpoint *c, uint64_t cut, const struct store_end *end,
		     struct store_trim **ret)
{
	struct store_trim *t;
	struct parse_error e;
	int r;

	if (c->records <= store_first(s) || cut > end->size)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->at = cut;
	r = checkpoint_format(c, &t->text);
	if (!r) /* a copy of our own, and proof that the next start can read it */
		r = checkpoint_parse((char *)t->text.data, t->text.len, &t->before, &e);
	if (!r)
		r = find_info(s, t);
	if (!r)
		r = make_files(s, t);
	if (!r)
		r = copy_to(s, t, end);
	if (r < 0)
		store_trim_free(s, t);
	else
		*ret = t;
	return r;
}

/* --- the cut */

/* From here on the new files are the list, whatever their names. */
static void take_over(struct store *s, struct store_trim *t)
{
	for (unsigned int i = 0; i < t->n_files; i++) {
		util_closep(&s->file[i].fd);
		s->file[i].fd = take_fd(&t->file[i].fd);
		s->file[i].size = t->file[i].size;
	}
	if (s->before)
		checkpoint_done(s->before);
	free(s->before);
}

int store_trim_commit(struct store *s, struct store_trim *t)
{
	struct checkpoint *before = malloc(sizeof(*before));
	struct store_end end;
	int r = before ? 0 : -ENOMEM;

	if (!r && s->dirty)
		r = -EIO; /* bytes behind the end that an append could not take back */
	store_end(s, &end);
	if (!r)
		r = copy_to(s, t, &end);
	if (!r)
		r = store_sync(s->dir);
	if (!r && renameat(s->dir, CHECKPOINT, s->dir, CHECKPOINT_FILE) < 0)
		r = -errno;
	if (r < 0) {
		free(before);
		return r;
	}
	t->committed = true;
	take_over(s, t);
	*before = t->before;
	t->before = (struct checkpoint){ .records = 0 };
	s->before = before;
	r = finish(s->dir);
	if (r < 0)
		log_errno(LOG_ERR, r, "the list is cut, but not all of its files have their names: the next start gives them");
	return 0;
}

void store_trim_free(struct store *s, struct store_trim *t)
{
	if (!t)
		return;
	if (!t->committed)
		(void)undo(s->dir); /* or the next start does */
	for (unsigned int i = 0; i < t->n_files; i++) {
		util_closep(&t->file[i].fd);
		buf_done(&t->file[i].line);
	}
	checkpoint_done(&t->before);
	buf_done(&t->text);
	free(t);
}
