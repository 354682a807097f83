#!/bin/sh
# SPDX-License-Identifier: MIT
# From QEMU's exit status and the serial log to run-qemu.sh's exit status, with a QEMU that only pretends. Most of
# these must not pass: a crash, a reset, a truncated or contradictory log.

. "$(dirname "$0")/lib.sh"
fake_tools

log() { # log LINE...: the serial log of the next run
    printf '%s\r\n' "$@" >"$work/com1"
}

run_with() { # run_with QEMU-STATUS [ARGUMENT...]
    echo "$1" >"$work/status"
    shift
    launch "$@"
    label="$label, QEMU's status $(cat "$work/status")"
}

end='# end of seamstress log'

log 'KTAP version 1' '1..2' '# begin a' 'ok 1 a' '# begin b' 'ok 2 b # SKIP not here' "$end"
run_with 33
expect_status 0 "pass: 0"
expect_out '^ok 1 a$' "the serial log is on stdout"
expect "a pass has nothing to say" test ! -s "$err"

log 'KTAP version 1' '1..2' 'ok 1 a' '# because' 'not ok 2 b' "$end"
printf 'module: refused a page\r\n' >"$work/com2"
run_with 35
expect_status 1 "fail: 1"
expect_err '^monitor: module: refused a page$' "a failure shows the monitor's last words"

log 'KTAP version 1' '1..1' 'ok 1 a' "# refused: too little memory"
run_with 37
expect_status 2 "error: 2, end marker or not"

log 'KTAP version 1' '1..2' 'ok 1 a # SKIP no TDX' 'ok 2 b # SKIP no TDX' "$end"
run_with 39
expect_status 77 "all skipped: 77"
expect "all skipped: the monitor is not quoted" test ! -s "$err"

log 'KTAP version 1' '1..2' 'ok 1 a' '# begin b' 'Bail out! #PF at 0' '# panic: #PF at 0'
run_with 41
expect_status 3 "panic: 3"
expect_err 'the kernel panicked in b$' "a panic names the test it was in"

log 'KTAP version 1' '1..2' 'ok 1 a' '# begin b'
for qemu_status in 0 1 2 34 43 126 255; do
    run_with $qemu_status
    case $qemu_status in
    126) expect_status 2 "QEMU leaves with $qemu_status: environment error" ;;
    *) expect_status 3 "QEMU leaves with $qemu_status: no verdict" ;;
    esac
done
run_with 0
expect_err 'reset or switched itself off in b \(a triple fault' "a reset is explained"
run_with 139
expect_status 3 "QEMU dies of a signal: 3"
expect_err 'QEMU died of signal 11 in b' "the signal is named"

for qemu_status in 33 35 39; do
    log 'KTAP version 1' '1..1' 'ok 1 a'
    run_with $qemu_status
    expect_status 3 "status $qemu_status without end marker: 3"
    expect_err 'no verdict: log ends before the end marker' "status $qemu_status without end marker: says so"
    : >"$work/com1"
    run_with $qemu_status
    expect_status 3 "status $qemu_status with an empty log: 3"
    log 'KTAP version 1' '1..3' 'ok 1 a # SKIP x' 'not ok 2 b' "$end"
    run_with $qemu_status
    expect_status 3 "status $qemu_status with a result missing: 3"
    log 'KTAP version 1' '1..2' 'not ok 1 a' 'ok 3 c' "$end"
    run_with $qemu_status
    expect_status 3 "status $qemu_status with a number missing: 3"
done
log 'KTAP version 1' '1..2' 'ok 1 a' 'ok 3 c' "$end"
run_with 33
expect_err 'result 2 has number 3' "a missing number is named"
log 'KTAP version 1' '1..3' 'ok 1 a' 'ok 2 b' "$end"
run_with 33
expect_err 'plan says 3, the log has 2 results' "a missing result is named"

log 'KTAP version 1' '1..1' 'not ok 1 a' "$end"
run_with 33
expect_status 3 "pass with a failed test in the log: 3"
log 'KTAP version 1' '1..1' 'not ok 1 a # XFAIL known' 'ok 2 b' "$end"
sed -i 's/1\.\.1/1..2/' "$work/com1"
run_with 33
expect_status 0 "an expected failure is no failure"
log 'KTAP version 1' '1..1' 'ok 1 a # SKIP x' "$end"
run_with 33
expect_status 3 "pass with nothing but skips: 3"
log 'KTAP version 1' '1..0' "$end"
run_with 33
expect_status 3 "pass without any test: 3"
log 'KTAP version 1' '1..1' 'ok 1 a' "$end"
run_with 35
expect_status 3 "fail without a failed test: 3"
run_with 39
expect_status 3 "all skipped with a test that ran: 3"
log '# bringup.a' "$end"
run_with 33 --list
expect_status 0 "--list needs no tests in the log"
run_with 33
expect_status 3 "but a run does"
log '# bringup.a'
run_with 33 --list
expect_status 3 "--list needs the end marker"
log 'KTAP version 1' '1..1' 'ok 1 a' "$end"
run_with 33 --list
expect_status 3 "--list must not run tests"
log '1..1' 'ok 1 a' "$end"
run_with 33
expect_status 3 "no version line: 3"
log 'KTAP version 1' 'ok 1 a' "$end"
run_with 33
expect_status 3 "no plan: 3"
expect_err 'no plan in the log' "no plan: says so"
log 'KTAP version 1' '1..1' 'ok 1 a' 'Bail out! late' "$end"
run_with 33
expect_status 3 "pass after a bail out: 3"
log 'KTAP version 1' '1..1' 'ok 1 a' 'KTAP version 1' '1..1' "$end"
run_with 33
expect_status 3 "pass after a restart: 3"
log 'KTAP version 1' '1..1' 'ok 1 a' "not quite $end"
run_with 33
expect_status 3 "an end marker within a line is none"

log 'KTAP version 1' '1..2' 'ok 1 a' '# begin b'
echo 30 >"$work/sleep"
run_with 0 --timeout 1
expect_status 124 "no verdict in time: 124"
expect_err 'no verdict within 1 s; b was running' "a timeout names the test it was in"
expect_out '^ok 1 a$' "a timeout keeps what ran before"
echo 0 >"$work/sleep"

: >"$work/com1"
: >"$work/com2"
echo "qemu-system-x86_64: cannot set up guest memory 'ram': Cannot allocate memory" >"$work/qemu-stderr"
run_with 1
expect_status 2 "QEMU doesn't start: 2"
expect_err 'qemu: .*cannot set up guest memory' "QEMU doesn't start: its message is shown"
log 'KTAP version 1' '1..1'
run_with 1
expect_status 3 "QEMU's status 1 after the guest spoke is no failed start"
: >"$work/qemu-stderr"

seq 1 50 | sed 's/^/line /' >"$work/com2"
run_with 0
expect_err '^monitor: line 31$' "the monitor's last 20 lines are shown"
expect "and no more than 20" test "$(grep -c '^monitor: ' "$err")" -eq 20

touch "$work/make-fails"
rm -f "$work/qemu-called"
run_with 33
expect_status 2 "a failed build: 2"
expect_err 'the build failed' "a failed build: says so"
expect "a failed build: nothing is started" test ! -e "$work/qemu-called"

finish
