/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl verify: does the list say what the TPM says? Every record against its
 * own digest, every bank of every PCR of the list against a replay.
 *
 * The live list grows while this reads it. Each record is appended before it is
 * extended, so in this order nothing can be missed: count the records, SYNC (now
 * all of them are extended), read the PCRs, replay the list to its end. Each bank
 * must then match a prefix that is not shorter than the count.
 *
 * Where the front was cut off, the replay goes on from the values of the checkpoint. That they are right is proved by
 * where they lead; what was before them, by the archived parts; when and where that was, by the quote in it.
 */
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <imad/ctl.h>
#include <imad/replay.h>

#include "verify_list.h"
#include "verify_evidence.h"

#define CHUNK	       (1u << 20)
#define SYNC_TIMEOUT_S 300
#define TRIES	       3 /* a live list is read again before it is called wrong */
#define TRY_WAIT_MS    200
#define TPM_SYSFS      "/sys/class/tpm/tpm0"
#define TPM_TCTI       "device:/dev/tpmrm0"

static void verify_done(struct verify *v)
{
	checkpoint_done(&v->before);
	free(v->bad_name);
	json_object_put(v->reasons);
}

/* Add a reason for not being a match; a mismatch outweighs what could not be checked. */
__attribute__((format(printf, 3, 4))) static void conclude(struct verify *v, enum imactl_exit code,
							   const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (v->code != IMACTL_FAILED)
		v->code = code;
	json_object_array_add(v->reasons, json_object_new_string(text));
}

/* --- gathering */

static int sync_live(const struct imactl *ctl, struct verify *v, struct why *why)
{
	cleanup(buf_done) struct buf answer = { 0 };
	int r;

	if (v->list)
		return 0;
	r = client_call(ctl, CTL_SYNC, NULL, SYNC_TIMEOUT_S, &answer, why);
	v->synced = r == 0;
	/* Without a daemon the list does not move. */
	return r == -ENOENT || r == -ECONNREFUSED ? 0 : r;
}

static int read_pcrs(struct verify *v, struct why *why)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < v->n_pcr_files; i++)
		r = pcrs_from_file(v->pcr_files[i], &v->pcrs, why);
	if (v->n_pcr_files > 0)
		return r;
	if (v->tcti && *v->tcti == '/')
		return pcrs_from_sysfs(v->tcti, &v->pcrs, why);
	if (v->tcti)
		return pcrs_from_tpm(v->tcti, &v->pcrs, why);
	r = pcrs_from_sysfs(TPM_SYSFS, &v->pcrs, why);
	return r == -ENOENT ? pcrs_from_tpm(TPM_TCTI, &v->pcrs, why) : r;
}

static int feed(struct replay *replay, int fd)
{
	cleanup_free uint8_t *chunk = malloc(CHUNK);
	ssize_t n;
	int r = chunk ? 0 : -ENOMEM;

	while (r == 0 && (n = read(fd, chunk, CHUNK)) != 0)
		r = n < 0 ? -errno : replay_feed(replay, chunk, (size_t)n);
	return r == -EBADMSG ? 0 : r; /* is in the result */
}

/* Go on from the checkpoint. */
static int resume(struct verify *v, struct replay *replay, struct why *why)
{
	struct pcr_value from[ARRAY_SIZE(v->pcrs.value)];
	unsigned int n = v->have_pcrs ? v->pcrs.n : 0;
	int r = checkpoint_values(&v->before, v->pcrs.value, n, from);

	if (r == 0)
		r = replay_resume(replay, from, n, v->before.records);
	return r < 0 ? why_set(why, r, "the checkpoint has not all banks that there are values of") : 0;
}

