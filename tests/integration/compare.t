#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Generated calls and the comparison of two runs, without a genuine module: the generator's promises, logs that were
# tampered with, and the model in QEMU against the model in a host process.
#
# shellcheck disable=SC2016 # backticks are those of tables

. "$(dirname "$0")/lib.sh"

tdxt=${BUILD:-build}/host/tdxt
make --no-print-directory -s "$tdxt" >"$out" 2>"$err" || point 1 "the scripts' tool builds"

run() { # run COMMAND...: sets status, fills $out and $err
    label=$*
    "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

# ---- the generator ----

label='tools/generate-calls.py'
run tools/generate-calls.py --seed 1 --calls 10000 --out "$work/calls"
expect_status 0 "calls are generated"
expect_out '^[0-9]+ calls of 21 leaves in [0-9]+ cases, 10 scripts$' "with a word on what there is"
tools/generate-calls.py --seed 1 --calls 10000 --out "$work/same" >/dev/null
expect "the same seed gives the same scripts" diff -r "$work/calls" "$work/same"
tools/generate-calls.py --seed 2 --calls 10000 --out "$work/other" >/dev/null
for script in "$work"/calls/*.tdxt; do
    ! cmp -s "$script" "$work/other/${script##*/}"
    point $? "another seed gives another ${script##*/}"
    expect "${script##*/} says how to make it again" grep -q '^# Made by .*version [0-9]*: --seed 1 --calls 10000 --cpus 4$' "$script"
done
echo 'suite stale' >"$work/other/calls_stale.tdxt"
tools/generate-calls.py --seed 2 --calls 10 --out "$work/other" >/dev/null
expect "scripts of an earlier run are taken away" test ! -e "$work/other/calls_stale.tdxt"
expect "all of them are scripts without a mistake" ./run-qemu.sh --lint "$work"/calls/*.tdxt

run "$tdxt" run --profile 1.5.01 -v "$work"/calls/*.tdxt
cp "$out" "$work/host.log"
expect_status 0 "they run on the model, in a host process"
expect_out '^[0-9]+ passed, 0 failed, 0 expected to fail, 0 in error, 0 skipped' "and nothing stands in their way"
expect "at least 10,000 calls are made" test "$(grep -c '^ *# CPU [0-3]: ' "$out")" -ge 10000
for cpu in 0 1 2 3; do
    expect "more than 2,000 of them by CPU $cpu" test "$(grep -c "^ *# CPU $cpu: " "$out")" -gt 2000
done
answers() { # answers LOG: pairs of leaf and status, each once
    awk '/^ *call / { leaf = $2 } /^ *# CPU / { print leaf, $5, $6 ~ /^operand=/ ? $6 : "" }' "$1" | sort -u
}
expect "at least 150 different answers" test "$(answers "$out" | wc -l)" -ge 150
sed -nE 's/^SOFT_LEAF\((SYS|PHYMEM|MNG)_([A-Z_]*), .*/\1.\2/p' seam/soft/leaves.def | tr _ . | grep -v -e PAMT -e DISABLE |
    while read -r leaf; do
        answers "$work/host.log" | grep -q "^$leaf SUCCESS" || echo "$leaf"
    done >"$work/unsuccessful"
expect "each leaf succeeds somewhere, but for SYS.UPDATE" test "$(cat "$work/unsuccessful")" = SYS.UPDATE

run python3 -c '
import sys
sys.path.insert(0, "tools")
import abi_tables, calls.operands
del calls.operands.OPERANDS["SYS.RD"]
calls.operands.modelled(abi_tables.leaves())'
expect_err '^calls.operands.NoOperands: SYS.RD: the model has this leaf, but' "a leaf without operands isn't left out in silence"
for wrong in '--calls 10000' '--seed 1 --calls 0' '--seed 1 --calls 10 --cpus 0' '--seed x --calls 10'; do
    # shellcheck disable=SC2086 # words
    run tools/generate-calls.py $wrong --out "$work/none"
    expect_status 2 "generate-calls.py $wrong: exit 2"
done
run tools/generate-calls.py --seed 1 --calls 10 --out "$work/host.log/none"
expect_status 2 "a directory that can't be made: exit 2"
expect_err '^generate-calls.py: .*Not a directory' "and says so"

# ---- logs that were tampered with ----

cat >"$work/t.tdxt" <<'TEXT'
suite t
source project

