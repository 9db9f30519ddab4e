/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ASN.1 is libcrypto's work: the templates say what there may be, and nothing else is taken.
 *
 * TPMKey ::= SEQUENCE {
 *	type	    OBJECT IDENTIFIER,
 *	emptyAuth   [0] EXPLICIT BOOLEAN OPTIONAL,
 *	policy	    [1] EXPLICIT SEQUENCE OF TPMPolicy OPTIONAL,
 *	secret	    [2] EXPLICIT OCTET STRING OPTIONAL,
 *	authPolicy  [3] EXPLICIT SEQUENCE OF TPMAuthPolicy OPTIONAL,
 *	description [4] EXPLICIT UTF8String OPTIONAL,
 *	rsaParent   [5] EXPLICIT BOOLEAN OPTIONAL,
 *	parent	    INTEGER,
 *	pubkey	    OCTET STRING,
 *	privkey	    OCTET STRING }
 *
 * TPMPolicy ::= SEQUENCE {
 *	commandCode   [0] EXPLICIT INTEGER,
 *	commandPolicy [1] EXPLICIT OCTET STRING }
 */
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <imad/tpmblob.h>
#include <imad/util.h>

#include "tpmblob_priv.h"

#define PEM_NAME      "TSS2 PRIVATE KEY"
#define TEXT_MAX      (1u << 20) /* bytes of a PEM text: there may be certificates beside the object */
#define PART_MAX      2048 /* bytes of a public or private part */

typedef struct {
	ASN1_INTEGER *command;
	ASN1_OCTET_STRING *parameters;
} POLICY;

typedef struct {
	ASN1_OBJECT *type;
	ASN1_BOOLEAN empty_auth;
	STACK_OF(POLICY) *policy;
	ASN1_OCTET_STRING *secret;
	ASN1_TYPE *auth_policy;
	ASN1_UTF8STRING *description;
	ASN1_BOOLEAN rsa_parent;
	ASN1_INTEGER *parent;
	ASN1_OCTET_STRING *public, *private;
} OBJECT;

DEFINE_STACK_OF(POLICY)

