/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl export: the list in forms that other programs read. One pass over the list,
 * and a writer a form: it begins, takes record by record, and ends.
 *
 *   sha256sum       GNU coreutils' checksum file: the last content of each path
 *   keylime-policy  runtime policy of keylime, version 1 (keylime/ima/ima.py)
 *   cel-json        TCG Canonical Event Log, JSON encoding, content type ima_template
 *   json            one document of the objects that imactl list --json prints
 */
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>

#include <imad/util.h>

#include "export.h"

static const struct export_format formats[] = {
	{ "sha256sum", NULL, export_paths_take, export_sha256sum_end },
	{ "keylime-policy", NULL, export_paths_take, export_keylime_end },
	{ "cel-json", export_array_begin, export_cel_take, export_array_end },
	{ "json", export_array_begin, export_json_take, export_array_end },
};

static void export_done(struct export *e)
{
	records_done(&e->records);
	file_closep(&e->info);
	json_object_put(e->info_line);
	json_object_put(e->paths);
	json_object_put(e->buffers);
	json_object_put(e->keyrings);
}

/* --- the two forms that are an array of records */

int export_array_begin(struct export *e)
{
	(void)e;
	putchar('[');
	return 0;
}

static void put_member(const struct export *e, struct json_object *o)
{
	fputs(e->records.n > 1 ? ",\n" : "\n", stdout);
	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), stdout);
}

int export_array_end(struct export *e)
{
	(void)e;
	puts("\n]");
	return 0;
}

int export_json_take(struct export *e, const struct list_record *r, const struct template_fields *f)
{
	cleanup(json_putp) struct json_object *o = NULL;

	json_object_put(take_ptr(e->info_line));
	if (e->info)
		(void)info_next(e->info, e->records.n - 1, &e->info_line);
	o = record_json(r, f, e->records.n - 1, e->info_line);
	put_member(e, o);
	return 0;
}

int export_cel_take(struct export *e, const struct list_record *r, const struct template_fields *f)
{
	cleanup(json_putp) struct json_object *o = json_object_new_object();
	struct json_object *digests = json_object_new_array(), *content = json_object_new_object();

	(void)f;
	json_object_object_add(o, "recnum", json_object_new_uint64(e->records.n - 1));
	json_object_object_add(o, "pcr", json_object_new_int64(r->pcr));
	json_object_object_add(o, "digests", digests);
	for (unsigned int i = 0; i < e->n_banks; i++) {
		struct json_object *d = json_object_new_object();
		struct digest digest;
		int err = list_template_digest(r, e->banks[i], &digest);

		json_object_array_add(digests, d);
		if (err < 0)
			return err;
		json_object_object_add(d, "hashAlg", json_object_new_string(e->banks[i]->name));
		json_add_hex(d, "digest", digest.bytes, digest.size);
	}
	json_object_object_add(o, "content_type", json_object_new_string("ima_template"));
	json_object_object_add(o, "content", content);
	json_object_object_add(content, "template_name", json_object_new_string(r->template->name));
	json_add_hex(content, "template_data", r->data, r->data_len);
	put_member(e, o);
	return 0;
}

/* --- the pass */

static int each(struct export *e, const char **why)
{
	struct list_record record;
	int r = e->format->begin ? e->format->begin(e) : 0;

	while (r == 0) {
		struct template_fields f = { 0 };

		r = records_next(&e->records, &record, why);
		if (r <= 0)
			break;
		r = template_decode(record.template, record.data, record.data_len, &f);
		if (r == -EBADMSG) {
			*why = "data do not fit the template";
			e->records.n--; /* the one to name */
		}
		if (r == 0)
			r = e->format->take(e, &record, &f);
	}
	return r < 0 ? r : e->format->end(e);
}

static int export(struct export *e)
{
	const char *why = NULL;
	int r = records_open(e->file, &e->records);

	if (r < 0)
		return complain(IMACTL_FAILED, "cannot read the list '%s': %s", e->file, strerror(-r));
	if (e->format->take == export_json_take)
		e->info = info_open(e->file);
	r = each(e, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "list '%s', record %llu: %s", e->file, (unsigned long long)e->records.n,
				why ? why : strerror(-r));
	if (records_tail(&e->records) > 0)
		return complain(IMACTL_FAILED, "list '%s', record %llu: cut at the end of the file", e->file,
				(unsigned long long)e->records.n);
	if (e->skipped > 0)
		(void)complain(0, "%llu records have no place in this form: %s", (unsigned long long)e->skipped,
			       "their digest is none of a file's content that it could hold");
	return IMACTL_OK;
}

/* --- options */

static int add_bank(struct export *e, const char *name)
{
	const struct algo *algo = algo_by_name(name, strlen(name));
	struct digest probe;

	if (!algo || digest_buf(algo, NULL, 0, &probe) < 0)
		return complain(-EINVAL, "export: no such bank: '%s'", name);
	if (e->n_banks == ARRAY_SIZE(e->banks))
		return complain(-EINVAL, "export: more than %zu --bank", ARRAY_SIZE(e->banks));
	e->banks[e->n_banks++] = algo;
	return 0;
}

static int set_format(struct export *e, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			e->format = &formats[i];
	return e->format ? 0 : complain(-EINVAL, "export: no such format: '%s'", name);
}

static int parse_options(int argc, char **argv, struct export *e)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "bank", required_argument, NULL, 'b' },
		{ 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "f:", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			r = set_format(e, optarg);
			break;
		case 'b':
			r = add_bank(e, optarg);
			break;
		default:
			return -EINVAL;
		}
	}
	if (r < 0)
		return r;
	if (!e->format)
		return complain(-EINVAL, "export: --format is missing");
	if (e->n_banks > 0 && e->format->take != export_cel_take)
		return complain(-EINVAL, "export: --bank goes with --format cel-json");
	if (argc - optind > 1)
		return complain(-EINVAL, "export: more than one file given");
	return 0;
}

int cmd_export(const struct imactl *ctl, int argc, char **argv)
{
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(export_done) struct export e = {
		.records.fd = -1,
		.paths = json_object_new_object(),
		.buffers = json_object_new_object(),
		.keyrings = json_object_new_object(),
	};

	if (parse_options(argc, argv, &e) < 0)
		return IMACTL_USAGE;
	if (e.n_banks == 0) { /* what every TPM 2.0 has or had */
		e.banks[e.n_banks++] = algo_by_id(ALGO_SHA1);
		e.banks[e.n_banks++] = algo_by_id(ALGO_SHA256);
	}
	e.file = optind < argc ? argv[optind] : live;
	return e.file ? export(&e) : complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
}
