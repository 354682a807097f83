/* SPDX-License-Identifier: MIT */
/* Script cases of a run: from the boot modules named *.tdxt to their results. */
#ifndef TESTS_RUNNER_SCRIPTS_H
#define TESTS_RUNNER_SCRIPTS_H

#include "tests/runner/machine.h"
#include "tests/runner/suite.h"
#include "tests/runner/verdict.h"

/* All of them. False: the log has a line "file:line:col: ..." for each mistake, and nothing may run. */
bool scripts_read(void);
u32 scripts_count(const char *pattern);
void scripts_list(const char *pattern);

/* not_now: NULL, or why they are all skipped. again: the launcher's word (again.h). */
void scripts_run(const struct suite_options *options, const char *again, const char *not_now,
                 struct machine *machine, struct totals *totals);

#endif
