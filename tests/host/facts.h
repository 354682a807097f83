/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_FACTS_H
#define TESTS_HOST_FACTS_H

#include "tests/runner/script/script.h"

/*
 * Prints a tab-separated line for each status that a case lets a call answer: id, source, state (of the last
 * `from` or `bring` before the call), leaf, version, status, "par" if other calls run at once, profiles,
 * file:line. Static: what only a run can tell is '?'; '-' in place of a status: nothing is expected of RAX.
 */
bool tdxt_facts(const struct script_suite *suite, const struct script_case *item);

#endif
