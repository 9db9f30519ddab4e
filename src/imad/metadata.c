// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel hashes what the filesystem has stored; a security module may tell user space
 * something else in its place. None does of the labels that it writes itself.
 */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/metadata.h>
#include <imad/util.h>

#define VALUE_USUAL 1024  /* the kernel clears all of the room that it is offered */
#define VALUE_MAX 65536	  /* XATTR_SIZE_MAX */
#define NAMES	  (EVM_XATTR_COUNT + 2)

/* Since 6.9 of every filesystem that has one; ext4 had its own before. */
struct uuid_any {
	uint8_t len, uuid[EVM_UUID_SIZE];
};
struct uuid_ext4 {
	uint32_t len, flags;
	uint8_t uuid[EVM_UUID_SIZE];
};
#define GET_UUID_ANY _IOR(0x15, 0, struct uuid_any)
#define GET_UUID_EXT4 _IOR('f', 44, uint32_t[2])

void metadata_done(struct metadata *m)
{
	buf_done(&m->values);
	*m = (struct metadata){ 0 };
}

/* Append the value of @name. Its length, -ENODATA, or another negative errno. */
static ssize_t add_value(int fd, const char *name, uint8_t *room, struct buf *values)
{
	ssize_t n = fgetxattr(fd, name, room, VALUE_USUAL);

	if (n < 0 && errno == ERANGE)
		n = fgetxattr(fd, name, room, VALUE_MAX);
	if (n < 0)
		return -errno;
	buf_add(values, room, (size_t)n);
	return n;
}

static const char *name_of(unsigned int i)
{
	return i < EVM_XATTR_COUNT ? evm_xattr_name(i) : i == EVM_XATTR_COUNT ? "security.evm" : EVM_MAC_XATTR;
}

/*
 * A bit for each name that the inode may have: one call for all that are not there. What a filesystem lists is what
 * it has stored. security.ima is asked for whatever it says, as that tells whether there are such attributes at all.
 */
static unsigned int which_are_there(int fd)
{
	char list[VALUE_USUAL];
	ssize_t n = flistxattr(fd, list, sizeof(list));
	unsigned int there = 1u << EVM_IMA;

	if (n < 0)
		return ~0u; /* a long list, or none is told */
	for (const char *at = list; at < list + n; at += strlen(at) + 1)
		for (unsigned int i = 0; i < NAMES; i++)
			there |= (unsigned int)(strcmp(at, name_of(i)) == 0) << i;
	return there;
}

/* Offsets are made pointers when the buffer does not move any more. */
static int read_values(int fd, struct metadata *m)
{
	cleanup_free uint8_t *room = malloc(VALUE_MAX);
	size_t at[NAMES], n[NAMES] = { 0 };
	unsigned int there = which_are_there(fd);
	bool has[NAMES] = { false };

	if (!room)
		return -ENOMEM;
	buf_add_u8(&m->values, 0); /* so that an empty value has an address, too */
	for (unsigned int i = 0; i < NAMES; i++) {
		ssize_t r;

		if (!(there >> i & 1))
			continue;
		at[i] = m->values.len;
		r = add_value(fd, name_of(i), room, &m->values);
		m->unsupported |= r == -EOPNOTSUPP;
		if (r < 0 && r != -ENODATA && r != -EOPNOTSUPP)
			return (int)r;
		has[i] = r >= 0;
		n[i] = has[i] ? (size_t)r : 0;
	}
	if (buf_error(&m->values) < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < EVM_XATTR_COUNT; i++)
		if (has[i])
			m->input.xattr[i] = (struct evm_value){ m->values.data + at[i], n[i] };
	m->evm = has[EVM_XATTR_COUNT] ? m->values.data + at[EVM_XATTR_COUNT] : NULL;
	m->n_evm = n[EVM_XATTR_COUNT];
	m->mac = has[EVM_XATTR_COUNT + 1] ? m->values.data + at[EVM_XATTR_COUNT + 1] : NULL;
	m->n_mac = n[EVM_XATTR_COUNT + 1];
	return 0;
}

/* Without them there are still portable signatures, so it is no failure that there are none. */
static void read_place(int fd, struct evm_input *in)
{
	union {
		uint32_t generation; /* the kernel writes 32 bits whatever the number of the request says */
		long room;
	} version = { 0 };
	struct uuid_any any = { 0 };
	struct uuid_ext4 ext4 = { .len = EVM_UUID_SIZE };

	in->has_generation = ioctl(fd, FS_IOC_GETVERSION, &version) == 0;
	in->generation = version.generation;
	if (ioctl(fd, GET_UUID_ANY, &any) == 0 && any.len == EVM_UUID_SIZE)
		memcpy(in->uuid, any.uuid, EVM_UUID_SIZE);
	else if (ioctl(fd, GET_UUID_EXT4, &ext4) == 0 && ext4.len == EVM_UUID_SIZE)
		memcpy(in->uuid, ext4.uuid, EVM_UUID_SIZE);
	else
		return;
	in->has_uuid = true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int metadata_read(int fd, struct metadata *ret)
{
	cleanup(metadata_done) struct metadata m = { .input.enabled = EVM_ENABLED_USUAL };
	struct stat st, after;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	m.input.ino = st.st_ino;
	m.input.uid = st.st_uid;
	m.input.gid = st.st_gid;
	m.input.mode = (uint16_t)st.st_mode;
	r = read_values(fd, &m);
	if (r < 0)
		return r;
	read_place(fd, &m.input);
	if (fstat(fd, &after) < 0)
		return -errno;
	/* Any change of xattrs, owner or mode moves it. */
	if (!same_time(&st.st_ctim, &after.st_ctim) || st.st_mode != after.st_mode || st.st_uid != after.st_uid ||
	    st.st_gid != after.st_gid)
		return -EBUSY;
	*ret = m;
	m = (struct metadata){ 0 };
	return 0;
}
