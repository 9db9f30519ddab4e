/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmocka with its includes in the order it wants. */
#ifndef IMAD_TEST_H
#define IMAD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define assert_ok(x) assert_int_equal((x), 0)

#endif
