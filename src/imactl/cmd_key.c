/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl key: create, a signing key inside the TPM; cert, a certificate or a request for a key. */
#include <getopt.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>

#include <imad/certificate.h>
#include <imad/keyring.h>

#include "attest.h"
#include "sign.h"

#define NAME_DEFAULT "imad signing key"
#define DAYS_DEFAULT 3650

struct options {
	struct sign_key key;
	const char *out, *handle, *parent, *name;
	enum tpmsign_kind kind;
	unsigned int days;
	bool tpm, csr, der;
};

/* --- create */

/* For its owner alone; and a key that is there already is worth more than a new one. */
static int save(const struct tpmblob *f, const char *path)
{
	cleanup(buf_done) struct buf pem = { 0 };
	int r = tpmblob_format(f, &pem);

	if (r == 0)
		r = write_new(path, pem.data, pem.len, 0600);
	return r < 0 ? complain(IMACTL_FAILED, "cannot create '%s': %s", path, strerror(-r)) : IMACTL_OK;
}

/* The handles are right, check_handles() has seen to that. */
static int make(const struct options *o, struct tpmsign *t, const char *password, struct tpmblob *ret)
{
	char error[TPMSIGN_ERROR_MAX];
	uint32_t parent = TPMBLOB_PARENT_OWNER;
	int r;

	if (o->parent)
		(void)sign_tpm_handle(o->parent, &parent);
	r = tpmsign_create(t, o->kind, parent, password, ret);
	return r < 0 ? complain(IMACTL_FAILED, "cannot make the key: %s", r == -ENOMEM ? strerror(-r) : tpmsign_error(t, error)) : IMACTL_OK;
}

static int keep(const struct options *o, struct tpmsign *t, const struct tpmblob *f)
{
	char error[TPMSIGN_ERROR_MAX];
	uint32_t handle;

	if (!o->handle)
		return save(f, o->out);
	(void)sign_tpm_handle(o->handle, &handle);
	if (tpmsign_persist(t, handle) == 0)
		return IMACTL_OK;
	return complain(IMACTL_FAILED, "cannot keep the key at %s: %s", o->handle, tpmsign_error(t, error));
}

static void tell(const struct options *o, const struct signer *s)
{
	printf("%08x  %s  ", signer_id(s), key_type(signer_key(s)));
	if (o->handle)
		printf("tpm:%s", o->handle);
	else
		put_text(stdout, o->out, strlen(o->out));
	putchar('\n');
}

/* Kept is only what has signed. */
static int create_in(const struct options *o, const char *password)
{
	cleanup(tpmblob_done) struct tpmblob f = { 0 };
	cleanup(signer_freep) struct signer *signer = NULL;
	cleanup(tpmsign_freep) struct tpmsign *t = NULL;
	struct tpmsign *same;
	int code = sign_tpm_open(&o->key.tpm, &t);

	if (code == IMACTL_OK)
		code = make(o, t, password, &f);
	if (code == IMACTL_OK)
		code = sign_tpm_signer(t, o->out ? o->out : o->handle, NULL, &signer);
	if (code != IMACTL_OK)
		return code;
	same = take_ptr(t); /* is the signer's now */
	code = keep(o, same, &f);
	if (code == IMACTL_OK)
		tell(o, signer);
	return code;
}

static int create(const struct options *o)
{
	char password[PASSWORD_MAX] = "";
	int code = sign_password(o->key.pass_file, password);

	if (code == IMACTL_OK && o->out && access(o->out, F_OK) == 0)
		code = complain(IMACTL_FAILED, "cannot create '%s': %s", o->out, strerror(EEXIST));
	if (code == IMACTL_OK)
		code = create_in(o, password);
	OPENSSL_cleanse(password, sizeof(password));
	return code;
}

/* --- cert */

static int put(const struct options *o, const struct certificate *c, const struct buf *der)
{
	cleanup(buf_done) struct buf pem = { 0 };
	const struct buf *text = o->der ? der : &pem;
	int r = o->der ? 0 : certificate_pem(c, der, &pem);

	if (r == 0 && o->out)
		r = write_whole(o->out, text->data, text->len, 0644);
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot write '%s': %s", o->out ? o->out : "the certificate", strerror(-r));
	if (!o->out)
		(void)fwrite(text->data, 1, text->len, stdout);
	return IMACTL_OK;
}

static int cert(struct options *o)
{
	struct certificate c = { .name = o->name, .request = o->csr, .from = time(NULL), .days = o->days };
	cleanup(signer_freep) struct signer *signer = NULL;
	cleanup(buf_done) struct buf der = { 0 };
	char error[TPMSIGN_ERROR_MAX];
	int r, code;

	if (getrandom(c.serial, sizeof(c.serial), 0) != sizeof(c.serial))
		return complain(IMACTL_FAILED, "no random numbers: %s", strerror(errno));
	code = sign_key_read(&o->key, &signer);
	if (code != IMACTL_OK)
		return code;
	r = certificate_make(signer, &c, &der);
	if (r < 0) {
		const char *why = r == -EINVAL ? "the name is no UTF-8" : sign_key_why(&o->key, r, error);

		return complain(IMACTL_FAILED, "cannot make the certificate: %s", why ? why : strerror(-r));
	}
	return put(o, &c, &der);
}

/* --- options */

