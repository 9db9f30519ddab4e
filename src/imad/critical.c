// SPDX-License-Identifier: GPL-2.0-or-later
/* SELinux as selinuxfs shows it, in the bytes of the kernel's security/selinux/ima.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <imad/buf.h>
#include <imad/critical.h>
#include <imad/digest.h>
#include <imad/util.h>

#define POLICY_CHUNK (64u << 10)

/* The kernel's struct selinux_kernel_status: its sequence moves with each change but checkreqprot's. */
struct status_page {
	uint32_t version, sequence, enforcing, policyload, deny_unknown;
};

struct critical {
	char *selinuxfs;
	const struct algo *hash;
	bool known; /* what follows is of @status */
	struct status_page status;
	bool initialized;
	struct digest policy;
};

int critical_new(const char *selinuxfs, const struct algo *hash, struct critical **ret)
{
	cleanup(critical_freep) struct critical *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->hash = hash;
	c->selinuxfs = strdup(selinuxfs);
	if (!c->selinuxfs)
		return -ENOMEM;
	*ret = take_ptr(c);
	return 0;
}

void critical_free(struct critical *c)
{
	if (!c)
		return;
	free(c->selinuxfs);
	free(c);
}

void critical_freep(struct critical **c)
{
	critical_free(*c);
}

/* Add name=1; or name=0; from a file with a number. */
static int add_flag(int dir, const char *file, const char *name, struct buf *out)
{
	cleanup_close int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	char text[16], *end;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long value;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	value = strtoul(text, &end, 10);
	if (end == text || (*end && *end != '\n'))
		return -EBADMSG;
	buf_addf(out, "%s=%d;", name, value != 0);
	return 0;
}

/* The kernel numbers the capabilities' inodes in its own order, whatever order the folder is read in. */
static int by_inode(const struct dirent **a, const struct dirent **b)
{
	return ((*a)->d_ino > (*b)->d_ino) - ((*a)->d_ino < (*b)->d_ino);
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int add_capabilities(int dir, struct buf *out)
{
	cleanup_close int caps = openat(dir, "policy_capabilities", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names;
	int n = caps < 0 ? -1 : scandirat(caps, ".", &names, is_visible, by_inode), r = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_flag(caps, names[i]->d_name, names[i]->d_name, out);
		free(names[i]);
	}
	free(names);
	return r;
}

static int collect_state(int dir, bool initialized, struct buf *out)
{
	int r;

	buf_addf(out, "initialized=%d;", initialized);
	r = add_flag(dir, "enforce", "enforcing", out);
	if (r == 0)
		r = add_flag(dir, "checkreqprot", "checkreqprot", out);
	if (r == 0)
		r = add_capabilities(dir, out);
	return r < 0 ? r : buf_error(out);
}

static int hash_policy(const struct algo *hash, int fd, struct digest *ret)
{
	cleanup(digest_stream_freep) struct digest_stream *s = NULL;
	cleanup_free uint8_t *chunk = malloc(POLICY_CHUNK);
	int r = chunk ? digest_stream_new(hash, &s) : -ENOMEM;
	ssize_t n = 1;

	if (r == 0)
		r = digest_begin(s);
	while (r == 0 && (n = read(fd, chunk, POLICY_CHUNK)) > 0)
		r = digest_update(s, chunk, (size_t)n);
	if (r == 0 && n < 0)
		r = -errno;
	return r < 0 ? r : digest_end(s, ret);
}

/* The kernel opens the policy only if there is one: that is how to know. */
static int look_at_policy(struct critical *c, int dir)
{
	cleanup_close int fd = openat(dir, "policy", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : hash_policy(c->hash, fd, &c->policy);

	if (r < 0 && r != -EINVAL && r != -ENOENT)
		return r;
	c->initialized = r == 0;
	return 0;
}

/* The status is read before what it is about, so that a change meanwhile is seen the next time. */
static int update(struct critical *c, int dir)
{
	cleanup_close int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC);
	struct status_page now;
	bool have = fd >= 0 && read(fd, &now, sizeof(now)) == (ssize_t)sizeof(now);
	int r;

	if (c->known && have && !memcmp(&now, &c->status, sizeof(now)))
		return 0;
	c->known = false;
	r = look_at_policy(c, dir);
	if (r == 0 && have) {
		c->status = now;
		c->known = true;
	}
	return r;
}

int critical_selinux(struct critical *c, critical_fn fn, void *arg)
{
	cleanup_close int dir = open(c->selinuxfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup(buf_done) struct buf state = { 0 };
	int r;

	/* The folder is there without SELinux too; the file is not. */
	if (dir < 0 || faccessat(dir, "enforce", F_OK, 0) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	r = update(c, dir);
	if (r == 0)
		r = collect_state(dir, c->initialized, &state);
	if (r < 0)
		return r;
	fn(arg, "selinux-state", state.data, state.len);
	if (c->initialized)
		fn(arg, "selinux-policy-hash", c->policy.bytes, c->policy.size);
	return 0;
}
