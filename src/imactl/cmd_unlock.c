// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * imactl unlock and lock: for some seconds imad can be switched off and its files changed. What is to be signed is new
 * each time, so that no signature serves twice; it can be signed here or elsewhere.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include <json-c/json.h>

#include <imad/ctl.h>
#include <imad/digest.h>
#include <imad/signature.h>

#include "imactl.h"

#define TIMEOUT_S 10
#define KEY_BYTES_MAX 65536

/* A small file, NUL-terminated; its size or negative errno. */
static ssize_t read_file(const char *path, char *ret, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size);

	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	ret[n] = '\0';
	return n;
}

/* What is to be signed, NULL if no key but the console unlocks. IMACTL_OK or an exit code, and why is told. */
static int ask(const struct imactl *ctl, long seconds, char **ret)
{
	cleanup(buf_done) struct buf answer = { 0 };
	cleanup(json_putp) struct json_object *root = NULL;
	const char *text;
	struct why why;
	char request[64];

	(void)snprintf(request, sizeof(request), "{\"seconds\":%ld}", seconds);
	if (client_call(ctl, CTL_UNLOCK_ASK, request, TIMEOUT_S, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	buf_add_u8(&answer, '\0');
	root = buf_error(&answer) < 0 ? NULL : json_tokener_parse((const char *)answer.data);
	if (!root)
		return complain(IMACTL_FAILED, "the daemon's answer makes no sense");
	text = info_text(root, "challenge");
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? complain(IMACTL_FAILED, "%s", strerror(ENOMEM)) : IMACTL_OK;
}

/* A signature by the private key in @path, as evmctl ima_sign --sigfile writes it. */
static int sign(const char *path, const char *challenge, struct buf *sig)
{
	static char pem[KEY_BYTES_MAX];
	cleanup(signer_freep) struct signer *signer = NULL;
	const char *why = NULL;
	struct digest digest;
	ssize_t n = read_file(path, pem, sizeof(pem));
	int r = n < 0 ? (int)n : signer_new(pem, (size_t)n, NULL, NULL, &signer, &why);

	memset(pem, 0, sizeof(pem));
	if (r == 0)
		r = digest_buf(algo_by_id(ALGO_SHA256), challenge, strlen(challenge), &digest);
	if (r == 0)
		r = signature_sign(signer, LABEL_SIGNATURE, 2, &digest, sig);
	return r < 0 ? complain(IMACTL_FAILED, "cannot sign with '%s': %s", path, why ? why : strerror(-r)) : IMACTL_OK;
}

static int unlock(const struct imactl *ctl, long seconds, const struct buf *sig)
{
	cleanup(buf_done) struct buf request = { 0 }, answer = { 0 };
	struct why why;

	buf_addf(&request, "{\"seconds\":%ld,\"signature\":\"", seconds);
	buf_add_hex(&request, sig->data, sig->len);
	buf_add_str(&request, "\"}");
	buf_add_u8(&request, '\0');
	if (buf_error(&request) < 0)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	if (client_call(ctl, CTL_UNLOCK, (const char *)request.data, TIMEOUT_S, &answer, &why) < 0)
		return complain(IMACTL_FAILED, "%s", why.text);
	return IMACTL_OK;
}

static int unlock_with(const struct imactl *ctl, long seconds, const char *key, const char *signature)
{
	cleanup(buf_done) struct buf sig = { 0 };
	cleanup_free char *challenge = NULL;
	char bytes[4096];
	ssize_t n = 0;
	int code = IMACTL_OK;

	if (!signature)
		code = ask(ctl, seconds, &challenge);
	if (code == IMACTL_OK && key && !challenge)
		return complain(IMACTL_FAILED, "no key unlocks here; run it on the local console, without --key");
	if (code == IMACTL_OK && challenge && !key)
		return complain(IMACTL_FAILED, "a key is needed: --key FILE, or --ask and --signature FILE");
	if (code == IMACTL_OK && key)
		code = sign(key, challenge, &sig);
	if (code == IMACTL_OK && signature) {
		n = read_file(signature, bytes, sizeof(bytes));
		if (n < 0)
			return complain(IMACTL_FAILED, "cannot read '%s': %s", signature, strerror((int)-n));
		buf_add(&sig, bytes, (size_t)n);
	}
	return code == IMACTL_OK ? unlock(ctl, seconds, &sig) : code;
}

static int put_challenge(const struct imactl *ctl, long seconds)
{
	cleanup_free char *challenge = NULL;
	int code = ask(ctl, seconds, &challenge);

	if (code == IMACTL_OK && !challenge)
		return complain(IMACTL_FAILED, "no key unlocks here, only the local console");
	if (code == IMACTL_OK)
		fputs(challenge, stdout);
	return code;
}

int cmd_unlock(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' }, { "key", required_argument, NULL, 'k' },
		{ "signature", required_argument, NULL, 's' }, { "ask", no_argument, NULL, 'a' }, { 0 },
	};
	const char *key = NULL, *signature = NULL;
	long seconds = 0;
	bool asked = false;
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			seconds = strtol(optarg, &end, 10);
			if (end == optarg || *end || seconds < 1 || seconds > 3600)
				return complain(IMACTL_USAGE, "--for: seconds, 1 to 3600");
			break;
		case 'k':
			key = optarg;
			break;
		case 's':
			signature = optarg;
			break;
		case 'a':
			asked = true;
			break;
		default:
			return IMACTL_USAGE;
		}
	}
	if (optind < argc)
		return complain(IMACTL_USAGE, "unlock takes no arguments");
	if (asked + !!key + !!signature > 1)
		return complain(IMACTL_USAGE, "--ask, --key and --signature exclude each other");
	if (!seconds && !signature)
		return complain(IMACTL_USAGE, "unlock: for how long? --for SECONDS");
	return asked ? put_challenge(ctl, seconds) : unlock_with(ctl, seconds, key, signature);
}

int cmd_lock(const struct imactl *ctl, int argc, char **argv)
{
	return client_order(ctl, argc, argv, "lock", CTL_LOCK, TIMEOUT_S);
}
