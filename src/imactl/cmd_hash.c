/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imactl hash: digests of files as d-ng fields hold them, "sha256:hex  path". */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include <imad/digest.h>
#include <imad/util.h>

#include "imactl.h"

#define CHUNK (1u << 20)

static int hash_file(struct digest_stream *s, const char *path, uint8_t *chunk, struct digest *ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	/* Only a hint, and pipes take none. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	r = digest_begin(s);
	while (r == 0 && (n = read(fd, chunk, CHUNK)) != 0)
		r = n < 0 ? -errno : digest_update(s, chunk, (size_t)n);
	return r < 0 ? r : digest_end(s, ret);
}

static int put_digest(const struct algo *algo, const struct digest *d, const char *path)
{
	cleanup(buf_done) struct buf hex = { 0 };

	buf_add_hex(&hex, d->bytes, d->size);
	if (buf_error(&hex) < 0)
		return -ENOMEM;
	printf("%s:%.*s  %s\n", algo->name, (int)hex.len, (const char *)hex.data, path);
	return 0;
}

int cmd_hash(const struct imactl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "algo", required_argument, NULL, 'a' }, { 0 } };
	cleanup(digest_stream_freep) struct digest_stream *s = NULL;
	cleanup_free uint8_t *chunk = malloc(CHUNK);
	const struct algo *algo = algo_by_id(ALGO_SHA256);
	int c, r, code = IMACTL_OK;

	(void)ctl;
	while ((c = getopt_long(argc, argv, "a:", options, NULL)) != -1) {
		if (c != 'a')
			return IMACTL_USAGE;
		algo = algo_by_name(optarg, strlen(optarg));
		if (!algo)
			return complain(IMACTL_USAGE, "unknown hash algorithm '%s'", optarg);
	}
	if (optind == argc)
		return complain(IMACTL_USAGE, "hash: no file given");
	r = chunk ? digest_stream_new(algo, &s) : -ENOMEM;
	if (r < 0)
		return complain(IMACTL_FAILED, "cannot compute %s: %s", algo->name, strerror(-r));

	for (; optind < argc; optind++) {
		struct digest d;

		r = hash_file(s, argv[optind], chunk, &d);
		if (r == 0)
			r = put_digest(algo, &d, argv[optind]);
		if (r < 0)
			code = complain(IMACTL_FAILED, "cannot hash '%s': %s", argv[optind], strerror(-r));
	}
	return code;
}
