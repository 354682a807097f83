#!/bin/sh
# SPDX-License-Identifier: MIT
# `make bench`: what things cost, as ratios of medians taken in turns within this one run. Wall times are only ever
# compared with the do-nothing guest beside them; counts are exact. Nothing here is a test: a slow machine fails nothing.
#
#   ROUNDS=15   rounds of the power-on comparison
#   SUITES=3    rounds of the suite's
set -eu

ROUNDS=${ROUNDS:-15}
SUITES=${SUITES:-3}
BUILD=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

say() { printf '%s\n' "$*"; }

# A row of the table in docs/performance.md; all of them are printed at the end, to be pasted there.
row() { say "| $1 | $2 | $3 |" >> "$work/table"; } # what figure goal

# The QEMU command that run-qemu.sh would use, with these options.
command_for() { ./run-qemu.sh --dry-run "$@"; }

# Runs a command line, COM1 into a file; prints the milliseconds it took. QEMU's status 33 is "pass".
timed() {
    start=$(date +%s%N)
    status=0
    sh -c "timeout 600 $1" > "$work/com1" 2> "$work/err" < /dev/null || status=$?
    end=$(date +%s%N)
    if [ "$status" -ne 33 ]; then
        say "bench: a measured run ended with QEMU status $status instead of 33; its log:" >&2
        tail -n 20 "$work/com1" "$work/err" >&2
        exit 1
    fi
    echo $(((end - start) / 1000))
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
figure() { sed -n "s/^# bench: $1 //p" "$work/com1"; }

# The same machine and firmware; another kernel and nothing to load with it.
nothing_instead() {
    printf '%s' "$1" | sed "s|-kernel [^ ]*|-kernel $BUILD/bench/nothing.elf|; s|-initrd [^ ]*||; s|-append '[^']*'||"
}

power_on() { # smp mem goal
    ready=$(command_for --smp "$1" --mem "$2" --append bench=ready)
    nothing=$(nothing_instead "$ready")
    : > "$work/ready"
    : > "$work/nothing"
    round=0
    while [ "$round" -lt "$ROUNDS" ]; do
        timed "$nothing" >> "$work/nothing"
        timed "$ready" >> "$work/ready"
        round=$((round + 1))
    done
    r=$(median < "$work/ready")
    n=$(median < "$work/nothing")
    say "power-on to READY, --smp $1 --mem $2: $(ratio "$r" "$n") x the do-nothing guest" \
        "($((r / 1000)) ms against $((n / 1000)) ms, $ROUNDS rounds in turns)"
    row "power-on to READY, \`--smp $1 --mem $2\`, against a guest that does nothing" "$(ratio "$r" "$n") ×" "$3"
}

say "== time"
power_on 4 2G "≤ 2 ×"
power_on 1 512M ""

timed "$(command_for --append bench=calls)" > /dev/null
bare=$(figure bare_exit_cycles)
call=$(figure seamcall_cycles)
model=$(figure model_cycles)
say "soft SEAMCALL (SYS.RD): $(ratio "$call" "$bare") x a bare world switch ($call against $bare cycles; the model's own work is $model)"
row "soft SEAMCALL (SYS.RD) against a bare world switch" "$(ratio "$call" "$bare") × ($call against $bare cycles)" "≤ 1.5 ×"
row "of these, the model's own work" "$model cycles" ""

timed "$(command_for --smp 2 --append bench=tdmr)" > /dev/null
one=$(figure tdmr_init_one_lp_cycles)
two=$(figure tdmr_init_two_lps_cycles)
say "SYS.TDMR.INIT with two LPs: $(ratio "$(figure tdmr_init_speedup_percent)" 100) x as fast as with one" \
    "($one against $two cycles), $(figure tdmr_init_busy) busy returns"
row "SYS.TDMR.INIT with two LPs against one, median of rounds" \
    "$(ratio "$(figure tdmr_init_speedup_percent)" 100) ×, $(figure tdmr_init_busy) busy returns" "≥ 1.7 ×"

say "== scripts"
timed "$(command_for --append bench=script)" > /dev/null
c=$(figure c_call_cycles)
step=$(ratio "$(figure script_call_percent)" 100)
judged=$(ratio "$(figure script_expect_percent)" 100)
say "a step of a script (SYS.RD): $step x the same SEAMCALL from C ($(figure script_call_cycles) against $c cycles)," \
    "with an expectation $judged x ($(figure script_expect_cycles))"
row "a step of a script (SYS.RD) against the same SEAMCALL from C" \
    "$step × ($(figure script_call_cycles) against $c cycles)" "≤ 1.5 ×"
row "the same with an expectation" "$judged ×" "≤ 1.5 ×"

# "FILE ID us switches" of each case that wasn't skipped; the line of its result comes next.
ran() {
    awk '/^# bench: case / { id = $5; line = $4 " " $5 " " $6 " " $7 } /^# result: / && $3 == id && $4 != "skip" { print line }' \
        "$work/com1"
}

# The figures in one column, of the lines in "some": how many, median, worst, whose the worst is.
spread() { # column
    sort -n -k"$1" "$work/some" |
        awk -v at="$1" '{ v[NR] = $at; id = $2 } END { print NR, v[int((NR + 1) / 2)], v[NR], id }'
}

line_of() { # name; leaves the median in microseconds and the other figures in "last"
    echo "$(spread 3) $(spread 4)" > "$work/last"
    awk -v name="$1" '{ printf "%-24s %5d cases  ms: %8.2f %8.2f  switches: %5d %5d  slowest: %s\n", name, $1, $2 / 1000,
        $3 / 1000, $6, $7, $4 }' "$work/last"
}