test one
  from initialised
  call SYS.RD rdx=NUM_CMRS @cpu1
  p = alloc(1)
  call SYS.INFO rcx=p rdx=1024 r8=p + 1024 r9=32 @cpu2
  seen = hash(p, 4096)
  call SYS.RD rdx=MAX_TDMRS @cpu3
  call SYS.CONFIG rcx=1 rdx=0 r8=0

test two
  from started
  par
    call SYS.LP.INIT @cpu0
    call SYS.LP.INIT @cpu1
    call SYS.RD rdx=0 @cpu0
  end
  call SYS.RD rdx=NUM_CMRS
  from initialised
  call SYS.RD rdx=NUM_CMRS

test three
  from reset
  call SYS.INIT rcx=1 expect OPERAND_INVALID op=RCX
TEXT
"$tdxt" run --profile 1.5.01 -v "$work/t.tdxt" >"$work/a"
table() { # table ROW...: in $work/known
    printf '## Known differences\n\n| case | call | differs | soft | genuine | reason |\n|---|---|---|---|---|---|\n' >"$work/known"
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$work/known"
}
compare() { # compare SED-SCRIPT: the log against itself, changed
    sed -E "$1" "$work/a" >"$work/b"
    ! cmp -s "$work/a" "$work/b" || [ -z "$1" ] || point 1 "the log isn't changed by: $1"
    run tools/compare-runs.py --known "$work/known" --out "$work/differences" --scripts "$work/t.tdxt" -- "$work/a" "$work/b"
}

table
compare ''
expect_status 0 "equal logs: exit 0"
expect_out '^10 calls compared, 0 differences \(0 known\)$' "all calls are counted"

compare '/CPU 3: /s/r8=0x40/r8=0x41/'
expect_status 1 "a changed register: exit 1"
expect_out '^  1\. SYS\.RD: r8  \(1 in 1 case\)$' "leaf and register are named"
expect_out '^ +call SYS\.RD rdx=0x9100000100000008 @cpu3$' "so is the call"
expect_out 'soft +CPU 3: 0x0 SUCCESS rdx=.* r8=0x40$' "what the one gave"
expect_out 'genuine +CPU 3: 0x0 SUCCESS rdx=.* r8=0x41$' "what the other gave"
expect_out '^10 calls compared, 1 differences \(0 known\)$' "and it is counted"
shown=$work/differences/n01_sys_rd.tdxt
expect "a script shows it" test "$(tail -n 1 "$shown")" = '  call SYS.RD rdx=0x9100000100000008 @cpu3'
expect "which gets its memory as the case did" grep -q '^  p = alloc(1)$' "$shown"
expect "and runs" "$tdxt" run "$shown"
compare '/CPU 3: /s/ r8=0x40//'
expect_status 1 "a register that one side didn't change: exit 1"
compare '/CPU 3: /s/$/ r11=0x0/'
expect_status 1 "a register that only one side changed: exit 1"

compare '/OPERAND_INVALID operand=RCX$/s/0xc000010000000001 (.*)=RCX/0xc000010000000002 \1=RDX/'
expect_status 1 "another status: exit 1"
expect_out '^  1\. SYS\.CONFIG: .* \| OPERAND_INVALID operand=RDX  \(1 in 1 case\)$' "both names"
compare '/CPU 2: /,/CPU 3: /{/CPU|SYS.RD/!s/seen = 0x./seen = 0x/}'
expect_status 1 "memory that differs: exit 1"
expect_out '^  1\. SYS\.INFO: saw another seen' "which variable saw it, and after which leaf"
compare '/CPU 0: 0x0 SUCCESS rcx/s/$/ resumes=2/'
expect_status 1 "a call that was resumed by one side: exit 1"
compare '/CPU 3: /s/0x0 SUCCESS.*/no answer/'
expect_status 1 "a call without an answer: exit 1"
compare '/SYS.RD.*@cpu3/,/CPU 3/d'
expect_status 1 "a missing call: exit 1"
compare '/call SYS.CONFIG/,/CPU 0/d'
expect_status 1 "a missing last call: exit 1"
expect_out 'genuine ends early' "which side"
compare '/CPU 3: /d'
expect_status 1 "a missing result: exit 1"
compare '/^# t\.three/,/t\.three /d'
expect_status 1 "a missing case: exit 1"
expect_out '^  1\. case: there \| missing' "is named as such"
compare 's/^PASS  t\.three .*/SKIP  t.three  (0 calls, 1 us): no time/'
expect_status 1 "another verdict: exit 1"
expect_out '^  1\. verdict: pass \| skip: no time  \(1 case\)' "with its reason"
expect_out '^     t\.three$' "and the case"
compare '/CPU 1: .* r8=0x20$/,/CPU 3/s/r8=0x[24]0/r8=0x9/; /t\.one/,/t\.two/s/0xc0000[0-9a-f]* [A-Z_]*/0x0 SUCCESS/'
expect_out 'SYS\.CONFIG: .*always after another difference of its case' "what may be a consequence says so"
expect_out '^  1\. SYS\.RD: r8' "and comes last"

