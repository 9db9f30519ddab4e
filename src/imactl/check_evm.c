/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl check: security.evm, as the kernel's EVM judges it before IMA trusts the label. */
#include <json-c/json.h>
#include <string.h>

#include "check.h"

#define TRIES 3

int check_evm_read(const struct trust *t, const struct evm_pair *own, int fd, bool asked, struct check_evm *ret)
{
	const struct evm_keys keys = { .ring = trust_keys(t), .own = own->key, .n_own = own->n };
	struct metadata *m = &ret->metadata;
	int r = -EBUSY;

	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++)
		r = metadata_read(fd, m);
	if (r < 0 || m->unsupported || (!m->evm && !asked))
		return r;
	r = evm_verify_both(&keys, &m->input, m->evm, m->n_evm, m->mac, m->n_mac, &ret->result);
	ret->there = r == 0;
	return r;
}

void check_evm_done(struct check_evm *e)
{
	metadata_done(&e->metadata);
}

/* An HMAC counts as failed without the key that could tell: of the kernel's imactl has none. */
static uint32_t cause_of(const struct check_evm *e)
{
	switch (e->result.status) {
	case EVM_PASS:
	case EVM_PASS_IMMUTABLE:
		return IMAD_CAUSE_PASS;
	case EVM_NO_LABEL:
	case EVM_NO_XATTRS:
		return IMAD_CAUSE_MISSING_HMAC;
	case EVM_FAIL_IMMUTABLE:
		return IMAD_CAUSE_INVALID_IMMUTABLE;
	default:
		return IMAD_CAUSE_INVALID_HMAC;
	}
}

uint32_t check_evm_judge(const struct check_evm *e, uint32_t opts, uint32_t algos, uint32_t found, uint32_t cause)
{
	uint32_t evm = e->there ? cause_of(e) : IMAD_CAUSE_PASS;
	bool hash = IMAD_FOUND_KIND(found) == IMAD_LABEL_HASH;

	/* Without a label it is not asked, and what is denied is denied. */
	if (!e->there || cause == IMAD_CAUSE_DENIED || IMAD_FOUND_KIND(found) == IMAD_LABEL_NONE)
		return cause;
	if (evm != IMAD_CAUSE_PASS)
		return evm;
	/* A hash that a portable signature vouches for is as good as a signature. */
	return hash && e->result.status == EVM_PASS_IMMUTABLE ? imad_judge(opts & ~(uint32_t)IMAD_OPT_SIGNED, algos, found) : cause;
}

void check_evm_put(const struct check_evm *e, struct buf *out)
{
	const struct evm_result *r = &e->result;

	if (!e->there)
		return;
	buf_addf(out, "; evm %s", evm_status_text(r->status));
	if (r->by_mac && e->metadata.mac)
		buf_add_str(out, ": HMAC of this machine");
	else if (r->label.type == EVM_HMAC)
		buf_add_str(out, ": HMAC");
	else if (r->label.type) {
		buf_add_str(out, ": ");
		(void)label_print(&r->label, out);
	}
	if (r->key)
		buf_addf(out, "; key of %s", r->key->subject);
	if (r->why)
		buf_addf(out, "; %s", r->why);
}

void check_evm_put_json(const struct check_evm *e, struct json_object *o)
{
	const struct evm_result *r = &e->result;
	uint32_t cause = e->there ? cause_of(e) : IMAD_CAUSE_PASS;
	struct json_object *evm;
	char id[9];

	if (!e->there)
		return;
	evm = json_object_new_object();
	json_object_object_add(o, "evm", evm);
	json_object_object_add(evm, "status", json_object_new_string(evm_status_text(r->status)));
	json_object_object_add(evm, "cause", json_object_new_string(check_cause_text(cause)));
	json_object_object_add(evm, "type", json_object_new_string(r->by_mac ? e->metadata.mac ? "imad hmac" : "none" : !e->metadata.evm ? "none" : !r->label.type ? "damaged" :
		r->label.type == EVM_HMAC ? "hmac" : r->label.type == EVM_PORTABLE ? "portable signature" : "signature"));
	if (r->label.type && r->label.type != EVM_HMAC) {
		json_object_object_add(evm, "version", json_object_new_int(r->label.version));
		(void)snprintf(id, sizeof(id), "%08x", r->label.key_id);
		json_object_object_add(evm, "key", json_object_new_string(id));
	}
	if (r->why)
		json_object_object_add(evm, "why", json_object_new_string(r->why));
}
