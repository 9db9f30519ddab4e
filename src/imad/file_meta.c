// SPDX-License-Identifier: GPL-2.0-or-later
/* What an inode has beside its content, for templates with the fields evmsig, xattr*, iuid, igid and imode. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <imad/evm.h>
#include <imad/file.h>
#include <imad/util.h>

#define VALUE_MAX 65536 /* XATTR_SIZE_MAX, XATTR_LIST_MAX */
#define EVM	  "security.evm"

/* A security module answers for labels that are not stored: only what is listed is there. */
static bool is_listed(const char *list, size_t n, const char *name)
{
	for (size_t at = 0; at < n; at += strlen(list + at) + 1)
		if (!strcmp(list + at, name))
			return true;
	return false;
}

static int add_xattr(int fd, const char *name, uint8_t *scratch, struct template_meta *m)
{
	ssize_t n = fgetxattr(fd, name, scratch, VALUE_MAX);

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	if (m->xattr_names.len)
		m->xattr_names.data[m->xattr_names.len - 1] = '|';
	buf_add(&m->xattr_names, name, strlen(name) + 1);
	buf_add_le32(&m->xattr_lengths, (uint32_t)n);
	buf_add(&m->xattr_values, scratch, (size_t)n);
	return buf_error(&m->xattr_names);
}

static int add_xattrs(int fd, uint8_t *scratch, struct template_meta *m)
{
	cleanup_free char *list = malloc(VALUE_MAX);
	ssize_t listed = list ? flistxattr(fd, list, VALUE_MAX) : 0, n;
	int r = list ? 0 : -ENOMEM;

	if (listed < 0) /* a filesystem without any */
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (unsigned int i = 0; i < EVM_XATTR_COUNT && !r; i++)
		if (is_listed(list, (size_t)listed, evm_xattr_name(i)))
			r = add_xattr(fd, evm_xattr_name(i), scratch, m);
	if (r < 0 || !is_listed(list, (size_t)listed, EVM))
		return r;
	n = fgetxattr(fd, EVM, scratch, VALUE_MAX);
	if (n > 0)
		buf_add(&m->evmsig, scratch, (size_t)n);
	return 0;
}

int file_meta(int fd, struct template_meta *ret)
{
	cleanup(template_meta_done) struct template_meta m = { 0 };
	cleanup_free uint8_t *scratch = malloc(VALUE_MAX);
	struct stat st;
	int r = scratch ? 0 : -ENOMEM;

	if (!r && fstat(fd, &st) < 0)
		r = -errno;
	if (!r)
		r = add_xattrs(fd, scratch, &m);
	if (!r && (buf_error(&m.xattr_lengths) < 0 || buf_error(&m.xattr_values) < 0 || buf_error(&m.evmsig) < 0))
		r = -ENOMEM;
	if (r < 0)
		return r;
	m.uid = st.st_uid;
	m.gid = st.st_gid;
	m.mode = (uint16_t)st.st_mode;
	*ret = m;
	m = (struct template_meta){ 0 };
	return 0;
}
