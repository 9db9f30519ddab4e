/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a TPM signed, in libcrypto's form. */
#include <openssl/ec.h>

#include <imad/tpmkey.h>
#include <imad/util.h>

#include "tpmkey_priv.h"

static int refuse(int r, const char **why, const char *text)
{
	*why = text;
	return r;
}

static int take_ecdsa(const TPMS_SIGNATURE_ECC *ecc, struct buf *out)
{
	ECDSA_SIG *both = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(ecc->signatureR.buffer, ecc->signatureR.size, NULL);
	BIGNUM *s = BN_bin2bn(ecc->signatureS.buffer, ecc->signatureS.size, NULL);
	uint8_t *der = NULL;
	int len = -1;

	if (both && r && s && ECDSA_SIG_set0(both, r, s)) {
		r = s = NULL; /* are its own now */
		len = i2d_ECDSA_SIG(both, &der);
	}
	if (len > 0)
		buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(both);
	return len > 0 ? buf_error(out) : -ENOMEM;
}

int tpmkey_signature(const uint8_t *p, size_t n, struct buf *out, const struct algo **hash, const char **type, const char **why)
{
	TPMT_SIGNATURE t;
	size_t at = 0;

	if (Tss2_MU_TPMT_SIGNATURE_Unmarshal(p, n, &at, &t) != TSS2_RC_SUCCESS)
		return refuse(-EBADMSG, why, "malformed signature");
	if (at != n)
		return refuse(-EBADMSG, why, "bytes behind the signature");
	if (t.sigAlg == TPM2_ALG_ECDSA) {
		*hash = algo_by_tpm(t.signature.ecdsa.hash);
		*type = "ecdsa-";
		return take_ecdsa(&t.signature.ecdsa, out);
	}
	if (t.sigAlg != TPM2_ALG_RSASSA)
		return refuse(-EOPNOTSUPP, why, "signature scheme is neither ECDSA nor RSASSA");
	*hash = algo_by_tpm(t.signature.rsassa.hash);
	*type = "rsa";
	buf_add(out, t.signature.rsassa.sig.buffer, t.signature.rsassa.sig.size);
	return buf_error(out);
}
