// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <imad/appended.h>
#include <imad/appraise.h>
#include <imad/modsig.h>
#include <imad/pkcs7.h>
#include <imad/util.h>

/* All @n bytes at @offset. 0 or negative errno; -ESTALE: they are not there any more. */
static int read_at(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t got;

	while (done < n) {
		got = pread(fd, (uint8_t *)to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ESTALE;
		done += (size_t)got;
	}
	return 0;
}

/* The appended signature of @fd: 0 and *@ret, -ENODATA if there is none that could be one, or another negative errno. */
static int read_modsig(int fd, struct modsig *at, uint8_t **ret, struct pkcs7 **message, const char **why)
{
	cleanup_free uint8_t *der = NULL;
	uint8_t tail[MODSIG_TAIL];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= MODSIG_TAIL)
		return -ENODATA;
	r = read_at(fd, tail, sizeof(tail), (uint64_t)st.st_size - sizeof(tail));
	if (r == 0)
		r = modsig_find(tail, sizeof(tail), (uint64_t)st.st_size, at, why);
	if (r < 0)
		return r;
	der = malloc(at->der);
	if (!der)
		return -ENOMEM;
	r = read_at(fd, der, at->der, at->content);
	if (r == 0)
		r = pkcs7_parse(der, at->der, message, why);
	if (r == 0)
		*ret = take_ptr(der);
	return r;
}

int appended_read(struct file_hasher *hasher, int fd, const struct trust *t, struct appended *ret)
{
	cleanup(pkcs7_freep) struct pkcs7 *message = NULL;
	cleanup_free uint8_t *der = NULL;
	struct appended a = { 0 };
	const struct algo *algo;
	struct modsig at;
	int r = read_modsig(fd, &at, &der, &message, &a.why);

	*ret = (struct appended){ 0 };
	if (r == -EBADMSG) /* taken for unsigned */
		ret->why = a.why;
	if (r < 0)
		return r == -EBADMSG || r == -ENODATA ? 0 : r;
	a.n = at.der;
	algo = pkcs7_algo(message);
	if (algo)
		r = file_hash_first(hasher, fd, at.content, algo, &a.digest);
	if (r < 0)
		return r;
	r = pkcs7_verify(message, trust_keys(t), &a.digest, &a.why);
	if (r < 0)
		return r;
	a.good = r == SIGNATURE_OK;
	a.der = take_ptr(der);
	*ret = a;
	return 0;
}

void appended_found(const struct trust *t, const struct finder *f, const struct appended *a, unsigned int hash,
		    uint32_t *found, struct digest *denied)
{
	if (!(*found & IMAD_FOUND_DENIED) && a->digest.size && trust_denies(t, &a->digest)) {
		*found |= IMAD_FOUND_DENIED;
		*denied = a->digest;
	}
	if (!finder_yields(t, f))
		return;
	*found |= IMAD_FOUND_MODSIG | (a->good ? IMAD_FOUND_MODSIG_GOOD : 0);
	if (IMAD_FOUND_KIND(*found) == IMAD_LABEL_NONE) /* what appraise_algos= is about then */
		*found |= IMAD_FOUND(IMAD_LABEL_NONE, 0, hash);
}
