/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of what the daemon publishes: the binary list and record_info, both files that grow. */
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include <imad/util.h>

#include "trimmed.h"

#define CHUNK	     (1u << 20)
#define TAIL_TRIES   5	/* a record may be seen half written... */
#define TAIL_WAIT_MS 20 /* ...for a moment */

int records_open(const char *path, struct records *ret)
{
	cleanup(checkpoint_done) struct checkpoint before = { .records = 0 };
	struct why why;
	int fd = list_open(path, &before, &why);

	if (fd < 0)
		return fd;
	*ret = (struct records){ .fd = fd, .first = before.records, .n = before.records };
	return 0;
}

void records_done(struct records *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buf_done(&r->bytes);
}

size_t records_tail(const struct records *r)
{
	return r->bytes.len - r->at;
}

/* Drop what was given and read on. Bytes read, 0 at the end, negative errno. */
static ssize_t fill(struct records *r)
{
	cleanup_free uint8_t *chunk = malloc(CHUNK);
	size_t left = records_tail(r);
	ssize_t n;

	if (!chunk)
		return -ENOMEM;
	n = read(r->fd, chunk, CHUNK);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (r->at > 0) {
		memmove(r->bytes.data, r->bytes.data + r->at, left);
		r->bytes.len = left;
		r->at = 0;
	}
	buf_add(&r->bytes, chunk, (size_t)n);
	return buf_error(&r->bytes) < 0 ? -ENOMEM : n;
}

int records_next(struct records *r, struct list_record *ret, const char **why)
{
	int tries = 0;

	for (;;) {
		ssize_t n = list_parse(r->bytes.data + r->at, records_tail(r), ret, why);

		if (n > 0) {
			r->at += (size_t)n;
			r->n++;
			return 1;
		}
		if (n != -EAGAIN && n != -ENODATA)
			return (int)n;
		n = fill(r);
		if (n < 0)
			return (int)n;
		if (n == 0) {
			if (records_tail(r) == 0 || tries++ == TAIL_TRIES)
				return 0;
			(void)nanosleep(&(struct timespec){ .tv_nsec = TAIL_WAIT_MS * 1000000L }, NULL);
		}
	}
}

char *record_name(const char *path, uint64_t index)
{
	cleanup(records_done) struct records r = { .fd = -1 };
	struct template_fields f = { 0 };
	struct list_record record;
	const char *why;

	if (records_open(path, &r) < 0)
		return strdup("");
	while (records_next(&r, &record, &why) > 0) {
		if (r.n <= index)
			continue;
		(void)template_decode(record.template, record.data, record.data_len, &f); /* no name then */
		break;
	}
	return strndup(f.name ? f.name : "", f.name_len);
}

void json_putp(struct json_object **o)
{
	json_object_put(*o);
}

void file_closep(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* only read from */
}

FILE *info_open(const char *list_path)
{
	const char *slash = strrchr(list_path, '/');
	cleanup_free char *path = NULL;

	/* Only a list of the daemon's has one; a copy may lie beside another list's. */
	if (strcmp(slash ? slash + 1 : list_path, "binary_runtime_measurements") != 0)
		return NULL;
	if (asprintf(&path, "%.*srecord_info", slash ? (int)(slash + 1 - list_path) : 0, list_path) < 0) {
		path = NULL;
		return NULL;
	}
	return fopen(path, "re");
}

int info_next(FILE *f, uint64_t n, struct json_object **ret)
{
	cleanup(json_putp) struct json_object *info = NULL;
	cleanup_free char *line = NULL;
	struct json_object *record;
	off_t start = ftello(f);
	size_t size = 0;
	ssize_t len = getline(&line, &size, f);

	if (len <= 0 || line[len - 1] != '\n') { /* not written yet, or half */
		clearerr(f);
		(void)fseeko(f, start, SEEK_SET);
		return 0;
	}
	info = json_tokener_parse(line);
	*ret = NULL;
	if (json_object_object_get_ex(info, "record", &record) && json_object_get_uint64(record) == n)
		*ret = take_ptr(info);
	return 1;
}

const char *info_text(struct json_object *info, const char *key)
{
	struct json_object *o;

	return json_object_object_get_ex(info, key, &o) ? json_object_get_string(o) : NULL;
}

bool list_is_imported(const char *path)
{
	cleanup(checkpoint_done) struct checkpoint before = { .records = 0 };
	cleanup(file_closep) FILE *f = info_open(path);
	cleanup(json_putp) struct json_object *info = NULL;
	struct why why;
	cleanup_close int fd = list_open(path, &before, &why);
	const char *kind;

	if (before.records > 0)
		return before.imported;
	if (!f || info_next(f, 0, &info) == 0)
		return false;
	kind = info_text(info, "kind");
	return kind && strcmp(kind, "import") == 0;
}

int list_scan(const char *path, struct pcr_set *ret, uint64_t *count, struct why *why)
{
	cleanup(records_done) struct records r = { .fd = -1 };
	cleanup(checkpoint_done) struct checkpoint before = { .records = 0 };
	struct list_record record;
	const char *malformed;
	int err = list_open(path, &before, why);

	*ret = (struct pcr_set){ .n = 0 };
	if (err < 0)
		return err;
	r = (struct records){ .fd = err, .first = before.records, .n = before.records };
	if (checkpoint_add_pcrs(&before, ret) < 0)
		return why_set(why, -E2BIG, "records of more than %zu PCRs", ARRAY_SIZE(ret->value));
	while (err >= 0 && (err = records_next(&r, &record, &malformed)) > 0) {
		unsigned int i = 0;

		while (i < ret->n && ret->value[i].pcr != record.pcr)
			i++;
		if (i < ret->n)
			continue;
		if (i == ARRAY_SIZE(ret->value))
			return why_set(why, -E2BIG, "records of more than %u PCRs", i);
		ret->value[ret->n++].pcr = record.pcr;
	}
	*count = r.n;
	return err == -EBADMSG || err == 0 ? 0 : why_set(why, err, "%s", strerror(-err));
}
