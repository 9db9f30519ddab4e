/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl attest: the quote first, then the list. A record is appended before it is extended, so
 * in this order none that was quoted can be missing, however many come meanwhile.
 */
#include <getopt.h>
#include <string.h>

#include <imad/ak.h>
#include <imad/tpm.h>

#include "attest.h"
#include "trimmed.h"

#define TPM_TCTI "device:/dev/tpmrm0"
#define TRIES	 5 /* quotes, when the list does not lead to one */

struct attest {
	/* asked for */
	const char *dir, *list, *tcti, *statedir;
	const char *rundir; /* of the list; NULL: it is another */
	uint64_t from;
	/* found */
	struct ak *ak;
	struct tpm *tpm;
	struct buf ak_pem;
	struct quote quote;
	struct evidence e;
	struct mark mark;
	bool marked;
	bool settled; /* the list leads to the quote */
};

static void attest_done(struct attest *a)
{
	ak_free(a->ak);
	tpm_free(a->tpm);
	buf_done(&a->ak_pem);
	evidence_done(&a->e);
}

static void read_boot_id(struct evidence *e)
{
	cleanup(file_closep) FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || fscanf(f, "%36[0-9a-f-]", e->boot_id) != 1)
		e->boot_id[0] = '\0';
}

static int open_tpm(struct attest *a, struct why *why)
{
	int r = ak_kept(a->tcti, a->statedir, &a->ak, &a->ak_pem, why);

	if (r < 0)
		return r;
	r = ak_public(a->ak, &a->e.ak);
	if (r == 0)
		r = tpm_open(a->tcti, &a->tpm);
	return r < 0 ? why_set(why, r, "cannot use the TPM at '%s': %s", a->tcti, strerror(-r)) : 0;
}

static int read_values(struct attest *a, struct why *why)
{
	for (unsigned int i = 0; i < a->e.n_pcrs; i++) {
		int r = tpm_pcr_read(a->tpm, a->e.pcrs[i].pcr, &a->e.pcrs[i]);

		if (r < 0)
			return why_set(why, r, "cannot read PCR %u: %s", a->e.pcrs[i].pcr,
				       *tpm_error(a->tpm) ? tpm_error(a->tpm) : strerror(-r));
	}
	return 0;
}

static int take_quote(struct attest *a, struct why *why)
{
	const struct algo *banks[PCR_BANKS_MAX];
	unsigned int n = tpm_banks(a->tpm, banks);
	const char *malformed = NULL;
	uint32_t pcrs = 0;
	int r;

	for (unsigned int i = 0; i < a->e.n_pcrs; i++)
		pcrs |= 1u << a->e.pcrs[i].pcr;
	buf_reset(&a->e.attest);
	buf_reset(&a->e.signature);
	r = ak_quote(a->ak, a->e.nonce.data, a->e.nonce.len, pcrs, banks, n, &a->e.attest, &a->e.signature);
	if (r < 0)
		return why_set(why, r, "the TPM does not quote: %s", *ak_error(a->ak) ? ak_error(a->ak) : strerror(-r));
	r = quote_parse(a->e.attest.data, a->e.attest.len, &a->quote, &malformed);
	return r < 0 ? why_set(why, r, "the TPM's quote is not one: %s", malformed) : 0;
}

/* The PCRs of the mark and of the records behind it. -ESTALE: it is not of this list. */
static int scan_marked(struct attest *a, struct pcr_set *set, uint64_t *count, struct why *why)
{
	cleanup(mapped_done) struct mapped list = { .p = NULL };
	struct list_record record;
	const char *malformed;
	size_t at = a->mark.bytes;
	ssize_t n;
	int r = mapped_open(a->list, &list, why);

	if (r < 0)
		return r;
	mark_apply(&a->mark, a->list, &list);
	if (!list.mark)
		return -ESTALE;
	*set = (struct pcr_set){ .n = a->mark.n_pcrs };
	memcpy(set->value, a->mark.pcrs, sizeof(a->mark.pcrs));
	for (*count = a->mark.records; (n = list_parse(list.p + at, list.n - at, &record, &malformed)) > 0; at += (size_t)n, ++*count) {
		unsigned int i = 0;

		while (i < set->n && set->value[i].pcr != record.pcr)
			i++;
		if (i == ARRAY_SIZE(set->value))
			return -ESTALE;
		if (i == set->n)
			set->value[set->n++] = (struct pcr_value){ .pcr = record.pcr };
	}
	return n == -ENODATA || n == -EAGAIN ? 0 : -ESTALE;
}

/* The PCRs of the records that there are now, ascending. */
static int choose_pcrs(struct attest *a, struct why *why)
{
	struct pcr_set set;
	uint64_t count;
	int r;

	a->marked = a->rundir && mark_load(a->rundir, &a->mark);
	r = a->marked ? scan_marked(a, &set, &count, why) : -ESTALE;
	if (r == -ESTALE) {
		a->marked = false;
		r = list_scan(a->list, &set, &count, why);
	}

	if (r < 0)
		return r;
	if (count == 0)
		return why_set(why, -ENODATA, "it has no records");
	a->e.n_pcrs = 0;
	for (unsigned int pcr = 0; pcr < PCR_COUNT; pcr++)
		for (unsigned int i = 0; i < set.n; i++)
			if (set.value[i].pcr == pcr)
				a->e.pcrs[a->e.n_pcrs++] = (struct pcr_value){ .pcr = pcr };
	return a->e.n_pcrs == set.n ? 0 : why_set(why, -ERANGE, "it has records of PCRs that no TPM has");
}