/* The list, and the checkpoint that goes with it. */
static int open_list(struct verify *v, struct why *why)
{
	struct checkpoint beside;
	int fd = list_open(v->path, &beside, why), r = 0;

	if (fd < 0)
		return fd;
	checkpoint_done(&v->before);
	v->before = beside;
	if (v->checkpoint_path) {
		checkpoint_done(&v->before);
		v->before = (struct checkpoint){ .records = 0 };
		r = checkpoint_load(v->checkpoint_path, &v->before, why);
	}
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int replay(struct verify *v, struct why *why)
{
	cleanup(replay_freep) struct replay *replay = NULL;
	cleanup_close int fd = open_list(v, why);
	bool imported = v->imported || list_is_imported(v->path);
	int r;

	if (fd < 0)
		return fd;
	r = replay_new(v->pcrs.value, v->have_pcrs ? v->pcrs.n : 0, imported && !v->before.records, &replay);
	if (r < 0)
		return why_set(why, r, "%s", strerror(-r));
	r = v->before.records ? resume(v, replay, why) : 0;
	if (r < 0)
		return r;
	r = feed(replay, fd);
	if (r < 0)
		return why_set(why, r, "%s", strerror(-r));
	replay_result(replay, &v->result);
	return 0;
}

/* --- judging */

bool bank_ok(const struct verify *v, const struct replay_bank *b)
{
	return b->matched && b->matched_at >= (v->synced ? v->floor : v->result.records);
}

static bool list_ok(const struct verify *v)
{
	const struct replay_result *r = &v->result;

	return r->records > 0 && !r->bad_digest && !r->why && (v->synced || !r->tail);
}

static bool all_ok(const struct verify *v)
{
	for (unsigned int i = 0; i < v->result.n_banks; i++)
		if (!bank_ok(v, &v->result.banks[i]))
			return false;
	return list_ok(v);
}

static void judge_list(struct verify *v)
{
	const struct replay_result *r = &v->result;

	if (r->bad_digest > 0)
		conclude(v, IMACTL_FAILED,
			 "record %llu ('%s'): digest is not that of its data (%llu such record%s)",
			 (unsigned long long)r->first_bad_digest, v->bad_name ? v->bad_name : "",
			 (unsigned long long)r->bad_digest, r->bad_digest > 1 ? "s" : "");
	if (r->why)
		conclude(v, IMACTL_FAILED, "record %llu is malformed: %s", (unsigned long long)r->records,
			 r->why);
	else if (r->tail > 0 && !v->synced)
		conclude(v, IMACTL_FAILED, "record %llu is cut at the end of the list",
			 (unsigned long long)r->records);
	else if (r->records == 0)
		conclude(v, IMACTL_FAILED, "the list has no records");
}

static void judge_bank(struct verify *v, const struct replay_bank *b)
{
	const char *bank = algo_by_id(b->algo)->name;
	unsigned long long at = b->matched_at, all = v->result.records;

	if (bank_ok(v, b))
		return;
	if (!b->matched && v->before.records)
		conclude(v, IMACTL_FAILED,
			 "PCR %u bank %s: the list does not lead from the checkpoint to the value: it is of another list or "
			 "was changed, a record was changed or is missing, or something else was extended",
			 b->pcr, bank);
	else if (!b->matched)
		conclude(v, IMACTL_FAILED,
			 "PCR %u bank %s matches no part of the list: "
			 "a record was changed or is missing, or something else was extended",
			 b->pcr, bank);
	else
		conclude(v, IMACTL_FAILED,
			 "PCR %u bank %s matches the first %llu of %llu records: the rest is not in the PCR",
			 b->pcr, bank, at, all);
}

static void judge_checkpoint(struct verify *v)
{
	const struct checkpoint *c = &v->before;
	char boot_id[CHECKPOINT_BOOT_ID + 1];
	struct why why;
	int r;

	list_boot_id(v->path, boot_id);
	if (*boot_id && strcmp(boot_id, c->boot_id) != 0)
		conclude(v, IMACTL_FAILED, "the checkpoint is of boot %s, the list of boot %s", c->boot_id, boot_id);
	if (v->n_archive > 0) {
		r = archive_verify(c, v->archive, v->n_archive, why.text, sizeof(why.text));
		if (r < 0)
			conclude(v, r == -EBADMSG ? IMACTL_FAILED : IMACTL_UNCHECKED, "%s", why.text);
		v->archive_ok = r == 0;
	}
	if (v->ak) {
		r = checkpoint_vouch(c, v->ak, v->path, &why);
		if (r < 0)
			conclude(v, r == -EBADMSG ? IMACTL_FAILED : IMACTL_UNCHECKED, "%s", why.text);
		v->signed_ok = r == 0;
	}
}

static void judge(struct verify *v, const struct why *no_pcrs)
{
	judge_list(v);
	if (v->before.records)
		judge_checkpoint(v);
	else if (v->ak || v->n_archive > 0)
		conclude(v, IMACTL_UNCHECKED, "nothing was cut off this list: there is no checkpoint to check");
	for (unsigned int i = 0; i < v->result.n_banks; i++)
		judge_bank(v, &v->result.banks[i]);
	if (!v->have_pcrs)
		conclude(v, IMACTL_UNCHECKED, "not compared with a PCR: %s", no_pcrs->text);
	for (unsigned int i = 0; v->have_pcrs && i < v->pcrs.n; i++)
		if (v->pcrs.value[i].n == 0)
			conclude(v, IMACTL_UNCHECKED, "no value of PCR %u to compare with",
				 v->pcrs.value[i].pcr);
}

/* --- the command */

/* The PCRs of a checkpoint that does not lie beside the list. */
static int add_given(struct verify *v, struct why *why)
{
	cleanup(checkpoint_done) struct checkpoint c = { .records = 0 };
	int r = checkpoint_load(v->checkpoint_path, &c, why);

	if (r == 0 && checkpoint_add_pcrs(&c, &v->pcrs) < 0)
		return why_set(why, -E2BIG, "records of more than %zu PCRs", ARRAY_SIZE(v->pcrs.value));
	return r;
}

/* One round. 0, also when there is no PCR to compare with (told in @no_pcrs); negative errno: no list. */
static int attempt(const struct imactl *ctl, struct verify *v, struct why *no_pcrs, struct why *no_list)
{
	int r = list_scan(v->path, &v->pcrs, &v->floor, no_list);

	if (r == 0 && v->checkpoint_path)
		r = add_given(v, no_list);
	if (r < 0)
		return r;
	r = sync_live(ctl, v, no_pcrs);
	if (r == 0)
		r = read_pcrs(v, no_pcrs);
	v->have_pcrs = r == 0;
	return replay(v, no_list);
}

static int verify(const struct imactl *ctl, struct verify *v)
{
	struct why no_pcrs, no_list;

	for (int i = 1;; i++) {
		if (attempt(ctl, v, &no_pcrs, &no_list) < 0)
			return complain(IMACTL_UNCHECKED, "cannot check the list '%s': %s", v->path,
					no_list.text);
		if (all_ok(v) || !v->synced || i == TRIES)
			break;
		(void)nanosleep(&(struct timespec){ .tv_nsec = TRY_WAIT_MS * 1000000L }, NULL);
	}
	if (v->result.bad_digest > 0)
		v->bad_name = record_name(v->path, v->result.first_bad_digest - (v->checkpoint_path ? v->before.records : 0));
	judge(v, &no_pcrs);
	verify_list_tell(v);
	return v->code;
}

static int parse_options(int argc, char **argv, struct verify *v)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },	  { "list", required_argument, NULL, 'l' },
		{ "pcrs", required_argument, NULL, 'p' }, { "imported", no_argument, NULL, 'i' },
		{ "tcti", required_argument, NULL, 't' }, { "checkpoint", required_argument, NULL, 'c' },
		{ "ak", required_argument, NULL, 'a' },	  { "archive", required_argument, NULL, 'A' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			v->json = true;
			break;
		case 'l':
			v->list = optarg;
			break;
		case 'p':
			if (v->n_pcr_files == PCR_FILES_MAX)
				return complain(-EINVAL, "verify: more than %d --pcrs", PCR_FILES_MAX);
			v->pcr_files[v->n_pcr_files++] = optarg;
			break;
		case 'i':
			v->imported = true;
			break;
		case 't':
			v->tcti = optarg;
			break;
		case 'c':
			v->checkpoint_path = optarg;
			break;
		case 'a':
			v->ak = optarg;
			break;
		case 'A':
			if (v->n_archive == ARCHIVES_MAX)
				return complain(-EINVAL, "verify: more than %d --archive", ARCHIVES_MAX);
			v->archive[v->n_archive++] = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc)
		return complain(-EINVAL, "verify: unexpected argument '%s'", argv[optind]);
	if (v->tcti && v->n_pcr_files > 0)
		return complain(-EINVAL, "verify: --tcti and --pcrs exclude each other");
	return 0;
}

int cmd_verify(const struct imactl *ctl, int argc, char **argv)
{
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(verify_done) struct verify v = { .reasons = json_object_new_array() };

	for (int i = 1; i < argc; i++) /* of another host, and so with other options */
		if (strncmp(argv[i], "--evidence", strlen("--evidence")) == 0)
			return cmd_verify_evidence(ctl, argc, argv);
	if (parse_options(argc, argv, &v) < 0)
		return IMACTL_USAGE;
	v.path = v.list ? v.list : live;
	return v.path ? verify(ctl, &v) : complain(IMACTL_UNCHECKED, "%s", strerror(ENOMEM));
}
