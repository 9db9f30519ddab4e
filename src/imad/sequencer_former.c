// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which boot has used the TPM: one line in STATEDIR/tpm-boot, "BOOT RESETCOUNT PCR [FORMER]". If that was another
 * boot and the TPM's reset count is the same still, another kernel was started without a reset (kexec): PCRs went on,
 * and the list that led to them ended with the other kernel. FORMER is that boot, for the starts to come. Early in a
 * boot the file system may be read-only yet: it is written later then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <imad/log.h>
#include <imad/util.h>

#include "sequencer_priv.h"

#define FILE_NAME "tpm-boot"
#define RETRY_MS  10000
#define LINE_MAX  (2 * CHECKPOINT_BOOT_ID + 64)

struct line {
	char boot[CHECKPOINT_BOOT_ID + 1], former[CHECKPOINT_BOOT_ID + 1];
	uint32_t resets;
	unsigned int pcr;
};

static bool line_read(const struct sequencer *s, struct line *ret)
{
	cleanup_close int dir = open(s->statedir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = dir < 0 ? -1 : openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[LINE_MAX + 1];
	ssize_t n = fd < 0 ? -1 : read(fd, text, LINE_MAX);

	*ret = (struct line){ .resets = 0 };
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%64[0-9a-zA-Z-] %u %u %64[0-9a-zA-Z-]", ret->boot, &ret->resets, &ret->pcr, ret->former) >= 3;
}

static int line_write(const struct sequencer *s, const struct line *l)
{
	cleanup_close int dir = -1, fd = -1;
	char text[LINE_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s %u %u %s\n", l->boot, l->resets, l->pcr, l->former);

	if (mkdir(s->statedir, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = open(s->statedir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir < 0 ? -1 : openat(dir, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text, (size_t)n) != n || fsync(fd) < 0 || renameat(dir, FILE_NAME ".new", dir, FILE_NAME) < 0 ||
	    fsync(dir) < 0) /* whoever starts another kernel so need not sync */
		return errno ? -errno : -EIO;
	return 0;
}

static bool list_is_kept(const struct sequencer *s)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/archive/%s/binary_runtime_measurements", s->rundir, s->former);
	return access(path, F_OK) == 0;
}

int seq_former_find(struct sequencer *s)
{
	uint32_t resets;
	struct line l;
	int r;

	s->former[0] = '\0';
	if (!s->tpm || !line_read(s, &l))
		return 0;
	r = tpm_reset_count(s->tpm, &resets);
	if (r < 0 || resets != l.resets || l.pcr != s->pcr)
		return r;
	(void)snprintf(s->former, sizeof(s->former), "%s", strcmp(l.boot, store_boot_id(s->store)) ? l.boot : l.former);
	s->former_kept = *s->former && list_is_kept(s);
	return 0;
}

void seq_former_note(struct sequencer *s)
{
	struct line old, l = { .pcr = s->pcr };
	int r;

	s->noted = !s->tpm;
	if (s->noted || seq_now_ms() < s->note_at)
		return;
	(void)snprintf(l.boot, sizeof(l.boot), "%s", store_boot_id(s->store));
	(void)snprintf(l.former, sizeof(l.former), "%s", s->former);
	seq_pipe_drain(s);
	r = tpm_reset_count(s->tpm, &l.resets);
	if (!r && line_read(s, &old) && !strcmp(old.boot, l.boot) && old.resets == l.resets && old.pcr == l.pcr &&
	    !strcmp(old.former, l.former))
		s->noted = true;
	if (!r && !s->noted)
		r = line_write(s, &l);
	s->noted = r != -EROFS && r != -EREMOTEIO;
	s->note_at = seq_now_ms() + RETRY_MS;
	if (r < 0 && s->noted)
		log_errno(LOG_WARNING, r, "cannot note in '%s' which boot uses the TPM", s->statedir);
}
