/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms of the TPM (tpm, ak, seal, tpmsign) do alike through ESAPI: a connection of their own, the TPM's
 * answers, sessions, primary keys, and objects below them. For those rooms alone: TSS2's types end there.
 * Blocking; one thread at a time. Reference: TCG ESAPI 1.0, TPM 2.0 part 3.
 */
#ifndef IMAD_ESAPI_H
#define IMAD_ESAPI_H

#include <stdbool.h>

#include <tss2/tss2_esys.h>

#include <imad/tpmblob.h>

#define ESAPI_ERROR_MAX 192
#define ESAPI_TRIES	26 /* of a TPM that is busy, or whose PCRs move meanwhile: two seconds, and those of ESAPI's own */

struct esapi {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	char error[ESAPI_ERROR_MAX]; /* text of the last failure, one line */
};

/* Connect ("device:/dev/tpmrm0"). 0; -ENODEV: no such TPM; -EIO. Either way @e is for esapi_close(), which may be called twice. */
int esapi_open(struct esapi *e, const char *tcti);
void esapi_close(struct esapi *e);

/* Keep the text of what is no success. 0 or -EIO. */
int esapi_result(struct esapi *e, TSS2_RC rc);

/*
 * Which error the TPM itself, or the kernel's resource manager for it, answered, without the number of the handle,
 * session or parameter that it is about: TPM2_RC_... TPM2_RC_FAILURE stands for all that comes from elsewhere.
 */
TSS2_RC esapi_error(TSS2_RC rc);

/* Whether the TPM (or the unmarshalling here) says that what it was given is wrong in itself. */
bool esapi_refused(TSS2_RC rc);

/* Flush an object or a session, if it is one, and forget it. */
void esapi_flush(struct esapi *e, ESYS_TR *handle);

/*
 * A session of @type, which goes on until it is flushed; @extra: attributes beside. Its secret is for the holder of @salt alone
 * (ESYS_TR_NONE: it has none). *@ret is for esapi_flush(), ESYS_TR_NONE if it failed.
 */
TSS2_RC esapi_session(struct esapi *e, TPM2_SE type, ESYS_TR salt, TPMA_SESSION extra, ESYS_TR *ret);

/*
 * A primary key of @hierarchy, which @auth opens: of @template, or of NULL the storage key of the draft for key files, 3.1.8, of
 * which every tool makes the same one. *@ret is for esapi_flush(); *@public, unless @public is NULL, for Esys_Free().
 */
TSS2_RC esapi_primary(struct esapi *e, ESYS_TR hierarchy, ESYS_TR auth, const TPM2B_PUBLIC *template, ESYS_TR *ret,
		      TPM2B_PUBLIC **public);

/* Append TPM2B_NAME without its size. 0 or -ENOMEM. */
int esapi_name(const struct esapi *e, ESYS_TR object, struct buf *ret);

/* Make an object below @parent; what there is in @ret's parts is replaced. @session: authorizes the parent. */
TSS2_RC esapi_create(struct esapi *e, ESYS_TR parent, ESYS_TR session, const TPM2B_SENSITIVE_CREATE *sensitive,
		     const TPM2B_PUBLIC *template, struct tpmblob *ret);

/* Load it again below a parent without a password. *@ret is for esapi_flush(). */
TSS2_RC esapi_load(struct esapi *e, ESYS_TR parent, const struct tpmblob *b, ESYS_TR *ret);

/* Append a marshalled TPM2B_PUBLIC. 0, -EIO or -ENOMEM. */
int esapi_put_public(const TPM2B_PUBLIC *p, struct buf *ret);

/* Sleep before attempt @n, the first is 0; and whether another one after @rc may help. */
void esapi_pause(unsigned int n);
bool esapi_is_busy(TSS2_RC rc);

/* Evaluate @call until the TPM is not busy any more; gives its TSS2_RC. */
#define ESAPI_PATIENT(call)                                                         \
	({                                                                          \
		TSS2_RC _rc = TSS2_RC_SUCCESS;                                      \
		for (unsigned int _n = 0; _n < ESAPI_TRIES; _n++) {                 \
			esapi_pause(_n);                                            \
			_rc = (call);                                               \
			if (!esapi_is_busy(_rc))                                    \
				break;                                              \
		}                                                                   \
		_rc;                                                                \
	})

#endif