ASN1_SEQUENCE(POLICY) = {
	ASN1_EXP(POLICY, command, ASN1_INTEGER, 0),
	ASN1_EXP(POLICY, parameters, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(POLICY)

ASN1_SEQUENCE(OBJECT) = {
	ASN1_SIMPLE(OBJECT, type, ASN1_OBJECT),
	ASN1_EXP_OPT(OBJECT, empty_auth, ASN1_FBOOLEAN, 0),
	ASN1_EXP_SEQUENCE_OF_OPT(OBJECT, policy, POLICY, 1),
	ASN1_EXP_OPT(OBJECT, secret, ASN1_OCTET_STRING, 2),
	ASN1_EXP_OPT(OBJECT, auth_policy, ASN1_ANY, 3),
	ASN1_EXP_OPT(OBJECT, description, ASN1_UTF8STRING, 4),
	ASN1_EXP_OPT(OBJECT, rsa_parent, ASN1_FBOOLEAN, 5),
	ASN1_SIMPLE(OBJECT, parent, ASN1_INTEGER),
	ASN1_SIMPLE(OBJECT, public, ASN1_OCTET_STRING),
	ASN1_SIMPLE(OBJECT, private, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(OBJECT)

static const char *const oids[] = { [TPMBLOB_LOADABLE] = "2.23.133.10.1.3", [TPMBLOB_SEALED] = "2.23.133.10.1.5" };

static void object_freep(OBJECT **o)
{
	ASN1_item_free((ASN1_VALUE *)*o, ASN1_ITEM_rptr(OBJECT));
}

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

void tpmblob_done(struct tpmblob *b)
{
	buf_done(&b->public);
	buf_done(&b->private);
	buf_done(&b->authority);
	buf_done(&b->policy);
	*b = (struct tpmblob){ 0 };
}

bool tpmblob_is(const char *text)
{
	return strstr(text, "-----BEGIN " PEM_NAME "-----") != NULL;
}

/* --- reading */

static const char *take_part(const ASN1_OCTET_STRING *s, struct buf *ret)
{
	const uint8_t *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);

	if (n <= 2 || n > PART_MAX || (p[0] << 8 | p[1]) != n - 2)
		return "a part of the TPM's object is not as long as it says";
	buf_add(ret, p, (size_t)n);
	return NULL;
}

static const char *take_type(const OBJECT *o, struct tpmblob *b)
{
	char text[64];

	if (OBJ_obj2txt(text, sizeof(text), o->type, 1) <= 0)
		return "the type of the TPM's object cannot be read";
	for (unsigned int i = 0; i < ARRAY_SIZE(oids); i++) {
		if (strcmp(oids[i], text) != 0)
			continue;
		b->type = (enum tpmblob_type)i;
		return o->secret ? "an object that has to be imported" : NULL;
	}
	return "neither a key that can be loaded nor sealed data, but perhaps one to be imported";
}

static const char *take_parent(const OBJECT *o, struct tpmblob *b)
{
	uint64_t parent;

	if (o->rsa_parent)
		return "its parent is an RSA primary key";
	if (!ASN1_INTEGER_get_uint64(&parent, o->parent) || (parent && parent >> 24 != 0x40 && parent >> 24 != 0x81))
		return "its parent is neither a hierarchy nor a persistent handle";
	b->parent = parent ? (uint32_t)parent : TPMBLOB_PARENT_OWNER; /* 0: of the first makers of such files */
	return NULL;
}

static const char *take_command(const POLICY *p, struct tpmblob *b)
{
	const uint8_t *bytes = ASN1_STRING_get0_data(p->parameters);
	size_t n = (size_t)ASN1_STRING_length(p->parameters);
	struct tpmblob_pcrs unused;
	const char *why = NULL;
	uint64_t command;

	if (!ASN1_INTEGER_get_uint64(&command, p->command))
		command = 0;
	if (command == CC_POLICY_AUTHORIZE && !b->authority.len && !b->policy.len)
		return tpmblob_take_authority(bytes, n, &b->authority);
	if (command != CC_POLICY_PCR || b->policy.len)
		return "it wants a policy other than one TPM2_PolicyAuthorize and one TPM2_PolicyPCR";
	buf_add(&b->policy, bytes, n);
	return buf_error(&b->policy) == 0 && tpmblob_get_policy(b, &unused, &why) < 0 ? why : NULL;
}

static const char *take_policy(const OBJECT *o, struct tpmblob *b)
{
	const char *why = NULL;

	if (!o->policy && !o->auth_policy)
		return NULL;
	if (o->auth_policy || sk_POLICY_num(o->policy) < 1)
		return "it wants a policy that is empty, or signed inside the object";
	for (int i = 0; !why && i < sk_POLICY_num(o->policy); i++)
		why = take_command(sk_POLICY_value(o->policy, i), b);
	return why;
}

static const char *take(const OBJECT *o, struct tpmblob *b)
{
	const char *why = take_type(o, b);

	b->empty_auth = o->empty_auth;
	if (!why)
		why = take_parent(o, b);
	if (!why)
		why = take_policy(o, b);
	if (!why)
		why = take_part(o->public, &b->public);
	return why ? why : take_part(o->private, &b->private);
}

static int parse_der(const uint8_t *der, long n, struct tpmblob *b, const char **why)
{
	const unsigned char *at = der;
	cleanup(object_freep) OBJECT *o = (OBJECT *)ASN1_item_d2i(NULL, &at, n, ASN1_ITEM_rptr(OBJECT));

	*why = !o || at != der + n ? "malformed or cut " PEM_NAME : take(o, b);
	if (*why)
		return -EBADMSG;
	return buf_error(&b->public) < 0 || buf_error(&b->private) < 0 || buf_error(&b->policy) < 0 || buf_error(&b->authority) < 0 ?
		       -ENOMEM :
		       0;
}

/* Without it libcrypto asks the terminal for the password of an encrypted block. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

int tpmblob_parse(const char *pem, size_t n, struct tpmblob *ret, const char **why)
{
	cleanup(bio_freep) BIO *in = n <= TEXT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
	cleanup(tpmblob_done) struct tpmblob b = { 0 };
	unsigned char *der = NULL;
	int r = -EBADMSG;
	long len = 0;

	*why = "no " PEM_NAME " in PEM, or it is cut";
	if (in && PEM_bytes_read_bio(&der, &len, NULL, PEM_NAME, in, no_password, NULL) == 1) {
		r = parse_der(der, len, &b, why);
		OPENSSL_free(der);
	}
	ERR_clear_error();
	if (r < 0)
		return r;
	*ret = b;
	b = (struct tpmblob){ 0 };
	return 0;
}

/* --- writing */

static bool put_command(OBJECT *o, uint32_t command, const struct buf *parameters)
{
	POLICY *p = (POLICY *)ASN1_item_new(ASN1_ITEM_rptr(POLICY));

	if (!p || !sk_POLICY_push(o->policy, p)) {
		ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(POLICY));
		return false;
	}
	return ASN1_INTEGER_set_uint64(p->command, command) &&
	       ASN1_OCTET_STRING_set(p->parameters, parameters->data, (int)parameters->len);
}

static bool put_policy(const struct tpmblob *b, OBJECT *o)
{
	cleanup(buf_done) struct buf authority = { 0 };

	if (!tpmblob_has_policy(b))
		return true;
	o->policy = sk_POLICY_new_null();
	tpmblob_put_authority(b, &authority);
	return o->policy && buf_error(&authority) == 0 && (!b->authority.len || put_command(o, CC_POLICY_AUTHORIZE, &authority)) &&
	       (!b->policy.len || put_command(o, CC_POLICY_PCR, &b->policy));
}

static bool put(const struct tpmblob *b, OBJECT *o)
{
	o->empty_auth = b->empty_auth ? 0xff : 0;
	ASN1_OBJECT_free(o->type);
	o->type = OBJ_txt2obj(oids[b->type], 1);
	return o->type && ASN1_INTEGER_set_uint64(o->parent, b->parent) && put_policy(b, o) &&
	       ASN1_OCTET_STRING_set(o->public, b->public.data, (int)b->public.len) &&
	       ASN1_OCTET_STRING_set(o->private, b->private.data, (int)b->private.len);
}

int tpmblob_format(const struct tpmblob *b, struct buf *out)
{
	cleanup(object_freep) OBJECT *o = (OBJECT *)ASN1_item_new(ASN1_ITEM_rptr(OBJECT));
	cleanup(bio_freep) BIO *text = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	char *bytes;
	int n, r = -EIO;
	long len;

	if (!o || !text || !put(b, o))
		return -ENOMEM;
	n = ASN1_item_i2d((ASN1_VALUE *)o, &der, ASN1_ITEM_rptr(OBJECT));
	if (n > 0 && PEM_write_bio(text, PEM_NAME, "", der, n) > 0) {
		len = BIO_get_mem_data(text, &bytes);
		buf_add(out, bytes, (size_t)len);
		r = buf_error(out);
	}
	OPENSSL_free(der);
	ERR_clear_error();
	return r;
}