by_file() {
    say "cases that ran, by file: median and worst milliseconds, median and worst world switches"
    cut -d ' ' -f 1 "$work/cases" | sort -u | while read -r file; do
        awk -v file="$file" '$1 == file' "$work/cases" > "$work/some"
        line_of "$file"
    done
    cp "$work/cases" "$work/some"
    line_of all
}

# Wall time of the whole default suite, its boot included, and of the do-nothing guest. Skipped cases don't count.
suite() {
    whole=$(command_for)
    nothing=$(nothing_instead "$whole")
    : > "$work/suite"
    : > "$work/nothing"
    round=0
    while [ "$round" -lt "$SUITES" ]; do
        timed "$nothing" >> "$work/nothing"
        timed "$whole" >> "$work/suite"
        round=$((round + 1))
    done
    count=$(grep '^# result: ' "$work/com1" | grep -vc ' skip ')
    r=$(median < "$work/suite")
    n=$(median < "$work/nothing")
    say "the whole suite: $(ratio "$r" "$n") x the do-nothing guest ($((r / 1000)) ms for $count cases against" \
        "$((n / 1000)) ms, $SUITES rounds in turns); for 500 such cases $(ratio $((r * 500 / count)) "$n") x"
    row "the whole suite, $count cases, against a guest that does nothing" "$(ratio "$r" "$n") ×" ""
    row "500 of its cases (the whole / $count × 500)" "$(ratio $((r * 500 / count)) "$n") ×" "≤ 30 ×"
}

suite
timed "$(command_for --append bench=cases)" > /dev/null
ran > "$work/cases"
by_file
read -r ran_count case_us worst_us worst_id _ median_switches worst_switches _ < "$work/last"
row "a case: milliseconds, median and worst of $ran_count that ran" \
    "$(ratio "$case_us" 1000), $(ratio "$worst_us" 1000) ($worst_id)" ""
row "a case: world switches, median and worst" "$median_switches, $worst_switches" ""
timed "$(command_for --append bench=states)" > /dev/null
restores=
for way in ready_to_ready reset_to_ready ready_to_reset pooled_to_ready; do
    us=$(figure "${way}_us")
    say "module taken back, $way: $(ratio "$us" "$case_us") x the median case ($us against $case_us us)"
    restores="$restores${restores:+, }$(ratio "$us" "$case_us") × ($way)"
done
row "soft module taken back to a named state against the median case" "$restores" "< 1 ×"

say "== counts, --smp 4 --mem 2G, from power-on to READY"
timed "$(command_for --append bench=counts)" > /dev/null
sed -n 's/^# bench: //p' "$work/com1"

say "== size"
for file in seamstress.elf seam.elf seamstress.iso; do
    [ -f "$BUILD/$file" ] || continue
    stripped=""
    case $file in
    *.elf)
        strip -o "$work/stripped" "$BUILD/$file"
        stripped=" ($(wc -c < "$work/stripped") stripped; $(size "$BUILD/$file" | awk 'NR == 2 { print $4 }') in memory)"
        ;;
    esac
    say "$file: $(wc -c < "$BUILD/$file") bytes$stripped"
done

# The smallest memory, in steps of 8 MiB, with which the whole default suite passes.
smallest() { # profile goal
    low=32 high=1024
    while [ $((high - low)) -gt 8 ]; do
        middle=$(((low + high) / 2 / 8 * 8))
        if ./run-qemu.sh --profile "$1" --mem "${middle}M" > /dev/null 2>&1; then
            high=$middle
        else
            low=$middle
        fi
    done
    say "smallest --mem that passes, profile $1: ${high}M"
    row "smallest \`--mem\` that passes, profile $1" "${high}M" "$2"
}
smallest 1.5.01 "≤ 128M"
smallest ext ""

say "== table for docs/performance.md"
cat "$work/table"
