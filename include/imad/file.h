/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One open descriptor: its bytes, its name, its labels.
 * Never opens a path.
 */
#ifndef IMAD_FILE_H
#define IMAD_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <imad/digest.h>
#include <imad/template.h>

#define FILE_NAME_MAX (PATH_MAX + 16)
#define FILE_LABEL_MAX 65536 /* XATTR_SIZE_MAX */

struct file_hasher;

/* Buffers and streams of one thread. 0 and *@ret (file_hasher_free()), -ENOMEM, -EOPNOTSUPP. */
int file_hasher_new(struct file_hasher **ret);
void file_hasher_free(struct file_hasher *h);

/*
 * Hash the whole content behind @fd from offset 0 in each of @n algorithms, no two of them
 * the same, whatever the file offset is. 0, -errno of pread, or as digest_stream_new().
 */
int file_hash(struct file_hasher *h, int fd, const struct algo *const *algos, unsigned int n, struct digest *ret);

/* The same of the first @size bytes, in one algorithm. */
int file_hash_first(struct file_hasher *h, int fd, uint64_t size, const struct algo *algo, struct digest *ret);

/*
 * The name IMA gives a file: its path from the root of the mount namespace it was
 * opened in, without " (deleted)"; the bare name of a memfd. 0 or negative errno.
 */
int file_name(int fd, char ret[FILE_NAME_MAX]);

/*
 * What a record's sig field holds: security.ima if it is a signature (type 3 or 6),
 * else a portable security.evm signature (type 5), else nothing. *@algo becomes the
 * hash algorithm that security.ima names, if it names one (reference: ima.md 3.4).
 * @buffer takes FILE_LABEL_MAX bytes. Returns the length of the signature in it.
 */
size_t file_label(int fd, uint8_t *buffer, const struct algo **algo);

/*
 * What the inode has beside its content, for templates that say so; of a mapped mount owner and
 * group as they are seen there. 0 or negative errno.
 */
int file_meta(int fd, struct template_meta *ret);

/*
 * Make security.ima the hash of the content as the kernel's IMA writes it, unless it
 * is a signature or just that already. 1: written; 0: left as it is; negative errno.
 */
int file_set_hash_label(int fd, const struct digest *digest);
/* The same whatever it is now. 0 or negative errno. */
int file_force_hash_label(int fd, const struct digest *digest);

/*
 * Whether it is an ELF executable or shared object, which a loader will map
 * executable: 1 or 0; -EAGAIN when @wait is false and the content is not in memory.
 */
int file_is_elf_object(int fd, bool wait);

/* A file that fits into @ret with a NUL behind it. Its size, -EFBIG or another negative errno. */
ssize_t file_read_small(const char *path, void *ret, size_t size);

#endif
