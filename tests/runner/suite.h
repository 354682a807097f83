/* SPDX-License-Identifier: MIT */
/* Running the selected cases in order. */
#ifndef TESTS_RUNNER_SUITE_H
#define TESTS_RUNNER_SUITE_H

#include "boot/boot_info.h"
#include "tests/runner/machine.h"
#include "tests/runner/selection.h"
#include "tests/runner/verdict.h"

struct suite_options {
    char pattern[BOOT_COMMAND_LINE]; /* "" = all */
    bool verbose;
};

/* The tables in the order they run; stages never go back. Ends with NULL. */
extern const struct case_table *const bringup_tables[];

void suite_list(const struct case_table *const *tables, const struct suite_options *options);
void suite_run(const struct case_table *const *tables, const struct suite_options *options,
               struct machine *machine, struct totals *totals);

#endif
