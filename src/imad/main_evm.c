// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EVM: what vouches for the label and the metadata of a file, and the HMACs of this machine, which are made anew after
 * every change that BPF has seen (bpf/evm.h) and of no file whose HMAC was not right before.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <imad/appraise.h>
#include <imad/file.h>
#include <imad/log.h>
#include <imad/metadata.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "main.h"

#define TRIES 8
#define NOTHING "security.imad.none" /* no inode has it */
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define OVERLAYFS_MAGIC 0x794c7630

/* --- the key */

/* The kernel's own EVM makes HMACs: those are its business. */
static bool kernel_has_key(void)
{
	char text[64];
	ssize_t n = file_read_small("/sys/kernel/security/evm", text, sizeof(text));

	return n > 0 && (strtoul(text, NULL, 0) & 1);
}

void daemon_load_evm(struct daemon *d)
{
	struct machinekey_why why;
	int r;

	if (d->conf.evm == CONF_APPRAISE_OFF)
		return;
	if (d->conf.appraise == CONF_APPRAISE_OFF)
		log_msg(LOG_WARNING, "evm means nothing with appraise = off: what vouches for a label is asked when the label is");
	if (kernel_has_key()) {
		log_msg(LOG_NOTICE, "the kernel's EVM has a key: HMACs are left to it, imad verifies signatures only");
		d->evm.of_kernel = true;
		return;
	}
	r = machinekeys_load(d->conf.evm_dir, d->conf.tpm_tcti, &d->evm.keys, &why);
	if (r < 0) {
		log_msg(LOG_ERR, "no HMAC can be verified or made: %s%s", why.text, r == -ENOENT ? " (imactl evm init makes a key)" : "");
		return;
	}
	d->evm.n = d->evm.keys.n;
	for (unsigned int i = 0; i < d->evm.n; i++)
		d->evm.key[i] = (struct evm_key){
			.id = d->evm.keys.key[i].id, .bytes = d->evm.keys.key[i].key.bytes, .n = d->evm.keys.key[i].key.n };
}

void daemon_unload_evm(struct daemon *d)
{
	d->evm.n = 0;
	machinekeys_done(&d->evm.keys);
}

enum imad_appraise daemon_evm_mode(const struct daemon *d)
{
	switch (d->conf.evm) {
	case CONF_APPRAISE_OFF:
		return IMAD_APPRAISE_OFF;
	case CONF_APPRAISE_ENFORCE:
		return IMAD_APPRAISE_ENFORCE;
	default:
		return IMAD_APPRAISE_LOG;
	}
}

uint32_t daemon_evm_opts(const struct daemon *d)
{
	return daemon_evm_mode(d) == IMAD_APPRAISE_ENFORCE ? 0 : IMAD_OPT_EVM_TOLD;
}

/* --- finding */

static int read_all(int fd, struct metadata *m)
{
	int r = -EBUSY;

	for (unsigned int i = 0; i < TRIES && r == -EBUSY; i++)
		r = metadata_read(fd, m);
	return r;
}

/* In memory nobody changes it while the machine is off; of an overlay's file there is no inode that could be covered. */
static bool bears_none(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && ((unsigned long)s.f_type == TMPFS_MAGIC || (unsigned long)s.f_type == RAMFS_MAGIC ||
					(unsigned long)s.f_type == OVERLAYFS_MAGIC);
}

/* Something other than an HMAC of the kernel's is in security.evm: that decides. */
static bool is_signed(const struct metadata *m)
{
	return m->evm && (!m->n_evm || m->evm[0] != EVM_HMAC);
}

static enum imad_evm evm_of(const struct daemon *d, const struct metadata *m, const struct evm_result *r)
{
	switch (r->status) {
	case EVM_PASS:
		return r->by_mac ? IMAD_EVM_PASS : IMAD_EVM_SIGNED;
	case EVM_PASS_IMMUTABLE:
		return IMAD_EVM_IMMUTABLE;
	case EVM_NO_LABEL:
	case EVM_NO_XATTRS:
		return m->mac && !d->evm.n ? IMAD_EVM_UNVERIFIABLE : IMAD_EVM_MISSING;
	case EVM_FAIL_IMMUTABLE:
		return IMAD_EVM_INVALID_IMMUTABLE;
	case EVM_FAIL:
		return IMAD_EVM_INVALID;
	default: /* the kernel's HMAC, without a key: the kernel calls it that as well */
		return m->mac || is_signed(m) || d->evm.n ? IMAD_EVM_UNVERIFIABLE : IMAD_EVM_INVALID;
	}
}

static enum imad_evm look(const struct daemon *d, const struct trust *trust, int fd)
{
	const struct evm_keys keys = { .ring = trust_keys(trust), .own = d->evm.key, .n_own = d->evm.n };
	cleanup(metadata_done) struct metadata m = { 0 };
	struct evm_result result;

	if (read_all(fd, &m) < 0)
		return IMAD_EVM_UNVERIFIABLE;
	if (m.unsupported || !m.input.xattr[EVM_IMA].bytes)
		return IMAD_EVM_NONE; /* without a label there is nothing to trust */
	if (!is_signed(&m) && (d->evm.of_kernel || (!m.mac && bears_none(fd))))
		return IMAD_EVM_NONE;
	if (evm_verify_both(&keys, &m.input, m.evm, m.n_evm, m.mac, m.n_mac, &result) < 0)
		return IMAD_EVM_UNVERIFIABLE;
	return evm_of(d, &m, &result);
}