static int take_algo(struct options *o, const char *name)
{
	bool rsa = strcmp(name, "rsa2048") == 0;

	o->kind = rsa ? TPMSIGN_RSA2048 : TPMSIGN_P256;
	if (rsa || strcmp(name, "ecc-p256") == 0)
		return IMACTL_OK;
	return complain(IMACTL_USAGE, "key: --algo is ecc-p256 or rsa2048, not '%s'", name);
}

static int take_days(struct options *o, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > CERTIFICATE_DAYS_MAX)
		return complain(IMACTL_USAGE, "key: --days is a number from 1 to %d, not '%s'", CERTIFICATE_DAYS_MAX, text);
	o->days = (unsigned int)n;
	return IMACTL_OK;
}

static int check_handles(const struct options *o)
{
	uint32_t handle;

	if (o->handle && (sign_tpm_handle(o->handle, &handle) < 0 || handle > TPMSIGN_PERSISTENT_MAX))
		return complain(IMACTL_USAGE, "key: --handle is from 0x81000000 to 0x817fffff, not '%s'", o->handle);
	if (o->parent && sign_tpm_handle(o->parent, &handle) < 0)
		return complain(IMACTL_USAGE, "key: --parent is a persistent handle, as 0x81000001, not '%s'", o->parent);
	return IMACTL_OK;
}

static int complete_create(const struct options *o)
{
	if (!o->tpm)
		return complain(IMACTL_USAGE, "key create: makes keys in the TPM only, say so (--tpm); openssl genpkey makes others");
	if (!o->out == !o->handle)
		return complain(IMACTL_USAGE, "key create: either --out FILE or --handle 0x8101xxxx");
	return check_handles(o);
}

static int complete_cert(const struct options *o)
{
	size_t n = strlen(o->name);

	if (!o->key.file)
		return complain(IMACTL_USAGE, "key cert: no private key given (--key FILE|tpm:HANDLE|URI)");
	if (n == 0 || n > CERTIFICATE_NAME_MAX)
		return complain(IMACTL_USAGE, "key cert: --name has 1 to %d characters", CERTIFICATE_NAME_MAX);
	return IMACTL_OK;
}

static int parse_create(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "tpm", no_argument, NULL, 't' },		     { "algo", required_argument, NULL, 'a' },
		{ "out", required_argument, NULL, 'o' },	     { "handle", required_argument, NULL, 'H' },
		{ "parent", required_argument, NULL, 'P' },	     { "pass-file", required_argument, NULL, 'p' },
		{ "owner-pass-file", required_argument, NULL, 'O' }, { "tcti", required_argument, NULL, 'T' },
		{ 0 },
	};
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "a:o:", options, NULL)) != -1) {
		const char **to = c == 'o' ? &o->out : c == 'H' ? &o->handle : c == 'P' ? &o->parent : c == 'p' ? &o->key.pass_file :
				  c == 'O' ? &o->key.tpm.owner_pass_file : c == 'T' ? &o->key.tpm.tcti : NULL;

		if (to)
			*to = optarg;
		else if (c == 't')
			o->tpm = true;
		else
			code = c == 'a' ? take_algo(o, optarg) : IMACTL_USAGE;
	}
	return code == IMACTL_OK ? complete_create(o) : code;
}

static int parse_cert(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },	     { "name", required_argument, NULL, 'n' },
		{ "days", required_argument, NULL, 'd' },	     { "csr", no_argument, NULL, 'c' },
		{ "der", no_argument, NULL, 'D' },		     { "out", required_argument, NULL, 'o' },
		{ "pass-file", required_argument, NULL, 'p' },	     { "owner-pass-file", required_argument, NULL, 'O' },
		{ "tcti", required_argument, NULL, 'T' },	     { 0 },
	};
	int c, code = IMACTL_OK;

	while (code == IMACTL_OK && (c = getopt_long(argc, argv, "k:o:", options, NULL)) != -1) {
		const char **to = c == 'k' ? &o->key.file : c == 'n' ? &o->name : c == 'o' ? &o->out : c == 'p' ? &o->key.pass_file :
				  c == 'O' ? &o->key.tpm.owner_pass_file : c == 'T' ? &o->key.tpm.tcti : NULL;

		if (to)
			*to = optarg;
		else if (c == 'd')
			code = take_days(o, optarg);
		else if (c == '?')
			code = IMACTL_USAGE;
		o->csr |= c == 'c';
		o->der |= c == 'D';
	}
	return code == IMACTL_OK ? complete_cert(o) : code;
}

int cmd_key(const struct imactl *ctl, int argc, char **argv)
{
	struct options o = { .name = NAME_DEFAULT, .days = DAYS_DEFAULT };
	bool is_cert = argc > 1 && strcmp(argv[1], "cert") == 0;
	int code;

	(void)ctl;
	if (!is_cert && (argc < 2 || strcmp(argv[1], "create") != 0))
		return complain(IMACTL_USAGE, "key: create or cert; see imactl --help");
	argv[1] = argv[0]; /* whom getopt's messages name */
	argc--;
	argv++;
	code = is_cert ? parse_cert(&o, argc, argv) : parse_create(&o, argc, argv);
	if (code == IMACTL_OK && optind < argc)
		code = complain(IMACTL_USAGE, "key: unexpected argument '%s'", argv[optind]);
	if (code != IMACTL_OK)
		return code;
	return is_cert ? cert(&o) : create(&o);
}
