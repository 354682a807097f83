/* SPDX-License-Identifier: MIT */
/* Selecting cases, planning and running them in order. */
#ifndef TESTS_RUNNER_SUITE_H
#define TESTS_RUNNER_SUITE_H

#include "boot/boot_info.h"
#include "tests/runner/case.h"
#include "tests/runner/machine.h"
#include "tests/runner/verdict.h"

struct case_table {
    const struct test_case *cases;
    u32 count;
};

struct suite_options {
    char pattern[BOOT_COMMAND_LINE]; /* "" = all */
    bool verbose;
};

/* The tables in the order they run; stages never go back. Ends with NULL. */
extern const struct case_table *const bringup_tables[];

/* NULL, or the id of the first case whose entry is wrong: not an id, twice, or before its stage. */
const char *suite_check(const struct case_table *const *tables);

u32 suite_count(const struct case_table *const *tables, const struct suite_options *options);
void suite_list(const struct case_table *const *tables, const struct suite_options *options);
void suite_run(const struct case_table *const *tables, const struct suite_options *options,
               struct machine *machine, struct totals *totals);

#endif
