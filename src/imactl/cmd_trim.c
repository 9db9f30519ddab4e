/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl trim: the front of the list goes to an archive, and a checkpoint takes its place. First the archive is
 * safe on disk, then the daemon is asked to cut; it checks the checkpoint against its own list. Whatever is interrupted,
 * no record is lost: a part that begins where the list begins was not cut off, and the next trim writes it anew.
 */
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <imad/ctl.h>

#include "trim.h"

#define TIMEOUT_S 300

static void trim_done(struct trim *t)
{
	mapped_done(&t->list);
	checkpoint_done(&t->next);
	free(t->tcti_found);
	free(t->path);
	util_closep(&t->lock);
}

/* --- what the daemon says: which TPM, which banks */

static struct json_object *member(struct json_object *o, const char *section, const char *key)
{
	struct json_object *in = NULL, *value = NULL;

	if (json_object_object_get_ex(o, section, &in))
		(void)json_object_object_get_ex(in, key, &value);
	return value;
}

static int take_status(struct trim *t, struct json_object *status, struct why *why)
{
	struct json_object *banks = member(status, "tpm", "banks"), *tcti = member(status, "tpm", "tcti");

	t->has_tpm = json_object_get_boolean(member(status, "tpm", "present"));
	if (t->has_tpm && tcti)
		t->tcti_found = strdup(json_object_get_string(tcti));
	if (!t->tcti)
		t->tcti = t->tcti_found;
	if (!json_object_is_type(banks, json_type_array))
		return why_set(why, -EBADMSG, "the daemon does not say which banks it extends");
	for (size_t i = 0; i < json_object_array_length(banks); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(banks, i));
		const struct algo *algo = name ? algo_by_name(name, strlen(name)) : NULL;

		if (!algo || t->n_banks == PCR_BANKS_MAX)
			return why_set(why, -EBADMSG, "the daemon extends a bank that is not known here");
		t->banks[t->n_banks++] = algo;
	}
	return 0;
}

static int ask_status(const struct imactl *ctl, struct trim *t, struct why *why)
{
	cleanup(buf_done) struct buf answer = { 0 };
	cleanup(json_putp) struct json_object *status = NULL;
	int r = client_call(ctl, CTL_STATUS, NULL, TIMEOUT_S, &answer, why);

	if (r < 0)
		return r;
	buf_add_u8(&answer, '\0');
	status = buf_error(&answer) == 0 ? json_tokener_parse((char *)answer.data) : NULL;
	return take_status(t, status, why);
}

/* --- where it goes */

static int make_folder(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* One trim at a time, so that nobody else writes the same part. */
static int open_archive(struct trim *t, const char *boot_id, struct why *why)
{
	cleanup_free char *parent = join_path(t->statedir, "archive"), *folder = archive_folder(t->statedir, boot_id);
	int r = parent && folder ? make_folder(t->statedir) : -ENOMEM;

	if (r == 0)
		r = make_folder(parent);
	if (r == 0 && !t->to)
		r = make_folder(folder);
	if (r < 0)
		return why_set(why, r, "cannot make the archive '%s': %s", folder ? folder : "", strerror(-r));
	t->lock = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->lock < 0 || flock(t->lock, LOCK_EX | LOCK_NB) < 0)
		return why_set(why, -errno, "cannot lock the archive '%s': %s", parent,
			       errno == EWOULDBLOCK ? "another trim is at work" : strerror(errno));
	if (!t->to) {
		t->path = archive_part(folder, t->list.before.records, ".bin");
		return t->path ? 0 : why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
	}
	t->path = strdup(t->to);
	if (t->path && access(t->path, F_OK) == 0)
		return why_set(why, -EEXIST, "'%s' is there already", t->to);
	return t->path ? 0 : why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
}

/* --- the cut */

static int ask_cut(const struct imactl *ctl, const struct buf *text, struct why *why)
{
	cleanup(buf_done) struct buf answer = { 0 };
	cleanup_close int fd = memfd_create("checkpoint", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len)
		return why_set(why, -errno, "cannot hand over the checkpoint: %s", strerror(errno));
	return client_call_with(ctl, CTL_TRIM, NULL, fd, TIMEOUT_S, &answer, why);
}

static void tell(const struct trim *t)
{
	unsigned long long first = t->list.before.records, next = t->next.records;
	char key[65];

	checkpoint_key(&t->next, key);
	printf("%llu records, %llu to %llu, are in ", next - first, first, next - 1);
	put_text(stdout, t->path, strlen(t->path));
	printf("\nthe list begins at record %llu", next);
	if (*key)
		printf(", checkpoint by AK %.16s\n", key);
	else
		printf(", checkpoint not signed: %s\n", t->has_tpm ? "as was asked for" : "there is no TPM");
}

static int prepare(const struct imactl *ctl, struct trim *t, struct why *why)
{
	cleanup(buf_done) struct buf answer = { 0 };
	uint64_t count;
	int r = ask_status(ctl, t, why);

	if (r == 0) /* all that is counted is extended after the SYNC */
		r = list_scan(t->live, &t->pcrs, &count, why);
	if (r == 0)
		r = client_call(ctl, CTL_SYNC, NULL, TIMEOUT_S, &answer, why);
	if (r == 0)
		r = trim_values(t, count, why);
	return r;
}

static int trim(const struct imactl *ctl, struct trim *t)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct why why;
	int r = prepare(ctl, t, &why);

	if (r == 0 && t->next.records == t->list.before.records) {
		puts("nothing to cut off");
		return IMACTL_OK;
	}
	if (r == 0)
		r = open_archive(t, t->next.boot_id, &why);
	if (r == 0 && t->has_tpm && !t->unsigned_wanted)
		r = trim_quote(t, &why);
	if (r == 0 && checkpoint_format(&t->next, &text) < 0)
		r = why_set(&why, -ENOMEM, "%s", strerror(ENOMEM));
	if (r == 0)
		r = trim_export(t, &text, &why);
	if (r == 0)
		r = ask_cut(ctl, &text, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "nothing is cut off: %s", why.text);
	tell(t);
	return IMACTL_OK;
}

static int parse_keep(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return complain(-EINVAL, "trim: --keep wants a number of records, not '%s'", text);
	return 0;
}

static int parse_options(int argc, char **argv, struct trim *t)
{
	static const struct option options[] = {
		{ "keep", required_argument, NULL, 'k' }, { "to", required_argument, NULL, 't' },
		{ "tcti", required_argument, NULL, 'T' }, { "statedir", required_argument, NULL, 's' },
		{ "without-quote", no_argument, NULL, 'u' }, { 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			r = parse_keep(optarg, &t->keep);
			break;
		case 't':
			t->to = optarg;
			break;
		case 'T':
			t->tcti = optarg;
			break;
		case 's':
			t->statedir = optarg;
			break;
		case 'u':
			t->unsigned_wanted = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (r == 0 && optind < argc)
		r = complain(-EINVAL, "trim: unexpected argument '%s'", argv[optind]);
	return r;
}

int cmd_trim(const struct imactl *ctl, int argc, char **argv)
{
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(trim_done) struct trim t = { .statedir = IMAD_STATEDIR, .live = live, .lock = -1 };

	if (parse_options(argc, argv, &t) < 0)
		return IMACTL_USAGE;
	return live ? trim(ctl, &t) : complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
}
