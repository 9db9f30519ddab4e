/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the signature is that is appended to a kernel module or image: content, PKCS#7,
 * struct module_signature, marker. Format: include/linux/module_signature.h, checked as
 * by mod_check_sig() in kernel/module_signature.c. Bytes in, numbers out.
 */
#ifndef IMAD_MODSIG_H
#define IMAD_MODSIG_H

#include <stddef.h>
#include <stdint.h>

#define MODSIG_TAIL 40		  /* bytes at the end of a file that tell: the struct and the marker */
#define MODSIG_DER_MAX (64u << 10) /* bytes of PKCS#7; the kernel's own have less than 2 kB */

struct modsig {
	uint64_t content; /* bytes that are signed; the PKCS#7 follows them */
	uint32_t der;	  /* bytes of that */
};

/*
 * @tail: the last @n bytes of a file of @size bytes, MODSIG_TAIL of them or the whole of
 * a shorter file. 0; -ENODATA: nothing is appended; -EBADMSG: it says that something is
 * and cannot be so, with *@why (a fixed text; may be NULL).
 */
int modsig_find(const void *tail, size_t n, uint64_t size, struct modsig *ret, const char **why);

#endif