compare '/# t\.two/,/^PASS/s/(CPU 1: )0x0 SUCCESS/\10x8000020200000000 SYS_BUSY/'
expect_out '^  1\. SYS\.LP\.INIT: SUCCESS \| SYS_BUSY' "a call made together with others differs"
expect "the script has the whole block" test "$(tail -n 1 "$work/differences/n01_sys_lp_init.tdxt")" = '  end'
expect "and no mistake" "$tdxt" lint "$work/differences/n01_sys_lp_init.tdxt"

# ---- logs that can't be judged ----

sed '/passed, /d' "$work/a" >"$work/cut"
run tools/compare-runs.py --known "$work/known" "$work/a" "$work/cut"
expect_status 2 "a log without an end: exit 2"
expect_err '^compare-runs.py: .*/cut: no verdict' "is named"
sed '/CPU 2: /q' "$work/a" >"$work/cut"
run tools/compare-runs.py --known "$work/known" "$work/cut" "$work/a"
expect_status 2 "a log that breaks off: exit 2"
expect_err 'it ends in t\.one, at: call SYS\.INFO ' "with its last step"
"$tdxt" run --profile 1.5.01 "$work/t.tdxt" >"$work/quiet"
run tools/compare-runs.py --known "$work/known" "$work/quiet" "$work/quiet"
expect_status 2 "logs without calls: exit 2"
expect_err 'no call was compared; did the scripts run with -v\?' "and what is missing"
: >"$work/empty"
for logs in "$work/a $work/empty" "$work/a $work/none" "$work/a" "$work/a $work/a $work/a"; do
    # shellcheck disable=SC2086 # two words
    run tools/compare-runs.py --known "$work/known" $logs
    expect_status 2 "compare-runs.py with $(echo "$logs" | sed "s,$work/,,g"): exit 2"
done

# ---- what is known ----

table '| `t.one` | `SYS.RD rdx=MAX_TDMRS` | `r8` | `0x40` | `*` | for a test |'
compare '/CPU 3: /s/r8=0x40/r8=0x41/'
expect_status 0 "a known difference: exit 0"
expect_out '^known: 1 of SYS\.RD rdx=MAX_TDMRS, r8: for a test$' "with its reason"
expect_out '1 differences \(1 known\)$' "and counted apart"
compare '/CPU 3: /s/r8=0x40/r8=0x41/; /CPU 3: /s/rdx=0x9/rdx=0x8/'
expect_status 1 "a register more than is known: exit 1"
compare '/CPU 1: .*r8=0x20/s/r8=0x20/r8=0x41/'
expect_status 1 "another call of that leaf: exit 1"
expect_out '^known, but not seen this time: SYS\.RD rdx=MAX_TDMRS' "what is known isn't seen, and that is said"
for row in \
    '| `t.two` | `SYS.RD rdx=MAX_TDMRS` | `r8` | `0x40` | `*` | another case |' \
    '| `*` | `SYS.RDALL` | `r8` | `*` | `*` | another leaf |' \
    '| `*` | `SYS.RD rdx=MAX_TDMRS+1` | `r8` | `*` | `*` | another input |' \
    '| `*` | `SYS.RD` | `r9, rdx` | `*` | `*` | other registers |' \
    '| `*` | `SYS.RD` | `r8` | `0x4` | `*` | another value |' \
    '| `*` | `SYS.RD in par` | `r8` | `*` | `*` | not alone |'; do
    table "$row"
    compare '/CPU 3: /s/r8=0x40/r8=0x41/'
    expect_status 1 "not what is known: ${row##*\` | }"
done
for row in '| `*` | `SYS.RD` | `r8` | `*` | `*` | |' '| `*` | `SYS.RD` | `r8` | `*` | five |' \
    '| `*` | `SYS.RD rdx=NUM_CMR` | `r8` | `*` | `*` | no such name |' '| `*` | SYS.RD | `r8` | `*` | `*` | no backticks |'; do
    table "$row"
    compare ''
    expect_status 2 "a table that can't be read: exit 2 ($row)"
    expect_err "^compare-runs.py: $work/known:5: " "and its line"
