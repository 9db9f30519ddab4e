/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imactl enroll: how a verifier comes to trust an AK, in four steps of two sides.
 *   host      enroll                              who it is: EK with its certificate, AK
 *   verifier  enroll --challenge FILE --dir DIR   checks both; a secret that only that TPM can read
 *   host      enroll --activate FILE              the TPM reads it, if it holds that EK and that AK
 *   verifier  enroll --confirm HEX --dir DIR      the same secret: DIR/ak.pem is to be trusted
 */
#include <getopt.h>
#include <json-c/json.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/ak.h>
#include <imad/tpmkey.h>

#include "enroll.h"

#define TPM_TCTI       "device:/dev/tpmrm0"
#define CREDENTIAL_MAX 4096

static const char *const ek_names[] = { [AK_EK_RSA2048] = "rsa2048", [AK_EK_P256] = "p256" };

struct options {
	const char *tcti, *statedir, *dir, *challenge, *activate, *confirm;
	struct enroll_cas cas;
	bool without_certificate;
	enum ak_ek ek;
};

/* --- the host */

static int open_ak(const struct options *o, struct ak **ak)
{
	cleanup(buf_done) struct buf pem = { 0 };
	struct why why;

	return ak_kept(o->tcti, o->statedir, ak, &pem, &why) < 0 ? complain(IMACTL_FAILED, "%s", why.text) : IMACTL_OK;
}

static void add_base64(struct json_object *o, const char *key, const struct buf *b)
{
	cleanup(buf_done) struct buf text = { 0 };

	if (base64_encode(b->data, b->len, &text) == 0)
		json_object_object_add(o, key, json_object_new_string_len((const char *)text.data, (int)text.len));
}

static int introduce(const struct options *o)
{
	cleanup(buf_done) struct buf ek = { 0 }, certificate = { 0 }, key = { 0 };
	cleanup(json_putp) struct json_object *all = json_object_new_object();
	cleanup(ak_freep) struct ak *ak = NULL;
	int code = open_ak(o, &ak), r;

	if (code != IMACTL_OK)
		return code;
	r = ak_ek_certificate(ak, o->ek, &certificate);
	if (r < 0 && r != -ENOENT)
		return complain(IMACTL_FAILED, "cannot read the EK's certificate: %s", ak_error(ak));
	if (r == -ENOENT)
		(void)complain(0, "this TPM holds no certificate of its %s endorsement key", ek_names[o->ek]);
	r = ak_ek_public(ak, o->ek, &ek);
	if (r == 0)
		r = ak_public(ak, &key);
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot make the endorsement key: %s", ak_error(ak));
	json_object_object_add(all, "format", json_object_new_string(ENROLL_FORMAT));
	json_object_object_add(all, "version", json_object_new_int(ENROLL_VERSION));
	json_object_object_add(all, "ek_kind", json_object_new_string(ek_names[o->ek]));
	add_base64(all, "ek", &ek);
	if (certificate.len > 0)
		add_base64(all, "ek_certificate", &certificate);
	add_base64(all, "ak", &key);
	put_json(all);
	return IMACTL_OK;
}

static int activate(const struct options *o)
{
	cleanup(buf_done) struct buf file = { 0 }, secret = { 0 }, hex = { 0 };
	cleanup(ak_freep) struct ak *ak = NULL;
	struct reader id_object, encrypted;
	const char *why = NULL;
	int r = read_whole(o->activate, CREDENTIAL_MAX, &file), code;

	if (r == 0)
		r = tpmkey_split_credential(file.data, file.len, &id_object, &encrypted, &why);
	if (r < 0)
		return complain(IMACTL_FAILED, "'%s': %s", o->activate, why ? why : strerror(-r));
	code = open_ak(o, &ak);
	if (code != IMACTL_OK)
		return code;
	r = ak_activate(ak, o->ek, id_object.p, id_object.left, encrypted.p, encrypted.left, &secret);
	if (r == -EKEYREJECTED)
		return complain(IMACTL_FAILED, "the credential was not made for this TPM's %s EK and this AK", ek_names[o->ek]);
	if (r < 0)
		return complain(IMACTL_FAILED, "the TPM does not activate it: %s", ak_error(ak));
	buf_add_hex(&hex, secret.data, secret.len);
	printf("%.*s\n", (int)hex.len, (const char *)hex.data);
	return IMACTL_OK;
}

