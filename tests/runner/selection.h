/* SPDX-License-Identifier: MIT */
/* Which cases run, known before anything has run. Pure; built for the host as well. */
#ifndef TESTS_RUNNER_SELECTION_H
#define TESTS_RUNNER_SELECTION_H

#include "tests/runner/case.h"

struct case_table {
    const struct test_case *cases;
    u32 count;
};

/* Several tables, in the order they run, ended by NULL. The case with this number over all of them, NULL
 * behind the last. */
const struct test_case *case_at(const struct case_table *const *tables, u32 index);

/* pattern "": all are selected. */
bool case_is_selected(const struct test_case *item, const char *pattern);
u32 selection_count(const struct case_table *const *tables, const char *pattern);

/* NULL, or the id of the first case whose entry is wrong: not an id, there twice, at a stage before that of
 * the case in front of it or behind last_stage. */
const char *selection_check(const struct case_table *const *tables, u32 last_stage);

#endif
