/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the conf room. */
#ifndef IMAD_CONF_PRIV_H
#define IMAD_CONF_PRIV_H

#include <imad/conf.h>

/* Fills *@reterr, with the @n bytes of @token (cut to its size). Returns -EBADMSG. */
int conf_bad(struct parse_error *reterr, unsigned int line, const char *why, const char *token, size_t n);

#endif
