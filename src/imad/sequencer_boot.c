/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start: which banks, whether the PCR is ours to use, record 0. Two writers
 * with two lists would make one PCR worthless for both, so a PCR that the kernel's
 * IMA extends is refused; with nothing but boot_aggregate in it, that record is
 * copied and the list goes on from there. Only if the TPM itself says that it was not reset since another boot of ours
 * used that PCR, the list begins all the same, and says that its PCR proves nothing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define KERNEL_PCR	10	    /* CONFIG_IMA_MEASURE_PCR_IDX */
#define KERNEL_LIST_MAX (64u << 10) /* bytes of a list that holds boot_aggregate only */
#define BOOT_AGGREGATE	"boot_aggregate"

static void banks_set(struct sequencer *s)
{
	s->now.pcr = s->pcr;
	s->now.tpm = s->tpm;
	if (s->tpm) {
		s->n_banks = tpm_banks(s->tpm, s->banks);
	} else {
		s->banks[0] = algo_by_id(ALGO_SHA1);
		s->banks[1] = algo_by_id(ALGO_SHA256);
		s->n_banks = 2;
	}
	s->now.n_banks = s->n_banks;
	memcpy(s->now.banks, s->banks, sizeof(s->now.banks));
}

static void start_tpm(struct sequencer *s, const struct sequencer_config *c)
{
	const char *tcti = c->tcti;
	int r = -ENODEV;

	if (tcti && strcmp(tcti, "none"))
		r = tpm_open(tcti, &s->tpm);
	if (r < 0)
		log_errno(LOG_WARNING, r, "going on without a TPM: the list is not anchored");
	banks_set(s);
	seq_batch_prove(s, c->batch);
}

/* At most @max bytes of a file of securityfs, behind what is in @out. */
static int kernel_file(const struct sequencer *s, const char *name, size_t max, struct buf *out)
{
	char path[512], chunk[4096];
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/ima/%s", s->securityfs, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && out->len < max)
		buf_add(out, chunk, (size_t)n);
	return n < 0 ? -errno : buf_error(out);
}