uint32_t daemon_evm_look(const struct daemon *d, const struct trust *trust, int fd)
{
	return d->conf.evm == CONF_APPRAISE_OFF ? 0 : IMAD_FOUND_EVM(look(d, trust, fd));
}

/* Changed since it was right, by what BPF has seen: the HMAC is late. */
static bool is_vouched(struct daemon *d, int fd)
{
	struct imad_verdict unused;
	struct imad_gen g;
	bool has_gen;

	return d->evm.n && hooks_state(d->hooks, fd, &g, &has_gen, &unused) == 0 && has_gen && g.vouched;
}

uint32_t daemon_evm_find(struct daemon *d, const struct trust *trust, int fd, uint32_t found)
{
	enum imad_evm evm = IMAD_EVM(daemon_evm_look(d, trust, fd));
	bool right = (found & IMAD_FOUND_GOOD) && !(found & IMAD_FOUND_DENIED);

	if ((evm == IMAD_EVM_INVALID || evm == IMAD_EVM_MISSING) && is_vouched(d, fd))
		evm = IMAD_EVM_PASS;
	if (evm == IMAD_EVM_MISSING && right && d->conf.evm == CONF_APPRAISE_FIX && daemon_evm_renew(d, fd) > 0) {
		d->macs_fixed++;
		evm = IMAD_EVM_PASS;
	}
	return found | IMAD_FOUND_EVM(evm);
}

/* --- making */

static int put(int fd, const uint8_t *value, size_t n)
{
	cleanup_close int again = -1;

	if (fsetxattr(fd, EVM_MAC_XATTR, value, n, 0) == 0)
		return 0;
	if (errno != EROFS)
		return -errno;
	again = mounts_open_writable(fd); /* what a service sees as read-only need not be */
	return again >= 0 && fsetxattr(again, EVM_MAC_XATTR, value, n, 0) == 0 ? 0 : -EROFS;
}

/* The value for one state, or for two of which both are right. */
static int encode(const struct daemon *d, const struct evm_input *in, unsigned int n, uint8_t out[EVM_MAC_MAX], size_t *len)
{
	struct digest macs[2];
	int r = 0;

	for (unsigned int i = 0; i < n && r == 0; i++)
		r = evm_mac_make(&d->evm.key[0], &in[i], algo_by_id(ALGO_SHA256), &macs[i]);
	if (r == 0)
		*len = evm_mac_encode(&d->evm.key[0], macs, n, out);
	return r;
}

/*
 * Whoever changes it right now holds the inode's lock, and with the lock free the change is done; a new one comes with
 * a number of its own.
 */
static void wait_for_change(int fd)
{
	cleanup_close int again = -1;

	if (fremovexattr(fd, NOTHING) == 0 || errno != EROFS)
		return;
	again = mounts_open_writable(fd); /* others may write it */
	if (again >= 0)
		(void)fremovexattr(again, NOTHING);
}

static int renew_once(const struct daemon *d, int fd)
{
	cleanup(metadata_done) struct metadata m = { 0 };
	uint8_t value[EVM_MAC_MAX];
	size_t n;
	int r = read_all(fd, &m);

	if (r < 0 || m.unsupported || is_signed(&m) || !m.input.xattr[EVM_IMA].bytes || (!m.mac && bears_none(fd)))
		return r;
	r = encode(d, &m.input, 1, value, &n);
	if (r < 0)
		return r == -ENXIO ? 0 : r; /* none can be made there */
	if (m.mac && m.n_mac == n && memcmp(m.mac, value, n) == 0)
		return 1;
	r = put(fd, value, n);
	return r < 0 ? r : -EAGAIN; /* look whether it is over what is there now */
}

int daemon_evm_renew(const struct daemon *d, int fd)
{
	int r = -EAGAIN;

	if (!d->evm.n)
		return 0;
	wait_for_change(fd);
	for (unsigned int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = renew_once(d, fd);
	return r;
}

int daemon_evm_before(const struct daemon *d, int fd, const uint8_t *label, size_t n, bool vouched)
{
	const struct evm_keys keys = { .own = d->evm.key, .n_own = d->evm.n };
	cleanup(metadata_done) struct metadata m = { 0 };
	uint8_t value[EVM_MAC_MAX];
	const struct evm_value *had;
	struct evm_result result;
	struct evm_input in[2];
	size_t len;
	int r;

	if (!d->evm.n)
		return 0;
	r = read_all(fd, &m);
	if (r < 0 || m.unsupported || is_signed(&m) || (!m.mac && bears_none(fd)))
		return r;
	if (!vouched) {
		r = evm_verify_mac(&keys, &m.input, m.mac, m.n_mac, &result);
		if (r < 0 || result.status != EVM_PASS)
			return r;
	}
	had = &m.input.xattr[EVM_IMA];
	if (vouched && had->n && (had->bytes[0] == LABEL_SIGNATURE || had->bytes[0] == LABEL_VERITY))
		return 1; /* nobody changes that one */
	in[0] = in[1] = m.input;
	in[1].xattr[EVM_IMA] = (struct evm_value){ label, n };
	/* What has been written is wrong by the old label anyway. */
	r = vouched ? encode(d, &in[1], 1, value, &len) : encode(d, in, 2, value, &len);
	if (r == -ENXIO)
		return 0;
	if (r == 0)
		r = put(fd, value, len);
	return r < 0 ? r : 1;
}
