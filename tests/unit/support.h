/* SPDX-License-Identifier: MIT */
/* What every unit test needs: cmocka's prerequisites and log_line() captured. */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/types.h"

/* All lines logged since test_log_clear(), one after the other, each ended by '\n'. */
const char *test_log(void);
void test_log_clear(void);
#define assert_logged(text) assert_non_null(__builtin_strstr(test_log(), (text)))

/* xorshift64*, so that random tests repeat; the seed is printed by the test that uses it. */
u64 test_random(u64 *state);

#endif
