/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The message is taken apart by libcrypto; what it says is checked here, because what
 * the kernel takes for modules is less than what CMS_verify() would.
 */
#include <stdlib.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <imad/pkcs7.h>
#include <imad/util.h>

struct pkcs7 {
	CMS_ContentInfo *cms;
	CMS_SignerInfo *signer; /* the only one; NULL: there are more or none */
	const struct algo *algo;
	int digest_nid;
};

static void store_freep(X509_STORE **s)
{
	X509_STORE_free(*s);
}

static void store_ctx_freep(X509_STORE_CTX **ctx)
{
	X509_STORE_CTX_free(*ctx);
}

static void certs_freep(STACK_OF(X509) **certs)
{
	sk_X509_pop_free(*certs, X509_free);
}

static int fail(int r, const char **why, const char *text)
{
	ERR_clear_error();
	if (why)
		*why = text;
	return r;
}

static const struct algo *algo_of_nid(int nid)
{
	for (unsigned int i = 0; i < ALGO_COUNT; i++) {
		const struct algo *a = algo_by_id(i);

		if (nid != NID_undef && digest_can(a) && OBJ_txt2nid(a->openssl) == nid)
			return a;
	}
	return NULL;
}

static int find_signer(struct pkcs7 *m, const char **why)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(m->cms);
	X509_ALGOR *digest = NULL;

	if (sk_CMS_SignerInfo_num(signers) < 1)
		return fail(-EBADMSG, why, "the PKCS#7 message has no signature");
	if (sk_CMS_SignerInfo_num(signers) > 1)
		return 0;
	m->signer = sk_CMS_SignerInfo_value(signers, 0);
	CMS_SignerInfo_get0_algs(m->signer, NULL, NULL, &digest, NULL);
	m->digest_nid = OBJ_obj2nid(digest->algorithm);
	m->algo = algo_of_nid(m->digest_nid);
	return 0;
}

int pkcs7_parse(const void *der, size_t n, struct pkcs7 **ret, const char **why)
{
	cleanup(pkcs7_freep) struct pkcs7 *m = calloc(1, sizeof(*m));
	const uint8_t *p = der, *end = p + n;
	int r;

	if (!m)
		return fail(-ENOMEM, why, "out of memory");
	m->cms = d2i_CMS_ContentInfo(NULL, &p, (long)n);
	if (!m->cms)
		return fail(-EBADMSG, why, "not a PKCS#7 message in DER");
	if (p != end)
		return fail(-EBADMSG, why, "something follows the PKCS#7 message");
	if (OBJ_obj2nid(CMS_get0_type(m->cms)) != NID_pkcs7_signed)
		return fail(-EBADMSG, why, "the PKCS#7 message is not a signed one");
	r = find_signer(m, why);
	ERR_clear_error();
	if (!r)
		*ret = take_ptr(m);
	return r;
}

void pkcs7_free(struct pkcs7 *m)
{
	if (!m)
		return;
	CMS_ContentInfo_free(m->cms);
	free(m);
}

void pkcs7_freep(struct pkcs7 **m)
{
	pkcs7_free(*m);
}

const struct algo *pkcs7_algo(const struct pkcs7 *m)
{
	return m->algo;
}

/* Why the kernel would not look for its key; NULL: it would. */
static const char *unacceptable(const struct pkcs7 *m)
{
	ASN1_OCTET_STRING **content = CMS_get0_content(m->cms);

	if (!m->signer)
		return "the PKCS#7 message has more than one signature";
	if (OBJ_obj2nid(CMS_get0_eContentType(m->cms)) != NID_pkcs7_data)
		return "the PKCS#7 message is about something else than data";
	if (!content || *content)
		return "the PKCS#7 message has content of its own";
	if (CMS_signed_get_attr_count(m->signer) >= 0)
		return "the signature is over attributes";
	return NULL;
}

static bool is_signed_by(const struct pkcs7 *m, X509 *x)
{
	return CMS_SignerInfo_cert_cmp(m->signer, x) == 0;
}