/* What was cut off the list, from where it is asked for. */
static int add_archived(struct attest *a, const struct checkpoint *before, struct why *why)
{
	cleanup_free char *folder = archive_folder(a->statedir, before->boot_id);

	if (a->e.from >= before->records)
		return 0;
	return folder ? archive_read(folder, a->e.from, before->records, &a->e.list, why) :
			why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
}

/* Where nothing is known of what was before, there is only this. */
static int add_checkpoint(struct attest *a, const struct checkpoint *before, struct why *why)
{
	buf_reset(&a->e.checkpoint);
	if (a->e.from == 0 || a->e.from != before->records || checkpoint_format(before, &a->e.checkpoint) == 0)
		return 0;
	return why_set(why, -ENOMEM, "%s", strerror(ENOMEM));
}

/* One quote and what of the list leads to it; -EAGAIN: nothing does. */
static int attempt(struct attest *a, struct why *why)
{
	cleanup(mapped_done) struct mapped list = { .p = NULL };
	bool imported = list_is_imported(a->list);
	ssize_t from, to;
	int r = read_values(a, why);

	if (r == 0)
		r = take_quote(a, why);
	if (r == 0)
		r = mapped_open(a->list, &list, why);
	if (r < 0)
		return r;
	if (a->marked)
		mark_apply(&a->mark, a->list, &list);
	/* The AK's own scheme signs by SHA-256, which so is that of the digest too. */
	r = settle(&list, imported, &a->quote, algo_by_id(ALGO_SHA256), a->e.pcrs, a->e.n_pcrs, &a->e.quoted, &a->e.total);
	if (r < 0 && r != -ENOENT)
		return why_set(why, r, "cannot replay the list '%s': %s", a->list, strerror(-r));
	a->settled = r == 0;
	if (!a->settled)
		a->e.quoted = a->e.total;
	a->e.from = a->from > a->e.quoted ? 0 : a->from;
	a->e.imported = imported;
	buf_reset(&a->e.list);
	r = add_archived(a, &list.before, why);
	if (r == 0)
		r = add_checkpoint(a, &list.before, why);
	if (r < 0)
		return r;
	from = mapped_offset(&list, MAX(a->e.from, list.before.records));
	to = mapped_offset(&list, a->e.quoted);
	if (from < 0 || to < 0)
		return why_set(why, -EBADMSG, "the list '%s' changed while it was read", a->list);
	buf_add(&a->e.list, list.p + from, (size_t)(to - from));
	a->e.has_list = true;
	if (a->settled && a->rundir)
		mark_save(a->rundir, a->list, &list, &a->e, (size_t)to);
	return buf_error(&a->e.list) < 0 ? why_set(why, -ENOMEM, "%s", strerror(ENOMEM)) : 0;
}

static int put_envelope(const struct attest *a)
{
	cleanup(buf_done) struct buf text = { 0 };

	if (evidence_format(&a->e, &text) < 0)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	fwrite(text.data, 1, text.len, stdout);
	return IMACTL_OK;
}

static int attest(struct attest *a)
{
	struct why why;
	int r = choose_pcrs(a, &why);

	if (r < 0)
		return complain(IMACTL_FAILED, "cannot attest the list '%s': %s", a->list, why.text);
	r = open_tpm(a, &why);
	for (int i = 0; r == 0 && i < TRIES && !a->settled; i++)
		r = attempt(a, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	read_boot_id(&a->e);
	if (!a->settled)
		(void)complain(0, "the list does not lead to what the TPM quotes: whoever verifies this will refuse it");
	return a->dir ? attest_write_dir(a->dir, &a->e, &a->quote, &a->ak_pem) : put_envelope(a);
}

static int parse_from(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return complain(-EINVAL, "attest: --from wants the number of a record, not '%s'", text);
	return 0;
}

static int parse_options(int argc, char **argv, struct attest *a)
{
	static const struct option options[] = {
		{ "nonce", required_argument, NULL, 'n' }, { "from", required_argument, NULL, 'f' },
		{ "dir", required_argument, NULL, 'd' },   { "list", required_argument, NULL, 'l' },
		{ "tcti", required_argument, NULL, 't' },  { "statedir", required_argument, NULL, 's' },
		{ 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			buf_reset(&a->e.nonce);
			r = nonce_parse("attest", optarg, &a->e.nonce);
			break;
		case 'f':
			r = parse_from(optarg, &a->from);
			break;
		case 'd':
			a->dir = optarg;
			break;
		case 'l':
			a->list = optarg;
			break;
		case 't':
			a->tcti = optarg;
			break;
		case 's':
			a->statedir = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (r == 0 && optind < argc)
		r = complain(-EINVAL, "attest: unexpected argument '%s'", argv[optind]);
	if (r == 0 && a->e.nonce.len == 0)
		r = complain(-EINVAL, "attest: --nonce is missing; without one, old evidence would do");
	return r;
}

int cmd_attest(const struct imactl *ctl, int argc, char **argv)
{
	cleanup_free char *live = join_path(ctl->rundir, "binary_runtime_measurements");
	cleanup(attest_done) struct attest a = { .tcti = TPM_TCTI, .statedir = IMAD_STATEDIR };

	if (parse_options(argc, argv, &a) < 0)
		return IMACTL_USAGE;
	if (!a.list) {
		a.list = live;
		a.rundir = ctl->rundir;
	}
	return a.list ? attest(&a) : complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
}