/* How many records the kernel's own list has; 0 when there is no such list. */
static int kernel_count(const struct sequencer *s, uint64_t *ret)
{
	cleanup(buf_done) struct buf text = { 0 };
	int r;

	*ret = 0;
	r = kernel_file(s, "runtime_measurements_count", 32, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	buf_add_u8(&text, '\0');
	if (r < 0 || buf_error(&text) < 0)
		return log_errno(LOG_ERR, r < 0 ? r : -ENOMEM,
				 "cannot read the kernel's count of measurements");
	*ret = strtoull((const char *)text.data, NULL, 10);
	return 0;
}

static int refuse(uint64_t n)
{
	log_msg(LOG_ERR,
		"PCR %u is in use by the kernel's IMA (%" PRIu64
		" records): choose another with pcr= (13 is free on most systems)",
		KERNEL_PCR, n);
	return -EADDRINUSE;
}

/* The only record of @bytes, if that is boot_aggregate in the kernel's PCR. */
static bool only_boot_aggregate(const struct buf *bytes, struct list_record *ret)
{
	struct template_fields f;
	const char *why;
	ssize_t n = list_parse(bytes->data, bytes->len, ret, &why);

	return n > 0 && (size_t)n == bytes->len && ret->pcr == KERNEL_PCR && !ret->violation &&
	       template_decode(ret->template, ret->data, ret->data_len, &f) == 0 &&
	       f.name_len == strlen(BOOT_AGGREGATE) && !memcmp(f.name, BOOT_AGGREGATE, f.name_len);
}

/* Whether each bank of @v is the replay of this record alone, by its own hash or by padded SHA-1. */
static bool is_replay_of(const struct pcr_value *v, const struct list_record *rec)
{
	for (unsigned int i = 0; i < v->n; i++) {
		const struct algo *algo = algo_by_id(v->bank[i].algo);
		bool same = false;

		for (int padded = 0; padded < 2 && !same; padded++) {
			struct pcr_value one;
			struct digest d;

			same = pcr_init(&one, v->pcr, &algo, 1) == 0 &&
			       pcr_record_digest(rec, algo, padded, &d) == 0 &&
			       pcr_extend(&one.bank[0], &d) == 0 &&
			       !memcmp(one.bank[0].bytes, v->bank[i].bytes, algo->size);
		}
		if (!same)
			return false;
	}
	return true;
}

/* Make the kernel's record our record 0. It is in the TPM already, which holds @v. */
static int import(struct sequencer *s, struct seq_pcr *p, const struct list_record *rec,
		  const struct pcr_value *v)
{
	const struct measurement m = { .kind = MEASURE_IMPORT };
	struct digest key, d;
	int r;

	r = list_template_digest(rec, s->hash, &key);
	if (!r)
		r = dedup_reserve(s->seen);
	if (!r)
		r = seq_append(s, rec, &m);
	if (r < 0)
		return r;
	dedup_add(s->seen, rec->pcr, key.bytes);
	if (s->tpm) {
		p->value = *v;
		return 0;
	}
	for (unsigned int i = 0; !r && i < s->n_banks; i++) {
		r = pcr_record_digest(rec, s->banks[i], false, &d);
		if (!r)
			r = pcr_extend(&p->value.bank[i], &d);
	}
	return r;
}

/* The bank that boot_aggregate is made from, as the kernel chooses it; NULL: none. */
static const struct algo *aggregate_bank(const struct sequencer *s)
{
	const struct algo *wish[] = { s->hash, algo_by_id(ALGO_SHA256), algo_by_id(ALGO_SHA1) };

	for (size_t w = 0; s->tpm && w < ARRAY_SIZE(wish); w++)
		for (unsigned int i = 0; i < s->n_banks; i++)
			if (s->banks[i] == wish[w])
				return wish[w];
	return NULL;
}

/* boot_aggregate of one bank; zeros in @none's size without a bank. */
static int aggregate(struct sequencer *s, const struct algo *bank, const struct algo *none,
		     struct digest *ret)
{
	struct digest values[10] = { 0 };
	struct pcr_value v;
	int r;

	if (!bank) {
		*ret = (struct digest){ .algo = none->id, .size = none->size };
		return 0;
	}
	for (unsigned int pcr = 0; pcr < ARRAY_SIZE(values); pcr++) {
		r = tpm_pcr_read(s->tpm, pcr, &v);
		if (r < 0)
			return r;
		for (unsigned int i = 0; i < v.n; i++)
			if (v.bank[i].algo == bank->id)
				values[pcr] = v.bank[i];
	}
	return pcr_boot_aggregate(bank, values, ret);
}

static int own_boot_aggregate(struct sequencer *s)
{
	struct measurement m = { .pcr = -1, .name = BOOT_AGGREGATE, .kind = MEASURE_IMAD };
	const struct algo *sha1 = algo_by_id(ALGO_SHA1), *sha1_bank = NULL;
	int r;

	for (unsigned int i = 0; s->tpm && i < s->n_banks; i++)
		if (s->banks[i] == sha1)
			sha1_bank = sha1;
	r = aggregate(s, aggregate_bank(s), s->hash, &m.digest);
	if (!r)
		r = aggregate(s, sha1_bank, sha1, &m.digest_sha1);
	return r < 0 ? r : seq_measure(s, &m);
}

/* A new list: the kernel's record 0 if it has one, else our own in a PCR that nobody has used. */
static int new_list(struct sequencer *s, uint64_t n_kernel)
{
	cleanup(buf_done) struct buf bytes = { 0 };
	struct seq_pcr *p = NULL;
	struct list_record rec;
	struct pcr_value v;
	int r;

	r = seq_pcr_make(s, s->pcr, &p);
	if (r < 0)
		return r;
	v = p->value;
	if (s->tpm)
		r = tpm_pcr_read(s->tpm, s->pcr, &v);
	if (!r && n_kernel)
		r = kernel_file(s, "binary_runtime_measurements", KERNEL_LIST_MAX, &bytes);
	if (r < 0)
		return r;
	/* Without a TPM there is nothing to compare with: the kernel's record stands for itself. */
	if (n_kernel && only_boot_aggregate(&bytes, &rec) && (!s->tpm || is_replay_of(&v, &rec)))
		return import(s, p, &rec, &v);
	/* A kernel that found no TPM at boot has a record and never extends. */
	if (seq_is_zero(&v))
		return own_boot_aggregate(s);
	/* What the list of another kernel led to, and maybe this kernel's boot_aggregate. */
	if (*s->former) {
		seq_foreign(s, p, &v);
		r = own_boot_aggregate(s);
		seq_tell_resets(s);
		return r;
	}
	if (n_kernel)
		return refuse(n_kernel);
	log_msg(LOG_ERR,
		"PCR %u is not empty, and no list tells what is in it: choose another with pcr=", s->pcr);
	return -EADDRINUSE;
}

static int begin(struct sequencer *s)
{
	_Static_assert(STORE_BANKS_MAX >= PCR_BANKS_MAX, "lists of all banks");
	uint64_t n_kernel = 0;
	int r;

	if (s->pcr == KERNEL_PCR) {
		r = kernel_count(s, &n_kernel);
		if (r < 0)
			return r;
		if (n_kernel > 1)
			return refuse(n_kernel);
	}
	r = store_banks(s->store, s->banks, s->bank_lists ? s->n_banks : 0);
	if (r < 0)
		return r;
	r = seq_former_find(s);
	if (r < 0)
		return r;
	if (!store_records(s->store))
		return new_list(s, n_kernel);
	s->now.continued = true;
	r = seq_replay(s);
	if (!r)
		seq_tell_resets(s);
	if (!r && s->now.unextended) {
		log_msg(LOG_NOTICE, "%" PRIu64 " records were left to extend", s->now.unextended);
		seq_catch_up(s);
	}
	return r;
}

/* Forget what was learned with a TPM that then failed. */
static void drop_tpm(struct sequencer *s)
{
	log_msg(LOG_WARNING, "going on without the TPM (%s): the list is not anchored", tpm_error(s->tpm));
	tpm_free(take_ptr(s->tpm));
	for (size_t i = 0; i < ARRAY_SIZE(s->pcrs); i++)
		free(take_ptr(s->pcrs[i]));
	s->now.unextended = 0;
	s->untold = false;
	s->tpm_lost = false;
	banks_set(s);
	seq_batch_single(s, "no TPM");
}

int seq_boot(struct sequencer *s, const struct sequencer_config *c)
{
	int r;

	start_tpm(s, c);
	r = begin(s);
	if (s->tpm && (r == -EIO || r == -EREMOTEIO)) {
		drop_tpm(s);
		r = begin(s);
	}
	if (!r)
		seq_former_note(s);
	return r < 0 && r != -EADDRINUSE ? log_errno(LOG_ERR, r, "cannot begin the measurement list") : r;
}