done
expect "the table of docs/fidelity.md can be read" tools/compare-runs.py "$work/a" "$work/a"

# Of calls made at once another one came first; what follows may differ, too, until the next `from`.
table '| `*` | `* in par` | `*` | `*` | `*` | a race |'
compare '/# t\.two/,/^PASS/{s/(CPU 1: )0x0 SUCCESS/\10x8000020200000000 SYS_BUSY/;s/(CPU 0: 0x0 SUCCESS rdx.*)r8=0x20/\1r8=0x21/;}'
expect_status 1 "a race that may go otherwise; not so after the next from"
expect_out '^9 calls compared, 2 differences \(1 known\)$' "what lies between isn't compared"
expect_out '^1 calls could not be compared' "and that is counted"

# ---- the model against itself ----

# Where memory is differs between the two: page 0, the hole, SEAMRR and PAMTs are outside TDMRs in the one, in reserved areas in
# the other. Scripts that are about such addresses, or about what CPUID says, stay out.
table \
    '| `*` | `SYS.RD rdx=CMR_BASE+1` | `r8` | `*` | `*` | another machine |' \
    '| `*` | `SYS.RD rdx=CMR_SIZE+1` | `r8` | `*` | `*` | another machine |' \
    '| `*` | `*` | `rax` | `OPERAND_ADDR_RANGE_ERROR*` | `PAGE_METADATA_INCORRECT*` | another machine |' \
    '| `*` | `PHYMEM.PAGE.RDMD` | `rax` | `OPERAND_ADDR_RANGE_ERROR operand=RCX` | `SUCCESS` | another machine |' \
    '| `*` | `PHYMEM.PAGE.RDMD` | `rcx` | `*` | `0x1` | another machine |'
rm -f "$work/calls/calls_config.tdxt" "$work/calls/calls_phymem.tdxt" "$work/calls/calls_platform.tdxt"
for script in "$work"/calls/*.tdxt; do
    echo "--script $script"
done >"$work/options"
"$tdxt" run --profile 1.5.01 -v "$work"/calls/*.tdxt >"$work/host.log"
# shellcheck disable=SC2046 # words
launch $(cat "$work/options") --profile 1.5.01 --smp 4,packages=2 -v
expect_status 0 "the calls run on the model in QEMU"
expect "no line is longer than 160 columns" test -z "$(tr -d '\r' <"$out" | awk 'length > 160')"
cp "$out" "$work/qemu.log"
run tools/compare-runs.py --moved --names host,qemu --known "$work/known" "$work/host.log" "$work/qemu.log"
expect_status 0 "the model does the same in QEMU and in a host process"
expect_out '^[0-9]{4,} calls compared, [0-9]+ differences' "call by call"
sed '/calls\.mng/,/PASS/s/0x0 SUCCESS$/0x81500000000 KEY_CONFIGURED/' "$work/host.log" >"$work/wrong.log"
run tools/compare-runs.py --moved --names host,qemu --known "$work/known" "$work/wrong.log" "$work/qemu.log"
expect_status 1 "and if it didn't, that would be noticed"

# ---- make compare ----

run make --no-print-directory compare
expect_status 2 "make compare without a module"
expect_err '^compare: no module; name one, as in make compare MODULE=' "says what is wanted"
expect_err_lines=$(grep -vc '^make' "$err")
expect "in one line" test "$expect_err_lines" -eq 1
run tools/compare.sh "$work/none"
expect_status 2 "a module that isn't there: exit 2"
OUT=$work/compare CALLS=200 run tools/compare.sh README.md
expect_status 2 "a file that is no module: exit 2"
expect_err '^run-qemu.sh: --module .*README.md: ' "run-qemu.sh says why"
PARTS=everything run tools/compare.sh soft
expect_status 2 "parts that don't exist: exit 2"
OUT=$work/compare CALLS=200 PARTS=calls run tools/compare.sh soft
expect_status 0 "the model with itself: exit 0"
expect_out '^[0-9]+ calls compared, 0 differences \(0 known\)$' "no difference"
fake_tools # a QEMU that dies after a line
printf 'KTAP version 1\r\n1..1\r\n' >"$work/com1"
OUT=$work/compare CALLS=200 PARTS=calls run tools/compare.sh soft
expect_status 2 "a run without a verdict: exit 2"
expect_err '^compare: the run ended without a verdict \(status 3\)' "says so"
expect_err '^run-qemu.sh: no verdict: ' "and why"

finish
