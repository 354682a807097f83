#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs/coverage.md is what the scripts say today, and no promise is untested without being named there.

. "$(dirname "$0")/lib.sh"
label='make matrix'

tdxt=${BUILD:-build}/host/tdxt
make --no-print-directory -s "$tdxt" >"$out" 2>&1 || point 1 "the scripts' tool builds"
"$tdxt" facts tests/conformance/*.tdxt >"$work/facts" 2>"$err"
expect "the scripts tell what they expect" test -s "$work/facts"
tools/matrix.py tests/conformance/promises.txt "$work/facts" >"$work/coverage.md" 2>"$err"
expect "docs/coverage.md is up to date: else run make matrix and commit it" cmp -s docs/coverage.md "$work/coverage.md"
tools/matrix.py --check tests/conformance/promises.txt "$work/facts" >"$out" 2>"$err"
status=$?
expect_status 0 "every promise is tested by a case"

# Would it notice? Without the cases of one file something must be missing.
grep -v '^sys\.config\.' "$work/facts" >"$work/fewer"
tools/matrix.py --check tests/conformance/promises.txt "$work/fewer" >"$out" 2>"$err"
status=$?
expect_status 1 "a missing file is noticed"
expect_out '^NOT TESTED: SYS.CONFIG PAMT_OVERLAP' "and what it tested is named"
finish
