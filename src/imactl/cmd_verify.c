/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl verify: does the list say what the TPM says? Every record against its
 * own digest, every bank of every PCR of the list against a replay.
 *
 * The live list grows while this reads it. Each record is appended before it is
 * extended, so in this order nothing can be missed: count the records, SYNC (now
 * all of them are extended), read the PCRs, replay the list to its end. Each bank
 * must then match a prefix that is not shorter than the count.
 */
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <imad/ctl.h>
#include <imad/replay.h>

#include "verify_evidence.h"

#define cleanup_json cleanup(json_putp)

#define CHUNK	       (1u << 20)
#define SYNC_TIMEOUT_S 300
#define TRIES	       3 /* a live list is read again before it is called wrong */
#define TRY_WAIT_MS    200
#define PCR_FILES_MAX  8
#define TPM_SYSFS      "/sys/class/tpm/tpm0"
#define TPM_TCTI       "device:/dev/tpmrm0"

struct verify {
	/* asked for */
	bool json, imported;
	const char *list; /* NULL: the live one */
	const char *tcti; /* or a directory as sysfs has it; NULL: sysfs, else the default TCTI */
	const char *pcr_files[PCR_FILES_MAX];
	unsigned int n_pcr_files;
	/* found */
	const char *path;
	bool synced;
	uint64_t floor; /* records that must be in the PCRs */
	struct pcr_set pcrs;
	bool have_pcrs;
	struct replay_result result;
	char *bad_name; /* of the first record whose digest is wrong */
	/* concluded */
	enum imactl_exit code;
	struct json_object *reasons;
};

static void verify_done(struct verify *v)
{
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

static int replay(struct verify *v, struct why *why)
{
	cleanup(replay_freep) struct replay *replay = NULL;
	cleanup_close int fd = open(v->path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return why_set(why, -errno, "%s", strerror(errno));
	r = replay_new(v->pcrs.value, v->have_pcrs ? v->pcrs.n : 0, v->imported || list_is_imported(v->path), &replay);
	if (r == 0)
		r = feed(replay, fd);
	if (r < 0)
		return why_set(why, r, "%s", strerror(-r));
	replay_result(replay, &v->result);
	return 0;
}

/* --- judging */

static bool bank_ok(const struct verify *v, const struct replay_bank *b)
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
	if (!b->matched)
		conclude(v, IMACTL_FAILED,
			 "PCR %u bank %s matches no part of the list: "
			 "a record was changed or is missing, or something else was extended",
			 b->pcr, bank);
	else
		conclude(v, IMACTL_FAILED,
			 "PCR %u bank %s matches the first %llu of %llu records: the rest is not in the PCR",
			 b->pcr, bank, at, all);
}

static void judge(struct verify *v, const struct why *no_pcrs)
{
	judge_list(v);
	for (unsigned int i = 0; i < v->result.n_banks; i++)
		judge_bank(v, &v->result.banks[i]);
	if (!v->have_pcrs)
		conclude(v, IMACTL_UNCHECKED, "not compared with a PCR: %s", no_pcrs->text);
	for (unsigned int i = 0; v->have_pcrs && i < v->pcrs.n; i++)
		if (v->pcrs.value[i].n == 0)
			conclude(v, IMACTL_UNCHECKED, "no value of PCR %u to compare with",
				 v->pcrs.value[i].pcr);
}

/* --- telling */

static const char *const result_names[] = {
	[IMACTL_OK] = "match",
	[IMACTL_FAILED] = "mismatch",
	[IMACTL_UNCHECKED] = "unchecked",
};

static struct json_object *bank_json(const struct verify *v, const struct replay_bank *b)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "pcr", json_object_new_int64(b->pcr));
	json_object_object_add(o, "bank", json_object_new_string(algo_by_id(b->algo)->name));
	json_object_object_add(o, "match", json_object_new_boolean(bank_ok(v, b)));
	if (b->matched)
		json_object_object_add(o, "matched_records", json_object_new_uint64(b->matched_at));
	json_add_hex(o, "value", b->wanted.bytes, b->wanted.size);
	json_add_hex(o, "replayed", b->replayed.bytes, b->replayed.size);
	return o;
}

static void tell_json(struct verify *v)
{
	cleanup_json struct json_object *o = json_object_new_object();
	const struct replay_result *r = &v->result;
	struct json_object *banks = json_object_new_array();

	json_object_object_add(o, "result", json_object_new_string(result_names[v->code]));
	json_add_text(o, "list", v->path, strlen(v->path));
	json_object_object_add(o, "synced", json_object_new_boolean(v->synced));
	json_object_object_add(o, "records", json_object_new_uint64(r->records));
	json_object_object_add(o, "violations", json_object_new_uint64(r->violations));
	json_object_object_add(o, "bad_digests", json_object_new_uint64(r->bad_digest));
	if (r->bad_digest > 0)
		json_object_object_add(o, "first_bad_digest", json_object_new_uint64(r->first_bad_digest));
	for (unsigned int i = 0; i < r->n_banks; i++)
		json_object_array_add(banks, bank_json(v, &r->banks[i]));
	json_object_object_add(o, "banks", banks);
	json_object_object_add(o, "reasons", json_object_get(v->reasons));
	put_json(o);
}

static void tell(const struct verify *v)
{
	const struct replay_result *r = &v->result;

	put_text(stdout, v->path, strlen(v->path));
	printf(": %llu records, %llu violations\n", (unsigned long long)r->records,
	       (unsigned long long)r->violations);
	for (unsigned int i = 0; i < r->n_banks; i++)
		printf("PCR %u %s: %s\n", r->banks[i].pcr, algo_by_id(r->banks[i].algo)->name,
		       bank_ok(v, &r->banks[i]) ? "match" : "MISMATCH");
	puts(result_names[v->code]);
	for (size_t i = 0; i < json_object_array_length(v->reasons); i++)
		(void)complain(v->code, "%s",
			       json_object_get_string(json_object_array_get_idx(v->reasons, i)));
}

/* --- the command */

/* One round. 0, also when there is no PCR to compare with (told in @no_pcrs); negative errno: no list. */
static int attempt(const struct imactl *ctl, struct verify *v, struct why *no_pcrs, struct why *no_list)
{
	int r = list_scan(v->path, &v->pcrs, &v->floor, no_list);

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
		v->bad_name = record_name(v->path, v->result.first_bad_digest);
	judge(v, &no_pcrs);
	if (v->json)
		tell_json(v);
	else
		tell(v);
	return v->code;
}

static int parse_options(int argc, char **argv, struct verify *v)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },	  { "list", required_argument, NULL, 'l' },
		{ "pcrs", required_argument, NULL, 'p' }, { "imported", no_argument, NULL, 'i' },
		{ "tcti", required_argument, NULL, 't' }, { 0 },
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
