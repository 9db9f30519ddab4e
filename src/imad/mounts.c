// SPDX-License-Identifier: GPL-2.0-or-later
/* Owns the table of superblocks seen in /proc/self/mountinfo. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <imad/log.h>
#include <imad/mounts.h>
#include <imad/util.h>

#define TYPE_MAX 32

struct superblock {
	struct superblock *next;
	uint32_t s_dev;
	char type[TYPE_MAX];
	char *path;
	const char *reason; /* NULL: gated */
	struct imad_facts facts; /* if gated */
	bool seen;
};

struct mounts {
	struct mounts_ops ops;
	int fd;
	struct superblock *list;
};

/*
 * Filesystems that are never gated: a permission event there can wait for a server
 * that itself waits for the gate, or is refused by the kernel; and where an open is
 * what a driver makes of it, the event's own (for reading) can fail, as that of the kernel's
 * IMA policy does, and then the kernel denies the user's. Uses on them are measured late,
 * from BPF's events.
 */
static const char no_content[] = "no content of its own: what an open does there is the driver's";

static const struct {
	const char *type, *reason;
} never_gated[] = {
	{ "proc", no_content },
	{ "sysfs", no_content },
	{ "securityfs", no_content },
	{ "debugfs", no_content },
	{ "tracefs", no_content },
	{ "configfs", no_content },
	{ "cgroup", no_content },
	{ "cgroup2", no_content },
	{ "bpf", no_content },
	{ "efivarfs", no_content },
	{ "pstore", no_content },
	{ "selinuxfs", no_content },
	{ "smackfs", no_content },
	{ "binfmt_misc", no_content },
	{ "fusectl", no_content },
	{ "devpts", no_content },
	{ "mqueue", no_content },
	{ "rpc_pipefs", no_content },
	{ "nfsd", no_content },
	{ "resctrl", no_content },
	{ "xenfs", no_content },
	{ "fuse", "served by a process that the gate could hold" },
	{ "fuseblk", "served by a process that the gate could hold" },
	{ "nfs", "network filesystem: opens hold locks that its server may need" },
	{ "nfs4", "network filesystem: opens hold locks that its server may need" },
	{ "cifs", "network filesystem: opens hold locks that its server may need" },
	{ "smb3", "network filesystem: opens hold locks that its server may need" },
	{ "9p", "network filesystem: opens hold locks that its server may need" },
	{ "ceph", "network filesystem: opens hold locks that its server may need" },
	{ "afs", "network filesystem: opens hold locks that its server may need" },
	{ "autofs", "an automount point: opens wait for its daemon" },
};

static const char no_rule_matches[] = "no rule of the policy can match here";
static const char cannot_open[] = "cannot be opened";
static const char on_fuse[] = "lies on FUSE, served by a process that the gate could hold";

static bool type_is(const char *type, const char *row)
{
	return !strcmp(type, row) || (!strcmp(row, "fuse") && !strncmp(type, "fuse.", 5));
}

/* Not so when something else is mounted over it, or over a folder on the way: a mark would hit that. */
static bool leads_to_mount(const char *path, unsigned int mount_id)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		     STATX_MNT_ID, &st) == 0 &&
	       (st.stx_mask & STATX_MNT_ID) && st.stx_mnt_id == mount_id;
}

/* Whether an open may have to wait for a process or another machine. */
static bool is_far(const char *type)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(never_gated); i++)
		if (type_is(type, never_gated[i].type))
			return never_gated[i].reason != no_content;
	return false;
}

static bool can_match(const struct policy *p, const struct imad_facts *f)
{
	return policy_can_match_fs(p, f->fsmagic, f->fsname, f->fsuuid);
}

static const char *reason_not_to_gate(struct mounts *m, const struct policy *p, const char *type,
				      const char *path, unsigned int mount_id, struct imad_facts *facts)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(never_gated); i++)
		if (type_is(type, never_gated[i].type))
			return never_gated[i].reason;
	if (!leads_to_mount(path, mount_id) || m->ops.facts(m->ops.arg, path, facts) < 0)
		return cannot_open;
	if (!can_match(p, facts))
		return no_rule_matches;
	return NULL;
}

static struct superblock *find(struct mounts *m, uint32_t s_dev)
{
	struct superblock *sb = m->list;

	while (sb && sb->s_dev != s_dev)
		sb = sb->next;
	return sb;
}

static void free_superblock(struct superblock *sb)
{
	free(sb->path);
	free(sb);
}

static bool is_overlay(const char *type)
{
	return !strcmp(type, "overlay");
}

/* @options: those of the filesystem. */
static int consider(struct mounts *m, const struct policy *p, uint32_t s_dev, const char *type, const char *path,
		    unsigned int mount_id, char *options)
{
	struct superblock *sb = find(m, s_dev);
	bool gated = sb && !sb->reason;
	const char *before = sb ? sb->reason : NULL;
	int r;

	if (sb && sb->seen && (gated || sb->reason != cannot_open))
		return 0; /* another mount of a superblock that is dealt with */
	if (!sb) {
		sb = calloc(1, sizeof(*sb));
		if (!sb || !(sb->path = strdup(path))) {
			free(sb);
			return -ENOMEM;
		}
		sb->s_dev = s_dev;
		snprintf(sb->type, sizeof(sb->type), "%s", type);
		sb->next = m->list;
		m->list = sb;
	}
	sb->seen = true;
	if (gated)
		return 0;
	if (is_overlay(type) && mounts_lies_on_fuse(options, 0)) /* before anything is asked of it */
		sb->reason = on_fuse;
	else
		sb->reason = reason_not_to_gate(m, p, type, path, mount_id, &sb->facts);
	if (sb->reason)
		return 0;
	r = m->ops.mark(m->ops.arg, path, s_dev, is_overlay(type));
	if (r < 0) {
		sb->reason = r == -ENOENT || r == -EACCES ? cannot_open : "the kernel refuses a mark";
		if (sb->reason != before) /* tried again at every change of the table, said once */
			log_errno(LOG_WARNING, r, "cannot gate the filesystem at '%s' (%s), measuring its files late",
				  path, type);
	}
	return 0;
}

