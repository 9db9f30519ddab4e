/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TPM through ESAPI: open, banks, extend, read. Every return code of TSS2 is
 * sorted here into what a caller can act on: done, refused (nothing happened), or
 * unknown (the command went out and no answer came back).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <imad/esapi.h>
#include <imad/log.h>
#include <imad/tpm.h>
#include <imad/util.h>

#define RC_LAYER 0xff0000u
_Static_assert(TPM_EXTEND_MAX == TPM2_NUM_PCR_BANKS, "digests of one command");

#define TPM_PCRS 32 /* PCR handles that the TPM 2.0 specification has */

struct tpm {
	char *tcti_conf;
	struct esapi esapi;
	bool lost; /* a reply is missing: nothing may be sent before tpm_reopen() */
	unsigned int n_banks;
	const struct algo *banks[PCR_BANKS_MAX];
};

/*
 * Keep the text and choose the errno. The TPM itself and the kernel's resource
 * manager say "no" without executing; every other layer speaks of a command whose
 * fate it does not know.
 */
static int tpm_result(struct tpm *t, TSS2_RC rc)
{
	TSS2_RC layer = rc & RC_LAYER;

	if (rc == TSS2_RC_SUCCESS)
		return 0;
	(void)esapi_result(&t->esapi, rc);
	if (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER)
		return -EIO;
	t->lost = true;
	return -EREMOTEIO;
}

/* A bank that is implemented but not allocated has an empty selection. */
static bool bank_is_allocated(const TPMS_PCR_SELECTION *s)
{
	for (unsigned int i = 0; i < s->sizeofSelect && i < sizeof(s->pcrSelect); i++)
		if (s->pcrSelect[i])
			return true;
	return false;
}

static void banks_fill(struct tpm *t, const TPML_PCR_SELECTION *assigned)
{
	unsigned int unknown = 0;

	t->n_banks = 0;
	for (unsigned int i = 0; i < assigned->count && i < ARRAY_SIZE(assigned->pcrSelections); i++) {
		const TPMS_PCR_SELECTION *s = &assigned->pcrSelections[i];
		const struct algo *algo;

		if (!bank_is_allocated(s))
			continue;
		algo = algo_by_tpm(s->hash);
		if (algo && t->n_banks < PCR_BANKS_MAX)
			t->banks[t->n_banks++] = algo;
		else
			unknown++;
	}
	if (unknown)
		log_msg(LOG_WARNING, "TPM: %u allocated PCR bank(s) of unknown hash are never extended",
			unknown);
}

static int banks_ask(struct tpm *t)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	TSS2_RC rc;

	rc = ESAPI_PATIENT(Esys_GetCapability(t->esapi.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS,
					      0, 1, &more, &data));
	if (rc != TSS2_RC_SUCCESS)
		return esapi_result(&t->esapi, rc);
	banks_fill(t, &data->data.assignedPCR);
	Esys_Free(data);
	return t->n_banks ? 0 : -EIO;
}

static int tpm_connect(struct tpm *t)
{
	int r = esapi_open(&t->esapi, t->tcti_conf);

	if (r == 0)
		r = banks_ask(t);
	if (r < 0)
		esapi_close(&t->esapi);
	t->lost = r < 0;
	return r;
}

int tpm_open(const char *tcti, struct tpm **ret)
{
	cleanup(tpm_freep) struct tpm *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->tcti_conf = strdup(tcti);
	if (!t->tcti_conf)
		return -ENOMEM;
	r = tpm_connect(t);
	if (r < 0) {
		log_msg(LOG_INFO, "TPM '%s' does not answer: %s", tcti, *t->esapi.error ? t->esapi.error : "no PCR bank");
		return r;
	}
	*ret = take_ptr(t);
	return 0;
}

void tpm_free(struct tpm *t)
{
	if (!t)
		return;
	esapi_close(&t->esapi);
	free(t->tcti_conf);
	free(t);
}

void tpm_freep(struct tpm **t)
{
	tpm_free(*t);
}

int tpm_reopen(struct tpm *t)
{
	esapi_close(&t->esapi);
	return tpm_connect(t);
}

unsigned int tpm_banks(const struct tpm *t, const struct algo *ret[PCR_BANKS_MAX])
{
	memcpy(ret, t->banks, t->n_banks * sizeof(*ret));
	return t->n_banks;
}

const char *tpm_error(const struct tpm *t)
{
	return t->esapi.error;
}

void tpm_clear_error(struct tpm *t)
{
	*t->esapi.error = '\0';
}

