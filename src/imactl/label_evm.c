/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl label --evm: imad's HMAC beside the label. */
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "evm.h"
#include "setlabel.h"

#define TRIES 3

static const struct algo *sha256(void)
{
	return algo_by_id(ALGO_SHA256);
}

static int write_macs(const struct label_evm *e, int fd, const struct digest *macs, unsigned int n)
{
	uint8_t value[EVM_MAC_MAX];
	size_t len = evm_mac_encode(&e->keys.key[0], macs, n, value);

	return fsetxattr(fd, EVM_MAC_XATTR, value, len, 0) < 0 ? -errno : 0;
}

/* What it will be when the label is @w->label: nothing else is going to change. */
static int mac_after(const struct label_evm *e, const struct label_evm_work *w, struct digest *ret)
{
	struct evm_input in = w->before.input;

	in.xattr[EVM_IMA] = w->label;
	return evm_mac_make(&e->keys.key[0], &in, sha256(), ret);
}

static bool is_signed(const struct metadata *m)
{
	struct label l;

	return m->evm && evm_decode(m->evm, m->n_evm, &l, NULL) == 0 && label_is_signature(&l);
}

/* A label that changes under an HMAC that is right: for the time being both states are. */
static int announce(const struct label_evm *e, int fd, const struct label_evm_work *w)
{
	struct digest macs[2];
	int r = evm_mac_make(&e->keys.key[0], &w->before.input, sha256(), &macs[0]);

	if (r == 0)
		r = mac_after(e, w, &macs[1]);
	if (r < 0 || e->dry_run)
		return r;
	r = write_macs(e, fd, macs, 2);
	return r == -EPERM ? 0 : r; /* the daemon keeps it in step, then */
}

int label_evm_begin(const struct label_evm *e, int fd, const uint8_t *label, size_t n, struct label_evm_work *w)
{
	const struct evm_keys keys = { .own = e->keys.key, .n_own = e->keys.n };
	const struct evm_value *had = &w->before.input.xattr[EVM_IMA];
	struct evm_result result;
	struct evm_mac mac;
	bool same;
	int r = -EBUSY;

	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++)
		r = metadata_read(fd, &w->before);
	if (r < 0 || w->before.unsupported)
		return r < 0 ? r : -EOPNOTSUPP;
	w->label = (struct evm_value){ label, n };
	w->leave = is_signed(&w->before);
	if (w->leave || !w->before.mac)
		return 0;
	r = evm_verify_mac(&keys, &w->before.input, w->before.mac, w->before.n_mac, &result);
	if (r < 0 || (result.status != EVM_PASS && !e->force))
		return r < 0 ? r : result.status == EVM_UNKNOWN ? -ENXIO : -EBADMSG;
	same = had->bytes && had->n == n && memcmp(had->bytes, label, n) == 0;
	if (result.status != EVM_PASS)
		return 0;
	w->right = same && result.own == 0 && evm_mac_decode(w->before.mac, w->before.n_mac, &mac, NULL) == 0 && mac.n == 1;
	return same ? 0 : announce(e, fd, w);
}

int label_evm_end(const struct label_evm *e, int fd, const struct label_evm_work *w)
{
	struct digest mac;
	struct stat st;
	int r = w->leave || w->right ? 0 : mac_after(e, w, &mac);

	if (r < 0 || w->leave || w->right)
		return r;
	if (e->dry_run)
		return 1;
	r = write_macs(e, fd, &mac, 1);
	if (r == -EPERM)
		r = set_mac(e->ctl, fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0)
		return r;
	return st.st_uid == w->before.input.uid && st.st_gid == w->before.input.gid && (uint16_t)st.st_mode == w->before.input.mode ? 1 : -EBUSY;
}

void label_evm_done(struct label_evm_work *w)
{
	metadata_done(&w->before);
}