static int parse_line(struct mounts *m, const struct policy *p, char *line)
{
	unsigned int mount_id, major, minor;
	char path[4096], type[TYPE_MAX];
	char *dash = strstr(line, " - ");
	int options = 0;

	if (!dash || sscanf(line, "%u %*d %u:%u %*s %4095s", &mount_id, &major, &minor, path) != 4 ||
	    sscanf(dash + 3, "%31s %*s %n", type, &options) != 1)
		return -EBADMSG;
	mounts_unescape(path);
	return consider(m, p, major << 20 | minor, type, path, mount_id, options ? dash + 3 + options : line + strlen(line));
}

static void sweep(struct mounts *m)
{
	struct superblock **p = &m->list;

	while (*p) {
		struct superblock *sb = *p;

		if (sb->seen) {
			sb->seen = false;
			p = &sb->next;
			continue;
		}
		*p = sb->next;
		if (!sb->reason)
			m->ops.gone(m->ops.arg, sb->s_dev);
		free_superblock(sb);
	}
}

int mounts_scan(struct mounts *m, const struct policy *p)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int r = f ? 0 : -errno;

	while (r == 0 && getline(&line, &size, f) > 0)
		r = parse_line(m, p, line);
	if (f)
		fclose(f);
	if (r == 0)
		sweep(m);
	return r;
}

int mounts_mark_again(struct mounts *m)
{
	int r = 0;

	for (struct superblock *sb = m->list; sb && r == 0; sb = sb->next)
		if (!sb->reason)
			r = m->ops.mark(m->ops.arg, sb->path, sb->s_dev, is_overlay(sb->type));
	return r;
}

void mounts_prune(struct mounts *m, const struct policy *p)
{
	for (struct superblock *sb = m->list; sb; sb = sb->next) {
		if (sb->reason || can_match(p, &sb->facts))
			continue;
		/* If it cannot be reached it stays as it is: that costs time only. */
		if (m->ops.unmark(m->ops.arg, sb->path, sb->s_dev, is_overlay(sb->type)) == 0)
			sb->reason = no_rule_matches;
	}
}

/* The file by its handle, through the mount at @path. A descriptor or negative errno. */
static int open_through(const char *path, int fd)
{
	cleanup_close int mount = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct {
		struct file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int unused, r;

	if (mount < 0 || name_to_handle_at(fd, "", &handle.head, &unused, AT_EMPTY_PATH) < 0)
		return -errno;
	r = open_by_handle_at(mount, &handle.head, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_LARGEFILE);
	return r < 0 ? -errno : r;
}

int mounts_open_writable(int fd)
{
	cleanup_free char *line = NULL;
	unsigned int major_id, minor_id;
	char path[4096], options[256];
	int r = -EROFS;
	size_t size = 0;
	struct stat st;
	FILE *f;

	if (fstat(fd, &st) < 0)
		return -errno;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (r < 0 && getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*u %*d %u:%u %*s %4095s %255s", &major_id, &minor_id, path, options) != 4 ||
		    makedev(major_id, minor_id) != st.st_dev || strncmp(options, "rw", 2) != 0)
			continue;
		mounts_unescape(path);
		r = open_through(path, fd);
	}
	fclose(f);
	return r < 0 ? -EROFS : r;
}

int mounts_new(const struct mounts_ops *ops, struct mounts **ret)
{
	struct mounts *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->ops = *ops;
	m->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (m->fd < 0) {
		int r = -errno;

		free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	while (m->list) {
		struct superblock *sb = m->list;

		m->list = sb->next;
		free_superblock(sb);
	}
	close(m->fd);
	free(m);
}

void mounts_freep(struct mounts **m)
{
	mounts_free(*m);
}

int mounts_fd(const struct mounts *m)
{
	return m->fd;
}

void mounts_each(const struct mounts *m, void (*fn)(void *arg, const struct mounts_entry *e), void *arg)
{
	for (const struct superblock *sb = m->list; sb; sb = sb->next) {
		struct mounts_entry e = {
			.s_dev = sb->s_dev,
			.type = sb->type,
			.path = sb->path,
			.reason = sb->reason,
			.matters = sb->reason != no_rule_matches && sb->reason != no_content,
			.far = sb->reason == on_fuse || is_far(sb->type),
		};

		fn(arg, &e);
	}
}

/* What is left of @name below @root, NULL: it is not there. */
static const char *below(const char *name, const char *root)
{
	size_t n = strcmp(root, "/") ? strlen(root) : 0;

	return strncmp(name, root, n) == 0 && name[n] == '/' ? name + n : NULL;
}

const char *mounts_reaching(uint32_t s_dev, const char *name, char ret[MOUNTS_PATH_MAX])
{
	cleanup_free char *line = NULL;
	unsigned int major_id, minor_id;
	const char *rest = NULL;
	char root[4096];
	size_t size = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && !rest && getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*u %*d %u:%u %4095s %4095s", &major_id, &minor_id, root, ret) != 4 ||
		    (major_id << 20 | minor_id) != s_dev)
			continue;
		mounts_unescape(root);
		mounts_unescape(ret);
		rest = below(name, root);
	}
	if (f)
		fclose(f);
	return rest;
}
