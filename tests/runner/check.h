/* SPDX-License-Identifier: MIT */
/*
 * What a case says: expectations, each with the rule that it stands on, and the verdicts of verdict.h.
 *
 * An expectation returns whether it held, so that a case can go on or return early as suits it; a failed one
 * prints once what was expected, why, and the call with all its registers. Rules are quoted by document and
 * place ("SYS.RD check 3"); what kind of source that is stands in the case's table entry.
 */
#ifndef TESTS_RUNNER_CHECK_H
#define TESTS_RUNNER_CHECK_H

#include "tests/runner/call.h"
#include "tests/runner/case.h"
#include "tests/runner/verdict.h"

struct machine;

struct test {
    const struct test_case *item;
    struct machine *machine;
    enum verdict verdict;
    char why[96]; /* of the first SKIP or ERROR */
    bool verbose; /* expectations that hold are printed as well */
};

void test_fail(struct test *test, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void test_skip(struct test *test, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void test_error(struct test *test, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole 64-bit status. */
bool expect_status(struct test *test, const struct call *call, u64 want, const char *rule);
/* One of several statuses, details not compared: where the sources don't say which, or which operand. */
bool expect_status_among(struct test *test, const struct call *call, const u64 *wanted, u32 count,
                         const char *rule);
/* All six registers. */
bool expect_outputs(struct test *test, const struct call *call, const struct seamcall_args *want,
                    const char *rule);
bool expect_value(struct test *test, u64 got, u64 want, const char *what, const char *rule);
bool expect_at_least(struct test *test, u64 got, u64 least, const char *what, const char *rule);
bool expect_true(struct test *test, bool holds, const char *rule);

/* ---- tables of calls that are refused ---- */

enum refusal_zero { ZERO_RCX = 1, ZERO_RDX = 2 };

struct refusal {
    u64 rax;                 /* leaf, version and whatever else */
    struct seamcall_args in; /* version is part of rax here; 0 stands for call_marked()'s value ... */
    u8 zero;                 /* ... save for these, which go in as 0 (enum refusal_zero) */
    u64 status;              /* exact */
    bool by_dispatcher;      /* refused before the leaf ran: only RAX is written */
    const char *rule;
};

/* A run function for rows of struct refusal: status and all output registers. */
void check_refusal(struct test *test);

#endif
