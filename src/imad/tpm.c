/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TPM through ESAPI: open, banks, extend, read. Every return code of TSS2 is
 * sorted here into what a caller can act on: done, refused (nothing happened), or
 * unknown (the command went out and no answer came back).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <imad/log.h>
#include <imad/tpm.h>
#include <imad/util.h>

#define RETRY_FIRST_MS 1
#define RETRY_MAX_MS   100
#define RETRY_TOTAL_MS 2000
#define RC_LAYER       0xff0000u
#define TPM_PCRS       32 /* PCR handles that the TPM 2.0 specification has */

struct tpm {
	char *tcti_conf;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	bool lost; /* a reply is missing: nothing may be sent before tpm_reopen() */
	unsigned int n_banks;
	const struct algo *banks[PCR_BANKS_MAX];
	char error[128];
};

static void tpm_say(struct tpm *t, TSS2_RC rc)
{
	snprintf(t->error, sizeof(t->error), "%s", Tss2_RC_Decode(rc));
}

/* Answers that promise that nothing was executed and that asking again may help. */
static bool rc_is_busy(TSS2_RC rc)
{
	static const TSS2_RC busy[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING, TPM2_RC_NV_RATE,
					TPM2_RC_NV_UNAVAILABLE };

	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		if (rc == busy[i])
			return true;
	return false;
}

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
	tpm_say(t, rc);
	if (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER)
		return -EIO;
	t->lost = true;
	return -EREMOTEIO;
}

/* How long to sleep before attempt @n + 1; 0: the time for retries is used up. */
static unsigned int retry_pause_ms(unsigned int n, unsigned int slept_ms)
{
	unsigned int ms = n < 7 ? RETRY_FIRST_MS << n : RETRY_MAX_MS;

	return slept_ms + ms > RETRY_TOTAL_MS ? 0 : ms;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Run one ESAPI call until the TPM is not busy any more; gives a TSS2_RC. */
#define TPM_PATIENT(call)                                                                                    \
	({                                                                                                   \
		unsigned int _slept = 0, _pause;                                                             \
		TSS2_RC _rc;                                                                                 \
		for (unsigned int _n = 0;; _n++, _slept += _pause) {                                         \
			_rc = (call);                                                                        \
			_pause = rc_is_busy(_rc) ? retry_pause_ms(_n, _slept) : 0;                           \
			if (!_pause)                                                                         \
				break;                                                                       \
			sleep_ms(_pause);                                                                    \
		}                                                                                            \
		_rc;                                                                                         \
	})

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

	rc = TPM_PATIENT(Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS,
					    0, 1, &more, &data));
	if (rc != TSS2_RC_SUCCESS) {
		tpm_say(t, rc);
		return -EIO;
	}
	banks_fill(t, &data->data.assignedPCR);
	Esys_Free(data);
	return t->n_banks ? 0 : -EIO;
}

static void tpm_disconnect(struct tpm *t)
{
	Esys_Finalize(&t->esys);
	Tss2_TctiLdr_Finalize(&t->tcti);
	t->esys = NULL;
	t->tcti = NULL;
}

static int tpm_connect(struct tpm *t)
{
	TSS2_RC rc;
	int r;

	t->lost = false;
	rc = Tss2_TctiLdr_Initialize(t->tcti_conf, &t->tcti);
	if (rc != TSS2_RC_SUCCESS) {
		tpm_say(t, rc);
		t->tcti = NULL;
		t->lost = true;
		return -ENODEV;
	}
	rc = Esys_Initialize(&t->esys, t->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS)
		tpm_say(t, rc);
	r = rc == TSS2_RC_SUCCESS ? banks_ask(t) : -EIO;
	if (r < 0) {
		tpm_disconnect(t);
		t->lost = true;
	}
	return r;
}

int tpm_open(const char *tcti, struct tpm **ret)
{
	cleanup(tpm_freep) struct tpm *t = NULL;
	int r;

	/* tpm2-tss writes to stderr by itself, around our log; whoever wants that sets TSS2_LOG. */
	(void)setenv("TSS2_LOG", "all+none", 0);

	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->tcti_conf = strdup(tcti);
	if (!t->tcti_conf)
		return -ENOMEM;
	r = tpm_connect(t);
	if (r < 0) {
		log_msg(LOG_INFO, "TPM '%s' does not answer: %s", tcti, *t->error ? t->error : "no PCR bank");
		return r;
	}
	*ret = take_ptr(t);
	return 0;
}

void tpm_free(struct tpm *t)
{
	if (!t)
		return;
	tpm_disconnect(t);
	free(t->tcti_conf);
	free(t);
}

void tpm_freep(struct tpm **t)
{
	tpm_free(*t);
}

int tpm_reopen(struct tpm *t)
{
	tpm_disconnect(t);
	return tpm_connect(t);
}

unsigned int tpm_banks(const struct tpm *t, const struct algo *ret[PCR_BANKS_MAX])
{
	memcpy(ret, t->banks, t->n_banks * sizeof(*ret));
	return t->n_banks;
}

const char *tpm_error(const struct tpm *t)
{
	return t->error;
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
	rc = TPM_PATIENT(Esys_PCR_Extend(t->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					 ESYS_TR_NONE, &values));
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
		rc = TPM_PATIENT(Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &ask, NULL,
					       &sel, &digests));
		if (rc != TSS2_RC_SUCCESS)
			return tpm_result(t, rc);
		taken = values_take(t, sel, digests, &v, got);
		Esys_Free(sel);
		Esys_Free(digests);
		if (!taken) {
			snprintf(t->error, sizeof(t->error), "PCR %u is not in every bank", pcr);
			return -EIO;
		}
		n_got += taken;
	}
	*ret = v;
	return 0;
}