/* --- the verifier's last step */

static int confirm(const struct options *o)
{
	cleanup_free char *secret_path = join_path(o->dir, "secret"), *candidate = join_path(o->dir, "ak.candidate.pem"),
			  *final = join_path(o->dir, "ak.pem");
	cleanup(buf_done) struct buf kept = { 0 };
	size_t n = strlen(o->confirm);
	int r = secret_path && candidate && final ? read_whole(secret_path, 2 * TPMKEY_CREDENTIAL_MAX + 1, &kept) : -ENOMEM;

	if (r < 0)
		return complain(IMACTL_UNCHECKED, "cannot read '%s/secret': %s", o->dir, strerror(-r));
	if (kept.len != n + 1 || CRYPTO_memcmp(kept.data, o->confirm, n) != 0)
		return complain(IMACTL_FAILED, "another secret: the AK is not in the TPM with that EK");
	if (rename(candidate, final) < 0 || unlink(secret_path) < 0)
		return complain(IMACTL_FAILED, "cannot take '%s' as '%s': %s", candidate, final, strerror(errno));
	printf("%s\n", final);
	return IMACTL_OK;
}

/* --- options */

static int parse_ek(struct options *o, const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ek_names); i++) {
		if (strcmp(ek_names[i], name) != 0)
			continue;
		o->ek = (enum ak_ek)i;
		return 0;
	}
	return complain(-EINVAL, "enroll: --ek is rsa2048 or p256, not '%s'", name);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "tcti", required_argument, NULL, 0 },	     { "statedir", required_argument, NULL, 1 },
		{ "dir", required_argument, NULL, 2 },	     { "challenge", required_argument, NULL, 3 },
		{ "activate", required_argument, NULL, 4 },  { "confirm", required_argument, NULL, 5 },
		{ "ca", required_argument, NULL, 'c' },	     { "ek", required_argument, NULL, 'e' },
		{ "without-certificate", no_argument, NULL, 'w' }, { 0 },
	};
	const char **to[] = { &o->tcti, &o->statedir, &o->dir, &o->challenge, &o->activate, &o->confirm };
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c >= 0 && c < (int)ARRAY_SIZE(to))
			*to[c] = optarg;
		else if (c == 'c' && o->cas.n < ARRAY_SIZE(o->cas.path))
			o->cas.path[o->cas.n++] = optarg;
		else if (c == 'e')
			r = parse_ek(o, optarg);
		else if (c == 'w')
			o->without_certificate = true;
		else
			r = c == '?' ? -EINVAL : complain(-EINVAL, "enroll: too many --ca");
	}
	if (r < 0)
		return r;
	if (optind < argc)
		return complain(-EINVAL, "enroll: unexpected argument '%s'", argv[optind]);
	if (!!o->challenge + !!o->activate + !!o->confirm > 1)
		return complain(-EINVAL, "enroll: --challenge, --activate and --confirm are different steps");
	if ((o->challenge || o->confirm) && !o->dir)
		return complain(-EINVAL, "enroll: --challenge and --confirm want --dir");
	if (o->challenge && !o->cas.n && !o->without_certificate)
		return complain(-EINVAL, "enroll: --challenge wants --ca, or --without-certificate");
	return 0;
}

int cmd_enroll(const struct imactl *ctl, int argc, char **argv)
{
	struct options o = { .tcti = TPM_TCTI, .statedir = IMAD_STATEDIR };

	(void)ctl;
	(void)setenv("TSS2_LOG", "all+none", 0);
	if (parse_options(argc, argv, &o) < 0)
		return IMACTL_USAGE;
	if (o.challenge)
		return enroll_challenge(o.challenge, o.without_certificate ? NULL : &o.cas, o.dir);
	return o.activate ? activate(&o) : o.confirm ? confirm(&o) : introduce(&o);
}
