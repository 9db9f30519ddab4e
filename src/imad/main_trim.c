// SPDX-License-Identifier: GPL-2.0-or-later
/* The front of the list is cut off for imactl trim, which has archived it and brings the checkpoint. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/checkpoint.h>
#include <imad/mounts.h>
#include <imad/util.h>

#include "main.h"

/* A file of its own or a memfd: nothing whose read could wait for somebody. */
static int read_checkpoint(int fd, struct checkpoint *ret, char *why, size_t size)
{
	cleanup_free char *text = malloc(CHECKPOINT_TEXT_MAX + 1);
	struct parse_error e = { 0 };
	struct stat st;
	ssize_t n;
	int r;

	if (!text)
		return -ENOMEM;
	if (fd < 0 || mounts_may_open(fd) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)snprintf(why, size, "no checkpoint came with it");
		return -EINVAL;
	}
	n = pread(fd, text, CHECKPOINT_TEXT_MAX + 1, 0);
	if (n < 0)
		return -errno;
	r = checkpoint_parse(text, (size_t)n, ret, &e);
	if (r == -EBADMSG)
		(void)snprintf(why, size, "the checkpoint, line %u: %s: %s", e.line, e.token, e.why);
	return r;
}

void daemon_run_trim(struct daemon *d, struct ask *a)
{
	cleanup(checkpoint_done) struct checkpoint c = { .records = 0 };
	char why[256] = "";
	int r = read_checkpoint(a->call->fd, &c, why, sizeof(why));

	if (r == 0)
		r = sequencer_trim(d->sequencer, &c, why, sizeof(why));
	buf_add_str(&a->call->answer, why);
	server_answer(a->call, r);
}