/* Whether the signature is of the kind that the key makes, by the same digest. */
static bool fits(const struct pkcs7 *m, EVP_PKEY *pkey)
{
	X509_ALGOR *signature = NULL;
	int nid, digest, type;

	CMS_SignerInfo_get0_algs(m->signer, NULL, NULL, NULL, &signature);
	nid = OBJ_obj2nid(signature->algorithm);
	if (nid == NID_rsaEncryption || nid == NID_X9_62_id_ecPublicKey)
		type = nid, digest = m->digest_nid;
	else if (!OBJ_find_sigid_algs(nid, &digest, &type))
		return false;
	return digest == m->digest_nid && type == EVP_PKEY_get_base_id(pkey);
}

static int verify_by(const struct pkcs7 *m, EVP_PKEY *pkey, const struct digest *d, const char **why)
{
	const ASN1_OCTET_STRING *bytes = CMS_SignerInfo_get0_signature(m->signer);
	int r;

	if (!fits(m, pkey))
		return fail(SIGNATURE_UNSUPPORTED, why, "the signature is of another kind than its key");
	r = signature_verify_by(pkey, m->algo, ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes), d);
	return r == SIGNATURE_OK || r < 0 ? r : fail(r, why, "the signature is not that of this content by its key");
}

/* The certificate among those of the message by whose key it is signed, if it chains to a trusted one. */
static int find_in_message(const struct pkcs7 *m, const struct keyring *k, STACK_OF(X509) *certs, X509 **ret)
{
	cleanup(store_freep) X509_STORE *trusted = X509_STORE_new();
	cleanup(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *signer = NULL;

	for (int i = 0; i < sk_X509_num(certs) && !signer; i++)
		if (is_signed_by(m, sk_X509_value(certs, i)))
			signer = sk_X509_value(certs, i);
	if (!signer)
		return -ENOKEY;
	for (size_t i = 0; trusted && i < keyring_count(k); i++)
		if (!keyring_key(k, i)->denied && !X509_STORE_add_cert(trusted, keyring_key(k, i)->cert))
			return -ENOMEM;
	if (!trusted || !ctx || !X509_STORE_CTX_init(ctx, trusted, signer, certs))
		return -ENOMEM;
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	if (X509_verify_cert(ctx) != 1)
		return X509_STORE_CTX_get_error(ctx) == X509_V_ERR_OUT_OF_MEM ? -ENOMEM : -ENOKEY;
	*ret = signer;
	return 0;
}

static int verify_by_message(const struct pkcs7 *m, const struct keyring *k, const struct digest *d, const char **why)
{
	cleanup(certs_freep) STACK_OF(X509) *certs = CMS_get1_certs(m->cms);
	EVP_PKEY *pkey;
	X509 *signer;
	int r = find_in_message(m, k, certs, &signer);

	if (r == -ENOKEY)
		return fail(SIGNATURE_NO_KEY, why, "the key of the signature is not trusted");
	if (r < 0)
		return fail(r, why, "out of memory");
	pkey = X509_get0_pubkey(signer);
	if (!pkey || !key_type(pkey))
		return fail(SIGNATURE_UNSUPPORTED, why, "the signature is by a key of a kind that is not taken");
	return verify_by(m, pkey, d, why);
}

int pkcs7_verify(const struct pkcs7 *m, const struct keyring *k, const struct digest *d, const char **why)
{
	const char *cannot = unacceptable(m);
	int r = SIGNATURE_NO_KEY;

	if (cannot)
		return fail(SIGNATURE_BAD, why, cannot);
	if (!m->algo)
		return fail(SIGNATURE_UNSUPPORTED, why, "the signature is over a digest of an unknown algorithm");
	if (d->algo != m->algo->id || d->size != m->algo->size)
		return fail(SIGNATURE_BAD, why, "the digest is of another algorithm than the signature's");
	for (size_t i = 0; i < keyring_count(k) && r > SIGNATURE_OK; i++) {
		const struct key *key = keyring_key(k, i);

		if (is_signed_by(m, key->cert))
			r = key->denied ? fail(SIGNATURE_KEY_DENIED, why, "the key of the signature is on the deny list") :
					  verify_by(m, key->pkey, d, why);
	}
	if (r == SIGNATURE_NO_KEY)
		r = verify_by_message(m, k, d, why);
	if (r == SIGNATURE_OK && why)
		*why = NULL;
	ERR_clear_error();
	return r;
}
