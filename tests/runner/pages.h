/* SPDX-License-Identifier: MIT */
/* Lists of pages for EXT.MEM.ADD, made by hand so that they can be wrong, and what has become of the pages.
 */
#ifndef TESTS_RUNNER_PAGES_H
#define TESTS_RUNNER_PAGES_H

#include "tests/runner/check.h"

/* The list page of all hand-made lists: ordinary memory of the kernel. */
extern struct tdx_hpa_list hand_list;

/* HPA_LIST_INFO for hand_list, slots first..last. */
u64 hand_list_info(u64 first, u64 last);

/* Fills slots 0..count-1 with count pages at base, clears the rest, returns the operand for all of them. */
u64 hand_list_fill(u64 base, u64 count);

/* EXT.MEM.ADD with this RCX, everything else marked. */
struct call mem_add(u64 info);

/*
 * Of count pages at base the first taken are the module's, the others free: by RDMD (not NDA, NDA) and, where
 * there is a monitor, by its own view (pool, host).
 */
bool expect_taken(struct test *test, u64 base, u64 count, u64 taken, const char *rule);

#endif
