#!/bin/sh
# SPDX-License-Identifier: MIT
# A kernel that dies, in every way it can: reported, never green, and what ran before is still in the log.

. "$(dirname "$0")/lib.sh"

dies() { # dies STATUS REGEX ARGUMENT...: exit status, a line on the serial port, and the log from its beginning
    wanted=$1
    pattern=$2
    shift 2
    launch "$@"
    [ "$status" -eq "$wanted" ] && has "$out" "$pattern" && has "$out" '^# boot: Seamstress kernel' &&
        ! has "$out" '^# end of seamstress log'
    point $? "exit $wanted: $*"
}

bare_metal="--subject hardware --append"
# shellcheck disable=SC2086 # words
for subject in "$bare_metal" --append; do
    dies 3 '^# panic: #UD at crash_ud' $subject crash=ud
    dies 3 '^# panic: #DE at crash_de' $subject crash=de
    dies 3 '^# panic: #GP\(0\) at crash_gp' $subject crash=gp
    dies 3 '^Bail out! #PF: write to 0xfffff00000000000' $subject crash=pf
    dies 3 '^Bail out! stack overflow: .* guard page' $subject crash=stack
    dies 3 '^# panic: #DF\(0\) at crash_df' $subject crash=df
    dies 3 '^Bail out! NMI' $subject crash=nmi
    dies 3 '^Bail out! asked for by crash=panic' $subject crash=panic
    dies 124 '^# crash: hang' $subject crash=hang --timeout 4
done

launch --append crash=ud@3
expect_out '^# panic: #UD at crash_ud\+0x[0-9a-f]+ on CPU 3 \(APIC id 3\)$' "a crash of another CPU names it"
expect_out '^# +rip [0-9a-f]{16} ' "registers are printed"
expect_out '^# +crash_ud\+0x' "a backtrace with names is printed"
expect_err 'the kernel panicked' "run-qemu.sh says so"

dies 3 '^# crash: triple' --subject hardware --append crash=triple
expect_err 'reset or switched itself off' "a triple fault on the bare machine is a reset"
launch --append crash=triple
expect_status 3 "a triple fault on the monitor: exit 3"
cat "$out" "$err" >"$work/all"
expect "the monitor names it" has "$work/all" 'triple fault|shutdown'
expect "the monitor prints the guest's registers" has "$work/all" '(rip|RIP)[ =][0-9a-fx]+'

expect "whose code ran" has "$work/all" 'seam: whose code: guest kernel seamstress.elf'
expect "and the last SEAMCALL: none" has "$work/all" 'seam: LP 0 made no SEAMCALL so far'

launch --append crash=nonsense
expect_status 2 "an unknown way to crash: exit 2"

# ---- a machine that nobody can hear ----

./run-qemu.sh --dry-run --run 'bringup.detect.*' | sed 's,-serial stdio,-serial none,' >"$work/command"
timeout -k 5 60 sh "$work/command" >"$out" 2>"$err" </dev/null
status=$?
expect_status 33 "without a COM1 the run passes all the same"

finish
