#!/bin/sh
# SPDX-License-Identifier: MIT
# The run that the README shows, and the same verdicts by every way to boot and in both builds.

. "$(dirname "$0")/lib.sh"

verdicts() { # verdicts FILE: ok, number, name; reasons for a skip and cycles may differ
    tr -d '\r' <"$1" | grep -E '^(not )?ok [0-9]' | sed 's/ # \([A-Z]*\).*/ \1/'
}

launch
expect_status 0 "default run: exit 0"
expect_out '^KTAP version 1$' "KTAP version line"
expect "at least 40 checks" test "$(verdicts "$out" | wc -l)" -ge 40
refuse_out '^not ok' "all checks ok"
expect_out 'subject: soft module' "the subject is named"
expect_out 'not hardware conformance' "a model's verdict isn't called conformance"
expect_out '^# tdx: extension pool: 12800 pages \(51200 KiB\) added in 25 lists, [0-9]+ calls' "12,800 pages in 25 lists"
expect_out '^# summary: ready, 4 LPs in 1 packages$' "the module gets ready"
expect_out '^# summary: [0-9]+ KiB of PAMT, 51200 KiB of extension pool' "the summary has PAMT and pool"
expect_out '^# summary: EXT\.MEM\.ADD +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+$' "the summary has counts and cycles per leaf"
expect_out '^# result: bringup\.[a-z_.]+ pass [0-9]+ cycles$' "a result line for LAVA"
expect_out '^# Totals: pass:[0-9]+ fail:0 xfail:0 xpass:0 skip:[0-9]+ error:0$' "kselftest totals"
expect "nothing on stderr but the build" test -z "$(grep -v '^  [A-Z]* ' "$err")"
expect "no line is longer than 160 columns" test -z "$(tr -d '\r' <"$out" | awk 'length > 160')"
expect "every test is announced before it runs" test \
    "$(grep -c '^# begin ' "$out")" -eq "$(verdicts "$out" | wc -l)"
verdicts "$out" >"$work/direct"

launch --boot bios
expect_status 0 "--boot bios: exit 0"
expect_out 'loaded by pvh' "--boot bios: the monitor starts the kernel"
verdicts "$out" >"$work/bios"
expect "--boot bios: same verdicts" diff "$work/direct" "$work/bios"

DEBUG=1 launch
expect_status 0 "DEBUG=1: exit 0"
verdicts "$out" >"$work/debug"
expect "DEBUG=1: same verdicts" diff "$work/direct" "$work/debug"

launch --list
expect_status 0 "--list: exit 0"
sed -n 's/^# case \([^ ]*\).*/\1/p' "$out" | tr -d '\r' >"$work/listed"
sed 's/.*ok [0-9]* \([^ ]*\).*/\1/' "$work/direct" >"$work/run"
expect "--list names exactly what runs" diff "$work/listed" "$work/run"

launch --run 'bringup.pool.*'
expect_status 0 "--run: exit 0"
refuse_out '^ok [0-9]+ bringup\.(detect|ready)' "--run: only what matches"
expect_out '^ok 1 bringup\.pool\.' "--run: and that"
launch --run 'no.such.test'
expect_status 2 "--run that matches nothing: exit 2"
expect_out 'run=no\.such\.test selects no case' "--run that matches nothing: says so"

finish
