/* SPDX-License-Identifier: MIT */
/*
 * Verdicts: what a case, and in the end the run, says. This comment is their definition.
 *
 * - PASS: every expectation of the case held.
 *
 * - SKIP: the case doesn't apply to this machine, module or run; it says why. Nothing was judged.
 *
 * - ERROR: the case couldn't judge: the test itself or its environment is wrong (no memory for it, an
 *   injection that the monitor refused, a prerequisite that the monitor promises and doesn't keep, a known
 *   bug that is gone).
 *
 * - FAIL: the subject did something else than the ABI, as the case understands it, promises.
 *
 * Verdicts are ordered PASS < SKIP < ERROR < FAIL and monotonic: a case only ever gets worse, and a run is as
 * good as its worst case - save that skipped cases don't make a run worse as long as one passed. CRASH isn't
 * one of them: it is what the reader of the log concludes when the end marker is missing.
 *
 * A case with a known bug (test_case.known_bug) is expected to fail: then it counts as xfail, which is no
 * failure; if it passes it counts as xpass, which is an ERROR, because its entry is out of date.
 *
 * Everything here is pure and built for the host as well.
 */
#ifndef TESTS_RUNNER_VERDICT_H
#define TESTS_RUNNER_VERDICT_H

#include "lib/types.h"

enum verdict { VERDICT_PASS, VERDICT_SKIP, VERDICT_ERROR, VERDICT_FAIL };

enum verdict verdict_worse(enum verdict a, enum verdict b);
const char *verdict_name(enum verdict verdict); /* "pass", "skip", "error", "fail" */

struct totals {
    u32 pass, fail, xfail, xpass, skip, error;
};

/*
 * What is to be passed on as known_bug below: the case's own one, or, for a failure that rests on inference
 * alone, that. Nobody has promised what was only inferred, so a subject that isn't our own model can't be
 * blamed for it.
 */
const char *verdict_excuse(enum verdict verdict, bool by_inference, const char *known_bug);

/* Counts one case. known_bug is NULL or the reason why it is expected to fail. */
void totals_add(struct totals *totals, enum verdict verdict, const char *known_bug);
u32 totals_count(const struct totals *totals);
/* The verdict of the whole run; ERROR if nothing was counted. */
enum verdict totals_verdict(const struct totals *totals);
/* What machine_exit() is to be called with (enum exit_code): positive success, 0x10 for PASS. */
int verdict_exit_code(enum verdict verdict);

/* [a-z0-9_]+(\.[a-z0-9_]+)* */
bool case_id_valid(const char *id);

/* '*' stands for any text, '?' for one character; the whole id must match. */
bool pattern_matches(const char *pattern, const char *id);

#endif
