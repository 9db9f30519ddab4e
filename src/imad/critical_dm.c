// SPDX-License-Identifier: GPL-2.0-or-later
/* Active tables of device-mapper, by its ioctls, in the bytes of the kernel's drivers/md/dm-ima.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dm-ioctl.h>

#include <imad/buf.h>
#include <imad/critical.h>
#include <imad/util.h>

#define CONTROL "/dev/mapper/control"
/* There with the driver only; to open the control node of a kernel without it would load the module. */
#define DRIVER "/sys/class/misc/device-mapper"

#define EVENT	   "dm_table_load"
#define RECORD_MAX 4096 /* bytes; the kernel's DM_IMA_MEASUREMENT_BUF_LEN */
#define TARGET_MAX 2047 /* the kernel's DM_IMA_TARGET_DATA_BUF_LEN, less the NUL */

#define REPLY_MIN (16u << 10)
#define REPLY_MAX (1u << 20)

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("\\;=,", *s))
			buf_add_u8(out, '\\');
		buf_add_u8(out, (uint8_t)*s);
	}
}

static void begin_record(const struct critical_dm *d, struct buf *out)
{
	buf_reset(out);
	buf_addf(out, "dm_version=%u.%u.%u;name=", d->version[0], d->version[1], d->version[2]);
	add_escaped(out, d->name);
	buf_add_str(out, ",uuid=");
	add_escaped(out, d->uuid);
	/* A device of device-mapper has one minor number, always. */
	buf_addf(out, ",major=%u,minor=%u,minor_count=1,num_targets=%u;", d->major, d->minor, d->n_targets);
}

/* The target at @p; returns its size, up to the next one, or -EBADMSG. */
static ssize_t print_target(const uint8_t *p, size_t left, unsigned int index, struct buf *out)
{
	struct dm_target_spec spec;
	const char *text = (const char *)p + sizeof(spec);
	size_t len;

	if (left < sizeof(spec))
		return -EBADMSG;
	memcpy(&spec, p, sizeof(spec));
	len = strnlen(text, left - sizeof(spec));
	if (len == left - sizeof(spec))
		return -EBADMSG;
	buf_reset(out);
	buf_addf(out, "target_index=%u,target_begin=%llu,target_len=%llu,", index,
		 (unsigned long long)spec.sector_start, (unsigned long long)spec.length);
	buf_add(out, text, MIN(len, TARGET_MAX));
	return (ssize_t)(sizeof(spec) + len + 1);
}

int critical_dm_table(const struct critical_dm *device, const void *targets, size_t n, critical_fn fn, void *arg)
{
	cleanup(buf_done) struct buf record = { 0 }, target = { 0 };
	const uint8_t *p = targets;
	struct dm_target_spec spec;
	size_t at = 0;

	begin_record(device, &record);
	for (unsigned int i = 0; i < device->n_targets; i++) {
		ssize_t size = print_target(p + at, n - at, i, &target);

		if (size < 0)
			return (int)size;
		if (record.len + target.len >= RECORD_MAX) {
			if (buf_error(&record) < 0)
				return -ENOMEM;
			fn(arg, EVENT, record.data, record.len);
			begin_record(device, &record);
		}
		buf_add(&record, target.data, target.len);
		if (buf_error(&target) < 0)
			return -ENOMEM;
		memcpy(&spec, p + at, sizeof(spec));
		if (i + 1 < device->n_targets && (spec.next < at + (size_t)size || spec.next > n))
			return -EBADMSG;
		at = spec.next; /* from the first one, not from this one */
	}
	if (buf_error(&record) < 0)
		return -ENOMEM;
	fn(arg, EVENT, record.data, record.len);
	return 0;
}

/* Ask about device @dev, or all; the reply, to be freed, says where its data is. 0 or negative errno. */
static int ask(int fd, unsigned long request, uint32_t flags, uint64_t dev, struct dm_ioctl **ret)
{
	for (uint32_t size = REPLY_MIN; size <= REPLY_MAX; size *= 2) {
		cleanup_free struct dm_ioctl *io = calloc(1, size);

		if (!io)
			return -ENOMEM;
		io->version[0] = DM_VERSION_MAJOR;
		io->data_size = size;
		io->data_start = sizeof(*io);
		io->flags = flags;
		io->dev = dev;
		if (ioctl(fd, request, io) < 0)
			return -errno;
		if (io->flags & DM_BUFFER_FULL_FLAG)
			continue;
		if (io->data_size > size || io->data_start > io->data_size)
			return -EBADMSG;
		*ret = take_ptr(io);
		return 0;
	}
	return -E2BIG;
}

/* As the kernel puts a device number into 64 bits. */
static unsigned int major_of(uint64_t dev)
{
	return (dev & 0xfff00) >> 8;
}

static unsigned int minor_of(uint64_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

static int one_device(int fd, uint64_t dev, critical_fn fn, void *arg)
{
	cleanup_free struct dm_ioctl *io = NULL;
	/* Without a flush: the daemon waits for nobody's disk. */
	int r = ask(fd, DM_TABLE_STATUS, DM_IMA_MEASUREMENT_FLAG | DM_NOFLUSH_FLAG, dev, &io);
	struct critical_dm device;

	if (r == -ENXIO)
		return 0; /* gone since it was listed */
	if (r < 0)
		return r;
	device = (struct critical_dm){
		.version = io->version, .name = io->name, .uuid = io->uuid, .n_targets = io->target_count,
		.major = major_of(io->dev), .minor = minor_of(io->dev),
	};
	if (!(io->flags & DM_ACTIVE_PRESENT_FLAG) || !device.n_targets)
		return 0;
	return critical_dm_table(&device, (uint8_t *)io + io->data_start, io->data_size - io->data_start, fn, arg);
}

int critical_device_mapper(critical_fn fn, void *arg)
{
	cleanup_free struct dm_ioctl *list = NULL;
	cleanup_close int fd = -1;
	struct dm_name_list entry;
	size_t at;
	int r;

	if (access(DRIVER, F_OK) < 0)
		return 0;
	fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = ask(fd, DM_LIST_DEVICES, 0, 0, &list);
	if (r < 0)
		return r;
	at = list->data_start;
	do {
		if (at + offsetof(struct dm_name_list, name) > list->data_size)
			return list->data_size == list->data_start ? 0 : -EBADMSG;
		memcpy(&entry, (uint8_t *)list + at, offsetof(struct dm_name_list, name));
		if (entry.dev) /* none in the only entry of an empty list */
			r = one_device(fd, entry.dev, fn, arg);
		at += entry.next;
	} while (r == 0 && entry.next);
	return r;
}
