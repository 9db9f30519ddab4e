/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl evm status: is there a key, what keeps it, can it be had now? */
#include <json-c/json.h>
#include <string.h>

#include <openssl/evp.h>

#include <imad/tpmkey.h>

#include "evm.h"

/* What is told of one key; @why: why it cannot be had, NULL: it can. */
struct status {
	const char *role, *id, *pcrs, *authority, *why;
};

/* "sha256:0,7", or "". */
static void put_pcrs(const struct evmkey *k, struct buf *out)
{
	struct tpmblob_pcrs p;
	const char *why = NULL;
	char before = ':';

	if (k->source != EVMKEY_TPM || !k->blob.policy.len || tpmblob_get_policy(&k->blob, &p, &why) < 0)
		return;
	buf_add_str(out, algo_by_id(p.bank)->name);
	for (unsigned int i = 0; i < TPMBLOB_PCRS_MAX; i++)
		if (p.pcrs >> i & 1) {
			buf_addf(out, "%c%u", before, i);
			before = ',';
		}
}

/* The first 16 digits of the id of who may approve of other values, or "". */
static void put_authority(const struct evmkey *k, struct buf *out)
{
	struct evp_pkey_st *key = NULL;
	uint8_t id[PCRSIG_ID_SIZE];
	const char *why = NULL;

	if (k->source == EVMKEY_TPM && k->blob.authority.len &&
	    tpmkey_parse(k->blob.authority.data, k->blob.authority.len, &key, &why) == 0 && pcrsig_key_id(key, id) == 0)
		buf_add_hex(out, id, 8);
	EVP_PKEY_free(key);
}

static const char *keeper_of(const struct evmkey *k)
{
	return k->source == EVMKEY_TPM ? "tpm" : k->source == EVMKEY_FILE ? "file" : "credential";
}

static void put_text_status(const struct evmkey *k, const struct status *t)
{
	bool bound = *t->pcrs || *t->authority;

	printf("key         %s (%s)\n", t->id, t->role);
	printf("kept by     %s%s%s\n", k->source == EVMKEY_TPM ? "the TPM" : k->source == EVMKEY_FILE ? "the bare file " : "the credential ",
	       k->place, bound ? ", bound to PCRs" : k->source == EVMKEY_TPM ? ", bound to no PCR: whatever runs on this machine can have it" : "");
	if (*t->pcrs)
		printf("PCRs        %s\n", t->pcrs);
	if (*t->authority)
		printf("PCRs        as approved by the key %s (evm approve, or " PCRSIG_FILE ")\n", t->authority);
	printf("recovery    %s\n", k->has_recovery ? "a copy under a passphrase" : "none: with the TPM or the file the key is lost");
	printf("usable      %s%s\n", t->why ? "no: " : "yes", t->why ? t->why : "");
}

static struct json_object *status_json(const struct evmkey *k, const struct status *t)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "role", json_object_new_string(t->role));
	json_object_object_add(o, "id", json_object_new_string(t->id));
	json_object_object_add(o, "kept_by", json_object_new_string(keeper_of(k)));
	if (*k->place)
		json_add_text(o, "place", k->place, strlen(k->place));
	if (*t->pcrs)
		json_object_object_add(o, "pcrs", json_object_new_string(t->pcrs));
	if (*t->authority)
		json_object_object_add(o, "approved_by", json_object_new_string(t->authority));
	json_object_object_add(o, "recovery", json_object_new_boolean(k->has_recovery));
	json_object_object_add(o, "usable", json_object_new_boolean(!t->why));
	if (t->why)
		json_add_text(o, "why", t->why, strlen(t->why));
	return o;
}

/* @list: NULL for text. IMACTL_OK: it can be had. */
static int status_of(const struct evm_options *o, const char *name, const char *role, struct json_object *list)
{
	cleanup(secret_done) struct secret key = { 0 };
	cleanup(buf_done) struct buf pcrs = { 0 }, authority = { 0 }, id = { 0 };
	cleanup(evmkey_done) struct evmkey k = { 0 };
	struct machinekey_why why;
	struct status t;
	int r = machinekey_read(o->statedir, name, &k, &why);

	if (r < 0)
		return complain(IMACTL_FAILED, "%s%s", why.text, r == -ENOENT ? " (imactl evm init makes a key)" : "");
	r = machinekey_reveal(o->statedir, &k, o->tcti, &key, &why);
	buf_add_hex(&id, k.id, sizeof(k.id));
	buf_add_u8(&id, '\0');
	put_pcrs(&k, &pcrs);
	buf_add_u8(&pcrs, '\0');
	put_authority(&k, &authority);
	buf_add_u8(&authority, '\0');
	if (buf_error(&id) < 0 || buf_error(&pcrs) < 0 || buf_error(&authority) < 0)
		return complain(IMACTL_FAILED, "%s", strerror(ENOMEM));
	t = (struct status){ role, (char *)id.data, (char *)pcrs.data, (char *)authority.data, r < 0 ? why.text : NULL };
	if (list)
		json_object_array_add(list, status_json(&k, &t));
	else
		put_text_status(&k, &t);
	return r < 0 ? IMACTL_FAILED : IMACTL_OK;
}

int evm_status(const struct evm_options *o, int argc, char **argv)
{
	cleanup_free char *next = join_path(o->statedir, MACHINEKEY_NEXT);
	cleanup(json_putp) struct json_object *root = o->json ? json_object_new_object() : NULL;
	struct json_object *keys = root ? json_object_new_array() : NULL;
	int code = argc ? complain(IMACTL_USAGE, "evm status: unexpected argument '%s'", argv[0]) : IMACTL_OK, second = IMACTL_OK;

	if (code != IMACTL_OK)
		return code;
	if (root)
		json_object_object_add(root, "keys", keys);
	code = status_of(o, MACHINEKEY_FILE, "in force", keys);
	if (next && access(next, F_OK) == 0)
		second = status_of(o, MACHINEKEY_NEXT, "next: imactl evm rekey is under way", keys);
	if (root) {
		json_object_object_add(root, "kernel_hmac", json_object_new_boolean(evm_of_kernel()));
		put_json(root);
	} else {
		printf("kernel      %s\n", evm_of_kernel() ? "its EVM has a key of its own: it makes HMACs itself, imad makes none" : "its EVM makes no HMACs");
	}
	return code != IMACTL_OK ? code : second;
}
