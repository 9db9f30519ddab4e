/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and keys that attest, enroll and verify --evidence share. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/ak.h>
#include <imad/tpmkey.h>

#include "attest.h"

#define PEM_MAX 8192

int nonce_parse(const char *command, const char *hex, struct buf *ret)
{
	uint8_t bytes[QUOTE_NONCE_MAX];
	size_t n = strlen(hex);

	if (n % 2 || n < 2 * NONCE_MIN || n > 2 * sizeof(bytes) || hex_decode(hex, n, bytes, n / 2) < 0)
		return complain(-EINVAL, "%s: --nonce wants %d to %zu bytes in hex", command, NONCE_MIN, sizeof(bytes));
	buf_add(ret, bytes, n / 2);
	return buf_error(ret);
}

int read_whole(const char *path, size_t max, struct buf *ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free uint8_t *chunk = malloc(1 << 20);
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (!chunk)
		return -ENOMEM;
	while ((n = read(fd, chunk, 1 << 20)) != 0) {
		if (n < 0)
			return -errno;
		if (ret->len + (size_t)n > max)
			return -EFBIG;
		buf_add(ret, chunk, (size_t)n);
	}
	return buf_error(ret);
}

int read_public_key(const char *path, EVP_PKEY **ret, struct why *why)
{
	cleanup(buf_done) struct buf text = { 0 };
	int r = read_whole(path, PEM_MAX, &text);
	BIO *bio;

	if (r < 0)
		return why_set(why, r, "cannot read the key '%s': %s", path, strerror(-r));
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	*ret = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	return *ret ? 0 : why_set(why, -EINVAL, "'%s' is not a public key in PEM", path);
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* Beside it, then by its name as @put does it: rename(), or link() which replaces nothing. */
static int write_by(int (*put)(const char *, const char *), const char *path, const void *p, size_t n, unsigned int mode)
{
	cleanup_free char *beside = NULL;
	cleanup_close int fd = -1;
	int r;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, p, n);
	if (r == 0 && put(beside, path) < 0)
		r = -errno;
	if (r < 0 || put == link)
		(void)unlink(beside);
	return r;
}

int write_whole(const char *path, const void *p, size_t n, unsigned int mode)
{
	return write_by(rename, path, p, n, mode);
}

int write_new(const char *path, const void *p, size_t n, unsigned int mode)
{
	return write_by(link, path, p, n, mode);
}

static void pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static int make_pem(const struct ak *ak, struct buf *pem)
{
	cleanup(pkey_freep) EVP_PKEY *key = NULL;
	cleanup(buf_done) struct buf public = { 0 };
	const char *why;
	int r = ak_public(ak, &public);

	if (r == 0)
		r = tpmkey_parse(public.data, public.len, &key, &why);
	return r == 0 ? tpmkey_pem(key, pem) : r;
}

/* The first time: keep it. Later: it must be that one. */
static int keep(const char *statedir, const struct buf *pem, struct why *why)
{
	cleanup_free char *path = join_path(statedir, "ak.pem");
	cleanup(buf_done) struct buf kept = { 0 };
	int r = path ? read_whole(path, PEM_MAX, &kept) : -ENOMEM;

	if (r == -ENOENT) {
		if (mkdir(statedir, 0700) < 0 && errno != EEXIST)
			return why_set(why, -errno, "cannot make '%s': %s", statedir, strerror(errno));
		r = write_whole(path, pem->data, pem->len, 0644);
		return r < 0 ? why_set(why, r, "cannot keep the AK in '%s': %s", path, strerror(-r)) : 0;
	}
	if (r < 0)
		return why_set(why, r, "cannot read '%s': %s", path, strerror(-r));
	if (kept.len != pem->len || memcmp(kept.data, pem->data, pem->len) != 0)
		return why_set(why, -EKEYREJECTED,
			       "the AK of this TPM is not the one in '%s': another TPM, or its endorsement seed was changed; "
			       "remove the file and enroll the host anew if that was meant", path);
	return 0;
}

int ak_kept(const char *tcti, const char *statedir, struct ak **ret, struct buf *pem, struct why *why)
{
	cleanup(ak_freep) struct ak *ak = NULL;
	int r = ak_open(tcti, &ak);

	if (r == -ENODEV)
		return why_set(why, r, "no TPM at '%s'", tcti);
	if (r < 0)
		return why_set(why, r, "cannot make an attestation key in the TPM at '%s': %s", tcti,
			       *ak_open_error() ? ak_open_error() : strerror(-r));
	r = make_pem(ak, pem);
	if (r < 0)
		return why_set(why, r, "cannot export the attestation key: %s", strerror(-r));
	r = keep(statedir, pem, why);
	if (r == 0)
		*ret = take_ptr(ak);
	return r;
}
