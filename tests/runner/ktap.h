/* SPDX-License-Identifier: MIT */
/*
 * The wire format: flat KTAP version 1, one test point for each case.
 *
 *   KTAP version 1
 *   1..2
 *   # begin suite.case (inferred)
 *   # diagnostics
 *   # result: suite.case pass 4711 cycles
 *   ok 1 suite.case
 *   ...
 *   # Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0
 *   # 2 passed, 0 failed, 0 skipped
 *   # end of seamstress log
 *
 * All diagnostics of a case, its "# result:" line included, come before the point they explain. The last line
 * is the proof that the log is complete.
 */
#ifndef TESTS_RUNNER_KTAP_H
#define TESTS_RUNNER_KTAP_H

#include "tests/runner/case.h"
#include "tests/runner/verdict.h"

void ktap_plan(u32 cases);
void ktap_begin(const struct test_case *item);
/* why: for SKIP and ERROR, "" otherwise; must not be longer than a line has room for. Counts into *totals. */
void ktap_result(struct totals *totals, const struct test_case *item, enum verdict verdict, const char *why,
                 u64 cycles);
void ktap_end(const struct totals *totals);

/* "module-1.5.01", "patch-v2", "spec-quote", "linux", "project", "inferred" */
const char *test_source_name(enum test_source source);

#endif
