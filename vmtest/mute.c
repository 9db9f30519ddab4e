// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A filesystem (FUSE) of one program that answers everybody but one, for 68-mute.sh: what that one asks for it
 * never hears of again.
 *
 *   mute MOUNTPOINT FILE WHOM [turns|back]
 *
 * serves FILE as MOUNTPOINT/prog beside an empty folder, not to processes whose program is WHOM. turns: the content is
 * another one when it is read the second time, and later; back: opens FILE anew before it answers a read.
 *
 * Prints a line for each request that gets no answer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOT FUSE_ROOT_ID
#define PROG 2
#define FOLDER 3
#define ROOM 65536

static int fuse;
static char content[ROOM];
static size_t size;
static const char *file, *manner = "";

static void answer(const struct fuse_in_header *in, int error, const void *bytes, size_t n)
{
	struct fuse_out_header out = { .len = sizeof(out) + n, .error = -error, .unique = in->unique };
	struct iovec v[] = { { &out, sizeof(out) }, { (void *)bytes, n } };

	(void)!writev(fuse, v, 2); /* it may not wait any more */
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node, .nlink = 1, .mode = node == PROG ? S_IFREG | 0755 : S_IFDIR | 0755,
		.size = node == PROG ? size : 0, .blksize = 4096,
	};
}

static void look_up(const struct fuse_in_header *in, const char *name)
{
	uint64_t node = strcmp(name, "prog") ? FOLDER : PROG;
	struct fuse_entry_out e = { .nodeid = node, .attr = attr_of(node) }; /* valid for no time */

	if (in->nodeid != ROOT || (node == FOLDER && strcmp(name, "folder") != 0))
		answer(in, ENOENT, NULL, 0);
	else
		answer(in, 0, &e, sizeof(e));
}

static void read_it(const struct fuse_in_header *in, const struct fuse_read_in *r)
{
	size_t at = r->offset < size ? r->offset : size, n = size - at < r->size ? size - at : r->size;
	static int reads;

	if (!strcmp(manner, "back"))
		close(open(file, O_RDONLY | O_CLOEXEC));
	if (!strcmp(manner, "turns") && at == 0 && reads++ == 1)
		content[size - 1] ^= 1; /* in no section that is loaded */
	answer(in, 0, content + at, n);
}

static void serve(const struct fuse_in_header *in, const void *args)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096, .max_readahead = ROOM };
	struct fuse_attr_out attr = { .attr = attr_of(in->nodeid) };
	struct fuse_statfs_out statistics = { .st = { .bsize = 4096, .namelen = 255 } };
	struct fuse_open_out opened = { 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		look_up(in, args);
		break;
	case FUSE_GETATTR:
		answer(in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(in, 0, &opened, sizeof(opened));
		break;
	case FUSE_STATFS:
		answer(in, 0, &statistics, sizeof(statistics));
		break;
	case FUSE_READ:
		read_it(in, args);
		break;
	case FUSE_READDIR:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		answer(in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(in, ENOSYS, NULL, 0);
	}
}

static int is_of(uint32_t pid, const char *program)
{
	char path[64], exe[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return 0;
	exe[n] = '\0';
	return !strcmp(exe, program);
}

int main(int argc, char **argv)
{
	static char request[ROOM + 4096];
	const struct fuse_in_header *in = (void *)request;
	char options[128];
	int fd = argc == 4 || argc == 5 ? open(argv[2], O_RDONLY) : -1;

	if (fd < 0 || read(fd, content, ROOM) <= 0)
		return 2;
	size = (size_t)lseek(fd, 0, SEEK_END);
	file = argv[2];
	if (argc == 5)
		manner = argv[4];
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	if (fuse < 0 || mount("mute", argv[1], "fuse", MS_NODEV, options) < 0) {
		perror(argv[1]);
		return 2;
	}
	while (read(fuse, request, sizeof(request)) > 0 || errno == EINTR || errno == ENOENT) {
		if (in->opcode != FUSE_INIT && in->opcode != FUSE_FORGET && is_of(in->pid, argv[3])) {
			printf("no answer to request %u of %u\n", in->opcode, in->pid);
			fflush(stdout);
			continue;
		}
		serve(in, request + sizeof(*in));
	}
	return 0;
}