/* The digests in the TPM's terms. -EINVAL for what no TPM could take. */
static int values_fill(const struct digest *d, unsigned int n, TPML_DIGEST_VALUES *ret)
{
	if (!n || n > ARRAY_SIZE(ret->digests))
		return -EINVAL;
	ret->count = n;
	for (unsigned int i = 0; i < n; i++) {
		const struct algo *algo = algo_by_id(d[i].algo);

		if (!algo || !algo->tpm || algo->size != d[i].size ||
		    algo->size > sizeof(ret->digests[i].digest))
			return -EINVAL;
		ret->digests[i].hashAlg = algo->tpm;
		memcpy(&ret->digests[i].digest, d[i].bytes, d[i].size);
	}
	return 0;
}

int tpm_extend(struct tpm *t, unsigned int pcr, const struct digest *d, unsigned int n)
{
	TPML_DIGEST_VALUES values = { 0 };
	TSS2_RC rc;
	int r;

	if (t->lost)
		return -EREMOTEIO;
	r = pcr < TPM_PCRS ? values_fill(d, n, &values) : -EINVAL;
	if (r < 0)
		return r;
	rc = ESAPI_PATIENT(Esys_PCR_Extend(t->esapi.esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					   ESYS_TR_NONE, &values));
	return tpm_result(t, rc);
}

int tpm_pcr_reset(struct tpm *t, unsigned int pcr)
{
	if (t->lost)
		return -EREMOTEIO;
	if (pcr >= TPM_PCRS)
		return -EINVAL;
	return tpm_result(t, ESAPI_PATIENT(Esys_PCR_Reset(t->esapi.esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
							  ESYS_TR_NONE)));
}

int tpm_reset_count(struct tpm *t, uint32_t *ret)
{
	TPMS_TIME_INFO *now = NULL;
	TSS2_RC rc;

	if (t->lost)
		return -EREMOTEIO;
	rc = ESAPI_PATIENT(Esys_ReadClock(t->esapi.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now));
	if (rc == TSS2_RC_SUCCESS)
		*ret = now->clockInfo.resetCount;
	Esys_Free(now);
	return tpm_result(t, rc);
}

/* Put the digests of one answer into their banks; @got marks them. Gives how many were new. */
static unsigned int values_take(struct tpm *t, const TPML_PCR_SELECTION *sel, const TPML_DIGEST *digests,
				struct pcr_value *v, bool *got)
{
	unsigned int taken = 0, at = 0;

	for (unsigned int i = 0; i < sel->count && i < ARRAY_SIZE(sel->pcrSelections); i++) {
		const struct algo *algo = algo_by_tpm(sel->pcrSelections[i].hash);
		const TPM2B_DIGEST *d = &digests->digests[at];

		if (!bank_is_allocated(&sel->pcrSelections[i]))
			continue;
		if (at++ >= digests->count)
			break;
		for (unsigned int b = 0; b < t->n_banks; b++) {
			if (t->banks[b] != algo || got[b] || d->size != algo->size)
				continue;
			v->bank[b].algo = algo->id;
			v->bank[b].size = algo->size;
			memcpy(v->bank[b].bytes, d->buffer, d->size);
			got[b] = true;
			taken++;
		}
	}
	return taken;
}

/* Ask for all banks of @pcr that are not yet @got. */
static void selection_fill(const struct tpm *t, unsigned int pcr, const bool *got, TPML_PCR_SELECTION *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int b = 0; b < t->n_banks; b++) {
		TPMS_PCR_SELECTION *s = &ret->pcrSelections[ret->count];

		if (got[b])
			continue;
		s->hash = t->banks[b]->tpm;
		s->sizeofSelect = PCR_COUNT / 8;
		s->pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
		ret->count++;
	}
}

int tpm_pcr_read(struct tpm *t, unsigned int pcr, struct pcr_value *ret)
{
	struct pcr_value v = { .pcr = pcr, .n = t->n_banks };
	bool got[PCR_BANKS_MAX] = { false };
	unsigned int n_got = 0, taken;

	if (t->lost)
		return -EREMOTEIO;
	if (pcr >= PCR_COUNT)
		return -EINVAL;
	/* One answer holds at most 8 digests and may hold fewer than were asked for. */
	while (n_got < t->n_banks) {
		TPML_PCR_SELECTION ask, *sel = NULL;
		TPML_DIGEST *digests = NULL;
		TSS2_RC rc;

		selection_fill(t, pcr, got, &ask);
		rc = ESAPI_PATIENT(Esys_PCR_Read(t->esapi.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &ask, NULL,
						 &sel, &digests));
		if (rc != TSS2_RC_SUCCESS)
			return tpm_result(t, rc);
		taken = values_take(t, sel, digests, &v, got);
		Esys_Free(sel);
		Esys_Free(digests);
		if (!taken) {
			snprintf(t->esapi.error, sizeof(t->esapi.error), "PCR %u is not in every bank", pcr);
			return -EIO;
		}
		n_got += taken;
	}
	*ret = v;
	return 0;
}
