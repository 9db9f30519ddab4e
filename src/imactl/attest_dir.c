/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence as files:
 *   evidence.json     the envelope without the records
 *   list.bin          the records, as binary_runtime_measurements
 *   quote.msg, .sig   TPMS_ATTEST, TPMT_SIGNATURE
 *   ak.pem, ak.pub    the AK: SubjectPublicKeyInfo, TPM2B_PUBLIC
 *   pcrs.values       the quoted values, joined in the order of the selection: tpm2_checkquote -f
 *   pcrs.ALGO         a bank as text, PCR 0 to 23, zeros where nothing was quoted: evmctl --pcrs
 *   checkquote.args   the options of tpm2_checkquote that say what was quoted
 */
#include <string.h>
#include <sys/stat.h>

#include "attest.h"

static int put(const char *dir, const char *name, const struct buf *b)
{
	cleanup_free char *path = join_path(dir, name);
	int r = path && buf_error(b) == 0 ? write_whole(path, b->data, b->len, 0644) : -ENOMEM;

	return r < 0 ? complain(IMACTL_FAILED, "cannot write '%s/%s': %s", dir, name, strerror(-r)) : IMACTL_OK;
}

static const struct digest *find(const struct evidence *e, unsigned int pcr, uint8_t algo)
{
	for (unsigned int i = 0; i < e->n_pcrs; i++)
		for (unsigned int b = 0; e->pcrs[i].pcr == pcr && b < e->pcrs[i].n; b++)
			if (e->pcrs[i].bank[b].algo == algo)
				return &e->pcrs[i].bank[b];
	return NULL;
}

static int put_bank(const char *dir, const struct evidence *e, const struct algo *algo)
{
	static const uint8_t zeros[DIGEST_MAX];
	cleanup(buf_done) struct buf text = { 0 };
	char name[32];

	for (unsigned int pcr = 0; pcr < PCR_COUNT; pcr++) {
		const struct digest *d = find(e, pcr, algo->id);

		buf_addf(&text, "PCR-%02u: ", pcr);
		buf_add_hex(&text, d ? d->bytes : zeros, algo->size);
		buf_add_u8(&text, '\n');
	}
	(void)snprintf(name, sizeof(name), "pcrs.%s", algo->name);
	return put(dir, name, &text);
}

/* The values in the order in which the TPM hashed them, and that order as tpm2-tools write it. */
static int put_values(const char *dir, const struct evidence *e, const struct quote *q)
{
	cleanup(buf_done) struct buf values = { 0 }, args = { 0 };
	int code;

	buf_add_str(&args, "-l ");
	for (unsigned int b = 0; b < q->n_banks; b++) {
		const char *before = ":";

		buf_addf(&args, "%s%s", b ? "+" : "", algo_by_id(q->bank[b].algo)->name);
		for (unsigned int i = 0; i < e->n_pcrs; i++) {
			const struct digest *d = find(e, e->pcrs[i].pcr, q->bank[b].algo);

			buf_addf(&args, "%s%u", before, e->pcrs[i].pcr);
			before = ",";
			if (d)
				buf_add(&values, d->bytes, d->size);
		}
	}
	buf_add_str(&args, " -q ");
	buf_add_hex(&args, e->nonce.data, e->nonce.len);
	buf_add_u8(&args, '\n');
	code = put(dir, "pcrs.values", &values);
	return code == IMACTL_OK ? put(dir, "checkquote.args", &args) : code;
}

static int put_envelope(const char *dir, const struct evidence *e)
{
	cleanup(buf_done) struct buf text = { 0 };
	struct evidence without = *e; /* borrows all of it */

	without.has_list = false;
	(void)evidence_format(&without, &text);
	return put(dir, "evidence.json", &text);
}

int attest_write_dir(const char *dir, const struct evidence *e, const struct quote *q, const struct buf *ak_pem)
{
	const struct {
		const char *name;
		const struct buf *content;
	} files[] = { { "list.bin", &e->list }, { "quote.msg", &e->attest }, { "quote.sig", &e->signature },
		      { "ak.pem", ak_pem }, { "ak.pub", &e->ak } };
	int code;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return complain(IMACTL_FAILED, "cannot make '%s': %s", dir, strerror(errno));
	code = put_envelope(dir, e);
	for (size_t i = 0; code == IMACTL_OK && i < ARRAY_SIZE(files); i++)
		code = put(dir, files[i].name, files[i].content);
	if (code == IMACTL_OK)
		code = put_values(dir, e, q);
	for (unsigned int b = 0; code == IMACTL_OK && b < q->n_banks; b++)
		code = put_bank(dir, e, algo_by_id(q->bank[b].algo));
	return code;
}
