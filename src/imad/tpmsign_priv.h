/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the room share. */
#ifndef IMAD_TPMSIGN_PRIV_H
#define IMAD_TPMSIGN_PRIV_H

#include <pthread.h>

#include <imad/esapi.h>
#include <imad/tpmsign.h>
#include <imad/util.h>

struct tpmsign {
	struct esapi esapi;
	pthread_mutex_t lock; /* of the connection, when threads sign; and of the error */
	ESYS_TR key, session; /* ESYS_TR_NONE: not there; the session is ESYS_TR_PASSWORD for a key without password */
	bool loaded;	      /* the key is to be flushed */
	bool has_owner;	      /* the owner hierarchy has a password */
	bool rsa;
	struct buf public;
};

/* Sort out the TPM's answer, and keep it in words. @auth: what is said of a wrong password. 0 or a negative errno of tpmsign.h. */
int tpmsign_result(struct tpmsign *t, TSS2_RC rc, const char *auth);
/* Keep @text; gives @r. */
int tpmsign_fail(struct tpmsign *t, int r, const char *text);

#define TPMSIGN_OWNER_AUTH "the owner hierarchy of the TPM has another password"
#define TPMSIGN_FOREIGN	   "the key was made by another TPM, or before this one was cleared, or it is damaged"
#define TPMSIGN_KEY_AUTH   "wrong password of the key, or none given"

/* -E2BIG if it is too long. */
int tpmsign_password(struct tpmsign *t, const char *password, TPM2B_AUTH *ret);

/*
 * The parent, for tpmsign_drop(): made of the draft's template, or what is at a persistent handle.
 */
int tpmsign_parent(struct tpmsign *t, uint32_t handle, ESYS_TR *ret);
void tpmsign_drop(struct tpmsign *t, uint32_t handle, ESYS_TR *parent);

/* What authorizes the owner hierarchy: a session for esapi_flush(), or ESYS_TR_PASSWORD. */
int tpmsign_owner_session(struct tpmsign *t, ESYS_TR *ret);

#endif
